"""A figure that is put into a posture limb by limb, in words that postures are written in.

    puppet.pelvis(lean=4.0)
    puppet.spine(flex=10.0, side=0.0, twist=-5.0)
    puppet.stand(0.97)                                 # the hips this far above the ankles, of the leg's length
    puppet.foot(0, out=0.02, ahead=0.1)                # the left foot on the ground
    puppet.arm(1, raised=20.0, around=30.0, bend=40.0)
    puppet.reach(0, puppet.spot("left_hip"), ...)      # the hand on the hip

Degrees and metres. Sides are 0 (left) and 1 (right); `out` and `around` mean away from the body on either side. With
`flip` the same calls give the mirrored posture. The pelvis stays where it is at rest, facing +z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from mien.body.reading import BodyArrays
from mien.synth.bones import crossed, forward, frame_of, hand_offset, matrix_about, mirror_joint, rotation_vectors, unit
from mien.synth.collide import Coarse, coarse_body
from mien.synth.figure import Figure
from mien.synth.hand_rig import FIRST
from mien.synth.hands import Hands
from mien.synth.limbs import arm_by_angles, arm_to, leg_by_angles, leg_to
from mien.synth.spots import Spots, find_spots

__all__ = ["Arm", "Leg", "Puppet", "Stage", "Vector"]

Vector = Float64[np.ndarray, "3"]

X, Y, Z = np.eye(3)
_SPINE = ((3, 0.30, 0.34, 0.22), (6, 0.35, 0.33, 0.35), (9, 0.35, 0.33, 0.43))
_NECK = ((12, 0.55, 0.5, 0.5), (15, 0.45, 0.5, 0.5))
"""Joint, and its share of flexion, of bending to the side and of twist."""
_SWIVELS = np.array([0.0, 12.0, -12.0, 25.0, -25.0, 40.0, -40.0, 55.0, -55.0])


class Stage:
    """What is known of a body, whoever has it."""

    def __init__(self, arrays: BodyArrays) -> None:
        self.arrays = arrays
        self.parents = arrays.parents
        self.coarse: Coarse = coarse_body(arrays)
        self.spots: Spots = find_spots(arrays)
        self._last: tuple[Figure, np.ndarray] | None = None
        self.hands = Hands(arrays, self.coarse, self.points)
        self.bends = [
            np.stack([np.cross(rig.along, rig.palmar), np.cross(rig.along, rig.radial)]) for rig in self.hands.rigs
        ]

    def points(self, figure: Figure) -> Float64[np.ndarray, "vert 3"]:
        """The coarse mesh of a figure at rest; that of the last figure is kept."""
        if self._last is None or self._last[0] is not figure:
            self._last = figure, self.coarse.shape(figure.vertices)
        return self._last[1]


@dataclass(kw_only=True)
class Arm:
    """Where an arm was sent, so that it can be sent a little farther."""

    target: Vector
    palm: Float64[np.ndarray, "3 3"]
    turn: float
    swivel: float


@dataclass(kw_only=True)
class Leg:
    """How a leg stands: by its foot, or by angles."""

    target: Vector | None = None
    foot: Float64[np.ndarray, "3 3"] | None = None
    pole: float = 0.0
    angles: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    ankle: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Puppet:
    """One figure while it is posed."""

    def __init__(self, stage: Stage, figure: Figure, *, flip: bool = False) -> None:
        self.stage, self.figure, self.flip = stage, figure, flip
        self.rest = figure.joints.astype(np.float64)
        self.local = np.tile(np.eye(3), (55, 1, 1))
        self.world, self.position = np.empty((55, 3, 3)), np.empty((55, 3))
        self.points = stage.points(figure)
        self.spot_rest = figure.vertices[stage.spots.vertex].astype(np.float64)
        self.arms: list[Arm | None] = [None, None]
        self.legs: list[Leg] = [Leg(), Leg()]
        self.floor: float | None = None
        self.bond: Vector | None = None
        self.neck, self.bow = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        self.refresh()

    # what is known ------------------------------------------------------------------------------------------------
    @property
    def sign(self) -> float:
        """-1 if everything is mirrored."""
        return -1.0 if self.flip else 1.0

    def true(self, side: int) -> int:
        """The side of the figure that is meant by `side`."""
        return 1 - side if self.flip else side

    @property
    def leg_length(self) -> float:
        """From hip to ankle, metres."""
        a, b, c = self.rest[[1, 4, 7]]
        return float(np.linalg.norm(b - a) + np.linalg.norm(c - b))

    @property
    def arm_length(self) -> float:
        """From shoulder to wrist, metres."""
        a, b, c = self.rest[[16, 18, 20]]
        return float(np.linalg.norm(b - a) + np.linalg.norm(c - b))

    def lowest(self, joints: tuple[int, ...]) -> float:
        """The height of the lowest point of the skin of these joints."""
        coarse = self.stage.coarse
        points = coarse.pose(self.points, self.rest, self.world, self.position)
        return float(points[np.isin(coarse.parts.part, joints), 1].min())

    def refresh(self) -> None:
        """Work out where all joints are."""
        forward(self.stage.parents, self.rest, self.local, self.world, self.position)

    def mirrored(self, v: Vector) -> Vector:
        """A vector of the posture's frame in that of the figure, or back."""
        return np.array([self.sign * v[0], v[1], v[2]])

    def joint(self, joint: int) -> Vector:
        """Where a joint is; paired joints by their number on the left, plus 1 for the other side."""
        return self.mirrored(self.position[mirror_joint(joint) if self.flip else joint])

    def spot(self, name: str) -> tuple[Vector, Vector]:
        """Where a spot on the skin is now, and the direction out of the skin."""
        spots = self.stage.spots
        if self.flip and name.startswith(("left_", "right_")):
            name = name.replace("left_", "right_") if name.startswith("left_") else name.replace("right_", "left_")
        i = spots.index[name]
        place = spots.pose(self.spot_rest, self.rest, self.world, self.position)[i]
        return self.mirrored(place), self.mirrored(self.world[spots.owner[i]] @ spots.normal[i])

    # the trunk ----------------------------------------------------------------------------------------------------
    def pelvis(self, lean: float = 0.0, roll: float = 0.0, turn: float = 0.0) -> None:
        """Lean forwards, raise the left side, turn to the left."""
        self.local[0] = (
            matrix_about(Y, self.sign * math.radians(turn))
            @ matrix_about(X, math.radians(lean))
            @ matrix_about(Z, self.sign * math.radians(roll))
        )
        self.refresh()

    def tip(self, axis: str, angle: float) -> None:
        """Turn the whole figure about an axis of the world, after everything that the pelvis does."""
        way = {"x": X, "y": Y, "z": Z}[axis]
        sign = 1.0 if axis == "x" else self.sign
        self.local[0] = matrix_about(way, sign * math.radians(angle)) @ self.local[0]
        self.refresh()

    def spine(self, flex: float = 0.0, side: float = 0.0, twist: float = 0.0) -> None:
        """Bend the trunk forwards, to the left, and turn the chest to the left; in all."""
        self.bow = (flex, side, twist)
        self._column(_SPINE, flex, side, twist)

    def head(self, flex: float = 0.0, side: float = 0.0, twist: float = 0.0) -> None:
        """Nod forwards, tilt to the left, turn to the left; relative to the chest."""
        self.neck = (flex, side, twist)
        self._column(_NECK, flex, side, twist)

    def _column(self, shares: tuple, flex: float, side: float, twist: float) -> None:
        for joint, f, s, t in shares:
            self.local[joint] = (
                matrix_about(X, math.radians(f * flex))
                @ matrix_about(Z, -self.sign * math.radians(s * side))
                @ matrix_about(Y, self.sign * math.radians(t * twist))
            )
        self.refresh()

    # legs ---------------------------------------------------------------------------------------------------------
    def stand(self, height: float, step: float = 0.0) -> None:
        """Put the ground where ankles on it are below the middle of the hips.

        Args:
            height: of the leg's length, how long the leg is: 1 is straight.
            step: metres from below the hip to the ankle: the farther, the lower.
        """
        height = math.sqrt(max(height**2 - (step / self.leg_length) ** 2, 0.01))
        self.ankle_level = float(self.position[[1, 2], 1].mean()) - height * self.leg_length

    def foot(
        self,
        side: int,
        out: float = 0.0,
        ahead: float = 0.0,
        up: float = 0.0,
        *,
        yaw: float = 8.0,
        pitch: float = 0.0,
        knee: float | None = None,
    ) -> None:
        """Put a foot on the ground.

        Args:
            side: which.
            out: metres outwards from below the middle of the hips, `ahead` forwards, `up` above the ground.
            yaw: toes outwards.
            pitch: the heel is raised (positive), or the toes are.
            knee: where the knee points, outwards from ahead; by default where the toes point.
        """
        true = self.true(side)
        sign = -1.0 if true else 1.0
        middle = self.position[[1, 2]].mean(0)
        flat = np.array([middle[0] + sign * out, self.ankle_level + up, middle[2] + ahead])
        turn = matrix_about(Y, sign * math.radians(yaw))
        foot = turn @ matrix_about(X, math.radians(pitch))
        ball = self.rest[10 + true] - self.rest[7 + true]
        pivot = ball * (0, 1.3, 1) if pitch > 0 else ball * (0, 1.6, -0.35)
        leg = Leg(target=flat + turn @ pivot - foot @ pivot, foot=foot, pole=yaw if knee is None else knee)
        self.legs[true] = leg
        self.step(true)

    def leg(
        self,
        side: int,
        flex: float = 0.0,
        open: float = 0.0,
        turn: float = 0.0,
        knee: float = 3.0,
        ankle: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        """Hold a leg by angles: the thigh forwards, outwards, turned outwards; the knee; the ankle (x points toes)."""
        true = self.true(side)
        self.legs[true] = Leg(angles=(flex, open, turn, knee), ankle=ankle)
        self.step(true)

    def step(self, true: int) -> None:
        """Put a leg of the figure as its record says."""
        leg, sign = self.legs[true], -1.0 if true else 1.0
        joints, found = [1 + true, 4 + true, 7 + true], np.empty((3, 3, 3))
        rest = self.rest[joints]
        if leg.target is None or leg.foot is None:
            flex, opened, turn, knee = map(float, leg.angles)
            leg_by_angles(flex, opened, turn, knee, np.array(leg.ankle, dtype=np.float64), rest, sign, found)
        else:
            pole = np.array([sign * math.sin(math.radians(leg.pole)), 0.0, math.cos(math.radians(leg.pole))])
            leg_to(leg.target, pole, leg.foot, rest, self.world[0], self.position[joints[0]], found)
        self.local[joints] = found
        self.refresh()

    def toes(self, side: int, bend: float) -> None:
        """Bend the toes up."""
        self.local[10 + self.true(side)] = matrix_about(X, -math.radians(bend))

    # arms ---------------------------------------------------------------------------------------------------------
    def arm(
        self,
        side: int,
        raised: float,
        around: float,
        bend: float = 15.0,
        *,
        swivel: float = 0.0,
        pronation: float = 0.0,
        wrist: float = 0.0,
        deviation: float = 0.0,
    ) -> None:
        """Hold an arm by angles: see `mien.synth.limbs.arm_by_angles`; the wrist flexes to palm and thumb."""
        true = self.true(side)
        joints, found = self._chain(true), np.empty((4, 3, 3))
        angles = np.array([pronation, wrist, deviation])
        sign = -1.0 if true else 1.0
        arm_by_angles(raised, around, swivel, bend, angles, self.rest[joints], self.stage.bends[true], sign, found)
        self.local[joints] = found
        self.refresh()
        palm = self.world[joints[3]].copy()
        self.arms[true] = Arm(target=self.position[joints[3]].copy(), palm=palm, turn=0.3, swivel=swivel)

    def reach(
        self,
        side: int,
        place: Vector,
        facing: Vector,
        along: Vector,
        *,
        by: str = "palm",
        gap: float = 0.0,
        turn: float = 1.0,
        swivel: float = 0.0,
    ) -> None:
        """Bring a hand to a place.

        Args:
            side: which.
            place: where its `by` shall be.
            facing: where the palm shall look.
            along: where the hand shall point, from the wrist.
            by: `palm`, `back`, `wrist`, `tips` (of index and middle finger), `index`, `thumb`.
            gap: metres that are kept from the place, back along `facing`.
            turn: how much `facing` and `along` matter.
            swivel: of the elbow, outwards and up.
        """
        true = self.true(side)
        rig = self.stage.hands.rigs[true]
        palm = frame_of(self.mirrored(facing), self.mirrored(along)) @ frame_of(rig.palmar, rig.along).T
        goal, offset = self.mirrored(place - gap * unit(facing)), self._offset(true, by)
        arm = self.arms[true] = Arm(target=goal - palm @ offset, palm=palm, turn=turn, swivel=swivel)
        for _ in range(3):
            lack, _ = self.stretch(true)
            if lack < 2 or by == "wrist":
                break
            # the wrist cannot turn so far: the hand keeps its place with the turn that it has
            arm.palm = self.world[20 + true].copy()
            arm.target = goal - arm.palm @ offset

    def _offset(self, true: int, by: str) -> Vector:
        """Where a spot of the hand is, from the wrist and in its axes."""
        rig, vertices, wrist = self.stage.hands.rigs[true], self.figure.vertices, self.rest[20 + true]
        if by == "wrist":
            return np.zeros(3)
        if by in ("palm", "back"):
            return vertices[rig.palm if by == "palm" else rig.back] - wrist
        spots = {"index": (0,), "thumb": (4,), "tips": (0, 1), "all": (0, 1, 2, 3), "knuckles": ()}[by]
        carried = [(3 * d + 2, rig.pad[d]) for d in spots] or [(3, rig.knuckle)]
        first = FIRST[true]
        joints, local = self.rest[[20 + true, *range(first, first + 15)]], self.local[first : first + 15]
        return np.mean([hand_offset(joints, local, j, vertices[v].astype(np.float64)) for j, v in carried], axis=0)

    def hand_spot(self, side: int, name: str) -> tuple[Vector, Vector]:
        """Where a spot of a hand is now, and the direction out of the skin.

        `name` is `back`, `knuckles`, or the pad of a digit: `index_pad`, `middle_pad`, `little_pad`, `ring_pad`,
        `thumb_pad`.
        """
        true = self.true(side)
        rig, first = self.stage.hands.rigs[true], FIRST[true]
        if name == "back":
            joint, vertex, out = 20 + true, rig.back, -rig.palmar
        elif name == "knuckles":
            joint, vertex, out = first + 3, rig.knuckle, -rig.palmar
        else:
            digit = ("index_pad", "middle_pad", "little_pad", "ring_pad", "thumb_pad").index(name)
            joint, vertex = first + 3 * digit + 2, rig.pad[digit]
            bone = self.figure.vertices[vertex] - self.rest[joint]
            out = unit(crossed(rig.hinge[3 * digit + 2], bone))
        place = self.position[joint] + self.world[joint] @ (self.figure.vertices[vertex] - self.rest[joint])
        return self.mirrored(place), self.mirrored(self.world[joint] @ out)

    def bind(self, way: Vector) -> None:
        """Hands that lie in each other are from now on pushed apart along this way only, from side 0 to side 1."""
        self.bond = unit(self.mirrored(way)) * self.sign

    def approach(self, way: Vector) -> None:
        """Move the left hand of the figure half along `way`, and the right one half against it."""
        for true, share in ((0, 0.5), (1, -0.5)):
            arm = self.arms[true]
            assert arm is not None
            arm.target = arm.target + share * way
            self.stretch(true)

    def stretch(self, true: int) -> tuple[float, float]:
        """Send an arm of the figure where its record says; what it lacks in turn (degrees) and length (metres)."""
        arm = self.arms[true]
        assert arm is not None
        joints, found = self._chain(true), np.empty((4, 3, 3))
        sign = -1.0 if true else 1.0
        lack, short, _ = arm_to(
            arm.target, arm.palm, arm.turn, arm.swivel + _SWIVELS, self.rest[joints], self.world[9], self.position[9],
            self.rest[9], self.stage.bends[true], sign, found,
        )  # fmt: skip
        self.local[joints] = found
        self.refresh()
        return lack, short

    @staticmethod
    def _chain(true: int) -> list[int]:
        return [13 + true, 16 + true, 18 + true, 20 + true]

    def fingers(self, side: int, local: Float64[np.ndarray, "15 3 3"]) -> None:
        """Give a hand its shape."""
        first = FIRST[self.true(side)]
        self.local[first : first + 15] = local
        self.refresh()

    def vectors(self) -> Float64[np.ndarray, "55 3"]:
        """Axis-angle of all joints."""
        found = np.empty((55, 3))
        rotation_vectors(self.local, found)
        return found
