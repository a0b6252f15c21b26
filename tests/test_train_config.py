"""Configs, recipes and what moves the weights: strict keys, complete recipes, laws of the schedule."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mien.data.catalogue import ladder
from mien.errors import InputError
from mien.losses.smplest import SmplestLoss
from mien.nets.regions import BatchNorm
from mien.nets.smplest import SIZES, Smplest
from mien.train.config import Optimizer, Start, TrainConfig, from_json, override, to_json
from mien.train.loop import _Training
from mien.train.optimizing import Mean, freeze, learning_rate, make_optimizers
from mien.train.recipes import LENGTHS, RECIPES, SPECIALISTS, load_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_its_file(name: str) -> None:
    config = load_recipe(name)
    assert config.name == name and config.summary
    assert from_json(to_json(config), "here") == config
    assert config.share(1) == config.batch


def test_published_recipes_say_what_is_known() -> None:
    for data, length in LENGTHS.items():
        for size in "hlbs":
            config = load_recipe(f"smplestx-{size}{data}")
            assert config.network == SIZES[size] and config.data.length == length
            assert len(config.data.datasets) == int(data.removesuffix("plus"))
            assert (config.optimizer.lr, config.optimizer.lr_min, config.epochs, config.batch) == (1e-5, 1e-6, 20, 256)
            assert not (config.optimizer.warm_up or config.optimizer.clip or config.optimizer.ema)
            assert not config.optimizer.weight_decay
    assert load_recipe("smplestx-h40").data.intervals["bedlam"] == 5
    assert {entry.name for entry in ladder(5)} == set(load_recipe("smplestx-b5").data.datasets)
    released = load_recipe("smplestx-h-released")
    assert isinstance(released.loss, SmplestLoss)
    assert released.data.exact and released.data.replicate and released.loss.replicate
    assert released.data.mixing == "published" and released.ranks.precision == "fp32" and released.seed == 2023


def test_specialists_are_the_published_ones() -> None:
    for name, datasets in SPECIALISTS.items():
        config = load_recipe(f"finetune-{name}")
        assert config.data.datasets == datasets and config.data.length == 1_000_000 and config.epochs == 5
        assert (config.optimizer.lr, config.optimizer.lr_min) == (1e-5, 5e-7)
        assert config.start.tune == "all"


def test_values_are_changed_by_their_path() -> None:
    config = override(load_recipe("smoke"), ["optimizer.lr=1e-3", 'data.sources=["a"]', "body=smplx", "steps=7"])
    assert config.optimizer.lr == 1e-3 and config.data.sources == ("a",)
    assert config.body == "smplx" and config.steps == 7
    assert override(config, ["data.counts.bedlam=5"]).data.counts == {"bedlam": 5}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("optimizer.lrr=1", "did you mean 'lr'"),
        ("optimiser.lr=1", "did you mean 'optimizer'"),
        ("steps", "key=value"),
        ("steps=many", "steps"),
        ("steps.x=1", "has no parts"),
        ("batch=0", "at least 1"),
        ("optimizer.ema=1", "less than 1"),
        ("start.frozen_blocks=99", "depth"),
        ("ranks.precision=fp8", "precision"),
        ("epochs=Infinity", "epochs"),
        ("optimizer.betas=[1.5,0.9]", "less than 1"),
        ("optimizer.eps=-1", "at least 0"),
        ("optimizer.lr_min=NaN", "at least 0"),
        ("records.validation_rows=0", "at least 1"),
        ("records.best=pvee", "did you mean 'pve'"),
        ("data.max_bad=-1", "at least 0"),
        ("start.step=-1", "at least 0"),
        ("network.heads=7", "multiple"),
    ],
)
def test_wrong_values_are_refused(change: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        override(load_recipe("smoke"), [change])


def test_files_are_strict() -> None:
    text = to_json(load_recipe("smoke"))
    for wrong in (text.replace('"lr":', '"lrr":'), text.replace('"batch": 16', '"batch": "16"'), text[:-10], "[]"):
        with pytest.raises(InputError, match=r"c\.json"):
            from_json(wrong, "c.json")


def test_unknown_recipes_name_the_closest() -> None:
    with pytest.raises(InputError, match="did you mean 'open-xs'"):
        load_recipe("opn-xs")


def test_ranks_divide_the_batch() -> None:
    config = override(load_recipe("smoke"), ["ranks.accumulate=2"])
    assert config.share(4) == 2
    with pytest.raises(InputError, match="multiple of 6"):
        config.share(3)


def test_schedule_rises_then_falls() -> None:
    config = Optimizer(lr=1e-3, lr_min=1e-5, warm_up=10)
    rates = [learning_rate(step, 100, config) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4) and max(rates) == pytest.approx(1e-3)
    assert rates[9:] == sorted(rates[9:], reverse=True) and rates[-1] < 2e-5
    assert learning_rate(100, 100, config) == pytest.approx(1e-5)
    plain = replace(config, warm_up=0)
    assert learning_rate(50, 100, plain) == pytest.approx((1e-3 + 1e-5) / 2)
    again = [learning_rate(step, 100, config, first=50) for step in range(50, 100)]
    assert again[0] == pytest.approx(rates[50] / 10) and again[10:] == pytest.approx(rates[60:])


@pytest.mark.parametrize(
    ("start", "frozen", "learns"),
    [
        (Start(), (), ("encoder", "decoder", "reduce", "heads")),
        (Start(tune="encoder"), ("decoder", "reduce", "heads"), ("encoder",)),
        (Start(tune="decoder_and_heads"), ("encoder",), ("decoder", "reduce", "heads")),
        (Start(tune="heads"), ("encoder", "decoder", "reduce"), ("heads",)),
        (Start(frozen_blocks=2), ("encoder.blocks.0", "encoder.blocks.1", "encoder.patch_embed", "encoder.position"),
         ("encoder.blocks.2", "encoder.task_tokens", "encoder.norm", "decoder", "heads")),
    ],
)  # fmt: skip
def test_frozen_parts_do_not_learn(start: Start, frozen: tuple[str, ...], learns: tuple[str, ...]) -> None:
    network = Smplest.random(SIZES["xxs"], 0)
    freeze(network, start)
    for name, parameter in network.named_parameters():
        assert not (parameter.requires_grad and name.startswith(frozen)) or not frozen
        assert parameter.requires_grad or name.startswith(frozen)
    assert all(any(p.requires_grad for n, p in network.named_parameters() if n.startswith(part)) for part in learns)
    (optimizer,) = make_optimizers(network, Optimizer(weight_decay=0.1))
    kept = sum(len(group["params"]) for group in optimizer.param_groups)
    assert kept == sum(parameter.requires_grad for parameter in network.parameters())


def test_decay_is_for_matrices_alone() -> None:
    network = Smplest.random(SIZES["xxs"], 0)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    matrices, plain = make_optimizers(network, Optimizer(weight_decay=0.1))[0].param_groups
    assert matrices["weight_decay"] == 0.1 and plain["weight_decay"] == 0
    assert all(names[id(p)].endswith("weight") for p in matrices["params"])
    assert {"encoder.task_tokens", "encoder.position", "decoder.position"} <= {names[id(p)] for p in plain["params"]}


def test_running_mean_begins_as_a_plain_mean_and_forgets_slowly() -> None:
    module = nn.Linear(1, 1, bias=False)
    mean = Mean(module, 0.99)
    for value in range(200):
        with torch.no_grad():
            module.weight.fill_(float(value))
        mean.update(module)
    (shadow,) = mean.shadow.values()
    assert 90 < float(shadow) < 199
    other = Mean(module, 0.99)
    other.load_state_dict(mean.state_dict())
    assert other.seen == 200 and torch.equal(other.shadow["weight"], shadow)


def test_running_mean_follows_what_batch_norms_keep() -> None:
    """And with them it is exported."""
    norm = BatchNorm(2).train()
    objective = nn.ModuleDict({"network": norm})
    mean = Mean(objective, 0.5)
    for value in (0.0, 4.0):
        norm(torch.full((3, 2, 2, 2), value) + torch.rand(3, 2, 2, 2))
        mean.update(objective)
    training: Any = SimpleNamespace(mean=mean, objective=objective, world=SimpleNamespace(leads=True))
    exported = _Training._weights(training)["running_mean"]
    assert torch.equal(exported, mean.shadow["network.running_mean"])
    assert 0 < float(exported[0]) < float(norm.running_mean[0])


def test_config_is_complete() -> None:
    assert TrainConfig(name="x", summary="y").share(1) == 256
