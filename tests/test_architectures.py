"""What every architecture promises, and what a second one must not break: weights, predictions, training."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from trained import NANO, losses, same, small, weights

from mien.body.joints import SMPLX_137
from mien.cli import main
from mien.data.augment import Augment
from mien.errors import InputError, WeightsError
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.losses.smplerx import SmplerxLoss
from mien.losses.smplest import SmplestLoss
from mien.losses.table import LOSSES
from mien.nets import cnn, smplerx
from mien.nets.architectures import ARCHITECTURES, architecture_of, empty_network, random_names
from mien.nets.network import Network, NetworkConfig, VitConfig
from mien.nets.upstream import dead_shapes, infer_config, key_table
from mien.nets.weights import load_weights, save_weights
from mien.people import read
from mien.records import Prediction, Record
from mien.train.config import TrainConfig, from_json, to_json
from mien.train.loop import train
from mien.train.recipes import load_recipe

PARITY = Path(__file__).parent / "parity"
UPSTREAM = json.loads((PARITY / "state_dicts_smplerx.json").read_text())
PUBLISHED = {"s": 32_008_024, "b": 102_939_928, "l": 326_654_872, "h": 661_827_096}
NANO_X = smplerx.Config(embed_dim=32, depth=2, heads=2, image_size=(128, 96), dim_out=16, box_dim=8, drop_path=0.3)
NANO_CNN = cnn.Config(
    embed_dim=32, depths=(1, 1, 1), image_size=(128, 96), decoder_depth=2, decoder_heads=1, decoder_head_dim=16,
    dim_out=16,
)  # fmt: skip
NANOS: dict[str, tuple[NetworkConfig, type]] = {
    "smplest-x": (NANO, SmplestLoss), "smpler-x": (NANO_X, SmplerxLoss), "smplest-cnn": (NANO_CNN, SmplestLoss),
}  # fmt: skip
OTHERS = ["smpler-x", "smplest-cnn"]


def random(config: NetworkConfig, seed: int = 0) -> Network:
    return architecture_of(config).network.random(config, seed)


def crops(config: NetworkConfig, batch: int) -> Tensor:
    return torch.rand(batch, 3, *config.image_size, generator=torch.Generator().manual_seed(0))


def tensors(record: Record) -> Iterator[tuple[str, Tensor]]:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Record):
            yield from tensors(value)
        elif value is not None:
            yield field.name, value


def awake(config: NetworkConfig) -> Network:
    """Random weights large enough that every path through the network matters."""
    network = random(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / math.sqrt(parameter[0].numel()))
    return network


def test_the_tables_speak_of_the_same_architectures() -> None:
    assert set(ARCHITECTURES) == set(LOSSES) == set(NANOS)
    assert len({each.config for each in ARCHITECTURES.values()}) == len(ARCHITECTURES)
    for name, config in random_names().items():
        assert name.endswith(architecture_of(config).size_of(config))


@pytest.mark.parametrize("name", random_names())
def test_every_size_predicts_what_is_promised(name: str) -> None:
    """Shapes are checked wherever they are declared; nothing is computed."""
    config = random_names()[name]
    with FakeTensorMode():
        network = architecture_of(config).network(config)
        prediction = network(torch.empty(2, 3, *config.image_size))
    assert prediction.body_pose.shape == (2, 21, 3, 3) and prediction.transl.dtype == torch.float32
    assert (prediction.located is None) == (LOSSES[architecture_of(config).name] is SmplestLoss)
    assert network.blocks() and set(network.stages()) == {"encoder", "decoder", "heads"}
    staged = [id(p) for modules in network.stages().values() for module in modules for p in module.parameters()]
    assert sorted(staged) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.parametrize("size", PUBLISHED)
def test_published_sizes_count_as_published(size: str) -> None:
    network = empty_network(smplerx.SIZES[size])
    assert sum(parameter.numel() for parameter in network.parameters()) == PUBLISHED[size]


def test_the_smallest_sizes_are_alike() -> None:
    counts = [
        sum(parameter.numel() for parameter in empty_network(each.sizes["xxs"]).parameters())
        for each in ARCHITECTURES.values()
    ]
    assert max(counts) < 1.25 * min(counts)


@pytest.mark.parametrize("variant", UPSTREAM)
def test_key_table_covers_upstreams_keys_and_shapes_exactly(variant: str) -> None:
    upstream = {key: tuple(shape) for key, shape in UPSTREAM[variant].items()}
    config = infer_config(upstream)
    table, ours = key_table(config), empty_network(config).state_dict()
    assert sorted(table.values()) == sorted(ours)
    assert {theirs: tuple(ours[key].shape) for theirs, key in table.items()} | dead_shapes(config) == upstream
    assert config == smplerx.SIZES.get(variant, config)


@pytest.mark.parametrize("name", OTHERS)
@torch.inference_mode()
def test_a_new_network_predicts_an_upright_person_at_rest(name: str) -> None:
    config = ARCHITECTURES[name].sizes["xxs"]
    first, again = random(config, 3), random(config, 3)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in first.state_dict().items())
    prediction = first(crops(config, 2))
    upright = matrix_from_axis_angle(torch.tensor([math.pi, 0, 0]))
    assert angle_between(prediction.global_orient, upright.expand(2, 3, 3)).max() < 0.2
    for pose in (prediction.body_pose, prediction.left_hand_offset, prediction.right_hand_offset):
        assert angle_between(pose, torch.eye(3).expand_as(pose)).max() < 0.2
    assert 38 < prediction.transl[:, 2].min() and prediction.transl[:, 2].max() < 42


@pytest.mark.parametrize("name", OTHERS)
@torch.inference_mode()
def test_each_of_a_batch_is_predicted_as_if_alone(name: str) -> None:
    config = ARCHITECTURES[name].sizes["xxs"]
    network, pictures = awake(config).eval(), crops(config, 3)
    together = dict(tensors(network(pictures)))
    for i in range(3):
        for key, value in tensors(network(pictures[i : i + 1])):
            torch.testing.assert_close(together[key][i], value[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_nobody_is_predicted_of_no_crops(name: str) -> None:
    config = ARCHITECTURES[name].sizes["xxs"]
    network = ARCHITECTURES[name].network.random(config, 0)
    one = network.answer(np.zeros((1, *config.image_size, 3), dtype=np.float32))
    none = network.answer(np.zeros((0, *config.image_size, 3), dtype=np.float32))
    assert [(key, value.shape) for key, value in tensors(none)] == [(k, v[:0].shape) for k, v in tensors(one)]


@pytest.mark.parametrize("name", OTHERS)
@torch.inference_mode()
def test_half_precision_is_close(name: str) -> None:
    config = ARCHITECTURES[name].sizes["xxs"]
    network, picture = random(config), crops(config, 2)
    full = network(picture)
    half = network.to(torch.bfloat16)(picture)
    for key, value in tensors(half):
        assert value.dtype == torch.float32, key
    assert angle_between(full.body_pose, half.body_pose).max() < 0.05
    with torch.autocast("cpu", torch.bfloat16):
        mixed = random(config)(picture)
    assert mixed.body_pose.dtype == torch.float32 and angle_between(full.body_pose, mixed.body_pose).max() < 0.05


@pytest.mark.parametrize("name", OTHERS)
def test_gradient_reaches_every_parameter(name: str) -> None:
    network = awake(NANOS[name][0]).train()
    found = network(crops(network.config, 16))  # so many that no path is dropped for all
    values = [value for _, value in tensors(found) if value.requires_grad]
    torch.stack([(value * torch.randn_like(value)).sum() for value in values]).sum().backward()
    still = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_network_survives_export_with_a_free_batch(name: str) -> None:
    network = awake(NANOS[name][0]).eval()

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
            return tuple(value for _, value in tensors(self.network(picture)))

    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Plain(), (crops(network.config, 2),), dynamic_shapes={"picture": {0: batch}})
    picture = crops(network.config, 5)
    for found, expected in zip(program.module()(picture), Plain()(picture), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", OTHERS)
def test_weights_come_back_with_their_card(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alias = name.replace("-", "")
    network, card = load_weights(f"random-{alias}-xxs:4")
    assert (card.architecture, card.size) == (name, "xxs") and "RANDOM" in card.warning
    save_weights(network, card, tmp_path / "x.safetensors", dtype=torch.float16)
    again, other = load_weights(tmp_path / "x.safetensors", dtype=torch.float32)
    assert type(again) is type(network) and other.config == card.config
    picture = crops(card.config, 1)
    assert angle_between(again(picture).body_pose, network(picture).body_pose).max() < 0.02
    assert main(["weights", "show", f"random-{alias}-xxs"]) == 0
    assert f"{name} xxs" in capsys.readouterr().out
    with pytest.raises(WeightsError, match=f"did you mean 'random-{alias}-xs'"):
        load_weights(f"random-{alias}-xz")


def checkpoint(path: Path, state: dict[str, Tensor]) -> Path:
    torch.save({"epoch": 1, "network": {f"module.{key}": value for key, value in state.items()}}, path)
    return path


@pytest.fixture(scope="module")
def upstream_state() -> dict[str, Tensor]:
    """A network's weights under upstream's keys, with the counters that nothing reads."""
    config = replace(NANO_X, embed_dim=64, heads=4, image_size=(256, 192))
    state = random(config, 1).state_dict()
    counters = {key: torch.tensor(7) for key in dead_shapes(config)}
    return {theirs: state[ours] for theirs, ours in key_table(config).items()} | counters


def test_earlier_names_of_parts_are_known(tmp_path: Path, upstream_state: dict[str, Tensor]) -> None:
    names = {"encoder": "backbone", "body_regressor": "body_rotation_net", "hand_regressor": "hand_rotation_net"}
    earlier = {}
    for key, value in upstream_state.items():
        part, _, rest = key.partition(".")
        earlier[f"{names.get(part, part)}.{rest}"] = value
    for i, state in enumerate((upstream_state, earlier)):
        source = checkpoint(tmp_path / f"{i}.pth.tar", state)
        assert main(["weights", "convert", str(source), str(tmp_path / f"{i}.safetensors")]) == 0
    one, other = (load_weights(tmp_path / f"{i}.safetensors")[0].state_dict() for i in range(2))
    assert same(one, other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("box_net.deconv.1.running_var"), r"1 missing: box_net\.deconv\.1\.running_var"),
        (lambda s: s.update({"decoder.token_conv.bias": torch.ones(2)}), r"1 unexpected: decoder\.token_conv"),
        (lambda s: s.update({"face_regressor.expr_out.0.bias": torch.ones(4)}), r"expr_out\.0\.bias \(\(4,\) instead"),
        (lambda s: s.update({"backbone.pos_embed": torch.ones(1)}), r"encoder\.pos_embed twice"),
        (lambda s: s.update({"x": torch.tensor(3)}), "real numbers"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, upstream_state: dict[str, Tensor], capsys: pytest.CaptureFixture[str], change, words: str
) -> None:
    state = dict(upstream_state)
    change(state)
    source = checkpoint(tmp_path / "x.pth.tar", state)
    assert main(["weights", "convert", str(source), str(tmp_path / "x.safetensors")]) == 2
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize("weights_name", ["random-smplerx-xxs", "random-smplestcnn-xxs"])
def test_people_with_boxes_of_their_parts(tmp_path: Path, weights_name: str) -> None:
    picture = np.full((90, 120, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    (tmp_path / "boxes.json").write_text(json.dumps({"a.png": [[10, 5, 60, 85], [50, 10, 110, 80]]}))
    detector = ["--detector", f"boxes:{tmp_path}/boxes.json"]
    words = ["predict", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--weights", weights_name, *detector]
    assert main([*words, "--save", "npz,overlay,boxes"]) == 0
    people = read(tmp_path / "out/a.npz", picture)
    drawn = cv2.imread(str(tmp_path / "out/a_boxes.png"))
    assert drawn is not None and (drawn != 90).any()
    parts = people.part_boxes()
    assert parts.shape == (2, 3, 4) and (parts[..., 2:] > parts[..., :2]).all()
    looked = "smplerx" in weights_name
    assert (people.part_bbox is not None) == looked and (people[0].part_bbox is not None) == looked
    if people.part_bbox is not None:
        sides = people.part_bbox[..., 2:] - people.part_bbox[..., :2]
        torch.testing.assert_close(sides[..., 0], sides[..., 1], atol=1e-3, rtol=1e-3)
        middle, crop = (parts[..., :2] + parts[..., 2:]) / 2, people.crop_bbox[:, None]
        assert ((middle > crop[..., :2]) & (middle < crop[..., :2] + crop[..., 2:])).all()
    else:
        hand = people.joints2d[:, list(SMPLX_137)][:, 25:45]
        assert ((hand >= parts[:, :1, :2]) & (hand <= parts[:, :1, 2:])).all()


def test_old_configs_speak_of_smplest_x() -> None:
    config = load_recipe("smoke")
    data = json.loads(to_json(config))
    assert data["network"].pop("architecture") == "smplest-x"
    assert from_json(json.dumps(data), "old.json") == config
    data["network"]["architecture"] = "smplest-y"
    with pytest.raises(InputError, match="did you mean 'smplest-x'"):
        from_json(json.dumps(data), "old.json")
    data["network"]["architecture"] = "smpler-x"
    with pytest.raises(InputError, match="unknown key 'decoder_depth'"):
        from_json(json.dumps(data), "old.json")


def test_losses_belong_to_their_network() -> None:
    with pytest.raises(InputError, match="expected a SmplerxLoss"):
        TrainConfig(name="x", summary="y", network=NANO_X)


@pytest.mark.parametrize("name", OTHERS)
def test_a_training_halves_resume_and_predict(name: str, store: Path, tmp_path: Path) -> None:
    """Two halves make a whole, running means of batch norms included; what comes out is loaded and trained on."""
    network, loss = NANOS[name]
    config = small(store, network=network, loss=loss())
    train(config, tmp_path / "whole", quiet=True)
    train(config, tmp_path / "halves", until=2, quiet=True)
    train(config, tmp_path / "halves", resume=True, quiet=True)
    assert losses(tmp_path / "whole") == losses(tmp_path / "halves")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "halves"))
    last = str(tmp_path / "whole/weights/last.safetensors")
    trained, card = load_weights(last, dtype=torch.float32)
    assert card.config == network and isinstance(trained(crops(network, 1)), Prediction)
    if name == "smpler-x":
        assert trained.get_buffer("hand.norm.running_var").ne(1).any()
    words = ["finetune", last, "--on", str(store), "--out", str(tmp_path / "fine"), "--steps", "1", "--batch", "4"]
    assert main([*words, "--set", "records.tensorboard=false", "records.sheet_every=1", "--quiet"]) == 0
    assert load_weights(tmp_path / "fine/weights/last.safetensors")[1].config == network


@pytest.mark.parametrize("name", OTHERS)
def test_the_loss_falls(name: str, store: Path, tmp_path: Path) -> None:
    network, loss = NANOS[name]
    network = replace(network, drop_path=0.0) if isinstance(network, VitConfig) else network
    config = small(store, batch=12, steps=30, network=network, loss=loss(), augment=Augment.none())
    config = replace(config, optimizer=replace(config.optimizer, lr=3e-3, ema=0.0))
    train(replace(config, records=replace(config.records, log_every=5, save_every=0)), tmp_path / "run", quiet=True)
    curve = losses(tmp_path / "run")
    assert curve[-1] < 0.92 * curve[0]


@pytest.mark.parametrize("name", OTHERS)
def test_frozen_parts_stay_to_the_bit(name: str, store: Path, tmp_path: Path) -> None:
    network, loss = NANOS[name]
    config = small(store, network=network, loss=loss(), steps=1)
    train(replace(config, start=replace(config.start, tune="heads")), tmp_path / "run", quiet=True)
    before, fresh = random(network, 2023).state_dict(), empty_network(network)
    moving = {id(p) for module in fresh.stages()["heads"] for p in module.parameters()}
    frozen = {key for key, p in fresh.named_parameters() if id(p) not in moving}
    frozen |= {key for key in before if "running_" in key and key.startswith(("boxes", "hand_features"))}
    for key, value in weights(tmp_path / "run").items():
        if key in frozen:
            assert torch.equal(value, before[key].half()), key


def test_weights_of_another_architecture_do_not_start_a_training(store: Path, tmp_path: Path) -> None:
    network, card = load_weights("random-smplerx-xxs")
    save_weights(network, card, tmp_path / "x.safetensors")
    config = small(store)
    with pytest.raises(WeightsError, match=r"architecture smpler-x.*architecture smplest-x"):
        train(replace(config, start=replace(config.start, weights=str(tmp_path / "x.safetensors"))), tmp_path / "run")
