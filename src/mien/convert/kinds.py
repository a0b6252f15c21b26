"""Which kind of file something is, by what is in it."""

from __future__ import annotations

from pathlib import Path

from mien.errors import InputError, closest
from mien.npz import load_npy, open_npz

__all__ = ["KINDS", "kind_of"]

KINDS: dict[str, str] = {
    "result": "a result of mien predict",
    "amass": "AMASS: poses, trans, betas",
    "motionx": "Motion-X: 322 columns",
    "smplerx": "SMPLer-X: a folder with smplx/ and meta/",
    "table": "a plain table of parameters or joints (.csv, .parquet)",
    "mesh": "meshes: .obj, .ply, a folder of them, or .npy (frame, vertex, 3)",
}
"""By the name after `--from`."""

_SMPLERX = {"global_orient", "body_pose", "betas", "left_hand_pose", "right_hand_pose", "transl"}
_SUFFIXES = {".csv": "table", ".parquet": "table", ".obj": "mesh", ".ply": "mesh"}


def kind_of(path: Path, named: str = "auto") -> str:
    """The kind of a file or folder: as the user says, or by what is in it.

    Raises:
        InputError: no such kind, nothing is there, or it is none of them.
    """
    if named != "auto":
        if named not in KINDS:
            raise InputError(f"cannot convert --from {named!r}", todo=closest(named, [*KINDS, "auto"]))
        return named
    if not path.exists():
        raise InputError(f"{path} does not exist", expected="a file or a folder of another system")
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if found is None:
        expected = "; ".join(f"{name}: {what}" for name, what in KINDS.items())
        raise InputError(f"{path} is of no kind that is known", expected=expected, todo="name it with --from")
    return found


def _of_folder(path: Path) -> str | None:
    endings = {each.suffix.lower() for each in path.rglob("*") if each.is_file()}
    if ".npz" in endings:
        return "smplerx"
    if endings & {".csv", ".parquet"}:
        return "table"
    return "mesh" if endings & {".obj", ".ply"} else None


def _of_file(path: Path) -> str | None:
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    if path.suffix.lower() == ".npy":
        shape = load_npy(path).shape
        return "motionx" if len(shape) == 2 else "mesh" if len(shape) == 3 else None
    if path.suffix.lower() != ".npz":
        return None
    keys = set(open_npz(path))
    if "schema_version" in keys:
        return "result"
    if "poses" in keys:
        return "amass"
    return "smplerx" if keys >= _SMPLERX else "motionx" if len(keys) == 1 else None
