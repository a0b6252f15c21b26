"""Better hands from networks that see nothing else: what they say is fused into tracks, frame by frame, where it holds.

A hand expert gives MANO parameters for each hand that it sees: fingers, and how the whole hand is turned in the
camera. The fingers are taken as they are (MANO and SMPL-X hands have the same joints in the same order); the wrist is
worked out so that the hand is turned as the expert says, whatever the body's arm does.

An expert can be wrong: about whose hand it is, about left and right, or altogether. Where it is less steady than the
body network, contradicts it too much, or is not sure, the network's hand stays. The file's keys are in `docs/video.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mien.body.joints import LEFT_WRIST, RIGHT_WRIST
from mien.body.model import BodyModel
from mien.clip import Clip, Track
from mien.errors import InputError
from mien.export.people import fitting
from mien.geometry.rotation import angle_between, axis_angle_from_matrix, matrix_from_axis_angle, mirror_matrix, slerp
from mien.limits import MAX_FRAMES
from mien.npz import load_npz
from mien.records import Record
from mien.track.smooth import SmoothConfig, nearest_rotation, one_euro_rotations, smooth_rotations

__all__ = ["FuseConfig", "Hands", "fuse_hands", "read_hands"]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "frame_index": ("frame", "frames", "frame_id"),
    "is_right": ("right",),
    "hand_pose": ("pose", "mano_hand_pose", "pred_hand_pose"),
    "global_orient": ("orient", "mano_global_orient", "pred_global_orient"),
    "boxes": ("bbox", "box"),
    "score": ("scores", "confidence", "conf"),
}
_ELBOWS = (18, 19)
_LAG, _LONGEST = 5, 40
"""Frames by which an expert is moved in time to see whether it would fit better."""
_WRISTS = (LEFT_WRIST, RIGHT_WRIST)
_JOINTS = ((20, *range(25, 40)), (21, *range(40, 55)))
"""Wrist and fingers of the left and of the right hand, among the joints of a result."""


@dataclass(frozen=True, kw_only=True)
class FuseConfig:
    """When an expert is believed."""

    min_score: float = 0.3
    """Of a row."""
    steadiness: float = 1.0
    """An expert that trembles more than this many times as much as the network is not believed at all."""
    wrist_angle: float = 50.0
    """Degrees that an expert may usually differ from the network in how the hand is turned."""
    finger_angle: float = 35.0
    """The same, in how the joints of the fingers are bent, on the average."""
    surprise: float = 1.2
    """How many times as far from the network an expert may usually be as the network is from its own mean."""
    least_angle: float = 20.0
    """Degrees that are no surprise, however still the network holds the hand."""
    lateness: float = 0.85
    """An expert that fits so much better when moved in time is of another moment."""
    outlier: float = 2.0
    """A single frame may differ this many times as much as that."""
    fade: int = 2
    """Frames over which one gives way to the other."""
    reach: float = 0.75
    """How far from the middle of its box a hand may be, in sides of the box."""


@dataclass(frozen=True, kw_only=True)
class Hands(Record):
    """What an expert says, one row for each hand."""

    frame_index: Int64[Tensor, "hand"]
    is_right: Bool[Tensor, "hand"]
    global_orient: Float[Tensor, "hand 3 3"]
    """Of the wrist, in the camera: x right, y down, z forward."""
    hand_pose: Float[Tensor, "hand 15 3 3"]
    """Absolute (a flat hand is the identity); left hands as left hands."""
    score: Float[Tensor, "hand"]
    boxes: Float[Tensor, "hand 4"] | None
    """x1, y1, x2, y2, pixels."""


def read_hands(path: Path | str, body: BodyModel) -> Hands:
    """Read an expert's file (.npz); its keys and their other names are in `docs/video.md`.

    Args:
        path: of the file.
        body: whose mean hand the poses are offsets from, if `flat_hand_mean` is false.

    Raises:
        InputError: the file is damaged, lacks a key, or an array is of another shape or holds what is no number.
    """
    path = Path(path)
    arrays = load_npz(path)
    for key, others in ALIASES.items():
        known = next((name for name in (key, *others) if name in arrays), None)
        if known is not None:
            arrays[key] = arrays[known]
        elif key not in ("boxes", "score"):
            raise InputError(f"{path} lacks the key {key}", expected=f"{key}, or one of: {', '.join(others)}")
    count = len(np.atleast_1d(arrays["frame_index"]))
    frames, right = (_column(path, arrays, key, count) for key in ("frame_index", "is_right"))
    pose = _rotations(path, arrays, "hand_pose", (count, 15))
    orient = _rotations(path, arrays, "global_orient", (count, 1))[:, 0]
    if (broken := frames[frames != np.rint(frames)]).size:
        raise InputError(f"{path}: frame_index holds {broken[0]:g}", expected="whole numbers")
    if (np.abs(frames) > MAX_FRAMES).any():
        raise InputError(f"{path}: frame_index reaches {np.abs(frames).max():g}", expected=f"at most {MAX_FRAMES}")
    is_right = torch.from_numpy(right > 0.5)
    if _flag(path, arrays, "left_as_right"):
        pose = torch.where(is_right[:, None, None, None], pose, mirror_matrix(pose))
        orient = torch.where(is_right[:, None, None], orient, mirror_matrix(orient))
    if not _flag(path, arrays, "flat_hand_mean"):
        left, whole = body.hands_from_offsets(pose, pose)
        pose = torch.where(is_right[:, None, None, None], whole, left)
    boxes = None
    if "boxes" in arrays:
        sound = arrays["boxes"].dtype.kind in "iuf" and arrays["boxes"].shape == (count, 4)
        if not sound or not np.isfinite(arrays["boxes"]).all():
            raise InputError(
                f"{path}: boxes has shape {arrays['boxes'].shape}", expected=f"({count}, 4) finite numbers"
            )
        boxes = torch.from_numpy(arrays["boxes"].astype(np.float32))
    score = _column(path, arrays, "score", count) if "score" in arrays else np.ones(count)
    return Hands(
        frame_index=torch.from_numpy(frames.astype(np.int64)),
        is_right=is_right,
        global_orient=orient,
        hand_pose=pose,
        score=torch.from_numpy(score.astype(np.float32)),
        boxes=boxes,
    )


def _flag(path: Path, arrays: Mapping[str, np.ndarray], key: str) -> bool:
    found = arrays.get(key, np.array(True))
    if found.size != 1 or found.dtype.kind not in "biuf":
        raise InputError(f"{path}: {key} is {found.dtype} of shape {found.shape}", expected="true or false")
    return bool(found.reshape(-1)[0])


def _column(path: Path, arrays: Mapping[str, np.ndarray], key: str, count: int) -> np.ndarray:
    found = np.asarray(arrays[key])
    if found.size != count or found.dtype.kind not in "biuf" or not np.isfinite(found).all():
        raise InputError(f"{path}: {key} is {found.dtype} of shape {found.shape}", expected=f"{count} numbers")
    return found.reshape(count)


def _rotations(path: Path, arrays: Mapping[str, np.ndarray], key: str, shape: tuple[int, int]) -> Tensor:
    """Matrices, or axis-angle as it is usually saved."""
    found = np.asarray(arrays[key])
    number = shape[0] * shape[1]
    if found.dtype.kind not in "iuf" or found.size not in (3 * number, 9 * number) or not np.isfinite(found).all():
        what = f"{path}: {key} is {found.dtype} of shape {found.shape}"
        raise InputError(
            what, expected=f"axis-angle ({shape[0]}, {shape[1]}, 3) or matrices ({shape[0]}, {shape[1]}, 3, 3)"
        )
    values = torch.from_numpy(found.astype(np.float32))
    if found.size == 3 * number:
        return matrix_from_axis_angle(values.reshape(*shape, 3))
    matrices = values.reshape(*shape, 3, 3)
    away = (matrices @ matrices.transpose(-1, -2) - torch.eye(3)).abs().amax((-1, -2))
    if bool(((away > 1e-2) | (torch.linalg.det(matrices) < 0)).any()):
        expected = "orthonormal matrices that mirror nothing"
        raise InputError(f"{path}: {key} holds matrices that are no rotations", expected=expected)
    return matrices


@torch.no_grad()
def fuse_hands(clip: Clip, hands: Hands, body: BodyModel, config: FuseConfig | None = None) -> Clip:
    """The clip with the expert's hands where they are to be believed.

    In a smoothed clip the expert is smoothed in the same way first, so that both are compared as they would be used:
    in a causal one by what came before only. Whether it is believed is judged by all of its frames.

    Args:
        clip: of the same video.
        hands: what the expert says.
        body: the one that the clip was made with.
        config: when the expert is believed.

    Raises:
        InputError: several people are in the clip, and the expert's file does not say where its hands are.
        BodyError: the clip was made with a body of another family.
    """
    config, body = config or FuseConfig(), fitting(clip.origin, body)
    if hands.boxes is None and len(clip.tracks) > 1:
        raise InputError(
            f"{len(clip.tracks)} people, and hands without boxes",
            expected="boxes (x1, y1, x2, y2, pixels) in the hand expert's file, to tell whose hands they are",
            todo="save them with the hands, or predict with --person",
        )
    owner = _owners(clip, hands, config)
    tracks = []
    for number, track in enumerate(clip.tracks):
        fused = track
        for side in (0, 1):
            mine = (owner == number) & (hands.is_right == bool(side)) & (hands.score >= config.min_score)
            fused = _fused(fused, side, hands[mine], body, clip.smoothing, config)
        tracks.append(fused)
    return replace(clip, tracks=tuple(tracks))


def _owners(clip: Clip, hands: Hands, config: FuseConfig) -> Int64[Tensor, "hand"]:
    """Which track each hand is of, or -1: the one whose hand of that side is nearest to the middle of the box."""
    best = torch.full((len(hands.score),), torch.inf)
    owner = torch.full((len(hands.score),), -1)
    for number, track in enumerate(clip.tracks):
        row, known = _rows(track, hands.frame_index)
        away = torch.zeros(len(row))
        if hands.boxes is not None:
            places = torch.stack([track.joints2d[:, list(joints)].mean(1) for joints in _JOINTS], 1)
            place = places[row, hands.is_right.long()]
            middle, size = (hands.boxes[:, :2] + hands.boxes[:, 2:]) / 2, hands.boxes[:, 2:] - hands.boxes[:, :2]
            away = (place - middle).norm(dim=-1) / size.amax(-1).clamp(min=1.0)
        nearer = known & (away < best) & (away < config.reach)
        best, owner = torch.where(nearer, away, best), torch.where(nearer, number, owner)
    return owner


def _rows(track: Track, frames: Int64[Tensor, "hand"]) -> tuple[Int64[Tensor, "hand"], Bool[Tensor, "hand"]]:
    """The row of each frame, and whether there is one."""
    row = torch.searchsorted(track.frame_index, frames).clamp(max=len(track) - 1)
    return row, track.frame_index[row] == frames


def _fused(track: Track, side: int, hands: Hands, body: BodyModel, smoothing: str, config: FuseConfig) -> Track:
    """One hand of one person."""
    order = np.argsort(hands.score.numpy(), kind="stable")  # of two in a frame, the surer one is written last
    row, _ = _rows(track, hands.frame_index)
    written = np.full(len(track), -1)
    written[row.numpy()[order]] = order
    said = torch.from_numpy(written)
    there = (said >= 0).nonzero()[:, 0]
    if len(there) < 3:
        return track
    params = track.params
    world = body.shape(params.betas, params.expression).pose(params.full_pose()).world
    fingers = params.right_hand_pose if side else params.left_hand_pose
    network = torch.cat([world[:, _WRISTS[side], None], fingers], 1)
    expert = torch.cat([hands.global_orient[:, None], hands.hand_pose], 1)[said[there]]
    times, frames, seen = track.timestamps[there], track.frame_index[there], network[there]
    smooth = one_euro_rotations if smoothing == "one-euro" else smooth_rotations
    smoothed = smooth(expert, times, SmoothConfig())
    calm = smooth(seen, times, SmoothConfig()) if smoothing == "none" else seen
    expert = expert if smoothing == "none" else smoothed
    share = torch.zeros(len(track))
    if _trembling(expert, frames) <= config.steadiness * _trembling(seen, frames):
        share[there] = _belief(calm, smoothed, expert, frames, config)
    share = (
        share
        * torch.nn.functional.avg_pool1d(
            share[None], 2 * config.fade + 1, stride=1, padding=config.fade, count_include_pad=False
        )[0]
    )
    whole = network.clone()
    whole[there] = slerp(seen, expert, share[there, None].expand(-1, 16))
    wrist = world[:, _ELBOWS[side]].transpose(-1, -2) @ whole[:, 0]
    pose = params.body_pose.clone()
    changed = share > 0
    pose[changed, _WRISTS[side] - 1] = wrist[changed]
    name = "right_hand_pose" if side else "left_hand_pose"
    params = replace(params, body_pose=pose, **{name: whole[:, 1:]})
    return replace(track, params=params, joints3d=body.pose(params).joints())


def _belief(
    network: Float[Tensor, "time 16 3 3"],
    expert: Float[Tensor, "time 16 3 3"],
    raw: Float[Tensor, "time 16 3 3"],
    frames: Int64[Tensor, "time"],
    config: FuseConfig,
) -> Float[Tensor, "time"]:
    """1 where the expert is to be believed, else 0. The first of the 16 rotations is the wrist's.

    Args:
        network: smoothed, so that what is left is no mere trembling.
        expert: smoothed.
        raw: the expert as it will be used, whose single frames are judged.
        frames: of the rows.
        config: when it is believed.
    """
    limit = torch.tensor([config.wrist_angle, config.finger_angle])
    mean = nearest_rotation(network.mean(0, keepdim=True)).expand_as(network)
    away, usual = _apart(network, expert), _apart(network, mean)
    told = torch.minimum((config.surprise * usual.median(0).values).clamp(min=config.least_angle), limit)
    if bool((away.median(0).values > told).any()) or _fits_later(network, expert, frames, config):
        return torch.zeros(len(network))
    return (_apart(network, raw) < config.outlier * limit).all(-1).float()


def _apart(network: Float[Tensor, "time 16 3 3"], expert: Float[Tensor, "time 16 3 3"]) -> Float[Tensor, "time 2"]:
    """Degrees between both, of the wrist and, on the average, of the fingers."""
    away = torch.rad2deg(angle_between(network, expert))
    return torch.stack([away[:, 0], away[:, 1:].mean(-1)], -1)


def _fits_later(
    network: Float[Tensor, "time 16 3 3"],
    expert: Float[Tensor, "time 16 3 3"],
    frames: Int64[Tensor, "time"],
    config: FuseConfig,
) -> bool:
    """Whether the expert would fit better if it were moved in time: then it is of another moment, or another person."""
    row = torch.full((int(frames[-1]) + 1,), -1)
    row[frames] = torch.arange(len(frames))
    for lag in (*range(-_LONGEST, 0, _LAG), *range(_LAG, _LONGEST + 1, _LAG)):
        there = (frames - lag >= 0) & (frames - lag <= int(frames[-1]))
        other = torch.where(there, row[(frames - lag).clamp(0, len(row) - 1)], -1)
        both = (other >= 0).nonzero()[:, 0]
        if len(both) < 2 * _LAG:
            continue
        here = _apart(network[both], expert[both]).mean(0).sum()
        if float(_apart(network[both], expert[other[both]]).mean(0).sum()) < config.lateness * float(here):
            return True
    return False


def _trembling(rotations: Float[Tensor, "time 16 3 3"], frames: Int64[Tensor, "time"]) -> float:
    """How much rotations change their angular velocity from frame to frame, usually; of wrist and fingers together."""
    turns = axis_angle_from_matrix(rotations[:-1].transpose(-1, -2) @ rotations[1:])
    near = (frames.diff() == 1)[1:] & (frames.diff() == 1)[:-1]
    change = turns.diff(dim=0)[near].norm(dim=-1)
    return float((change[:, 0] + change[:, 1:].mean(-1)).median()) if len(change) else 0.0
