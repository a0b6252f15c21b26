"""Ids that stay with their people; filters that keep what is true; holes filled along the shortest way."""

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from mien.body.model import BodyModel
from mien.clip import Track
from mien.errors import InputError
from mien.geometry.camera import Camera
from mien.geometry.rotation import angle_between, matrix_from_axis_angle, slerp
from mien.metrics.motion import jitter
from mien.synth.clips import KINDS, make_clip
from mien.track.associate import Sighting, Tracker, box_iou
from mien.track.choose import choose_tracks
from mien.track.finish import fill_holes, finish_track, locked_shape
from mien.track.smooth import (
    SmoothConfig,
    nearest_rotation,
    one_euro,
    one_euro_rotations,
    smooth_rotations,
    smooth_values,
)

TIMES = torch.arange(90).double() / 30


# who is who -----------------------------------------------------------------------------------------------------
def sighting(people: list[tuple[float, float, float]]) -> Sighting:
    """People as x of the middle, heading and colour; each is 40 wide and 100 high."""
    boxes = np.array([[x - 20, 50, x + 20, 150] for x, _, _ in people], float).reshape(-1, 4)
    joints = np.array([[[x, 60 + 4 * j] for j in range(22)] for x, _, _ in people], float).reshape(-1, 22, 2)
    turns = torch.tensor([[[0.0, turn, 0.0]] * 9 for _, turn, _ in people]).reshape(-1, 9, 3)
    colours = np.array([[[colour] * 3] * 8 for _, _, colour in people], float).reshape(-1, 8, 3)
    return Sighting(boxes=boxes, joints=joints, rotations=matrix_from_axis_angle(turns).numpy(), colours=colours)


def crossing(frames: range, hidden: range, order: int) -> list[list[int]]:
    """Ids of two people who cross, by person; one of them is not seen for a while."""
    tracker, found = Tracker(), [[], []]
    for frame in frames:
        people = [(50 + 4.0 * frame, 1.5, 0.2), (290 - 4.0 * frame, -1.5, 0.7)]
        here = [0] if frame in hidden else [0, 1][::order]
        ids = tracker.update(frame / 25, sighting([people[i] for i in here]))
        for i, number in zip(here, ids.tolist(), strict=True):
            found[i].append(number)
    return found


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("hidden", [range(0), range(25, 36)])
def test_ids_stay_through_a_crossing_and_a_gap(hidden: range, order: int) -> None:
    first, second = crossing(range(60), hidden, order)
    assert len(set(first)) == 1 and len(set(second)) == 1 and first[0] != second[0]


def test_somebody_new_gets_a_new_id_and_somebody_lost_is_forgotten() -> None:
    tracker = Tracker()
    assert tracker.update(0.0, sighting([(50, 0, 0.5)])).tolist() == [0]
    assert tracker.update(0.04, sighting([(50, 0, 0.5), (250, 0, 0.5)])).tolist() == [0, 1]
    assert tracker.update(0.08, sighting([])).tolist() == []
    assert tracker.update(5.0, sighting([(50, 0, 0.5)])).tolist() == [2]


def test_a_hundred_people_and_a_frame_a_second() -> None:
    tracker = Tracker()
    crowd = [(60.0 * i, 0.0, 0.5) for i in range(100)]
    assert tracker.update(0.0, sighting(crowd)).tolist() == list(range(100))
    moved = [(x + 5, turn, colour) for x, turn, colour in crowd[::-1]]
    assert tracker.update(1.0, sighting(moved)).tolist() == list(range(100))[::-1]


def test_a_tracker_goes_on_from_its_state() -> None:
    whole, first, second = Tracker(), Tracker(), Tracker()
    frames = [sighting([(50 + 4.0 * f, 1.5, 0.2), (290 - 4.0 * f, -1.5, 0.7)]) for f in range(50)]
    for i, seen in enumerate(frames[:25]):
        assert whole.update(i / 25, seen).tolist() == first.update(i / 25, seen).tolist()
    second.restore(json.loads(json.dumps(first.state())))
    for i, seen in enumerate(frames[25:]):
        assert whole.update(1 + i / 25, seen).tolist() == second.update(1 + i / 25, seen).tolist()
    assert whole.state() == second.state()


def test_iou_and_choice() -> None:
    boxes = np.array([[0.0, 0, 2, 2], [1, 0, 3, 2]])
    np.testing.assert_allclose(box_iou(boxes, boxes), [[1, 1 / 3], [1 / 3, 1]])
    ids, frames = np.array([4, 4, 7, 9]), np.array([0, 1, 0, 1])
    bbox = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [20, 0, 32, 12], [50, 0, 90, 40]], float)
    score = np.array([0.5, 0.5, 0.8, 0.9])
    chosen = {
        how: choose_tracks(ids, frames, bbox, score, how) for how in ("all", "largest", "top:2", "id:7", "at:25,5")
    }
    assert chosen == {"all": [4, 7, 9], "largest": [9], "top:2": [4, 9], "id:7": [7], "at:25,5": [7]}
    assert choose_tracks(ids[:0], frames[:0], bbox[:0], score[:0], "id:3") == []
    with pytest.raises(InputError, match="id:4, id:7, id:9"):
        choose_tracks(ids, frames, bbox, score, "id:5")


# filters --------------------------------------------------------------------------------------------------------
def moving(seed: int = 0) -> torch.Tensor:
    """Three joints that swing, (time, joint, 3, 3)."""
    wave = torch.sin(TIMES[:, None] * torch.tensor([2.0, 3.0, 4.0])).float()
    return matrix_from_axis_angle(wave[..., None] * torch.tensor([0.8, -0.3, 0.4]))


def shaken(rotations: torch.Tensor, size: float = 0.1) -> torch.Tensor:
    noise = size * torch.randn(*rotations.shape[:2], 3, generator=torch.Generator().manual_seed(1))
    return rotations @ matrix_from_axis_angle(noise)


@pytest.mark.parametrize("smooth", [smooth_rotations, one_euro_rotations])
def test_what_stands_still_stays_and_the_frame_of_reference_does_not_matter(smooth) -> None:
    still = moving()[:1].expand(90, 3, 3, 3).contiguous()
    assert float(angle_between(smooth(still, TIMES, SmoothConfig()), still).max()) < 1e-3
    turn = matrix_from_axis_angle(torch.tensor([0.4, 2.0, -1.0]))
    noisy = shaken(moving())
    assert (
        float(
            angle_between(
                smooth(turn @ noisy, TIMES, SmoothConfig()), turn @ smooth(noisy, TIMES, SmoothConfig())
            ).max()
        )
        < 2e-3
    )


def test_the_zero_lag_filter_lowers_noise_without_lag_and_forgets_outliers() -> None:
    truth = moving()
    noisy = shaken(truth)
    noisy[40, 1] = noisy[40, 1] @ matrix_from_axis_angle(torch.tensor([0.0, 3.0, 0.0]))
    found = smooth_rotations(noisy, TIMES, SmoothConfig())
    before, after = angle_between(noisy, truth), angle_between(found, truth)
    assert float(after.mean()) < 0.5 * float(before.median()) and float(after[40, 1]) < 0.2
    assert float(angle_between(smooth_rotations(truth, TIMES, SmoothConfig()), truth).max()) < 0.06
    determinant = torch.linalg.det(found)
    assert torch.allclose(determinant, torch.ones_like(determinant), atol=1e-4)


def test_a_parabola_is_kept_at_any_frame_rate() -> None:
    times = torch.cumsum(0.02 + 0.03 * torch.rand(80, generator=torch.Generator().manual_seed(3)), 0).double()
    values = torch.stack([times**2, 1 - times], -1).float()[:, None]
    found = smooth_values(values, times, SmoothConfig(curvature=1e6), 10.0)
    assert float((found - values)[10:-10].abs().max()) < 0.02
    one = smooth_values(values[:1], times[:1], SmoothConfig(), 1.0)
    assert torch.allclose(one, values[:1])


def test_one_euro_is_causal_and_follows_fast_motion_sooner() -> None:
    step = torch.zeros(90, 1)
    step[30:] = 1
    found = one_euro(step, TIMES, SmoothConfig(beta=0.0))
    assert float(found[:30].abs().max()) == 0 and 0 < float(found[31, 0]) < 1
    assert float(one_euro(step, TIMES, SmoothConfig(beta=2.0))[33, 0]) > float(found[33, 0])
    rotations = shaken(moving())
    whole = one_euro_rotations(rotations, TIMES, SmoothConfig())
    assert torch.equal(one_euro_rotations(rotations[:50], TIMES[:50], SmoothConfig()), whole[:50])


def test_the_nearest_rotation_of_anything() -> None:
    rotations = moving()[:5, 0]
    assert float(angle_between(nearest_rotation(0.7 * rotations), rotations).max()) < 1e-3
    poor = nearest_rotation(torch.diag(torch.tensor([1.0, 1.0, -0.2]))[None])
    assert torch.linalg.det(poor).allclose(torch.ones(1))


# a person from one end to the other -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def seen(body: BodyModel) -> tuple[Track, Track, torch.Tensor]:
    """Somebody who walks as the truth has it, and as a trembling network sees them, with a hole; and K."""
    clip = make_clip(body, "cross", frames=60)
    params, camera = clip.people[0], Camera(K=clip.K)
    with torch.no_grad():
        joints = body.pose(params).joints()
    pixels = camera.project(joints)
    one, zero = torch.ones(60), torch.zeros(60, 4)
    truth = Track(
        id=5, params=params, bbox=zero, crop_bbox=zero, score=0.9 * one, joints3d=joints, joints2d=pixels,
        crop_K=clip.K.expand(60, 3, 3), crop_transl=params.transl, crop_global_orient=params.global_orient,
        transl_residual=0 * one, frame_index=torch.arange(60), timestamps=torch.from_numpy(clip.times), valid=one > 0,
    )  # fmt: skip
    random = torch.Generator().manual_seed(0)

    def shake(rotations: torch.Tensor) -> torch.Tensor:
        noise = 0.12 * torch.randn(*rotations.shape[:-1], generator=random)
        return rotations @ matrix_from_axis_angle(noise)

    noisy = replace(
        params,
        **{each.name: shake(getattr(params, each.name)) for each in fields(params) if "pose" in each.name},
        global_orient=shake(params.global_orient),
        betas=params.betas + 0.5 * torch.randn(60, 10, generator=random),
        transl=params.transl * (1 + 0.05 * torch.randn(60, 1, generator=random)),
    )
    track = replace(truth, params=noisy, joints2d=pixels + torch.randn(60, 144, 2, generator=random))
    there = torch.cat([torch.arange(25), torch.arange(37, 60)])
    return truth, track[there], clip.K


def test_holes_are_filled_along_the_shortest_way(seen: tuple[Track, Track, torch.Tensor]) -> None:
    truth, track, _ = seen
    whole = fill_holes(track, truth.timestamps)
    assert whole.frame_index.tolist() == list(range(60)) and int((~whole.valid).sum()) == 12
    assert float(whole.score[~whole.valid].abs().max()) == 0
    for name in ("body_pose", "transl"):
        assert torch.equal(getattr(whole.params, name)[whole.valid], getattr(track.params, name))
    middle = slerp(track.params.body_pose[24], track.params.body_pose[25], torch.full((21,), 6 / 13))
    assert float(angle_between(whole.params.body_pose[30], middle).max()) < 1e-3
    assert torch.equal(whole.timestamps, truth.timestamps)


@pytest.mark.parametrize("method", ["zero-lag", "one-euro"])
def test_a_finished_track_trembles_less_and_is_nearer_to_the_truth(
    body: BodyModel, seen: tuple[Track, Track, torch.Tensor], method
) -> None:
    truth, track, K = seen
    betas = locked_shape(track.params.betas, track.score)
    done = finish_track(track, body, K, truth.timestamps, SmoothConfig(method=method), betas)
    assert len(done) == 60 and torch.equal(done.params.betas, betas.expand(60, -1))
    rows = torch.cat([torch.arange(25), torch.arange(37, 60)])

    def error(said: Track, true: Track) -> float:
        root = [person.joints3d - person.joints3d[:, :1] for person in (said, true)]
        return float((root[0] - root[1]).norm(dim=-1).mean())

    raw = replace(track, joints3d=body.pose(track.params).joints())
    assert error(done[rows], truth[rows]) < (0.7 if method == "zero-lag" else 1.0) * error(raw, truth[rows])
    assert float(jitter(done.joints3d).mean()) < 0.3 * float(jitter(raw.joints3d[:25]).mean())
    assert float((done.params.transl - truth.params.transl)[rows].norm(dim=-1).mean()) < 0.15
    posed = body.pose(done.params).joints()
    assert torch.allclose(posed, done.joints3d, atol=1e-4)
    assert torch.equal(done.joints2d[done.valid], track.joints2d)
    hole = ~done.valid
    assert torch.allclose(Camera(K=K).project(done.joints3d)[hole], done.joints2d[hole], atol=1e-3)
    same = finish_track(track, body, K, truth.timestamps, SmoothConfig(method="none"), betas)
    assert same is track


def test_one_shape_is_not_moved_by_a_few_that_are_far_off() -> None:
    betas = 0.3 + 0.05 * torch.randn(50, 10, generator=torch.Generator().manual_seed(0))
    betas[::10] = 5
    assert float((locked_shape(betas, torch.ones(50)) - 0.3).abs().max()) < 0.05
    assert torch.allclose(locked_shape(betas[1:2], torch.zeros(1)), betas[1])


@pytest.mark.parametrize("kind", ["pillar", "three"])
def test_made_clips_are_what_they_say(body: BodyModel, kind) -> None:
    assert kind in KINDS
    clip = make_clip(body, kind, seed=1, frames=4, image_size=(120, 160))
    assert len(clip) == 4 and len(clip.people) == (3 if kind == "three" else 2) and math.isclose(clip.fps, 25)
    shown, again = clip.show(3), clip.show(3)
    assert np.array_equal(shown.picture, again.picture) and np.array_equal(shown.boxes, again.boxes)
    assert shown.picture.shape == (120, 160, 3) and len(shown.who) == len(shown.boxes) == len(shown.scores)
    pixels = Camera(K=clip.K).project(torch.from_numpy(clip.mesh(3, 0)))
    low, high = pixels.amin(0).numpy(), pixels.amax(0).numpy()
    if 0 in shown.who and shown.visible[0] > 0.98:
        np.testing.assert_allclose(shown.boxes[shown.who.index(0)], [*low, *high], atol=6)
