"""Things with a handle, balls, and thin things like pens. Made around a handle along +y at the origin."""

from __future__ import annotations

import numpy as np

from mien.synth.looks.fields import curve, ramp
from mien.synth.looks.shapes import Build, tube
from mien.synth.looks.thing_parts import PLAIN, Rod, Texture, along, blots, label, pipe, turned, white
from mien.synth.looks.tones import mix, rgb, vivid

__all__ = ["BALLS", "RODS", "THIN"]


def _bottle(rng: np.random.Generator, build: Build, r: float) -> Texture:
    """Grasped around its body, or around its neck where there is little room."""
    tall, by_neck = rng.uniform(0.18, 0.25), r < 0.0175
    wide = rng.uniform(0.028, 0.038) if by_neck else r
    neck = r if by_neck else rng.uniform(0.010, 0.015)
    low = -tall + 0.05 if by_neck else -0.45 * tall
    top, slope = low + tall, 0.085 if by_neck else 0.035
    body = [
        (1e-4, low),
        (wide * 0.92, low),
        (wide, low + 0.006),
        (wide, top - slope - 0.05),
        (wide * 0.93, top - slope - 0.035),
        (neck, top - slope),
        (neck, top - 0.016),
    ]
    turned(build, body, None)
    cap = neck * 1.15
    turned(build, [(cap, top - 0.018), (cap, top - 0.002), (cap * 0.9, top), (1e-4, top)], vivid(rng, (0.1, 0.95)), 12)
    glass = [rgb("b9d4dd"), rgb("6f9a6a"), rgb("7a4a20"), rgb("e9ecec"), vivid(rng)][int(rng.integers(5))]
    return label(rng, glass)


def _mug(rng: np.random.Generator, build: Build, r: float) -> Texture:
    """Grasped by its handle; the rest is beyond the fingers, towards +x."""
    wide, tall = rng.uniform(0.036, 0.043), rng.uniform(0.085, 0.105)
    away, glaze = wide + 0.024 + r, vivid(rng, (0.5, 1.0), 0.5)
    loop = np.array([[away - wide + 0.004, 0.034, 0.0], [0.006, 0.036, 0.0], [0.0, 0.022, 0.0]])
    pipe(build, curve(np.concatenate([loop, loop[::-1] * [1, -1, 1]]), 15), r, glaze, 7)
    first = len(build.vertices)
    low, top = -0.5 * tall, 0.5 * tall
    turned(build, [(1e-4, low), (wide, low), (wide, top), (wide - 0.003, top)], None)
    turned(build, [(wide - 0.003, top), (wide - 0.004, top - 0.02), (1e-4, top - 0.02)], rgb("3a2415"))
    for k in range(first, len(build.vertices)):
        build.vertices[k] = build.vertices[k] + np.array([away, 0, 0], dtype=np.float32)
    return label(rng, glaze)


def _can(rng: np.random.Generator, build: Build, r: float) -> Texture:
    low, top = -0.055, 0.060
    turned(build, [(r * 0.8, low), (r, low + 0.008), (r, top - 0.010), (r * 0.82, top), (r * 0.78, top - 0.002)], None)
    metal = rgb("c4c7cc")
    turned(build, [(r * 0.78, top - 0.002), (1e-4, top - 0.003)], metal)
    turned(build, [(1e-4, low + 0.004), (r * 0.8, low)], metal)
    return label(rng, vivid(rng, (0.3, 0.95)))


def _cup(rng: np.random.Generator, build: Build, r: float) -> Texture:
    paper, tall = rng.uniform() < 0.5, rng.uniform(0.085, 0.125)
    low, top = -0.5 * tall, 0.5 * tall
    wide = r * (1.14 if paper else 1.02)
    narrow = r * (0.86 if paper else 0.98)
    turned(build, [(1e-4, low), (narrow, low), (wide, top)], None)
    if paper and rng.uniform() < 0.7:
        lid = vivid(rng, (0.05, 1.0), 0.3)
        turned(
            build,
            [(wide * 1.05, top - 0.003), (wide * 1.05, top + 0.004), (wide * 0.9, top + 0.010), (1e-4, top + 0.010)],
            lid,
        )
    else:
        inner = vivid(rng, (0.7, 1.0), 0.3)
        turned(build, [(wide, top), (wide - 0.003, top - 0.001), (narrow - 0.003, low + 0.35 * tall)], inner)
        turned(
            build,
            [(wide - 0.002, top - 0.018), (1e-4, top - 0.018)],
            rgb("3a2415") if rng.uniform() < 0.6 else rgb("b88a4a"),
        )
        if not paper:
            angle = np.linspace(-1.35, 1.35, 9)
            handle = np.stack([0 * angle, 0.55 * top * np.sin(angle), -wide - 0.022 * np.cos(angle)], 1)
            pipe(build, handle, 0.0045, vivid(rng, (0.6, 1.0), 0.3), 6)
    return label(rng, vivid(rng, (0.5, 1.0), 0.7))


def _wood(rng: np.random.Generator) -> np.ndarray:
    return mix(rgb("6d4a2c"), rgb("c49a63"), float(rng.uniform()))


def _stick(rng: np.random.Generator, build: Build, r: float) -> Texture:
    below, above = rng.uniform(0.06, 0.8), rng.uniform(0.06, 0.8)
    path = along(-below, above, 7)
    path[:, [0, 2]] += rng.normal(0, 0.003, (7, 2)) * (np.abs(path[:, 1:2]) > 0.08)
    pipe(build, path, r, _wood(rng) if rng.uniform() < 0.7 else vivid(rng), 8)
    return white()


def _torch(rng: np.random.Generator, build: Build, r: float) -> Texture:
    colour, head = vivid(rng, (0.05, 0.7), 0.6), max(1.6 * r, 0.02)
    profile = [(1e-4, -0.07), (r, -0.07), (r, 0.055), (head, 0.085), (head, 0.11)]
    turned(build, profile, colour)
    turned(build, [(head, 0.11), (head * 0.85, 0.108), (1e-4, 0.100)], rgb("f4f0d8"))
    return white()


def _umbrella(rng: np.random.Generator, build: Build, r: float) -> Texture:
    colour, long = vivid(rng, (0.05, 0.8)), rng.uniform(0.35, 0.6)
    turned(build, [(1e-4, -0.075), (r, -0.07), (r, 0.06), (0.008, 0.065)], rgb("2a2320"))
    folds = 9
    steps = np.linspace(0, 1, 8)[:, None]
    angle = np.linspace(0, -2 * np.pi, 4 * folds + 1)
    out = (0.008 + 0.026 * np.sin(np.pi * np.clip(steps * 0.92 + 0.08, 0, 1)) ** 0.7) * (
        1 + 0.28 * np.cos(folds * angle + 3 * steps)
    )
    grid = np.stack([out * np.sin(angle), np.broadcast_to(0.065 + long * steps, out.shape), out * np.cos(angle)], -1)
    shade = 0.75 + 0.25 * np.cos(folds * angle + 3 * steps)
    build.add(grid, np.broadcast_to(PLAIN, (*grid.shape[:2], 2)), shade[..., None] * colour, weld=True)
    pipe(build, along(0.06 + long, 0.11 + long), 0.004, rgb("8f9297"), 6)
    return white()


def _dumbbell(rng: np.random.Generator, build: Build, r: float) -> Texture:
    size, colour = rng.uniform(0.028, 0.05), vivid(rng, (0.05, 0.6), 0.6)
    pipe(build, along(-0.07, 0.07, 4), r, rgb("a9abb0"), 8)
    for sign in (-1, 1):
        ends = [
            (0.3 * size, 0.062),
            (size, 0.066),
            (size, 0.062 + size),
            (0.3 * size, 0.066 + size),
            (1e-4, 0.066 + size),
        ]
        turned(build, [(a, sign * b) for a, b in ends][:: int(sign)], colour, 6)
    return white()


def _racket(rng: np.random.Generator, build: Build, r: float) -> Texture:
    colour, grip = vivid(rng, (0.1, 0.9)), vivid(rng, (0.05, 0.95), 0.5)
    pipe(
        build,
        np.concatenate([along(-0.08, -0.075), along(0.0, 0.13, 3)]),
        np.array([r * 1.15, r, r, r, r * 0.9]),
        grip,
        8,
    )
    wide, long = rng.uniform(0.095, 0.13), rng.uniform(0.13, 0.17)
    start = rng.uniform(0.16, 0.26)
    centre = start + long
    angle = np.linspace(0, 2 * np.pi, 25)
    frame = np.stack([wide * np.sin(angle), centre - long * np.cos(angle), 0 * angle], 1)
    pipe(build, frame, 0.0055, colour, 6)
    for sign in (-1, 1):
        spoke = np.array([[0.0, 0.12, 0.0], [sign * 0.5 * wide, centre - 0.86 * long, 0.0]])
        pipe(build, spoke, 0.006, colour, 6)
    for share in np.linspace(-0.85, 0.85, 9):
        reach = np.sqrt(1 - share**2)
        for ends in (
            [[share * wide, centre - reach * long, 0], [share * wide, centre + reach * long, 0]],
            [[-reach * wide, centre + share * long, 0], [reach * wide, centre + share * long, 0]],
        ):
            pipe(build, np.array(ends, dtype=np.float64), 0.0009, rgb("e6e4da"), 3)
    return white()


def _microphone(rng: np.random.Generator, build: Build, r: float) -> Texture:
    turned(build, [(1e-4, -0.09), (r * 0.85, -0.088), (r, 0.05), (0.020, 0.072)], vivid(rng, (0.04, 0.4), 0.4))
    turn = np.linspace(-0.5, np.pi / 2, 6)
    turned(build, [(max(0.0235 * np.cos(a), 1e-4), 0.088 + 0.0235 * np.sin(a)) for a in turn], rgb("6f7276"))
    return white()


def _hammer(rng: np.random.Generator, build: Build, r: float) -> Texture:
    pipe(build, along(-0.09, 0.19, 5), np.array([r * 1.05, r, r, r * 0.8, r * 0.8]), _wood(rng), 8)
    head = np.array([[-0.055, 0.175, 0.0], [-0.03, 0.175, 0.0], [0.03, 0.175, 0.0], [0.055, 0.175, 0.0]])
    pipe(build, head, np.array([0.014, 0.012, 0.012, 0.015]), rgb("6b6e73"), 8)
    return white()


RODS: dict[str, Rod] = {
    "bottle": Rod((0.011, 0.040), _bottle),
    "mug": Rod((0.005, 0.010), _mug),
    "can": Rod((0.023, 0.034), _can),
    "cup": Rod((0.022, 0.043), _cup),
    "stick": Rod((0.006, 0.018), _stick),
    "torch": Rod((0.010, 0.020), _torch),
    "umbrella": Rod((0.009, 0.016), _umbrella),
    "dumbbell": Rod((0.010, 0.018), _dumbbell),
    "racket": Rod((0.010, 0.019), _racket),
    "microphone": Rod((0.009, 0.018), _microphone),
    "hammer": Rod((0.009, 0.018), _hammer),
}


def _ball(rng: np.random.Generator, build: Build, r: float) -> Texture:
    turn = np.linspace(-np.pi / 2, np.pi / 2, 11)
    turned(build, [(max(r * np.cos(a), 1e-4), r * np.sin(a)) for a in turn], None, 18)
    first, second = vivid(rng, (0.25, 1.0)), vivid(rng, (0.1, 1.0))
    v, u = np.meshgrid(np.linspace(0, 1, 48), np.linspace(0, 1, 48), indexing="ij")
    kinds = [
        np.abs(np.sin(2 * np.pi * u) * 0.32 + 0.5 - v) < 0.035,
        (u * int(rng.integers(3, 7)) % 1) < 0.5,
        blots(11) > 0.2,
        v < 0,
    ]
    picture = np.where(kinds[int(rng.integers(4))][..., None], second, first)
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


def _fruit(rng: np.random.Generator, build: Build, r: float) -> Texture:
    turn = np.linspace(-np.pi / 2, np.pi / 2, 11)
    dent = 0.25 * (np.exp(-(((turn - np.pi / 2) / 0.35) ** 2)) + 0.6 * np.exp(-(((turn + np.pi / 2) / 0.3) ** 2)))
    size = r * (1 - dent) * (1 + 0.05 * np.sin(turn))
    turned(
        build,
        [(max(float(s * np.cos(a)), 1e-4), float(s * np.sin(a))) for s, a in zip(size, turn, strict=True)],
        None,
        16,
    )
    pipe(build, along(0.72 * r, 1.02 * r), 0.0016, rgb("4a3423"), 5)
    first, second = [("b4202a", "d8b347"), ("7fa83a", "b9c860"), ("d9761b", "e59638"), ("d9c23a", "c9a52c")][
        int(rng.integers(4))
    ]
    share = ramp(blots(int(rng.integers(8))), -0.4, 0.5)[..., None]
    return np.clip((rgb(first) * (1 - share) + rgb(second) * share) * 255, 0, 255).astype(np.uint8)


BALLS: dict[str, Rod] = {"ball": Rod((0.020, 0.042), _ball), "fruit": Rod((0.022, 0.042), _fruit)}


def _pen(rng: np.random.Generator, build: Build, r: float) -> Texture:
    body = vivid(rng, (0.05, 0.95))
    turned(build, [(1e-4, -0.036), (0.0012, -0.034), (r, -0.018), (r, 0.10), (r * 0.8, 0.105), (1e-4, 0.105)], body, 8)
    turned(
        build,
        [(1e-4, -0.0365), (0.0016, -0.033), (r * 1.03, -0.0175)],
        rgb("d8c9a8") if rng.uniform() < 0.5 else rgb("b8babf"),
        8,
    )
    return white()


def _brush(rng: np.random.Generator, build: Build, r: float) -> Texture:
    pipe(build, along(-0.045, 0.15, 5), np.array([0.9, 1.1, 1.0, 0.7, 0.4]) * r, vivid(rng, (0.1, 0.9)), 7)
    turned(build, [(1e-4, -0.085), (r * 0.9, -0.066), (r * 1.2, -0.056), (r, -0.045)], vivid(rng, (0.05, 0.7), 0.6), 8)
    return white()


def _spoon(rng: np.random.Generator, build: Build, r: float) -> Texture:
    metal = rgb("c3c6ca") if rng.uniform() < 0.7 else _wood(rng)
    grid = tube(along(-0.07, 0.10, 6), np.array([0.0025, 0.003, 0.0035, 0.004, 0.005, 0.004]), 6, (0.0, 0.0, 1.0), 1.5)
    build.add(grid, np.broadcast_to(PLAIN, (*grid.shape[:2], 2)), metal, weld=True)
    size = np.sin(np.linspace(0.12, np.pi - 0.05, 9)) ** 0.7
    bowl = tube(along(-0.066, -0.125, 9), 0.004 * size, 10, (0.0, 0.0, 1.0), 4.6)
    build.add(bowl, np.broadcast_to(PLAIN, (*bowl.shape[:2], 2)), metal, weld=True)
    return white()


THIN: dict[str, Rod] = {
    "pen": Rod((0.0035, 0.0055), _pen),
    "brush": Rod((0.003, 0.006), _brush),
    "spoon": Rod((0.003, 0.004), _spoon),
}
