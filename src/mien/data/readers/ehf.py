"""EHF: 100 pictures of one woman, with a scan-fitted SMPL-X mesh for each. A test set only.

Its folder holds `01_img.jpg` (or .png), `01_align.ply` (the mesh) and `01_2Djnt.json` (OpenPose) of each picture. There
are no parameters. Camera as its authors published it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from mien.data.joints import CONVENTIONS
from mien.data.readers.base import Columns, File, Reader, chunks, load_json, numbers, wrong
from mien.data.samples import Samples, text
from mien.errors import InputError
from mien.files import opened

__all__ = ["EHF", "EHF_CAMERA", "read_ehf", "read_ply_vertices"]

EHF_CAMERA: dict[str, tuple[float, ...]] = {
    "rotation": (-2.98747896, 0.01172457, -0.05704687),
    "translation": (-0.03609917, 0.43416458, 2.37101226),
    "focal": (1498.22426237, 1498.22426237),
    "princpt": (790.263706, 578.90334),
}
"""Of all pictures: axis-angle and metres from the frame of the meshes to the camera; pixels."""

_SIZE = (1200, 1600)
_TYPES = {"float": "f4", "float32": "f4", "double": "f8", "float64": "f8", "uchar": "u1", "uint8": "u1"}
_GROUPS = (
    ("pose_keypoints_2d", "openpose-25"),
    ("face_keypoints_2d", "openpose-face-70"),
    ("hand_left_keypoints_2d", "coco-left-hand-21"),
    ("hand_right_keypoints_2d", "coco-right-hand-21"),
)


def read_ehf(path: Path) -> Iterator[Samples]:
    """EHF's folder: boxes around the projected meshes, OpenPose's keypoints, paths of the meshes in `extra`."""
    path = Path(path)
    meshes = sorted(path.glob("*_align.ply")) if path.is_dir() else []
    if not meshes:
        raise wrong(path, "no *_align.ply", "the folder of EHF")
    for rows in chunks(len(meshes)):
        part = meshes[rows]
        columns = Columns(path, np.arange(rows.start, rows.stop), text([_picture(mesh) for mesh in part]))
        columns.columns["size"] = np.tile(np.array(_SIZE, np.int32), (len(part), 1))
        boxes = np.stack([_box(read_ply_vertices(mesh)) for mesh in part])
        columns.put("box", boxes, (boxes[:, 2:] > 0).all(1))
        camera = np.array([*EHF_CAMERA["focal"], *EHF_CAMERA["princpt"]])
        columns.put("camera", np.tile(camera, (len(part), 1)))
        _put_openpose(columns, part)
        columns.put_text("vertices", [mesh.name for mesh in part])
        columns.put_text("gender", "female")
        rotation = np.tile(np.array(EHF_CAMERA["rotation"]), (len(part), 1))
        columns.put_extra("vertices_rotation", rotation)
        columns.put_extra("vertices_translation", np.tile(np.array(EHF_CAMERA["translation"]), (len(part), 1)))
        yield columns.done()


def _picture(mesh: Path) -> str:
    names = [mesh.name.replace("_align.ply", f"_img.{ending}") for ending in ("jpg", "png")]
    return next((name for name in names if (mesh.parent / name).exists()), names[0])


def _box(vertices: Float32[np.ndarray, "vert 3"]) -> Float32[np.ndarray, "4"]:
    """Of the mesh as the camera sees it, within the picture."""
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_rotvec(EHF_CAMERA["rotation"]).apply(vertices) + EHF_CAMERA["translation"]
    pixels = turned[:, :2] / turned[:, 2:] * EHF_CAMERA["focal"] + EHF_CAMERA["princpt"]
    low = pixels.min(0).clip(0)
    high = np.minimum(pixels.max(0), (_SIZE[1] - 1, _SIZE[0] - 1))
    return np.concatenate([low, high - low]).astype(np.float32)


def _put_openpose(columns: Columns, meshes: list[Path]) -> None:
    files = [mesh.with_name(mesh.name.replace("_align.ply", "_2Djnt.json")) for mesh in meshes]
    if not all(file.exists() for file in files):
        return
    people = [(load_json(file).get("people") or [{}])[0] for file in files]
    for key, convention in _GROUPS:
        joints = CONVENTIONS[convention]
        found = [person.get(key, person.get(key.removesuffix("_2d"))) or None for person in people]
        values, known = numbers(f"{columns.source}: {key}", found, (len(joints), 3), int(columns.row[0]))
        columns.put_keypoints("keypoints2d", values[..., :2], known[:, None] * (values[..., 2] > 0), joints)
    columns.put_text("keypoints2d_from", "openpose")


def read_ply_vertices(path: Path) -> Float32[np.ndarray, "vert 3"]:
    """The vertices of a .ply mesh, as text or in little-endian binary.

    Raises:
        InputError: it is no such file, or is damaged.
    """
    with opened(path) as stream:
        data = stream.read()
    header, end, body = data.partition(b"end_header\n")
    words = header.decode("ascii", "replace").replace("\r", "")
    found = re.search(r"element vertex (\d+)\n((?:property .*\n)+)", words)
    kind = re.search(r"format (ascii|binary_little_endian)", words)
    if not end or found is None or kind is None or not words.startswith("ply"):
        raise InputError(f"{path} is no .ply mesh", expected="text or little-endian binary, vertices first")
    fields = re.findall(r"property (\w+) (\w+)", found[2])
    count = int(found[1])
    try:
        if kind[1] == "ascii":
            table = np.array(body.split(None, count * len(fields))[: count * len(fields)], np.float32)
            columns = dict(zip([name for _, name in fields], table.reshape(count, len(fields)).T, strict=True))
        else:
            dtype = np.dtype([(name, f"<{_TYPES[kind]}") for kind, name in fields])
            table = np.frombuffer(body, dtype, count)
            columns = {name: table[name] for _, name in fields}
        return np.stack([columns[axis].astype(np.float32) for axis in "xyz"], 1)
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged, or has vertices of an unknown type: {error}") from error


EHF = Reader(
    name="ehf",
    what="EHF: a folder of pictures, meshes and OpenPose joints",
    files=(File(role="path", what="the folder", pattern=r"(?i)ehf"),),
    read=read_ehf,
)
