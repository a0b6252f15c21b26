"""Which format a file looks like, from its first and last bytes, for messages that name the right reader."""

from __future__ import annotations

from pathlib import Path

from mien.files import opened
from mien.npz import open_npz

__all__ = ["sniff"]

_PIECE = 2**19

_JSON: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("crowdpose", ("crowdIndex",)),
    ("ochuman", ("keypoint_visible",)),
    ("ochuman", ("max_iou",)),
    ("posetrack", ("bbox_head",)),
    ("posetrack", ("vid_id", "is_labeled")),
    ("interhand26m", ("hand_type", "capture")),
    ("agora", ("smplx_param_path",)),
    ("agora", ("file_name_3840x2160",)),
    ("human36m", ("subaction_idx", "cam_idx")),
    ("mpi-inf-3dhp", ("seq_idx", "cam_idx")),
    ("3dpw", ("smpl_param", "sequence")),
    ("ubody", ("face_kpts", "valid_label")),
    ("coco-wholebody", ("face_kpts",)),
    ("table", ("images", "annotations")),
)
"""Words that only this format has, all of them, most telling first."""


def sniff(path: Path) -> str | None:
    """The name of the reader for this file or folder, or None.

    Raises:
        InputError: it is not there.
    """
    path = Path(path)
    if path.is_dir():
        return _sniff_folder(path)
    with opened(path) as stream:
        head = stream.read(_PIECE)
        stream.seek(max(path.stat().st_size - _PIECE, len(head)))
        tail = stream.read(_PIECE)
    if head.startswith(b"PK"):
        return "humandata" if "image_path" in open_npz(path) else None
    if head.startswith(b"MATLAB"):
        return _sniff_mat(path)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"["):
        return _sniff_json(path, start, tail)
    cells = start.partition(b"\n")[0].replace(b"\t", b",").split(b",")
    return "table" if {b"image", b"x", b"y"} <= {cell.strip() for cell in cells} else None


def _sniff_folder(path: Path) -> str | None:
    if next(path.glob("*_align.ply"), None):
        return "ehf"
    return "freihand" if (path / "training_xyz.json").exists() else None


def _sniff_mat(path: Path) -> str | None:
    from mien.data.readers.mat import names_in_mat

    names = names_in_mat(path)
    return "mpii" if "RELEASE" in names else "mpi-inf-3dhp" if {"annot2", "annot3"} <= set(names) else None


def _sniff_json(path: Path, head: bytes, tail: bytes) -> str | None:
    if head.startswith(b"["):
        return "freihand" if path.stem.endswith("_xyz") else None
    both = head + tail
    for name, words in _JSON:
        if all(f'"{word}"'.encode() in both for word in words):
            return name
    return "boxes" if b'"bbox"' in head and b'"annotations"' not in both else None
