"""One camera for the whole picture: where its focal length comes from, and how well people fit into it."""

import math
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.errors import InputError
from mien.exif import focal_from_exif
from mien.geometry.camera import Camera
from mien.geometry.rotation import angle_between, matrix_from_axis_angle
from mien.nets.virtual_camera import crop_intrinsics
from mien.placing import BODY_POINTS, CameraChoice, place

WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="module")
def person() -> tuple[torch.Tensor, torch.Tensor]:
    """Joints without translation (1, 144, 3), upright in a camera frame, and the root's rest position (1, 3)."""
    body = BodyModel.load(find_body("openbody"))
    vectors = 0.2 * torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(0))
    vectors[:, 0] = torch.tensor([math.pi, 0, 0])
    posed = body.shape(torch.zeros(1, 10)).pose(matrix_from_axis_angle(vectors))
    return posed.joints(), posed.shaped.joints[:, 0]


def _box(pixels: torch.Tensor) -> torch.Tensor:
    """A padded 3:4 crop box around projected joints."""
    low, high = pixels.amin(1), pixels.amax(1)
    h = 1.2 * torch.maximum(high[:, 1] - low[:, 1], (high[:, 0] - low[:, 0]) / 0.75)
    size = torch.stack([0.75 * h, h], -1)
    return torch.cat([(low + high) / 2 - size / 2, size], -1)


@settings(deadline=None, max_examples=25)
@given(st.floats(-4, 4), st.floats(-1, 1), st.floats(2, 12), st.floats(300, 4000))
def test_people_come_back_exactly_when_the_camera_is_theirs(
    person: tuple[torch.Tensor, torch.Tensor], x: float, y: float, z: float, focal: float
) -> None:
    joints, root = person
    truth = torch.tensor([[x, y, z]])
    camera = Camera.from_focal(focal, WIDTH, HEIGHT)
    pixels = camera.project(joints + truth[:, None])
    placed = place(joints, root, pixels, _box(pixels), camera, "network")
    assert torch.allclose(placed.transl, truth, atol=2e-3 * z)
    assert float(placed.residual) < 0.02 and torch.equal(placed.turn, torch.eye(3)[None])
    assert torch.allclose(camera.project(placed.joints), pixels, atol=0.1)


def test_projection_through_both_cameras_is_the_same_when_they_are_the_same(
    person: tuple[torch.Tensor, torch.Tensor],
) -> None:
    joints, root = person
    box = torch.tensor([[400.0, 60, 450, 600]])
    camera = Camera(K=crop_intrinsics(box)[0])
    moved = joints + torch.tensor([0.1, -0.2, 21.0])
    placed = place(joints, root, camera.project(moved), box, camera, "corrected")
    assert torch.allclose(placed.joints, moved, atol=5e-4)
    assert torch.allclose(placed.turn, torch.eye(3)[None], atol=1e-6)


@given(st.floats(0, WIDTH), st.floats(0, HEIGHT), st.floats(200, 5000))
def test_ray_rotation_turns_the_axis_onto_the_ray(x: float, y: float, focal: float) -> None:
    camera = Camera.from_focal(focal, WIDTH, HEIGHT)
    turn = camera.ray_rotation(torch.tensor([x, y]))
    assert torch.allclose(camera.project((turn @ torch.tensor([0.0, 0, 3]))[None])[0], torch.tensor([x, y]), atol=0.05)
    ray = math.atan(math.hypot(x - (WIDTH - 1) / 2, y - (HEIGHT - 1) / 2) / focal)
    assert math.isclose(float(angle_between(turn, torch.eye(3))), ray, abs_tol=1e-4)


def test_corrected_orientation_undoes_the_angle_of_sight(person: tuple[torch.Tensor, torch.Tensor]) -> None:
    """A crop camera that looks straight at people sees them turned by the angle of sight; it is turned back."""
    joints, root = person
    camera = Camera.from_focal(900.0, WIDTH, HEIGHT)
    truth = torch.tensor([[2.2, 0.1, 4.0]])
    pixels = camera.project(joints + truth[:, None])
    box = _box(pixels)
    turn = camera.ray_rotation(box[:, :2] + 0.5 * box[:, 2:])
    seen = (joints - root[:, None]) @ turn + root[:, None]  # as the crop camera has it: the inverse turn
    corrected = place(seen, root, pixels, box, camera, "corrected")
    plain = place(seen, root, pixels, box, camera, "network")
    assert torch.allclose(corrected.joints, joints + truth[:, None], atol=5e-3)
    assert float(corrected.residual) < 0.05 < float(plain.residual)


def test_where_the_focal_length_comes_from(tmp_path: Path) -> None:
    film = _photograph(tmp_path / "film.jpg", struct.pack(">HHIHH", 0xA405, 3, 1, 28, 0))
    plain = tmp_path / "plain.jpg"
    cv2.imwrite(str(plain), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    diagonal = math.hypot(WIDTH, HEIGHT)
    expected = {
        "exif": (CameraChoice(), film, 28 / math.hypot(36, 24) * diagonal),
        "default": (CameraChoice(), plain, diagonal),
        "focal": (CameraChoice(focal=777.0), film, 777),
        "fov": (CameraChoice(fov=90.0), film, WIDTH / 2),
    }
    for source, (choice, path, focal) in expected.items():
        camera, found = choice.camera(path, WIDTH, HEIGHT)
        assert found == source and math.isclose(float(camera.K[0, 0]), focal, rel_tol=1e-5)
        assert camera.K[:2, 2].tolist() == [(WIDTH - 1) / 2, (HEIGHT - 1) / 2]
    assert CameraChoice().camera(None, WIDTH, HEIGHT)[1] == "default"


def _photograph(path: Path, entry: bytes) -> Path:
    """A JPEG whose EXIF folder holds one entry."""
    block = b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x8769, 4, 1, 26, 0) + struct.pack(">H", 1) + entry + b"\0" * 4
    body = b"Exif\0\0" + block
    jpeg = cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:])
    return path


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_damaged_exif_tells_nothing(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.jpg"
    body = b"Exif\0\0MM\0*\0\0\0\10" + noise
    path.write_bytes(b"\xff\xd8\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    found = focal_from_exif(path, WIDTH, HEIGHT)
    assert found is None or found > 0
    path.write_bytes(noise)
    assert focal_from_exif(path, WIDTH, HEIGHT) is None


@pytest.mark.parametrize("wrong", [{"focal": 0.0}, {"focal": float("nan")}, {"fov": 0.0}, {"fov": 200.0}])
def test_impossible_cameras(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        CameraChoice(**wrong)  # pyright: ignore[reportArgumentType]


def test_body_points_are_no_fingers_and_no_landmarks() -> None:
    assert len(BODY_POINTS) == 33 and max(BODY_POINTS) < 66 and not set(BODY_POINTS) & set(range(22, 55))
