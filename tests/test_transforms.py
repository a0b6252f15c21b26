"""Label transforms, each worked by hand: what it does, what the published training did, what it leaves alone."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from people_of_chance import chance_samples

from mien.body.joints import OUTPUT_JOINTS, SMPLX_137
from mien.data.edits import Setting
from mien.data.samples import Label, Samples
from mien.data.transforms import QUIRKS, TRANSFORMS, Tally, check_quirks
from mien.errors import InputError

NAMES_137 = [OUTPUT_JOINTS[index] for index in SMPLX_137]
BY_NAME = {transform.name: transform for transform in TRANSFORMS}


def people(count: int = 4, **changes: Any) -> Samples:
    """People all of whose labels are known, with the changes."""
    samples = chance_samples(count, seed=1)
    known: dict[str, Any] = {}
    for field in fields(Samples):
        label = getattr(samples, field.name)
        if isinstance(label, Label):
            value = np.random.default_rng(len(field.name)).uniform(0.1, 0.9, label.value.shape).astype(np.float32)
            known[field.name] = Label(value=value, weight=np.ones_like(label.weight))
    known["box"] = label_of([[10, 20, 60, 120]] * count)
    known["size"] = np.tile(np.array([480, 640], np.int32), (count, 1))
    return replace(samples, **{**known, **changes})


def label_of(value: Any, weight: Any = 1.0) -> Label:
    array = np.array(value, np.float32)
    return Label(value=array, weight=np.broadcast_to(np.asarray(weight, np.float32), array.shape[:1]).copy())


def run(name: str, samples: Samples, **setting: Any) -> Samples:
    """One transform by itself; what it does not mention stays the very same."""
    transform = BY_NAME[name]
    if transform.quirk:
        assert not transform.applies(Setting(**setting))
    assert transform.applies(Setting(quirks=frozenset({name}), **setting))
    return transform(samples, Setting(quirks=frozenset({name}), **setting))


def differing(before: Samples, after: Samples) -> set[str]:
    """Names of the labels that are not the same object or not equal."""
    found = set()
    for field in fields(Samples):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old is new or field.name == "extra":
            continue
        if isinstance(old, Label) and isinstance(new, Label):
            same = np.array_equal(old.value, new.value) and np.array_equal(old.weight, new.weight)
        else:
            same = isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and np.array_equal(old, new)
        if not same:
            found.add(field.name)
    return found


def value(samples: Samples, name: str) -> np.ndarray:
    label = getattr(samples, name)
    assert isinstance(label, Label), name
    return label.value


def weight(samples: Samples, name: str) -> np.ndarray:
    label = getattr(samples, name)
    assert isinstance(label, Label), name
    return label.weight


BOTH = pytest.mark.parametrize("replicate", [False, True])


@BOTH
@pytest.mark.parametrize(
    ("name", "key", "values", "kept"),
    [
        ("unannotated", "annot_valid", [1, 0, 1, 0], [0, 2]),
        ("invalid-labels", "valid_label", [2, 1, 0, 1], [0, 1, 3]),
        ("invalid-fits", "is_valid", [0, 1, 1, 1], [1, 2, 3]),
        ("crowds", "iscrowd", [0, 1, 0, 0], [0, 2, 3]),
        ("without-keypoints", "num_keypoints", [17, 0, 3, 0], [0, 2]),
        ("kids", "kid", [0, 0, 1, 0], [0, 1, 3]),
    ],
)
def test_flags_leave_rows_out(name: str, key: str, values: list[int], kept: list[int], replicate: bool) -> None:
    assert run(name, people(extra={key: label_of(values)}), replicate=replicate).row.tolist() == kept
    assert run(name, people(extra={key: np.array(values)}), replicate=replicate).row.tolist() == kept
    unknown = label_of(values, weight=[0, 0, 0, 0])
    assert len(run(name, people(extra={key: unknown}), replicate=replicate)) == 4
    assert len(run(name, people(), replicate=replicate)) == 4


def test_rows_with_a_joint_that_is_no_number_are_left_out() -> None:
    notes = np.array(["", "betas", "keypoints2d keypoints3d", "keypoints2d"], object)
    assert run("nan-joints", people(extra={"nan": notes})).row.tolist() == [0, 1, 3]


def test_leading_slash() -> None:
    images = np.array(["/a/b.jpg", "a/b.jpg", "//c.jpg", "d/"], object)
    assert run("leading-slash", people(image=images)).image.tolist() == ["a/b.jpg", "a/b.jpg", "c.jpg", "d/"]


def test_size_and_camera_of_the_dataset_fill_gaps_only() -> None:
    setting: dict[str, Any] = {"image_size": (1080, 1920), "camera": (1158.0, 1158.0, 960.0, 540.0)}
    without = people(size=None, camera=None)
    filled = run("default-camera", run("default-size", without, **setting), **setting)
    assert filled.size is not None and filled.size.tolist() == [[1080, 1920]] * 4
    assert value(filled, "camera").tolist() == [[1158, 1158, 960, 540]] * 4 and weight(filled, "camera").all()
    known = people()
    assert run("default-size", known, **setting) is known and run("default-camera", known, **setting) is known
    assert run("default-size", without) is without


def test_upstream_takes_the_picture_for_the_box_of_interhand() -> None:
    before = people()
    assert run("box-is-the-picture", before, image_size=(512, 334)) is before
    found = run("box-is-the-picture", before, image_size=(512, 334), replicate=True)
    assert value(found, "box").tolist() == [[0, 0, 334, 512]] * 4


def test_boxes_without_a_pixel_are_left_out() -> None:
    boxes = [[10, 20, 60, 120], [700, 20, 60, 120], [-50, -10, 40, 30], [10, 20, 0, 120]]
    assert run("invalid-boxes", people(box=label_of(boxes))).row.tolist() == [0]
    assert run("invalid-boxes", people(box=label_of(boxes)), replicate=True).row.tolist() == [0, 2], "clipping shifts"
    assert run("invalid-boxes", people(box=label_of(boxes), size=None)).row.tolist() == [0, 1]
    assert run("invalid-boxes", people(box=label_of([boxes[0]] * 4, [1, 0, 1, 1]))).row.tolist() == [0, 2, 3]
    reaching = [[-50, 20, 60, 120], [10, -119, 60, 120], [-60, 20, 60, 120], [10, -120, 60, 120]]
    assert run("invalid-boxes", people(box=label_of(reaching))).row.tolist() == [0, 1]
    edge = [[639, 20, 60, 120], [638, 20, 60, 120], [10, 479, 60, 120], [10, 20, 1, 120]]
    assert run("invalid-boxes", people(box=label_of(edge))).row.tolist() == [1]


def test_boxes_are_unpadded_about_their_centre() -> None:
    padded = people(box=label_of([[10, 20, 60, 120]] * 4))
    tight = run("prepadded-boxes", padded, padded=1.2)
    np.testing.assert_allclose(value(tight, "box"), [[15, 30, 50, 100]] * 4, rtol=1e-6)
    assert differing(padded, tight) == {"box"}
    own = people(extra={"box_scale": label_of([1.5, 1, 1.2, 1.2], [1, 1, 1, 0])})
    np.testing.assert_allclose(
        value(run("prepadded-boxes", own, padded=1.2), "box")[:2], [[20, 40, 40, 80], [10, 20, 60, 120]], rtol=1e-6
    )
    np.testing.assert_allclose(
        value(run("prepadded-boxes", own, padded=1.2), "box")[2:], [[15, 30, 50, 100]] * 2, rtol=1e-6
    )
    assert run("prepadded-boxes", padded) is padded
    assert run("prepadded-boxes", padded, padded=1.2, replicate=True) is padded


def test_hand_boxes_of_ubody_shrink() -> None:
    before = people(left_hand_box=label_of([[100, 200, 40, 20]] * 4), right_hand_box=None)
    after = run("shrunk-hand-boxes", before)
    np.testing.assert_allclose(value(after, "left_hand_box"), [[107, 203.5, 26, 13]] * 4, rtol=1e-6)
    assert after.right_hand_box is None and differing(before, after) == {"left_hand_box"}


def test_the_face_box_of_ubody_is_around_its_keypoints() -> None:
    points, known = np.full((3, 137, 2), 500, np.float32), np.zeros((3, 137), np.float32)
    points[0, 70:72], known[0, 70:72] = [[100, 50], [110, 90]], 1
    points[1, 3], known[1, 3] = [1, 1], 1  # no keypoint of the face
    points[2, 80], known[2, 80] = [100, 50], 1  # one has no extent
    after = run("face-box-from-keypoints", people(3, keypoints2d=Label(value=points, weight=known)))
    np.testing.assert_allclose(value(after, "face_box"), [[99, 46, 12, 48], [0] * 4, [0] * 4], rtol=1e-6)
    assert weight(after, "face_box").tolist() == [1, 0, 0]


@BOTH
def test_neutral_betas_replace_betas(replicate: bool) -> None:
    own, neutral = np.full((3, 10), 0.5, np.float32), np.full((3, 10), -0.25, np.float32)
    before = people(3, betas=label_of(own, [1, 1, 0]), extra={"betas_neutral": label_of(neutral, [1, 0, 1])})
    after = run("neutral-betas", before, replicate=replicate)
    assert value(after, "betas")[:, 0].tolist() == [-0.25, 0.5, -0.25] and weight(after, "betas").tolist() == [1, 1, 1]
    assert weight(run("neutral-betas", replace(before, betas=None)), "betas").tolist() == [1, 0, 1]


@BOTH
def test_labels_that_mean_nothing_are_forgotten(replicate: bool) -> None:
    before = people()
    for name, gone in (
        ("betas-of-no-meaning", {"betas"}),
        ("unknown-eye-poses", {"leye_pose", "reye_pose"}),
        ("hands-only", {"global_orient", "body_pose", "betas", "transl"}),
    ):
        after = run(name, before, replicate=replicate)
        assert differing(before, after) == gone
        for label in gone:
            assert not weight(after, label).any() and not value(after, label).any()


def test_betas_of_smpl_are_no_betas_of_smplx() -> None:
    before = people(3, extra={"params_from": np.array(["smplx", "smpl", "smplh"], object)})
    after = run("betas-of-another-body", before)
    assert weight(after, "betas").tolist() == [1, 0, 0] and not value(after, "betas")[1:].any()


def test_upstream_copies_the_left_hand_of_talkshow() -> None:
    before = people(left_hand_pose=label_of(np.full((4, 15, 3), 0.3), [1, 0, 1, 1]))
    assert run("right-hand-is-left-hand", before) is before
    after = run("right-hand-is-left-hand", before, replicate=True)
    np.testing.assert_array_equal(value(after, "right_hand_pose"), value(before, "left_hand_pose"))
    assert weight(after, "right_hand_pose").tolist() == [1, 0, 1, 1] and differing(before, after) == {"right_hand_pose"}


def zeroed(*names: str) -> Samples:
    """People of whom the second has zeros in some labels."""
    samples, changed = people(3), {}
    for name in names:
        values = value(samples, name).copy()
        values[1] = 0
        changed[name] = label_of(values)
    return replace(samples, **changed)


ZERO = "zeros-that-mean-unknown"


def test_zeros_that_mean_unknown() -> None:
    body = run(ZERO, zeroed("body_pose"))
    assert weight(body, "body_pose").tolist() == weight(body, "global_orient").tolist() == [1, 0, 1]
    assert not value(body, "global_orient")[1].any()
    for name in ("betas", "left_hand_pose", "right_hand_pose", "expression"):
        before = zeroed(name)
        after = run(ZERO, before)
        assert weight(after, name).tolist() == [1, 0, 1] and differing(before, after) == {name}
    assert weight(run(ZERO, zeroed("jaw_pose")), "jaw_pose").tolist() == [1, 1, 1]  # a closed mouth
    assert weight(run(ZERO, zeroed("jaw_pose", "expression")), "jaw_pose").tolist() == [1, 0, 1]
    assert weight(run(ZERO, zeroed("global_orient")), "global_orient").tolist() == [1, 1, 1]
    one = people(3)
    assert differing(one, run(ZERO, one)) == set()


def test_zeros_in_upstream() -> None:
    for hands, expected in (("relative", [1, 0, 1]), ("flat", [1, 1, 1])):
        after = run(ZERO, zeroed("left_hand_pose"), hands=hands, replicate=True)
        assert weight(after, "left_hand_pose").tolist() == expected
    face = run(ZERO, zeroed("expression", "jaw_pose"), replicate=True)
    assert weight(face, "expression").all() and weight(face, "jaw_pose").all()
    assert weight(run(ZERO, zeroed("betas"), replicate=True), "betas").tolist() == [1, 0, 1]
    assert weight(run(ZERO, zeroed("body_pose"), replicate=True), "global_orient").tolist() == [1, 0, 1]


def test_zeros_of_made_labels_are_values() -> None:
    before = zeroed("betas", "left_hand_pose", "expression", "jaw_pose")
    assert run(ZERO, before, exact=True) is before


MEAN = np.stack([np.full((15, 3), 0.25, np.float32), np.full((15, 3), -0.5, np.float32)])


def test_relative_hands_become_absolute() -> None:
    before = people(
        2, left_hand_pose=label_of(np.zeros((2, 15, 3)), [1, 0]), right_hand_pose=label_of(np.ones((2, 15, 3)))
    )
    after = run("relative-hands", before, hands="relative", mean_hands=lambda: MEAN)
    assert value(after, "left_hand_pose")[0, 0, 0] == 0.25 and not value(after, "left_hand_pose")[1].any()
    assert (value(after, "right_hand_pose") == 0.5).all()
    assert run("relative-hands", before, hands="flat") is before


def test_the_file_knows_best_how_its_hands_are_kept_but_upstream_does_not_look() -> None:
    before = people(3, extra={"flat_hand_mean": label_of([1, 0, 0], [1, 1, 0])})
    setting: dict[str, Any] = {"mean_hands": lambda: MEAN}
    left = value(before, "left_hand_pose")
    for hands, replicate, moved in (
        ("flat", False, [0, 1, 0]),
        ("relative", False, [0, 1, 1]),
        ("flat", True, [0, 0, 0]),
        ("relative", True, [1, 1, 1]),
    ):
        after = run("relative-hands", before, hands=hands, replicate=replicate, **setting)
        shift = np.array(moved, np.float32)[:, None, None] * 0.25
        np.testing.assert_array_equal(value(after, "left_hand_pose"), left + shift)


@BOTH
def test_a_shape_beyond_3_is_no_target(replicate: bool) -> None:
    betas = np.zeros((4, 10), np.float32)
    betas[0, 2], betas[1, 9], betas[2, 5], betas[3, 0] = 3.0, 3.001, -3.5, -3.0
    before = people(betas=label_of(betas))
    after = run("betas-beyond-3", before, replicate=replicate)
    assert weight(after, "betas").tolist() == [1, 0, 0, 1] and not value(after, "betas")[1:3].any()
    mesh = after.extra["mesh_betas"]
    assert isinstance(mesh, Label) and mesh.weight.tolist() == [0, 1, 1, 0]
    np.testing.assert_array_equal(mesh.value[1:3], betas[1:3])
    assert "mesh_betas" not in run("betas-beyond-3", people()).extra


def test_ankles_and_wrists_of_neural_annot() -> None:
    before = people(2, body_pose=label_of(np.ones((2, 21, 3)), [1, 0]))
    after = run("unknown-ankles-and-wrists", before)
    names = ["left_ankle", "right_ankle", "left_wrist", "right_wrist"]
    unknown = [OUTPUT_JOINTS.index(name) - 1 for name in names]
    assert np.flatnonzero(weight(after, "body_pose")[0] == 0).tolist() == unknown == [6, 7, 19, 20]
    assert not value(after, "body_pose")[0, unknown].any() and not weight(after, "body_pose")[1].any()
    again = run("unknown-ankles-and-wrists", after)
    np.testing.assert_array_equal(weight(again, "body_pose"), weight(after, "body_pose"))


def hands_known(left: list[float], right: list[float] | None) -> Samples:
    """People with all keypoints but the tips of the left thumb, and hand poses known for some."""
    known = np.ones((len(left), 137), np.float32)
    known[:, NAMES_137.index("left_thumb")] = 0
    points = {
        f"keypoints{k}d": Label(value=np.ones((len(left), 137, k), np.float32) * known[..., None], weight=known)
        for k in (2, 3)
    }
    poses = {
        "left_hand_pose": label_of(np.ones((len(left), 15, 3)), left),
        "right_hand_pose": None if right is None else label_of(np.ones((len(left), 15, 3)), right),
    }
    return people(len(left), **points, **poses)


def test_hand_keypoints_count_where_the_pose_is_known_too() -> None:
    after = run("hands-without-pose", hands_known([1, 0], None))
    for name in ("keypoints2d", "keypoints3d"):
        known = weight(after, name)
        assert known[0, 25:45].sum() == 19 and known[1, 25:45].sum() == 0, "the thumb's tip stays unknown"
        assert not known[:, 45:65].any() and known[:, :25].all() and known[:, 65:].all()
        assert not value(after, name)[1, 25:45].any()


def test_upstream_forces_hand_keypoints_as_the_last_row_has_them() -> None:
    before = hands_known([1, 0], [0, 1])
    after = run("hands-without-pose", before, replicate=True, last_hands=(False, True))
    known = weight(after, "keypoints3d")
    left, right = [*range(25, 45), NAMES_137.index("left_wrist")], [*range(45, 65), NAMES_137.index("right_wrist")]
    assert not known[:, left].any() and known[:, right].all()
    assert known.sum() == 2 * (137 - 21)
    forced = weight(run("hands-without-pose", before, replicate=True, last_hands=(True, True)), "keypoints2d")
    assert forced.all(), "even the thumb that nobody labelled"
    alone = weight(run("hands-without-pose", before, replicate=True), "keypoints2d")
    assert alone[:, left].all(1).tolist() == [True, False]


def test_wrist_orientations_of_zeros_are_unknown_and_targets_upstream() -> None:
    roots = np.ones((2, 2, 3), np.float32)
    roots[0, 1] = 0
    before = people(2, hand_root=Label(value=roots, weight=np.ones((2, 2), np.float32)))
    assert weight(run("hand-roots", before), "hand_root").tolist() == [[1, 0], [1, 1]]
    assert weight(run("hand-roots", before, replicate=True), "hand_root").all()
    none = people(2, hand_root=None)
    assert run("hand-roots", none) is none
    upstream = run("hand-roots", none, replicate=True)
    assert weight(upstream, "hand_root").all() and not value(upstream, "hand_root").any()


@BOTH
def test_joints_of_the_body_replace_3d_keypoints(replicate: bool) -> None:
    before = people(3, body_pose=label_of(np.ones((3, 21, 3)), [1, 0, 1]))

    def joints(samples: Samples) -> np.ndarray:
        return np.broadcast_to(samples.row[:, None, None].astype(np.float32) + 7, (len(samples), 137, 3)).copy()

    after = run("joints-of-the-body", before, joints=joints, replicate=replicate)
    assert value(after, "keypoints3d")[:, 0, 0].tolist() == [7, 0, 9]
    assert weight(after, "keypoints3d")[:, 5].tolist() == [1, 0, 1] and differing(before, after) == {"keypoints3d"}


def test_keypoints_of_smpl_are_put_where_they_belong() -> None:
    joints = np.zeros((2, 22, 3), np.float32)
    joints[..., 0], joints[..., 2] = np.arange(22) * 0.1, 2.0
    joints[1, 3, 2] = -1  # behind the camera

    def smpl(samples: Samples, gender: str) -> np.ndarray:
        assert gender == "male"
        return joints[samples.row]

    extra = {"smpl_body_pose": label_of(np.zeros((2, 23, 3))), "gender": np.array(["male", "male"], object)}
    before = people(2, camera=label_of([[1000, 1000, 320, 240]] * 2), keypoints2d=None, extra=extra)
    after = run("keypoints-of-smpl", before, smpl_joints=smpl)
    known = weight(after, "keypoints2d")
    body = [name for name in OUTPUT_JOINTS[:22] if name in NAMES_137]
    assert known[0].sum() == len(body) and not known[1].any()
    for name in body:
        place = NAMES_137.index(name)
        assert value(after, "keypoints2d")[0, place] == pytest.approx([320 + 50 * OUTPUT_JOINTS.index(name), 240])
    upstream = run("keypoints-of-smpl", before, smpl_joints=smpl, replicate=True)
    assert value(upstream, "keypoints2d")[0, :22, 0] == pytest.approx(320 + 50 * np.arange(22))
    assert weight(upstream, "keypoints2d")[0].all(), "the mask covers all"
    assert run("keypoints-of-smpl", before) is before


def test_every_transform_has_been_tested_here() -> None:
    text = Path(__file__).read_text()
    for transform in TRANSFORMS:
        assert f'"{transform.name}"' in text, transform.name
        assert transform.reason and transform.spec


def test_a_tally_counts_rows() -> None:
    betas = np.full((4, 10), 0.5, np.float32)
    betas[3, 0] = 9
    samples = people(betas=label_of(betas), extra={"iscrowd": np.array([0, 1, 0, 0])})
    tally = Tally(Setting(hands="relative", mean_hands=lambda: MEAN, padded=1.2))
    assert tally(samples).row.tolist() == [0, 2, 3]
    tally(people(1))
    assert +tally.changed == {"prepadded-boxes": 4, "relative-hands": 4, "betas-beyond-3": 1}
    assert +tally.dropped == {"crowds": 1}
    assert len(tally(people(1).take(slice(0, 0)))) == 0


@BOTH
def test_what_becomes_of_a_row_is_not_its_neighbours_doing(replicate: bool) -> None:
    """Rows 0 to 3 lack what rows 4 to 7 have."""
    some = np.repeat(np.array([0, 1], np.float32), 4)
    samples = people(8)
    lacking = {
        name: Label(value=label.value * (some[:, None, None] > 0), weight=np.repeat(some[:, None], 137, 1))
        for name in ("keypoints2d", "keypoints3d")
        if isinstance(label := getattr(samples, name), Label)
    }
    camera = label_of(np.tile([900, 900, 320, 240], (8, 1)) * some[:, None], some)
    pose = label_of(samples.body_pose.value * some[:, None, None], some)  # pyright: ignore[reportOptionalMemberAccess]
    extra = {"smpl_body_pose": label_of(np.zeros((8, 23, 3)), some), "gender": np.array(["male"] * 8, object)}
    quirks = frozenset({"joints-of-the-body", "keypoints-of-smpl"})
    for changes in ({**lacking, "camera": camera, "body_pose": pose}, {"body_pose": pose}, {}):
        setting = Setting(
            quirks=quirks, replicate=replicate, camera=(1000, 1000, 320, 240), joints=_no_joints, smpl_joints=_ahead,
            last_hands=(True, True),
        )  # fmt: skip
        whole, halves = Tally(setting), Tally(setting)
        mixed = people(8, extra=extra, **changes)
        one = whole(mixed)
        two = Samples.cat([halves(mixed.take(slice(0, 4))), halves(mixed.take(slice(4, 8)))])
        assert differing(one, two) == set() and len(one) == 8
        assert (whole.changed, whole.dropped) == (halves.changed, halves.dropped)


def _ahead(samples: Samples, _: str) -> np.ndarray:
    return np.ones((len(samples), 22, 3), np.float32)


def test_transforms_agree_with_taking_rows() -> None:
    samples = chance_samples(40, seed=5)
    samples = replace(samples, box=people(40).box, size=people(40).size)
    samples = replace(samples, extra={"iscrowd": (np.arange(40) % 7 == 0).astype(int)})
    setting = Setting(
        quirks=frozenset(QUIRKS), hands="relative", mean_hands=lambda: MEAN, padded=1.2, joints=_no_joints
    )
    whole, halves = Tally(setting), Tally(setting)
    one = whole(samples)
    two = Samples.cat([halves(samples.take(slice(0, 13))), halves(samples.take(slice(13, 40)))])
    assert differing(one, two) == set() and len(one) > 5
    assert (whole.changed, whole.dropped) == (halves.changed, halves.dropped)


def _no_joints(samples: Samples) -> np.ndarray:
    return np.zeros((len(samples), 137, 3), np.float32)


def test_unknown_quirks_get_the_closest() -> None:
    with pytest.raises(
        InputError, match=r"names the quirk 'leading-slsh', which there is not; did you mean 'leading-slash'"
    ):
        check_quirks("bedlam", ["hands-only", "leading-slsh"])
