"""GLB and OBJ, read back by other hands: the same people, to rounding, posed by the file's own numbers."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gltf import File, document_of, needs_pygltflib
from motions import SOMEWHERE
from scenes import make_scene, y_up

from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.body.parts import SparseWeights
from mien.errors import BodyError, InputError, OutputError
from mien.export import export, export_motions, glb_bytes, motions_of, write_glb, write_obj
from mien.export.container import Container
from mien.export.glb import skin_influences
from mien.export.people import vertex_normals
from mien.geometry.camera import Camera
from mien.palette import PERSON_COLOURS, person_colour, person_hex
from mien.scene import Scene


@pytest.fixture(scope="module")
def scene(body: BodyModel) -> Scene:
    return make_scene(body, 2, seed=3, warning="random weights")


@pytest.fixture(scope="module")
def smplx(fake_bodies: Path) -> BodyModel:
    """A body with pose correctives, and with at most eight influences a vertex."""
    made_up = BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")
    weights = np.zeros((made_up.num_vertices, 55), np.float32)
    joints, kept = skin_influences(made_up.weights.numpy(), 8)
    np.add.at(weights, (np.arange(len(weights))[:, None], joints), kept)
    return replace(made_up, weights=torch.from_numpy(weights), skin=SparseWeights.of(weights))


def truth(scene: Scene, body: BodyModel) -> np.ndarray:
    return y_up(body.pose(scene.params).mesh().numpy())


@needs_pygltflib
def test_the_files_own_numbers_pose_it_like_the_body(scene: Scene, body: BodyModel, tmp_path: Path) -> None:
    file = File(write_glb(tmp_path / "people.glb", scene, body))
    for person, expected in enumerate(truth(scene, body)):
        np.testing.assert_allclose(file.posed(person), expected, atol=1e-5)


@needs_pygltflib
def test_shape_weights_and_expression_are_the_bodys(scene: Scene, body: BodyModel, tmp_path: Path) -> None:
    file = File(write_glb(tmp_path / "people.glb", scene, body))
    directions = body.basis[10:20].unflatten(1, (-1, 3)).numpy()
    carried = np.einsum("vj,kjc->kvc", body.weights, body.joint_basis[10:].unflatten(1, (-1, 3)))
    for person in range(2):
        primitive, mesh = file.primitive(person), file.document.meshes[person]
        shaped = body.template + (scene.params.betas[person] @ body.basis[:10]).unflatten(0, (-1, 3))
        still = file.array(primitive.attributes.POSITION) - np.tensordot(mesh.weights, carried, 1)
        np.testing.assert_allclose(still, shaped.numpy(), atol=1e-5)
        assert mesh.extras["targetNames"] == [f"expression_{k}" for k in range(10)]
        np.testing.assert_allclose(mesh.weights, scene.params.expression[person].numpy(), atol=1e-6)
        for target, direction in zip(primitive.targets, directions - carried, strict=True):
            np.testing.assert_allclose(file.array(target["POSITION"]), direction, atol=1e-8)
        np.testing.assert_array_equal(file.array(primitive.indices), body.faces.numpy().reshape(-1))
        joints, weights = file.influences(person)
        dense = np.zeros((body.num_vertices, 55))
        np.add.at(dense, (np.arange(body.num_vertices)[:, None], joints), weights)
        np.testing.assert_allclose(dense, body.weights.numpy(), atol=1e-5)
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
        assert (joints[weights == 0] == 0).all()


@needs_pygltflib
def test_skeleton_names_tree_and_colours(scene: Scene, body: BodyModel, tmp_path: Path) -> None:
    file = File(write_glb(tmp_path / "people.glb", scene, body))
    nodes, world = file.document.nodes, file.world()
    posed = body.pose(scene.params)
    for person, skin in enumerate(file.document.skins):
        assert tuple(nodes[j].name for j in skin.joints) == SMPLX_JOINTS
        for child, parent in enumerate(body.parents[1:], 1):
            assert skin.joints[child] in nodes[skin.joints[parent]].children
        np.testing.assert_allclose(world[skin.joints][:, :3, 3], y_up(posed.position[person].numpy()), atol=1e-5)
        pbr = file.document.materials[person].pbrMetallicRoughness
        light = np.array(pbr.baseColorFactor[:3])
        srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(srgb, person_colour(person), atol=1e-6)
    normals = file.array(file.primitive(0).attributes.NORMAL)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert file.document.asset.extras["warning"] == "random weights"


@needs_pygltflib
def test_correctives_of_the_pose_are_in_the_rest_mesh(smplx: BodyModel, tmp_path: Path) -> None:
    scene = make_scene(smplx, 1, seed=1)
    expected = truth(scene, smplx)[0]
    baked = File(write_glb(tmp_path / "baked.glb", scene, smplx)).posed(0)
    plain = File(write_glb(tmp_path / "plain.glb", scene, smplx, bake_correctives=False))
    np.testing.assert_allclose(baked, expected, atol=2e-5)
    assert np.abs(plain.posed(0) - expected).max() > 1e-3
    shaped = smplx.template + (scene.params.betas[0] @ smplx.basis[:10]).unflatten(0, (-1, 3))
    carried = np.einsum("vj,kjc->kvc", smplx.weights, smplx.joint_basis[10:].unflatten(1, (-1, 3)))
    still = plain.array(plain.primitive(0).attributes.POSITION) - np.tensordot(scene.params.expression[0], carried, 1)
    np.testing.assert_allclose(still, shaped.numpy(), atol=1e-5)


@needs_pygltflib
def test_four_influences_lose_little_and_the_first_set_is_the_strongest(
    scene: Scene, body: BodyModel, tmp_path: Path
) -> None:
    eight = File(write_glb(tmp_path / "eight.glb", scene, body))
    four = File(write_glb(tmp_path / "four.glb", scene, body, max_influences=4))
    joints, weights = four.influences(0)
    assert joints.shape == (body.num_vertices, 4)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(joints[weights > 0], eight.influences(0)[0][:, :4][weights > 0])
    error = np.linalg.norm(four.posed(0) - truth(scene, body)[0], axis=1)
    assert 1e-5 < error.max() < 0.01 and error.mean() < 1e-3


@needs_pygltflib
@pytest.mark.parametrize("centred", [True, False])
def test_the_camera_sees_what_the_picture_saw(body: BodyModel, tmp_path: Path, centred: bool) -> None:
    height, width = 600, 900
    centre = ((width - 1) / 2, (height - 1) / 2) if centred else (400.0, 330.0)
    k = torch.tensor([[1000.0, 0, centre[0]], [0, 900.0, centre[1]], [0, 0, 1]])
    scene = make_scene(body, 1, image_size=(height, width), K=k)
    file = File(write_glb(tmp_path / "people.glb", scene, body))
    camera = file.document.cameras[0]
    node = next(i for i, node in enumerate(file.document.nodes) if node.camera == 0)
    np.testing.assert_array_equal(file.world()[node], np.eye(4))
    np.testing.assert_allclose(camera.extras["K"], k.numpy())
    assert camera.extras["image_size"] == [height, width]
    points, scale = file.posed(0), 1 / np.tan(camera.perspective.yfov / 2)
    across = points[:, 0] / -points[:, 2] * scale / camera.perspective.aspectRatio
    pixels = np.stack([(across + 1) / 2 * width, (1 - points[:, 1] / -points[:, 2] * scale) / 2 * height], 1) - 0.5
    pixels += np.array(centre) - [(width - 1) / 2, (height - 1) / 2]
    expected = Camera(K=k).project(body.pose(scene.params).mesh()[0]).numpy()
    np.testing.assert_allclose(pixels, expected, atol=0.01)


@needs_pygltflib
def test_nobody_leaves_the_camera(body: BodyModel, tmp_path: Path) -> None:
    file = File(export(tmp_path / "nobody.GLB", make_scene(body, 0), body))
    assert not file.document.meshes and not file.document.skins and len(file.document.cameras) == 1
    assert not file.blob


def test_people_share_what_they_have_in_common(body: BodyModel) -> None:
    one, three = (len(glb_bytes(make_scene(body, n), body)) for n in (1, 3))
    assert (three - one) / 2 < 30 * body.num_vertices


def test_container_is_laid_out_as_specified() -> None:
    container = Container()
    assert container.add(np.array([1, 2, 3], np.uint8)) == 0
    assert container.add(np.ones((2, 3), np.float32), bounds=True) == 1
    assert container.add_sparse(np.zeros((5, 3), np.float32)) == 2
    data = container.to_bytes({"asset": {"version": "2.0"}, "nodes": []})
    magic, version, length = struct.unpack_from("<4sII", data)
    json_length, json_kind = struct.unpack_from("<I4s", data, 12)
    binary_length, binary_kind = struct.unpack_from("<I4s", data, 20 + json_length)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    assert (json_kind, binary_kind) == (b"JSON", b"BIN\0")
    assert json_length % 4 == 0 and binary_length == 4 + 24 and length == 28 + json_length + binary_length
    document = document_of(data)
    assert "nodes" not in document
    assert [view["byteOffset"] for view in document["bufferViews"]] == [0, 4]
    assert document["accessors"][2] == {
        "componentType": 5126, "count": 5, "type": "VEC3", "min": [0.0] * 3, "max": [0.0] * 3,
    }  # fmt: skip
    with pytest.raises(ValueError, match="not JSON compliant"):
        container.to_bytes({"extras": float("nan")})


def test_influences_keep_the_strongest() -> None:
    rng = np.random.default_rng(0)
    dense = rng.random((20, 55)).astype(np.float32)
    joints, weights = skin_influences(dense / dense.sum(1, keepdims=True), 8)
    assert joints.shape == (20, 8)
    np.testing.assert_array_equal(np.sort(joints, 1), np.sort(np.argsort(-dense, 1)[:, :8], 1))
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    rigid = np.eye(55, dtype=np.float32)[:20]
    joints, weights = skin_influences(rigid, 8)
    assert joints.shape == (20, 4)
    np.testing.assert_array_equal(joints[:, 0], np.arange(20))
    assert (weights[:, 0] == 1).all() and not weights[:, 1:].any() and not joints[:, 1:].any()
    joints, weights = skin_influences(np.zeros((1, 55), np.float32), 4)
    assert joints.tolist() == [[0] * 4] and weights.tolist() == [[1, 0, 0, 0]], "what nothing moves goes with the root"


def test_normals_point_outwards_and_are_never_missing() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [9, 9, 9]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3], [4, 4, 4]])
    normals = vertex_normals(corners, faces)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(normals[0], -np.ones(3) / np.sqrt(3), atol=1e-6)
    np.testing.assert_array_equal(normals[4], [0, 0, 1])


def test_colours_differ_and_come_round() -> None:
    count = 3 * len(PERSON_COLOURS)
    assert len({person_hex(i) for i in range(count)}) == count
    assert person_colour(count) == person_colour(0)


def test_obj_holds_the_posed_meshes(scene: Scene, body: BodyModel, tmp_path: Path) -> None:
    path = export(tmp_path / "two people.obj", scene, body)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        word, rest = line.split(" ", 1)
        found[word].append(rest)
    vertices = np.array([line.split() for line in found["v"]], float).reshape(2, -1, 3)
    np.testing.assert_allclose(vertices, truth(scene, body), atol=1e-6)
    corners = np.array([[corner.split("//") for corner in line.split()] for line in found["f"]], int)
    np.testing.assert_array_equal(corners[..., 0], corners[..., 1])
    faces = body.faces.numpy() + 1
    np.testing.assert_array_equal(corners[..., 0], np.concatenate([faces, faces + body.num_vertices]))
    assert found["g"] == found["o"] == found["usemtl"] == ["person_0", "person_1"]
    assert found["mtllib"] == ["two people.mtl"]
    assert any("WARNING: random weights" in line for line in found["#"])
    materials = (tmp_path / "two people.mtl").read_text().splitlines()
    assert [line for line in materials if line.startswith("newmtl")] == ["newmtl person_0", "newmtl person_1"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_picture_stands_in_its_world_however_it_is_exported(body: BodyModel, tmp_path: Path) -> None:
    there = replace(make_scene(body, 1), world_from_camera=SOMEWHERE)
    for suffix in ("glb", "obj"):
        one = export(tmp_path / f"a/x.{suffix}", there, body)
        (other,) = export_motions(tmp_path / f"b/x.{suffix}", motions_of(there), body)
        assert one.read_bytes() == other.read_bytes()
        assert (
            one.read_bytes()
            != export(tmp_path / f"c/x.{suffix}", replace(there, world_from_camera=None), body).read_bytes()
        )


def test_obj_of_nobody_and_of_an_odd_name(body: BodyModel, tmp_path: Path) -> None:
    path = write_obj(tmp_path / "a\nv 1 2 3.obj", make_scene(body, 0, warning="one\nv 4 5 6"), body)
    assert not [line for line in path.read_text().splitlines() if line.startswith("v ")]
    assert (tmp_path / "a_v 1 2 3.mtl").read_text() == ""


@pytest.mark.parametrize(
    ("name", "hint"), [("a.glbb", "did you mean '.glb'"), ("a.xyz", "known: .bvh, .csv, .fbx"), ("a", "add a suffix")]
)
def test_unknown_format(scene: Scene, body: BodyModel, tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(InputError, match=r"expected a name ending in \.glb, \.bvh") as caught:
        export(tmp_path / name, scene, body)
    assert hint in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_wrong_bodies_are_refused(scene: Scene, body: BodyModel, smplx: BodyModel, fake_bodies: Path) -> None:
    with pytest.raises(BodyError, match="is of the family"):
        glb_bytes(scene, smplx)
    with pytest.raises(BodyError, match="24 joints"):
        glb_bytes(scene, BodyModel.load(fake_bodies / "smpl/SMPL_NEUTRAL.pkl"))
    with pytest.raises(InputError, match="max_influences=5"):
        glb_bytes(scene, body, max_influences=5)


@pytest.mark.parametrize("name", ["betas", "body_pose", "transl"])
def test_numbers_that_are_none(scene: Scene, body: BodyModel, tmp_path: Path, name: str) -> None:
    value = getattr(scene.params, name).clone()
    value[1].view(-1)[0] = float("nan")
    broken = replace(scene, params=replace(scene.params, **{name: value}))
    for suffix in ("glb", "obj"):
        with pytest.raises(InputError, match=f"{name} of person 1 is not finite"):
            export(tmp_path / f"a.{suffix}", broken, body)
    assert not list(tmp_path.iterdir())


def test_a_camera_that_is_none(scene: Scene, body: BodyModel) -> None:
    with pytest.raises(InputError, match="positive focal lengths"):
        glb_bytes(replace(scene, K=torch.zeros(3, 3)), body)


def test_a_score_that_is_no_number_is_left_out(scene: Scene, body: BodyModel) -> None:
    document = document_of(glb_bytes(replace(scene, score=torch.tensor([float("nan"), 0.5])), body))
    first, second = (node["extras"] for node in document["nodes"] if "extras" in node)
    assert "score" not in first and second["score"] == 0.5


def test_a_folder_that_cannot_be(scene: Scene, body: BodyModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for suffix in ("glb", "obj"):
        with pytest.raises(OutputError):
            export(tmp_path / "file" / f"a.{suffix}", scene, body)
