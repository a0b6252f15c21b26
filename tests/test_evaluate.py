"""Evaluation: perfect answers have no error, known ones a known error; what cannot be measured is counted."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from mien.body.model import BodyModel
from mien.cli import main
from mien.data.humandata import HumanData, HumanDataFile
from mien.data.transforms import Setting
from mien.errors import BodyError, InputError, OutputError, PictureError
from mien.evaluate import fitting, work
from mien.evaluate.baseline import Baseline, BaselinePredictor, read_baseline
from mien.evaluate.job import Job, check_out, make_plan
from mien.evaluate.predicting import Answer, NetworkPredictor
from mien.evaluate.reading import Source, Split, gather, read_store, read_truths, store_family
from mien.evaluate.results import Results
from mien.evaluate.running import BadPictures, evaluate
from mien.evaluate.truths import Truths
from mien.geometry.rotation import matrix_from_axis_angle
from mien.metrics.parts import MeshParts
from mien.nets.smplest import SIZES, Smplest
from mien.records import SmplxParams


@pytest.fixture(scope="module")
def folder(studio: Path) -> Path:
    """Eight pictures, one person in each: four for training, four for tests."""
    return studio


@pytest.fixture(scope="module")
def truths(folder: Path, body: BodyModel) -> Truths:
    return read_truths(folder, "all", body)


@dataclass(frozen=True)
class Says:
    """Says what it was given."""

    params: SmplxParams
    image_size: None = None

    def __call__(self, crops: np.ndarray | None, rows: np.ndarray) -> Answer:
        assert crops is None
        return Answer(params=self.params[torch.from_numpy(rows)])


def test_the_truth_has_no_error(truths: Truths, body: BodyModel, parts: MeshParts) -> None:
    assert len(truths) == truths.entries == 8 and truths.name == "studio" and not truths.left_out
    found = evaluate(Says(truths.params(body)), truths, body, parts=parts).tallies
    for name, tally in found.items():
        assert tally.count == 8 and tally.mean is not None
        if not name.startswith(("kp2d", "upstream_mpjpe")):
            assert tally.mean < 0.01, name


def test_half_a_turn_has_the_error_that_it_must_have(truths: Truths, body: BodyModel, parts: MeshParts) -> None:
    true = truths.params(body)
    turn = matrix_from_axis_angle(torch.tensor([0.0, math.pi, 0.0]))
    turned = replace(true, global_orient=turn @ true.global_orient, transl=true.transl + 1)
    mesh = body.pose(true).mesh()
    off = mesh - parts.roots.joints(mesh)[:, :1]
    expected = 2000 * torch.hypot(off[..., 0], off[..., 2]).mean()
    found = evaluate(Says(turned), truths, body, parts=parts).summary
    assert found["pve"] == pytest.approx(float(expected), abs=0.01)
    assert max(found[name] for name in found if name.startswith("pa_")) < 0.01


def test_swapped_hands_are_seen_by_the_hand_measures(truths: Truths, body: BodyModel, parts: MeshParts) -> None:
    true = truths.params(body)
    swapped = replace(true, left_hand_pose=true.right_hand_pose, right_hand_pose=true.left_hand_pose)
    found = evaluate(Says(swapped), truths, body, parts=parts).summary
    assert found["pve_hand"] > 10 and found["pa_pve_hand"] > 5
    assert found["mpjpe_body"] < 0.01 and found["pve_face"] < 0.01


def test_a_network_in_training_is_measured_and_stays_in_training(
    truths: Truths, body: BodyModel, parts: MeshParts
) -> None:
    network = Smplest.random(SIZES["xxs"], 0).train()
    found = evaluate(network, truths, body, parts=parts, batch=3)
    assert network.training and all(parameter.grad is None for parameter in network.parameters())
    again = evaluate(network.eval(), truths, body, parts=parts, batch=8)
    for name, value in found.summary.items():
        assert value == pytest.approx(again.summary[name], rel=1e-4), name
    assert 50 < found.summary["pve"] < 2000 and 0 < found.summary["kp2d_box"] < 100
    assert (found.row == again.row).all() and len(set(found.image.tolist())) == 8


def test_parts_of_a_folder_join_to_the_whole(truths: Truths, body: BodyModel, parts: MeshParts) -> None:
    network = Smplest.random(SIZES["xxs"], 0)
    whole = evaluate(network, truths, body, parts=parts, batch=1)
    pieces = [evaluate(network, truths.take(slice(a, b)), body, parts=parts, batch=1) for a, b in ((5, 8), (0, 5))]
    assert Results.cat(pieces).tallies == whole.tallies
    assert Results.of_table(whole.table).tallies == whole.tallies


def test_what_is_unknown_is_not_measured(truths: Truths, body: BodyModel, parts: MeshParts) -> None:
    samples = truths.samples
    assert samples.left_hand_pose is not None and samples.right_hand_pose is not None and samples.betas is not None
    none = np.zeros(8, dtype=np.float32)
    without = replace(
        samples,
        left_hand_pose=replace(samples.left_hand_pose, weight=none),
        right_hand_pose=replace(samples.right_hand_pose, weight=none),
        betas=replace(samples.betas, weight=np.array([0, 1, 1, 1, 1, 1, 1, 1], dtype=np.float32)),
    )
    found = evaluate(Says(truths.params(body)), replace(truths, samples=without), body, parts=parts)
    assert found.tallies["pve"].count == 7 and found.tallies["pve"].absent == 1
    assert found.tallies["pve_hand"].mean is None and "pve_hand" not in found.summary
    assert found.table["pve_hand"].null_count == 8


def test_an_answer_that_is_no_number_is_counted_and_not_averaged(
    truths: Truths, body: BodyModel, parts: MeshParts
) -> None:
    params = truths.params(body)
    params.betas[2, 0] = math.nan
    found = evaluate(Says(params), truths, body, parts=parts)
    assert found.tallies["pve"].broken == 1 and found.tallies["pve"].count == 7
    assert found.summary["pve"] < 0.01


def test_pictures_that_are_missing_are_counted_and_bounded(folder: Path, body: BodyModel, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    truths = read_truths(copy, "test", body)
    (copy / truths.samples.image[0]).unlink()
    (copy / truths.samples.image[1]).write_bytes(b"no picture")
    network = Smplest.random(SIZES["xxs"], 0)
    with pytest.raises(PictureError, match="--max-bad"):
        evaluate(network, truths, body)
    found = evaluate(network, truths, body, bad=BadPictures(limit=2))
    assert found.num_skipped == 2 and found.tallies["pve"].count == 2 and all(found.problem[:2])


@pytest.fixture(scope="module")
def baseline(folder: Path, body: BodyModel) -> Iterator[Baseline]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "FACING", 1)
        yield fitting.fit_baseline([read_truths(folder, "train", body)], body)


def test_no_constant_nearby_is_better(baseline: Baseline, folder: Path, body: BodyModel, parts: MeshParts) -> None:
    train = read_truths(folder, "train", body)
    exact = body.map(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)
    meshes = fitting._meshes(train, body)
    for params, objective, free in (
        (baseline.body, fitting._whole(meshes, parts), None),
        (baseline.hands, fitting._hands(meshes, train.hands, parts), "hands"),
    ):
        way = fitting._Way(start=params.map(lambda tensor: tensor.double()))
        count = sum(way.sizes.values())
        chosen = np.arange(count) if free is None else way.of_hands
        best = fitting._value(objective, exact, way.start)
        for sign in (0.03, -0.03):
            steps = torch.zeros(len(chosen), count, dtype=torch.float64)
            steps[torch.arange(len(chosen)), torch.from_numpy(chosen)] = sign
            for batch in steps.split(32):
                moved = exact.pose(way.person(batch.requires_grad_())).mesh().detach()
                for mesh in moved:
                    assert math.fsum(part.error(mesh)[0] for part in objective) > best - 1e-5


def test_the_baseline_beats_the_mean_pose_and_is_measured_by_the_same_code(
    baseline: Baseline, folder: Path, body: BodyModel, parts: MeshParts, tmp_path: Path
) -> None:
    provenance, train = baseline.provenance, read_truths(folder, "train", body)
    assert provenance.people == 4
    assert all(provenance.after[name] < provenance.before[name] - 1 for name in ("pve", "pve_hand"))
    baseline.write(tmp_path / "baseline.json")
    read = read_baseline(tmp_path / "baseline.json", body)
    found = evaluate(BaselinePredictor(baseline=read), train, body, parts=parts).summary
    assert found["pve"] == pytest.approx(provenance.after["pve"], abs=0.01)
    assert found["pve_hand"] == pytest.approx(provenance.after["pve_hand"], abs=0.01)
    assert found["kp2d_box"] < 30


def test_the_command_writes_what_it_says(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "random-xxs", "--on", str(folder), "--out", str(tmp_path / "out"), "--split", "all"]
    assert main([*words, "--dry-run"]) == 0 and not (tmp_path / "out").exists()
    assert main(words) == 0
    printed = capsys.readouterr()
    assert "PA-PVE" in printed.out and "studio" in printed.out and "RANDOM WEIGHTS" in printed.err
    record = json.loads((tmp_path / "out/results.json").read_text())
    table = pq.read_table(tmp_path / "out/samples.parquet")
    assert record["people"] == table.num_rows == 8 and record["not_looked_at"] == 0
    assert record["measures"]["pve"]["mean"] == pytest.approx(np.mean(table["pve"].to_numpy()))
    assert len(record["run"]["subject"]["sha256"]) == 64 and set(record["run"]["folders"]["studio"]) == {
        "train.npz",
        "test.npz",
    }
    assert not (tmp_path / "out/.parts").exists()
    before = (tmp_path / "out/samples.parquet").read_bytes()
    (tmp_path / "out/.parts").mkdir()  # as if it had been killed while it was removing them
    assert main([*words, "--resume"]) == 0 and (tmp_path / "out/samples.parquet").read_bytes() == before
    assert not (tmp_path / "out/.parts").exists()
    assert main([*words[:-1], "test"]) == 2
    assert "another run" in capsys.readouterr().err


def test_a_stopped_run_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.evaluate.work.STRETCH", 2)
    words = ["evaluate", "random-xxs", "--on", str(folder), "--split", "all", "--batch-size", "2", "--no-report"]
    words.append("--out")
    assert main([*words, str(tmp_path / "whole")]) == 0
    asked, answer = [], NetworkPredictor.__call__

    def stops(self: NetworkPredictor, crops: np.ndarray, rows: np.ndarray) -> Answer:
        asked.append(rows)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return answer(self, crops, rows)

    monkeypatch.setattr(NetworkPredictor, "__call__", stops)
    assert main([*words, str(tmp_path / "stopped")]) == 130
    assert len(list((tmp_path / "stopped/.parts").glob("*.parquet"))) == 2
    assert main([*words, str(tmp_path / "stopped"), "--resume"]) == 0
    assert len(asked) == 5
    one, other = (pq.read_table(tmp_path / name / "samples.parquet") for name in ("whole", "stopped"))
    assert one.equals(other)


def _read(path: Path) -> HumanData:
    file = HumanDataFile.open(path)
    return HumanData(
        image_path=file["image_path"].tolist(),
        bbox_xywh=file["bbox_xywh"],
        keypoints={"keypoints2d_smplx": file.keypoints("keypoints2d_smplx")},
        params={"smplx": file["smplx"]},
        meta=file["meta"],
        misc=file["misc"],
        config=str(file["config"]),
    )


def _write(folder: Path, data: HumanData, name: str = "test.npz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    data.write(folder / name)
    return folder


def test_folders_that_cannot_be_used_are_refused_in_a_line(
    folder: Path, body: BodyModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = _read(folder / "test.npz")
    nan = {name: np.full_like(value, np.nan) for name, value in whole.params["smplx"].items()}
    (tmp_path / "empty").mkdir()
    strange = replace(whole, misc={**whole.misc, "body_family": "smplx"}, keypoints={})
    other = _write(tmp_path / "other_body", strange)
    cases = {
        "no .npz": tmp_path / "empty",
        "does not exist": tmp_path / "nowhere",
        "holds no test.npz": _write(tmp_path / "split", whole, "other.npz"),
        "nobody of 4 people": _write(tmp_path / "nan", replace(whole, params={"smplx": nan}, keypoints={})),
        "without": _write(tmp_path / "no_truth", replace(whole, params={}, keypoints={})),
        "'smplx' body and have no keypoints": other,
    }
    cases["whole SMPL-X parameters"] = cases.pop("without")
    for said, place in cases.items():
        assert main(["evaluate", "random-xxs", "--on", str(place), "--out", str(tmp_path / "out")]) == 2
        line = capsys.readouterr().err.strip()
        assert said in line and "Traceback" not in line, line
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("weights", "rest", "said"),
    [
        ("random-xxl", (), "random-xx"),
        ("baseline:nowhere.json", (), "nowhere.json"),
        ("baseline:nowhere", (), "does not exist"),
        ("baseline:", (), "names no file"),
        ("random-xxs", ("--batch-size", "0"), "at least 1"),
        ("random-xxs", ("--device", "cuda"), "cuda"),
    ],
)
def test_arguments_that_cannot_be_meant(
    weights: str, rest: tuple[str, ...], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if rest[-1:] == ("cuda",) and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    out = tmp_path / "out"
    assert main(["evaluate", weights, "--on", str(folder), "--out", str(out), *rest]) == 2
    assert said in capsys.readouterr().err and not out.exists()


def test_results_of_others_are_not_overwritten(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text("mine")
    assert main(["evaluate", "random-xxs", "--on", str(folder), "--out", str(tmp_path)]) == 2
    assert "already holds results.json" in capsys.readouterr().err
    assert (tmp_path / "results.json").read_text() == "mine"


def test_other_answers_to_the_same_question_are_another_run(folder: Path, tmp_path: Path) -> None:
    job = Job(weights="random-xxs", on=(str(folder),), out=tmp_path / "out", resume=True)
    plan = make_plan(job)
    job.out.mkdir()
    (job.out / "run.json").write_text(json.dumps(dict(plan.settings)))
    check_out(job, plan.settings)
    for change in ({"seed": 1}, {"hands": "relative"}, {"images": str(folder)}, {"reader": "humandata"}):
        with pytest.raises(InputError, match=f"its {next(iter(change))} differ"):
            make_plan(replace(job, **change))
    (job.out / "run.json").write_text("{}")
    with pytest.raises(InputError, match="another run"):  # it came after the plan
        work.run(plan)
    assert not (job.out / "results.json").exists()


def test_a_folder_called_as_a_benchmark_is_measured_as_a_folder(folder: Path, tmp_path: Path) -> None:
    whole = _read(folder / "test.npz")
    place = _write(tmp_path / "ubody-intra", replace(whole, config="", misc={"body_family": "openbody"}))
    plan = make_plan(Job(weights="random-xxs", on=(str(place), str(folder)), out=tmp_path / "out", images=str(folder)))
    assert [protocol and protocol.name for protocol in plan.protocols] == [None, "studio"]
    assert len(plan.remarks) == 1 and "not by the protocol ubody-intra" in plan.remarks[0]


def test_files_of_one_name_are_told_apart(folder: Path, tmp_path: Path) -> None:
    for scene in ("a", "b"):
        shutil.copytree(folder, tmp_path / scene, ignore=shutil.ignore_patterns("images"))
    files = [tmp_path / scene / "test.npz" for scene in ("a", "b")]
    setting = Setting(exact=True)
    sources = [Source(reader="humandata", files={"labels": file}, setting=setting) for file in files]
    found = gather(sources, name="x", images=str(folder), family="openbody")
    assert list(found.sources) == ["a/test.npz", "b/test.npz"]
    assert list(map(str, np.asarray(found.samples.extra["file"]))) == ["a/test.npz"] * 4 + ["b/test.npz"] * 4


def test_processes_join_before_they_plan_and_one_speaks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []

    def join() -> work.Rank:
        order.append("join")
        return work.Rank(1, 2)

    def plan(job: Job) -> None:
        order.append("plan")
        raise InputError("seen")

    monkeypatch.setattr(work.Rank, "join", join)
    words = ["evaluate", "random-xxs", "--on", str(folder), "--out", str(tmp_path / "out"), "--dry-run"]
    assert main(words) == 0
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("mien.evaluate.job.make_plan", plan)
    assert main(words) == 2 and order == ["join", "join", "plan"]


def test_a_killed_worker_is_told_in_a_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Dead:
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, *_: object) -> None:
            raise BrokenProcessPool

    monkeypatch.setattr(work, "ProcessPoolExecutor", Dead)
    job = Job(weights="random-xxs", on=(str(folder),), out=tmp_path / "out", workers=2)
    with pytest.raises(OutputError, match=r"worker process was killed.*--resume"):
        work.run(make_plan(job))


def test_people_with_keypoints_alone_have_2d_errors(folder: Path, body: BodyModel, tmp_path: Path) -> None:
    whole = _read(folder / "test.npz")
    place = _write(tmp_path / "flat", replace(whole, params={}, config=""))
    shutil.copytree(folder / "images", place / "images")
    (place / "synth.json").write_text((folder / "synth.json").read_text())
    found = evaluate(Smplest.random(SIZES["xxs"], 0), read_truths(place, "test", body), body)
    assert found.tallies["pve"].count == 0 and found.tallies["kp2d"].count == 4


def test_a_baseline_of_another_family_is_refused(baseline: Baseline, body: BodyModel, tmp_path: Path) -> None:
    other = replace(baseline, provenance=replace(baseline.provenance, body_family="smplx"))
    other.write(tmp_path / "b.json")
    with pytest.raises(BodyError, match="smplx"):
        read_baseline(tmp_path / "b.json", body)
    text = (tmp_path / "b.json").read_text()
    (tmp_path / "b.json").write_text(re.sub(r'"transl": \[[^]]*\]', f'"transl": [1{"0" * 400}, 0, 0]', text))
    with pytest.raises(InputError, match="transl"):
        read_baseline(tmp_path / "b.json")
    (tmp_path / "b.json").write_text('{"schema_version": 1}')
    with pytest.raises(InputError):
        read_baseline(tmp_path / "b.json")


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_table(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", "random-xxs", "--split", "train", "--batch-size", "2", "--no-report", "--on", str(folder)]
    two = ["--on", str(folder / "train.npz"), str(folder / "test.npz")]
    assert main([*words[:-2], *two, "--out", str(tmp_path / "one")]) == 0
    assert main([*words[:-2], *two, "--out", str(tmp_path / "workers"), "--workers", "2"]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mien"]
    command = [*torchrun, *words[:-2], *two, "--out", str(tmp_path / "torchrun")]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    tables = [(tmp_path / name / "samples.parquet").read_bytes() for name in ("one", "workers", "torchrun")]
    assert tables[0] == tables[1] == tables[2]
    records = [json.loads((tmp_path / name / "results.json").read_text()) for name in ("one", "workers", "torchrun")]
    assert records[0]["measures"] == records[1]["measures"] == records[2]["measures"]


def test_a_store_is_measured_as_the_folder_it_was_made_of(folder: Path, body: BodyModel, tmp_path: Path) -> None:
    assert main(["data", "ingest", str(folder), "--out", str(tmp_path / "store")]) == 0
    words = ["evaluate", "random-xxs", "--no-report", "--on"]
    assert main([*words, str(folder), "--out", str(tmp_path / "one")]) == 0
    assert main([*words, str(tmp_path / "store"), "--out", str(tmp_path / "other")]) == 0
    assert main([*words, str(tmp_path / "store/made/test"), "--out", str(tmp_path / "third")]) == 0
    one, other, third = (
        json.loads((tmp_path / name / "results.json").read_text()) for name in ("one", "other", "third")
    )
    assert list(other["folders"]) == list(third["folders"]) == ["made/test"] and other["people"] == 4
    store, names = tmp_path / "store", ["made/test", "made/train"]
    cases: tuple[tuple[Path, Split, list[str]], ...] = (
        (store, "train", names[1:]), (store, "all", names), (store / "made", "test", names[:1]),
        (store / "made/train", "test", names[1:]),
    )  # fmt: skip
    for place, split, found in cases:
        assert sorted(each.name for each in read_store(place, body, split)) == found
    with pytest.raises(InputError, match="no dataset 'maid'"):
        read_store(store / "maid", body, "test")
    assert store_family(store / "made", "test") == "openbody"
    for name in ("pve", "pa_pve_hand", "kp2d_box"):
        assert other["measures"][name]["mean"] == pytest.approx(one["measures"][name]["mean"], rel=1e-3)
