"""What mien promises of training targets: the recorded numbers in replication, and laws of the mended ones."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made import made_people

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.fitted import body_joints
from mien.data.moving import Frames
from mien.data.replicate import from_published, published_targets
from mien.data.samples import Label, Samples
from mien.data.targets import Targets, build_targets
from mien.geometry.boxes import pad_box
from mien.geometry.crop import Crop
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams

PARITY = Path(__file__).parent / "parity"
EDGE = np.load(PARITY / "edge_targets.npz")
DATA = np.load(PARITY / "data_utils.npz")
TRAIN = np.load(PARITY / "smplestx_train_tiny_b4.npz")
CASES = [str(name) for name in EDGE["case_names"]]
HEIGHT, WIDTH = 480, 640
NAMES = {
    "root_pose": "global_orient",
    "body_pose": "body_pose",
    "shape": "betas",
    "trans": "transl",
    "lhand_pose": "left_hand_pose",
    "rhand_pose": "right_hand_pose",
    "jaw_pose": "jaw_pose",
    "expr": "expression",
}
VALIDITY = {"lhand_pose": "lhand_valid", "rhand_pose": "rhand_valid", "jaw_pose": "face_valid", "expr": "face_valid"}


@pytest.fixture(scope="module")
def body(fake_bodies: Path) -> BodyModel:
    return BodyModel.load(fake_bodies / "smplx/SMPLX_NEUTRAL.npz")


def _labels(given: dict[str, np.ndarray], body: BodyModel) -> dict[str, Label]:
    """The recorded parameters as labels of one row: hands absolute, weights from the recorded flags."""
    assert body.mean_hands is not None
    means = {"lhand_pose": body.mean_hands[0].numpy(), "rhand_pose": body.mean_hands[1].numpy()}
    labels: dict[str, Label] = {}
    for name, value in given.items():
        if name in NAMES:
            valid = bool(given.get(VALIDITY.get(name, ""), True))
            absolute = (value + means.get(name, np.float32(0))).astype(np.float32)
            labels[NAMES[name]] = Label(value=absolute[None], weight=np.full(1, valid, dtype=np.float32))
    return labels


def _samples(labels: dict[str, Label]) -> Samples:
    return Samples(
        source="recorded",
        row=np.zeros(1, dtype=np.int64),
        image=np.array(["a.jpg"], dtype=object),
        size=np.array([[HEIGHT, WIDTH]], dtype=np.int32),
        box=Label(value=np.array([[0, 0, WIDTH, HEIGHT]], dtype=np.float32), weight=np.ones(1, dtype=np.float32)),
        **labels,  # pyright: ignore[reportArgumentType]
    )


def _keypoints(joint_img: np.ndarray, joint_cam: np.ndarray | None, valid: np.ndarray) -> dict[str, Label]:
    weight = valid.reshape(1, 137).astype(np.float32)
    found = {"keypoints2d": Label(value=joint_img[None, :, :2].astype(np.float32), weight=weight)}
    if joint_cam is not None:
        found["keypoints3d"] = Label(value=joint_cam[None].astype(np.float32), weight=weight)
    return found


def _frames(affine: np.ndarray, degrees: float, flip: bool) -> Frames:
    return Frames(
        box=np.zeros((1, 4), dtype=np.float32),
        patch_from_image=affine[None].astype(np.float64),
        rotation=np.deg2rad([float(degrees)]),
        flip=np.array([flip]),
        width=np.array([WIDTH]),
    )


def _same(found: object, expected: object, tolerance: float = 1e-4) -> None:
    np.testing.assert_allclose(np.asarray(found, dtype=np.float64), np.asarray(expected), atol=tolerance, rtol=1e-5)


# replication ----------------------------------------------------------------------------------------------------
def _edge(i: int, body: BodyModel) -> tuple[Samples, Frames]:
    given = {key.split(".", 1)[1]: EDGE[key] for key in EDGE.files if key.startswith("base.")}
    given.update({key.split(".", 2)[2]: EDGE[key] for key in EDGE.files if key.startswith(f"case{i}.set.")})
    for name in np.atleast_1d(EDGE[f"case{i}.absent"]) if f"case{i}.absent" in EDGE.files else []:
        del given[str(name)]
    own = f"case{i}.joint_img" in EDGE.files
    image, cam, valid = (
        EDGE[f"case{i}.{n}" if own else f"shared.{n}"] for n in ("joint_img", "joint_cam", "joint_valid")
    )
    joints = _keypoints(image, cam if EDGE[f"case{i}.has_3d"] else None, valid)
    kind = CASES[i].split("/")[1]
    _, degrees, flip = EDGE[f"aug.{kind}.scale_rot_flip"]
    return _samples({**_labels(given, body), **joints}), _frames(EDGE[f"aug.{kind}.trans"], degrees, bool(flip))


@pytest.mark.parametrize("i", range(len(CASES)), ids=CASES)
def test_parity_edge_cases(i: int, body: BodyModel) -> None:
    targets = published_targets(*_edge(i, body), body, body_joints=True)
    fitted = targets.body
    assert fitted is not None
    aa = torch.from_numpy(EDGE[f"case{i}.targets.smplx_pose"].reshape(1, 53, 3))
    _same(targets.pose, matrix_from_axis_angle(aa))
    has_3d = targets.has_3d[0] > 0
    found = {
        "targets.smplx_shape": targets.betas,
        "targets.smplx_expr": targets.expression,
        "targets.joint_img": targets.image,
        "targets.joint_cam": targets.cam,
        "targets.smplx_joint_cam": targets.parts,
        "human.joint_cam": fitted.parts,
        "human.joint_img": fitted.image,
    }
    masks = {
        "meta.smplx_pose_valid53": targets.pose_weight,
        "meta.smplx_shape_valid": targets.betas_weight,
        "meta.smplx_expr_valid": targets.expression_weight,
        "meta.is_3D": targets.has_3d,
        "meta.joint_valid": targets.known,
        "meta.joint_trunc": targets.image_weight,
        "meta.smplx_joint_valid": targets.known if has_3d else fitted.parts_weight,
        "meta.smplx_joint_trunc": targets.image_weight if has_3d else fitted.image_weight,
        "human.coord_valid": fitted.parts_weight,
        "human.joint_trunc": fitted.image_weight,
    }
    compared = 0
    for name, value in {**found, **masks}.items():
        if f"case{i}.{name}" in EDGE.files:
            expected = EDGE[f"case{i}.{name}"]
            _same(value[0], expected, 0 if name in masks else 1e-4)
            compared += 1
    assert compared >= 7


@pytest.mark.parametrize("i", range(2))
def test_parity_recorded_targets(i: int, body: BodyModel) -> None:
    """Keypoints whose depth was not made of their 3D position: the depth, and what is tested on it, is not compared."""
    joints = _keypoints(*(DATA[f"dbcoord{i}.in.{name}"] for name in ("joint_img", "joint_cam", "joint_valid")))
    given = {name.split(".", 2)[2]: DATA[name] for name in DATA.files if name.startswith(f"human{i}.in.")}
    frames = _frames(DATA[f"dbcoord{i}.trans"], DATA[f"dbcoord{i}.rot"], bool(DATA[f"dbcoord{i}.flip"]))
    targets = published_targets(_samples({**_labels(given, body), **joints}), frames, body, body_joints=True)
    expected = DATA[f"dbcoord{i}.out.joint_cam_wo_ra"]
    _same(targets.image[0, :, :2], DATA[f"dbcoord{i}.out.joint_img"][:, :2])
    _same(targets.cam[0], expected - expected[:1])
    _same(targets.parts[0], DATA[f"dbcoord{i}.out.joint_cam_ra"])
    _same(targets.known[0], DATA[f"dbcoord{i}.out.joint_valid"][:, 0], 0)
    deep = (DATA[f"dbcoord{i}.out.joint_img"][:, 2] >= 0) & (targets.image[0, :, 2].numpy() >= 0)
    assert deep.sum() > 40
    _same(targets.image_weight[0][deep], DATA[f"dbcoord{i}.out.joint_trunc"][deep, 0], 0)
    assert targets.body is not None
    human = {name: DATA[f"human{i}.out.{name}"] for name in ("joint_img", "joint_cam", "pose", "shape", "expr")}
    _same(targets.body.parts[0], human["joint_cam"])
    _same(targets.body.image[0, :, 2], human["joint_img"][:, 2])
    _same(targets.pose[0], matrix_from_axis_angle(torch.from_numpy(human["pose"].reshape(53, 3))))
    _same(targets.betas[0], human["shape"])
    _same(targets.expression[0], human["expr"])
    _same(targets.pose_weight[0], DATA[f"human{i}.out.rotation_valid"], 0)
    _same(targets.body.parts_weight[0], DATA[f"human{i}.out.coord_valid"], 0)


def test_published_names_are_understood() -> None:
    """The recorded inputs of the published losses: every mask finds its place."""
    given = {
        kind: {name.split(".", 1)[1]: torch.from_numpy(TRAIN[name]) for name in TRAIN.files if name.startswith(kind)}
        for kind in ("targets.", "meta_info.")
    }
    targets, meta = from_published(given["targets."], given["meta_info."]), given["meta_info."]
    seen, has_3d = meta["joint_trunc"][..., 0], meta["is_3D"]
    assert len({float(value) for value in seen[:, 0]}) == 2  # some pelvis is in sight, some is not
    torch.testing.assert_close(targets.cam_weight, seen * has_3d[:, None] * seen[:, :1])
    torch.testing.assert_close(targets.parts_weight, seen)
    torch.testing.assert_close(targets.pose_weight.repeat_interleave(9, 1), meta["smplx_pose_valid"])
    torch.testing.assert_close(targets.whole_body, seen[:, 0])
    chain = targets.pose[:, 0]
    for joint in (3, 6, 9, 13, 16, 18, 20):
        chain = chain @ targets.pose[:, joint]
    torch.testing.assert_close(targets.wrist[:, 0], chain)
    turned = matrix_from_axis_angle(given["targets."]["rhand_root"][:, 0])
    torch.testing.assert_close(targets.hand_root[:, 1], turned)


# mended targets -------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def open_body() -> BodyModel:
    return BodyModel.load(Path(__file__).parents[1] / "src/mien/body/data/openbody_SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="module")
def people(open_body: BodyModel) -> Samples:
    return made_people(open_body, 8, (HEIGHT, WIDTH))


def _made_frames(people: Samples, *, flip: bool = False, rotation: float = 0.0, scale: float = 1.0) -> Frames:
    crops = [
        Crop.around(pad_box(box), scale=scale, rotation=rotation, mirror=WIDTH if flip else None)
        for box in people.box.value
    ]
    return Frames.of(crops, np.full(len(crops), rotation), np.full(len(crops), WIDTH))


def _tensors(targets: Targets) -> dict[str, torch.Tensor]:
    found = {each.name: getattr(targets, each.name) for each in fields(targets) if each.name not in ("body", "boxes")}
    for name, part in (("body", targets.body), ("boxes", targets.boxes)):
        found |= {f"{name}.{each.name}": getattr(part, each.name) for each in fields(part)} if part is not None else {}
    return found


def _weights(targets: Targets) -> dict[str, torch.Tensor]:
    gates = ("known", "has_3d", "whole_body")
    return {name: value for name, value in _tensors(targets).items() if name.endswith("weight") or name in gates}


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0.0, 0.6])
def test_targets_are_what_the_body_in_the_crop_would_give(
    open_body: BodyModel, people: Samples, flip: bool, rotation: float
) -> None:
    frames = _made_frames(people, flip=flip, rotation=rotation)
    targets = build_targets(people, frames, open_body, body_joints=True)
    assert targets.body is not None
    left, right = targets.pose[:, 22:37], targets.pose[:, 37:52]
    pose = SmplxParams(
        global_orient=targets.pose[:, 0],
        body_pose=targets.pose[:, 1:22],
        jaw_pose=targets.pose[:, 52],
        leye_pose=torch.eye(3).expand(8, 3, 3),
        reye_pose=torch.eye(3).expand(8, 3, 3),
        **dict(zip(("left_hand_pose", "right_hand_pose"), open_body.hands_from_offsets(left, right), strict=True)),
        betas=targets.betas,
        expression=targets.expression,
        transl=torch.zeros(8, 3),
    )
    joints = open_body.pose(pose).joints()[:, list(SMPLX_137)]
    away = (joints - joints[:, :1] - targets.cam).norm(dim=-1)
    assert away.max() < (2e-3 if flip else 2e-5)
    torch.testing.assert_close(targets.body.parts, targets.parts, atol=1e-5, rtol=0)
    chain = open_body.pose(pose).world[:, [20, 21]]
    torch.testing.assert_close(targets.wrist, chain, atol=1e-5, rtol=0)
    seen = targets.image_weight > 0
    torch.testing.assert_close(targets.body.image[..., :2][seen], targets.image[..., :2][seen], atol=2e-3, rtol=0)


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_joints_count_inside_the_crop_only(open_body: BodyModel, people: Samples, scale: float) -> None:
    targets = build_targets(people, _made_frames(people, scale=scale, rotation=0.3), open_body)
    x, y, z = targets.image.unbind(-1)
    inside = (x >= 0) & (x < 12) & (y >= 0) & (y < 16)
    assert torch.equal(targets.image_weight > 0, inside) and inside.any()
    assert torch.equal(targets.depth_weight > 0, inside & (z >= 0) & (z < 16))
    assert torch.equal(targets.cam_weight, targets.image_weight)
    if scale < 1:
        assert not inside.all()


def test_two_dimensions_do_not_teach_the_third(open_body: BodyModel, people: Samples) -> None:
    assert people.keypoints3d is not None
    flat = replace(people, keypoints3d=None)
    frames = _made_frames(people)
    targets = build_targets(flat, frames, open_body, derive_joints=False)
    for weight in (targets.cam_weight, targets.parts_weight, targets.depth_weight, targets.has_3d):
        assert not weight.any()
    assert targets.image_weight.any() and targets.known.all()
    derived, given = build_targets(flat, frames, open_body), build_targets(people, frames, open_body)
    torch.testing.assert_close(derived.cam, given.cam, atol=1e-5, rtol=0)
    assert torch.equal(derived.cam_weight, given.cam_weight)
    published = published_targets(flat, frames, open_body)
    assert published.parts_weight.any() and not published.parts.any()  # quirk 16: pulled to zero


def test_without_a_pelvis_nothing_is_relative_to_it(open_body: BodyModel, people: Samples) -> None:
    assert people.keypoints3d is not None
    weight = people.keypoints3d.weight.copy()
    weight[:, :12] = 0
    hands = replace(people, keypoints3d=Label(value=people.keypoints3d.value * weight[..., None], weight=weight))
    targets = build_targets(hands, _made_frames(people), open_body, derive_joints=False)
    assert not targets.cam_weight.any() and not targets.depth_weight.any() and not targets.cam.any()
    assert targets.parts_weight[:, 25:65].any() and not targets.parts_weight[:, :25].any()
    assert not targets.parts_weight[:, 65:].any()  # the face hangs on the neck
    given = build_targets(people, _made_frames(people), open_body)
    torch.testing.assert_close(targets.parts[:, 25:65], given.parts[:, 25:65])


def test_a_measured_wrist_teaches_where_there_is_no_chain(open_body: BodyModel, people: Samples) -> None:
    assert people.hand_root is not None and people.body_pose is not None
    frames = _made_frames(people, flip=True, rotation=0.4)
    whole = build_targets(people, frames, open_body)
    assert whole.wrist_weight.all() and not whole.hand_root_weight.any()
    weight = np.ones((8, 21), np.float32)
    weight[:, 17] = 0  # left elbow
    broken = build_targets(replace(people, body_pose=replace(people.body_pose, weight=weight)), frames, open_body)
    # mirrored: the left elbow is now the right
    assert broken.wrist_weight.T.tolist() == [[1.0] * 8, [0.0] * 8]
    assert broken.hand_root_weight.T.tolist() == [[0.0] * 8, [1.0] * 8]
    unknown = replace(people, body_pose=None, hand_root=None)
    nothing = build_targets(unknown, frames, open_body)
    assert not nothing.wrist_weight.any() and not nothing.hand_root_weight.any()


def test_a_failed_shape_is_no_target_but_keeps_its_joints(open_body: BodyModel, people: Samples) -> None:
    assert people.betas is not None
    value = people.betas.value.copy()
    value[:4, 2], value[4:, 2] = 3.0001, -3.0
    extreme = replace(people, betas=replace(people.betas, value=value), keypoints3d=None)
    targets = build_targets(extreme, _made_frames(people), open_body)
    assert targets.betas_weight.tolist() == [0.0] * 4 + [1.0] * 4 and not targets.betas[:4].any()
    joints = body_joints(extreme, open_body)
    _same(targets.cam, joints - joints[:, :1], 1e-5)
    kept = replace(
        extreme,
        betas=Label(value=value * 0, weight=np.zeros(8, np.float32)),
        extra={"mesh_betas": Label(value=value, weight=np.ones(8, np.float32))},
    )
    _same(body_joints(kept, open_body), joints, 1e-6)


@pytest.mark.parametrize("build", [build_targets, published_targets])
def test_absent_labels_have_no_weight_and_numbers_that_are_none_become_absent(
    open_body: BodyModel, people: Samples, build: Any
) -> None:
    bare = Samples(source="", row=people.row, image=people.image, box=people.box)
    frames = _made_frames(people, flip=True, rotation=-0.5)
    targets = build(bare, frames, open_body, body_joints=True)
    for name, weight in _weights(targets).items():
        assert not weight.any(), name
    full = build(people, frames, open_body, body_joints=True)
    for name, value in _tensors(full).items():
        assert value.isfinite().all() and value.dtype == torch.float32, name
    spoiled: dict[str, Any] = {}
    for each in fields(people):
        label = getattr(people, each.name)
        if isinstance(label, Label) and each.name != "box":
            value = label.value.copy()
            value.reshape(8, -1)[::2, 0] = np.nan
            value.reshape(8, -1)[1, -1] = np.inf
            spoiled[each.name] = replace(label, value=value)
    targets = build(replace(people, **spoiled), frames, open_body, body_joints=True)
    for name, value in _tensors(targets).items():
        assert value.isfinite().all(), name
        assert value[3].equal(_tensors(full)[name][3]), name
    for name in ("betas_weight", "expression_weight"):
        assert getattr(targets, name).tolist() == [0, 0, 0, 1, 0, 1, 0, 1]


def test_masking_takes_every_weight(open_body: BodyModel, people: Samples) -> None:
    targets = build_targets(people, _made_frames(people), open_body, body_joints=True)
    present = torch.tensor([1.0, 0, 1, 1, 0, 1, 1, 1])
    masked = targets.masked(present)
    for name, weight in _weights(masked).items():
        assert not weight[present == 0].any(), name
        assert weight[present > 0].equal(_weights(targets)[name][present > 0]), name
    assert set(_weights(targets)) == {
        "image_weight", "depth_weight", "cam_weight", "parts_weight", "known", "has_3d", "pose_weight", "betas_weight",
        "expression_weight", "wrist_weight", "hand_root_weight", "whole_body", "body.image_weight", "body.parts_weight",
        "boxes.weight",
    }  # fmt: skip
    assert masked.image is targets.image


def test_nobody_gives_empty_targets(open_body: BodyModel, people: Samples) -> None:
    frames = Frames.of([], np.zeros(0), np.zeros(0, dtype=np.int64))
    for build in (build_targets, published_targets):
        targets = build(people.take(slice(0, 0)), frames, open_body, body_joints=True)
        assert all(len(value) == 0 for value in _tensors(targets).values())
