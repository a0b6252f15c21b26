"""One picture from start to end: who, where, from which side, in which light; the picture, and the truth about it.

studio = Studio.open(job)
shot = studio.shoot("train", 12)
shot.picture, shot.frame, shot.people, shot.jpeg, shot.rows
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from mien.body.files import find_body
from mien.body.model import BodyModel, from_arrays
from mien.body.reading import BodyArrays, read_body
from mien.errors import BodyError
from mien.render.mesh import Mesh, Packed, pack
from mien.render.raster import Frame, paint, show
from mien.render.scene import Scene, arrange
from mien.render.shadow import Shadow, cast
from mien.synth.cast import Actor, gather, make_figure, put, seat_height, swung
from mien.synth.figure import Piece, follow
from mien.synth.framing import aim
from mien.synth.labels import Person, flesh, label, sharp, stored_pose
from mien.synth.looks import Look, Skin, draw_look, groom, hold, skin
from mien.synth.place import Place, build, seat
from mien.synth.poser import Poser
from mien.synth.random import pick, stream
from mien.synth.recipes import Recipe, load_recipe
from mien.synth.rows import row
from mien.synth.sensor import accumulate, develop, encode_jpeg
from mien.synth.view import View
from mien.synth.wardrobe import dress

if TYPE_CHECKING:
    from mien.synth.generate import Job

__all__ = ["SEEN", "Shot", "Studio", "open_body", "picture_name", "recipe_of"]

SHADOW_SIZE = 512
"""Texels of a shadow map."""
SEEN = 0.06
"""People of whose training joints a smaller share is seen have no row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One picture and all that is known about it."""

    name: str
    """Of the picture file."""
    picture: UInt8[np.ndarray, "h w 3"]
    jpeg: bytes
    scene: Scene
    """What was drawn."""
    view: View
    actors: list[Actor]
    people: list[Person]
    """The truth about each actor."""
    owners: list[set[int]]
    """Labels in `frame.mesh` of each actor's body, clothes and hair."""
    rows: list[dict[str, Any]]
    """Of the people of whom enough is seen."""

    @cached_property
    def frame(self) -> Frame:
        """Which surface each pixel shows, and how far away: drawn when it is asked for, since labels ask few pixels."""
        return show(self.scene)


@dataclass(frozen=True, kw_only=True, eq=False)
class Studio:
    """What all pictures of a job share."""

    job: Job
    recipe: Recipe
    arrays: BodyArrays
    body: BodyModel
    sharp_body: BodyModel
    poser: Poser
    radius: Float64[np.ndarray, "144"]

    @classmethod
    def open(cls, job: Job) -> Studio:
        """Read the body and prepare what depends on it.

        Raises:
            BodyError, InputError, AssetMissing: as `open_body` and `recipe_of`.
        """
        arrays, body = open_body(job)
        return cls(
            job=job,
            recipe=recipe_of(job),
            arrays=arrays,
            body=body,
            sharp_body=sharp(body),
            poser=Poser(body, arrays),
            radius=flesh(body),
        )

    def shoot(self, split: str, number: int) -> Shot:
        """Make one picture; it depends on the recipe, the split, its seed and the number alone."""
        seed = 0 if split == "test" else index(self.job.seed)
        key = (self.recipe.name, self.recipe.version, split, seed, index(number))
        rng = stream(*key, "picture")
        actors, looks = self._cast(key, rng, split)
        size = (self.job.size, self.job.size)
        joints, heading = np.stack([actor.joints for actor in actors]), np.array([actor.heading for actor in actors])
        view = aim(stream(*key, "camera"), self.recipe.framing, joints, heading, size)
        spots = np.stack([actor.joints[0] for actor in actors])
        extents = np.array([_cylinder(actor) for actor in actors])
        place = build(stream(*key, "place"), self.recipe.places, view, spots, extents, split)
        skins = [skin(stream(*key, i, "skin"), actors[i].figure, look) for i, look in enumerate(looks)]
        seats = self._seats(key, actors, view)
        meshes, owners = assemble(actors, skins, seats, view, place)
        share = self.recipe.motion.share
        if share and stream(*key, "motion").random() < share:
            scene = arrange(meshes, view.K, size, lights=None)
            seen = self._moving(stream(*key, "moving"), actors, skins, seats, view, place)
        else:
            packed, seen = pack(meshes), place.backdrop  # which nobody needs again
            shadows = cast_shadows(packed, place)
            scene = arrange(packed, view.K, size, lights=place.lights, shadows=shadows, samples=2, centres=True)
            scene.paint(seen)
        sensing = stream(*key, "sensor")
        picture = develop(seen, self.recipe.sensor, sensing)
        params = [camera_params(actor, view) for actor in actors]
        bodies = [scene.packed.meshes[min(own) - 1].vertices for own in owners]
        people = label(self.sharp_body, params, bodies, owners, scene, view, self.radius)
        name = picture_name(split, number)
        rows = [
            row(person, f"images/{name}", i, _words(actor, place), size, view.K)
            for i, (person, actor) in enumerate(zip(people, actors, strict=True))
            if person.seen >= SEEN
        ]
        return Shot(
            name=name,
            picture=picture,
            jpeg=encode_jpeg(picture, self.recipe.sensor, sensing),
            scene=scene,
            view=view,
            actors=actors,
            people=people,
            owners=owners,
            rows=rows,
        )

    def _cast(self, key: tuple[str | int, ...], rng: np.random.Generator, split: str) -> tuple[list[Actor], list[Look]]:
        """Everybody in the picture, on the ground, and what is theirs in looks."""
        people = self.recipe.people
        count = int(pick(rng, {str(count): weight for count, weight in people.count.items()}))
        common = rng.uniform(-math.pi, math.pi)
        actors, looks = list[Actor](), list[Look]()
        for i in range(count):
            figure = make_figure(stream(*key, i, "shape"), self.body, self.arrays, people)
            pose = self.poser.sample(stream(*key, i, "pose"), figure, self.recipe.poses, split)
            look = draw_look(stream(*key, i, "look"), figure, self.recipe.looks)
            worn = [*dress(stream(*key, i, "clothes"), figure, self.recipe.wardrobe)]
            worn += groom(stream(*key, i, "hair"), figure, look)
            held = hold(stream(*key, i, "props"), figure, pose, self.recipe.props)
            heading = common + math.radians(people.facing) * float(rng.normal())
            lift = float(rng.uniform(0.05, 0.5)) if pose.support == "air" else 0.0
            actors.append(put(figure, pose, heading, lift, tuple(worn), tuple(held)))
            looks.append(look)
        return gather(rng, people, actors), looks

    def _seats(self, key: tuple[str | int, ...], actors: list[Actor], view: View) -> list[Mesh]:
        """What people sit on, in the camera frame."""
        found = []
        for i, actor in enumerate(actors):
            if actor.pose.support == "seat":
                where = actor.joints[0].astype(np.float64)
                chairs = seat(stream(*key, i, "seat"), where, actor.heading, seat_height(actor))
                found += [replace(mesh, vertices=view.to_camera(mesh.vertices)) for mesh in chairs]
        return found

    def _moving(
        self,
        rng: np.random.Generator,
        actors: list[Actor],
        skins: list[Skin],
        seats: list[Mesh],
        view: View,
        place: Place,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """What an open shutter sees while joints turn: the mean of some pictures around the labelled moment."""
        motion, pictures = self.recipe.motion, []
        speeds = [_turns(rng, motion.turn) for _ in actors]
        for moment in (np.arange(motion.frames) + 0.5) / motion.frames - 0.5:
            then = [swung(actor, moment * speed) for actor, speed in zip(actors, speeds, strict=True)]
            meshes, _ = assemble(then, skins, seats, view, place)
            K = view.K.copy()
            K[:2, 2] += rng.uniform(-0.5, 0.5, 2)  # what smoothing of edges needs
            picture = place.backdrop.copy()
            packed = pack(meshes)
            paint(picture, packed, K, lights=place.lights, samples=1, shadows=cast_shadows(packed, place))
            pictures.append(picture)
        return accumulate(pictures)


def picture_name(split: str, number: int) -> str:
    """Of the file, in the folder of all pictures."""
    return f"{split}_{number:07d}.jpg"


def open_body(job: Job) -> tuple[BodyArrays, BodyModel]:
    """The body of all people of a job.

    Raises:
        BodyError: the file is damaged, or is of no body with hands and a face and enough components.
        AssetMissing: it is not there.
    """
    path = find_body("openbody" if job.body is None else job.body)
    arrays = read_body(path)
    if arrays.hands_meanl is None:
        todo = "choose an SMPL-X body, or leave --body out for the open one"
        raise BodyError(f"{path} has no hands and face", expected="a body of the SMPL-X family", todo=todo)
    return arrays, from_arrays(arrays, 10, 10)


def recipe_of(job: Job) -> Recipe:
    """The recipe of a job, with the files that the job names.

    Raises:
        InputError: see `load_recipe`.
    """
    recipe = load_recipe(job.recipe)
    if job.poses is not None:
        recipe = replace(recipe, poses=replace(recipe.poses, mocap=job.poses))
    if job.backgrounds is not None:
        recipe = replace(recipe, places=replace(recipe.places, folder=job.backgrounds))
    return recipe


def assemble(
    actors: list[Actor], skins: list[Skin], seats: list[Mesh], view: View, place: Place
) -> tuple[list[Mesh], list[set[int]]]:
    """All surfaces in the camera frame, and which labels are whose: those of people first, the place's last."""
    meshes, owners = [], []
    for actor, look in zip(actors, skins, strict=True):
        first = len(meshes) + 1
        meshes.append(_body_mesh(actor, look, view))
        meshes += [_piece_mesh(piece, actor, view) for piece in actor.worn]
        owners.append(set(range(first, len(meshes) + 1)))
        meshes += [_piece_mesh(piece, actor, view) for piece in actor.held]
    return [*meshes, *seats, *place.meshes], owners


def cast_shadows(packed: Packed, place: Place) -> list[Shadow | None]:
    """A shadow map for each light that has one: of people, what they sit on and hold, and things near them."""
    own = len(packed.meshes) - len(place.meshes)
    casters = packed.shapes([*range(own), *(own + i for i in place.casters)])
    around = packed.vertices[: packed.parts[:own, 1].sum()]
    lights = place.lights.direction
    return [
        cast(casters, lights[i], size=SHADOW_SIZE, around=around) if i in place.casts else None
        for i in range(len(lights))
    ]


def _cylinder(actor: Actor) -> tuple[float, float]:
    """Radius and height of the upright cylinder about the pelvis that a person fills, metres."""
    x, z = actor.vertices[::7, 0] - actor.joints[0, 0], actor.vertices[::7, 2] - actor.joints[0, 2]
    return float(np.sqrt((x * x + z * z).max())) + 0.05, float(actor.vertices[:, 1].max()) + 0.1


def _turns(rng: np.random.Generator, turn: float) -> Float64[np.ndarray, "55 3"]:
    """How far each joint turns during an exposure, axis-angle: arms most, the trunk and fingers less."""
    size = np.full((55, 1), 0.15)
    size[[0, 3, 6, 9]] = 0.3
    size[[1, 2, 4, 5, 12, 15]] = 0.6
    size[16:22] = 1.0
    return rng.normal(size=(55, 3)) * size * math.radians(turn)


def camera_params(actor: Actor, view: View) -> dict[str, Float32[np.ndarray, "..."]]:
    """The parameters of an actor in the camera frame, as they are stored."""
    rotations = actor.rotations.copy()
    rotations[0] = view.rotation @ rotations[0]
    pose = stored_pose(rotations)
    pelvis = actor.figure.joints[0].astype(np.float64)
    transl = view.to_camera(actor.place.astype(np.float64) + pelvis) - pelvis
    return {
        "global_orient": pose[0],
        "body_pose": pose[1:22],
        "jaw_pose": pose[22],
        "leye_pose": pose[23],
        "reye_pose": pose[24],
        "left_hand_pose": pose[25:40],
        "right_hand_pose": pose[40:55],
        "betas": actor.figure.betas,
        "expression": actor.pose.expression,
        "transl": transl.astype(np.float32),
    }


def _body_mesh(actor: Actor, look: Skin, view: View) -> Mesh:
    """The body without what lies well inside its clothes."""
    faces, keep = actor.figure.arrays.faces, None
    for piece in actor.worn:
        if piece.hides is not None:
            keep = ~piece.hides if keep is None else keep & ~piece.hides
    uv = look.uv
    if keep is not None:
        rows = np.flatnonzero(keep)
        faces, uv = faces.take(rows, 0), None if uv is None else uv.take(rows, 0)
    vertices = view.to_camera(actor.vertices)
    if look.colour is not None:
        return Mesh(vertices=vertices, faces=faces, colour=look.colour)
    return Mesh(vertices=vertices, faces=faces, colour=np.ones(3), uv=uv, texture=look.texture)


def _piece_mesh(piece: Piece, actor: Actor, view: View) -> Mesh:
    return Mesh(
        vertices=view.to_camera(follow(piece, actor.transforms)),
        faces=piece.faces,
        colour=piece.colour,
        uv=piece.uv,
        texture=piece.texture,
        two_sided=piece.two_sided,
    )


def _words(actor: Actor, place: Place) -> dict[str, str]:
    kinds = {piece.kind for piece in (*actor.worn, *actor.held)} - {"teeth"}  # everybody has them
    return {
        "pose": actor.pose.kind,
        "left_hand": actor.pose.hands[0],
        "right_hand": actor.pose.hands[1],
        "wears": ",".join(sorted(kinds)),
        "place": place.kind,
        "light": place.light,
    }
