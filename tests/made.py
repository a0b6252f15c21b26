"""Made people in made pictures, with labels that agree with each other: what the tests of the data room load."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from mien.body.files import find_body
from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel, Posed
from mien.data.samples import PARAMS, Label, Samples
from mien.errors import PictureError
from mien.evaluate.baseline import Baseline, Provenance, tensor_params
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.render.overlay import draw_people


@dataclass
class Memory:
    """A dataset in memory: what a loader asks of a store."""

    name: str
    samples: Samples
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def images(self) -> "Memory":
        return self

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise PictureError(f"{path} is missing")
        return self.files[path]

    def take(self, rows: np.ndarray) -> Samples:
        return self.samples.take(rows)

    def __len__(self) -> int:
        return len(self.samples)


def made_people(body: BodyModel, count: int, size: tuple[int, int] = (270, 480), seed: int = 0) -> Samples:
    """People standing before a camera, all labels known; size is (height, width) of every picture."""
    random = np.random.default_rng(seed)
    height, width = size
    shapes = {"global_orient": (3,), "body_pose": (21, 3), "jaw_pose": (3,), "leye_pose": (3,), "reye_pose": (3,)}
    shapes |= {"left_hand_pose": (15, 3), "right_hand_pose": (15, 3), "betas": (10,), "expression": (10,)}
    spread = {
        "body_pose": 0.25,
        "betas": 0.8,
        "expression": 0.5,
        "global_orient": 0.3,
        "jaw_pose": 0.02,
        "leye_pose": 0.0,
    }
    values = {
        name: random.normal(0, spread.get(name.replace("reye", "leye"), 0.1), (count, *shape))
        for name, shape in shapes.items()
    }
    upright = torch.tensor([np.pi, 0.0, 0.0])
    turn = matrix_from_axis_angle(torch.from_numpy(values["global_orient"]).float()) @ matrix_from_axis_angle(upright)
    values["global_orient"] = axis_angle_from_matrix(turn).numpy()
    values["transl"] = np.stack(
        [random.uniform(-0.6, 0.6, count), random.uniform(-0.1, 0.3, count), random.uniform(2.8, 4.5, count)], -1
    )
    labels = {name: _known(value) for name, value in values.items()}
    camera = _known(np.tile([0.9 * width, 0.9 * width, (width - 1) / 2, (height - 1) / 2], (count, 1)))
    joints = _posed(body, labels).joints()[:, list(SMPLX_137)].numpy()
    pixels = joints[..., :2] / joints[..., 2:] * camera.value[:, None, :2] + camera.value[:, None, 2:]
    ones = np.ones((count, 137), dtype=np.float32)
    return Samples(
        source="made",
        row=np.arange(count),
        image=np.array([f"{i}.jpg" for i in range(count)], dtype=object),
        size=np.tile(np.array([size], dtype=np.int32), (count, 1)),
        box=_known(_box(pixels)),
        left_hand_box=_known(_box(pixels[:, 25:45])),
        right_hand_box=_known(_box(pixels[:, 45:65])),
        face_box=_known(_box(pixels[:, 65:])),
        keypoints2d=Label(value=pixels.astype(np.float32), weight=ones),
        keypoints3d=Label(value=joints, weight=ones.copy()),
        hand_root=Label(value=np.full((count, 2, 3), 0.1, np.float32), weight=np.ones((count, 2), np.float32)),
        camera=camera,
        **labels,  # pyright: ignore[reportArgumentType]
    )


def made_picture(body: BodyModel, samples: Samples, row: int) -> np.ndarray:
    """The picture of a row: its person, drawn over a soft pattern."""
    assert samples.size is not None and samples.camera is not None
    height, width = samples.size[row]
    random = np.random.default_rng(row)
    small = random.integers(60, 200, (9, 16, 3), dtype=np.uint8)
    picture = np.asarray(cv2.resize(small, (int(width), int(height)), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    fx, fy, cx, cy = (float(value) for value in samples.camera.value[row])
    labels = {name: getattr(samples.take(slice(row, row + 1)), name) for name in _BODY}
    mesh = _posed(body, labels).mesh().numpy()
    return draw_people(picture, mesh, body.faces.numpy(), np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]))


def jpeg(picture: np.ndarray, quality: int = 92) -> bytes:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def made_dataset(body: BodyModel, count: int, name: str = "made", size: tuple[int, int] = (270, 480)) -> Memory:
    """A dataset with a picture for each person."""
    samples = made_people(body, count, size)
    files = {f"{i}.jpg": jpeg(made_picture(body, samples, i)) for i in range(count)}
    return Memory(name=name, samples=samples, files=files)


_BODY = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose")
_BODY = (*_BODY, "betas", "expression", "transl")


def write_constant(path: Path) -> None:
    """A constant person that nobody had to look for."""
    body = BodyModel.load(find_body("openbody"))
    plain = {name: np.zeros(shape) for name, shape in PARAMS.items()} | {"transl": np.array([0.0, 0.35, 40.0])}
    about = Provenance(
        body_family=body.family, body_sha256=body.sha256, sources={}, people=0, seed=0, before={}, after={},
        mien_version="0",
    )  # fmt: skip
    params = tensor_params(plain, path)
    Baseline(body=params, hands=params, provenance=about).write(path)


def _posed(body: BodyModel, labels: dict[str, Label]) -> Posed:
    value = {name: torch.from_numpy(labels[name].value) for name in _BODY}
    single = [value[name][:, None] for name in ("jaw_pose", "leye_pose", "reye_pose")]
    parts = [value["global_orient"][:, None], value["body_pose"], *single]
    pose = torch.cat([*parts, value["left_hand_pose"], value["right_hand_pose"]], 1)
    return body.shape(value["betas"], value["expression"]).pose(matrix_from_axis_angle(pose), value["transl"])


def _known(value: np.ndarray) -> Label:
    return Label(value=value.astype(np.float32), weight=np.ones(len(value), dtype=np.float32))


def _box(pixels: np.ndarray) -> np.ndarray:
    low, high = pixels.min(1), pixels.max(1)
    return np.concatenate([low, high - low], -1)
