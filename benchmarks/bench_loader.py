"""A whole training sample, from the bytes of a 1080p JPEG to crop and targets, against the published way of making it.

The reference does what the published training does for each sample: copy its dict, decode the whole picture, turn it
into floats, warp to 512 x 384, multiply the colours, then flip, turn and project every label, pose the body and build
its mesh, one sample at a time. Ours makes those targets for a batch at once, and no mesh.

python benchmarks/bench_loader.py [--write]
"""

from __future__ import annotations

import copy
import math
import time
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from common import Row, report, row

from mien.body.files import find_body
from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.augment import Augment
from mien.data.joints import FLIP_53, FLIP_137
from mien.data.loader import Loader
from mien.data.making import BatchMaker
from mien.data.mixture import Part, concat
from mien.data.order import Order
from mien.data.pixels import Sampling
from mien.data.samples import PARAMS, Label, Samples
from mien.geometry.boxes import crop_box
from mien.geometry.crop import Crop
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle

HEIGHT, WIDTH = 1080, 1920
BATCH, PICTURES = 16, 48


def picture(random: np.random.Generator) -> bytes:
    """A JPEG with detail of every size and the noise of a sensor."""
    canvas = np.full((HEIGHT, WIDTH, 3), 128, np.float32)
    for octave in range(2, 9):
        small = random.normal(0, 6 + 3 * octave, (HEIGHT >> octave, WIDTH >> octave, 3)).astype(np.float32)
        canvas += cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    canvas += random.normal(0, 2.5, canvas.shape).astype(np.float32)
    done, data = cv2.imencode(".jpg", np.clip(canvas, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert done
    return data.tobytes()


class Made:
    """A dataset in memory: people of one height or of several, all labels known."""

    name = "made"

    def __init__(self, files: list[bytes], heights: list[int], body: BodyModel) -> None:
        random, count = np.random.default_rng(0), len(files)
        self.files = {f"{i}.jpg": data for i, data in enumerate(files)}
        tall = np.resize(heights, count).astype(np.float32)
        x, y = random.uniform(100, WIDTH - 0.45 * tall - 100), random.uniform(0, HEIGHT - tall)
        box = np.stack([x, y, 0.4 * tall, tall], -1).astype(np.float32)
        ones, values = np.ones(count, np.float32), {k: random.normal(0, 0.2, (count, *s)) for k, s in PARAMS.items()}
        joints = random.uniform(0, 1, (count, 137, 2)) * box[:, None, 2:] + box[:, None, :2]
        every = np.ones((count, 137), np.float32)
        known: dict[str, Any] = {k: Label(value=v.astype(np.float32), weight=ones) for k, v in values.items()}
        self.samples = Samples(
            source="made",
            row=np.arange(count),
            image=np.array(list(self.files), dtype=object),
            size=np.tile(np.array([[HEIGHT, WIDTH]], np.int32), (count, 1)),
            box=Label(value=box, weight=ones),
            keypoints2d=Label(value=joints.astype(np.float32), weight=every),
            keypoints3d=Label(value=random.normal(0, 0.4, (count, 137, 3)).astype(np.float32), weight=every),
            **known,
        )
        self.body = body

    @property
    def images(self) -> Made:
        return self

    def read(self, path: str) -> bytes:
        return self.files[path]

    def take(self, rows: np.ndarray) -> Samples:
        return self.samples.take(rows)

    def __len__(self) -> int:
        return len(self.samples)

    def maker(self, **sampling: Any) -> BatchMaker:
        mixing = concat([Part(name="made", length=len(self))])
        return BatchMaker(
            datasets=(self,),
            mixing=mixing,
            order=Order(length=len(self), batch=BATCH, seed=0),
            body=self.body,
            augment=Augment(),
            sampling=Sampling(**sampling),
            body_joints=True,
        )

    def dicts(self) -> list[dict[str, Any]]:
        """The annotations as the published training keeps them: a dict for each person."""
        names = ("box", "keypoints2d", "keypoints3d", *PARAMS)
        return [
            {"image": self.samples.image[i], **{n: getattr(self.samples, n).value[i].copy() for n in names}}
            for i in range(len(self))
        ]


def published_sample(kept: dict[str, Any], data: bytes, body: BodyModel, random: np.random.Generator) -> dict[str, Any]:
    """One sample of the published training, plainly."""
    sample = copy.deepcopy(kept)
    scale = 1 + 0.25 * float(np.clip(random.standard_normal(), -1, 1))
    turn = math.radians(30) * float(np.clip(random.standard_normal(), -2, 2)) if random.random() <= 0.6 else 0.0
    gain, flip = random.uniform(0.8, 1.2, 3), random.random() <= 0.5
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_BGR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert image is not None
    image = image[:, :, ::-1].copy().astype(np.float32)
    box = crop_box(sample["box"].astype(np.float64), WIDTH, HEIGHT)
    assert box is not None
    crop = Crop.around(box, scale=scale, rotation=turn, mirror=WIDTH if flip else None)
    if flip:
        image = image[:, ::-1, :]
    patch = cv2.warpAffine(image, crop.patch_from_image, (384, 512), flags=cv2.INTER_LINEAR)
    patch = np.clip(patch * gain[None, None, :], 0, 255)
    tensor = torch.from_numpy(np.ascontiguousarray(patch.astype(np.float32).transpose(2, 0, 1))) / 255.0
    joints = published_joints(sample["keypoints2d"], sample["keypoints3d"], crop, turn, flip)
    return {"image": tensor, **joints, **published_body(sample, body, turn, flip)}


def published_joints(flat: np.ndarray, deep: np.ndarray, crop: Crop, turn: float, flip: bool) -> dict[str, Any]:
    """Keypoints of one sample: mirrored pair by pair, turned, brought into the crop, tested."""
    deep = deep - deep[0]
    flat = np.concatenate([flat, deep[:, 2:] + 1], 1)
    if flip:
        flat[:, 0], deep[:, 0] = WIDTH - 1 - flat[:, 0], -deep[:, 0]
        for left, right in FLIP_137:
            flat[left], flat[right] = flat[right].copy(), flat[left].copy()
            deep[left], deep[right] = deep[right].copy(), deep[left].copy()
    sine, cosine = math.sin(-turn), math.cos(-turn)
    deep = (np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=np.float32) @ deep.T).T
    placed = np.concatenate([flat[:, :2], np.ones_like(flat[:, :1])], 1)
    flat[:, :2] = (crop.patch_from_image @ placed.T).T
    flat = flat * np.array([12 / 384, 16 / 512, 8], dtype=np.float32)
    seen = (flat >= 0).all(1) & (flat < np.array([12, 16, 16])).all(1)
    parts = deep.copy()
    for joints, anchor in ((slice(25, 45), 12), (slice(45, 65), 13), (slice(65, 137), 7)):
        parts[joints] -= deep[anchor]
    return {"joint_img": flat, "joint_cam": deep, "joint_cam_parts": parts, "joint_trunc": seen.astype(np.float32)}


def published_body(sample: dict[str, Any], body: BodyModel, turn: float, flip: bool) -> dict[str, Any]:
    """Parameters of one sample: the body posed and meshed, the pose mirrored pair by pair, the root turned."""
    given = {name: torch.from_numpy(sample[name])[None] for name in PARAMS}
    face = [given[name][:, None] for name in ("jaw_pose", "leye_pose", "reye_pose")]
    hands = [given["left_hand_pose"], given["right_hand_pose"]]
    full = matrix_from_axis_angle(torch.cat([given["global_orient"][:, None], given["body_pose"], *face, *hands], 1))
    posed = body.shape(given["betas"], given["expression"]).pose(full, given["transl"])
    mesh, joints = posed.mesh()[0].numpy(), posed.joints()[0, list(SMPLX_137)].numpy()
    parts = [sample["global_orient"][None], sample["body_pose"], sample["left_hand_pose"], sample["right_hand_pose"]]
    pose = np.concatenate([*parts, sample["jaw_pose"][None]])
    if flip:
        for left, right in FLIP_53:
            pose[left], pose[right] = pose[right].copy(), pose[left].copy()
        pose[:, 1:] *= -1
        joints[:, 0] *= -1
        for left, right in FLIP_137:
            joints[left], joints[right] = joints[right].copy(), joints[left].copy()
    sine, cosine = math.sin(-turn), math.cos(-turn)
    about = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=np.float32)
    root = torch.from_numpy(about) @ matrix_from_axis_angle(torch.from_numpy(pose[0]))
    pose[0] = axis_angle_from_matrix(root).numpy()
    joints = (about @ (joints - joints[0]).T).T
    return {"pose": pose.reshape(-1), "smplx_joint_cam": joints, "mesh": mesh, "shape": sample["betas"]}


def main() -> None:
    """Race whole samples, then time the loader alone."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    random, body = np.random.default_rng(0), BodyModel.load(find_body("openbody"))
    files = [picture(random) for _ in range(PICTURES)]
    print(f"pictures of {np.mean([len(data) for data in files]) / 1e3:.0f} kB")
    rows: list[Row] = []
    cases: list[tuple[str, list[int], dict[str, Any], float]] = [
        ("people of 300 px", [300], {}, 0),
        ("people of 600 px", [600], {}, 0),
        ("people of 1000 px", [1000], {}, 0),
        ("people of 300 to 1000 px", [300, 450, 600, 750, 1000], {}, 3),
        ("people of 300 to 1000 px, antialiased", [300, 450, 600, 750, 1000], {"antialias": True}, 0),
        ("people of 300 to 1000 px, exact", [300, 450, 600, 750, 1000], {"exact": True}, 0),
    ]
    for case, heights, sampling, target in cases:
        made = Made(files, heights, body)
        maker, dicts, turns = made.maker(**sampling), made.dicts(), iter(range(10**9))

        def ours(maker: BatchMaker = maker, turns: Any = turns) -> object:
            return maker[divmod(next(turns), maker.order.steps)]

        def reference(dicts: list[dict[str, Any]] = dicts, made: Made = made) -> object:
            chosen = random.integers(0, len(dicts), BATCH)
            return [published_sample(dicts[i], made.files[dicts[i]["image"]], body, random) for i in chosen]

        rows.append(row(f"{BATCH} samples, {case}", ours, reference, target, rounds=11))
    notes = {
        "picture": f"{WIDTH} x {HEIGHT} JPEG, quality 90, {np.mean([len(data) for data in files]) / 1e3:.0f} kB",
        "threads_of_both": 1,
        "loader_samples_per_second_of_a_core": loader_rate(Made(files, [300, 450, 600, 750, 1000], body).maker()),
        "labels_alone_ms_per_sample": labels_alone(Made(files, [600], body).maker()),
    }
    print(notes)
    report("loader", rows, notes)


def loader_rate(maker: BatchMaker) -> int:
    """Samples of the whole loader for each second of processor time, in one process, median of epochs."""
    loader, rates = Loader(maker), []
    for _ in range(9):
        begun = time.process_time()
        count = sum(len(batch) for batch in loader)
        rates.append(count / (time.process_time() - begun))
    return round(median(rates))


def labels_alone(maker: BatchMaker) -> float:
    """What is left of a sample when its pixels are there already: dice, frames, labels, targets."""
    from mien.data.augment import draw
    from mien.data.framing import frame
    from mien.data.moving import Frames
    from mien.data.targets import build_targets

    places, spent = np.arange(BATCH), []
    for turn in range(20):
        begun = time.perf_counter()
        samples, draws = maker.datasets[0].take(places), draw(maker.augment, 0, turn, places)
        crops = [frame(samples, i, (HEIGHT, WIDTH), 1.2, draws) for i in range(BATCH)]
        kept = [crop for crop in crops if crop is not None]
        build_targets(samples, Frames.of(kept, draws.rotation, np.full(BATCH, WIDTH)), maker.body)
        spent.append(1e3 * (time.perf_counter() - begun) / BATCH)
    return round(median(spent), 3)


if __name__ == "__main__":
    main()
