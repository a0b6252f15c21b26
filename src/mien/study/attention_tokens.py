"""What each task token of a network is for: its name, its part of the body, the joint that it speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from mien.body.joints import BODY_JOINTS, OUTPUT_JOINTS, SMPLX_137, SMPLX_JOINTS
from mien.errors import InputError
from mien.nets import smplerx
from mien.nets.network import Network
from mien.nets.smplerx import Smplerx
from mien.nets.smplest import HEADS, NUM_TASK_TOKENS, Smplest

__all__ = ["PARTS", "TaskToken", "tokens_of"]

PARTS: tuple[str, ...] = (
    "head and face", "torso", "left arm", "right arm", "left hand", "right hand", "left leg", "right leg", "shape",
    "camera",
)  # fmt: skip
"""Parts of the body; what shape and camera look at has no place of its own."""
_LIMBS = {"shoulder": "arm", "elbow": "arm", "wrist": "arm", "collar": "arm", "hip": "leg", "knee": "leg"}
_LIMBS |= {"ankle": "leg", "foot": "leg", "toe": "leg", "heel": "leg"}
_FACE = ("head", "jaw", "nose", "eye", "ear")


@dataclass(frozen=True, kw_only=True)
class TaskToken:
    """A task token that a head reads."""

    index: int
    name: str
    part: str
    """One of `PARTS`."""
    joint: int | None = None
    """Of the 144 joints of a result; None for what has no place."""


def tokens_of(network: Network) -> tuple[TaskToken, ...]:
    """The task tokens that heads of a network read.

    Raises:
        InputError: nobody has said what the tokens of such a network are.
    """
    if isinstance(network, Smplest):
        return tuple(_smplest())
    if isinstance(network, Smplerx):
        return tuple(_smplerx())
    raise InputError(
        f"nobody has said what the task tokens of a {type(network).__name__} are",
        expected="SMPLest-X, SMPLer-X, or a line for it in mien.study.attention_tokens",
    )


def _smplest() -> list[TaskToken]:
    names: list[tuple[str, int | None]] = [("", None)] * NUM_TASK_TOKENS
    starts = {name: start for name, (start, _, _) in HEADS.items()}
    for i, joint in enumerate(BODY_JOINTS):
        names[i] = (joint, i)  # global_orient, then body_pose
    for i in range(10):
        names[starts["betas"] + i] = (f"beta {i + 1}", None)
        names[starts["expression"] + i] = (f"expression {i + 1}", OUTPUT_JOINTS.index("nose"))
    names[starts["camera"]] = ("camera", None)
    for i, side in enumerate(("left", "right")):
        names[starts["hand_root"] + i] = (f"{side} hand's root", SMPLX_JOINTS.index(f"{side}_wrist"))
    first = SMPLX_JOINTS.index("left_index1")
    for i in range(30):
        names[starts["hand_pose"] + i] = (SMPLX_JOINTS[first + i], first + i)
    names[starts["jaw_pose"]] = ("jaw", SMPLX_JOINTS.index("jaw"))
    return [
        TaskToken(index=i, name=name, part=_part(name, joint), joint=joint)
        for i, (name, joint) in enumerate(names)
        if name
    ]


def _smplerx() -> list[TaskToken]:
    nose, jaw = OUTPUT_JOINTS.index("nose"), SMPLX_JOINTS.index("jaw")
    found = [
        TaskToken(index=smplerx.BETAS, name="betas", part="shape"),
        TaskToken(index=smplerx.CAMERA, name="camera", part="camera"),
        TaskToken(index=smplerx.EXPRESSION, name="expression", part="head and face", joint=nose),
        TaskToken(index=smplerx.JAW, name="jaw", part="head and face", joint=jaw),
    ]
    for i, joint in enumerate(SMPLX_137[: smplerx.BODY_JOINTS]):
        name = OUTPUT_JOINTS[joint]
        found.append(TaskToken(index=smplerx.BODY.start + i, name=name, part=_part(name, joint), joint=joint))
    return found


def _part(name: str, joint: int | None) -> str:
    """The part of the body that a token belongs to, by its name."""
    if joint is None:
        return "camera" if name == "camera" else "shape"
    side = name.partition("_")[0] if name.startswith(("left_", "right_")) else name.partition(" ")[0]
    if name.startswith("expression") or any(word in name for word in _FACE):
        return "head and face"
    limb = next((limb for word, limb in _LIMBS.items() if word in name), "hand")
    return f"{side} {limb}" if side in ("left", "right") else "torso"
