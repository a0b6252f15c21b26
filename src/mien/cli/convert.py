"""`mien convert`: results of other systems as results of this one, and SMPL-X as SMPL or SMPL-H."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mien.cli.told import check_out, not_over_source, say
from mien.errors import InputError, MienError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mien.body.model import BodyModel
    from mien.convert.foreign import Foreign

__all__ = ["convert"]


@dataclass(frozen=True, kw_only=True)
class _Wishes:
    """What the user says about all inputs."""

    out: Path
    source: str
    to: Literal["result", "smplh", "smpl"]
    body: str
    frame: Literal["auto", "camera", "y", "z"]
    fps: float | None
    size: tuple[int, int] | None
    focal: float | None
    hands: Literal["auto", "absolute", "offsets"]
    mapping: Path | None
    transfer: Path | None
    smpl: str
    stems: Mapping[Path, str]
    """What is made of each input is called, without what comes after."""
    written: dict[str, Path] = field(default_factory=dict)
    """By folded name what was written so far, and from which input."""


def convert(
    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")],
    /,
    out: Path,
    source: Annotated[str, tyro.conf.arg(name="from")] = "auto",
    to: Literal["result", "smplh", "smpl"] = "result",
    body: str = "",
    frame: Literal["auto", "camera", "y", "z"] = "auto",
    fps: float | None = None,
    size: str = "",
    focal: float | None = None,
    hands: Literal["auto", "absolute", "offsets"] = "auto",
    mapping: Path | None = None,
    transfer: Path | None = None,
    smpl: str = "",
) -> int:
    """Files of other systems as result files, which `mien export` and `mien evaluate` read; or SMPL-X as SMPL(-H).

    Exit code 0: all done; 1: some inputs were skipped (each is named); 2: nothing could be done.

    Args:
        inputs: files or folders of other systems, or results of `mien predict`.
        out: folder for what is written, below their folders' names where two inputs have one.
        source: auto, result, amass, motionx, smplerx, table or mesh.
        to: result (SMPL-X parameters with a camera), or smplh or smpl in the layout of AMASS.
        body: a body file or the folder of one for the results; by default SMPL-X of the file's gender.
        frame: where the numbers stand: the camera's frame, or a world with y or z up; auto is what each kind has.
        fps: frames a second, for files that do not say.
        size: of the pictures, WIDTHxHEIGHT; files about pictures need it.
        focal: focal length of the pictures' camera in pixels; by default the picture's diagonal.
        hands: whether hand poses are absolute or offsets from the mean hand; auto is what each kind has.
        mapping: for meshes: how their vertices follow from the body's; see docs/export.md.
        transfer: smplx2smpl.pkl, for the shape between SMPL-X and SMPL(-H); by default the shape is the average one.
        smpl: an SMPL body file or the folder of one; by default it is looked for.
    """
    from mien.convert.kinds import kind_of
    from mien.picture_files import distinct_stems

    check_out(out)
    if not inputs:
        raise InputError("nothing to convert", expected="files or folders")
    for name, value in (("--fps", fps), ("--focal", focal)):
        if value is not None and not 0 < value < 1e6:
            raise InputError(f"{name} {value:g}", expected="a number above 0")
    if focal is not None and not size:
        raise InputError(f"--focal {focal:g} without --size", expected="both: a camera sees a picture of some size")
    if to != "result" and frame == "camera":
        raise InputError(
            f"--frame camera with --to {to}", expected="y or z, the axis that points up", todo="leave it out"
        )
    wishes = _Wishes(
        out=out, source=source, to=to, body=body, frame=frame, fps=fps, size=_size(size), focal=focal, hands=hands,
        mapping=mapping, transfer=transfer, smpl=smpl, stems=distinct_stems(inputs),
    )  # fmt: skip
    done = skipped = 0
    for path in wishes.stems:
        try:
            done += _convert(path, kind_of(path, source), wishes)
        except MienError as error:
            if len(wishes.stems) == 1:
                raise
            say(f"skipped {path}: {error}")
            skipped += 1
    return (1 if done else 2) if skipped else 0


def _convert(path: Path, kind: str, wishes: _Wishes) -> int:
    """Write what one input becomes. Returns how many files."""
    if wishes.to != "result":
        return _to_smpl(path, kind, wishes)
    if kind == "result":
        raise InputError(f"{path} is a result already", todo="take `mien export`, or --to smpl or smplh")
    if kind in ("smplerx", "table"):
        return _pictures(path, wishes)
    from mien.convert.foreign import clip_arrays, write_arrays

    foreign, model = _read(path, kind, wishes)
    target = _target(path, wishes.out / f"{wishes.stems[path]}.npz", wishes)
    arrays = clip_arrays(foreign, model)
    write_arrays(target, arrays)
    note = f" ({arrays['warning']})" if str(arrays["warning"]) else ""
    say(f"{kind}: {len(arrays['score'])} frame(s) -> {target}{note}")
    return 1


def _read(path: Path, kind: str, wishes: _Wishes) -> tuple[Foreign, BodyModel]:
    """The motion of one person, and the body for it."""
    from dataclasses import replace

    from mien.body.conversion import with_absolute_hands
    from mien.convert.fitting import read_meshes
    from mien.convert.readers import read_amass, read_motionx
    from mien.convert.smpl import fitted_to_smplx
    from mien.data.fit import read_transfer

    frame = None if wishes.frame == "auto" else wishes.frame
    if kind == "mesh":
        if wishes.mapping is None:
            raise InputError(f"{path} needs a --mapping", expected="how its vertices follow from the body's")
        model = _body(wishes, "neutral")
        foreign = read_meshes(path, model, wishes.mapping, frame, wishes.fps)
    else:
        foreign = (read_amass if kind == "amass" else read_motionx)(path, frame, wishes.fps)
        model = _body(wishes, foreign.gender)
        if wishes.hands == "offsets":
            foreign = replace(foreign, params=with_absolute_hands(foreign.params, model))
        if foreign.family == "smpl" and wishes.transfer is not None:
            smpl = _smpl(wishes, foreign.gender)
            foreign = fitted_to_smplx(foreign, model, smpl, read_transfer(wishes.transfer))
    camera = None
    if wishes.focal is not None and wishes.size is not None:
        from mien.geometry.camera import Camera

        camera = Camera.from_focal(wishes.focal, wishes.size[1], wishes.size[0]).K
    return replace(foreign, K=camera, image_size=wishes.size), model


def _pictures(path: Path, wishes: _Wishes) -> int:
    from mien.convert.pictures import read_pictures
    from mien.files import inside

    if wishes.size is None:
        raise InputError(f"{path} does not say how large its pictures are", expected="--size WIDTHxHEIGHT")
    if path.suffix == ".npz":
        raise InputError(f"{path} is one person of SMPLer-X", todo="name the folder that holds smplx/ and meta/")
    offsets, count = wishes.hands != "absolute", 0
    for name, scene in read_pictures(path, _body(wishes, "neutral"), wishes.size, focal=wishes.focal, offsets=offsets):
        scene.save(_target(path, inside(wishes.out, f"{name}.npz"), wishes))
        count += 1
    say(f"{count} pictures -> {wishes.out}")
    return count


def _to_smpl(path: Path, kind: str, wishes: _Wishes) -> int:
    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.convert.foreign import write_arrays
    from mien.convert.smpl import smpl_arrays
    from mien.data.fit import read_transfer
    from mien.export.amass import gender_of
    from mien.export.motion import read_motions

    if kind != "result" or wishes.to == "result":
        raise InputError(f"--to {wishes.to} of {path}", expected="a result file", todo="convert it to a result first")
    motions = read_motions(path)
    if not motions:
        raise InputError(f"nobody is in {path}", expected="a result with at least one person")
    origin = motions[0].stage.origin
    model = BodyModel.load(find_body(wishes.body or None, family=origin.body_family))
    matrix = None if wishes.transfer is None else read_transfer(wishes.transfer)
    smpl, up = _smpl(wishes, gender_of(origin.body_name)), "y" if wishes.frame == "y" else "z"
    for motion in motions:
        target = _target(path, wishes.out / f"{wishes.stems[path]}_{motion.name}_{wishes.to}.npz", wishes)
        write_arrays(target, smpl_arrays(motion, model, smpl, wishes.to, matrix, up))
        say(f"{wishes.to}: {target}")
    return len(motions)


def _body(wishes: _Wishes, gender: str) -> BodyModel:
    from mien.body.files import find_body
    from mien.body.model import BodyModel

    alone = wishes.body == "openbody"
    return BodyModel.load(find_body(wishes.body or None, gender="neutral" if alone else gender))


def _smpl(wishes: _Wishes, gender: str) -> BodyModel:
    from mien.body.files import find_body
    from mien.body.model import BodyModel

    return BodyModel.load(find_body(wishes.smpl or None, family="smpl", gender=gender))


def _target(source: Path, target: Path, wishes: _Wishes) -> Path:
    """The target, once it is seen to be nothing that was read or written.

    Raises:
        InputError: it is the source itself, or another input became the same.
    """
    from mien.picture_files import fold

    first = wishes.written.setdefault(fold(str(target)), source)
    if first != source:
        todo = "give them to separate runs"
        raise InputError(f"{target} is written from {first} already", expected="one name for each result", todo=todo)
    return not_over_source(target, source)


def _size(text: str) -> tuple[int, int] | None:
    """Height and width."""
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if found is None:
        raise InputError(f"--size {text}", expected="WIDTHxHEIGHT in pixels, such as 1920x1080")
    return int(found[2]), int(found[1])
