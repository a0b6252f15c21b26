"""What mien promises of augmented samples: the recorded dice, pixels that go where labels go, labels that agree."""

import math
import random
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made import jpeg, made_people

from mien.body.model import BodyModel
from mien.data.augment import LEFT_HAND, RIGHT_HAND, UPPER, Augment, Draws, draw, draw_published
from mien.data.effects import apply_effects, colour, paste, silhouette
from mien.data.fitted import body_joints
from mien.data.framing import frame
from mien.data.moving import Frames, expression_mirror, move, move_pixels
from mien.data.pixels import Sampling, cut, decode, stored_size
from mien.data.samples import PARAMS, Label, Samples
from mien.errors import InputError, PictureError
from mien.geometry.boxes import crop_box, pad_box
from mien.geometry.crop import Crop
from mien.geometry.rotation import matrix_from_axis_angle

DATA = np.load(Path(__file__).parent / "parity/data_utils.npz")
OPEN_BODY = Path(__file__).parents[1] / "src/mien/body/data/openbody_SMPLX_NEUTRAL.npz"
HEIGHT, WIDTH = 270, 480
everything = Augment(
    shift=0.2, upper_chance=0.3, hand_chance=0.3, close_chance=0.3, cutout_chance=0.3, person_chance=0.3,
    blur_chance=0.3, jpeg_chance=0.3, dark_chance=0.3,
)  # fmt: skip


@pytest.fixture(scope="module")
def people(body: BodyModel) -> Samples:
    return made_people(body, 12)


def _frames(count: int, *, flip: bool, rotation: float, scale: float = 1.0, width: int = WIDTH) -> Frames:
    crops = [
        Crop.around(
            pad_box(np.array([20.0 + i, 30, 200, 180])), scale=scale, rotation=rotation, mirror=width if flip else None
        )
        for i in range(count)
    ]
    return Frames.of(crops, np.full(count, rotation), np.full(count, width))


def _labels(samples: Samples) -> dict[str, Label]:
    return {each.name: label for each in fields(samples) if isinstance(label := getattr(samples, each.name), Label)}


# dice -----------------------------------------------------------------------------------------------------------
def test_parity_published_dice() -> None:
    draws = draw_published(Augment(), 4000, np.random.RandomState(21), random.Random(21))
    np.testing.assert_array_equal(draws.scale[:20], DATA["aug.scale_first20"])
    np.testing.assert_allclose(np.rad2deg(draws.rotation[:20]), DATA["aug.rot_first20"], atol=1e-12)
    np.testing.assert_array_equal(draws.gain[:20], DATA["aug.color_first20"])
    np.testing.assert_array_equal(draws.flip[:20], DATA["aug.flip_first20"])
    assert draws.flip.mean() == DATA["aug.flip_rate"]


def test_our_dice_have_the_published_statistics() -> None:
    draws = draw(Augment(), 7, 0, np.arange(4000))
    low, high, mean, std = DATA["aug.stats_scale_min_max_mean_std"]
    assert draws.scale.min() == low and draws.scale.max() == high
    assert abs(draws.scale.mean() - mean) < 0.012 and abs(draws.scale.std() - std) < 0.006
    low, high, _, std, zero = DATA["aug.stats_rot_min_max_mean_std_zero"]
    degrees = np.rad2deg(draws.rotation)
    assert abs(degrees.min() - low) < 1e-9 and abs(degrees.max() - high) < 1e-9
    assert abs(degrees.std() - std) < 1.5 and abs((degrees == 0).mean() - zero) < 0.03
    low, high = DATA["aug.stats_color_min_max"]
    assert abs(draws.gain.min() - low) < 1e-3 and abs(draws.gain.max() - high) < 1e-3
    assert abs(draws.flip.mean() - 0.5) < 0.03
    assert not draws.shift.any() and not draws.focus.any() and not draws.jpeg.any() and (draws.dark == 1).all()


def _same_draws(a: Draws, b: Draws, *names: str) -> None:
    for each in fields(a):
        if not names or each.name in names:
            np.testing.assert_array_equal(getattr(a, each.name), getattr(b, each.name))


def test_dice_depend_on_the_place_alone() -> None:
    places = np.array([5, 900_000, 17, 0])
    whole = draw(everything, 3, 2, places)
    for i, place in enumerate(places):
        alone = draw(everything, 3, 2, np.array([place]))
        for each in fields(whole):
            np.testing.assert_array_equal(getattr(whole, each.name)[i], getattr(alone, each.name)[0])
    other = draw(everything, 3, 3, places)
    assert not (whole.scale == other.scale).any() and not (whole.key == other.key).any()


def test_switching_one_effect_on_changes_no_other() -> None:
    places = np.arange(50)
    plain = draw(Augment(), 3, 2, places)
    _same_draws(plain, draw(everything, 3, 2, places), "rotation", "flip", "gain", "key")
    close = draw(Augment(close_chance=1.0), 3, 2, places)
    assert (close.scale < plain.scale).all()
    _same_draws(plain, close, "rotation", "flip", "gain", "focus", "cutout", "person", "blur", "jpeg", "dark", "key")


@pytest.mark.parametrize(
    "wrong",
    [
        {"flip_chance": 1.5},
        {"scale": -0.1},
        {"scale": 1.0},
        {"ratio": 0.0},
        {"gain": math.nan},
        {"upper_chance": 0.6, "hand_chance": 0.6},
    ],
)
def test_impossible_ranges_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"augmentation|chance"):
        Augment(**wrong)


# pixels ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def pattern() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 255, (540, 960, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("size", [(256, 192), (512, 384), (128, 96)])
def test_exact_pixels_are_the_published_ones(pattern: np.ndarray, flip: bool, size: tuple[int, int]) -> None:
    done, data = cv2.imencode(".png", pattern[..., ::-1])
    assert done
    crop = Crop.around(pad_box(np.array([300.0, 80, 260, 400])), scale=1.1, rotation=0.3, mirror=960 if flip else None)
    upright = np.ascontiguousarray(pattern[:, ::-1] if flip else pattern).astype(np.float32)
    step = 512 // size[0]
    whole = cv2.warpAffine(upright, crop.patch_from_image, (384, 512), flags=cv2.INTER_LINEAR)[::step, ::step]
    exact = cut(data.tobytes(), "a.png", crop, Sampling(size=size, exact=True))
    np.testing.assert_array_equal(exact, whole)
    fast = cut(data.tobytes(), "a.png", crop, Sampling(size=size))
    assert fast.dtype == np.uint8
    # whole numbers; a mirror inside the map rounds elsewhere at the picture's edge, nowhere else
    assert np.abs(fast - whole).max() < 0.52
    gain = np.array([0.8, 1.0, 1.2])
    np.testing.assert_allclose(colour(exact, gain), np.clip(whole * gain, 0, 255), atol=1e-4)
    assert np.abs(colour(fast, gain) - np.clip(whole * gain, 0, 255)).max() < 1.2


def _dot(picture: np.ndarray, x: float, y: float, radius: float) -> None:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    light = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
    np.maximum(picture, np.rint(255 * light)[..., None].astype(np.uint8), out=picture)


@settings(max_examples=25)
@given(
    st.sampled_from([120, 300, 700, 1400]),
    st.floats(-1, 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 1, 2, 3]),
)
def test_a_dot_moves_with_its_label(side: int, rotation: float, flip: bool, antialias: bool, odd: int) -> None:
    """Also where the picture is decoded at a half to an eighth of its size, and where that does not divide it."""
    height, width = side + odd, round(side * 4 / 3) + odd
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    x, y = 0.52 * width + 0.3, 0.47 * height + 0.6
    _dot(picture, x, y, max(1.5, side / 60))
    box = pad_box(np.array([0.3 * width, 0.15 * height, 0.35 * width, 0.7 * height]))
    crop = Crop.around(box, rotation=rotation, mirror=width if flip else None)
    seen = cut(jpeg(picture), "a.jpg", crop, Sampling(antialias=antialias)).astype(np.float64)[..., 0]
    seen[seen < 40] = 0
    rows, columns = np.mgrid[:256, :192]
    found = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
    frames = Frames.of([crop], np.array([rotation]), np.array([width]))
    expected = move_pixels(np.array([[[x, y]]]), frames)[0, 0] / 2
    np.testing.assert_allclose(found, expected, atol=0.12)
    np.testing.assert_allclose(crop.to_patch(np.array([[x, y]]))[0] / 2, expected, atol=1e-3)


def test_reduced_decoding_is_chosen_only_where_pixels_are_left_over() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (1024, 768, 3), np.uint8)
    data = jpeg(picture)
    for side, reduction in ((250, 1), (500, 1), (520, 2), (1000, 2), (1030, 4)):
        crop = Crop.around(np.array([0.0, 0.0, side * 0.75, float(side)]))
        reduced = decode(data, "a.jpg", reduction)
        affine = crop.image_from_patch
        affine[:, :2] *= 2
        affine = affine / reduction
        affine[:, 2] += 0.5 / reduction - 0.5
        expected = cv2.warpAffine(reduced, affine, (192, 256), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        np.testing.assert_array_equal(cut(data, "a.jpg", crop, Sampling()), expected)


def test_antialiasing_averages() -> None:
    """A board of single pixels, far larger than the crop, becomes grey; looked at point by point it does not."""
    board = np.kron(np.indices((640, 480)).sum(0)[..., None] % 2, np.ones((1, 1, 3))) * 255
    done, data = cv2.imencode(".png", board.astype(np.uint8))
    assert done
    crop = Crop.around(np.array([30.0, 31.0, 390.0, 520.0]))
    smooth = cut(data.tobytes(), "a.png", crop, Sampling(antialias=True))[8:-8, 8:-8]
    rough = cut(data.tobytes(), "a.png", crop, Sampling())[8:-8, 8:-8]
    assert smooth.std() < 0.4 * rough.std() and abs(smooth.mean() - 127.5) < 2


def test_labels_belong_to_the_stored_orientation(pattern: np.ndarray) -> None:
    """An EXIF tag that says `turn me` changes nothing: labels of datasets are for the pixels as they are stored."""
    data = jpeg(pattern[:100, :160])
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    assert stored_size(turned, "a.jpg") == (100, 160)
    np.testing.assert_array_equal(decode(turned, "a.jpg"), decode(data, "a.jpg"))
    assert decode(turned, "a.jpg", 2).shape == (50, 80, 3)


def test_damaged_pictures_are_told(pattern: np.ndarray) -> None:
    crop = Crop.around(np.array([0.0, 0.0, 192.0, 256.0]))
    data = jpeg(pattern)
    done, png = cv2.imencode(".png", pattern)
    assert done
    spoiled = bytearray(png.tobytes())
    spoiled[len(spoiled) // 2] ^= 255
    for bad in (b"", b"nothing", data[: len(data) // 2], data[:100], png.tobytes()[:-300], bytes(spoiled)):
        with pytest.raises(PictureError, match=r"a\.jpg"):
            stored_size(bad, "a.jpg")
            cut(bad, "a.jpg", crop, Sampling())


def test_sizes_that_do_not_divide_are_refused() -> None:
    for size in ((250, 192), (0, 192), (256, 1024)):
        with pytest.raises(InputError, match="divide"):
            Sampling(size=size)
    with pytest.raises(InputError, match="one of them"):
        Sampling(exact=True, antialias=True)


# effects --------------------------------------------------------------------------------------------------------
def test_effects_touch_what_they_should(pattern: np.ndarray) -> None:
    crop = np.ascontiguousarray(pattern[:256, :192])
    none = draw(Augment.none(), 0, 0, np.arange(3))
    np.testing.assert_array_equal(apply_effects(crop, 0, none), crop)
    cover = replace(none, cutout=np.array([[0.25, 0.5, 0.25, 0.125]] * 3))
    for row in range(3):
        changed = (apply_effects(crop, row, cover) != crop).any(-1)
        assert not changed[:128].any() and not changed[160:].any() and not changed[:, :48].any()
        assert changed[128:160, 48:96].mean() > 0.9
    dark = apply_effects(crop, 0, replace(none, dark=np.full(3, 0.3)))
    assert abs(dark.mean() / crop.mean() - 0.3) < 0.05
    for direction in (-1.0, 0.0, 1.0):
        blurred = apply_effects(crop, 0, replace(none, blur=np.array([[0.05, direction]] * 3)))
        assert np.diff(blurred.astype(float), axis=1).std() < 0.8 * np.diff(crop.astype(float), axis=1).std()
        assert abs(blurred.mean() - crop.mean()) < 1
    packed = apply_effects(crop, 0, replace(none, jpeg=np.full(3, 10.0)))
    assert 0.3 < np.abs(packed.astype(float) - crop).mean() < 12
    again = apply_effects(crop, 1, replace(none, dark=np.full(3, 0.3)))
    np.testing.assert_array_equal(again, apply_effects(crop, 1, replace(none, dark=np.full(3, 0.3))))
    assert (again != dark).any()


def test_somebody_in_front(people: Samples) -> None:
    crop = frame(people, 0, (HEIGHT, WIDTH), 1.2, _fixed())
    assert people.keypoints2d is not None and crop is not None
    joints = crop.to_patch(people.keypoints2d.value[0].astype(np.float64))
    mask = silhouette(joints, np.ones(137, np.float32), (256, 192))
    assert mask is not None and mask.max() == 1 and 0.02 < mask.mean() < 0.7
    middle = np.rint(joints[[1, 2, 8, 9]].mean(0) / 2).astype(int)
    assert mask[middle[1], middle[0]] == 1
    assert silhouette(joints, np.zeros(137, np.float32), (256, 192)) is None
    black, white = np.zeros((256, 192, 3), np.uint8), np.full((256, 192, 3), 255, np.uint8)
    np.testing.assert_array_equal(
        paste(black, white, np.ones((256, 192), np.float32), np.array([0.5, 0.5, 1.0, 0.0])), white
    )
    small = paste(black, white, np.ones((256, 192), np.float32), np.array([0.25, 0.25, 0.5, 0.0]))
    assert small[:120, :90].min() == 255 and not small[140:].any()


# framing --------------------------------------------------------------------------------------------------------
def _fixed(*, count: int = 1, **changed: np.ndarray) -> Draws:
    return replace(draw(Augment.none(), 0, 0, np.arange(count)), **changed)


def test_a_plain_frame_is_the_crop_of_the_padded_box(people: Samples) -> None:
    crop = frame(people, 3, (HEIGHT, WIDTH), 1.2, draw(Augment.none(), 0, 0, np.arange(12)))
    assert crop is not None
    box = crop_box(people.box.value[3], WIDTH, HEIGHT)
    assert box is not None
    np.testing.assert_array_equal(crop.patch_from_image, Crop.around(box).patch_from_image)


@pytest.mark.parametrize("row", range(6))
@pytest.mark.parametrize("boxes_known", [True, False])
def test_frames_about_a_part_hold_the_part(people: Samples, row: int, boxes_known: bool) -> None:
    assert people.keypoints2d is not None
    known = people if boxes_known else replace(people, left_hand_box=None, right_hand_box=None)
    plain = frame(known, row, (HEIGHT, WIDTH), 1.2, _fixed(count=12))
    parts = {UPPER: [1, 2, 8, 9, 24], LEFT_HAND: list(range(25, 45)), RIGHT_HAND: list(range(45, 65))}
    for focus, joints in parts.items():
        crop = frame(known, row, (HEIGHT, WIDTH), 1.2, _fixed(count=12, focus=np.full(12, focus)))
        points = people.keypoints2d.value[row, joints].astype(np.float64)
        assert crop is not None and plain is not None
        if ((points >= 0) & (points < [WIDTH, HEIGHT])).all():
            inside = crop.to_patch(points)
            assert ((inside >= 0) & (inside <= [384, 512])).all()
            large = focus != UPPER and np.ptp(points, axis=0).max() > 18  # smaller hands are not worth a crop
            assert crop.box[3] < (0.6 if large else 1.001) * plain.box[3]


def test_a_part_that_is_not_known_leaves_the_whole_person(people: Samples) -> None:
    bare = replace(people, keypoints2d=None, left_hand_box=None, right_hand_box=None)
    plain = frame(bare, 0, (HEIGHT, WIDTH), 1.2, _fixed())
    for focus in (UPPER, LEFT_HAND):
        crop = frame(bare, 0, (HEIGHT, WIDTH), 1.2, _fixed(focus=np.array([focus])))
        assert crop is not None and plain is not None
        np.testing.assert_array_equal(crop.box, plain.box)


def test_boxes_that_hold_nothing_give_no_frame(people: Samples) -> None:
    for box in ([-50.0, -50, 20, 20], [5, 5, 0, 10], [np.nan, 0, 9, 9]):
        value = people.box.value.copy()
        value[0] = box
        wrong = replace(people, box=replace(people.box, value=value))
        assert frame(wrong, 0, (HEIGHT, WIDTH), 1.2, _fixed()) is None
        pushed = frame(wrong, 0, (HEIGHT, WIDTH), 1.2, _fixed(), push=True)
        assert (pushed is not None) == (box[0] == -50), "as published: at the edge of the picture"


# labels ---------------------------------------------------------------------------------------------------------
def test_mirrored_twice_is_nothing(people: Samples) -> None:
    """Crops of the whole picture, so that the patch is the picture times a number, and mirrors about its own middle."""
    box = np.array([-0.5, -0.5, 360.0, 480.0])  # the pixel centres -0.5 .. 359.5 fill the patch
    mirrored = Crop.around(box, mirror=360)
    frames = Frames.of([mirrored] * 12, np.zeros(12), np.full(12, 360))
    once = move(people, frames)
    patch = Crop.around(np.array([-0.5, -0.5, 384.0, 512.0]), mirror=384)
    twice = move(once, Frames.of([patch] * 12, np.zeros(12), np.full(12, 384)))
    scale = 384 / 360
    for name, label in _labels(people).items():
        after = getattr(twice, name)
        np.testing.assert_array_equal(after.weight, label.weight if name != "transl" else label.weight * 0)
        if name in (*PARAMS, "keypoints3d", "hand_root") and name != "transl":
            np.testing.assert_allclose(after.value, label.value, atol=1e-6, err_msg=name)
        elif name == "keypoints2d":
            np.testing.assert_allclose(
                after.value, label.value * scale + [0.5 * scale - 0.5, 0.5 * scale + 0.5], atol=2e-3
            )
        elif name.endswith("box"):
            np.testing.assert_allclose(after.value[:, 2:], label.value[:, 2:] * scale, atol=2e-3)


@pytest.mark.parametrize("angle", [0.3, -1.1, 2.9])
@pytest.mark.parametrize("flip", [False, True])
def test_turned_and_back_is_nothing(people: Samples, angle: float, flip: bool) -> None:
    there = move(people, _frames(12, flip=flip, rotation=angle))
    # turning back: a mirror turns the sense of rotation over
    back = move(there, _frames(12, flip=flip, rotation=angle if flip else -angle))
    for name in ("keypoints3d", "body_pose", "left_hand_pose", "jaw_pose", "betas", "expression"):
        np.testing.assert_allclose(getattr(back, name).value, getattr(people, name).value, atol=2e-5, err_msg=name)
    for name in ("global_orient", "hand_root"):
        matrices = [matrix_from_axis_angle(torch.from_numpy(getattr(each, name).value)) for each in (back, people)]
        np.testing.assert_allclose(matrices[0], matrices[1], atol=2e-5, err_msg=name)


@pytest.mark.parametrize("rotation", [0.0, 0.7, -2.0])
@pytest.mark.parametrize("scale", [0.75, 1.25])
@pytest.mark.parametrize("flip", [False, True])
def test_moved_labels_agree_with_each_other(
    body: BodyModel, people: Samples, rotation: float, scale: float, flip: bool
) -> None:
    """3D joints seen by the moved camera are the 2D joints, and the moved body's joints are the 3D joints."""
    moved = move(people, _frames(12, flip=flip, rotation=rotation, scale=scale), body=body)
    assert moved.keypoints3d and moved.keypoints2d and moved.camera
    camera = moved.camera.value[:, None]
    points = moved.keypoints3d.value
    seen = points[..., :2] / points[..., 2:] * camera[..., :2] + camera[..., 2:]
    np.testing.assert_allclose(seen, moved.keypoints2d.value, atol=0.02)
    # a mirrored body is not quite the body of the mirrored pose: no body is quite symmetric
    away = np.linalg.norm(body_joints(moved, body) - points, axis=-1)
    assert away.max() < (2e-3 if flip else 2e-5)


def test_absent_labels_stay_absent(people: Samples) -> None:
    nothing = {
        name: Label(value=label.value * 0, weight=label.weight * 0)
        for name, label in _labels(people).items()
        if name != "box"
    }
    moved = move(replace(people, **nothing), _frames(12, flip=True, rotation=0.4))
    for name, label in _labels(moved).items():
        if name != "box":
            assert not label.value.any() and not label.weight.any(), name
    bare = Samples(source="", row=people.row, image=people.image, box=people.box)
    assert set(_labels(move(bare, _frames(12, flip=True, rotation=0.4)))) == {"box"}


def test_one_hand_changes_sides_alone(people: Samples) -> None:
    single = replace(people, right_hand_pose=None, right_hand_box=None)
    moved = move(single, _frames(12, flip=True, rotation=0.0))
    assert moved.left_hand_pose is not None and moved.right_hand_pose is not None and people.left_hand_pose is not None
    assert not moved.left_hand_pose.weight.any() and moved.right_hand_pose.weight.all()
    np.testing.assert_array_equal(moved.right_hand_pose.value, people.left_hand_pose.value * np.array([1, -1, -1]))


def test_hand_roots_turn_unless_they_should_not(people: Samples) -> None:
    assert people.hand_root is not None
    frames = _frames(12, flip=True, rotation=0.5)
    kept = move(people, frames, turn_hand_roots=False).hand_root
    turned = move(people, frames).hand_root
    assert kept is people.hand_root and turned is not None
    about_z = matrix_from_axis_angle(torch.tensor([0.0, 0.0, -0.5]))
    mirrored = matrix_from_axis_angle(torch.tensor([0.1, -0.1, -0.1]))
    found = matrix_from_axis_angle(torch.from_numpy(turned.value))
    np.testing.assert_allclose(found, (about_z @ mirrored).expand(12, 2, 3, 3), atol=1e-6)


def test_expressions_mirror_as_faces_do(body: BodyModel) -> None:
    """The mirrored expression moves a face as the mirror image of the face moves; twice is nothing, nearly."""
    mirror = expression_mirror(body)
    assert mirror.shape == (body.num_expression, body.num_expression)
    shapes = body.basis[body.num_betas :].unflatten(1, (-1, 3)).numpy()[: body.num_expression]
    expression = np.random.default_rng(0).normal(size=body.num_expression)
    face, mirrored = np.tensordot(expression, shapes, 1), np.tensordot(mirror @ expression, shapes, 1)
    left, right = (body.template.numpy()[:, 0] > 0.02), (body.template.numpy()[:, 0] < -0.02)
    sums = [np.abs(each[side]).sum() for each in (face, mirrored) for side in (left, right)]
    assert abs(sums[0] - sums[3]) < 0.1 * sums[0] and abs(sums[1] - sums[2]) < 0.1 * sums[1]
