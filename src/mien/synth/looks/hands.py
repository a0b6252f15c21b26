"""Hands as frames: palms, fingers and nails in coordinates of their own, found from joints and the rest pose."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32

from mien.body.joints import FINGERS, LEFT_WRIST
from mien.body.reading import BodyArrays
from mien.synth.figure import Figure
from mien.synth.looks.memo import once_per_body

__all__ = ["Finger", "Hand", "figure_hand", "hand_of"]

_TIPS = {"thumb": 11, "index": 12, "middle": 13, "ring": 14, "pinky": 15}
"""Among the keypoints, on the left; on the right five further."""
_FIRST = (25, 40)
"""The first joint of the fingers of each hand."""
_KNUCKLES = [3 * FINGERS.index(name) for name in ("index", "middle", "ring", "pinky")]


@dataclass(frozen=True, kw_only=True, eq=False)
class Finger:
    """One finger, stretched."""

    name: str
    joints: tuple[int, int, int]
    chain: Float32[np.ndarray, "4 3"]
    """Three joints and the tip, metres."""
    back: Float32[np.ndarray, "3"]
    """Unit, away from the palm, across the last bone."""

    @property
    def along(self) -> Float32[np.ndarray, "3"]:
        """Unit direction of the last bone."""
        step = self.chain[3] - self.chain[2]
        return step / max(float(np.linalg.norm(step)), 1e-9)

    def across(self) -> Float32[np.ndarray, "3"]:
        """Unit, sideways."""
        return np.cross(self.along, self.back).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Hand:
    """One hand in the rest pose. Origin at the wrist; axes: towards the fingers, towards the thumb, out of the palm."""

    wrist: int
    """The joint."""
    origin: Float32[np.ndarray, "3"]
    axes: Float32[np.ndarray, "3 3"]
    """Unit rows, at right angles; for a left hand they form a left-handed frame."""
    length: float
    """Metres from the wrist to the knuckles."""
    width: float
    """Metres between the knuckles of the index and the little finger."""
    side: int
    """0 the left, 1 the right."""
    arrays: BodyArrays
    tips: Float[np.ndarray, "5 3"]
    """Of the fingers, in the order of their joints, metres."""
    joints: Float[np.ndarray, "joint 3"]
    """Of the whole body."""

    @cached_property
    def fingers(self) -> dict[str, Finger]:
        """By name."""
        return {name: self.finger(name) for name in FINGERS}

    def finger(self, name: str) -> Finger:
        """One of them."""
        along, palm, place = self.axes[0], self.axes[2], FINGERS.index(name)
        base = _FIRST[self.side] + 3 * place
        chain = np.stack([*self.joints[base : base + 3], self.tips[place]])
        step = _unit(chain[3] - chain[2], along)
        back = _thumb_backs(self.arrays)[self.side] if name == "thumb" else -palm
        back = _unit(back - (back @ step) * step, -palm)
        return Finger(
            name=name,
            joints=(base, base + 1, base + 2),
            chain=chain.astype(np.float32),
            back=back.astype(np.float32),
        )

    def local(self, points: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any 3"]:
        """Points in the hand's own frame, metres."""
        return (points - self.origin) @ self.axes.T

    def world(self, points: Float[np.ndarray, "*any 3"]) -> Float32[np.ndarray, "*any 3"]:
        """The reverse of `local`."""
        return (points @ self.axes + self.origin).astype(np.float32)


def hand_of(
    side: int, arrays: BodyArrays, vertices: Float[np.ndarray, "vert 3"], joints: Float[np.ndarray, "joint 3"]
) -> Hand:
    """The left (0) or right (1) hand of somebody in the rest pose, palms down."""
    origin, knuckles = joints[LEFT_WRIST + side], joints[[_FIRST[side] + place for place in _KNUCKLES]]
    along = _unit(knuckles[1:3].mean(0) - origin, np.array([1.0, 0, 0]) * (1 if side == 0 else -1))
    across = knuckles[0] - knuckles[3]
    across = _unit(across - (across @ along) * along, np.array([0, 0, 1.0]))
    palm = np.cross(along, across) * (1 if side == 0 else -1)
    palm = palm if palm[1] < 0 else -palm
    return Hand(
        wrist=LEFT_WRIST + side,
        origin=origin.astype(np.float32),
        axes=np.stack([along, across, palm]).astype(np.float32),
        length=float(np.linalg.norm(knuckles[1] - origin)),
        width=float(np.linalg.norm(knuckles[0] - knuckles[3])),
        side=side,
        arrays=arrays,
        tips=vertices[arrays.kp_vertex_ids[[_TIPS[name] + 5 * side for name in FINGERS]]],
        joints=joints,
    )


_hands: weakref.WeakKeyDictionary[Figure, dict[int, Hand]] = weakref.WeakKeyDictionary()


def figure_hand(side: int, figure: Figure) -> Hand:
    """The left (0) or right (1) hand of a figure, made once."""
    made = _hands.setdefault(figure, {})
    if side not in made:
        made[side] = hand_of(side, figure.arrays, figure.vertices, figure.joints)
    return made[side]


def _unit(vector: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-6 else otherwise


@once_per_body
def _thumb_backs(arrays: BodyArrays) -> Float[np.ndarray, "2 3"]:
    """Where the nails of the thumbs face on the template: to the side on which their ends are flattest."""
    vertices, joints = arrays.v_template, arrays.J_regressor @ arrays.v_template
    chains = [
        np.stack([*joints[[38 + 15 * k, 39 + 15 * k]], vertices[arrays.kp_vertex_ids[11 + 5 * k]]]) for k in (0, 1)
    ]
    return np.stack([_flattest(arrays, 39 + 15 * k, chains[k][1], chains[k][2]) for k in (0, 1)])


def _flattest(arrays: BodyArrays, joint: int, root: np.ndarray, tip: np.ndarray) -> Float[np.ndarray, "3"]:
    """The upper direction across a last bone in which most of its far skin looks."""
    palm = np.array([0.0, -1.0, 0.0])
    step = _unit(tip - root, palm)
    first = _unit(np.cross(step, palm), palm)
    second = np.cross(step, first)
    faces = arrays.faces[(arrays.weights[:, joint] > 0.5)[arrays.faces].all(1)]
    corners = arrays.v_template[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    far = (corners.mean(1) - root) @ step > 0.35 * np.linalg.norm(tip - root)
    area = np.linalg.norm(across, axis=1)
    flat = far & (np.abs(across @ step) < 0.5 * np.maximum(area, 1e-12))
    if not flat.any():
        return -palm
    turn = np.arctan2(across[flat] @ second, across[flat] @ first)
    angles = np.linspace(-np.pi, np.pi, 72, endpoint=False)
    gap = (turn[:, None] - angles + np.pi) % (2 * np.pi) - np.pi
    share = (area[flat][:, None] * np.exp(-((gap / 0.22) ** 2))).sum(0)
    direction = np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second
    return direction[int(np.where(direction @ palm < 0.15, share, 0).argmax())]
