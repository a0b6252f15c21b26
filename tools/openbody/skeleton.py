"""The 55 joints of SMPL-X, the MakeHuman bones that stand for them, and the skinning weights that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from assets import BaseMesh, Bone, DataFolder, Floats, Ints, read_rig, read_weights

__all__ = ["EYES", "FINGERS", "INDEX", "JOINT_NAMES", "PARENTS", "SIDES", "Skeleton", "make_skeleton"]

SIDES: Mapping[str, int] = {"left": 1, "right": -1}
"""Sign of x on each side of the body."""
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
EYES = ("left_eye_smplhf", "right_eye_smplhf")

BODY_JOINTS = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle"),
    *("spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "jaw", *EYES),
)
BODY_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15)

JOINT_NAMES = BODY_JOINTS + tuple(f"{side}_{finger}{k}" for side in SIDES for finger in FINGERS for k in (1, 2, 3))
INDEX = {name: joint for joint, name in enumerate(JOINT_NAMES)}


def _parent(name: str) -> int:
    side, _, part = name.partition("_")
    return INDEX[f"{side}_wrist"] if part.endswith("1") else INDEX[name] - 1


PARENTS = np.array(BODY_PARENTS + tuple(_parent(name) for name in JOINT_NAMES[len(BODY_JOINTS) :]))
"""(55,) parent of each joint, -1 for the pelvis."""

CENTRAL_BONES = {
    **{"pelvis": "root", "spine1": "spine04", "spine2": "spine03", "spine3": "spine02"},
    **{"neck": "neck01", "head": "head", "jaw": "jaw"},
}
SIDE_BONES = {
    **{"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "foot": "toe2-1"},
    **{"collar": "clavicle", "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist"},
    **{"eye_smplhf": "eye"},
}
FINGER_NUMBERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
TOES = (1, 2, 3, 4, 5)
LAST_TOE_BONES = {"big": "toe1-2", "small": "toe5-3"}


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """How joints and skin hang together, in MakeHuman's vertex numbering."""

    rings: Mapping[str, Ints]
    """By joint: vertex ids whose mean is the joint. `left_index4` and the like are the finger tips."""
    weights: Floats
    """(19158, 55) skinning weights; rows add up to 1."""
    toe_tips: Mapping[str, Ints]
    """Vertex ids of the last bone of `left_big`, `left_small`, `right_big` and `right_small` toe."""
    bones: Mapping[str, Bone]
    """The rig itself: its face bones locate the brows and the nose."""


def make_skeleton(data: DataFolder, mesh: BaseMesh) -> Skeleton:
    """The SMPL-X skeleton inside MakeHuman's `default` rig."""
    bones = read_rig(data, mesh)
    weights = read_weights(data)
    toe_tips: dict[str, Ints] = {}
    for side in SIDES:
        for toe, bone in LAST_TOE_BONES.items():
            ids, weight = weights[f"{bone}.{_letter(side)}"]
            toe_tips[f"{side}_{toe}"] = ids[weight > 0.5]
    return Skeleton(
        rings=_joint_rings(bones, mesh), weights=_skin(bones, weights, mesh), toe_tips=toe_tips, bones=bones
    )


def _letter(side: str) -> str:
    """MakeHuman's suffix of a side: `L` or `R`."""
    return side[0].upper()


def _bone_from_joint() -> dict[str, str]:
    """The MakeHuman bone whose head is each SMPL-X joint."""
    bones = dict(CENTRAL_BONES)
    for side in SIDES:
        bones |= {f"{side}_{joint}": f"{bone}.{_letter(side)}" for joint, bone in SIDE_BONES.items()}
        for finger, number in FINGER_NUMBERS.items():
            bones |= {f"{side}_{finger}{k}": f"finger{number}-{k}.{_letter(side)}" for k in (1, 2, 3)}
    return bones


def _joint_rings(bones: Mapping[str, Bone], mesh: BaseMesh) -> dict[str, Ints]:
    """Vertex ids whose mean is each joint, and each finger tip."""
    rings = {joint: bones[bone].head for joint, bone in _bone_from_joint().items()}
    rings["pelvis"] = mesh.group_vertices("joint-pelvis")
    for side in SIDES:
        letter = _letter(side)
        rings[f"{side}_foot"] = np.concatenate([bones[f"toe{toe}-1.{letter}"].head for toe in TOES])
        for finger, number in FINGER_NUMBERS.items():
            rings[f"{side}_{finger}4"] = bones[f"finger{number}-3.{letter}"].tail
    return rings


def _skin(bones: Mapping[str, Bone], weights: Mapping[str, tuple[Ints, Floats]], mesh: BaseMesh) -> Floats:
    """Skinning weights (19158, 55): each bone gives its weights to the nearest SMPL-X joint above it."""
    joint_from_bone = {bone: INDEX[joint] for joint, bone in _bone_from_joint().items()}
    for side in SIDES:
        for toe in TOES:
            joint_from_bone[f"toe{toe}-1.{_letter(side)}"] = INDEX[f"{side}_foot"]

    def joint_of(bone: str) -> int:
        while bone and bone not in joint_from_bone:
            bone = bones[bone].parent
        return joint_from_bone[bone] if bone else INDEX["pelvis"]

    skin = np.zeros((len(mesh.vertices), len(JOINT_NAMES)))
    for bone in bones:
        if bone in weights:
            ids, weight = weights[bone]
            skin[ids, joint_of(bone)] += weight
    for side in SIDES:  # eyeballs are rigid
        eyeball = mesh.group_vertices(f"helper-{side[0]}-eye")
        skin[eyeball] = 0
        skin[eyeball, INDEX[f"{side}_eye_smplhf"]] = 1
    return skin / np.maximum(skin.sum(1, keepdims=True), 1e-9)
