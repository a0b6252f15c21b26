"""Anyone's own data: a table of pictures and boxes (csv), or a json in the style of COCO, and parameters beside them.

    image,x,y,w,h,nose_x,nose_y,left_wrist_x,left_wrist_y,left_wrist_v
    party/001.jpg,310,40,220,640,402,88,377,301,1

Empty cells are unknown.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from mien.data.joints import CONVENTIONS, JOINTS_137
from mien.data.readers.base import CHUNK, Columns, File, Reader, put_params, wrong
from mien.data.readers.coco import Coco, Group, put_groups, put_part_labels
from mien.data.samples import PARAMS, Samples, text
from mien.errors import InputError, closest
from mien.npz import Archive, open_npz

__all__ = ["TABLE", "read_table"]

_BOX = ("x", "y", "w", "h")
_CAMERA = ("fx", "fy", "cx", "cy")
_SIZE = ("height", "width")
_TEXT = ("image", "track")


def read_table(path: Path, *, params: Path | None = None) -> Iterator[Samples]:
    """A csv or a json in the style of COCO.

    Columns of a csv: `image`, `x`, `y`, `w`, `h` (the box, pixels); and any of `height`, `width` (of the picture),
    `fx`, `fy`, `cx`, `cy`, `track`, keypoints `<joint>_x`, `<joint>_y`, `<joint>_v` (0: unknown) with the names of
    `mien.data.joints.JOINTS_137`, and parameters `betas_0`, `global_orient_2` and so on.

    The json has `keypoints` of 17 or 133 joints (x, y, v), or of the joints that its category names, or none; hands,
    feet and face may come as in COCO-WholeBody.

    Args:
        path: the .csv or .json file.
        params: an .npz with a row for each row of the table: `global_orient`, `body_pose`, `left_hand_pose`, `betas`
            and the others by their names (axis-angle, camera frame, metres), and `flat_hand_mean`, true or false.
    """
    path = Path(path)
    archive = open_npz(Path(params)) if params else None
    chunked = _read_csv(path) if path.suffix.lower() in (".csv", ".tsv") else _read_coco(path)
    done = 0
    arrays = _load_params(archive) if archive is not None else {}
    flat = arrays.pop("flat_hand_mean", None)
    for columns in chunked:
        rows = slice(done, done + len(columns.row))
        done = rows.stop
        _check_length(archive, arrays, done, least=True)
        if arrays:
            columns.put_text("params_from", "smplx")
            put_params(columns, {name: (array[rows], np.ones(len(columns.row))) for name, array in arrays.items()})
        if flat is not None:
            columns.put_extra("flat_hand_mean", np.full(len(columns.row), float(flat.any())))
        yield columns.done()
    _check_length(archive, arrays, done, least=False)


def _read_csv(path: Path) -> Iterator[Columns]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            head = [name.strip() for name in next(reader, [])]
            names = _check_head(path, head)
            start = 0
            while lines := list(islice((line for line in reader if line), CHUNK)):
                yield _columns(path, head, names, lines, start)
                start += len(lines)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table: {error}", expected="csv in UTF-8") from error


def _check_head(path: Path, head: Sequence[str]) -> dict[str, list[str]]:
    """The joints and the parameters that have columns; every column is one that is known."""
    joints = [joint for joint in dict.fromkeys(JOINTS_137) if f"{joint}_x" in head]
    known = {
        *_TEXT,
        *_BOX,
        *_CAMERA,
        *_SIZE,
        *(f"{joint}_{axis}" for joint in dict.fromkeys(JOINTS_137) for axis in "xyv"),
    }
    params = [name for name in PARAMS if f"{name}_0" in head]
    known |= {f"{name}_{index}" for name, shape in PARAMS.items() for index in range(int(np.prod(shape)))}
    if unknown := [name for name in head if name not in known]:
        raise InputError(f"{path} has a column {unknown[0]!r}", todo=closest(unknown[0], known) if unknown[0] else "")
    needed = ["image", *_BOX, *(f"{joint}_y" for joint in joints)]
    needed += [f"{name}_{index}" for name in params for index in range(int(np.prod(PARAMS[name])))]
    if missing := [name for name in needed if name not in head]:
        raise InputError(f"{path} has no column {missing[0]!r}", expected="image, x, y, w, h, and whole keypoints")
    if len(set(head)) < len(head):
        raise InputError(f"{path} has a column twice: {next(name for name in head if head.count(name) > 1)!r}")
    return {"joints": joints, "params": params}


def _columns(
    path: Path, head: Sequence[str], names: Mapping[str, list[str]], lines: Sequence[Sequence[str]], start: int
) -> Columns:
    for offset, line in enumerate(lines):
        if len(line) != len(head):
            raise InputError(f"{path}, row {start + offset}, has {len(line)} cells", expected=str(len(head)))
    cells = {name: column for name, column in zip(head, zip(*lines, strict=True), strict=True)}

    def table(wanted: Sequence[str]) -> Float32[np.ndarray, "row column"]:
        return np.stack([_floats(path, name, cells[name], start) for name in wanted], 1)

    columns = Columns(path, np.arange(start, start + len(lines)), text(cells["image"]))
    box = table(_BOX)
    columns.put("box", np.nan_to_num(box), np.isfinite(box).all(1) & (np.nan_to_num(box)[:, 2:] > 0).all(1))
    if set(_SIZE) <= set(head):
        columns.put_size(table(_SIZE))
    if set(_CAMERA) <= set(head):
        camera = table(_CAMERA)
        columns.put("camera", np.nan_to_num(camera), np.isfinite(camera).all(1))
    if "track" in head:
        columns.columns["track"] = text(cells["track"])
    if joints := names["joints"]:
        points = np.stack([table([f"{joint}_x", f"{joint}_y"]) for joint in joints], 1)
        seen = [cells.get(f"{joint}_v") for joint in joints]
        flags = [
            np.ones(len(lines)) if v is None else _floats(path, f"{joint}_v", v, start)
            for joint, v in zip(joints, seen, strict=True)
        ]
        known = np.isfinite(points).all(2) & (np.nan_to_num(np.stack(flags, 1)) > 0)
        columns.put_keypoints("keypoints2d", np.nan_to_num(points), known, tuple(joints))
    for name in names["params"]:
        value = table([f"{name}_{index}" for index in range(int(np.prod(PARAMS[name])))])
        put_params(columns, {name: (np.nan_to_num(value), np.isfinite(value).all(1))})
    return columns


def _floats(path: Path, name: str, cells: Sequence[str], start: int) -> Float32[np.ndarray, "row"]:
    """A column of numbers; NaN where the cell is empty."""
    try:
        return np.array([cell.strip() or "nan" for cell in cells]).astype(np.float32)
    except ValueError:
        for offset, cell in enumerate(cells):
            try:
                float(cell.strip() or "nan")
            except ValueError as error:
                raise InputError(
                    f"{path}, row {start + offset}, column {name!r}, holds {cell!r}", expected="a number"
                ) from error
        raise


def _read_coco(path: Path) -> Iterator[Columns]:
    coco = Coco.load(path)
    people = {entry.get("id") for entry in coco.categories if entry.get("name") == "person"}
    if people:
        coco = coco.pick(lambda entry, _: entry.get("category_id") in people)
    groups = _groups(coco)
    for columns, entries, _ in coco.chunks():
        if groups:
            put_groups(columns, entries, groups)
        put_part_labels(columns, entries)
        yield columns


def _groups(coco: Coco) -> list[Group]:
    """The keypoints that the annotations have."""
    first = next((entry["keypoints"] for entry in coco.annotations if entry.get("keypoints")), None)
    groups = [] if first is None else [Group("keypoints", _joints(coco, len(first) // 3))]
    parts = (
        ("foot_kpts", "coco-feet-6", "foot_valid"),
        ("face_kpts", "coco-face-68", "face_valid"),
        ("lefthand_kpts", "coco-left-hand-21", "lefthand_valid"),
        ("righthand_kpts", "coco-right-hand-21", "righthand_valid"),
    )
    groups += [
        Group(key, CONVENTIONS[name], valid)
        for key, name, valid in parts
        if any(key in entry for entry in coco.annotations)
    ]
    return groups


def _joints(coco: Coco, count: int) -> tuple[str, ...]:
    """The joints of `keypoints`: those of the category if it names so many, else 17 or 133 by their number."""
    named = [entry["keypoints"] for entry in coco.categories if len(entry.get("keypoints") or ()) == count]
    names = tuple(str(name).strip().lower().replace(" ", "_") for name in named[0]) if named else ()
    whole = CONVENTIONS["coco-wholebody-133"]
    if names and sum(name in whole for name in names) > count // 2:
        return tuple(name if name in whole else "" for name in names)
    if count in (17, 133):
        return CONVENTIONS["coco-17"] if count == 17 else whole
    raise wrong(coco.path, f"{count} keypoints whose names are not known", "17 or 133 joints of COCO, or their names")


def _load_params(archive: Archive) -> dict[str, np.ndarray]:
    unknown = [name for name in archive if name not in (*PARAMS, "flat_hand_mean")]
    if unknown:
        raise InputError(f"{archive.path} has a key {unknown[0]!r}", todo=closest(unknown[0], PARAMS))
    arrays = {name: archive[name] for name in archive}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise InputError(f"{archive.path}: {name} is {array.dtype}", expected="numbers")
        width = int(np.prod(PARAMS.get(name, ())))
        if name in PARAMS and name not in ("betas", "expression") and array[:1].size not in (0, width):
            raise InputError(f"{archive.path}: {name} is of shape {array.shape}", expected=f"{width} numbers a row")
    return {name: array.reshape(len(array), -1) if name in PARAMS else array for name, array in arrays.items()}


def _check_length(archive: Archive | None, arrays: Mapping[str, np.ndarray], count: int, *, least: bool) -> None:
    for name, array in arrays.items():
        if len(array) < count or (not least and len(array) != count):
            found = f"{archive.path if archive else ''}: {name} has {len(array)} rows"
            raise InputError(found, expected="as many as the table")


TABLE = Reader(
    name="table",
    what="your own data: a csv, or a json in the style of COCO",
    files=(
        File(role="path", what="a .csv or .json", pattern=r"(?i)\.(csv|tsv|json)$"),
        File(role="params", what="body parameters (.npz)", pattern=r"\.npz$", needed=False),
    ),
    read=read_table,
)
