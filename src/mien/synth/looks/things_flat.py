"""Flat things: their back in the plane z = 0, their height along +y."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from mien.synth.looks.shapes import Build, lathe, rounded_box
from mien.synth.looks.thing_parts import PLAIN, Slab, Texture, blots, white
from mien.synth.looks.tones import mix, rgb, vivid

__all__ = ["FLAT"]


def _slab(build: Build, size: tuple[float, float, float], corner: float, edge: np.ndarray) -> None:
    """Front and back show the two parts of the texture that `_faces` makes, the edge the white below."""
    box = rounded_box(size, corner, np.eye(3), np.array([0.0, 0.0, size[2] / 2]))
    flat = box[..., :2] / [size[0], -size[1]] + 0.5
    front, back = flat * [1.0, 0.48], (flat * [1.0, 0.48] + [0.0, 0.48])
    build.add(box[:2], front[:2], 1.0)
    build.add(box[2:], back[2:], 1.0)
    build.add(box[1:3], np.full((2, 17, 2), 0.985), edge)


def _faces(front: Float[np.ndarray, "h w 3"], back: Float[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "tall w 3"]:
    """Front and back, one above the other, and a white margin of a twenty-fifth."""
    white = np.ones((len(front) // 12, *front.shape[1:]))
    picture = np.concatenate([front, back, white])
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


def _screen(rng: np.random.Generator, build: Build, size: tuple[float, float, float]) -> Texture:
    """A phone or a tablet, the screen in front."""
    case = vivid(rng, (0.04, 0.9), 0.6)
    _slab(build, size, 0.009, case * 0.9)
    v, u = np.meshgrid((np.arange(64) + 0.5) / 64, (np.arange(48) + 0.5) / 48, indexing="ij")
    front = np.full((64, 48, 3), 0.03)
    shown = (np.abs(u - 0.5) < 0.46) & (np.abs(v - 0.5) < 0.47)
    ground = vivid(rng, (0.05, 1.0), 0.5) if rng.uniform() < 0.7 else np.full(3, 0.04)
    front[shown] = ground
    if ground.max() > 0.1:
        front[shown & ((v * 16) % 1 < 0.5) & (u < 0.15 + 0.7 * rng.uniform(size=16)[(v * 16).astype(int) % 16])] = (
            ground * 0.55
        )
        front[shown & (np.abs(v - 0.2) < rng.uniform(0.05, 0.12))] = vivid(rng)
    back = np.broadcast_to(case, (64, 48, 3)).copy()
    lens = np.minimum(np.hypot((u - 0.2) * 48, (v - 0.1) * 90), np.hypot((u - 0.2) * 48, (v - 0.2) * 90))
    back[lens < 4.0] = 0.06
    return _faces(front, back)


def _book(rng: np.random.Generator, build: Build, size: tuple[float, float, float]) -> Texture:
    _slab(build, size, 0.003, rgb("e4ddca"))
    cover = vivid(rng, (0.1, 0.85))
    front = np.broadcast_to(cover, (48, 48, 3)).copy()
    v, u = np.meshgrid((np.arange(48) + 0.5) / 48, (np.arange(48) + 0.5) / 48, indexing="ij")
    ink = vivid(rng, (0.6, 1.0), 0.5)
    front[(blots(int(rng.integers(8))) > 0.2) & (v > 0.42)] = vivid(rng)
    front[(np.abs(v - 0.18) < 0.05) & (np.abs(u - 0.5) < 0.35)] = ink
    front[(np.abs(v - 0.30) < 0.02) & (np.abs(u - 0.5) < 0.22)] = ink
    back = np.broadcast_to(cover * 0.92, (48, 48, 3)).copy()
    back[((v * 14) % 1 < 0.4) & (np.abs(u - 0.5) < 0.35) & (np.abs(v - 0.45) < 0.25)] = ink
    return _faces(front, back)


def _paper(rng: np.random.Generator, build: Build, size: tuple[float, float, float]) -> Texture:
    """A sheet, a card or a clipboard."""
    _slab(build, size, 0.003, rgb("dad6cc"))
    sheet = mix(np.ones(3), vivid(rng, (0.7, 1.0), 0.5), float(rng.uniform(0, 0.6)))
    v, u = np.meshgrid((np.arange(48) + 0.5) / 48, (np.arange(48) + 0.5) / 48, indexing="ij")
    front = np.broadcast_to(sheet, (48, 48, 3)).copy()
    ends = rng.uniform(0.5, 0.9, 20)[(v * 20).astype(int) % 20]
    front[((v * 20) % 1 < 0.45) & (u > 0.1) & (u < ends) & (np.abs(v - 0.5) < 0.42)] = 0.25
    front[(np.abs(v - 0.12) < 0.05) & (u < 0.4) & (u > 0.1)] = vivid(rng)
    back = np.broadcast_to(sheet * 0.95 if rng.uniform() < 0.5 else rgb("5b3b22"), (48, 48, 3)).copy()
    return _faces(front, back)


def _plate(rng: np.random.Generator, build: Build, size: tuple[float, float, float]) -> Texture:
    r = size[0] / 2
    axes = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    profile = np.array([(1e-4, 0.0), (0.6 * r, 0.0), (r, 0.016), (r, 0.019), (0.62 * r, 0.006), (1e-4, 0.006)])
    grid = lathe(profile, 22, axes, np.zeros(3))
    glaze, rim = vivid(rng, (0.7, 1.0), 0.4), vivid(rng, (0.2, 0.9))
    shade = np.where((np.arange(6) == 3)[:, None, None] * (rng.uniform() < 0.6), rim, glaze)
    build.add(grid, np.broadcast_to(PLAIN, (*grid.shape[:2], 2)), shade, weld=True)
    return white()


FLAT: dict[str, Slab] = {
    "phone": Slab((0.073, 0.150, 0.009), _screen),
    "tablet": Slab((0.165, 0.240, 0.008), _screen),
    "book": Slab((0.135, 0.205, 0.022), _book),
    "paper": Slab((0.150, 0.210, 0.002), _paper),
    "card": Slab((0.054, 0.086, 0.001), _paper),
    "plate": Slab((0.200, 0.200, 0.019), _plate),
}
