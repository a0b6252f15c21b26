"""Steps of label transforms about body parameters: which are unknown, and how hands are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from mien.data.edits import Setting, Step, extra_number, filled, known_rows, only_where
from mien.data.samples import Label, Samples, by_row

__all__ = [
    "absolute_hands",
    "betas_of_another_body",
    "copy_left_hand",
    "forget",
    "forget_ankles_and_wrists",
    "forget_extreme_betas",
    "forget_zero_hand_roots",
    "forget_zeros",
    "forget_zeros_upstream",
    "neutral_betas",
    "unsaid_hands",
    "zero_hand_roots",
]

ANKLES_AND_WRISTS = [6, 7, 19, 20]
"""Of the 21 joints of `body_pose`."""


def neutral_betas(samples: Samples, setting: Setting) -> Samples:
    """The shape for the neutral body, for rows that have it."""
    del setting
    neutral = samples.extra.get("betas_neutral")
    if not isinstance(neutral, Label):
        return samples
    if samples.betas is None:
        return replace(samples, betas=neutral)
    has = neutral.weight > 0
    value = np.where(has[:, None], neutral.value, samples.betas.value)
    return replace(samples, betas=Label(value=value, weight=np.where(has, neutral.weight, samples.betas.weight)))


def forget(*names: str) -> Step:
    """Make labels unknown."""

    def step(samples: Samples, setting: Setting) -> Samples:
        del setting
        labels = {name: getattr(samples, name) for name in names}
        none = np.zeros(len(samples), dtype=bool)
        return replace(samples, **{name: only_where(each, none) for name, each in labels.items() if each is not None})

    return step


def betas_of_another_body(samples: Samples, setting: Setting) -> Samples:
    """No shape for rows whose parameters are SMPL's."""
    del setting
    family = samples.extra.get("params_from")
    if samples.betas is None or not isinstance(family, np.ndarray):
        return samples
    return replace(samples, betas=only_where(samples.betas, family == "smplx"))


def copy_left_hand(samples: Samples, setting: Setting) -> Samples:
    """The left hand's pose as the right one's too."""
    del setting
    return replace(samples, right_hand_pose=samples.left_hand_pose)


def forget_zeros(samples: Samples, setting: Setting) -> Samples:
    """Poses, shapes and faces of zeros only are unknown."""
    if setting.exact:
        return samples
    face = _forget_zeros(samples, "expression")
    if samples.jaw_pose is not None:
        silent = True if samples.expression is None else ~_nonzero(samples.expression)
        face["jaw_pose"] = only_where(samples.jaw_pose, ~(~_nonzero(samples.jaw_pose) & silent))
    hands = _forget_zeros(samples, "left_hand_pose", "right_hand_pose")
    return replace(samples, **_forget_zero_body(samples), **hands, **face)


def forget_zeros_upstream(samples: Samples, setting: Setting) -> Samples:
    """The same for body and shape; for hands only where zeros are the mean hand; never for faces."""
    relative = setting.hands == "relative"
    hands = _forget_zeros(samples, "left_hand_pose", "right_hand_pose") if relative else {}
    return replace(samples, **_forget_zero_body(samples), **hands)


def absolute_hands(samples: Samples, setting: Setting) -> Samples:
    """Hand poses plus the mean hand, where they are relative to it. Axis-angle adds, as in the file format.

    What the file says of its hands (`flat_hand_mean`) counts first; the published training did not look.
    """
    hands = {"left_hand_pose": samples.left_hand_pose, "right_hand_pose": samples.right_hand_pose}
    known = {name: hand for name, hand in hands.items() if hand is not None and hand.weight.any()}
    flat, known_flat = extra_number(samples, "flat_hand_mean")
    relative = np.full(len(samples), setting.hands == "relative")
    relative = relative if setting.replicate else np.where(known_flat, flat == 0, relative)
    if not relative.any() or not known:
        return samples
    assert setting.mean_hands is not None, "relative hands need a body"
    means = dict(zip(hands, setting.mean_hands(), strict=True))
    add = relative[:, None, None]
    return replace(samples, **{name: filled(hand, hand.value + means[name] * add) for name, hand in known.items()})


def unsaid_hands(samples: Samples) -> int:
    """How many rows have hand poses of which the file does not say what they are relative to."""
    known = np.zeros(len(samples), dtype=bool)
    for hand in (samples.left_hand_pose, samples.right_hand_pose):
        if hand is not None:
            known |= known_rows(hand) > 0
    return int((known & ~extra_number(samples, "flat_hand_mean")[1]).sum())


def forget_extreme_betas(samples: Samples, setting: Setting) -> Samples:
    """No shape where a coefficient is beyond 3 (3 itself is kept); `extra["mesh_betas"]` has what was there."""
    if samples.betas is None or setting.exact:
        return samples
    extreme = (np.abs(samples.betas.value) > 3).any(1)
    if not extreme.any():
        return samples
    kept = {**samples.extra, "mesh_betas": only_where(samples.betas, extreme)}
    return replace(samples, betas=only_where(samples.betas, ~extreme), extra=kept)


def forget_ankles_and_wrists(samples: Samples, setting: Setting) -> Samples:
    """No pose of ankles and wrists: the weight of `body_pose` is one for each joint from here on."""
    del setting
    if samples.body_pose is None:
        return samples
    weight = samples.body_pose.weight
    weight = np.repeat(weight[:, None], 21, axis=1) if weight.ndim == 1 else weight.copy()
    weight[:, ANKLES_AND_WRISTS] = 0
    return replace(samples, body_pose=Label(value=samples.body_pose.value * weight[..., None], weight=weight))


def forget_zero_hand_roots(samples: Samples, setting: Setting) -> Samples:
    """Wrist orientations of zeros only are unknown."""
    del setting
    if samples.hand_root is None:
        return samples
    return replace(samples, hand_root=only_where(samples.hand_root, (samples.hand_root.value != 0).any(2)))


def zero_hand_roots(samples: Samples, setting: Setting) -> Samples:
    """Wrist orientations of zeros, and known, where there are none."""
    del setting
    given = samples.hand_root
    value = np.zeros((len(samples), 2, 3), np.float32) if given is None else given.value
    return replace(samples, hand_root=Label(value=value, weight=np.ones((len(samples), 2), np.float32)))


def _forget_zero_body(samples: Samples) -> dict[str, Label]:
    """Body and root unknown where the body pose is zero; the shape where it is zero."""
    changed = _forget_zeros(samples, "betas")
    if samples.body_pose is not None:
        posed = _nonzero(samples.body_pose)
        changed["body_pose"] = only_where(samples.body_pose, posed)
        if samples.global_orient is not None:
            changed["global_orient"] = only_where(samples.global_orient, posed)
    return changed


def _forget_zeros(samples: Samples, *names: str) -> dict[str, Label]:
    labels = {name: getattr(samples, name) for name in names}
    return {name: only_where(each, _nonzero(each)) for name, each in labels.items() if each is not None}


def _nonzero(label: Label) -> Bool[np.ndarray, "row"]:
    return (by_row(label.value) != 0).any(1)
