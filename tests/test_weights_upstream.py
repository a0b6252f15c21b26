"""Upstream's checkpoints: what fits is converted without a second copy in memory, the rest is refused by name."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import textwrap
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import mien.files
from mien.cli import weights as command
from mien.errors import InputError, UnsafeFile, WeightsError
from mien.nets.network import Network
from mien.nets.smplest import SIZES, Config, Smplest
from mien.nets.upstream import UPSTREAM_LICENCE, convert, dead_shapes, key_table
from mien.nets.weights import load_weights

TINY = Config(embed_dim=64, depth=1, heads=4, dim_out=16, decoder_depth=1, image_size=(64, 48))


def assert_same(one: Network, other: Network) -> None:
    a, b = one.state_dict(), other.state_dict()
    assert list(a) == list(b)
    assert all(torch.equal(a[key], b[key]) for key in a)


def upstream_state(config: Config, prefix: str = "module.") -> dict[str, Tensor]:
    """A network's weights under upstream's keys, with the tensors that upstream never uses."""
    state = Smplest.random(config, 1).state_dict()
    theirs = {key: state[ours] for key, ours in key_table(config).items()}
    theirs |= {key: torch.zeros(shape) for key, shape in dead_shapes(config).items()}
    return {prefix + key: value for key, value in theirs.items()}


def write_checkpoint(path: Path, state: dict[str, Any], **more: Any) -> Path:
    torch.save(
        {"epoch": 1, "network": OrderedDict(state), "optimizer": {"state": {}, "param_groups": []}}, path, **more
    )
    return path


def test_a_checkpoint_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = upstream_state(TINY) | {"module.smplx_layer_neutral.v_template": torch.zeros(7, 3)}
    state = {key.removeprefix("module.") if "norm" in key else key: value for key, value in state.items()}
    source, target = write_checkpoint(tmp_path / "snapshot_1.pth.tar", state), tmp_path / "x" / "mine.safetensors"
    assert command.convert(source, target) == 0
    network, card = load_weights(target)
    assert_same(network, Smplest.random(TINY, 1))
    assert (card.name, card.body_family, card.licence) == ("mine", "smplx", UPSTREAM_LICENCE)
    assert (card.source, card.source_sha256) == ("snapshot_1.pth.tar", mien.files.sha256(source))
    assert str(tmp_path) not in card.to_json()
    assert "S-Lab" in capsys.readouterr().out


def test_the_old_torch_format_is_converted_too(tmp_path: Path) -> None:
    source = tmp_path / "old.pth.tar"
    write_checkpoint(source, upstream_state(TINY, ""), _use_new_zipfile_serialization=False)
    convert(source, tmp_path / "out.safetensors", dtype="bf16", licence="mine", body_family="openbody", name="old")
    network, card = load_weights(tmp_path / "out.safetensors")
    assert network.get_parameter("reduce.weight").dtype == torch.bfloat16
    assert (card.name, card.licence, card.body_family, card.dtype) == ("old", "mine", "openbody", "bf16")


def test_heads_of_an_unknown_width_must_be_given(tmp_path: Path) -> None:
    config = replace(TINY, embed_dim=96, heads=6)
    source = write_checkpoint(tmp_path / "x.pth.tar", upstream_state(config))
    with pytest.raises(WeightsError, match=r"width 96.*--heads"):
        convert(source, tmp_path / "x.safetensors")
    assert convert(source, tmp_path / "x.safetensors", heads=6).config == config
    with pytest.raises(WeightsError, match="multiple"):
        convert(source, tmp_path / "x.safetensors", heads=7)
    with pytest.raises(WeightsError, match="heads is 0"):
        convert(source, tmp_path / "x.safetensors", heads=0)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "missing": (lambda s: s.pop("module.decoder.token_conv.bias"), r"1 missing: decoder\.token_conv\.bias"),
    "many missing": (
        lambda s: [s.pop(key) for key in list(s) if "norm" in key],
        r"\d\d missing: encoder\.blocks\.0\.norm1\.weight, .*, \.\.\.",
    ),
    "unexpected": (lambda s: s.update({"module.box_net.x": torch.ones(2)}), r"1 unexpected: box_net\.x"),
    "misshapen": (
        lambda s: s.update({"module.decoder.dec_body_cam.bias": torch.ones(4)}),
        r"1 of another shape: decoder\.dec_body_cam\.bias \(\(4,\) instead of \(3,\)\)",
    ),
    "misshapen dead weight": (
        lambda s: s.update({"module.decoder.dec_face_cam.bias": torch.ones(4)}),
        r"decoder\.dec_face_cam\.bias",
    ),
    "twice": (lambda s: s.update({"decoder.token_conv.bias": torch.ones(16)}), "token_conv.bias twice"),
    "integer": (lambda s: s.update({"module.x": torch.ones(2, dtype=torch.int64)}), "'module.x'"),
    "text": (lambda s: s.update({"module.x": "hello"}), "'module.x'.*str"),
    "other network": (lambda s: (s.clear(), s.update({"trunk.x": torch.ones(2)})), "it holds trunk.x"),
    "empty": (lambda s: s.clear(), "SMPLest-X"),
    "no axes": (lambda s: s.update({"module.decoder.token_conv.weight": torch.ones(16)}), "token_conv.weight"),
    "no patches": (lambda s: s.update({"module.encoder.pos_embed": torch.ones(1, 0, 64)}), "image_size"),
    "not finite": (lambda s: s["module.decoder.token_conv.bias"].fill_(float("nan")), "reduce.bias.*finite"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(tmp_path: Path, fault: str) -> None:
    change, words = BROKEN[fault]
    state = upstream_state(TINY)
    change(state)
    source, target = write_checkpoint(tmp_path / "x.pth.tar", state), tmp_path / "x.safetensors"
    with pytest.raises(WeightsError, match=words):
        convert(source, target)
    assert list(tmp_path.iterdir()) == [source]


def test_a_checkpoint_without_its_dead_weights_is_fine(tmp_path: Path) -> None:
    state = upstream_state(TINY)
    for key in dead_shapes(TINY):
        del state[f"module.{key}"]
    convert(write_checkpoint(tmp_path / "x.pth.tar", state), tmp_path / "x.safetensors")


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo the file ran code > ran.txt",)


@pytest.mark.parametrize("form", ["zip", "old", "pickle"])
def test_a_file_that_would_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "evil.pth.tar"
    content = {"network": {}, "epoch": Evil()}
    if form == "pickle":
        source.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, source, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UnsafeFile, match=r"evil\.pth\.tar wants to call \w+\.system"):
        convert(source, tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, new: bool, part: float) -> None:
    source = write_checkpoint(tmp_path / "x.pth.tar", upstream_state(TINY), _use_new_zipfile_serialization=new)
    content = source.read_bytes()
    source.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(WeightsError, match=re.escape(str(source))):
        convert(source, tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


def test_other_files_are_not_checkpoints(tmp_path: Path) -> None:
    target = tmp_path / "x.safetensors"
    (tmp_path / "page.html").write_text("<html>not found</html>")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}, protocol=2))
    (tmp_path / "newer.pkl").write_bytes(pickle.dumps({"a": Evil()}, protocol=4))
    torch.save([1, 2], tmp_path / "list.pth")
    for name, words in {
        "page.html": "no PyTorch file",
        "plain.pkl": r"plain\.pkl",
        "newer.pkl": r"newer\.pkl \(Unsupported operand",
        "list.pth": "'network'",
        "none.pth.tar": "No such file",
        ".": "directory",
    }.items():
        with pytest.raises(WeightsError, match=words):
            convert(tmp_path / name, target)
    with pytest.raises(InputError, match=r"\.safetensors"):
        convert(tmp_path / "list.pth", tmp_path / "x.pth")


def test_an_interrupted_conversion_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = write_checkpoint(tmp_path / "x.pth.tar", upstream_state(TINY)), tmp_path / "tiny.safetensors"
    target.write_bytes(b"what was there before")
    calls = 0
    plain = Tensor.contiguous

    def interrupted(self: Tensor, *args: Any, **more: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise KeyboardInterrupt
        return plain(self, *args, **more)

    monkeypatch.setattr(Tensor, "contiguous", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(source, target)
    assert target.read_bytes() == b"what was there before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.safetensors", "x.pth.tar"]


MEASURE = """
    import sys, threading, time
    from pathlib import Path
    from mien.nets.upstream import convert
    from mien.nets.weights import load_weights

    def anonymous():
        text = Path("/proc/self/status").read_text()
        return int(text.split("RssAnon:")[1].split()[0]) * 1024

    def peak_of(work):
        base, peak, done = anonymous(), [0], threading.Event()
        def watch():
            while not done.is_set():
                peak[0] = max(peak[0], anonymous())
                time.sleep(0.001)
        thread = threading.Thread(target=watch)
        thread.start()
        kept = work()
        done.set()
        thread.join()
        return max(peak[0], anonymous()) - base

    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    load_weights("random-xxs")  # what is imported on first use does not count
    for dtype in ("fp32", "bf16"):
        print(peak_of(lambda: convert(source, target, dtype=dtype)), peak_of(lambda: load_weights(target)))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of memory")
def test_conversion_and_loading_hold_no_copy_in_memory(tmp_path: Path) -> None:
    """Size B with two Adam moments, 1.4 GB on disk. One copy of the weights would be 466 MB, or 233 MB in bf16."""
    config = SIZES["b"]
    state = {f"module.{key}": torch.zeros(1).expand(shape) for key, shape in shapes_of(config).items()}
    state = {key: value.contiguous() for key, value in state.items()}
    moments = {i: {"step": 1, "exp_avg": x.clone(), "exp_avg_sq": x.clone()} for i, x in enumerate(state.values())}
    source, target = tmp_path / "b.pth.tar", tmp_path / "b.safetensors"
    torch.save({"epoch": 0, "network": state, "optimizer": {"state": moments, "param_groups": []}}, source)
    del state, moments
    assert source.stat().st_size > 1.39e9
    try:
        command_line = [sys.executable, "-c", textwrap.dedent(MEASURE), str(source), str(target)]
        done = subprocess.run(command_line, capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            converting, loading = map(int, line.split())
            print(f"converting {converting / 1e6:.0f} MB, loading {loading / 1e6:.0f} MB")
            assert converting < 100e6
            assert loading < 40e6
    finally:
        source.unlink()
        target.unlink(missing_ok=True)


def shapes_of(config: Config) -> dict[str, tuple[int, ...]]:
    from mien.nets.weights import empty_network

    ours = empty_network(config).state_dict()
    return {key: tuple(ours[name].shape) for key, name in key_table(config).items()} | dead_shapes(config)
