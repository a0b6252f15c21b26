"""A training by its laws: two halves make a whole, the same seed gives the same curve, nothing is lost on the way."""

import errno
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trained import NANO, losses, same, small, weights

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.cli import main
from mien.cli.train import changed
from mien.data.store import Store
from mien.errors import BodyError, InputError, OutputError, WeightsError
from mien.files import exclusive
from mien.nets.card import WeightCard
from mien.nets.smplest import Config, Smplest
from mien.nets.upstream import key_table
from mien.nets.weights import load_weights, save_weights
from mien.train import checkpoints, loop
from mien.train.config import Data, Ranks, Start, TrainConfig
from mien.train.loop import train
from mien.train.objective import Objective
from mien.train.ranks import World
from mien.train.starting import load_encoder, start


def test_two_halves_make_a_whole(store: Path, whole: Path, tmp_path: Path) -> None:
    first = train(small(store), tmp_path / "run", until=2, quiet=True)
    assert (first.step, first.steps) == (2, 4)
    second = train(small(store), tmp_path / "run", resume=True, quiet=True)
    assert second.step == 4 and second.weights == tmp_path / "run/weights/last.safetensors"
    assert same(weights(whole), weights(tmp_path / "run"))
    assert losses(whole) == losses(tmp_path / "run")
    state = [checkpoints.STATE, ".metadata"]
    for name in state:
        assert (tmp_path / "run/checkpoints/step_00000004" / name).exists()


def test_the_log_goes_on_between_its_lines(store: Path, tmp_path: Path) -> None:
    """A line is of all steps since the last one, those before the stop among them."""
    config = small(store, batch=2, steps=3)
    config = replace(config, records=replace(config.records, log_every=3))
    train(config, tmp_path / "whole", quiet=True)
    train(config, tmp_path / "run", until=2, quiet=True)
    train(config, tmp_path / "run", resume=True, quiet=True)
    assert len(losses(tmp_path / "run")) == 1 and losses(tmp_path / "run") == losses(tmp_path / "whole")


def test_same_seed_same_curve_and_another_seed_another(store: Path, whole: Path, tmp_path: Path) -> None:
    train(small(store), tmp_path / "again", quiet=True)
    assert losses(whole) == losses(tmp_path / "again") and same(weights(whole), weights(tmp_path / "again"))
    train(small(store, seed=1, steps=1), tmp_path / "other", quiet=True)
    assert losses(whole)[0] != losses(tmp_path / "other")[0]


@pytest.mark.parametrize("ranks", [Ranks(accumulate=4), Ranks(checkpoint_blocks=True)])
def test_how_it_is_computed_changes_nothing_but_rounding(
    store: Path, whole: Path, tmp_path: Path, ranks: Ranks
) -> None:
    train(small(store, ranks=ranks), tmp_path / "run", quiet=True)
    assert losses(tmp_path / "run") == pytest.approx(losses(whole), rel=2e-3)
    assert losses(tmp_path / "run")[0] == pytest.approx(losses(whole)[0], rel=1e-5)


def test_bf16_is_close(store: Path, whole: Path, tmp_path: Path) -> None:
    train(small(store, ranks=Ranks(precision="bf16")), tmp_path / "run", quiet=True)
    assert losses(tmp_path / "run") == pytest.approx(losses(whole), rel=0.05)


def test_the_folder_says_what_was_done(store: Path, whole: Path) -> None:
    (entry,) = json.loads((whole / "run.json").read_text())
    assert entry["seed"] == 2023 and entry["body"]["family"] == "openbody" and entry["ranks"] == 1
    assert entry["data"][0]["name"] == "made/train" and entry["data"][0]["rows"] == 12
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    terms = {"joints_cam", "joints_parts", "joints_image", "pose", "orient", "betas", "expression", "hand_root"}
    assert terms | {"lr", "gradient", "samples_per_s", "data_wait", "memory_mb", "samples"} <= set(lines[0])
    card = load_weights(whole / "weights/last.safetensors")[1]
    assert card.dtype == "fp16" and card.config == NANO and card.body_family == "openbody"
    assert card.training["step"] == 4 and card.training["samples"] == 32 and card.training["recipe"] == "small"


def test_the_loss_falls(store: Path, tmp_path: Path) -> None:
    config = small(store, batch=12, steps=60, network=replace(NANO, drop_path=0.0))
    config = replace(config, optimizer=replace(config.optimizer, lr=3e-3, ema=0.0))
    train(replace(config, records=replace(config.records, log_every=5, save_every=0)), tmp_path / "run", quiet=True)
    curve = losses(tmp_path / "run")
    assert curve[-1] < 0.92 * curve[0]


@pytest.mark.slow
def test_smoke_learns_by_heart(tmp_path: Path) -> None:
    assert main(["train", "smoke", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    curve = losses(tmp_path / "run")
    assert curve[-1] < 0.55 * curve[0]
    assert len(list((tmp_path / "run/sheets").iterdir())) == 2 and any((tmp_path / "run/tensorboard").iterdir())


def test_a_signal_saves_and_leaves(store: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = loop._Training._step

    def interrupted(self: Any, batches: Any) -> None:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        step(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Training, "_step", interrupted)
        done = train(small(store), tmp_path / "run", quiet=True)
    assert (done.step, done.signal) == (3, signal.SIGTERM)
    train(small(store), tmp_path / "run", resume=True, quiet=True)
    assert same(weights(whole), weights(tmp_path / "run")) and losses(whole) == losses(tmp_path / "run")


def test_a_loss_that_is_no_number_stops_before_the_weights(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = Objective.forward, list[int]()

    def broken(self: Any, crops: Any, targets: Any) -> Any:
        calls.append(1)
        terms = forward(self, crops, targets)
        return {**terms, "pose": terms["pose"] * (float("nan") if len(calls) > 3 else 1)}

    monkeypatch.setattr(Objective, "forward", broken)
    with pytest.raises(InputError, match=r"step 3 is not a number \(pose.*made/train row"):
        train(small(store), tmp_path / "run", quiet=True)
    with np.load(tmp_path / "run/bad_batch/step_00000003_rank_0.npz") as kept:
        assert kept["pixels"].shape == (8, 128, 96, 3) and "target_pose" in kept.files
    assert [each.name for each in (tmp_path / "run/checkpoints").iterdir()] == ["step_00000002"]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_weights_that_run_away_are_told_and_the_batch_is_kept(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    """Of a body whose neck is nowhere, too."""

    def diverged(config: TrainConfig, body: BodyModel) -> Any:
        network = start(config, body)
        with torch.no_grad():
            network.encoder.patch_embed.weight[0] = value
        return network

    monkeypatch.setattr(loop, "start", diverged)
    with pytest.raises(InputError, match="step 0 is not a number"):
        train(small(store, steps=1), tmp_path / "run", quiet=True)
    assert (tmp_path / "run/bad_batch/step_00000000_rank_0.npz").exists()


def test_a_full_disk_leaves_the_checkpoint_before(
    store: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = vars(checkpoints)["save"]

    def full(state: Any, checkpoint_id: Path, **settings: Any) -> None:
        save(state, checkpoint_id=checkpoint_id, **settings)
        if checkpoint_id.name.endswith("4"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", full)
        with pytest.raises(OutputError, match=r"the disk is full.*--resume"):
            train(small(store), tmp_path / "run", quiet=True)
    assert [each.name for each in (tmp_path / "run/checkpoints").iterdir()] == ["step_00000002"]
    train(small(store), tmp_path / "run", resume=True, quiet=True)
    assert same(weights(whole), weights(tmp_path / "run"))


def test_a_checkpoint_that_gets_no_name_is_told(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced = os.replace

    def failing(source: Any, target: Any) -> None:
        if Path(source).name == ".step_00000004":
            raise OSError(errno.EIO, "Input/output error")
        replaced(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OutputError, match=r"cannot write the checkpoint step_00000004 .*Input/output error.*--resume"):
        train(small(store), tmp_path / "run", quiet=True)
    assert [each.name for each in (tmp_path / "run/checkpoints").iterdir()] == ["step_00000002"]


def test_a_checkpoint_written_meanwhile_gets_its_name_when_it_is_there(
    store: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the next one only, and even where the training breaks off."""
    step, folder = loop._Training._step, tmp_path / "run/checkpoints"

    def watched(self: Any, batches: Any) -> None:
        if self.step == 2:
            self.checkpoints._pending.future.result()
        if self.step == 3:
            assert (folder / "step_00000002").exists()
            self.checkpoints.save(3, self.model, self.optimizers, self.mean, {"first": 0})
            raise KeyboardInterrupt
        step(self, batches)

    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    config = small(store)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop._Training, "_step", watched)
        train(replace(config, records=replace(config.records, asynchronous=True)), tmp_path / "run", quiet=True)
    assert sorted(each.name for each in folder.iterdir()) == ["step_00000002", "step_00000003"]


def test_a_checkpoint_cut_short_is_passed_over(store: Path, whole: Path, tmp_path: Path, caplog: Any) -> None:
    train(small(store), tmp_path / "run", quiet=True)
    last = tmp_path / "run/checkpoints/step_00000004/__0_0.distcp"
    os.truncate(last, last.stat().st_size // 2)
    train(small(store), tmp_path / "run", resume=True, quiet=True)
    assert "cut short" in caplog.text and same(weights(whole), weights(tmp_path / "run"))
    world = World(rank=0, size=1, device=torch.device("cpu"))
    assert checkpoints.Checkpoints(tmp_path / "run/checkpoints", world, keep=2).latest() == 4
    for each in (tmp_path / "run/checkpoints").iterdir():
        os.truncate(each / "__0_0.distcp", 100)
    with pytest.raises(InputError, match="cut short"):
        train(small(store), tmp_path / "run", resume=True, quiet=True)


def test_a_folder_belongs_to_one_training(store: Path, whole: Path) -> None:
    with pytest.raises(InputError, match="--resume"):
        train(small(store), whole, quiet=True)
    with pytest.raises(InputError, match=r"batch = 8; expected 4"):
        train(small(store, batch=4), whole, resume=True, quiet=True)
    config = small(store)
    with pytest.raises(InputError, match=r"data.intervals.made/train = None; expected 2"):
        data = replace(config.data, intervals={"made/train": 2})
        train(replace(config, data=data), whole, resume=True, quiet=True)
    with pytest.raises(OutputError, match="another process"), exclusive(whole):
        train(small(store), whole, resume=True, quiet=True)


def test_weights_go_on_with_schedule_and_data(store: Path, whole: Path, tmp_path: Path) -> None:
    start = Start(weights=str(whole / "weights/last.safetensors"), step=4)
    train(small(store, start=start, steps=6), tmp_path / "run", until=5, quiet=True)
    train(small(store, start=start, steps=6), tmp_path / "run", resume=True, quiet=True)
    train(small(store, start=start, steps=6), tmp_path / "once", quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 6]
    assert same(weights(tmp_path / "run"), weights(tmp_path / "once"))


def test_weights_with_all_steps_behind_them_have_none_to_make(store: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"have 4 steps already: give --steps above that"):
        train(small(store, start=Start(weights=str(whole / "weights/last.safetensors"), step=4)), tmp_path, quiet=True)


def test_weights_go_on_where_recipe_and_batch_are_theirs(store: Path, whole: Path) -> None:
    """Whether the batch is the recipe's or the command line's."""
    path = str(whole / "weights/last.safetensors")
    assert changed(small(store), ["steps=6"], (), (), path).start == Start(weights=path, step=4)
    assert changed(small(store), ["batch=4"], (), (), path).start.step == 0
    assert changed(small(store, batch=4), ["batch=8"], (), (), path).start.step == 4
    assert changed(small(store), ["start.step=2"], (), (), path).start.step == 2


def test_resuming_needs_no_weights_to_start_from(store: Path, whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "start.safetensors"
    copy.write_bytes((whole / "weights/last.safetensors").read_bytes())
    config = small(store, batch=2, start=Start(weights=str(copy)), steps=3)
    train(config, tmp_path / "run", until=2, quiet=True)
    copy.unlink()
    train(config, tmp_path / "run", resume=True, quiet=True)
    assert len(losses(tmp_path / "run")) == 3


def test_weights_of_another_size_or_body_are_refused(store: Path, whole: Path, tmp_path: Path) -> None:
    path = str(whole / "weights/last.safetensors")
    body = BodyModel.load(find_body("openbody"))
    wider = replace(small(store), network=replace(NANO, embed_dim=64), start=Start(weights=path))
    with pytest.raises(WeightsError, match=r"embed_dim 32.*embed_dim 64"):
        start(wider, body)
    network, card = load_weights(path)
    save_weights(network, replace(card, body_family="smplx"), tmp_path / "other.safetensors")
    with pytest.raises(BodyError, match="speak of the body smplx"):
        start(replace(small(store), start=Start(weights=str(tmp_path / "other.safetensors"))), body)


def test_another_input_size_stretches_the_positions(store: Path, whole: Path) -> None:
    body = BodyModel.load(find_body("openbody"))
    config = small(store, network=replace(NANO, image_size=(256, 192)))
    config = replace(config, start=Start(weights=str(whole / "weights/last.safetensors")))
    larger, smaller = start(config, body), load_weights(config.start.weights, dtype=torch.float32)[0]
    assert larger.encoder.position.shape[1] == 193
    assert torch.equal(larger.encoder.position[:, 0], smaller.encoder.position[:, 0])
    wide = larger.encoder.position[0, 1:].reshape(16, 12, -1).mean((0, 1))
    assert torch.allclose(wide, smaller.encoder.position[0, 1:].reshape(8, 6, -1).mean((0, 1)), atol=2e-3)


def _vitpose(path: Path, config: Config, more: dict[str, torch.Tensor] | None = None) -> Path:
    state = Smplest.random(config, 5).state_dict()
    names = {ours: theirs for theirs, ours in key_table(config).items() if ours.startswith("encoder.")}
    found = {"backbone." + names[key].removeprefix("encoder."): value for key, value in state.items() if key in names}
    found = {key: value for key, value in found.items() if "task_tokens" not in key}
    torch.save({"state_dict": {**found, "keypoint_head.x": torch.zeros(3), **(more or {})}}, path)
    return path


def test_vitpose_fills_all_but_the_task_tokens(tmp_path: Path) -> None:
    network = Smplest.random(NANO, 0)
    before = network.encoder.task_tokens.clone()
    load_encoder(network, _vitpose(tmp_path / "vitpose.pth", NANO))
    other = Smplest.random(NANO, 5)
    assert torch.equal(network.encoder.task_tokens, before)
    for name, value in network.encoder.state_dict().items():
        assert name == "task_tokens" or torch.equal(value, other.encoder.state_dict()[name])


def test_vitpose_that_does_not_fit_names_the_keys(tmp_path: Path) -> None:
    network = Smplest.random(NANO, 0)
    with pytest.raises(WeightsError, match=r"missing: .*blocks\.2"):
        load_encoder(Smplest.random(replace(NANO, depth=3), 0), _vitpose(tmp_path / "a.pth", NANO))
    with pytest.raises(WeightsError, match="unexpected: strange"):
        load_encoder(network, _vitpose(tmp_path / "b.pth", NANO, {"backbone.strange": torch.zeros(1)}))
    torch.save({"state_dict": {7: torch.zeros(1)}}, tmp_path / "d.pth")
    with pytest.raises(WeightsError, match="no tensors by name"):
        load_encoder(network, tmp_path / "d.pth")
    (tmp_path / "c.pth").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="no PyTorch file"):
        load_encoder(network, tmp_path / "c.pth")


def test_frozen_parts_stay_to_the_bit(store: Path, tmp_path: Path) -> None:
    train(small(store, start=Start(tune="heads"), steps=1), tmp_path / "run", quiet=True)
    before = Smplest.random(NANO, 2023).state_dict()
    for name, value in weights(tmp_path / "run").items():
        assert torch.equal(value, before[name].half()) == (not name.startswith(("heads", "joint_maps"))), name


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (Data(), "no data to train on"),
        (Data(sources=("nowhere",)), "nowhere is not there"),
        (Data(sources=("STORE",), datasets=("mad",)), "did you mean 'made/train'"),
        (Data(sources=("STORE",), intervals={"maid": 2}), "did you mean 'made/train'"),
        (Data(sources=("synth:stret",)), "did you mean 'street'"),
        (Data(sources=("synth:studio",), picture_size=-1), "data.picture_size is -1"),
    ],
)
def test_data_that_is_not_there(store: Path, tmp_path: Path, data: Data, says: str) -> None:
    sources = tuple(str(store) if source == "STORE" else source for source in data.sources)
    with pytest.raises(InputError, match=says):
        train(small(store, data=replace(data, sources=sources)), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run/config.json").exists()


def test_a_dataset_without_samples(store: Path, tmp_path: Path) -> None:
    empty = Store.create(tmp_path / "store")
    empty.add("none", [Store.open(store)["made"].take(np.zeros(0, dtype=np.int64))])
    with pytest.raises(InputError, match="no usable sample"):
        train(small(tmp_path / "store"), tmp_path / "run", quiet=True)


def test_no_gpu(store: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="no GPU"):
        train(small(store), tmp_path / "run", device="cuda", quiet=True)
    for name in ("warp", "mps", "meta", "xpu", "cpu:x", "cuda:x"):
        with pytest.raises(InputError, match=f"--device {name}; expected auto, cpu"):
            train(small(store), tmp_path / "run", device=name, quiet=True)


def test_command(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mien.train.config import to_json

    (tmp_path / "small.json").write_text(to_json(small(store)))
    words = ["train", str(tmp_path / "small.json"), "--out", str(tmp_path / "run"), "--quiet"]
    assert main([*words, "--steps", "1", "--set", "optimizer.lr=1e-4", "batch=4", "--set", "seed=3"]) == 0
    assert capsys.readouterr().out.strip().endswith("last.safetensors")
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["optimizer"]["lr"], config["batch"], config["seed"], config["steps"]) == (1e-4, 4, 3, 1)
    assert main(["train", "--list"]) == 0 and "smplestx-h40plus" in capsys.readouterr().out
    for wrong, says in (
        (["train", "opn-xs", "--out", str(tmp_path / "x")], "did you mean 'open-xs'"),
        (["train"], "no recipe"),
        (["train", "smoke"], "no --out"),
        (["train", "smoke", "--out", str(tmp_path / "x"), "--set", "optimzer.lr=1"], "did you mean 'optimizer'"),
        (words, "--resume"),
    ):
        assert main(wrong) == 2
        assert says in capsys.readouterr().err


def test_cards_of_open_weights(whole: Path) -> None:
    card = load_weights(whole / "weights/last.safetensors")[1]
    assert isinstance(card, WeightCard) and "licences" in card.licence


def test_training_config_is_json(store: Path) -> None:
    assert isinstance(small(store), TrainConfig)
