"""One picture and its people as one HTML file, which opens from a disk, without a network, in any browser with WebGL.

What pages of pictures and of clips (`mien.view.moving`) share is here. A page holds three.js (MIT), the people as a
GLB, pictures as JPEG, and facts as JSON. Whatever comes from outside (names, titles, warnings) is escaped where it
stands, reaches the page as text only, and a content security policy lets no script run but the two that the page was
written with.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from mien.body.model import BodyModel
from mien.errors import InputError
from mien.export.glb import motion_bytes
from mien.export.motion import Stage, motions_of
from mien.export.people import posed_people
from mien.files import atomic_write
from mien.palette import person_hex
from mien.scene import Origin, Scene
from mien.view.page import jpeg

__all__ = ["assembled", "common_facts", "viewer_html", "write_viewer"]

LONGEST_SIDE = 1920
"""Pixels of the picture in the page; larger ones are reduced."""

_JPEG_QUALITY = 88


def write_viewer(
    path: Path | str, scene: Scene, body: BodyModel, picture: np.ndarray | None = None, title: str = ""
) -> Path:
    """Write the page, whole or not at all: picture, people, skeletons, camera, scores and where the result comes from.

    Args:
        path: where to, e.g. `street.html`.
        scene: of one picture; nobody in it is fine.
        body: the one that the scene was made with. Its shape and weights are in the page, as in a GLB.
        picture: the upright picture, uint8 RGB, height x width x 3; None shows the people alone.
        title: the page's name, e.g. that of the picture file; by default the name of the page's file.

    Raises:
        InputError: the picture is not the scene's, or the scene holds numbers that are not finite.
        BodyError: the scene was made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    page = viewer_html(scene, body, picture, title or path.stem)
    with atomic_write(path) as stream:
        stream.write(page.encode())
    return path


def viewer_html(scene: Scene, body: BodyModel, picture: np.ndarray | None, title: str) -> str:
    """The page that `write_viewer` writes.

    Raises:
        InputError: the picture is not the scene's, or the scene holds numbers that are not finite.
        BodyError: the scene was made with another body, or the body has no 55 joints.
    """
    seen_from_camera = replace(Stage.of(scene), world_from_camera=None)
    glb = motion_bytes(seen_from_camera, motions_of(scene), body, 4, True)
    facts = common_facts(scene.K, scene.image_size, scene.origin, title)
    facts |= {"floor": _floor(scene, body), "people": _people(scene), "clip": None}
    return assembled(facts, glb, [] if picture is None else [_picture(picture, scene.image_size)])


def assembled(facts: dict[str, Any], glb: bytes, pictures: Sequence[str]) -> str:
    """The page.

    Args:
        facts: what the page's script needs to know, in numbers and plain text.
        glb: the people.
        pictures: JPEG as base64.
    """
    library, script = _data("three_bundle.min.js"), _data("timeline.js") + _data("viewer.js")
    parts = {
        "TITLE": html.escape(facts["title"]),
        "POLICY": _policy(library, script),
        "STYLE": _data("viewer.css"),
        "FACTS": _json(facts),
        "PICTURES": _json(pictures),
        "GLB": base64.b64encode(glb).decode(),
        "LIBRARY": library,
        "SCRIPT": script,
    }
    return re.sub("@@([A-Z]+)@@", lambda match: parts[match[1]], _data("viewer.html"))


def common_facts(
    K: Float[torch.Tensor, "3 3"], image_size: tuple[int, int], origin: Origin, title: str
) -> dict[str, Any]:
    """What the page's script needs to know of a picture and of a clip."""
    height, width = image_size
    return {
        "title": title.encode("utf-8", "replace").decode(),
        "width": width,
        "height": height,
        "K": K.detach().cpu().double().tolist(),
        "warning": origin.warning,
        "about": [
            ["weights", origin.weights_name],
            ["weights sha256", origin.weights_sha256[:12]],
            ["body", f"{origin.body_name} ({origin.body_family})"],
            ["body sha256", origin.body_sha256[:12]],
            ["detector", origin.detector],
            ["mien", origin.mien_version],
        ],
    }


def _people(scene: Scene) -> list[dict[str, Any]]:
    distance = scene.params.transl.norm(dim=-1).tolist()
    return [
        {
            "node": f"person_{i}_body",
            "label": f"Person {i + 1}",
            "score": round(score, 4),
            "extent": f"{metres:.1f} m",
            "colour": person_hex(i),
        }
        for i, (score, metres) in enumerate(zip(_finite(scene.score), distance, strict=True))
    ]


def _finite(score: torch.Tensor) -> list[float]:
    return score.detach().cpu().nan_to_num(0.0, 1.0, 0.0).tolist()


def _floor(scene: Scene, body: BodyModel) -> float | None:
    """Height of the lowest point of all people; metres, y up. The camera is taken to be level."""
    if not len(scene):
        return None
    _, posed = posed_people(scene, body)
    return -float(posed.mesh()[..., 1].max())


def _picture(picture: np.ndarray, image_size: tuple[int, int]) -> str:
    """The picture of the scene."""
    if picture.dtype != np.uint8 or picture.shape != (*image_size, 3):
        raise InputError(
            f"a picture of {picture.dtype} {' x '.join(map(str, picture.shape))}",
            expected=f"uint8 {image_size[0]} x {image_size[1]} x 3, red, green, blue, the one that the people are in",
            todo="read it with mien.pictures.read_picture",
        )
    return jpeg(picture, LONGEST_SIDE, _JPEG_QUALITY)


def _json(value: object) -> str:
    """JSON that may stand inside a script element: nothing in it opens or closes an element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(*scripts: str) -> str:
    """A content security policy: these scripts, the page's own style and data, and nothing from anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _data(name: str) -> str:
    return (resources.files("mien.view") / "data" / name).read_text(encoding="utf-8").replace("\r\n", "\n")
