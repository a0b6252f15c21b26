"""Recipes: each a deliberately different distribution of people, poses, clothes, places, cameras and sensors.

They are to synthetic data what datasets are to real data: training on one does not make a network good on another. A
recipe of your own is a Python file that defines `RECIPE`, most easily by `replace` on one of these.
"""

from __future__ import annotations

import hashlib
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mien.errors import InputError, MienError, closest
from mien.synth.cast import People
from mien.synth.framing import Framing
from mien.synth.hands import HAND_MIX_COMPLEX
from mien.synth.looks import Looks, Props
from mien.synth.place import Places
from mien.synth.poser import Poses
from mien.synth.random import check_numbers
from mien.synth.sensor import Sensor
from mien.synth.wardrobe import Wardrobe

__all__ = ["RECIPES", "Motion", "Recipe", "load_recipe"]

_FRAMES = 256
"""Pictures that can be averaged: `accumulate` adds them up in 16 bits."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How people and camera move while the shutter is open."""

    share: float = 0.0
    """Of the pictures."""
    turn: float = 25.0
    """Standard deviation of each joint's turn during the exposure, degrees."""
    frames: int = 6
    """Pictures that are averaged."""

    def __post_init__(self) -> None:
        check_numbers(self, "share", 0, 1)
        check_numbers(self, "turn", 0, 180)
        check_numbers(self, "frames", 1, _FRAMES, whole=True)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One distribution of pictures."""

    name: str
    summary: str
    """In one line."""
    version: int = 1
    """Raised whenever the recipe changes: data of different versions are different data."""
    people: People = field(default_factory=People)
    poses: Poses = field(default_factory=Poses)
    wardrobe: Wardrobe = field(default_factory=Wardrobe)
    looks: Looks = field(default_factory=Looks)
    props: Props = field(default_factory=Props)
    framing: Framing = field(default_factory=Framing)
    places: Places = field(default_factory=Places)
    sensor: Sensor = field(default_factory=Sensor)
    motion: Motion = field(default_factory=Motion)

    def digest(self) -> str:
        """SHA-256 of every setting."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def studio() -> Recipe:
    """One person before a plain background: the easy set."""
    return Recipe(
        name="studio",
        summary="one person before a seamless background, good light, good camera",
        places=Places(kinds={"studio": 1.0}, occluders=0.0),
        framing=Framing(fill=(0.7, 0.95), azimuth=(-180.0, 180.0), elevation=(-5.0, 12.0), fov=(20.0, 45.0), roll=0.5),
        sensor=Sensor(exposure=0.1, tint=0.01, noise=(0.1, 0.7), quality=(88, 97), twice=0.0),
    )


def street() -> Recipe:
    """People in towns by day, as a passer-by would take them."""
    return Recipe(
        name="street",
        summary="one to three people in streets and squares by day, everyday poses and hands",
        people=People(count={1: 0.55, 2: 0.3, 3: 0.15}, spread=0.9, facing=60.0),
        poses=Poses(
            kinds={"standing": 0.36, "walking": 0.34, "hand_to_face": 0.07, "gesture": 0.06, "running": 0.05,
                   "waving": 0.03, "hands_on_hips": 0.03, "arms_crossed": 0.03, "bending": 0.03},
            contact=0.02,
        ),
        wardrobe=Wardrobe(
            outer={"none": 3.0, "jacket": 3.0, "coat": 2.0, "vest": 0.6},
            shoes={"sneaker": 4.0, "boot": 2.4, "flat": 1.2, "heel": 0.7},
        ),
        props=Props(bags=0.3),
        framing=Framing(subject={"whole": 0.8, "knees_up": 0.2}, one=0.5, fill=(0.4, 0.95), elevation=(-6.0, 14.0)),
        places=Places(kinds={"street": 5.0, "park": 1.0, "terrace": 0.8}, occluders=0.3),
    )  # fmt: skip


def crowd() -> Recipe:
    """Groups that hide each other."""
    return Recipe(
        name="crowd",
        summary="three to six people close together, hiding each other",
        people=People(count={3: 0.3, 4: 0.3, 5: 0.25, 6: 0.15}, spread=0.6, facing=50.0),
        framing=Framing(subject={"whole": 0.7, "knees_up": 0.3}, one=0.25, fill=(0.75, 1.1), elevation=(-4.0, 22.0)),
        places=Places(kinds={"street": 2.0, "park": 1.0, "stage": 0.7, "gym": 0.7, "beach": 0.7, "terrace": 1.0}),
    )


def hands() -> Recipe:
    """Complex hands near the camera."""
    return Recipe(
        name="hands",
        summary="one person from the waist up, hands raised in complex shapes and touching each other",
        poses=Poses(
            kinds={"gesture": 0.5, "standing": 0.12, "waving": 0.1, "hand_to_face": 0.12, "reaching": 0.1,
                   "sitting": 0.06},
            hands=dict(HAND_MIX_COMPLEX),
            contact=0.25,
        ),
        looks=Looks(polish=0.35, gloves=0.06, watch=0.3, rings=0.35),
        framing=Framing(
            subject={"waist_up": 0.55, "hands": 0.3, "left_hand": 0.06, "right_hand": 0.06, "whole": 0.03},
            fill=(0.75, 1.15), azimuth=(-75.0, 75.0), elevation=(-12.0, 18.0), fov=(22.0, 55.0),
        ),
        places=Places(occluders=0.08),
    )  # fmt: skip


def egocentric() -> Recipe:
    """What glasses on somebody's nose see: near, wide, tilted."""
    return Recipe(
        name="egocentric",
        summary="one or two people near a wide lens at eye height, cut off and tilted",
        people=People(count={1: 0.75, 2: 0.25}, spread=0.7, facing=45.0),
        poses=Poses(
            kinds={"standing": 0.25, "gesture": 0.25, "reaching": 0.15, "sitting": 0.15, "walking": 0.1,
                   "bending": 0.05, "hand_to_face": 0.05},
            contact=0.05,
        ),
        framing=Framing(
            subject={"waist_up": 0.5, "knees_up": 0.35, "whole": 0.15}, one=1.0, fill=(0.9, 1.5), azimuth=(-65.0, 65.0),
            elevation=(5.0, 40.0), fov=(75.0, 105.0), roll=9.0, shift=0.12,
        ),
        places=Places(kinds={"living": 2.0, "office": 2.0, "corridor": 1.0, "lecture": 1.0}, occluders=0.25),
        sensor=Sensor(blur=(0.0, 2.0), shake=0.3, noise=(1.0, 4.0), quality=(60, 88), vignette=(0.15, 0.45)),
    )  # fmt: skip


def seated_talk() -> Recipe:
    """Talk shows, lectures and meetings: seated people who speak with their hands."""
    return Recipe(
        name="seated_talk",
        summary="one or two seated people indoors who talk with their hands, from the front",
        people=People(count={1: 0.7, 2: 0.3}, spread=0.9, facing=25.0),
        poses=Poses(kinds={"sitting": 0.85, "gesture": 0.15}, contact=0.12, expression=1.3),
        wardrobe=Wardrobe(uniform=0.25, shoes={"flat": 2.0, "heel": 1.0, "boot": 1.0, "sneaker": 1.0}),
        framing=Framing(
            subject={"waist_up": 0.55, "knees_up": 0.2, "whole": 0.25}, one=0.5, fill=(0.7, 1.0), azimuth=(-50.0, 50.0),
            elevation=(-4.0, 14.0), fov=(18.0, 45.0), roll=0.5,
        ),
        places=Places(kinds={"living": 2.0, "office": 2.0, "lecture": 1.5, "stage": 1.5}, occluders=0.1),
        sensor=Sensor(noise=(0.2, 1.2), twice=0.35, quality=(60, 90)),
    )  # fmt: skip


def sport() -> Recipe:
    """Fast, wide poses on courts and in halls."""
    return Recipe(
        name="sport",
        summary="athletes in wide poses on fields, courts and in halls, some of them blurred by motion",
        people=People(count={1: 0.75, 2: 0.25}, spread=1.4, facing=90.0, shape=0.8),
        poses=Poses(
            kinds={"sport": 0.6, "running": 0.2, "dancing": 0.1, "crouching": 0.05, "waving": 0.05}, variety=1.25,
        ),
        wardrobe=Wardrobe(
            upper={"t_shirt": 3.0, "tank_top": 2.0, "hoodie": 0.5}, outer={"none": 1.0},
            lower={"shorts": 3.0, "leggings": 2.0, "trousers_wide": 1.0}, shoes={"sneaker": 5.0, "none": 1.0},
            dress=0.0, uniform=0.3, palette="vivid",
        ),
        looks=Looks(hats=0.12, glasses=0.03, earrings=0.1),
        framing=Framing(subject={"whole": 1.0}, one=0.7, fill=(0.5, 0.95), elevation=(-8.0, 25.0), fov=(12.0, 45.0)),
        places=Places(kinds={"field": 2.0, "court": 2.0, "gym": 2.0, "beach": 0.6}, occluders=0.08),
        motion=Motion(share=0.3, turn=7.0),
    )  # fmt: skip


def floor() -> Recipe:
    """Lying, crawling, kneeling people, often from above."""
    return Recipe(
        name="floor",
        summary="people who lie, kneel, crawl and sit on the ground, often from above",
        poses=Poses(kinds={"floor": 0.72, "kneeling": 0.14, "crouching": 0.14}, contact=0.02),
        wardrobe=Wardrobe(shoes={"none": 2.0, "sneaker": 2.0, "flat": 0.6}, outer={"none": 1.0}, dress=0.06),
        framing=Framing(subject={"whole": 1.0}, fill=(0.6, 0.95), elevation=(4.0, 62.0), fov=(25.0, 65.0), roll=6.0),
        places=Places(kinds={"living": 2.0, "gym": 2.0, "park": 1.0, "beach": 1.0, "studio": 0.7}, occluders=0.12),
    )


def night() -> Recipe:
    """Dark streets, coloured lamps, noise."""
    return Recipe(
        name="night",
        summary="one to three people in dark streets and on stages: coloured light, blur, strong noise",
        people=People(count={1: 0.6, 2: 0.3, 3: 0.1}, spread=0.9, facing=60.0),
        framing=Framing(subject={"whole": 0.7, "knees_up": 0.3}, one=0.5, fill=(0.5, 0.95)),
        places=Places(kinds={"night_street": 4.0, "stage": 1.5, "terrace": 0.8, "court": 0.7},
                      lights={"night": 4.0, "stage": 2.0, "backlit": 0.2}),
        sensor=Sensor(
            automatic=0.35, exposure=0.4, noise=(3.0, 10.0), blur=(0.3, 2.2), shake=0.25, tint=0.09, quality=(55, 88),
        ),
    )  # fmt: skip


def closeup() -> Recipe:
    """Faces."""
    return Recipe(
        name="closeup",
        summary="head and shoulders, expressive faces, hats and glasses",
        poses=Poses(
            kinds={"standing": 0.35, "hand_to_face": 0.35, "gesture": 0.15, "sitting": 0.15},
            expression=1.7, contact=0.08,
        ),
        looks=Looks(hats=0.22, glasses=0.25, sunglasses=0.07, face_mask=0.06, headphones=0.06, make_up=0.5),
        framing=Framing(
            subject={"head": 0.45, "chest_up": 0.55}, fill=(0.65, 1.1), azimuth=(-80.0, 80.0), elevation=(-15.0, 20.0),
            fov=(18.0, 55.0), roll=4.0,
        ),
        places=Places(occluders=0.03),
    )  # fmt: skip


def upper_body() -> Recipe:
    """Web cameras and presenters: cut off at the waist."""
    return Recipe(
        name="upper_body",
        summary="one person cut off at the waist, facing a web camera in a room",
        poses=Poses(
            kinds={"gesture": 0.4, "sitting": 0.25, "hand_to_face": 0.15, "arms_crossed": 0.08, "standing": 0.12},
            contact=0.1, expression=1.2,
        ),
        framing=Framing(
            subject={"waist_up": 0.7, "chest_up": 0.3}, fill=(0.8, 1.25), azimuth=(-40.0, 40.0),
            elevation=(-18.0, 12.0), fov=(45.0, 80.0), roll=2.0,
        ),
        places=Places(kinds={"office": 2.0, "living": 2.0, "lecture": 0.6, "corridor": 0.4}, occluders=0.06),
        sensor=Sensor(noise=(1.0, 5.0), quality=(45, 80), sharpen=0.6, twice=0.4, saturation=0.2),
    )  # fmt: skip


def blurred() -> Recipe:
    """What goes wrong: motion, shake, bad focus, small and compressed files."""
    return Recipe(
        name="blurred",
        summary="moving people, shaking camera, bad focus, files compressed twice",
        people=People(count={1: 0.8, 2: 0.2}),
        framing=Framing(subject={"whole": 0.6, "knees_up": 0.25, "waist_up": 0.15}, fill=(0.4, 0.95), roll=4.0),
        sensor=Sensor(
            exposure=0.4, blur=(0.6, 4.0), shake=0.4, sharpen=0.05, noise=(0.6, 6.0), quality=(25, 70), twice=0.6,
            twice_quality=(15, 50), grey=0.06,
        ),
        motion=Motion(share=0.5, turn=12.0),
    )  # fmt: skip


RECIPES: dict[str, Callable[[], Recipe]] = {
    recipe.__name__: recipe
    for recipe in (
        hands, studio, street, crowd, egocentric, seated_talk, sport, floor, night, closeup, upper_body, blurred,
    )
}  # fmt: skip
"""All recipes by name."""


def load_recipe(name: str) -> Recipe:
    """The recipe of that name, or the `RECIPE` that a Python file defines. The file runs: use only what you trust.

    Raises:
        InputError: there is none of that name, or the file is missing, broken or defines no recipe.
    """
    if name in RECIPES:
        return RECIPES[name]()
    if not name.endswith(".py"):
        raise InputError(f"no recipe is called {name!r}", todo=closest(name, RECIPES))
    if not Path(name).is_file():
        raise InputError(f"{name} is not there", expected="a Python file that defines RECIPE")
    try:
        recipe = runpy.run_path(name).get("RECIPE")
    except MienError as error:
        raise InputError(f"{name}: {error.found}", expected=error.expected, todo=error.todo) from error
    except Exception as error:
        raise InputError(f"{name} cannot be run: {type(error).__name__}: {error}") from error
    if not isinstance(recipe, Recipe):
        what = "no RECIPE" if recipe is None else f"a RECIPE that is {type(recipe).__name__}"
        raise InputError(f"{name} defines {what}", expected="RECIPE, a mien.synth.recipes.Recipe")
    return recipe
