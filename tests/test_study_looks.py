"""The studies of pictures: numbers by laws, attention by what layers give, commands by the smallest real runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mien.body.joints import OUTPUT_JOINTS
from mien.body.model import BodyModel
from mien.cli import main
from mien.data.samples import Label, Samples
from mien.geometry.hands import hand_distances
from mien.geometry.rotation import axis_angle_from_matrix
from mien.nets import smplerx, smplest
from mien.nets.cnn import SIZES as CNN_SIZES
from mien.nets.network import Network
from mien.nets.smplerx import Smplerx
from mien.nets.smplest import Smplest
from mien.study.attention import lifts
from mien.study.attention_capture import Call, captured, default_layer, layers, patch_attention, recomputed
from mien.study.attention_figures import over_picture
from mien.study.attention_tokens import PARTS, TaskToken, tokens_of
from mien.study.attributes_maps import principal_components
from mien.study.attributes_overlap import K, ladder, reach
from mien.study.attributes_spaces import orientations, skeletons, standardised, view_angles
from mien.study.kept import is_kept, kept
from mien.study.picture_sets import Choice, read_sets

NETWORKS: dict[str, Callable[[], Network]] = {
    "smplest": lambda: Smplest.random(smplest.SIZES["xxs"], 3),
    "smplerx": lambda: Smplerx.random(smplerx.SIZES["xxs"], 3),
    "cnn": lambda: Smplest.random(CNN_SIZES["xxs"], 3),
}


# coverage


def test_coverage_of_one_distribution_is_known_and_of_far_ones_is_none() -> None:
    random = np.random.default_rng(0)
    near, same, far = random.normal(0, 1, (300, 4)), random.normal(0, 1, (300, 4)), random.normal(50, 1, (300, 4))
    found = reach([near, same, far], ["near", "same", "far"])
    chance = 1 - 2.0**-K
    for of, by in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 0)):
        value = found.coverage(of, [by])
        assert value.low - 0.02 < chance < value.high + 0.02, (of, by, value)
    assert found.coverage(0, [2]).mean == 0 and found.coverage(2, [0, 1]).mean == 0
    assert found.alone(2).mean == 1 and found.alone(0).mean < 0.1
    assert found.overlap(0, 2).mean == 0 and found.overlap(0, 1).mean > 0.9


def test_coverage_knows_no_units_and_no_axes() -> None:
    random = np.random.default_rng(1)
    parts = [random.normal(0, 1, (80, 3)), random.normal(0.7, 1, (90, 3))]
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    other = reach([5 * part @ turn + 3 for part in parts], ["a", "b"])
    assert (reach(parts, ["a", "b"]).reached == other.reached).all()
    assert other.people == 80 and other.reached.shape[2] == 40


def test_what_adds_most_comes_first_and_all_of_them_cover_what_all_cover() -> None:
    random = np.random.default_rng(2)
    one, same, apart = random.normal(0, 1, (100, 2)), random.normal(0, 1, (100, 2)), random.normal(30, 1, (100, 2))
    found = reach([one, same, apart], ["one", "same", "apart"])
    steps = ladder(found)
    assert {step.added for step in steps} == {"one", "same", "apart"} and steps[-1].runner_up == ""
    assert steps[-1].covered.mean == pytest.approx(found.all_covered([0, 1, 2]).mean)
    assert sum(step.gain.mean for step in steps) == pytest.approx(steps[-1].covered.mean)
    assert not steps[0].clear, "two sets of one distribution add as much"
    rest = ladder(found, [0])
    assert rest[0].added == "apart" and rest[0].clear and rest[0].gain.mean > 0.25 and rest[1].gain.mean < 0.05


# points and maps


def test_principal_components_hold_the_variance(body: BodyModel) -> None:
    random = np.random.default_rng(0)
    points = random.normal(0, 1, (200, 3)) * [5, 2, 0.1]
    found = principal_components([points[:50], points[50:]])
    assert [len(part) for part in found.places] == [50, 150]
    places = np.concatenate(found.places)
    assert found.explained.sum() == pytest.approx(1)
    assert places.var(0) / points.var(0).sum() == pytest.approx(found.explained[:2])
    one = principal_components([points[:1]])
    assert (np.concatenate(one.places) == 0).all()


def test_standardised_features_count_each_dataset_alike() -> None:
    random = np.random.default_rng(0)
    few, many = random.normal(3, 2, (20, 2)).astype(np.float32), random.normal(-1, 1, (500, 2)).astype(np.float32)
    few[:, 1] = many[:, 1] = 7
    found = standardised([few, many, np.zeros((0, 2), np.float32)])
    assert np.mean([part.mean(0) for part in found[:2]], 0) == pytest.approx(0, abs=1e-6)
    assert np.mean([(part[:, 0] ** 2).mean() for part in found[:2]]) == pytest.approx(1)
    assert (found[1][:, 1] == 0).all() and len(found[2]) == 0


def test_view_angles_are_those_that_a_body_was_turned_by() -> None:
    wanted = np.array([[0.0, 0, 0], [60, 20, 0], [-130, -40, 35], [170, 5, -80]])
    found = view_angles(np.stack([_turned(*np.deg2rad(angles)) for angles in wanted]).reshape(-1, 9))
    assert found == pytest.approx(wanted, abs=1e-6)


def _turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Camera from body: somebody who faces the camera, leant to their left, bent up, turned to the picture's right."""
    facing = np.diag([1.0, -1.0, -1.0])
    lean = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    bend = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    return facing @ turn @ bend @ lean


def test_skeletons_do_not_know_how_the_body_is_turned(body: BodyModel) -> None:
    zero = np.zeros((2, 3), np.float32)
    known = np.ones(2, np.float32)
    turn = axis_angle_from_matrix(torch.from_numpy(_turned(1, 0.2, 0.3)).float()).numpy()
    samples = Samples(
        source="made", row=np.arange(2), image=np.array(["a", "b"], dtype=object),
        box=Label(value=np.ones((2, 4), np.float32), weight=known),
        global_orient=Label(value=np.stack([zero[0], turn]), weight=known),
        body_pose=Label(value=np.zeros((2, 21, 3), np.float32), weight=known),
    )  # fmt: skip
    places, rows = skeletons(samples, body)
    rest = body.joint_template[1:22] - body.joint_template[0]
    assert rows.all() and torch.from_numpy(places[0]).reshape(21, 3).numpy() == pytest.approx(rest.numpy(), abs=1e-5)
    assert places[1] == pytest.approx(places[0])
    assert orientations(samples)[0][1].reshape(3, 3) == pytest.approx(_turned(1, 0.2, 0.3), abs=1e-5)


# what is kept


def test_what_is_kept_is_made_once(tmp_path: Path) -> None:
    path, made = tmp_path / "deep/a.npz", list[int]()

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"x": np.arange(3)}

    for _ in range(2):
        assert kept(path, {"a": 1}, make)[0]["x"].tolist() == [0, 1, 2]
    assert len(made) == 1 and is_kept(path, {"a": 1}) and not is_kept(path, {"a": 2})
    kept(path, {"a": 2}, make)
    path.write_bytes(path.read_bytes()[:100])
    assert not is_kept(path, {"a": 2})
    kept(path, {"a": 2}, make)
    assert len(made) == 3


# attention


@pytest.mark.parametrize("name", NETWORKS)
def test_recomputed_attention_gives_what_the_layer_gave(name: str) -> None:
    network = NETWORKS[name]()
    with torch.no_grad():
        for parameter in network.parameters():  # silent heads and small weights would hide a mistake
            parameter.mul_(1.5)
    crops = torch.rand(3, 3, 128, 96, generator=torch.Generator().manual_seed(0))
    calls: dict[str, list[Call]] = {layer: [] for layer in layers(network)}
    with torch.no_grad(), ExitStack() as stack:
        for layer, found in calls.items():
            stack.enter_context(captured(network, layer, found.append))
        network(crops)
    seen = {layer: call for layer, (call,) in calls.items()}
    for layer, call in seen.items():
        weights, output = recomputed(call)
        asked = call.output
        if asked is None:  # the last self attention, part of which is computed: what it gave is what comes next
            asked = seen[layer.replace("self_attention", "cross_attention")].rows
        torch.testing.assert_close(output, asked, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
        assert (output - call.rows[: len(output)]).abs().max() > 1e-3
    before = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
    assert not any(before), "hooks stay behind"
    num_tasks, patches = network.encoder.task_tokens.shape[1], int(np.prod(network.encoder.grid))
    heat, share = patch_attention(seen[default_layer(network)], num_tasks, patches)
    assert heat.shape == (3, num_tasks, patches) and float(share.max()) < 1 + 1e-5
    torch.testing.assert_close(heat.sum(-1), torch.ones(3, num_tasks))


def test_every_token_that_a_head_reads_has_a_name() -> None:
    for name, make in NETWORKS.items():
        tokens = tokens_of(make())
        assert len({token.index for token in tokens}) == len({token.name for token in tokens}) == len(tokens)
        assert {token.part for token in tokens} <= set(PARTS)
        if name != "smplerx":
            read = {i for start, end, _ in smplest.HEADS.values() for i in range(start, end)}
            assert {token.index for token in tokens} == read
    places = {token.name: token for token in tokens_of(NETWORKS["smplest"]())}
    assert places["right_thumb3"].part == "right hand" and places["right_thumb3"].index == 64
    assert OUTPUT_JOINTS[places["left_elbow"].joint or 0] == "left_elbow" and places["left_elbow"].part == "left arm"
    assert places["neck"].part == "torso" and places["camera"].joint is None
    assert {part for token in places.values() for part in [token.part]} == set(PARTS)


def test_lift_is_one_for_attention_everywhere_and_largest_at_the_joint() -> None:
    tokens = (TaskToken(index=0, name="a", part="torso", joint=5), TaskToken(index=1, name="b", part="shape"))
    heat = np.full((3, 2, 48), 1 / 48)
    heat[0, 0] = 0
    heat[0, 0, 2 * 6 + 3] = 1  # row 2, column 3 of 8 x 6
    crop = np.tile([10.0, 20, 60, 80], (3, 1))
    joints, known = np.zeros((3, 144, 2)), np.zeros((3, 144), dtype=bool)
    joints[:, 5], known[:, 5] = [10 + 35, 20 + 25], True
    joints[2, 5] = [0, 0]  # outside the crop
    found = lifts(heat, crop, joints, known, tokens, (8, 6))
    assert found.own[0, 0] == pytest.approx(48 / 9) and found.own[1, 0] == pytest.approx(1)
    assert np.isnan(found.own[2, 0]) and np.isnan(found.own[:, 1]).all()
    assert sorted(found.other[:2, 0]) == pytest.approx([1, 1]) or max(found.other[:2, 0]) == pytest.approx(48 / 9)


def test_a_map_lies_over_its_crop_in_the_picture() -> None:
    heat = np.zeros((8, 6))
    heat[0, 5] = 1
    grey = np.full((100, 100, 3), 90, dtype=np.uint8)
    drawn = over_picture(grey, heat, np.array([40.0, -20, 90, 120])).astype(int)  # reaches outside on three sides
    red = drawn[:, :, 0] - drawn[:, :, 2]
    red[:, 38:43] = 0  # the frame
    assert red[:, :38].max() == 0 and red[2:12, 90:].mean() < red.max()
    assert not red[60:].any()


# data and commands


@pytest.fixture(scope="module")
def sets(studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three datasets: as made; without hands, global orientation and pictures; a single picture."""
    place = tmp_path_factory.mktemp("sets")
    for name in ("whole", "bare", "single"):
        shutil.copytree(studio, place / name)
    _write(place / "whole/train.npz", _arrays(place / "whole/train.npz"), "whole")
    bare = _arrays(place / "bare/train.npz")
    params = bare["smplx"].item()
    for key in ("left_hand_pose", "right_hand_pose", "global_orient"):
        params.pop(key)
    _write(place / "bare/train.npz", {**bare, "smplx": np.array(params, dtype=object)}, "bare")
    shutil.rmtree(place / "bare/images")
    single = _arrays(place / "single/train.npz")
    count = len(single["image_path"])
    first = {
        key: value[:1] if value.ndim and len(value) == count and not key.endswith("_mask") else value
        for key, value in single.items()
    }
    for key in ("smplx", "meta"):
        first[key] = np.array({name: value[:1] for name, value in single[key].item().items()}, dtype=object)
    first["__data_len__"] = np.array(1)
    _write(place / "single/train.npz", first, "single")
    return place


def _arrays(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=True) as file:
        return dict(file)


def _write(path: Path, arrays: dict[str, Any], name: str) -> None:
    misc = {**arrays["misc"].item(), "recipe": name}
    np.savez(path, **{**arrays, "misc": np.array(misc, dtype=object)})


def test_of_each_picture_one_person_is_taken(sets: Path, body: BodyModel) -> None:
    whole, single = read_sets([str(sets / "whole"), str(sets / "single")], Choice(people=3), lambda place: body)
    assert len(whole) == 3 and len(single) == 1
    assert len(set(whole.truths.samples.image)) == 3 and whole.kind == "synthetic" and set(whole.scene) == {"studio"}
    again = read_sets([str(sets / "whole"), str(sets / "single")], Choice(people=3), lambda place: body)[0]
    assert again.made_of == whole.made_of


def test_attributes_of_small_and_broken_sets(sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = [str(sets / name) for name in ("whole", "bare", "single")], tmp_path / "out"
    words = ["study", "attributes", *data, "--out", str(out), "--features", "random-xxs", "--umap", "no"]
    assert main([*words, "--dry-run"]) == 0
    assert "about" in capsys.readouterr().out and not (out / "study.json").exists()
    assert main(words) == 0
    found = json.loads((out / "study.json").read_text())
    said = capsys.readouterr().err
    for part in ("picture: 0 of 4 people of bare", "orientation: 0 of 4 people of bare", "fewer than 40", "RANDOM"):
        assert part in said
    assert set(found["spaces"]) == {"picture", "orientation", "pose"} and found["spaces"]["pose"]["explained"][0] > 0.2
    assert found["data"]["bare"]["people"] == 4 and found["view"].keys() == {"whole", "single"}
    assert "<script" not in (out / "study.html").read_text().lower() and (out / "orientation.png").stat().st_size > 2000
    times = {path: path.stat().st_mtime_ns for path in (out / "features").glob("*.npz")}
    assert main([*words, "--dry-run"]) == 0 and "kept" in capsys.readouterr().out and len(times) == 3
    assert times == {path: path.stat().st_mtime_ns for path in times}


def test_hands_of_small_and_broken_sets(
    sets: Path, tmp_path: Path, body: BodyModel, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = [str(sets / name) for name in ("whole", "bare", "single")], tmp_path / "out"
    assert main(["study", "hands", *data, "--out", str(out)]) == 0
    found = json.loads((out / "study.json").read_text())
    assert found["hands"]["bare"]["left"] == {"hands": 0} and found["hands"]["single"]["right"]["hands"] == 1
    poses = np.asarray(_arrays(sets / "whole/train.npz")["smplx"].item()["left_hand_pose"]).reshape(-1, 15, 3)
    assert body.mean_hands is not None
    middle = np.median(hand_distances(poses, body.mean_hands[0].numpy()))
    assert found["hands"]["whole"]["left"]["median"]["mean"] == pytest.approx(middle, abs=1e-3)
    assert "bare: 0 of 4 people have a left hand" in capsys.readouterr().err
    assert (out / "hands.png").stat().st_size > 10_000
    assert main(["study", "hands", data[1], "--out", str(tmp_path / "none")]) == 2
    assert "no dataset has hands" in capsys.readouterr().err


@pytest.mark.parametrize("weights", ["random-xxs", "random-smplerx-xxs", "random-smplestcnn-xxs"])
def test_attention_of_each_architecture(
    sets: Path, tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = next((sets / "whole/images").glob("*"))
    words = ["study", "attention", str(sets / "whole"), str(sets / "bare"), str(picture), "--out", str(tmp_path)]
    words += ["--weights", weights, "--detector", "full-image", "--split", "train", "--people", "3", "--shown", "3"]
    assert main(words) == 0
    found = json.loads((tmp_path / "study.json").read_text())
    assert found["people"] == {"whole": 3, "bare": 0, "pictures": 1}
    assert found["parts"]["torso"]["people"] >= 1 and len(found["remarks"]) == 4  # random weights, three pictures
    assert (tmp_path / "attention.jpg").stat().st_size > 5000 and (tmp_path / "lifts.png").exists()
    assert "is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["attributes", "EMPTY"], "holds no .npz"),
        (["attributes", "nowhere"], "does not exist"),
        (["attributes"], "no dataset"),
        (["attributes", "WHOLE", "WHOLE"], "given twice"),
        (["attributes", "WHOLE", "--people", "0"], "at least 1"),
        (["attributes", "WHOLE", "--mix", "wohle"], "did you mean 'whole'"),
        (["attributes", "WHOLE", "--features", "open-sx"], "did you mean 'open-xs'"),
        (["attributes", "WHOLE", "--features", "hf:nowhere"], "backbone"),
        (["hands", "EMPTY"], "holds no .npz"),
        (["hands"], "no dataset"),
        (["attention", "WHOLE", "--layer", "decoder.layers.0.cros_attention"], "did you mean"),
        (["attention", "WHOLE", "--weights", "open-sx"], "did you mean 'open-xs'"),
        (["attention", "nowhere"], "does not exist"),
        (["hands", "WHOLE", "--out", "FILE"], "is a file"),
        (["attributes", "WHOLE", "--out", "FILE/below"], "cannot write"),
    ],
)
def test_wrong_input_is_said_in_one_line(
    sets: Path, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    names = {"EMPTY": tmp_path / "empty", "WHOLE": sets / "whole"}
    names |= {"FILE": tmp_path / "file", "FILE/below": tmp_path / "file/below"}
    out = [] if "--out" in words else ["--out", str(tmp_path / "out")]
    assert main(["study", *(str(names.get(word, word)) for word in words), *out]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith("mien: error: ") and said in error[-1], error
    assert (tmp_path / "file").read_text() == "x"


# backbones of others


def test_a_backbone_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from mien.errors import WeightsError
    from mien.study.backbones import load_backbone

    small: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(image_size=32, patch_size=8, intermediate_size=32, **small)
    transformers.ViTModel(config).save_pretrained(tmp_path / "vit")
    prepare = {"size": {"shortest_edge": 36}, "crop_size": 32, "do_center_crop": True, "do_normalize": False}
    (tmp_path / "vit/preprocessor_config.json").write_text(json.dumps(prepare))
    backbone = load_backbone(f"hf:{tmp_path / 'vit'}")
    crops = np.random.default_rng(0).uniform(0, 255, (2, *backbone.image_size, 3)).astype(np.float32)
    found = backbone(crops)
    assert found.shape == (2, 16) and np.isfinite(found).all() and not np.allclose(found[0], found[1])
    assert backbone(crops[:1]) == pytest.approx(found[:1], abs=1e-5)
    bert = transformers.BertConfig(vocab_size=20, intermediate_size=32, **small)
    transformers.BertModel(bert).save_pretrained(tmp_path / "bert")
    with pytest.raises(WeightsError, match="input_ids"):
        load_backbone(f"hf:{tmp_path / 'bert'}")


@pytest.mark.slow
def test_umap_puts_clusters_apart() -> None:
    pytest.importorskip("umap")
    from mien.study.attributes_maps import umap

    random = np.random.default_rng(0)
    parts = [random.normal(0, 1, (60, 5)), random.normal(40, 1, (60, 5))]
    one, other = umap(parts, seed=0)
    gap = np.linalg.norm(one.mean(0) - other.mean(0))
    assert gap > 2 * max(one.std(0).max(), other.std(0).max())
    assert np.array_equal(umap(parts, seed=0)[0], one)
