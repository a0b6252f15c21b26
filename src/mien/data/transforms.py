"""Every change to a label between the file of a dataset's authors and the store: named, with its reason, counted.

Each transform has two forms: `fixed`, what mien does, and `upstream`, what the published training did. Transforms run
in the order of `TRANSFORMS`; those that are quirks run only for datasets whose catalogue entry names them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Bool

from mien.data import edits_keypoints as keypoints
from mien.data import edits_params as params
from mien.data import edits_rows as rows
from mien.data.edits import Setting, Step, as_it_is
from mien.data.samples import Label, Samples
from mien.errors import InputError, closest

__all__ = ["QUIRKS", "RULES", "TRANSFORMS", "Setting", "Tally", "Transform", "check_quirks"]


RULES = 2
"""Which edition of the rules below, and of the readers, a store was made with: raise it when one of them changes what
it gives. Stores that were made before are out of date then, and are made anew; until it is raised they stay as they
are, whatever was mended."""


@dataclass(frozen=True, kw_only=True)
class Transform:
    """One change to labels."""

    name: str
    reason: str
    spec: str
    """The section of SPEC that states it; `10.14` is row 14 of its table of quirks."""
    fixed: Step
    upstream: Step
    quirk: bool = False
    """Whether only datasets that name it get it."""

    def applies(self, setting: Setting) -> bool:
        """Whether it runs for a dataset at all."""
        return not self.quirk or self.name in setting.quirks

    def __call__(self, samples: Samples, setting: Setting) -> Samples:
        """The samples with the change."""
        step = self.upstream if setting.replicate else self.fixed
        return step(samples, setting) if len(samples) else samples


def _same(name: str, reason: str, spec: str, step: Step, *, quirk: bool = False) -> Transform:
    """A transform that the published training has as well."""
    return Transform(name=name, reason=reason, spec=spec, fixed=step, upstream=step, quirk=quirk)


TRANSFORMS: tuple[Transform, ...] = (
    _same(
        "unannotated", "the file marks the row as not annotated (annot_valid)", "4.1", rows.drop_where("annot_valid", 0)
    ),
    _same(
        "invalid-labels", "the file marks the labels as wrong (valid_label)", "4.1", rows.drop_where("valid_label", 0)
    ),
    _same("invalid-fits", "the fit is marked as failed (is_valid)", "4.4", rows.drop_where("is_valid", 0)),
    _same("crowds", "the box is around a crowd (iscrowd)", "4.1", rows.drop_unless("iscrowd", 0)),
    _same("without-keypoints", "no keypoint is annotated (num_keypoints)", "4.1", rows.drop_where("num_keypoints", 0)),
    _same(
        "kids",
        "a child's shape is not in the adult shape space (betas_extra, AGORA kids)",
        "10.40",
        rows.drop_unless("kid", 0),
    ),
    _same("nan-joints", "a 3D joint is not a number", "4.1", rows.drop_nan_joints),
    _same(
        "leading-slash",
        "paths begin with a slash, though they are below the picture root",
        "4.1",
        rows.strip_slash,
        quirk=True,
    ),
    _same("default-size", "the file says no picture size; all its pictures have one", "4.4", rows.default_size),
    _same("default-camera", "the file says no camera; all its pictures have one", "4.4", rows.default_camera),
    Transform(
        name="box-is-the-picture",
        reason="upstream looks at the whole of each cut-out picture, whatever the file's box; ours at the box",
        spec="4.5",
        fixed=as_it_is,
        upstream=rows.picture_box,
        quirk=True,
    ),
    Transform(
        name="prepadded-boxes",
        reason="the file's boxes are 1.2 times the person's; ours are tight (upstream keeps them and pads by 0.9996)",
        spec="4.1",
        fixed=rows.unpad_boxes,
        upstream=as_it_is,
    ),
    Transform(
        name="invalid-boxes",
        reason="the box is empty, or lies outside the picture (upstream pushes one that lies left or above into it)",
        spec="4.1, 5",
        fixed=rows.drop_boxes_outside,
        upstream=rows.drop_invalid_boxes,
    ),
    _same("shrunk-hand-boxes", "hand boxes are too large by 1 / 0.65", "4.4", rows.shrink_hand_boxes, quirk=True),
    _same(
        "face-box-from-keypoints",
        "there is no face box: 1.2 times the extent of the face's keypoints",
        "4.4",
        rows.face_box_from_keypoints,
        quirk=True,
    ),
    _same(
        "neutral-betas", "the file has the shape for the neutral body too (betas_neutral)", "4.1", params.neutral_betas
    ),
    _same(
        "betas-of-no-meaning",
        "the subjects have templates of their own: their betas say nothing of the shape",
        "4.1",
        params.forget("betas"),
        quirk=True,
    ),
    _same("betas-of-another-body", "betas of SMPL are not those of SMPL-X", "4.1", params.betas_of_another_body),
    _same(
        "hands-only",
        "only hands are annotated; body and shape are filled with zeros",
        "3.4",
        params.forget("global_orient", "body_pose", "betas", "transl"),
        quirk=True,
    ),
    _same(
        "unknown-eye-poses", "the fits' eye poses are noise", "4.1", params.forget("leye_pose", "reye_pose"), quirk=True
    ),
    Transform(
        name="right-hand-is-left-hand",
        reason="upstream overwrites the right hand with the left; ours leaves it",
        spec="10.14",
        fixed=as_it_is,
        upstream=params.copy_left_hand,
        quirk=True,
    ),
    Transform(
        name="zeros-that-mean-unknown",
        reason="a pose, a shape or a face of zeros only was never fitted (upstream believes faces, and flat hands)",
        spec="3.4, 10.46",
        fixed=params.forget_zeros,
        upstream=params.forget_zeros_upstream,
    ),
    Transform(
        name="relative-hands",
        reason="hand poses are kept relative to the mean hand; a store holds absolute ones",
        spec="4.1, 10.35",
        fixed=params.absolute_hands,
        upstream=params.absolute_hands,
    ),
    _same(
        "joints-of-the-body",
        "3D keypoints are replaced by the joints of the fitted body",
        "10.32",
        keypoints.joints_of_the_body,
        quirk=True,
    ),
    _same(
        "betas-beyond-3",
        "a shape coefficient beyond 3 is a failed fit: the shape is no target (the mesh keeps it: extra mesh_betas)",
        "3.4",
        params.forget_extreme_betas,
    ),
    _same(
        "unknown-ankles-and-wrists",
        "the pseudo labels were fitted without keypoints of feet and hands",
        "4.4",
        params.forget_ankles_and_wrists,
        quirk=True,
    ),
    Transform(
        name="hands-without-pose",
        reason="hand keypoints of a fitted body count only where the fit has the hand (upstream forces all 20 and the "
        "wrist on or off, for the whole file as for its last row)",
        spec="10.12, 10.13",
        fixed=keypoints.hand_keypoints_with_pose,
        upstream=keypoints.hand_keypoints_forced,
    ),
    Transform(
        name="hand-roots",
        reason="a wrist orientation of zeros was never given (upstream trains towards it)",
        spec="10.44",
        fixed=params.forget_zero_hand_roots,
        upstream=params.zero_hand_roots,
    ),
    Transform(
        name="keypoints-of-smpl",
        reason="2D keypoints are the joints of the SMPL body (upstream mistakes their order for that of its keypoints)",
        spec="4.4, 10.34",
        fixed=keypoints.keypoints_of_smpl,
        upstream=keypoints.keypoints_of_smpl_first,
        quirk=True,
    ),
)
QUIRKS: tuple[str, ...] = tuple(each.name for each in TRANSFORMS if each.quirk)


def check_quirks(dataset: str, names: Iterable[str]) -> None:
    """Raise `InputError` if a name is no quirk."""
    for name in names:
        if name not in QUIRKS:
            raise InputError(f"{dataset} names the quirk {name!r}, which there is not", todo=closest(name, QUIRKS))


@dataclass
class Tally:
    """Applies the transforms of a dataset and counts what they do."""

    setting: Setting
    changed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def __call__(self, samples: Samples) -> Samples:
        """The samples after all transforms."""
        for transform in TRANSFORMS:
            if transform.applies(self.setting):
                result = transform(samples, self.setting)
                self.dropped[transform.name] += len(samples) - len(result)
                if len(samples) == len(result):
                    self.changed[transform.name] += int(changed_rows(samples, result).sum())
                samples = result
        return samples


def changed_rows(before: Samples, after: Samples) -> Bool[np.ndarray, "row"]:
    """Which rows of samples of the same length differ in any label."""
    changed = np.zeros(len(before), dtype=bool)
    for name in (each.name for each in fields(Samples) if each.name not in ("source", "extra")):
        old, new = getattr(before, name), getattr(after, name)
        if old is new:
            continue
        for one, other in _pairs(old, new):
            if one is None or other is None:
                part = other if one is None else one
                changed |= (part != 0).reshape(len(changed), -1).any(1)
            elif one.shape != other.shape:
                changed |= np.broadcast_to(
                    one.reshape(len(changed), -1).min(1) != other.reshape(len(changed), -1).min(1), len(changed)
                )
            else:
                changed |= (one != other).reshape(len(changed), -1).any(1)
    return changed


def _pairs(
    old: Label | np.ndarray | None, new: Label | np.ndarray | None
) -> Sequence[tuple[np.ndarray | None, np.ndarray | None]]:
    if isinstance(old, Label) or isinstance(new, Label):
        one, other = (each if isinstance(each, Label) else None for each in (old, new))
        return [
            (one.value if one else None, other.value if other else None),
            (one.weight if one else None, other.weight if other else None),
        ]
    return [(old, new)]
