"""What mien promises of boxes, crops, cameras and alignment: laws, and the recorded numbers."""

import math
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.geometry.align import align, similarity
from mien.geometry.boxes import crop_box, pad_box, sanitize_box, xywh_from_xyxy
from mien.geometry.camera import Camera, solve_transl
from mien.geometry.crop import Crop
from mien.geometry.rotation import matrix_from_axis_angle

TRANSFORMS = np.load(Path(__file__).parent / "parity/transforms.npz")
DATA = np.load(Path(__file__).parent / "parity/data_utils.npz")
WIDTH, HEIGHT = 640, 480
boxes = st.tuples(st.floats(-100, 600), st.floats(-100, 400), st.floats(2, 700), st.floats(2, 700)).map(np.array)


# boxes ----------------------------------------------------------------------------------------------------------
def test_parity_boxes_bit_equal() -> None:
    rejected = 0
    for ratio, row in zip(DATA["process_bbox.ratios"], DATA["process_bbox.out"], strict=True):
        for box, expected in zip(DATA["process_bbox.in"], row, strict=True):
            found = crop_box(box, WIDTH, HEIGHT, float(ratio))
            if np.isnan(expected).any():
                assert found is None
                rejected += 1
            else:
                assert found is not None
                np.testing.assert_array_equal(found, expected)
    assert rejected > 0


@given(boxes)
def test_sanitized_box_lies_inside_and_padded_box_holds_it(box: np.ndarray) -> None:
    inside = sanitize_box(box, WIDTH, HEIGHT)
    if inside is None:
        return
    x, y, w, h = inside
    assert 0 <= x and 0 <= y and x + w <= WIDTH - 1 and y + h <= HEIGHT - 1
    px, py, pw, ph = pad_box(inside)
    assert math.isclose(pw / ph, 0.75, rel_tol=1e-5)
    assert px <= x and py <= y and px + pw >= x + w - 1e-3 and py + ph >= y + h - 1e-3
    assert math.isclose(px + pw / 2, x + w / 2, abs_tol=1e-3)


def test_xywh() -> None:
    np.testing.assert_array_equal(xywh_from_xyxy(np.array([1.0, 2, 4, 8])), [1, 2, 3, 6])


# crops ----------------------------------------------------------------------------------------------------------
def _crop(box: np.ndarray, case: np.ndarray) -> Crop:
    scale, degrees, flip = case
    return Crop.around(box, scale=scale, rotation=math.radians(degrees), mirror=WIDTH if flip else None)


@pytest.fixture(scope="module")
def picture(det_init: ModuleType) -> np.ndarray:
    image = det_init.det_image(int(DATA["patch.image_seed"]), HEIGHT, WIDTH)
    return np.ascontiguousarray((image * 255).round().astype(np.uint8).transpose(1, 2, 0))


@pytest.mark.parametrize("i", range(3))
@pytest.mark.parametrize("j", range(5))
def test_parity_crop(picture: np.ndarray, i: int, j: int) -> None:
    crop = _crop(DATA["patch.bboxes"][i], DATA["patch.cases_scale_rot_flip"][j])
    np.testing.assert_array_equal(crop.patch_from_image, DATA["patch.trans"][i, j])
    np.testing.assert_allclose(crop.image_from_patch, DATA["patch.inv_trans"][i, j], atol=5e-5, rtol=1e-6)
    patch = crop.extract(picture, (512, 384))
    np.testing.assert_allclose(patch[4::8, 4::8], DATA["patch.out_4_8"][i, j], atol=8e-3)
    np.testing.assert_allclose(patch.mean((0, 1)), DATA["patch.mean_rgb"][i, j], atol=1e-3)
    seen = crop.extract(picture)
    # `encoder_input_every8` is in 0..1
    np.testing.assert_allclose(seen[::8, ::8] / 255, DATA["patch.encoder_input_every8"][i, j], atol=4e-5)


@settings(deadline=None, max_examples=60)
@given(boxes, st.floats(0.75, 1.25), st.floats(-1, 1) | st.just(0.0), st.booleans(), st.sampled_from([1, 2, 4]))
def test_crop_equals_warping_the_whole_picture_bit_for_bit(
    picture: np.ndarray, box: np.ndarray, scale: float, rotation: float, flip: bool, step: int
) -> None:
    crop = Crop.around(pad_box(box), scale=scale, rotation=rotation, mirror=WIDTH if flip else None)
    whole = picture[:, ::-1] if flip else picture
    warped = cv2.warpAffine(np.ascontiguousarray(whole).astype(np.float32), crop.patch_from_image, (384, 512))
    size = (512 // step, 384 // step)
    np.testing.assert_array_equal(crop.extract(picture, size), warped[::step, ::step])
    np.testing.assert_array_equal(crop.extract(picture.astype(np.float32), size), warped[::step, ::step])


@pytest.mark.parametrize("rotation", [0.0, 1e-3, -0.2])
@pytest.mark.parametrize("top", [-900.0, 30.0, 2500.0])
def test_crop_of_a_tall_picture_whose_rows_are_skipped_is_equal(rotation: float, top: float) -> None:
    tall = np.random.default_rng(0).integers(0, 255, (4500, 90, 3), np.uint8)
    crop = Crop.around(np.array([-1500.0, top, 3000.0, 4000.0]), rotation=rotation)
    warped = cv2.warpAffine(tall.astype(np.float32), crop.patch_from_image, (384, 512))
    np.testing.assert_array_equal(crop.extract(tall), warped[::2, ::2])


@given(boxes, st.floats(0.75, 1.25), st.floats(-3, 3), st.booleans())
def test_crop_and_back(box: np.ndarray, scale: float, rotation: float, flip: bool) -> None:
    crop = Crop.around(pad_box(box), scale=scale, rotation=rotation, mirror=WIDTH if flip else None)
    points = np.random.default_rng(0).uniform(0, 600, (7, 2))
    np.testing.assert_allclose(crop.to_image(crop.to_patch(points)), points, atol=1e-6)


@given(boxes)
def test_mirroring_twice_is_nothing(box: np.ndarray) -> None:
    """The crop of the mirrored picture, mirrored, is the plain crop, moved by the pixel of W-1-x."""
    plain, flipped = Crop.around(pad_box(box)), Crop.around(pad_box(box), mirror=WIDTH)
    points = np.random.default_rng(0).uniform(0, 600, (7, 2))
    mirrored = flipped.to_patch(points)
    mirrored[:, 0] = 384 - mirrored[:, 0]
    np.testing.assert_allclose(mirrored, plain.to_patch(points), atol=1e-2 * 384 / box[2] + 1e-3)


# cameras --------------------------------------------------------------------------------------------------------
@given(st.floats(100, 5000), st.integers(0, 2**31))
def test_project_and_back(focal: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(2, 9, 3, generator=generator) + torch.tensor([0.0, 0, 6])
    camera = Camera(K=Camera.from_focal(focal, WIDTH, HEIGHT).K.expand(2, 3, 3))
    pixels = camera.project(points)
    assert torch.allclose(camera.unproject(pixels, points[..., 2]), points, atol=1e-4)
    axis = camera.project(torch.tensor([0.0, 0, 3]).expand(2, 1, 3))
    assert torch.allclose(axis, torch.tensor([(WIDTH - 1) / 2, (HEIGHT - 1) / 2]).expand(2, 1, 2))


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(-3, 3), st.floats(1.5, 30))
def test_translation_is_found_exactly_when_the_camera_is_the_same(seed: int, x: float, z: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = 0.5 * torch.randn(4, 30, 3, generator=generator).clamp(-2, 2)
    camera = Camera.default(WIDTH, HEIGHT)
    truth = torch.tensor([x, 0.3 * x, z + 1]).expand(4, 3)
    found, residual = solve_transl(camera, points, camera.project(points + truth[:, None]))
    assert torch.allclose(found, truth, atol=1e-3 * z)
    assert float(residual.max()) < 1e-2


def test_translation_is_least_squares_in_pixels() -> None:
    generator = torch.Generator().manual_seed(3)
    points = 0.4 * torch.randn(50, 3, generator=generator)
    camera = Camera.default(WIDTH, HEIGHT)
    pixels = camera.project(points + torch.tensor([0.4, -0.2, 5])) + torch.randn(50, 2, generator=generator)
    found, residual = solve_transl(camera, points, pixels)
    for axis in range(3):
        for step in (-1e-3, 1e-3):
            moved = found.clone()
            moved[axis] += step
            worse = (camera.project(points + moved) - pixels).square().sum(-1).mean().sqrt()
            assert float(worse) > float(residual) - 1e-6


# alignment ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", ["n14", "n500", "reflected", "planar"])
def test_parity_align(case: str) -> None:
    a, b, out = (torch.from_numpy(TRANSFORMS[f"align.{case}.{key}"]) for key in ("A", "B", "out"))
    found = similarity(a, b)
    assert math.isclose(float(found.scale), float(TRANSFORMS[f"align.{case}.scale"]), rel_tol=1e-9)
    np.testing.assert_allclose(found.rotation, TRANSFORMS[f"align.{case}.R"], atol=1e-9)
    np.testing.assert_allclose(found.translation, TRANSFORMS[f"align.{case}.t"], atol=1e-9)
    assert torch.allclose(align(a, b), out, atol=1e-9)


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_alignment_undoes_any_similarity(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    points, vector, shift = (
        torch.randn(*s, generator=generator, dtype=torch.float64) for s in [(3, 20, 3), (3, 3), (3, 1, 3)]
    )
    moved = scale * points @ matrix_from_axis_angle(vector).transpose(-1, -2) + shift
    assert torch.allclose(align(points, moved), moved, atol=1e-8)
