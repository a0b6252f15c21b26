"""Trees, hedges, flowers, rocks, palms."""

from __future__ import annotations

import math

import numpy as np

from mien.render.mesh import Mesh
from mien.synth.place.colours import around
from mien.synth.place.forms import Colour, blobs, boxes, cards, join, lathe, rods
from mien.synth.place.scenery import Item
from mien.synth.place.solid_kernels import fill_leaves
from mien.synth.place.textures import drawn, texture
from mien.synth.random import weighted

__all__ = ["GREENS", "bush", "cactus", "conifer", "flowers", "hedge", "palm", "rock", "tree", "tufts"]

GREENS: tuple[Colour, ...] = (
    (0.62, 0.86, 0.36), (0.50, 0.74, 0.34), (0.74, 0.84, 0.34), (0.42, 0.62, 0.36), (0.95, 0.72, 0.28),
    (0.58, 0.80, 0.50),
)  # fmt: skip
"""Tints of leaves, most of them green; leaf textures are dark."""


def _green(rng: np.random.Generator) -> np.ndarray:
    weights = np.array([4, 4, 2, 3, 0.6, 2])
    return np.array(around(rng, GREENS[weighted(rng, weights)], 0.12))


def _crown(
    rng: np.random.Generator, lobes: np.ndarray, count: int, leaf: float, green: np.ndarray, detail: int = 1
) -> tuple[Mesh, Mesh]:
    """Leaves around lobes (x, y, z, radius), and the dark of the crown inside them."""
    dark, leafy = green * 0.8, drawn(rng, "leaves")
    inner = np.concatenate([lobes[:, :3], lobes[:, 3:] * (0.86, 0.73, 0.86), np.broadcast_to(dark, (len(lobes), 3))], 1)
    core = blobs(rng, inner, detail=detail, rough=0.12, texture=leafy.levels[0], metres=4.5 * leaf)
    core.vertices[:, 1] = np.maximum(core.vertices[:, 1], 0.0)
    area = lobes[:, 3] ** 2
    which = np.searchsorted(np.cumsum(area / area.sum()), rng.random(count) * 0.9999)
    low, high = float((lobes[:, 1] - 0.6 * lobes[:, 3]).min()), float((lobes[:, 1] + lobes[:, 3]).max())
    centres, normals, colour = (np.empty((count, 3), dtype=np.float32) for _ in range(3))
    fill_leaves(lobes, which, rng.normal(size=(count, 3)), rng.uniform(0.86, 1.1, count), rng.normal(size=(count, 3)),
                rng.normal(size=count), green, low, high, centres, normals, colour)  # fmt: skip
    leaves = cards(rng, centres, normals, leaf * rng.uniform(0.7, 1.3, count), colour, leafy.levels[0])
    return core, leaves


def tree(rng: np.random.Generator, tall: float | None = None, leaves: int = 340) -> Item:
    """A broad-leaved tree."""
    tall = rng.uniform(4.5, 9.0) if tall is None else tall
    wide, trunk = tall * rng.uniform(0.26, 0.38), tall * rng.uniform(0.02, 0.03)
    fork = tall * rng.uniform(0.3, 0.42)
    count = int(rng.integers(4, 7))
    angle = np.arange(count) * (2 * np.pi / count) + rng.uniform(0, 6)
    reach = wide * rng.uniform(0.35, 0.65, count)
    lobes = np.stack(
        [
            np.cos(angle) * reach,
            fork + (tall - fork) * rng.uniform(0.25, 0.65, count),
            np.sin(angle) * reach,
            wide * rng.uniform(0.48, 0.66, count),
        ],
        1,
    )
    top = np.array([[0, tall - wide * 0.62, 0, wide * 0.62]])
    lobes = np.concatenate([lobes, top])
    brown = around(rng, (0.52, 0.42, 0.32), 0.15)
    stems = [
        (0, -0.05, 0, trunk * 1.35, 0, 0.35, 0, trunk, *brown),
        (0, 0.35, 0, trunk, 0, fork * (1.0 if leaves >= 150 else 1.6), 0, trunk * 0.8, *brown),
    ]
    stems += [(0, fork * 0.97, 0, trunk * 0.6, *map(float, lobe[:3]), trunk * 0.2, *brown) for lobe in lobes]
    far = leaves < 150
    core, crown = _crown(rng, lobes, leaves, wide * (0.26 if far else 0.18), _green(rng), 0 if far else 1)
    wood = rods(stems[:2] if far else stems, sides=5 if far else 7)
    foot = 2 * trunk, 2 * trunk
    return Item(kind="tree", meshes=(wood, core, crown), half=foot, height=tall, crown=(wide * 1.1, fork * 0.9))


def bush(rng: np.random.Generator, tall: float | None = None, leaves: int = 90) -> Item:
    """A rounded shrub."""
    tall = rng.uniform(0.5, 1.5) if tall is None else tall
    count, wide = int(rng.integers(2, 5)), tall * rng.uniform(0.5, 0.8)
    lobes = np.stack(
        [
            rng.uniform(-0.5, 0.5, count) * wide,
            tall * rng.uniform(0.22, 0.4, count),
            rng.uniform(-0.4, 0.4, count) * wide,
            tall * rng.uniform(0.42, 0.55, count),
        ],
        1,
    )
    core, crown = _crown(rng, lobes, leaves, 0.10 + 0.06 * tall, _green(rng))
    reach = float(np.abs(lobes[:, [0, 2]]).max() + lobes[:, 3].max())
    return Item(kind="bush", meshes=(core, crown), half=(reach, reach), height=tall)


def conifer(rng: np.random.Generator, tall: float | None = None) -> Item:
    """Tiers of drooping branches."""
    tall = rng.uniform(4, 10) if tall is None else tall
    wide, count = tall * rng.uniform(0.17, 0.25), 240
    green = np.array(around(rng, (0.44, 0.62, 0.42), 0.15))
    low = tall * 0.10
    trunk = rods([(0, -0.05, 0, 0.02 * tall, 0, tall * 0.9, 0, 0.004 * tall, 0.4, 0.32, 0.25)], sides=6)
    core = lathe(
        [(wide * 0.55, low * 1.4), (wide * 0.3, tall * 0.5), (0.0, tall * 0.96)],
        (0.10, 0.15, 0.09),
        sides=9,
        grounded=False,
    )
    up = 1 - np.sqrt(rng.random(count))
    tier = np.floor(up * 9) / 9 + 0.35 * (up * 9 % 1) / 9
    angle = rng.uniform(0, 2 * np.pi, count)
    reach = wide * (1 - tier) * rng.uniform(0.45, 1.0, count)
    out = np.stack([np.cos(angle), np.zeros(count), np.sin(angle)], 1)
    drop = 0.35 * reach / max(wide, 1e-3) * tall / 9
    centres = (
        out * reach[:, None]
        + np.array([0, 1.0, 0]) * (low + tier * (tall - low) + 0.1 * tall * (1 - tier) - drop)[:, None]
    )
    normals = 0.45 * out + np.array([0, 1.0, 0]) + 0.25 * rng.normal(size=(count, 3))
    light = 0.55 + 0.5 * (reach / np.maximum(wide * (1 - tier), 1e-3))[:, None] + 0.1 * rng.normal(size=(count, 1))
    size = (0.08 * tall + 0.1) * (0.45 + 0.55 * (1 - tier)) * rng.uniform(0.8, 1.3, count)
    needles = cards(rng, centres, normals, size, np.clip(green * light, 0, 1), drawn(rng, "leaves").levels[1])
    return Item(kind="tree", meshes=(join([trunk, core]), needles), half=(wide * 0.9, wide * 0.9), height=tall)


def palm(rng: np.random.Generator) -> Item:
    """A bent trunk with fronds."""
    tall, lean = rng.uniform(4, 8), rng.uniform(-0.9, 0.9)
    steps = np.linspace(0, 1, 7)
    path = np.stack([lean * steps**2, tall * steps, 0 * steps], 1)
    stems = [
        (*map(float, a), 0.13 - 0.05 * t, *map(float, b), 0.12 - 0.05 * t, *around(rng, (0.56, 0.47, 0.36), 0.1))
        for a, b, t in zip(path[:-1], path[1:], steps[:-1], strict=True)
    ]
    fronds, top, green = [], path[-1], np.array(around(rng, (0.40, 0.56, 0.24), 0.15))
    for k in range(13):
        turn, length, rise = k * 2.4 + rng.uniform(-0.2, 0.2), rng.uniform(1.5, 2.3), rng.uniform(0.2, 1.0)
        s = np.linspace(0, 1, 7)[:, None]
        out = np.array([[math.cos(turn), 0, math.sin(turn)]])
        line = top + out * length * s + np.array([[0, 1.0, 0]]) * (rise * s - (rise + 1.1) * s**2)
        side = np.array([[-math.sin(turn), 0, math.cos(turn)]]) * 0.32 * np.sin(np.pi * (0.08 + 0.9 * s))
        edges = np.stack([line - side - (0, 0.12, 0), line, line + side - (0, 0.12, 0)], 1).reshape(-1, 3)
        first = (np.arange(6)[:, None] * 3 + np.array([0, 1])).ravel()
        faces = np.concatenate([np.stack([first, first + 1, first + 4], 1), np.stack([first, first + 4, first + 3], 1)])
        colour = np.repeat(green[None] * rng.uniform(0.75, 1.15), len(edges), 0)
        fronds.append(
            Mesh(
                vertices=edges.astype(np.float32),
                faces=faces.astype(np.int32),
                colour=np.clip(colour, 0, 1).astype(np.float32),
                two_sided=True,
            )
        )
    return Item(kind="palm", meshes=(rods(stems, sides=8), join(fronds)), half=(0.2, 0.2), height=tall + 0.8,
                crown=(2.2 + abs(lean), tall - 1.0))  # fmt: skip


def hedge(rng: np.random.Generator, wide: float, tall: float, deep: float = 0.7) -> Item:
    """Clipped, with leaves that stick out."""
    tile, green = drawn(rng, "hedge"), np.array(around(rng, (0.66, 0.88, 0.44), 0.12))
    body = boxes(
        [(-wide / 2, -0.05, -deep / 2, wide / 2, tall, deep / 2, *green)], texture=tile.levels[0], metres=tile.metres
    )
    count = int(min(260, 26 * wide * tall))
    x, y = rng.uniform(-wide / 2, wide / 2, count), rng.uniform(0.05, tall, count)
    onto = rng.random(count) < 0.3
    y[onto], z = tall, np.where(onto, rng.uniform(-deep / 2, deep / 2, count), deep / 2 * rng.choice([-1, 1], count))
    normals = np.where(onto[:, None], [[0, 1.0, 0]], np.stack([0 * z, 0.4 + 0 * z, np.sign(z)], 1)) + 0.5 * rng.normal(
        size=(count, 3)
    )
    colour = np.clip(green * rng.uniform(0.65, 1.1, (count, 1)), 0, 1)
    leaf = cards(
        rng, np.stack([x, y, z], 1), normals, rng.uniform(0.1, 0.2, count), colour, texture("leaves", 1).levels[1]
    )
    return Item(kind="hedge", meshes=(body, leaf), half=(wide / 2, deep / 2 + 0.05), height=tall)


def rock(rng: np.random.Generator, size: float | None = None) -> Item:
    """One stone with a small one beside it."""
    r = rng.uniform(0.15, 0.7) if size is None else size
    grey = around(rng, (0.60, 0.56, 0.50), 0.2)
    rows = [
        (0, r * 0.25, 0, r, r * rng.uniform(0.5, 0.9), r * rng.uniform(0.7, 1), *grey),
        (r * 0.9, 0.02, r * 0.3, r * 0.4, r * 0.3, r * 0.35, *grey),
    ]
    return Item(kind="rock", meshes=(blobs(rng, rows, detail=2, rough=0.16),), half=(1.3 * r, r), height=1.1 * r)


def cactus(rng: np.random.Generator) -> Item:
    """A column with arms."""
    tall, green = rng.uniform(1.4, 3.2), around(rng, (0.36, 0.50, 0.28), 0.12)
    rows = [(0, 0, 0, 0.17, 0, tall, 0, 0.14, *green), (0, tall, 0, 0.14, 0, tall + 0.1, 0, 0.05, *green)]
    for side in (-1, 1):
        y, reach, up = tall * rng.uniform(0.35, 0.6), side * rng.uniform(0.35, 0.5), rng.uniform(0.4, 0.9)
        rows += [(0, y, 0, 0.1, reach, y + 0.08, 0, 0.1, *green), (reach, y, 0, 0.1, reach, y + up, 0, 0.09, *green)]
    return Item(kind="cactus", meshes=(rods(rows, sides=9),), half=(0.55, 0.2), height=tall + 0.1)


def tufts(rng: np.random.Generator, places: np.ndarray, tall: float, colour: Colour) -> Mesh:
    """Blades of grass at places (x, z) on the ground, five upright triangles each."""
    count = len(places)
    base = np.repeat(np.stack([places[:, 0], 0 * places[:, 0], places[:, 1]], 1), 5, 0)
    base[:, [0, 2]] += 0.05 * rng.normal(size=(5 * count, 2))
    angle = rng.uniform(0, 2 * np.pi, 5 * count)
    side = 0.008 * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1)
    tip = (
        base
        + np.stack(
            [0.25 * rng.normal(size=5 * count), rng.uniform(0.5, 1.2, 5 * count), 0.25 * rng.normal(size=5 * count)], 1
        )
        * tall
    )
    vertices = np.stack([base - side, base + side, tip], 1).reshape(-1, 3).astype(np.float32)
    shade = np.array(colour) * rng.uniform(0.6, 1.1, (5 * count, 1, 1)) * np.array([[[0.7], [0.7], [1.1]]])
    faces = np.arange(15 * count, dtype=np.int32).reshape(-1, 3)
    return Mesh(
        vertices=vertices, faces=faces, colour=np.clip(shade.reshape(-1, 3), 0, 1).astype(np.float32), two_sided=True
    )


def flowers(rng: np.random.Generator, wide: float = 1.6, deep: float = 0.7) -> Item:
    """A bed with a rim."""
    count = 90
    x, z = rng.uniform(-wide / 2, wide / 2, count), rng.uniform(-deep / 2, deep / 2, count)
    y = rng.uniform(0.1, 0.32, count)
    blooms = np.array([[0.9, 0.3, 0.3], [0.95, 0.8, 0.3], [0.8, 0.4, 0.8], [0.95, 0.95, 0.95]])[
        rng.integers(0, 4, count)
    ]
    colour = np.where(
        rng.random((count, 1)) < 0.4, blooms, np.array([[0.28, 0.42, 0.16]]) * rng.uniform(0.7, 1.2, (count, 1))
    )
    normals = np.array([0, 1.0, 0]) + 0.6 * rng.normal(size=(count, 3))
    heads = cards(rng, np.stack([x, y, z], 1), normals, rng.uniform(0.07, 0.14, count), np.clip(colour, 0, 1))
    soil = boxes([(-wide / 2, 0, -deep / 2, wide / 2, 0.1, deep / 2, 0.30, 0.22, 0.16)])
    stone = around(rng, (0.6, 0.58, 0.54), 0.15)
    rim = [
        (-wide / 2 - 0.06, 0, s * deep / 2 - 0.04, wide / 2 + 0.06, 0.14, s * deep / 2 + 0.04, *stone) for s in (-1, 1)
    ]
    rim += [(s * wide / 2 - 0.05, 0, -deep / 2, s * wide / 2 + 0.05, 0.14, deep / 2, *stone) for s in (-1, 1)]
    return Item(
        kind="flowers", meshes=(join([soil, boxes(rim)]), heads), half=(wide / 2 + 0.06, deep / 2 + 0.05), height=0.4
    )
