"""`mien verify` names the convention that is wrong: each is planted and must be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from mien.body.model import BodyModel
from mien.cli import main
from mien.errors import InputError
from mien.evaluate.known_answer import compare_known, record_known
from mien.evaluate.predicting import Answer
from mien.evaluate.truths import Truths
from mien.evaluate.verify import HANDS, verify
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.nets.card import WeightCard
from mien.nets.smplest import SIZES, Smplest
from mien.nets.weights import save_weights
from mien.records import SmplxParams


@dataclass(frozen=True)
class Says:
    """Says what it was given, in the pictures' own cameras."""

    params: SmplxParams
    K: torch.Tensor
    image_size: None = None

    def __call__(self, crops: np.ndarray | None, rows: np.ndarray) -> Answer:
        chosen = torch.from_numpy(rows)
        return Answer(params=self.params[chosen], K=self.K[chosen])


@pytest.fixture(scope="module")
def good(truths: Truths, body: BodyModel) -> Says:
    """A network that is nearly right."""
    torch.manual_seed(0)
    true = truths.params(body)

    def noisy(rotations: torch.Tensor) -> torch.Tensor:
        return rotations @ matrix_from_axis_angle(0.05 * torch.randn(*rotations.shape[:-1]))

    names = ("global_orient", "body_pose", "jaw_pose", *HANDS)
    assert truths.samples.camera is not None
    fx, fy, cx, cy = torch.from_numpy(truths.samples.camera.value).unbind(1)
    zero, one = torch.zeros_like(fx), torch.ones_like(fx)
    K = torch.stack([fx, zero, cx, zero, fy, cy, zero, zero, one], 1).reshape(-1, 3, 3)
    return Says(replace(true, **{name: noisy(getattr(true, name)) for name in names}), K)


def test_what_is_right_is_sound(good: Says, truths: Truths, body: BodyModel) -> None:
    report = verify(good, truths, body)
    assert report.sound and report.verdict == "sound", report.verdict


def _swapped(p: SmplxParams, body: BodyModel) -> SmplxParams:
    return replace(p, left_hand_pose=p.right_hand_pose, right_hand_pose=p.left_hand_pose)


def _without_mean(p: SmplxParams, body: BodyModel) -> SmplxParams:
    assert body.mean_hands is not None
    hands = {
        name: matrix_from_axis_angle(axis_angle_from_matrix(getattr(p, name)) - body.mean_hands[i])
        for i, name in enumerate(HANDS)
    }
    return replace(p, **hands)


def _axes(p: SmplxParams, body: BodyModel) -> SmplxParams:
    return replace(p, body_pose=matrix_from_axis_angle(axis_angle_from_matrix(p.body_pose)[..., [2, 1, 0]]))


def _rows(p: SmplxParams, body: BodyModel) -> SmplxParams:
    return replace(p, body_pose=p.body_pose.mT)


def _root(p: SmplxParams, body: BodyModel) -> SmplxParams:
    return replace(p, global_orient=torch.diag(torch.tensor([1.0, -1, -1])) @ p.global_orient)


def _millimetres(p: SmplxParams, body: BodyModel) -> SmplxParams:
    return replace(p, transl=p.transl * 1000)


def _left(p: SmplxParams, body: BodyModel) -> SmplxParams:
    return replace(p, transl=p.transl * torch.tensor([-1.0, -1, 1]) + torch.tensor([3.0, 3, 0]))


def _nan(p: SmplxParams, body: BodyModel) -> SmplxParams:
    return replace(p, betas=p.betas * torch.nan)


def _nobody(p: SmplxParams, body: BodyModel) -> SmplxParams:
    one = torch.eye(3)
    return replace(p, body_pose=one.expand_as(p.body_pose), global_orient=one.expand_as(p.global_orient))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_swapped, "left and right hand are swapped"),
        (_without_mean, "mean hand is missing"),
        (_axes, "axes stand in the order z, y, x"),
        (_rows, "transposed"),
        (_root, "y up, z towards the viewer"),
        (_millimetres, "millimetres"),
        (_left, "beside their boxes"),
        (_nan, "NaN"),
        (_nobody, "no better than"),
    ],
)
def test_each_planted_mistake_is_named(spoil, said: str, good: Says, truths: Truths, body: BodyModel) -> None:
    report = verify(replace(good, params=spoil(good.params, body)), truths, body)
    assert not report.sound and said in report.verdict, report.verdict
    assert report.verdict.startswith("NOT SOUND") and "\n" not in report.verdict


@dataclass(frozen=True)
class Partly(Says):
    """Says nothing of the last person, whom a file would put at rest."""

    def __call__(self, crops: np.ndarray | None, rows: np.ndarray) -> Answer:
        there = torch.from_numpy(rows) < len(self.params.transl) - 1
        said = super().__call__(crops, rows)
        assert said.params is not None
        turned = torch.where(there[:, None, None], said.params.global_orient, torch.eye(3))
        return replace(said, params=replace(said.params, global_orient=turned), there=there)


def test_who_has_no_answer_is_left_out(good: Says, truths: Truths, body: BodyModel) -> None:
    deep = good.params.transl.clone()
    deep[-1] = -1000
    report = verify(Partly(replace(good.params, transl=deep), good.K), truths, body)
    assert report.sound, report.verdict
    with pytest.raises(InputError, match="nothing is said about anybody"):
        verify(Partly(good.params[:1], good.K[:1]), truths.take(slice(0, 1)), body)


def test_without_cameras_and_translations_the_picture_is_not_looked_at(
    good: Says, truths: Truths, body: BodyModel
) -> None:
    report = verify(replace(good, K=good.K * torch.nan), truths, body)
    assert report.sound and "no camera" in report.checks[-1].said, report.verdict
    nowhere = replace(good.params, transl=torch.zeros_like(good.params.transl))
    report = verify(replace(good, params=nowhere), truths, body)
    assert report.sound and "no translations" in report.checks[1].said, report.verdict


def test_answers_are_asked_for_by_their_own_rows(good: Says, truths: Truths, body: BodyModel) -> None:
    label = truths.samples.left_hand_pose
    assert label is not None
    weight = label.weight.copy()
    weight[0] = 0
    partly = replace(truths, samples=replace(truths.samples, left_hand_pose=replace(label, weight=weight)))
    assert verify(good, partly, body).sound


def test_an_answer_that_is_no_number_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "known.json"
    record_known(path, "a", [0.0, 1.0])
    assert compare_known(path, "a", [0.0, 1.001]).ok
    assert not compare_known(path, "a", [0.0, float("nan")]).ok
    with pytest.raises(InputError, match="answers NaN"):
        record_known(path, "b", [float("nan")])


def test_the_command_ends_in_one_line(studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "random-xxs", "--on", str(studio)]) == 1
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("NOT SOUND") and "no better than" in last
    record = tmp_path / "known.json"
    assert main(["verify", "random-xxs", "--on", str(studio), "--record", str(record)]) == 1
    main(["verify", "random-xxs", "--on", str(studio), "--known", str(record)])
    assert "known answer" in capsys.readouterr().out
    main(["verify", "random-xxs:1", "--on", str(studio), "--known", str(record)])
    assert "other than what was recorded" in capsys.readouterr().out
    assert main(["verify", str(studio), "--on", str(studio), "--record", str(tmp_path / "r.json")]) == 2
    assert "--record for" in capsys.readouterr().err


def test_a_missing_key_is_named(studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = Smplest.random(SIZES["xxs"], 0)
    card = WeightCard(name="cut", config=network.config, body_family="openbody", licence="Apache-2.0")
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    save_weights(network, card, whole)
    with safetensors.safe_open(str(whole), "pt") as file:
        metadata, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}
    key = next(iter(tensors))
    tensors.pop(key)
    safetensors.torch.save_file(tensors, str(cut), metadata)
    assert main(["verify", str(cut), "--on", str(studio)]) == 1
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("NOT SOUND") and key in last
