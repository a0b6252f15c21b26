"""What may be done with what: code, bodies, weights, detectors, data. For `mien doctor`; not legal advice."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LICENCES", "Licence"]


@dataclass(frozen=True, kw_only=True)
class Licence:
    """The terms of one thing, in short. The licence's own text decides."""

    subject: str
    name: str
    allows: str
    """What it allows, and what it asks for."""
    home: str = ""
    """Where its text is; empty for what is in the package."""
    ships: bool = False
    """Whether the thing comes with this package."""


LICENCES: tuple[Licence, ...] = (
    Licence(
        subject="mien, its code",
        name="Apache-2.0",
        allows="any use, commercial too; keep LICENSE and NOTICE when you pass it on",
        ships=True,
    ),
    Licence(
        subject="open-xs, the open weights",
        name="Apache-2.0",
        allows="any use, commercial too; trained on synthetic people alone",
        ships=True,
    ),
    Licence(
        subject="the open body",
        name="CC0-1.0",
        allows="any use, nothing asked: pictures of mien synth, meshes and rigs in exported files may go anywhere",
        home="https://creativecommons.org/publicdomain/zero/1.0/",
        ships=True,
    ),
    Licence(
        subject="three.js, in every viewer page",
        name="MIT",
        allows="any use; its notice stands at the head of the page",
        ships=True,
    ),
    Licence(
        subject="SMPL-X, SMPL and MANO body files",
        name="licences of the Max Planck Society",
        allows="non-commercial research after registering; the files may not be passed on, so check before you pass on"
        " meshes and rigs made with them; commercial use needs a licence of its own",
        home="https://smpl-x.is.tue.mpg.de/modellicense.html",
    ),
    Licence(
        subject="the published SMPLest-X and SMPLer-X weights",
        name="S-Lab License 1.0",
        allows="non-commercial use; converting them to safetensors does not change that; for more, ask their authors",
        home="https://github.com/MotrixLab/SMPLest-X",
    ),
    Licence(
        subject="detectors D-FINE, RT-DETRv2, DETR, YOLOS",
        name="Apache-2.0, as their authors publish them",
        allows="any use; a checkpoint of somebody else may say otherwise, see its page",
        home="https://huggingface.co/ustc-community/dfine-small-coco",
    ),
    Licence(
        subject="detectors of the package ultralytics (YOLOv8 and later)",
        name="AGPL-3.0, or bought",
        allows="code and weights bind what is built on them, services too; mien neither needs nor brings them:"
        " --detector ultralytics:FILE imports your own install, boxes:FILE.json takes boxes that they found",
        home="https://www.ultralytics.com/license",
    ),
    Licence(
        subject="hand experts (HaMeR, WiLoR ...)",
        name="each its own",
        allows="what their pages say; they answer in MANO's parameters, whose licence holds beside theirs",
    ),
    Licence(
        subject="the data sets of the catalogue",
        name="each its own, most for non-commercial research",
        allows="what mien data show NAME says; most ask to register; ask their authors before you pass on weights that"
        " were trained on them",
    ),
)
"""In the order in which a newcomer meets them."""
