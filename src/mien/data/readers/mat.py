"""Matlab files: the original annotations of MPII and MPI-INF-3DHP. A .mat file holds arrays only; none of it runs."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float32

from mien.data.joints import CONVENTIONS, extent
from mien.data.readers.base import Columns, chunks, wrong
from mien.data.readers.world import put_points
from mien.data.samples import Samples, text
from mien.errors import InputError
from mien.files import opened
from mien.limits import MAX_UNPACKED, UNPACKED_RATIO

_PACKED = 15
"""The kind of a packed variable."""

__all__ = ["load_mat", "names_in_mat", "read_3dhp_mat", "read_mpii_mat"]


def load_mat(path: Path) -> dict[str, Any]:
    """The variables of a .mat file of version 4 to 7.

    Raises:
        InputError: it is not there, damaged, or of version 7.3, which is HDF5.
    """
    import scipy.io

    with opened(path) as stream:
        _check_unpacked(path, stream)
    try:
        return scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)
    except NotImplementedError as error:
        raise InputError(
            f"{path} is a .mat file of version 7.3", todo="save it from Matlab with save(..., '-v7')"
        ) from error
    except Exception as error:
        raise InputError(f"{path} is no .mat file, or is damaged: {error}") from error


def _check_unpacked(path: Path, stream: BinaryIO) -> None:
    """Raise if the packed variables of a file of version 5 to 7 unpack to more than a file of its size honestly holds.

    scipy unpacks as far as zlib goes, into memory.
    """
    head = stream.read(128)
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    left = max(MAX_UNPACKED, UNPACKED_RATIO * path.stat().st_size)
    while order and len(tag := stream.read(8)) == 8:
        kind, size = struct.unpack(f"{order}II", tag)
        end = stream.tell() + size
        if kind == _PACKED:
            left -= _unpacked_size(stream, size, left)
        if left <= 0:
            todo = "if you trust it, save it anew from Matlab with save(..., '-v6'), which packs nothing"
            raise InputError(f"{path} unpacks to more than it can honestly hold", todo=todo)
        stream.seek(end)


def _unpacked_size(stream: BinaryIO, size: int, most: int) -> int:
    """How many bytes a packed variable holds, counted up to about `most`, a piece at a time."""
    machine, count = zlib.decompressobj(), 0
    try:
        while size > 0 and count < most and (piece := stream.read(min(size, 2**16))):
            size -= len(piece)
            while piece and count < most:
                count += len(machine.decompress(piece, 2**20))
                piece = machine.unconsumed_tail
    except zlib.error:
        pass  # scipy says what is wrong
    return count


def names_in_mat(path: Path) -> list[str]:
    """The names of its variables, or none if it is no .mat file that can be read."""
    import scipy.io

    try:
        with opened(path) as stream:
            _check_unpacked(path, stream)
        return [str(name) for name, *_ in scipy.io.whosmat(path)]
    except Exception:
        return []


def read_mpii_mat(path: Path) -> Iterator[Samples]:
    """mpii_human_pose_v1_u12_1.mat: people with labelled joints. The box is that of their joints and of the head.

    A joint without `is_visible` counts as labelled, one with 0 as labelled but hidden. Coordinates start at 1 there.
    """
    release = load_mat(path).get("RELEASE")
    if not hasattr(release, "annolist"):
        raise wrong(path, "no RELEASE.annolist", "the annotations of MPII Human Pose")
    people = list(_mpii_people(release))
    joints = CONVENTIONS["mpii-16"]
    for rows in chunks(len(people)):
        part = people[rows]
        columns = Columns(path, np.arange(rows.start, rows.stop), text([name for name, _, _ in part]))
        points = np.stack([points for _, points, _ in part])
        boxes = np.stack([_extent(np.concatenate([points[points[:, 2] > 0, :2], head])) for _, points, head in part])
        columns.put("box", boxes, (boxes[:, 2:] > 0).all(1))
        columns.put_keypoints("keypoints2d", points[..., :2], points[..., 2], joints)
        columns.put_text("keypoints2d_from", "annopoints")
        yield columns.done()


def _mpii_people(release: Any) -> Iterator[tuple[str, Float32[np.ndarray, "16 3"], Float32[np.ndarray, "corner 2"]]]:
    """Picture, joints x, y, known, and the corners of the head's box, of each person with labelled joints."""
    for picture in np.atleast_1d(release.annolist):
        for person in np.atleast_1d(picture.annorect):
            points = np.zeros((16, 3), np.float32)
            for point in np.atleast_1d(getattr(getattr(person, "annopoints", None), "point", [])):
                if 0 <= int(point.id) < 16:
                    points[int(point.id)] = point.x - 1, point.y - 1, 1
            if points[:, 2].any():
                sides = [getattr(person, name, None) for name in ("x1", "y1", "x2", "y2")]
                whole = all(side is not None and np.size(side) == 1 for side in sides)
                head = np.array(sides if whole else [], np.float32).reshape(-1, 2) - 1
                yield str(picture.image.name), points, head


def _extent(points: Float32[np.ndarray, "point 2"]) -> Float32[np.ndarray, "4"]:
    low, high = points.min(0), points.max(0)
    return np.concatenate([low, high - low])


def read_3dhp_mat(path: Path, calibration: Path | None, picture: str) -> Iterator[Samples]:
    """annot.mat of MPI-INF-3DHP: 14 videos of one sequence, 28 joints in millimetres, camera frame.

    The box is that of the projected joints. Without camera.calibration the camera stays unknown.
    """
    content = load_mat(path)
    if not {"annot2", "annot3"} <= set(content):
        raise wrong(path, "no annot2 and annot3", "the annotations of MPI-INF-3DHP")
    named = re.search(r"S(\d+)[/\\]Seq(\d+)", str(path.resolve()))
    subject, sequence = named.groups() if named else ("", "")
    if not named and ("{subject}" in picture or "{sequence}" in picture):
        raise InputError(
            f"{path} lies in no folder S*/Seq*", todo="give the pattern of your pictures' paths: --options picture=..."
        )
    cameras = read_calibration(calibration) if calibration else {}
    start = 0
    for video, (flat2d, flat3d) in enumerate(zip(content["annot2"], content["annot3"], strict=True)):
        points2d, points3d = _frames(path, flat2d, 2), _frames(path, flat3d, 3) / 1000
        for rows in chunks(len(points2d)):
            frames = np.arange(rows.start, rows.stop)
            names = text(
                [
                    picture.format(subject=subject, sequence=sequence, video=video, frame=frame)
                    for frame in frames.tolist()
                ]
            )
            columns = Columns(path, start + frames, names)
            _put_3dhp(columns, points2d[rows], points3d[rows], cameras.get(video))
            columns.columns["track"] = text([f"S{subject}/Seq{sequence}/{video}"] * len(frames))
            yield columns.done()
        start += len(points2d)


def _put_3dhp(columns: Columns, points2d: np.ndarray, points3d: np.ndarray, camera: np.ndarray | None) -> None:
    joints, known = CONVENTIONS["mpi-inf-3dhp-28"], np.ones(points2d.shape[:2], np.float32)
    if camera is not None:
        put_points(columns, points3d, np.broadcast_to(camera, (len(points3d), 4)).astype(np.float32), joints)
        del columns.columns["keypoints2d"]
    else:
        columns.put_keypoints("keypoints3d", points3d, known, joints)
    columns.put_keypoints("keypoints2d", points2d, known, joints)
    columns.put("box", *extent(points2d, known))


def _frames(path: Path, flat: np.ndarray, channels: int) -> Float32[np.ndarray, "row 28 channel"]:
    try:
        return np.asarray(flat, np.float32).reshape(-1, 28, channels)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} holds {np.shape(flat)} numbers", expected=f"frames of 28 x {channels}") from error


def read_calibration(path: Path) -> dict[int, Float32[np.ndarray, "4"]]:
    """fx, fy, cx, cy of each video out of camera.calibration: `name 0 ... intrinsic` and 16 numbers, row by row."""
    try:
        words = Path(path).read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", expected="camera.calibration of MPI-INF-3DHP") from error
    found, name = {}, 0
    for index, word in enumerate(words):
        try:
            if word == "name":
                name = int(words[index + 1])
            elif word == "intrinsic":
                k = [float(number) for number in words[index + 1 : index + 17]]
                found[name] = np.array([k[0], k[5], k[2], k[6]], np.float32)
        except (ValueError, IndexError) as error:
            raise InputError(f"{path}: camera {name} is not understood", expected="name, intrinsic") from error
    if not found:
        raise InputError(f"{path} holds no intrinsics", expected="camera.calibration of MPI-INF-3DHP")
    return found
