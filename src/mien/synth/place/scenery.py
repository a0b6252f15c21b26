"""A place while it is being built: surfaces with textures for their distance, things put where there is room, glow.

What glows (windows by day, lamps, screens) is painted into the backdrop where the view shows it, and a mesh of no
opacity in front of it lets it through: so it is as bright as it should be, and yet people and things cover it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt8

from mien.render.mesh import Mesh
from mien.synth.place.forms import Colour, placed, quads
from mien.synth.place.light import Light
from mien.synth.place.plan import Plan, Rect, Stand
from mien.synth.place.sheet_kernels import cut_sheet
from mien.synth.place.textures import Texture
from mien.synth.place.view_kernels import NEAR, move, project_glow, shows_box
from mien.synth.view import View

__all__ = ["Item", "Scenery", "Shade"]

Shade = Callable[[Float32[np.ndarray, "vert 3"]], Float32[np.ndarray, "vert c"]]
"""Factors (one, or RGB) for the colour of a surface at points in the place."""

_RINGS = np.array([0.0, 1.2, 2.4, 4.8, 9.6, 19.2, 38.4, 76.8, 153.6, 400.0, 1200.0])
"""Metres from the foot of the camera at which a surface is divided."""
_SHADOW_REACH = 4.0
"""Metres from a person within which things cast shadows though the view does not show them."""
_BIAS = 0.35
"""Levels by which textures are taken finer than one texel a pixel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Item:
    """A thing that stands on the ground at its own origin, its back towards -z."""

    kind: str
    meshes: tuple[Mesh, ...]
    half: tuple[float, float]
    """Half its width (x) and half its depth (z), metres."""
    height: float
    crown: tuple[float, float] | None = None
    """What reaches farther than `half`: half its width, and the height of its lower end."""
    glows: tuple[tuple[Float[np.ndarray, "quad 4 3"], Colour], ...] = ()
    """Parts that shine, in colours that the picture shows as they are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Glow:
    """Rectangles to be painted into the backdrop."""

    corners: Float[np.ndarray, "quad 4 3"]
    colour: Colour | None
    picture: UInt8[np.ndarray, "tall wide 3"] | None


@dataclass(kw_only=True, eq=False)
class Scenery:
    """All that has been put into a place so far; y up, the ground at 0."""

    rng: np.random.Generator
    view: View
    light: Light
    plan: Plan
    clutter: float
    limit: float
    """Share of anyone that things may hide."""
    canvas: UInt8[np.ndarray, "h w 3"]
    """What is behind all surfaces."""
    meshes: list[Mesh] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    casting: list[bool] = field(default_factory=list)
    glows: list[_Glow] = field(default_factory=list)

    def __post_init__(self) -> None:
        view = self.view
        self.projection = view.K @ np.concatenate([view.rotation, view.shift[:, None]], 1)
        self.rays = view.rotation.T @ np.linalg.inv(view.K)
        self.picture = float(view.size[1]), float(view.size[0]), float(view.K[0, 0])

    @property
    def ahead(self) -> float:
        """Which way the camera looks along z: 1 or -1."""
        return -1.0 if self.view.rotation[2, 2] < 0 else 1.0

    @property
    def people(self) -> Sequence[Stand]:
        """Who is there."""
        return self.plan.people

    def add(self, kind: str, mesh: Mesh, *, casts: bool = True) -> None:
        """Put a surface there, whatever else is there."""
        self.meshes.append(mesh)
        self.names.append(kind)
        self.casting.append(casts)

    def put(
        self, item: Item, x: float, z: float, turn: float = 0.0, *, pad: float = 0.03, limit: float | None = None
    ) -> bool:
        """Put a thing there if there is room, and if it does not hide too much of anybody.

        Args:
            item: the thing.
            x, z: where.
            turn: its front then looks along (sin, cos) of this angle.
            pad: room that it needs around it.
            limit: share of anyone that may be hidden in all, if not the scenery's own.
        """
        c, s = abs(math.cos(turn)), abs(math.sin(turn))
        wide, deep = c * item.half[0] + s * item.half[1], s * item.half[0] + c * item.half[1]
        rect: Rect = (x - wide, z - deep, x + wide, z + deep)
        if not self.plan.free(rect, item.height, pad):
            return False
        if item.crown is not None and not self.plan.clear_above(x, z, *item.crown):
            return False
        limit = self.limit if limit is None else limit
        hidden = self.hides(item, x, z, turn, limit)
        if hidden is None:
            return False
        self.plan.hidden.update(hidden)
        self.plan.claim(rect)
        self.place(item, x, z, turn)
        return True

    def hides(
        self, item: Item, x: float, z: float, turn: float, limit: float
    ) -> dict[int, Bool[np.ndarray, "point"]] | None:
        """As `Plan.hides`, of a thing and its crown."""
        if item.crown is None:
            return self.plan.hides((x, z), item.half, (0.0, item.height), turn, limit)
        reach, low = item.crown
        hidden = self.plan.hides((x, z), item.half, (0.0, low), turn, limit)
        if hidden is None:
            return None
        return self.plan.hides((x, z), (reach, reach), (low, item.height), turn, limit, hidden)

    def place(self, item: Item, x: float, z: float, turn: float = 0.0, y: float = 0.0) -> None:
        """Put a thing there, whatever else is there."""
        for mesh in item.meshes:
            self.add(item.kind, placed(mesh, x, z, turn, y))
        for corners, colour in item.glows:
            carrier = placed(quads(corners, np.ones(3)), x, z, turn, y)
            self.glow(item.kind, carrier.vertices.reshape(-1, 4, 3), colour)

    def glow(
        self,
        kind: str,
        corners: Float[np.ndarray, "quad 4 3"],
        colour: Colour | None,
        picture: UInt8[np.ndarray, "tall wide 3"] | None = None,
    ) -> None:
        """Rectangles (counter-clockwise from the lower left) that shine, or show a picture or the backdrop."""
        mesh = quads(corners, np.zeros(3))
        open_mesh = Mesh(vertices=mesh.vertices, faces=mesh.faces, colour=mesh.colour, opacity=0.0)
        self.add(kind, open_mesh, casts=False)
        if colour is not None or picture is not None:
            self.glows.append(_Glow(corners=corners, colour=colour, picture=picture))

    def sheet(
        self,
        kind: str,
        origin: Sequence[float],
        along: Sequence[float],
        up: Sequence[float],
        size: tuple[float, float],
        texture: Texture | None,
        tint: Sequence[float],
        *,
        shade: Shade | None = None,
        lines: tuple[Sequence[float], Sequence[float]] = ((), ()),
        turned: bool = False,
    ) -> None:
        """A flat surface, divided by distance, each part with the level of the texture that suits it.

        Args:
            kind: its name.
            origin: its lower left corner as seen from outside.
            along, up: unit vectors of its sides; it faces along their cross product.
            size: metres along both.
            texture: repeated at its true scale from the origin on; None for plain paint.
            tint: RGB that multiplies it.
            shade: factors at the vertices.
            lines: more divisions along both sides, metres from the origin, where `shade` changes.
            turned: lay the texture across.
        """
        if texture is None:
            tile = (1.0, 1.0, 1.0, 0.0, 0.0)
        else:
            texel = texture.metres[0] / texture.levels[0].shape[1]
            tile = (*texture.metres, texel, float(len(texture.levels)), _BIAS)
        vertices, faces, uv, table = cut_sheet(
            _floats(origin), _floats(along), _floats(up), _floats(size), self.plan.eye, self.projection, self.picture,
            np.array(lines[0], dtype=np.float64), np.array(lines[1], dtype=np.float64), _RINGS, tile, turned,
        )  # fmt: skip
        if not len(table):
            return
        colour = np.array(tint, dtype=np.float32)
        colour = np.broadcast_to(colour, vertices.shape) if shade is None else colour * shade(vertices)
        for level, first, last, first_face, last_face in table.tolist():
            self._add_level(kind, vertices[first:last], faces[first_face:last_face], uv[first_face:last_face],
                            colour[first:last], texture, level)  # fmt: skip

    def _add_level(
        self,
        kind: str,
        vertices: Float32[np.ndarray, "vert 3"],
        faces: Int32[np.ndarray, "face 3"],
        uv: Float32[np.ndarray, "face 3 2"],
        colour: Float32[np.ndarray, "vert 3"],
        texture: Texture | None,
        level: int,
    ) -> None:
        """The cells of a sheet that have one level of the texture; beyond the last they have its mean colour."""
        if texture is None or level >= len(texture.levels):
            colour = colour if texture is None else colour * texture.mean
            mesh = Mesh(vertices=vertices, faces=faces, colour=np.clip(colour, 0, 1))
        else:
            shades = np.clip(colour, 0, 1)
            mesh = Mesh(
                vertices=vertices, faces=faces, colour=shades, uv=uv, texture=texture.levels[level], repeat=True
            )
        self.add(kind, mesh, casts=False)

    def grid(
        self, kind: str, points: Float[np.ndarray, "v u 3"], colour: Float[np.ndarray, "v u 3"], *, casts: bool
    ) -> None:
        """A curved surface; `u` and `v` (the axes' order is v, u) turn counter-clockwise as seen from outside."""
        rows, columns = np.nonzero(self._shown(points))
        if not len(rows):
            return
        wide = points.shape[1]
        first = rows * wide + columns
        corners = np.stack([first, first + 1, first + wide + 1, first + wide], 1)
        used, place = np.unique(corners, return_inverse=True)
        faces = place.reshape(-1, 4)[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3).astype(np.int32)
        shades = np.clip(colour.reshape(-1, 3)[used], 0, 1).astype(np.float32)
        self.add(
            kind, Mesh(vertices=points.reshape(-1, 3)[used].astype(np.float32), faces=faces, colour=shades), casts=casts
        )

    def shows(self, low: Sequence[float], high: Sequence[float]) -> bool:
        """Whether some of a box may be in the picture."""
        return bool(shows_box(_floats(low), _floats(high), self.projection, *self.picture[:2]))

    def _shown(self, points: Float[np.ndarray, "v u 3"]) -> Bool[np.ndarray, "row column"]:
        """Which cells of a grid of points may be in the picture."""
        out = outside(self.view, points)
        corners = out[:-1, :-1] & out[1:, :-1] & out[:-1, 1:] & out[1:, 1:]
        return corners == 0

    def finish(self) -> tuple[list[Mesh], list[str], list[int]]:
        """The meshes in the camera's frame, their names, and which of them cast shadows. Paints what glows."""
        self._paint_glows()
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in self.meshes)])
        if len(self.meshes) == 0:
            return [], [], []
        world = np.concatenate([mesh.vertices for mesh in self.meshes]).astype(np.float32, copy=False)
        seen = np.empty_like(world)
        camera = np.concatenate([self.view.rotation, self.view.shift[:, None]], 1)
        out = move(world, starts, camera, self.projection, *self.picture[:2], seen).tolist()
        meshes: list[Mesh] = []
        names: list[str] = []
        casters: list[int] = []
        for i, mesh in enumerate(self.meshes):
            part = slice(starts[i], starts[i + 1])
            if out[i] and not (self.casting[i] and self._near_people(world[part])):
                continue
            if self.casting[i]:
                casters.append(len(meshes))
            meshes.append(replace(mesh, vertices=seen[part]))
            names.append(self.names[i])
        return meshes, names, casters

    def _near_people(self, points: Float32[np.ndarray, "vert 3"]) -> bool:
        low, high = points.min(0), points.max(0)
        for person in self.people:
            x = max(low[0] - person.x, 0, person.x - high[0])
            z = max(low[2] - person.z, 0, person.z - high[2])
            if math.hypot(x, z) < _SHADOW_REACH:
                return True
        return False

    def _paint_glows(self) -> None:
        """Far ones first: the nearest has the last word."""
        import cv2

        far = sorted(
            self.glows, key=lambda glow: -float(self.projection[2, :3] @ glow.corners.reshape(-1, 3)[:3:2].mean(0))
        )
        for glow in far:
            pixels = np.empty((len(glow.corners), 4, 2), dtype=np.int32)
            state = project_glow(glow.corners, self.projection, *self.picture[:2], pixels)
            for k in np.flatnonzero(state).tolist():
                if glow.colour is None:
                    if state[k] == 1 and glow.picture is not None:
                        _warp(self.canvas, pixels[k] / 16, glow.picture)
                    continue
                rounded = pixels[k] if state[k] == 1 else self._clipped(glow.corners[k])
                cv2.fillConvexPoly(self.canvas, rounded, [255 * c for c in glow.colour], cv2.LINE_AA, 4)

    def _clipped(self, corners: Float[np.ndarray, "4 3"]) -> Int32[np.ndarray, "corner 2"]:
        """What is left of a rectangle before the near plane, in 1/16 pixel."""
        seen, kept = self.view.to_camera(corners.astype(np.float64)), []
        for k in range(4):
            a, b = seen[k], seen[(k + 1) % 4]
            if a[2] >= NEAR:
                kept.append(a)
            if (a[2] >= NEAR) != (b[2] >= NEAR):
                kept.append(a + (b - a) * ((NEAR - a[2]) / (b[2] - a[2])))
        pixels = np.array(kept) @ self.view.K.T
        return np.rint(np.clip(pixels[:, :2] / pixels[:, 2:], -3e4, 3e4) * 16).astype(np.int32)


def outside(view: View, points: Float[np.ndarray, "*batch 3"]) -> np.ndarray:
    """For each point a bit for each side of the picture beyond which it lies: left, right, top, bottom, behind."""
    flat = points @ (view.K @ view.rotation).T.astype(points.dtype) + (view.K @ view.shift).astype(points.dtype)
    x, y, z = flat[..., 0], flat[..., 1], flat[..., 2]
    height, width = view.size
    bits = (x < -z).astype(np.uint8)
    bits |= (x > width * z).astype(np.uint8) << 1
    bits |= (y < -z).astype(np.uint8) << 2
    bits |= (y > height * z).astype(np.uint8) << 3
    bits |= (z < NEAR).astype(np.uint8) << 4
    return bits


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, values))


def _warp(
    canvas: UInt8[np.ndarray, "h w 3"], pixels: Float[np.ndarray, "4 2"], picture: UInt8[np.ndarray, "tall wide 3"]
) -> None:
    """Lay a picture onto four corners (from the lower left, counter-clockwise)."""
    import cv2

    low = np.maximum(np.floor(pixels.min(0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(pixels.max(0)) + 2, canvas.shape[1::-1]).astype(int)
    if (high <= low).any():
        return
    height, width = picture.shape[:2]
    while min(height, width) > 16 and np.ptp(pixels, 0).max() < 0.6 * max(height, width):
        picture = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        height, width = picture.shape[:2]
    source = np.array([[0, height], [width, height], [width, 0], [0, 0]], dtype=np.float32) - np.float32(0.5)
    matrix = cv2.getPerspectiveTransform(source, (pixels - low).astype(np.float32))
    part = np.ascontiguousarray(canvas[low[1] : high[1], low[0] : high[0]])
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    cv2.warpPerspective(picture, matrix, size, part, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    canvas[low[1] : high[1], low[0] : high[0]] = part
