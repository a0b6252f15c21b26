"""Plain solids as meshes in the world (y up, metres): boxes, rods, blobs, sheets of cards, things that are turned.

Everything takes many solids at once, as rows of numbers: a chair is one call with a dozen rows, not a dozen calls.
Faces are counter-clockwise as seen from outside. Colours are a little darker below, as things on a floor are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Int32, Int64, UInt8

from mien.render.mesh import Mesh
from mien.synth.place.solid_kernels import fill_boxes, fill_cards, fill_rods

__all__ = ["Colour", "blobs", "boxes", "cards", "extrusion", "join", "lathe", "placed", "quads", "rods"]

Colour = tuple[float, float, float]
"""RGB, 0..1."""

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float32)
_SIDES = np.array([[1, 5, 7, 3], [4, 0, 2, 6], [5, 4, 6, 7], [0, 1, 3, 2], [3, 7, 6, 2], [0, 4, 5, 1]])
"""Front (+z), back, right (+x), left, top, bottom; counter-clockwise from outside."""
_ACROSS = np.array([[0, 1], [0, 1], [2, 1], [2, 1], [0, 2], [0, 2]])
"""Which axes the width and the height of each side lie along."""
_BOX = _CORNERS[_SIDES].reshape(24, 3)
_DIM = np.repeat(np.array([1.0, 1.0, 0.96, 0.96, 1.0, 0.6], dtype=np.float32), 4)


@cache
def _quad_faces(count: int) -> Int32[np.ndarray, "face 3"]:
    """Two triangles for each four vertices."""
    first = np.arange(count, dtype=np.int32)[:, None, None] * 4
    return (first + np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)).reshape(-1, 3)


@cache
def _quad_uv(count: int) -> Float32[np.ndarray, "face 3 2"]:
    """The whole texture on each quad whose corners run from the lower left."""
    corner = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], dtype=np.float32)
    return np.tile(corner[[[0, 1, 2], [0, 2, 3]]], (count, 1, 1))


def boxes(
    rows: Sequence[Sequence[float]],
    *,
    texture: UInt8[np.ndarray, "h w 3"] | None = None,
    metres: tuple[float, float] = (1.0, 1.0),
    grounded: bool = True,
) -> Mesh:
    """Boxes along the axes.

    Args:
        rows: x0, y0, z0, x1, y1, z1, red, green, blue.
        texture: covers each side at its true scale.
        metres: that the texture measures.
        grounded: darken what is near y = 0.
    """
    table = np.array(rows, dtype=np.float32)
    vertices, shades = np.empty((24 * len(table), 3), np.float32), np.empty((24 * len(table), 3), np.float32)
    fill_boxes(table, _BOX, _DIM, grounded, vertices, shades)
    faces, uv = _quad_faces(6 * len(table)), None
    if texture is not None:
        wide = (table[:, 3:6] - table[:, 0:3])[:, _ACROSS] / np.array(metres, dtype=np.float32)
        uv = (_quad_uv(6 * len(table)).reshape(len(table), 6, 6, 2) * wide[:, :, None]).reshape(-1, 3, 2)
    return Mesh(vertices=vertices, faces=faces, colour=shades, uv=uv, texture=texture, repeat=texture is not None)


def _near_floor(vertices: Float32[np.ndarray, "vert 3"]) -> Float32[np.ndarray, "vert 1"]:
    return np.float32(0.78) + np.float32(0.22) * np.clip(vertices[:, 1:2] * np.float32(2.5), 0, 1)


@cache
def _ring(sides: int) -> tuple[Float32[np.ndarray, "side 2"], Int32[np.ndarray, "face 3"]]:
    angle = np.arange(sides) * (2 * np.pi / sides)
    here = np.arange(sides)
    after = (here + 1) % sides
    wall = np.concatenate([np.stack([here, here + sides, after], 1), np.stack([after, here + sides, after + sides], 1)])
    fan = np.arange(1, sides - 1)
    zero = np.zeros_like(fan)
    caps = [np.stack([zero, fan, fan + 1], 1) + 2 * sides, np.stack([zero, fan + 1, fan], 1) + 3 * sides]
    return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32), np.concatenate([wall, *caps]).astype(
        np.int32
    )


def rods(rows: Sequence[Sequence[float]], *, sides: int = 6, grounded: bool = True) -> Mesh:
    """Round or tapered rods with flat ends.

    Args:
        rows: x, y, z of one end, its radius; x, y, z of the other, its radius; red, green, blue.
        sides: of the polygon.
        grounded: darken what is near y = 0.
    """
    table = np.array(rows, dtype=np.float32)
    circle, faces = _rod_faces(sides, len(table))
    count = 4 * sides * len(table)
    vertices, colour = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    fill_rods(table, circle, grounded, vertices, colour)
    return Mesh(vertices=vertices, faces=faces, colour=colour)


@cache
def _rod_faces(sides: int, count: int) -> tuple[Float32[np.ndarray, "side 2"], Int32[np.ndarray, "face 3"]]:
    circle, faces = _ring(sides)
    return circle, (np.arange(count, dtype=np.int32)[:, None, None] * (4 * sides) + faces).reshape(-1, 3)


@cache
def _ball(detail: int) -> tuple[Float32[np.ndarray, "vert 3"], Int32[np.ndarray, "face 3"]]:
    """A sphere of radius 1: an octahedron (0), halved `detail` times."""
    points = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=np.float64)
    faces = np.array([[0, 2, 4], [4, 2, 1], [1, 2, 5], [5, 2, 0], [4, 3, 0], [1, 3, 4], [5, 3, 1], [0, 3, 5]])
    for _ in range(detail):
        edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
        unique, place = np.unique(edges, axis=0, return_inverse=True)
        middle = place.reshape(-1, 3) + len(points)
        points = np.concatenate([points, points[unique].mean(1)])
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        a, b, c = faces.T
        ab, bc, ca = middle.T
        faces = np.stack([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))], 1)
        faces = faces.reshape(-1, 3)
    return points.astype(np.float32), faces.astype(np.int32)


def blobs(
    rng: np.random.Generator,
    rows: Sequence[Sequence[float]] | Float[np.ndarray, "row 9"],
    *,
    detail: int = 1,
    rough: float = 0.15,
    texture: UInt8[np.ndarray, "h w 3"] | None = None,
    metres: float = 1.0,
) -> Mesh:
    """Lumps, darker below.

    Args:
        rng: for their surfaces.
        rows: x, y, z of the centre; radii along x, y, z; red, green, blue.
        detail: 0 has 8 faces, 1 has 32, 2 has 128.
        rough: how far the surface goes in and out, of the radius.
        texture: laid on from the sides and from above.
        metres: that the texture measures.
    """
    table = np.array(rows, dtype=np.float32)
    points, faces = _balls(detail, len(table))
    bump = 1 + rough * rng.uniform(-1, 1, (len(table), len(points), 1)).astype(np.float32)
    vertices = (table[:, None, :3] + points * bump * table[:, None, 3:6]).reshape(-1, 3)
    shade = np.float32(0.8) + np.float32(0.2) * points[:, 1:2]
    colour = (table[:, None, 6:9] * shade).reshape(-1, 3)
    if texture is None:
        return Mesh(vertices=vertices, faces=faces, colour=colour)
    uv = np.take_along_axis(vertices[faces], _flat_axes(detail, len(table)), 2) / np.float32(metres)
    return Mesh(vertices=vertices, faces=faces, colour=colour, uv=uv, texture=texture, repeat=True)


@cache
def _flat_axes(detail: int, count: int) -> Int64[np.ndarray, "face 3 2"]:
    """For each face of some balls the two axes that it lies along most."""
    points, faces = _ball(detail)
    across = np.abs(points[faces].mean(1)).argmax(1)
    pair = np.array([[2, 1], [0, 2], [0, 1]])[across]
    return np.tile(np.repeat(pair[:, None], 3, 1), (count, 1, 1))


@cache
def _balls(detail: int, count: int) -> tuple[Float32[np.ndarray, "vert 3"], Int32[np.ndarray, "face 3"]]:
    points, faces = _ball(detail)
    return points, (np.arange(count, dtype=np.int32)[:, None, None] * len(points) + faces).reshape(-1, 3)


def quads(
    corners: Float[np.ndarray, "quad 4 3"],
    colour: Float[np.ndarray, "*quad 3"],
    *,
    texture: UInt8[np.ndarray, "h w 3"] | None = None,
    two_sided: bool = False,
) -> Mesh:
    """Rectangles given by their corners, counter-clockwise from the lower left; each shows the whole texture."""
    count = len(corners)
    shades = np.asarray(colour, dtype=np.float32)
    shades = shades if shades.ndim == 1 else np.repeat(shades, 4, 0)
    uv = None if texture is None else _quad_uv(count)
    vertices = np.asarray(corners, dtype=np.float32).reshape(-1, 3)
    return Mesh(vertices=vertices, faces=_quad_faces(count), colour=shades, uv=uv, texture=texture, two_sided=two_sided)


def cards(
    rng: np.random.Generator,
    centres: Float[np.ndarray, "card 3"],
    normals: Float[np.ndarray, "card 3"],
    size: Float[np.ndarray, "card"],
    colour: Float[np.ndarray, "card 3"],
    texture: UInt8[np.ndarray, "h w 3"] | None = None,
) -> Mesh:
    """Small rhombs that lie about a surface, as leaves do: each turned at random in its plane."""
    vertices = np.empty((4 * len(centres), 3), dtype=np.float32)
    fill_cards(centres, normals, rng.normal(size=(len(centres), 3)), size, vertices)
    return quads(vertices.reshape(-1, 4, 3), colour, texture=texture, two_sided=True)


def extrusion(
    profile: Float[np.ndarray, "point 2"], low: float, high: float, colour: Float[np.ndarray, "*point 3"]
) -> Mesh:
    """A profile in x and y, drawn along z from `low` to `high`, flat side by side, with both ends (a fan each).

    Args:
        profile: counter-clockwise as seen from +z, star-shaped about its mean.
        low, high: along z.
        colour: one for all, or one for each side of the profile.
    """
    count = len(profile)
    following = np.roll(profile, -1, 0)
    sides = np.empty((count, 4, 3), dtype=np.float32)
    sides[:, 0, :2], sides[:, 1, :2], sides[:, 2, :2], sides[:, 3, :2] = profile, profile, following, following
    sides[:, [0, 3], 2], sides[:, [1, 2], 2] = high, low
    shades = np.broadcast_to(np.asarray(colour, dtype=np.float32), (count, 3))
    wall = quads(sides, shades)
    rim = np.concatenate([profile.mean(0, keepdims=True), profile]).astype(np.float32)
    around = np.arange(count, dtype=np.int32)
    fan = np.stack([np.zeros(count, np.int32), 1 + around, 1 + (around + 1) % count], 1)
    front = np.concatenate([rim, np.full((count + 1, 1), high, np.float32)], 1)
    back = np.concatenate([rim, np.full((count + 1, 1), low, np.float32)], 1)
    ends = np.concatenate([shades.mean(0, keepdims=True), shades])
    return join(
        [wall, Mesh(vertices=front, faces=fan, colour=ends), Mesh(vertices=back, faces=fan[:, ::-1], colour=ends)]
    )


def lathe(profile: Sequence[Sequence[float]], colour: Colour, *, sides: int = 12, grounded: bool = True) -> Mesh:
    """A profile of (radius, height), from below to above, turned about the y axis; open at both ends."""
    points = np.array(profile, dtype=np.float32)
    circle, faces = _lathe_faces(len(points), sides)
    vertices = np.empty((len(points), sides, 3), dtype=np.float32)
    vertices[..., 0], vertices[..., 2] = points[:, :1] * circle[:, 0], points[:, :1] * circle[:, 1]
    vertices[..., 1] = points[:, 1:]
    vertices = vertices.reshape(-1, 3)
    light = _near_floor(vertices) if grounded else np.ones((len(vertices), 1), dtype=np.float32)
    return Mesh(vertices=vertices, faces=faces, colour=light * np.array(colour, dtype=np.float32), two_sided=True)


@cache
def _lathe_faces(rings: int, sides: int) -> tuple[Float32[np.ndarray, "side 2"], Int32[np.ndarray, "face 3"]]:
    here = (np.arange(rings - 1)[:, None] * sides + np.arange(sides)).ravel()
    after = (np.arange(rings - 1)[:, None] * sides + (np.arange(sides) + 1) % sides).ravel()
    wall = [np.stack([here, here + sides, after], 1), np.stack([after, here + sides, after + sides], 1)]
    return _ring(sides)[0], np.concatenate(wall).astype(np.int32)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several without textures."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)], dtype=np.int32)
    colours = [
        mesh.colour if mesh.colour.ndim == 2 else np.broadcast_to(mesh.colour, mesh.vertices.shape) for mesh in meshes
    ]
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        faces=np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]),
        colour=np.concatenate(colours),
        two_sided=any(mesh.two_sided for mesh in meshes),
    )


def placed(mesh: Mesh, x: float, z: float, turn: float = 0.0, y: float = 0.0) -> Mesh:
    """The mesh turned about the vertical (radians; its +z then points to (sin, cos)) and moved."""
    c, s = math.cos(turn), math.sin(turn)
    rotation = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], dtype=np.float32)
    vertices = mesh.vertices @ rotation + np.array([x, y, z], dtype=np.float32)
    return replace(mesh, vertices=vertices)
