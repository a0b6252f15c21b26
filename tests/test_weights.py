"""Weights files: what is written comes back, and everything else is refused by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

import mien.files
from mien.cli import weights as command
from mien.errors import AssetMissing, InputError, MienError, OutputError, WeightsError
from mien.nets.card import WeightCard
from mien.nets.network import Network
from mien.nets.smplest import SIZES, Config, Smplest
from mien.nets.upstream import convert
from mien.nets.weights import load_weights, save_pretrained, save_weights, show, write_safetensors

TINY = Config(embed_dim=64, depth=1, heads=4, dim_out=16, decoder_depth=1, image_size=(64, 48))
CARD = WeightCard(
    name="tiny", config=TINY, body_family="openbody", licence="Apache-2.0", recipe="none", notes="ünïcode"
)


@pytest.fixture
def network() -> Smplest:
    return Smplest.random(TINY, 0)


@pytest.fixture
def saved(network: Smplest, tmp_path: Path) -> Path:
    save_weights(network, CARD, tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def state_of(network: Smplest) -> dict[str, Tensor]:
    return dict(network.state_dict())


def assert_same(one: Network, other: Network) -> None:
    a, b = one.state_dict(), other.state_dict()
    assert list(a) == list(b)
    assert all(torch.equal(a[key], b[key]) for key in a)


def edit_card(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrite a file with its card changed."""
    with safetensors.safe_open(path, "pt") as file:
        card, tensors = json.loads(file.metadata()["mien"]), {key: file.get_tensor(key).clone() for key in file.keys()}
    change(card)
    safetensors.torch.save_file(tensors, path, {"mien": json.dumps(card)})


def test_a_file_comes_back_with_its_card(saved: Path, network: Smplest) -> None:
    loaded, card = load_weights(saved)
    assert_same(loaded, network)
    assert not loaded.training
    assert replace(card, dtype="fp32", num_parameters=0, mien_version="") == CARD
    assert card.num_parameters == sum(parameter.numel() for parameter in network.parameters())
    assert card.mien_version and card.size == "custom" and card.path == saved
    assert card.sha256 == mien.files.sha256(saved)
    with torch.inference_mode():
        crop = torch.rand(1, 3, 64, 48)
        assert torch.equal(loaded(crop).body_pose, network(crop).body_pose)


def test_our_file_is_plain_safetensors(saved: Path, network: Smplest) -> None:
    tensors = safetensors.torch.load_file(saved)
    assert all(torch.equal(tensors[key], value) for key, value in network.state_dict().items())
    with open(saved, "rb") as stream:
        assert (8 + int.from_bytes(stream.read(8), "little")) % 64 == 0


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_weights_keep_the_dtype_they_were_saved_in(
    network: Smplest, tmp_path: Path, name: str, dtype: torch.dtype
) -> None:
    path = tmp_path / "half.safetensors"
    save_weights(network, CARD, path, dtype=dtype)
    loaded, card = load_weights(path)
    assert card.dtype == name
    assert {parameter.dtype for parameter in loaded.parameters()} == {dtype}
    cast, _ = load_weights(path, dtype=torch.float32)
    for key, value in cast.state_dict().items():
        assert torch.equal(value, network.state_dict()[key].to(dtype).float())


def test_a_folder_comes_back(network: Smplest, tmp_path: Path) -> None:
    save_pretrained(network, CARD, tmp_path / "folder")
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"model.safetensors", "config.json"}
    loaded, card = load_weights(tmp_path / "folder")
    assert_same(loaded, network)
    assert card.name == "tiny" and card.path == tmp_path / "folder" / "model.safetensors"


def test_a_loaded_network_can_be_trained(saved: Path) -> None:
    network, _ = load_weights(saved)
    network.train()(torch.rand(2, 3, 64, 48)).betas.sum().backward()
    torch.optim.SGD(network.parameters(), lr=1.0).step()
    again, _ = load_weights(saved)
    assert not torch.equal(again.get_parameter("reduce.weight"), network.get_parameter("reduce.weight"))


def test_a_named_file_is_found_in_the_data_folder(
    network: Smplest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path))
    save_weights(network, CARD, tmp_path / "weights" / "mine.safetensors")
    assert_same(load_weights("mine")[0], network)
    with pytest.raises(WeightsError, match="did you mean 'mine'"):
        load_weights("mime")


def test_random_weights_say_so() -> None:
    first, card = load_weights("random-xxs")
    again, _ = load_weights("random-xxs:0")
    other, other_card = load_weights("random-xxs:7")
    assert_same(first, again)
    assert not torch.equal(first.encoder.position, other.encoder.position)
    assert "RANDOM" in card.warning and card.body_family == "openbody" and card.size == "xxs"
    assert card.sha256 != other_card.sha256 and len(card.sha256) == 64
    with pytest.raises(WeightsError, match="did you mean 'random-xs'"):
        load_weights("random-xz")


def test_a_card_survives_json(tmp_path: Path) -> None:
    card = replace(CARD, config=SIZES["h"], source="x.pth.tar", warning="none")
    assert WeightCard.from_json(card.to_json(), tmp_path) == card
    assert json.loads(card.to_json())["size"] == "h"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: card.update(licens="MIT"), "unknown key 'licens'.*did you mean 'licence'"),
        (lambda card: card["config"].update(dept=3), "config.*unknown key 'dept'.*did you mean 'depth'"),
        (lambda card: card.update(path="/x"), "unknown key 'path'"),
        (lambda card: card.pop("licence"), "'licence'"),
        (lambda card: card["config"].pop("depth"), "'config.depth'"),
        (lambda card: card["config"].update(depth="1"), "'config.depth'"),
        (lambda card: card["config"].update(heads=3), "impossible.*multiple"),
        (lambda card: card["config"].update(embed_dim=10**12), "impossible.*embed_dim"),
        (lambda card: card["config"].update(depth=2), r"13 missing|\d+ missing: encoder.blocks.1"),
        (lambda card: card["config"].update(dim_out=8), r"of another shape: .*reduce.weight \(\(16, 64\) instead of"),
        (lambda card: card.update(config=[1]), "'config'"),
        (lambda card: card.update(body_family="smpl"), "'body_family'"),
        (lambda card: card.update(architecture="smplr-x"), "architecture 'smplr-x'.*did you mean 'smpler-x'"),
        (lambda card: card.update(architecture="smpler-x"), "config.*unknown key 'decoder_"),
        (lambda card: card.update(schema_version=99), "schema_version 99.*update mien"),
        (lambda card: card.update(dtype="bf16"), "F32.*'bf16'"),
    ],
)
def test_a_wrong_card_is_refused_by_name(saved: Path, change: Callable[[dict[str, Any]], Any], words: str) -> None:
    edit_card(saved, change)
    with pytest.raises(WeightsError, match=words):
        load_weights(saved)


def test_missing_and_unexpected_tensors_are_named(saved: Path) -> None:
    tensors = safetensors.torch.load_file(saved)
    with safetensors.safe_open(saved, "pt") as file:
        metadata = file.metadata()
    tensors["extra.weight"] = tensors.pop("reduce.weight").clone()
    safetensors.torch.save_file({key: value.clone() for key, value in tensors.items()}, saved, metadata)
    with pytest.raises(WeightsError, match=r"1 missing: reduce\.weight; 1 unexpected: extra\.weight"):
        load_weights(saved)


@pytest.mark.parametrize("keep", [0, 5, 300, -1])
def test_a_truncated_file_is_refused(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="complete safetensors"):
        load_weights(saved)


def test_files_that_are_not_ours_are_refused(tmp_path: Path, network: Smplest) -> None:
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file(state_of(network), foreign)
    with pytest.raises(WeightsError, match="has no card"):
        load_weights(foreign)
    with pytest.raises(WeightsError, match="there are no weights"):
        load_weights(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match=r"holds no model\.safetensors"):
        load_weights(tmp_path)
    with pytest.raises(WeightsError, match=r"mien weights convert .*smplest_x_h.pth.tar smplest_x_h.safetensors"):
        load_weights(tmp_path / "smplest_x_h.pth.tar")


def test_a_card_must_describe_the_network(network: Smplest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another network"):
        save_weights(network, replace(CARD, config=SIZES["xs"]), tmp_path / "x.safetensors")
    with pytest.raises(InputError, match=r"\.safetensors"):
        save_weights(network, CARD, tmp_path / "x.bin")
    with pytest.raises(WeightsError, match="float64"):
        save_weights(network.double(), CARD, tmp_path / "x.safetensors")


def test_weights_that_are_not_finite_are_not_written(network: Smplest, saved: Path) -> None:
    before = saved.read_bytes()
    with torch.no_grad():
        network.reduce.bias[3] = 1e6
    with pytest.raises(WeightsError, match=r"reduce\.bias.*float16"):
        save_weights(network, CARD, saved, dtype=torch.float16)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(network: Smplest, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot write"):
        save_weights(network, CARD, tmp_path / "x.safetensors")


def test_hub_weights(network: Smplest, empty_cache: Path) -> None:
    repository = empty_cache / "models--someone--tiny-net"
    save_pretrained(network, CARD, repository / "snapshots/0123")
    (repository / "refs").mkdir()
    for revision in ("main", "v1.0"):
        (repository / "refs" / revision).write_text("0123")
    assert_same(load_weights("someone/tiny-net@v1.0")[0], network)
    assert_same(load_weights("someone/tiny-net")[0], network)


def test_hub_errors_are_kind(empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssetMissing, match=r"the weights someone/net@main is missing.*give their folder"):
        load_weights("someone/net@main")


def test_show_describes(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = show(saved)
    assert set(summary.groups) == {"encoder", "decoder", "reduce", "heads"}
    assert sum(count for _, count in summary.groups.values()) == summary.card.num_parameters
    assert summary.num_bytes == saved.stat().st_size
    assert command.show("random-xxs") == 0
    printed = capsys.readouterr().out
    assert "RANDOM" in printed and "1,777,505 as fp32" in printed


def test_the_writer_takes_odd_and_empty_shapes(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(3.0), "b": torch.ones(4, 8).t(), "c": torch.tensor(2.0), "d": torch.zeros(0, 3)}
    write_safetensors(tmp_path / "x.safetensors", tensors, torch.float32, {"key": "value"})
    loaded = safetensors.torch.load_file(tmp_path / "x.safetensors")
    assert set(loaded) == set(tensors)
    assert all(torch.equal(loaded[key], value) for key, value in tensors.items())


def test_the_command_line_file_imports_no_torch() -> None:
    code = "import sys, mien.cli.weights; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_refusal_is_one_line(tmp_path: Path) -> None:
    """The command line prints an error as it is."""
    requests: list[Callable[[], object]] = [
        lambda: load_weights("nothing-here"),
        lambda: load_weights(tmp_path / "x.pth"),
        lambda: convert(tmp_path / "x", tmp_path / "y.safetensors"),
    ]
    for request in requests:
        with pytest.raises(MienError) as caught:
            request()
        assert "\n" not in str(caught.value)
