"""Meshes, and how many of them become the few flat arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int, Int32, Int64, UInt8

from mien.errors import InputError

__all__ = ["MAX_MESHES", "Mesh", "Packed", "pack"]

MAX_MESHES = 65_535
"""Their numbers fit into 16 bits."""
NUM_COLUMNS = 9
"""Of `Packed.parts`: see `mien.render.triangles`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """A surface in the camera frame (x right, y down, z forward; metres)."""

    vertices: Float[np.ndarray, "vert 3"]
    faces: Int[np.ndarray, "face 3"]
    """Corners counter-clockwise as seen from outside, as SMPL-X has them. Meshes may share one array."""
    colour: Float[np.ndarray, "*vert 3"] = field(default_factory=lambda: np.array([0.75, 0.75, 0.75]))
    """RGB, 0..1; one for all, or one for each vertex."""
    uv: Float[np.ndarray, "face 3 2"] | None = None
    """Where each corner of each face lies in the texture: u to the right, v down, both 0..1 over the whole texture."""
    texture: UInt8[np.ndarray, "h w 3"] | None = None
    """RGB; multiplies the colour. Looked up bilinearly at each pixel, so of about the size that is seen."""
    repeat: bool = False
    """Whether the texture goes on beyond 0..1, again and again; otherwise its border does."""
    opacity: float = 1.0
    """0..1, of its colour over the picture; depth and labels take no notice."""
    two_sided: bool = False
    """Draw faces that look away, too: for open surfaces. A closed one looks the same and is drawn faster without."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """All meshes of a picture: each array holds one mesh after another. Shared faces, uv and textures are held once.

    It can be given in place of the meshes wherever they are drawn, so that they are checked and laid out once.
    """

    meshes: tuple[Mesh, ...]
    vertices: Float[np.ndarray, "all_vert 3"]
    faces: Int32[np.ndarray, "all_face 3"]
    parts: Int64[np.ndarray, "part 9"]
    colours: Float[np.ndarray, "all_vert 3"]
    uv: Float[np.ndarray, "all_uv 3 2"]
    texels: UInt8[np.ndarray, "all_texel"]
    textures: Int64[np.ndarray, "texture 4"]
    """Start in `texels`, height, width, and whether it repeats."""
    opacity: Float[np.ndarray, "mesh"]
    origin: Int32[np.ndarray, "piece"]
    """The face that each piece was cut from."""

    def shapes(self, numbers: Sequence[int]) -> Packed:
        """Some of the meshes, as a shadow needs them: their faces and places in the shared arrays stay."""
        parts = self.parts[list(numbers)]
        spans = [slice(0, 0), *(slice(first, first + count) for first, count in parts[:, :2].tolist())]
        parts[:, 0] = np.cumsum(parts[:, 1]) - parts[:, 1]
        chosen = tuple(self.meshes[i] for i in numbers)
        vertices, colours = (np.concatenate([each[span] for span in spans]) for each in (self.vertices, self.colours))
        return replace(self, meshes=chosen, vertices=vertices, colours=colours, parts=parts)


class _Pool:
    """Arrays one after another; the same array is held once."""

    def __init__(self) -> None:
        self.kept: list[np.ndarray] = []
        self.start: dict[int, int] = {}
        self.total = 0

    def add(self, array: np.ndarray, count: int) -> int:
        """Where the array starts, if each array takes `count` places."""
        if id(array) not in self.start:
            self.start[id(array)] = self.total
            self.kept.append(array)
            self.total += count
        return self.start[id(array)]

    def join(self, *shape: int, dtype: type) -> np.ndarray:
        """All of it, each array with its last axes as `shape`."""
        parts = [np.asarray(array, dtype=dtype).reshape(-1, *shape) for array in self.kept]
        return np.concatenate([np.zeros((0, *shape), dtype=dtype), *parts])


def pack(meshes: Sequence[Mesh]) -> Packed:
    """Check the meshes and lay them out for the kernels.

    Raises:
        InputError: a mesh has a vertex that is no number, a face with a corner that does not exist, a colour or an
            opacity out of range, a uv without a texture or of another length; or there are too many meshes.
    """
    if len(meshes) > MAX_MESHES:
        raise InputError(f"{len(meshes)} meshes in one picture", expected=f"at most {MAX_MESHES}")
    faces, uvs, textures = _Pool(), _Pool(), _Pool()
    num_vertices = sum(len(mesh.vertices) for mesh in meshes)
    vertices, colours = np.empty((num_vertices, 3), dtype=np.float32), np.empty((num_vertices, 3), dtype=np.float32)
    parts = np.empty((len(meshes), NUM_COLUMNS), dtype=np.int64)
    largest: dict[int, tuple[int, int]] = {}
    table: list[tuple[int, int, int, bool]] = []
    first = 0
    for i, mesh in enumerate(meshes):
        if id(mesh.faces) not in largest:
            largest[id(mesh.faces)] = (int(mesh.faces.min()), int(mesh.faces.max())) if len(mesh.faces) else (0, -1)
        last = first + len(mesh.vertices)
        vertices[first:last] = mesh.vertices
        if np.ndim(mesh.colour) == 1:
            for channel, value in enumerate(mesh.colour):  # numpy is slow at copying three numbers a time
                colours[first:last, channel] = value
        else:
            colours[first:last] = mesh.colour
        _check(i, mesh, *largest[id(mesh.faces)])
        first_uv, texture = 0, -1
        if mesh.uv is not None and mesh.texture is not None:
            first_uv, texture = uvs.add(mesh.uv, len(mesh.uv)), len(table)
            height, width, _ = mesh.texture.shape
            table.append((textures.add(mesh.texture, mesh.texture.size), height, width, mesh.repeat))
        first_face = faces.add(mesh.faces, len(mesh.faces))
        size = len(mesh.vertices), first_face, len(mesh.faces)
        parts[i] = (first, *size, i, first_uv, texture, mesh.two_sided, -1)
        first = last
    packed = Packed(
        meshes=tuple(meshes),
        vertices=vertices,
        faces=faces.join(3, dtype=np.int32),
        parts=parts,
        colours=colours,
        uv=uvs.join(3, 2, dtype=np.float32),
        texels=textures.join(dtype=np.uint8),
        textures=np.array(table, dtype=np.int64).reshape(-1, 4),
        opacity=np.array([mesh.opacity for mesh in meshes], dtype=np.float32),
        origin=np.zeros(0, dtype=np.int32),
    )
    _check_numbers(packed)
    return packed


def _check(i: int, mesh: Mesh, low: int, high: int) -> None:
    """What a mesh must be, but for the numbers in its arrays."""
    if low < 0 or high >= len(mesh.vertices):
        found = f"mesh {i} has {len(mesh.vertices)} vertices and faces with the corners {low}..{high}"
        raise InputError(found, expected=f"0..{len(mesh.vertices) - 1}", todo="give the faces of this body")
    if not 0 <= mesh.opacity <= 1:
        raise InputError(f"mesh {i} has opacity {mesh.opacity}", expected="0..1")
    if (mesh.uv is None) != (mesh.texture is None):
        raise InputError(f"mesh {i} has only one of uv and texture", expected="both or none")
    if mesh.uv is not None and len(mesh.uv) != len(mesh.faces):
        raise _wrong_uv(i, mesh)
    if mesh.texture is not None and mesh.texture.size == 0:
        raise InputError(f"mesh {i} has an empty texture", expected="at least one texel")


def _check_numbers(packed: Packed) -> None:
    """Of all meshes at once; one by one only to tell which is wrong."""
    uv, colours = packed.uv, packed.colours
    colourful = 0 <= colours.min(initial=0) and colours.max(initial=1) <= 1
    if colourful and np.isfinite(packed.vertices.sum()) and np.isfinite(uv.sum()):
        return
    for i, mesh in enumerate(packed.meshes):
        vertices = mesh.vertices.astype(np.float32)
        if not (finite := np.isfinite(vertices).all(1)).all():
            found = f"mesh {i}: vertex {int(np.argmin(finite))} is {vertices[np.argmin(finite)].tolist()}"
            raise InputError(f"{found} ({int((~finite).sum())} such)", expected="numbers", todo="leave this person out")
        if not (0 <= np.min(mesh.colour, initial=0) and np.max(mesh.colour, initial=1) <= 1):
            raise InputError(f"mesh {i} has colours outside 0..1", expected="RGB, 0..1", todo="divide by 255")
        if mesh.uv is not None and not np.isfinite(mesh.uv).all():
            raise _wrong_uv(i, mesh)


def _wrong_uv(i: int, mesh: Mesh) -> InputError:
    count = 0 if mesh.uv is None else len(mesh.uv)
    return InputError(f"mesh {i} has {count} uv", expected=f"numbers for each of {len(mesh.faces)} faces")
