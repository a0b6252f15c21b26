"""Videos: acceleration and jitter of people with tracks, the same for any split into stretches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from answers import Says

from mien.body.model import BodyModel
from mien.evaluate.motion import with_motion
from mien.evaluate.reading import read_truths
from mien.evaluate.results import Results
from mien.evaluate.running import evaluate
from mien.evaluate.truths import Truths
from mien.geometry.rotation import matrix_from_axis_angle


@pytest.fixture(scope="module")
def clip(studio: Path, body: BodyModel) -> Truths:
    """One person in six frames that turns steadily, and two who are in one frame each."""
    truths = read_truths(studio, "all", body)
    samples = truths.samples.take(np.array([0] * 6 + [1, 2]))
    assert samples.body_pose is not None
    pose = samples.body_pose.value.copy()
    pose[:6, 15, 2] = np.arange(6) * 0.1
    track = np.array(["a"] * 6 + ["b", "c"], dtype=object)
    image = np.array([f"clip/{i:04d}.jpg" for i in range(8)], dtype=object)
    samples = replace(samples, body_pose=replace(samples.body_pose, value=pose), track=track, image=image)
    return replace(truths, samples=samples)


def test_the_truth_accelerates_as_itself(clip: Truths, body: BodyModel) -> None:
    found = with_motion(evaluate(Says(clip.params(body)), clip, body, batch=3))
    assert found.valid["acceleration"].tolist() == [False, True, True, True, True, False, False, False]
    assert found.valid["jitter"].tolist() == [False, True, True, True, False, False, False, False]
    assert found.values["acceleration"].max() < 1e-3 and found.motion.shape == (8, 0)
    assert 0 < found.values["jitter"][1] < 5


def test_a_jump_is_seen_where_it_is_and_splits_change_nothing(clip: Truths, body: BodyModel) -> None:
    params = clip.params(body)
    pose = params.body_pose.clone()
    pose[3, 15] = pose[3, 15] @ matrix_from_axis_angle(torch.tensor([0.5, 0.0, 0.0]))
    says = Says(replace(params, body_pose=pose))
    whole = with_motion(evaluate(says, clip, body, batch=8))
    assert int(np.argmax(whole.values["acceleration"])) == 3 and whole.values["acceleration"][1] < 1e-3
    pieces: list[Results] = []
    for a, b in ((0, 2), (2, 8)):
        part = evaluate(Says(replace(params, body_pose=pose)[a:b]), clip.take(slice(a, b)), body)
        pieces.append(Results.of_table(part.table))
    joined = with_motion(Results.cat(pieces))
    for name in ("acceleration", "jitter"):
        np.testing.assert_allclose(joined.values[name], whole.values[name], rtol=1e-5, atol=1e-4)
        assert np.array_equal(joined.valid[name], whole.valid[name])
    assert "motion" not in joined.table.column_names


def test_answers_that_are_no_numbers_are_broken_not_absent(clip: Truths, body: BodyModel) -> None:
    params = clip.params(body)
    betas = params.betas.clone()
    betas[0] = torch.nan
    found = with_motion(evaluate(Says(replace(params, betas=betas)), clip, body))
    counts = {name: (each.count, each.broken, each.absent) for name, each in found.tallies.items()}
    assert counts["acceleration"] == (3, 1, 4) and counts["jitter"] == (2, 1, 5)


def test_a_gap_in_the_frames_is_no_motion(clip: Truths, body: BodyModel) -> None:
    image = clip.samples.image.copy()
    image[3:6] = [f"clip/{i:04d}.jpg" for i in (9, 10, 11)]
    gapped = replace(clip, samples=replace(clip.samples, image=image))
    found = with_motion(evaluate(Says(clip.params(body)), gapped, body))
    assert found.valid["acceleration"].tolist() == [False, True, False, False, True, False, False, False]
