"""The light of a place: where it comes from, how it is coloured, and what sky goes with it.

Directions are drawn about the camera's: a sun behind the camera, beside it, or shining into it. Everything here is in
the frame of the place (y up); `Light.seen_by` turns it into what the rasteriser reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64

from mien.render.shade import Lights
from mien.synth.view import View

__all__ = ["STYLES", "Light", "Sky", "draw_light", "under_roof"]

_RGB = Float64[np.ndarray, "3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sky:
    """Colours of the air, RGB, 0..1 as the picture shows them."""

    zenith: _RGB
    horizon: _RGB
    sun: _RGB
    """Of the glow around the sun, added."""
    clouds: float
    """0 none, 1 closed."""
    cloud: _RGB
    night: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """Directional lights, the first of them the key light."""

    style: str
    direction: Float64[np.ndarray, "light 3"]
    """Unit, towards each light; y up."""
    colour: Float64[np.ndarray, "light 3"]
    ambient: _RGB
    wrap: float
    gloss: float
    casts: tuple[int, ...]
    """Which lights cast shadows."""
    sky: Sky

    def on(self, normal: Sequence[float]) -> _RGB:
        """RGB that a surface of that unit normal receives; 1 shows its own colour."""
        cosine = self.direction @ np.asarray(normal, dtype=np.float64)
        return self.ambient + np.maximum(0, (cosine + self.wrap) / (1 + self.wrap)) @ self.colour

    def seen_by(self, view: View) -> Lights:
        """The same in the camera's frame."""
        return Lights(
            direction=self.direction @ view.rotation.T,
            colour=self.colour,
            ambient=self.ambient,
            wrap=self.wrap,
            gloss=self.gloss,
        )


def _toward(azimuth: float, elevation: float) -> Float64[np.ndarray, "3"]:
    """Degrees; azimuth 0 points to +z, elevation above the horizon."""
    a, e = math.radians(azimuth), math.radians(elevation)
    return np.array([math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e)])


def _rgb(red: float, green: float, blue: float, times: float = 1.0) -> _RGB:
    return np.array([red, green, blue]) * times


def _either(rng: np.random.Generator, low: float, high: float) -> float:
    """Between low and high, to the left or to the right."""
    return float(rng.uniform(low, high) * rng.choice([-1, 1]))


def _light(
    style: str,
    lamps: Sequence[tuple[Float[np.ndarray, "3"], _RGB]],
    ambient: _RGB,
    sky: Sky,
    *,
    wrap: float,
    gloss: float = 0.1,
    casts: tuple[int, ...] = (0,),
) -> Light:
    directions, colours = zip(*lamps, strict=True)
    return Light(
        style=style,
        direction=np.stack(directions),
        colour=np.stack(colours),
        ambient=ambient,
        wrap=wrap,
        gloss=gloss,
        casts=casts,
        sky=sky,
    )


def _blue(rng: np.random.Generator) -> Sky:
    deep = rng.uniform(0.75, 1.1)
    return Sky(
        zenith=_rgb(0.20, 0.42, 0.74, deep),
        horizon=_rgb(0.74, 0.83, 0.92),
        sun=_rgb(0.30, 0.26, 0.18),
        clouds=float(rng.choice([0.0, 0.25, 0.45, 0.6])),
        cloud=_rgb(0.98, 0.98, 0.99),
    )


def _grey(rng: np.random.Generator) -> Sky:
    light = rng.uniform(0.78, 1.0)
    return Sky(
        zenith=_rgb(0.72, 0.76, 0.82, light),
        horizon=_rgb(0.88, 0.90, 0.92, light),
        sun=_rgb(0.05, 0.05, 0.05),
        clouds=1.0,
        cloud=_rgb(0.80, 0.82, 0.86, light),
    )


def _evening(rng: np.random.Generator) -> Sky:
    return Sky(
        zenith=_rgb(0.34, 0.44, 0.64, rng.uniform(0.8, 1.1)),
        horizon=_rgb(0.98, 0.76, 0.54) * np.array([1, rng.uniform(0.85, 1.05), rng.uniform(0.8, 1.2)]),
        sun=_rgb(0.45, 0.26, 0.08),
        clouds=float(rng.choice([0.0, 0.3, 0.5])),
        cloud=_rgb(0.96, 0.72, 0.58),
    )


def _dark(rng: np.random.Generator) -> Sky:
    dusk = rng.random() < 0.35
    zenith, horizon = (
        (_rgb(0.07, 0.10, 0.22), _rgb(0.36, 0.30, 0.36)) if dusk else (_rgb(0.02, 0.025, 0.05), _rgb(0.13, 0.11, 0.12))
    )
    return Sky(zenith=zenith, horizon=horizon, sun=_rgb(0, 0, 0), clouds=0.3, cloud=_rgb(0.16, 0.14, 0.17), night=True)


def _studio(rng: np.random.Generator, front: float) -> Light:
    side, soft = _either(rng, 15, 70), rng.uniform(0.9, 1.05)
    lamps = [
        (_toward(front + side, rng.uniform(20, 55)), _rgb(1, rng.uniform(0.95, 1), rng.uniform(0.9, 1), 0.62 * soft)),
        (_toward(front - side * 1.2, rng.uniform(5, 35)), _rgb(0.95, 0.97, 1, rng.uniform(0.08, 0.3))),
        (_toward(front + 180 - side, rng.uniform(25, 50)), _rgb(1, 1, 1, rng.uniform(0, 0.3))),
    ]
    return _light("studio", lamps, _rgb(0.29, 0.29, 0.30), _grey(rng), wrap=0.3, gloss=0.12)


def _daylight(rng: np.random.Generator, front: float) -> Light:
    sun = _toward(front + _either(rng, 10, 140), rng.uniform(25, 65))
    warm = rng.uniform(0.82, 0.92)
    lamps = [(sun, _rgb(1, 0.95, warm, rng.uniform(0.68, 0.82))), (_toward(0, 90), _rgb(0.09, 0.12, 0.17))]
    return _light("daylight", lamps, _rgb(0.25, 0.28, 0.33), _blue(rng), wrap=0.05)


def _overcast(rng: np.random.Generator, front: float) -> Light:
    above = _toward(front + rng.uniform(-180, 180), rng.uniform(58, 86))
    sky = _grey(rng)
    return _light("overcast", [(above, _rgb(0.42, 0.43, 0.45))], _rgb(0.44, 0.45, 0.47), sky, wrap=0.6, gloss=0.05)


def _golden(rng: np.random.Generator, front: float) -> Light:
    sun = _toward(front + _either(rng, 25, 165), rng.uniform(7, 20))
    colour = _rgb(1, rng.uniform(0.62, 0.76), rng.uniform(0.32, 0.5), rng.uniform(0.78, 0.92))
    lamps = [(sun, colour), (_toward(0, 90), _rgb(0.06, 0.08, 0.14))]
    return _light("golden", lamps, _rgb(0.25, 0.25, 0.31), _evening(rng), wrap=0.1)


def _indoor_lamps(rng: np.random.Generator, front: float) -> Light:
    warm = rng.uniform(0.55, 0.8)
    lamps = [
        (_toward(front + rng.uniform(-180, 180), rng.uniform(50, 80)), _rgb(1, 0.86, warm, rng.uniform(0.38, 0.5))),
        (_toward(front + _either(rng, 30, 120), rng.uniform(8, 35)), _rgb(1, 0.82, warm, rng.uniform(0.15, 0.32))),
    ]
    casts = (0, 1) if rng.random() < 0.4 else (0,)
    return _light("indoor_lamps", lamps, _rgb(0.32, 0.28, 0.24), _dark(rng), wrap=0.25, casts=casts)


def _office(rng: np.random.Generator, front: float) -> Light:
    turn, cool = rng.uniform(-180, 180), rng.uniform(0.94, 1.0)
    lamps = [
        (_toward(front + turn, rng.uniform(60, 85)), _rgb(cool, 0.99, 1.0, rng.uniform(0.36, 0.46))),
        (_toward(front + turn + 180, rng.uniform(20, 50)), _rgb(cool, 0.99, 1.0, 0.24)),
    ]
    return _light("office", lamps, _rgb(0.38, 0.39, 0.40), _blue(rng), wrap=0.4)


_LAMPS = ((1.0, 0.70, 0.40), (1.0, 0.84, 0.62), (0.86, 0.93, 1.0))
_NEON = ((1.0, 0.2, 0.5), (0.2, 0.7, 1.0), (0.5, 0.3, 1.0), (0.2, 1.0, 0.6), (1.0, 0.5, 0.2))


def _night(rng: np.random.Generator, front: float) -> Light:
    lamp, neon = _LAMPS[int(rng.integers(3))], _NEON[int(rng.integers(len(_NEON)))]
    lamps = [
        (_toward(front + _either(rng, 10, 120), rng.uniform(30, 65)), _rgb(*lamp, rng.uniform(0.52, 0.7))),
        (_toward(front + _either(rng, 60, 150), rng.uniform(5, 25)), _rgb(*neon, rng.uniform(0.08, 0.3))),
    ]
    return _light("night", lamps, _rgb(0.17, 0.17, 0.22), _dark(rng), wrap=0.15, gloss=0.2)


def _stage(rng: np.random.Generator, front: float) -> Light:
    first, second = (_NEON[int(k)] for k in rng.choice(len(_NEON), 2, replace=False))
    side = rng.uniform(115, 160)
    lamps = [
        (
            _toward(front + rng.uniform(-50, 50), rng.uniform(30, 60)),
            _rgb(1, rng.uniform(0.86, 1), rng.uniform(0.75, 1), 0.78),
        ),
        (_toward(front + side, rng.uniform(20, 50)), _rgb(*first, rng.uniform(0.2, 0.55))),
        (_toward(front - side, rng.uniform(20, 50)), _rgb(*second, rng.uniform(0.2, 0.55))),
    ]
    return _light("stage", lamps, _rgb(0.11, 0.10, 0.12), _dark(rng), wrap=0.1, gloss=0.2)


def _backlit(rng: np.random.Generator, front: float) -> Light:
    sun = _toward(front + 180 + rng.uniform(-35, 35), rng.uniform(12, 40))
    lamps = [
        (sun, _rgb(1, rng.uniform(0.85, 0.97), rng.uniform(0.7, 0.92), rng.uniform(0.75, 0.95))),
        (_toward(front + rng.uniform(-40, 40), 30), _rgb(0.9, 0.95, 1, rng.uniform(0.03, 0.16))),
    ]
    sky = _evening(rng) if rng.random() < 0.4 else _blue(rng)
    bright = replace(sky, zenith=sky.zenith * 1.15, horizon=np.minimum(1, sky.horizon * 1.12), sun=sky.sun * 1.6)
    return _light("backlit", lamps, _rgb(0.29, 0.30, 0.33), bright, wrap=0.1, gloss=0.15)


_THROUGH_WINDOWS = frozenset({"daylight", "overcast", "golden", "backlit"})
STYLES: dict[str, Callable[[np.random.Generator, float], Light]] = {
    "studio": _studio,
    "daylight": _daylight,
    "overcast": _overcast,
    "golden": _golden,
    "indoor_lamps": _indoor_lamps,
    "office": _office,
    "night": _night,
    "stage": _stage,
    "backlit": _backlit,
}
"""How each is drawn; the second argument is the azimuth from the people to the camera, degrees."""


def draw_light(rng: np.random.Generator, style: str, view: View) -> Light:
    """A light of that style, about the direction in which the camera looks."""
    forward = view.rotation[2]
    return STYLES[style](rng, math.degrees(math.atan2(-forward[0], -forward[2])))


def under_roof(light: Light) -> Light:
    """The same light as it is in a room: through windows it comes from the side, and floor and walls throw it back."""
    if light.style == "stage":
        return light
    direction, colour, through = light.direction.copy(), light.colour.copy(), light.style in _THROUGH_WINDOWS
    if through:
        direction[0, 1] = np.clip(direction[0, 1], 0.25, 0.55)
        level = math.hypot(direction[0, 0], direction[0, 2])
        direction[0, [0, 2]] *= math.sqrt(1 - direction[0, 1] ** 2) / max(level, 1e-6)
        colour[0] *= 0.85
    bounce = 0.30 * light.ambient + 0.20 * colour[0] * max(0.0, float(direction[0, 1]))
    return replace(
        light,
        direction=np.concatenate([direction, [[0.0, -1.0, 0.0]]]),
        colour=np.concatenate([colour, bounce[None]]),
        ambient=light.ambient * 0.9 + (0.20 if through else 0.10),
        wrap=max(light.wrap, 0.3),
    )
