"""Networks as graphs: the same numbers as torch's, a card that travels with them, and files that are damaged."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from test_architectures import NANOS, awake, crops, random

from mien.cli import main
from mien.deploy import exporting
from mien.deploy.calibration import in_batches
from mien.deploy.exporting import ExportJob, export_model
from mien.deploy.onnx_graph import quantised, save_onnx
from mien.deploy.openvino_graph import openvino_from_onnx, save_openvino
from mien.errors import InputError, MienError, OutputError, WeightsError
from mien.estimator import load
from mien.nets.card import CARD_KEY, WeightCard
from mien.nets.graphs import GRAPH_KEY, companion, load_graph, named_outputs, prediction_from
from mien.nets.network import Network, NetworkConfig, VitConfig
from mien.nets.weights import load_weights, save_weights
from mien.people import read


def saved(network: Network, folder: Path) -> Path:
    card = WeightCard(name="nano", config=network.config, body_family="openbody", licence="CC0-1.0", warning="RANDOM")
    save_weights(network, card, folder / "nano.safetensors")
    return folder / "nano.safetensors"


FLAT: dict[str, NetworkConfig] = {
    name: replace(config, depth=1) if isinstance(config, VitConfig) else config for name, (config, _) in NANOS.items()
}
"""To export takes seconds, a block more or less one of them."""
ALL = ["smplest-x", *(pytest.param(name, marks=pytest.mark.slow) for name in ("smpler-x", "smplest-cnn"))]
Exporter = Callable[[str], tuple[Network, Path]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exporter:
    """A network of an architecture, and its ONNX file."""

    @cache
    def export(name: str) -> tuple[Network, Path]:
        folder, network = tmp_path_factory.mktemp(name), awake(FLAT[name]).eval()
        job = ExportJob(weights=str(saved(network, folder)), out=folder / "nano.onnx", to="onnx")
        assert export_model(job).files == (folder / "nano.onnx",)
        assert sorted(path.name for path in folder.iterdir()) == ["nano.onnx", "nano.safetensors"]
        return network, folder / "nano.onnx"

    return export


def agree(network: Network, graph: Network, limit: float = 1e-4) -> None:
    for count in (1, 5):
        picture = crops(network.config, count)
        with torch.no_grad():
            wanted, found = named_outputs(network(picture)), named_outputs(graph(picture))
        assert wanted.keys() == found.keys()
        for name, value in wanted.items():
            torch.testing.assert_close(found[name], value, atol=limit, rtol=limit, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("name", ALL)
def test_onnx_says_what_torch_says_for_any_batch(exported: Exporter, name: str) -> None:
    network, path = exported(name)
    graph, card = load_graph(path)
    agree(network, graph)
    assert card.architecture == name and card.name == "nano-onnx-fp32"


@pytest.mark.parametrize("name", ALL)
def test_openvino_says_what_torch_says_for_any_batch(exported: Exporter, name: str, tmp_path: Path) -> None:
    network, path = exported(name)
    notes = {each.key: each.value for each in onnx.load(str(path)).metadata_props}
    save_openvino(openvino_from_onnx(path), tmp_path / "nano.xml", notes, halves=False)
    graph, card = load_graph(tmp_path / "nano.xml")
    agree(network, graph)
    assert card.name == "nano-openvino-fp32" and graph.graph.about == load_graph(path)[0].graph.about


def test_outputs_have_names_and_come_back() -> None:
    prediction = random(FLAT["smpler-x"])(crops(FLAT["smpler-x"], 2))
    outputs = named_outputs(prediction)
    assert "located.boxes" in outputs and "hand_root" not in outputs
    again = named_outputs(prediction_from(outputs))
    assert all(again[name] is value for name, value in outputs.items())


def test_a_file_says_what_it_is(exported: Exporter, capsys: pytest.CaptureFixture[str]) -> None:
    network, path = exported("smplest-x")
    model = onnx.load(str(path))
    notes = {each.key: each.value for each in model.metadata_props}
    assert set(notes) == {CARD_KEY, GRAPH_KEY}
    _, weights = load_weights(path.with_suffix(".safetensors"))
    assert WeightCard.from_json(notes[CARD_KEY], path) == weights
    about = json.loads(notes[GRAPH_KEY])
    assert about["weights_sha256"] == weights.sha256 and 0 <= about["difference"] <= 1e-4
    height, width = network.config.image_size
    assert about["about"]["input"]["shape"] == ["batch", 3, height, width]
    assert [each.name for each in model.graph.output] == list(about["about"]["outputs"])
    for each in model.graph.output:
        shape = [side.dim_param or side.dim_value for side in each.type.tensor_type.shape.dim]
        assert shape == about["about"]["outputs"][each.name]["shape"]
    assert b"site-packages" not in path.read_bytes() and b".py" not in path.read_bytes()
    assert main(["weights", "show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "CC0-1.0" in shown and "hand_root" in shown and "smplest-x custom" in shown


def test_a_graph_predicts_and_evaluates_like_weights(
    exported: Exporter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, path = exported("smplest-x")
    picture = np.full((90, 120, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    scenes = []
    for weights in (path, path.with_suffix(".safetensors")):
        out = tmp_path / weights.suffix
        words = ["predict", str(tmp_path / "a.png"), "--out", str(out), "--weights", str(weights)]
        assert main([*words, "--detector", "full-image"]) == 0
        scenes.append(read(out / "a.npz", picture))
    torch.testing.assert_close(scenes[0].joints3d, scenes[1].joints3d, atol=1e-3, rtol=1e-4)
    assert scenes[0].origin.weights_name == "nano-onnx-fp32"
    assert "RANDOM" in capsys.readouterr().err
    assert main([*words[:-1], str(path), "--precision", "bf16"]) == 2
    assert "which has its own" in capsys.readouterr().err
    with pytest.raises(InputError, match="holds no weights to save"):
        load(path, detector="full-image").save_pretrained(tmp_path / "hub")


def test_a_graph_is_no_weights_to_train(exported: Exporter) -> None:
    with pytest.raises(WeightsError, match="is an exported graph"):
        load_weights(exported("smplest-x")[1])


def test_crops_of_another_size_are_refused(exported: Exporter) -> None:
    graph, _ = load_graph(exported("smplest-x")[1])
    with pytest.raises(InputError, match="crops of 64x48"):
        graph(torch.zeros(1, 3, 64, 48))


def foreign(path: Path) -> None:
    value = onnx.helper.make_tensor_value_info
    given, out = value("x", 1, [1]), value("y", 1, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [given], [out])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10), str(path))


def test_files_that_are_no_graphs_of_ours(exported: Exporter, tmp_path: Path) -> None:
    _, whole = exported("smplest-x")
    path = tmp_path / "x.onnx"
    with pytest.raises(WeightsError, match=r"no graph .*x\.onnx"):
        load_graph(path)
    foreign(path)
    with pytest.raises(WeightsError, match=r"has no card.*export-model"):
        load_graph(path)
    for content in (b"", b"not a graph", whole.read_bytes()[: whole.stat().st_size // 2]):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"x\.onnx"):
            load_graph(path)
    model = onnx.load(str(whole))
    onnx.helper.set_model_props(model, {CARD_KEY: model.metadata_props[0].value, GRAPH_KEY: '{"precision": "fp32"}'})
    onnx.save(model, str(path))
    with pytest.raises(WeightsError, match=r"in what .*x\.onnx says about itself"):
        load_graph(path)


def test_openvino_files_that_are_not_whole(exported: Exporter, tmp_path: Path) -> None:
    _, whole = exported("smplest-x")
    notes = {each.key: each.value for each in onnx.load(str(whole)).metadata_props}
    path = tmp_path / "x.xml"
    about = json.loads(notes[GRAPH_KEY]) | {"companion_sha256": "0" * 64}
    save_openvino(openvino_from_onnx(whole), path, notes | {GRAPH_KEY: json.dumps(about)}, halves=False)
    with pytest.raises(WeightsError, match=r"x\.bin is not the file"):
        load_graph(path)
    companion(path).unlink()
    with pytest.raises(WeightsError, match=r"x\.(xml|bin)"):
        load_graph(path)
    path.write_text("<net")
    with pytest.raises(WeightsError, match=r"x\.xml"):
        load_graph(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "onnx", "--out", "x.xml"], r"expected a name ending in \.onnx"),
        (["--to", "openvino", "--out", "x.onnx"], r"expected a name ending in \.xml"),
        (["--to", "onnx", "--out", "x.onnx", "--precision", "int8"], "int8 without --calibrate"),
        (["--to", "onnx", "--out", "x.onnx", "--calibrate", "."], "--calibrate for fp32"),
        (["--to", "onnx", "--out", "x.onnx", "--precision", "bf16"], "no bf16 on processors"),
        (["--to", "onnx", "--out", "x.onnx", "--batch", "0"], "--batch 0"),
        (["--to", "onnx", "--out", "folder.onnx"], "is a folder"),
    ],
)
def test_arguments_that_do_not_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.onnx").mkdir()
    assert main(["export-model", "random-xxs", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert re.search(said, captured.err)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.onnx"]


@pytest.mark.parametrize(
    ("package", "extra"), [("onnxruntime", "onnx"), ("onnxscript", "onnx"), ("openvino", "openvino")]
)
def test_a_missing_package_is_named(
    exported: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    out = tmp_path / ("x.xml" if extra == "openvino" else "x.onnx")
    with pytest.raises(MienError, match=rf"needs the package '{package}'.*mien\[{extra}\]"):
        export_model(ExportJob(weights="random-xxs", out=out, to="openvino" if extra == "openvino" else "onnx"))
    if package == "onnxruntime":
        with pytest.raises(MienError, match=r"mien\[onnx\]"):
            load_graph(exported("smplest-x")[1])


def test_what_differs_from_torch_or_cannot_be_written_leaves_nothing(
    exported: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, path = exported("smplest-x")
    model = onnx.load(str(path))
    monkeypatch.setattr(exporting, "onnx_from_network", lambda *_: model)
    other = awake(network.config).eval()
    with torch.no_grad():
        other.get_parameter("heads.betas.bias").add_(1e-3)
    weights = saved(other, tmp_path)
    with pytest.raises(WeightsError, match="says betas otherwise than torch"):
        export_model(ExportJob(weights=str(weights), out=tmp_path / "x.onnx", to="onnx"))
    weight = next(each for each in model.graph.initializer if each.name.endswith("heads.betas.weight"))
    weight.raw_data = np.full(len(weight.raw_data) // 4, np.nan, np.float32).tobytes()
    for precision in ("fp32", "fp16"):
        with pytest.raises(WeightsError, match=r"betas .* is NaN or infinite"):
            export_model(ExportJob(weights=str(weights), out=tmp_path / "x.onnx", to="onnx", precision=precision))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        export_model(ExportJob(weights=str(weights), out=tmp_path / "file/x.onnx", to="onnx"))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "nano.safetensors"]


def test_many_numbers_go_to_a_file_beside(exported: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, path = exported("smplest-x")
    monkeypatch.setattr("mien.deploy.onnx_graph.LARGE", 1000)
    monkeypatch.setattr(exporting, "onnx_from_network", lambda *_: onnx.load(str(path)))
    weights = str(path.with_suffix(".safetensors"))
    done = export_model(ExportJob(weights=weights, out=tmp_path / "x.onnx", to="onnx"))
    assert [each.name for each in done.files] == ["x.onnx", "x.onnx.data"]
    agree(network, load_graph(tmp_path / "x.onnx")[0])
    (tmp_path / "x.onnx.data").write_bytes((tmp_path / "x.onnx.data").read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"x\.onnx\.data is not the file"):
        load_graph(tmp_path / "x.onnx")


def test_many_numbers_of_eight_bits_go_to_a_file_beside(
    exported: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, path = exported("smplest-x")
    monkeypatch.setattr("mien.deploy.onnx_graph.LARGE", 1000)
    save_onnx(onnx.load(str(path)), tmp_path / "plain.onnx")
    assert companion(tmp_path / "plain.onnx").exists()
    monkeypatch.setattr("mien.deploy.onnx_graph.LARGE", (tmp_path / "plain.onnx").stat().st_size)
    quantised(tmp_path / "plain.onnx", tmp_path / "x.onnx", [crops(network.config, 2).numpy()], [])
    assert companion(tmp_path / "x.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "openvino"])
def test_eight_bits_of_a_fixed_batch(tmp_path: Path, studio: Path, to: exporting.Format) -> None:
    """Ranges are found from batches as large as the graph wants them."""
    out = tmp_path / ("x.onnx" if to == "onnx" else "x.xml")
    done = export_model(ExportJob(weights="random-xxs", out=out, to=to, precision="int8", calibrate=(studio,), batch=5))
    assert done.graph.batch == 5 and load_graph(out)[0](torch.zeros(5, 3, 128, 96)).transl.shape == (5, 3)


def test_batches_are_all_of_one_size() -> None:
    crops = np.arange(7, dtype=np.float32)[:, None, None, None] * np.ones((1, 3, 2, 2), np.float32)
    firsts = [batch[:, 0, 0, 0].tolist() for batch in in_batches(crops, 3)]
    assert firsts == [[0, 1, 2], [3, 4, 5], [6, 0, 1]]


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "openvino"])
@pytest.mark.parametrize("precision", ["fp16", "int8", "bf16"])
def test_lower_precisions_are_close(
    tmp_path: Path, studio: Path, to: exporting.Format, precision: exporting.Precision
) -> None:
    if (to, precision) == ("onnx", "bf16"):
        return
    out = tmp_path / ("x.onnx" if to == "onnx" else "x.xml")
    calibrate = (studio,) if precision == "int8" else ()
    done = export_model(ExportJob(weights="open-xs", out=out, to=to, precision=precision, calibrate=calibrate))
    assert 1e-5 < done.graph.difference < (0.5 if precision == "int8" else 0.2)
    network, _ = load_weights("open-xs", dtype=torch.float32)
    assert sum(path.stat().st_size for path in done.files) < 0.65 * 4 * sum(p.numel() for p in network.parameters())
    graph, card = load_graph(out)
    agree(network, graph, 0.5)
    assert card.name == f"open-xs-{to}-{precision}" and ("crops of" in graph.graph.calibrated_on) == bool(calibrate)


@pytest.mark.slow
@pytest.mark.parametrize("name", FLAT)
def test_a_graph_of_a_fixed_batch_takes_any_number(tmp_path: Path, name: str) -> None:
    network = awake(FLAT[name]).eval()
    weights = str(saved(network, tmp_path))
    export_model(ExportJob(weights=weights, out=tmp_path / "x.onnx", to="onnx", batch=2))
    graph, _ = load_graph(tmp_path / "x.onnx")
    assert graph.graph.batch == 2
    agree(network, graph)
