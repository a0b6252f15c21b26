"""One place for one view: what kind it is, which light it has, what stands there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from mien.errors import InputError, closest
from mien.render.mesh import Mesh
from mien.render.shade import Lights
from mien.synth.place.halls import gym, stage
from mien.synth.place.indoors import corridor, lecture, living, office, studio
from mien.synth.place.light import STYLES, Light, draw_light, under_roof
from mien.synth.place.occluders import occlude
from mien.synth.place.outdoors import beach, desert, park
from mien.synth.place.pitches import football, hard_court
from mien.synth.place.plan import Plan, Stand
from mien.synth.place.scenery import Scenery
from mien.synth.place.street import night_street, street
from mien.synth.place.terraces import terrace
from mien.synth.random import pick, weighted
from mien.synth.view import View

__all__ = ["KINDS", "Place", "Places", "build"]

_STRAY = 0.04
"""Share of anyone that things which are no occluders may hide."""
_OCCLUDED = 0.33
"""The same of occluders, by the estimate of `Plan`: what is really hidden stays below 40 %."""
_RADIUS, _HEIGHT = 0.5, 1.8
"""Metres, of people of whom nothing else is known."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What a kind of place needs."""

    make: Callable[[Scenery], None]
    lights: Mapping[str, float]
    """Weights of styles."""
    reach: float = math.inf
    """Metres from the camera to people, at most."""
    top: float = math.inf
    """Metres that the camera may be above the ground."""
    turns: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 25.0),)
    """Weight, mean and deviation (degrees) of the angle from the place's -z to where the camera looks."""
    roof: bool = False


_ROOM = ((1.0, 0.0, 8.0), (1.0, 35.0, 14.0), (1.0, -35.0, 14.0))
_WINDOWS = {"daylight": 3.0, "overcast": 1.5, "golden": 1.0, "backlit": 1.0}
_OUTSIDE = {"daylight": 4.0, "overcast": 2.5, "golden": 1.5, "backlit": 1.0}
_ANYWHERE = ((1.0, 0.0, 120.0),)

KINDS: dict[str, _Kind] = {
    "studio": _Kind(make=studio, lights={"studio": 5.0, "backlit": 0.3, "stage": 0.4}, turns=_ANYWHERE),
    "living": _Kind(make=living, lights={**_WINDOWS, "indoor_lamps": 3.0}, reach=9, top=3.4, turns=_ROOM, roof=True),
    "office": _Kind(make=office, lights={**_WINDOWS, "office": 5.0}, reach=14, top=3.6, turns=_ROOM, roof=True),
    "corridor": _Kind(
        make=corridor, lights={"office": 4.0, "indoor_lamps": 1.0, "backlit": 1.0, "daylight": 1.0}, reach=25, top=3.4,
        turns=((1.0, 0.0, 9.0),), roof=True,
    ),
    "lecture": _Kind(make=lecture, lights={**_WINDOWS, "office": 4.0}, reach=16, top=3.8, turns=_ROOM, roof=True),
    "gym": _Kind(
        make=gym, lights={"office": 3.0, "daylight": 2.0, "overcast": 1.0}, reach=35, top=8, turns=_ROOM, roof=True
    ),
    "stage": _Kind(
        make=stage, lights={"stage": 5.0, "backlit": 0.3}, reach=35, top=8, turns=((1.0, 0.0, 20.0),), roof=True
    ),
    "street": _Kind(
        make=street, lights=_OUTSIDE,
        turns=((3.0, 0.0, 14.0), (1.0, 40.0, 12.0), (1.0, -40.0, 12.0), (0.6, 85.0, 8.0), (0.6, -85.0, 8.0)),
    ),
    "night_street": _Kind(
        make=night_street, lights={"night": 1.0},
        turns=((3.0, 0.0, 14.0), (1.0, 40.0, 12.0), (1.0, -40.0, 12.0), (0.6, 85.0, 8.0), (0.6, -85.0, 8.0)),
    ),
    "park": _Kind(make=park, lights=_OUTSIDE, turns=_ANYWHERE),
    "beach": _Kind(make=beach, lights=_OUTSIDE, turns=((4.0, 0.0, 35.0), (1.0, 180.0, 50.0))),
    "desert": _Kind(make=desert, lights={"daylight": 3.0, "golden": 2.0, "backlit": 1.0}, turns=_ANYWHERE),
    "field": _Kind(make=football, lights={**_OUTSIDE, "night": 0.7}, turns=((1.0, 0.0, 35.0),)),
    "court": _Kind(make=hard_court, lights={**_OUTSIDE, "night": 0.5}, turns=((1.0, 0.0, 30.0),)),
    "terrace": _Kind(make=terrace, lights={**_OUTSIDE, "night": 0.4}, turns=((1.0, 0.0, 25.0),)),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where people are, for recipes."""

    kinds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 1.0))
    """Weights of `KINDS`; kinds that are not named are never drawn."""
    lights: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(STYLES, 1.0))
    """Factors for the weights that each kind gives to styles of light; styles that are not named are never drawn."""
    clutter: float = 0.5
    """How many things stand about: 0 none, 0.5 as usual, 1 twice as many."""
    occluders: float = 0.2
    """Share of places where something stands before somebody."""
    folder: Path | None = None
    """Of pictures to be used as backgrounds instead: no floor, no things."""

    def __post_init__(self) -> None:
        for what, given, known in (("kind of place", self.kinds, KINDS), ("style of light", self.lights, STYLES)):
            for name, weight in given.items():
                if name not in known:
                    raise InputError(f"there is no {what} {name!r}", expected=closest(name, known))
                if not (math.isfinite(weight) and weight >= 0):
                    raise InputError(f"the {what} {name!r} has weight {weight}", expected="a number from 0")
            if not any(given.values()):
                raise InputError(f"no {what} has a weight", expected=f"some of {', '.join(known)}")
        if not (0 <= self.clutter <= 2 and 0 <= self.occluders <= 1):
            found = f"clutter {self.clutter} and occluders {self.occluders}"
            raise InputError(found, expected="0..2 and 0..1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """What surrounds people, as one view sees it."""

    kind: str
    """One of `KINDS`, or `picture` for a background from a folder."""
    light: str
    """The style of light."""
    backdrop: UInt8[np.ndarray, "h w 3"]
    """What lies behind all meshes."""
    meshes: list[Mesh]
    """In the camera's frame. Those of opacity 0 are openings and lamps, through which the backdrop is seen."""
    names: list[str]
    """The kind of each mesh: floor, wall, chair, pole ..."""
    casters: tuple[int, ...]
    """Which meshes cast shadows worth drawing: things near people, but no floors and walls."""
    lights: Lights
    """In the camera's frame."""
    casts: tuple[int, ...]
    """Which lights cast shadows; the key light is number 0."""


def build(
    rng: np.random.Generator,
    places: Places,
    view: View,
    spots: Float[np.ndarray, "person 3"],
    extents: Float[np.ndarray, "person 2"] | None = None,
    split: str = "train",
) -> Place:
    """Make a place around people.

    Args:
        rng: all chance comes from it.
        places: the recipe's.
        view: the camera, in the world (y up, ground at 0).
        spots: where people are, world; their height above the ground does not matter.
        extents: radius and height of the upright cylinder that each of them fills, metres: nothing is put there.
        split: whose backgrounds are taken, where places are pictures of a folder.

    Raises:
        InputError: there is nobody; the folder of backgrounds has no picture that can be read, or the kinds of
            places and the styles of light do not go together.
    """
    if not len(spots):
        raise InputError("a place for nobody", expected="at least one position")
    if places.folder is not None:
        from mien.synth.place.backgrounds import picture_place

        return picture_place(rng, places.folder, view, split)
    extents = np.tile([_RADIUS, _HEIGHT], (len(spots), 1)) if extents is None else extents
    eye = view.position
    away = float(np.hypot(spots[:, 0] - eye[0], spots[:, 2] - eye[2]).max())
    name = _draw_kind(rng, places, away, float(eye[1]))
    kind = KINDS[name]
    view, turn = _turned(rng, kind, view)
    light = draw_light(rng, _draw_style(rng, places, name), view)
    light = under_roof(light) if kind.roof else light
    s = _scenery(rng, places, view, light, _stands(spots, extents, turn))
    kind.make(s)
    if s.rng.random() < places.occluders:
        occlude(s, name, _OCCLUDED)
    meshes, names, casters = s.finish()
    return Place(
        kind=name,
        light=light.style,
        backdrop=s.canvas,
        meshes=meshes,
        names=names,
        casters=tuple(casters),
        lights=light.seen_by(view),
        casts=light.casts,
    )


def _draw_kind(rng: np.random.Generator, places: Places, away: float, high: float) -> str:
    """A kind that the recipe wants and that has light for it; of these one that is large enough, if there is one."""
    lit = {name: weight for name, weight in places.kinds.items() if any(_styles(places, name).values())}
    if not any(lit.values()):
        found = f"kinds {', '.join(places.kinds)} with light of style {', '.join(places.lights)}"
        raise InputError(found, expected="a kind that there is in such light", todo="allow more styles")
    large = {name: weight for name, weight in lit.items() if away <= KINDS[name].reach and high <= KINDS[name].top}
    return pick(rng, large if any(large.values()) else lit)


def _styles(places: Places, kind: str) -> dict[str, float]:
    return {style: weight * places.lights.get(style, 0.0) for style, weight in KINDS[kind].lights.items()}


def _draw_style(rng: np.random.Generator, places: Places, kind: str) -> str:
    return pick(rng, _styles(places, kind))


def _turned(rng: np.random.Generator, kind: _Kind, view: View) -> tuple[View, float]:
    """The view from within the place's own axes, and the angle by which these are turned in the world."""
    weights = np.array([weight for weight, _, _ in kind.turns])
    _, mean, deviation = kind.turns[weighted(rng, weights)]
    forward = view.rotation[2]
    turn = math.atan2(forward[0], forward[2]) - math.pi - math.radians(rng.normal(mean, deviation))
    c, s = math.cos(turn), math.sin(turn)
    world_from_place = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return replace(view, rotation=view.rotation @ world_from_place), turn


def _stands(spots: Float[np.ndarray, "person 3"], extents: Float[np.ndarray, "person 2"], turn: float) -> list[Stand]:
    c, s = math.cos(turn), math.sin(turn)
    found = []
    for (x, _, z), (radius, height) in zip(spots.tolist(), extents.tolist(), strict=True):
        found.append(Stand(x=c * x - s * z, z=s * x + c * z, radius=radius, height=height))
    return found


def _scenery(rng: np.random.Generator, places: Places, view: View, light: Light, people: list[Stand]) -> Scenery:
    canvas = np.full((*view.size, 3), 40, dtype=np.uint8)
    plan = Plan(view=view, people=people)
    return Scenery(rng=rng, view=view, light=light, plan=plan, clutter=places.clutter, limit=_STRAY, canvas=canvas)
