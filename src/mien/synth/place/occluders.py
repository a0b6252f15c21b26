"""What stands between the camera and somebody, hiding a part of them."""

from __future__ import annotations

import math

import numpy as np

from mien.synth.place import furniture, nature, seating, sport, tables, town
from mien.synth.place.colours import PAINT, choose
from mien.synth.place.forms import boxes
from mien.synth.place.rooms import Maker
from mien.synth.place.scenery import Item, Scenery

__all__ = ["occlude"]

_TRIES = 10
_LEAST = 0.04
"""Share of somebody that is worth being called hidden."""


def _column(rng: np.random.Generator) -> Item:
    """A square pillar."""
    half, tall = rng.uniform(0.07, 0.16), rng.uniform(2.6, 3.2)
    rows = [(-half, 0, -half, half, tall, half, *choose(rng, PAINT))]
    return Item(kind="pole", meshes=(boxes(rows),), half=(half, half), height=tall)


def _rail(rng: np.random.Generator) -> Item:
    return town.railing(rng, float(rng.uniform(0.8, 2.2)), float(rng.uniform(0.8, 1.05)))


def _low_bush(rng: np.random.Generator) -> Item:
    return nature.bush(rng, float(rng.uniform(0.4, 1.0)), 110)


def _sapling(rng: np.random.Generator) -> Item:
    return nature.tree(rng, float(rng.uniform(4.5, 7.0)), 200)


_INDOORS: tuple[Maker, ...] = (
    seating.chair, furniture.plant, tables.table, seating.stool, furniture.crates, _column, seating.armchair,
    furniture.floor_lamp, tables.coffee_table, tables.desk, furniture.cabinet, seating.office_chair,
)  # fmt: skip
_TOWN: tuple[Maker, ...] = (
    town.pole, town.sign, town.bollard, town.bin_, town.lamp_post, _rail, seating.bench, town.cafe, _sapling, _low_bush,
)  # fmt: skip
_GREEN: tuple[Maker, ...] = (_sapling, _low_bush, nature.rock, seating.bench, _rail, town.pole, _low_bush)
_BY_KIND: dict[str, tuple[Maker, ...]] = {
    "street": _TOWN,
    "night_street": _TOWN,
    "terrace": (*_TOWN, furniture.plant, furniture.plant),
    "park": _GREEN,
    "field": (_rail, town.pole, seating.bench, sport.ball),
    "court": (_rail, town.pole, seating.bench),
    "beach": (nature.palm, nature.rock, town.parasol, _low_bush, _rail),
    "desert": (nature.cactus, nature.rock, _low_bush),
    "gym": (*_INDOORS[:6], sport.vaulting_box, sport.mats),
}


def occlude(s: Scenery, kind: str, limit: float) -> None:
    """Put one thing before somebody, so that no more than `limit` of anyone is hidden in all."""
    makers, eye = _BY_KIND.get(kind, _INDOORS), s.view.position
    for _ in range(_TRIES):
        item = makers[int(s.rng.integers(len(makers)))](s.rng)
        person = s.people[int(s.rng.integers(len(s.people)))]
        away = np.array([person.x - eye[0], person.z - eye[2]])
        length = float(np.linalg.norm(away))
        room = length - person.radius - max(item.half)
        if room < 0.6:
            continue
        share = s.rng.uniform(max(0.3, 0.5 / length), 1.0)
        aside = s.rng.uniform(-1, 1) * (person.radius + 0.6 * max(item.half)) * share
        x, z = (
            np.array([eye[0], eye[2]]) + away / length * room * share + aside * np.array([-away[1], away[0]]) / length
        )
        turn = math.atan2(-away[0], -away[1]) + float(s.rng.choice([0, 0, math.pi, math.pi / 2]) + s.rng.normal(0, 0.3))
        hidden = s.hides(item, float(x), float(z), turn, limit)
        if hidden is None or not any(
            s.plan.share(i, hidden[i]) > s.plan.share(i, s.plan.hidden[i]) + _LEAST for i in hidden
        ):
            continue
        if s.put(item, float(x), float(z), turn, limit=limit):
            return
