"""Protocols as data, benchmarks in the form of their authors, and the mean primary error."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from answers import Says

from mien.body.model import BodyModel
from mien.cli import main
from mien.data.catalogue import catalogue
from mien.data.samples import Label
from mien.errors import BodyError, InputError
from mien.evaluate.job import Job, _family_on
from mien.evaluate.protocols import find_protocol, mpe, protocols, published, read_protocol
from mien.evaluate.reading import read_store
from mien.evaluate.running import evaluate
from mien.evaluate.truths import Truths
from mien.geometry.rotation import matrix_from_axis_angle
from mien.metrics.errors import mesh_errors
from mien.metrics.inside import inside_errors
from mien.metrics.parts import MeshParts
from mien.records import SmplxParams
from mien.synth.recipes import RECIPES

REAL = Path(__file__).parents[2] / "shared/real"
WANTED = {
    "agora-val", "agora-test", "ubody-intra", "ubody-inter", "egobody-egoset", "egobody-mvset", "3dpw", "ehf", "arctic",
    "dna-rendering-hires", "synhand", "bedlam", "rich", "hbw", "freihand", "interhand", "hanco", *RECIPES,
}  # fmt: skip


@pytest.fixture(scope="module")
def body(fake_bodies: Path) -> BodyModel:
    return BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")


def test_every_benchmark_has_an_entry_that_says_all() -> None:
    known = protocols()
    assert set(known) >= WANTED
    for name, each in known.items():
        assert each.split and each.alignment and each.primary and each.source, name
        if each.dataset:
            entry = catalogue()[each.dataset]
            assert each.split in entry.files, f"{name}: the catalogue has no split {each.split}"
        if not each.confirmed:
            assert each.note, f"{name} says not why it is not confirmed"
    assert all(row.on in {*known, "mpe"} for row in published())


def test_the_mean_primary_error_wants_all_its_parts() -> None:
    means: dict[str, dict[str, float | None]] = {
        name: {"pve": 10.0 * i, "mpjpe_body": 7.0, "pve_hand": float(i), "pa_pve_hand": 1.0}
        for i, name in enumerate(("agora-val", "ubody-intra", "egobody-egoset", "3dpw", "ehf"))
    }
    found = mpe(means)
    assert found["whole"].value == pytest.approx((0 + 10 + 20 + 7 + 40) / 5)
    assert found["hand"].value == pytest.approx((0 + 1 + 2 + 4) / 4) and "3DPW" not in found["hand"].parts
    means.pop("ehf")
    assert mpe(means)["whole"].value is None and mpe(means)["whole"].parts["EHF"] is None
    assert mpe({})["whole"].value is None


def test_names_that_mean_nothing_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for on, said in (("efh", "did you mean 'ehf'"), ("ehf", "--root"), ("./ehf", "does not exist")):
        assert main(["evaluate", "random-xxs", "--on", on, "--out", str(tmp_path / "out")]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(InputError, match="mien data show ehf"):
        read_protocol(find_protocol("ehf"), tmp_path, BodyModel.__new__(BodyModel))


def test_joints_alone_are_of_the_body_of_their_truth(studio: Path, tmp_path: Path) -> None:
    (tmp_path / "studio").symlink_to(studio)
    (tmp_path / "people.json").write_text("{}")
    families = {"ehf": "smplx", "studio": "openbody", str(studio): "openbody", str(tmp_path / "people.json"): "smplx"}
    for on, family in families.items():
        assert _family_on(Job(weights="joints.csv", on=(on,), out=tmp_path, root=tmp_path)) == family


def _ply(path: Path, vertices: np.ndarray) -> None:
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
    head += "property float x\nproperty float y\nproperty float z\nend_header\n"
    path.write_bytes(head.encode() + vertices.astype("<f4").tobytes())


def _standing(body: BodyModel, count: int) -> SmplxParams:
    torch.manual_seed(0)
    shapes = {"global_orient": (), "body_pose": (21,), "jaw_pose": (), "leye_pose": (), "reye_pose": ()}
    shapes |= {"left_hand_pose": (15,), "right_hand_pose": (15,)}
    rotations = {name: matrix_from_axis_angle(0.1 * torch.randn(count, *shape, 3)) for name, shape in shapes.items()}
    zero = torch.zeros(count, 10)
    return SmplxParams(**rotations, betas=zero, expression=zero, transl=torch.zeros(count, 3))


@pytest.fixture
def ehf(tmp_path: Path, body: BodyModel) -> tuple[Path, SmplxParams]:
    """EHF as its authors give it, of two people, and their parameters in the camera."""
    params = _standing(body, 2)
    turn = matrix_from_axis_angle(torch.tensor([-2.98747896, 0.01172457, -0.05704687]))
    (tmp_path / "EHF").mkdir()
    for i, mesh in enumerate(body.pose(params).mesh().numpy()):
        _ply(tmp_path / f"EHF/0{i + 1}_align.ply", mesh)
        cv2.imwrite(str(tmp_path / f"EHF/0{i + 1}_img.png"), np.full((1200, 1600, 3), 90, np.uint8))
    root = body.joint_template[0]
    moved = (turn @ root) - root + torch.tensor([-0.03609917, 0.43416458, 2.37101226])
    return tmp_path, replace(params, global_orient=turn @ params.global_orient, transl=moved.expand(2, 3))


def test_ehf_is_measured_against_its_meshes(ehf: tuple[Path, SmplxParams], body: BodyModel) -> None:
    root, params = ehf
    truths = read_protocol(find_protocol("ehf"), root, body)
    assert len(truths) == 2 and truths.whole.all() and truths.hands.all() and truths.face.all()
    found = evaluate(Says(params), truths, body).summary
    for name in ("pve", "pa_pve", "pve_hand", "pve_face", "pa_mpjpe_body"):
        assert found[name] < 0.02, name
    assert "v2v" not in found and "mpjpe_joints_body" not in found  # a scan has no betas and no joints
    turned = replace(params, global_orient=params.global_orient @ matrix_from_axis_angle(torch.tensor([0.0, 0.5, 0.0])))
    assert evaluate(Says(turned), truths, body).summary["pve"] > 50


def test_true_meshes_of_a_store_lie_by_its_pictures_or_below_the_root(
    ehf: tuple[Path, SmplxParams], body: BodyModel, tmp_path: Path
) -> None:
    root, params = ehf
    words = ["data", "ingest", "ehf", "--root", str(root), "--out", str(tmp_path / "store")]
    assert main([*words, "--body", str(body.path)]) == 0
    (truths,) = read_store(tmp_path / "store", body, "test")
    assert evaluate(Says(params), truths, body).summary["pve"] < 0.02
    (root / "elsewhere").mkdir()
    for mesh in (root / "EHF").glob("*.ply"):
        mesh.rename(root / "elsewhere" / mesh.name)
    (truths,) = read_store(tmp_path / "store", body, "test", raw=root / "elsewhere")
    assert truths.meshes(body).shape == (2, body.num_vertices, 3)


def test_a_mesh_of_another_topology_is_refused(ehf: tuple[Path, SmplxParams], body: BodyModel) -> None:
    root, params = ehf
    _ply(root / "EHF/02_align.ply", np.random.default_rng(0).normal(size=(6890, 3)))
    truths = read_protocol(find_protocol("ehf"), root, body)
    with pytest.raises(BodyError, match="6,890 vertices"):
        evaluate(Says(params), truths, body)
    (root / "EHF/02_align.ply").unlink()
    with pytest.raises(InputError, match="is missing"):
        evaluate(Says(params), truths, body)


def test_only_what_lies_in_the_picture_counts(body: BodyModel) -> None:
    torch.manual_seed(0)
    parts = MeshParts.load(body.path)
    true = body.template[None].expand(2, -1, -1).clone()
    predicted = true + 0.02 * torch.randn_like(true)
    inside, yes = torch.ones(2, body.num_vertices, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
    hands = torch.ones(2, 2, dtype=torch.bool)
    whole, same = mesh_errors(parts, predicted, true), inside_errors(parts, predicted, true, inside, hands, yes)
    assert all(torch.allclose(same[name].value, whole[name].value, atol=1e-2) for name in same)
    assert parts.left_hand is not None
    inside[0] = body.template[:, 1] > 0
    inside[1, parts.left_hand] = False
    shift = parts.roots.joints(true)[0, 0] - parts.roots.joints(predicted)[0, 0]
    off = (predicted[0] + shift - true[0])[inside[0]].norm(dim=-1).mean() * 1000
    found = inside_errors(parts, predicted, true, inside, hands, yes)
    assert found["pve"].value[0].item() == pytest.approx(off.item(), rel=1e-4)
    assert found["pve_left_hand"].valid.tolist() == [True, False] and found["pve_hand"].valid.all()


def test_every_so_many_people(tmp_path: Path, body: BodyModel, ehf: tuple[Path, SmplxParams]) -> None:
    every = replace(find_protocol("ehf"), interval=2)
    truths = read_protocol(every, ehf[0], body)
    assert len(truths) == 1 and truths.samples.row.tolist() == [0]


@pytest.mark.skipif(not REAL.is_dir(), reason="there are no real samples beside the checkout (shared/real)")
@pytest.mark.parametrize(
    ("name", "people", "measure", "reader"),
    [
        ("coco/test_coco_wholebody.json", 3, "kp2d_body_box", ()),
        ("freihand/test_freihand.json", 4, "kp2d_hand_box", ("--reader", "freihand", "--max-bad", "4")),
    ],
)
def test_real_annotations_are_measured_in_the_picture(
    name: str, people: int, measure: str, reader: tuple[str, ...], tmp_path: Path
) -> None:
    words = ["evaluate", "random-xxs", "--on", str(REAL / name), "--out", str(tmp_path / "out"), "--no-report", *reader]
    assert main(words) == (1 if "--max-bad" in reader else 0)  # half of FreiHAND's sample has no picture
    record: dict[str, Any] = json.loads((tmp_path / "out/results.json").read_text())
    found = record["measures"][measure]
    assert found["people"] >= people and 0 < found["mean"] < 200
    assert record["measures"].get("pve", {"mean": None})["mean"] is None
    assert any("only joints and keypoints" in each for each in record["remarks"])


def test_no_valid_hand_in_a_whole_set_is_no_samples(
    studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "handless"
    place.mkdir()
    with np.load(studio / "test.npz", allow_pickle=True) as file:
        arrays = dict(file)
    params = arrays["smplx"].item()
    for side in ("left", "right"):
        params[f"{side}_hand_pose"] = np.full_like(params[f"{side}_hand_pose"], np.nan)
    arrays["smplx"] = np.array(params, dtype=object)
    np.savez(place / "test.npz", **arrays)
    words = ["evaluate", "random-xxs", "--on", str(place), "--images", str(studio), "--out", str(tmp_path / "out")]
    assert main([*words, "--no-report"]) == 0
    assert "no samples" in capsys.readouterr().out
    text = (tmp_path / "out/results.json").read_text()
    record = json.loads(text)
    assert record["measures"]["pve_hand"]["mean"] is None and record["measures"]["pve_hand"]["absent"] == 4
    assert record["measures"]["pve"]["people"] == 4 and "NaN" not in text


def test_absent_pictures_are_named_and_bounded(
    studio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "random-xxs", "--on", str(studio), "--images", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*words, "--no-report"]) == 2
    said = capsys.readouterr().err
    assert "--max-bad" in said and "Traceback" not in said
    assert main([*words, "--no-report", "--max-bad", "4"]) == 1
    record = json.loads((tmp_path / "out/results.json").read_text())
    assert record["not_looked_at"] == 4 and record["measures"]["pve"]["mean"] is None


def test_truth_knows_what_of_it_is_seen(body: BodyModel, ehf: tuple[Path, SmplxParams]) -> None:
    truths: Truths = read_protocol(find_protocol("ehf"), ehf[0], body)
    meshes = truths.meshes(body)
    assert truths.seen(meshes).all()  # no translation is known: nothing is left out
    zeros = np.zeros((2, 3), np.float32)
    samples = replace(truths.samples, transl=Label(value=zeros, weight=np.ones(2, np.float32)))
    some = replace(truths, samples=samples).seen(meshes + torch.tensor([1.2, 0, 0]))
    assert 0 < some.float().mean() < 1
