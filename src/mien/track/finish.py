"""From what the network said about one person, frame by frame, to a track: no holes, one shape, smooth, one camera.

The order matters. Holes are filled first, so that the filters see every frame. The shape is then the same in all
frames, rotations are smoothed, and only then is the person placed anew in the clip's camera, by the pixels in which the
network saw the joints: a body of another size stands at another depth. The path of the pelvis is smoothed as users see
it, as a direction and the logarithm of its depth.
"""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from mien.body.model import BodyModel
from mien.clip import Track
from mien.geometry.camera import Camera, solve_transl
from mien.geometry.rotation import slerp
from mien.placing import BODY_POINTS
from mien.records import SmplxParams
from mien.track.smooth import SmoothConfig, one_euro, one_euro_rotations, smooth_rotations, smooth_values

__all__ = ["fill_holes", "finish_track", "locked_shape"]

_DIRECTION_OUTLIER, _DEPTH_OUTLIER, _EXPRESSION_OUTLIER = 0.03, 0.15, 2.0
"""What may be a slip of the network: radians, log of metres, standard deviations."""
_PATH_BETA = 15.0
"""How much sooner the causal filter follows a path than a joint: its speeds are smaller numbers."""
_DEPTH_PATIENCE = 2.0
"""How much longer the window for depth is, which is seen worst."""


def finish_track(
    track: Track,
    body: BodyModel,
    K: Float[Tensor, "3 3"],
    frame_times: Float64[Tensor, "num_frames"],
    config: SmoothConfig,
    betas: Float[Tensor, "beta"],
) -> Track:
    """One person's rows with holes filled, shape locked, rotations and path smoothed, in one camera.

    Args:
        track: what the network said; or a stretch of it, with `smooth.MARGIN` rows more on either side.
        body: the one that the network answers with.
        K: of the clip.
        frame_times: seconds, of every frame of the clip.
        config: how much to smooth; `none` gives the track back as it is, holes and all.
        betas: the shape of this person in all frames: see `locked_shape`.
    """
    if config.method == "none":
        return track
    track = fill_holes(track, frame_times)
    times = track.timestamps
    params = replace(_smooth_pose(track.params, times, config), betas=betas.expand(len(track), -1).clone())
    posed = body.shape(params.betas, params.expression).pose(params.full_pose())
    joints, root = posed.joints(), posed.shaped.joints[:, 0]
    camera = Camera(K=K)
    points, pixels = joints[:, BODY_POINTS], track.joints2d[:, BODY_POINTS]
    transl, _ = solve_transl(camera, points, pixels)
    path = _smooth_path(transl + root, track.valid, times, config)
    transl = path - root
    joints = joints + transl[:, None]
    seen = camera.project(joints)
    joints2d = torch.where(track.valid[:, None, None], track.joints2d, seen)
    away = (seen - joints2d)[:, BODY_POINTS].square().sum(-1).mean(-1).sqrt()
    return replace(
        track, params=replace(params, transl=transl), joints3d=joints, joints2d=joints2d, transl_residual=away
    )


def locked_shape(betas: Float[Tensor, "row beta"], score: Float[Tensor, "row"]) -> Float[Tensor, "beta"]:
    """One shape for all rows: their mean, weighted by score, without those that are far from it."""
    sure = score.clamp(min=1e-3)[:, None]
    found = betas.median(0).values
    for _ in range(3):
        away = (betas - found).norm(dim=-1, keepdim=True)
        limit = (3 * away.median()).clamp(min=1e-6)
        weight = sure * (1 - (away / limit).square()).clamp(min=0.0).square()
        if float(weight.sum()) == 0:
            return found
        found = (weight * betas).sum(0) / weight.sum()
    return found


def fill_holes(track: Track, frame_times: Float64[Tensor, "num_frames"]) -> Track:
    """A row for every frame between the first and the last: rotations along the shortest way, all else on a line, by
    time; not `valid`, and with a score of 0."""
    first, last = int(track.frame_index[0]), int(track.frame_index[-1])
    frames = torch.arange(first, last + 1)
    if len(frames) == len(track):
        return track
    after = torch.searchsorted(track.frame_index, frames)
    seen = track.frame_index[after] == frames
    before = torch.where(seen, after, after - 1)
    times = frame_times[first : last + 1]
    start, end = track.timestamps[before], track.timestamps[after]
    share = torch.where(seen, torch.zeros_like(times), (times - start) / (end - start).clamp(min=1e-9)).float()

    def line(values: Tensor) -> Tensor:
        part = share.reshape(-1, *[1] * (values.dim() - 1))
        return values[before] + part * (values[after] - values[before])

    def arc(rotations: Tensor) -> Tensor:
        part = share.reshape(-1, *[1] * (rotations.dim() - 3)).expand(len(share), *rotations.shape[1:-2])
        return torch.where(
            seen.reshape(-1, *[1] * (rotations.dim() - 1)),
            rotations[before],
            slerp(rotations[before], rotations[after], part),
        )

    params = {
        field.name: (arc if getattr(track.params, field.name).shape[-2:] == (3, 3) else line)(
            getattr(track.params, field.name)
        )
        for field in fields(SmplxParams)
    }
    names = ("bbox", "crop_bbox", "joints3d", "joints2d", "crop_K", "crop_transl", "transl_residual")
    return replace(
        track,
        params=SmplxParams(**params),
        **{name: line(getattr(track, name)) for name in names},
        part_bbox=None if track.part_bbox is None else line(track.part_bbox),
        crop_global_orient=arc(track.crop_global_orient),
        score=torch.where(seen, track.score[before], torch.zeros_like(share)),
        frame_index=frames,
        timestamps=times,
        valid=torch.where(seen, track.valid[before], torch.zeros_like(seen)),
    )


def _smooth_pose(params: SmplxParams, times: Float64[Tensor, "time"], config: SmoothConfig) -> SmplxParams:
    """All rotations but those of the eyes, which the networks do not see; and the expression."""
    pose = torch.cat(
        [
            params.global_orient[:, None],
            params.body_pose,
            params.jaw_pose[:, None],
            params.left_hand_pose,
            params.right_hand_pose,
        ],
        1,
    )
    if config.method == "one-euro":
        pose, expression = one_euro_rotations(pose, times, config), one_euro(params.expression, times, config)
    else:
        pose = smooth_rotations(pose, times, config)
        expression = smooth_values(params.expression[:, None], times, config, _EXPRESSION_OUTLIER)[:, 0]
    root, body, jaw, left, right = pose.split([1, 21, 1, 15, 15], 1)
    return replace(
        params,
        global_orient=root[:, 0],
        body_pose=body,
        jaw_pose=jaw[:, 0],
        left_hand_pose=left,
        right_hand_pose=right,
        expression=expression,
    )


def _smooth_path(
    path: Float[Tensor, "time 3"], valid: Bool[Tensor, "time"], times: Float64[Tensor, "time"], config: SmoothConfig
) -> Float[Tensor, "time 3"]:
    """The pelvis, smoothed as direction and log depth; unseen frames lie on a line between the seen ones."""
    depth = path[:, 2].clamp(min=1e-3)
    seen = torch.stack([path[:, 0] / depth, path[:, 1] / depth, depth.log()], -1)
    seen = _between(seen, valid, times)
    if config.method == "one-euro":
        seen = one_euro(seen, times, replace(config, beta=_PATH_BETA * config.beta))
    else:
        slow = replace(config, half_width=_DEPTH_PATIENCE * config.half_width)
        direction = smooth_values(seen[:, None, :2], times, config, _DIRECTION_OUTLIER)[:, 0]
        seen = torch.cat([direction, smooth_values(seen[:, None, 2:], times, slow, _DEPTH_OUTLIER)[:, 0]], -1)
    depth = seen[:, 2].exp()
    return torch.stack([seen[:, 0] * depth, seen[:, 1] * depth, depth], -1)


def _between(
    values: Float[Tensor, "time 3"], valid: Bool[Tensor, "time"], times: Float64[Tensor, "time"]
) -> Float[Tensor, "time 3"]:
    """The values where they are valid, else on a line between the valid ones around them."""
    known = valid.nonzero()[:, 0]
    if len(known) in (0, len(valid)):
        return values
    after = torch.searchsorted(known, torch.arange(len(valid))).clamp(max=len(known) - 1)
    before, after = known[(after - 1).clamp(min=0)], known[after]
    share = ((times - times[before]) / (times[after] - times[before]).clamp(min=1e-9)).clamp(0, 1).float()[:, None]
    return torch.where(valid[:, None], values, values[before] + share * (values[after] - values[before]))
