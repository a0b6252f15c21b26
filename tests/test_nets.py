"""Sizes, shortcuts and manners of the networks; numbers against the reference are in test_smplest_parity."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mien.errors import InputError
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.nets.smplest import HEADS, NUM_TASK_TOKENS, SIZES, Config, Smplest
from mien.nets.upstream import dead_shapes, infer_config, key_table
from mien.nets.virtual_camera import (
    CANVAS,
    DEPTH_SCALE,
    crop_intrinsics,
    picture_from_heat_map,
    project,
    transl_from_raw,
)
from mien.nets.vit import DropPath, Vit
from mien.nets.weights import empty_network
from mien.records import Prediction

TINY = Config(embed_dim=64, depth=2, heads=4, dim_out=64, decoder_depth=2)
SPEC_TOTAL = {"s": 37_405_808, "b": 116_564_336, "l": 346_050_416, "h": 687_223_152}
SPEC_ENCODER = {"s": 21_694_464, "b": 85_856_256, "l": 303_378_432, "h": 631_014_400}
UPSTREAM = json.loads((Path(__file__).parent / "parity" / "state_dicts.json").read_text())


def tensors(prediction: Prediction) -> dict[str, Tensor]:
    found = {field.name: getattr(prediction, field.name) for field in fields(prediction)}
    return {name: value for name, value in found.items() if value is not None}


def crops(config: Config, batch: int, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, *config.image_size, generator=torch.Generator().manual_seed(seed))


def perturbed(config: Config, seed: int = 0) -> Smplest:
    """Random weights large enough that every path through the network matters."""
    network = Smplest.random(config, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1 and not name.startswith("heads"):
                fan = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / math.sqrt(fan))
            elif name.startswith("heads") and parameter.ndim > 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.15 / math.sqrt(parameter.shape[1]))
    return network


@pytest.mark.parametrize("size", SPEC_TOTAL)
def test_published_sizes_count_as_published_without_dead_weights(size: str) -> None:
    """D x 80 + D (to_token_embedding), then weights and biases of hand camera, face root and face camera."""
    config = SIZES[size]
    dim, out = config.embed_dim, config.dim_out
    dead = (dim * 80 + dim) + (6 * 2 * out + 6) + (6 * out + 6) + (3 * out + 3)
    network = empty_network(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == SPEC_TOTAL[size] - dead
    assert sum(parameter.numel() for parameter in network.encoder.parameters()) == SPEC_ENCODER[size]


@pytest.mark.parametrize(("size", "least", "most"), [("xs", 1_500_000, 7_500_000), ("xxs", 1_000_000, 2_000_000)])
def test_our_own_sizes_stay_small(size: str, least: int, most: int) -> None:
    assert least <= sum(parameter.numel() for parameter in empty_network(SIZES[size]).parameters()) <= most


@pytest.mark.parametrize("variant", UPSTREAM)
def test_key_table_covers_upstreams_keys_and_shapes_exactly(variant: str) -> None:
    upstream = {key: tuple(shape) for key, shape in UPSTREAM[variant].items()}
    config = infer_config(upstream)
    table, ours = key_table(config), empty_network(config).state_dict()
    assert sorted(table.values()) == sorted(ours)
    assert {theirs: tuple(ours[key].shape) for theirs, key in table.items()} | dead_shapes(config) == upstream
    assert config == SIZES.get(variant.lower(), config)


def test_task_tokens_are_read_once_and_in_order() -> None:
    read = [token for start, end, _ in HEADS.values() for token in range(start, end)]
    assert sorted(set(range(NUM_TASK_TOKENS)) - set(read)) == [65, 66, 67, 79]
    assert len(read) == len(set(read)) == 76


def test_last_layer_shortcut_equals_the_full_computation() -> None:
    network = perturbed(TINY).double()
    task, patches = network.encode(crops(TINY, 2))
    tokens = torch.cat([task, patches], 1) + network.decoder.position
    rows, context = tokens.flatten(0, 1), patches.flatten(0, 1)
    for layer in network.decoder.layers:
        rows = layer(rows, context, 2)
    every = rows.view_as(tokens)
    torch.testing.assert_close(network.decoder(task, patches), every[:, :NUM_TASK_TOKENS], atol=1e-12, rtol=0)


@torch.inference_mode()
def test_each_of_a_batch_of_three_is_predicted_as_if_alone() -> None:
    network = perturbed(SIZES["xxs"])
    pictures = crops(SIZES["xxs"], 3)
    together = tensors(network(pictures))
    for i in range(3):
        for name, value in tensors(network(pictures[i : i + 1])).items():
            torch.testing.assert_close(together[name][i], value[0], atol=2e-5, rtol=0)


@torch.inference_mode()
def test_random_networks_depend_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (Smplest.random(SIZES["xxs"], seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    state = first.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in again.state_dict().items())
    assert not torch.equal(other.encoder.position, first.encoder.position)
    picture = crops(SIZES["xxs"], 1)
    assert torch.equal(first(picture).body_pose, again(picture).body_pose)


@torch.inference_mode()
def test_a_new_network_predicts_an_upright_person_at_rest() -> None:
    prediction = Smplest.random(SIZES["xs"], 0)(crops(SIZES["xs"], 2))
    upright = matrix_from_axis_angle(torch.tensor([math.pi, 0, 0]))
    assert angle_between(prediction.global_orient, upright.expand(2, 3, 3)).max() < 0.1
    assert angle_between(prediction.body_pose, torch.eye(3).expand(2, 21, 3, 3)).max() < 0.2
    assert prediction.betas.abs().max() < 0.1 and prediction.expression.abs().max() < 0.1
    assert 38 < prediction.transl[:, 2].min() and prediction.transl[:, 2].max() < 42


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_give_float32_rotations_close_to_full(dtype: torch.dtype) -> None:
    network = perturbed(TINY)
    picture = crops(TINY, 2)
    full, half = network(picture), network.to(dtype)(picture)
    for value in tensors(half).values():
        assert value.dtype == torch.float32
    identity = half.body_pose @ half.body_pose.transpose(-1, -2)
    torch.testing.assert_close(identity, torch.eye(3).expand_as(identity), atol=1e-5, rtol=0)
    assert angle_between(full.body_pose, half.body_pose).max() < 0.05
    assert (full.transl - half.transl).abs().max() < 0.3


def test_autocast_leaves_the_heads_in_float32() -> None:
    network = perturbed(TINY)
    picture = crops(TINY, 1)
    with torch.autocast("cpu", torch.bfloat16):
        half = network(picture)
    assert half.body_pose.dtype == torch.float32
    assert angle_between(network(picture).body_pose, half.body_pose).max() < 0.05


def test_gradient_reaches_every_parameter() -> None:
    network = perturbed(SIZES["xxs"]).train()
    outputs = tensors(network(crops(SIZES["xxs"], 2))).values()
    torch.stack([(value * torch.randn_like(value)).sum() for value in outputs]).sum().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    still = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and not parameter.grad.any()
    ]
    assert without == [] and still == []


def test_a_crop_of_another_size_is_refused_kindly() -> None:
    with pytest.raises(InputError, match=r"512x384.*expected 256x192"):
        Smplest.random(TINY, 0)(torch.zeros(1, 3, 512, 384))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"heads": 5}, "multiple"),
        ({"depth": 10**9}, "depth"),
        ({"drop_path": 1.0}, "drop_path"),
        ({"image_size": (250, 192)}, "image_size"),
        ({"image_size": (1 << 32, 192)}, "sides from 1 to 4096"),
        ({"patch_size": 4}, "patch_size"),
        ({"stem": (8, 16), "stem_blocks": (0, 0, 0)}, "patches of 16.*expected patches of 8"),
        ({"stem": (8, 16, 32)}, "stem_blocks"),
        ({"stem_blocks": (1,)}, "stem_blocks"),
        ({"dim_out": 0}, "dim_out"),
    ],
)
def test_impossible_configs_are_refused(change: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        replace(TINY, **change)


def test_drop_path_drops_whole_samples_in_training_only() -> None:
    drop, rows = DropPath(0.25), torch.ones(8000, 3)
    torch.manual_seed(0)
    scale = drop.train()(rows, 4000)
    assert scale is not None
    assert scale.shape == (8000, 1)
    assert set(scale.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert torch.equal(scale[::2], scale[1::2])  # both tokens of a sample
    assert abs(scale.mean() - 1) < 0.05
    assert drop.eval()(rows, 4000) is None


def test_drop_path_rates_rise_linearly() -> None:
    vit = Vit(image_size=(32, 32), patch_size=16, embed_dim=8, depth=5, heads=2, drop_path=0.4, num_task_tokens=3)
    rates = [module.rate for module in vit.modules() if isinstance(module, DropPath)]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert vit(torch.zeros(2, 3, 32, 32)).shape == (2, 3 + 4, 8)


def test_depth_scale() -> None:
    assert pytest.approx(56.38186222554939, abs=1e-14) == DEPTH_SCALE
    raw = torch.tensor([[0.5, -0.25, 0.0], [0.0, 0.0, 50.0]])
    expected = torch.tensor([[0.5, -0.25, DEPTH_SCALE / 2], [0.0, 0.0, DEPTH_SCALE]])
    torch.testing.assert_close(transl_from_raw(raw), expected)


def test_crop_intrinsics_agree_with_the_virtual_camera() -> None:
    """A point through the virtual camera, then from the canvas to the picture, is the point through K."""
    bbox = torch.tensor([[10.0, 20.0, 300.0, 400.0], [-50.0, 5.5, 96.0, 128.0]])
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(2, 7, 3, generator=generator) + torch.tensor([0.0, 0.0, 20.0])
    canvas = project(points - torch.tensor([0.0, 0.0, 1e-4])) * 16
    scale = bbox[:, None, 2:] / torch.tensor([CANVAS[1], CANVAS[0]])
    torch.testing.assert_close(picture_from_heat_map(canvas / 16, bbox), canvas * scale + bbox[:, None, :2])
    pixels = points @ crop_intrinsics(bbox).transpose(1, 2)
    torch.testing.assert_close(
        pixels[..., :2] / pixels[..., 2:], canvas * scale + bbox[:, None, :2], atol=1e-3, rtol=1e-6
    )
