"""A sheet of samples as training sees them, with their labels drawn: the look before weeks of computing.

Each sample shows twice: joints and boxes, and beside it the body of its parameters where camera and translation are
known. What was moved wrongly, mirrored wrongly or read in the wrong units is seen at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from mien.body.joints import FINGERS
from mien.body.model import BodyModel
from mien.data.augment import Augment
from mien.data.fitted import row_weight
from mien.data.joints import JOINTS_137
from mien.data.making import BatchMaker, Seen, parts_of
from mien.data.mixture import balance
from mien.data.moving import move
from mien.data.pixels import Sampling
from mien.data.samples import PARAMS, Label, Samples
from mien.data.store import Store
from mien.geometry.rotation import matrix_from_axis_angle
from mien.records import SmplxParams
from mien.render.overlay import SIDE_COLOURS, draw_people

__all__ = ["draw_labels", "draw_sample", "preview_sheet"]

_LIMBS = (
    ("hip", "knee"), ("knee", "ankle"), ("ankle", "big_toe"), ("ankle", "small_toe"), ("ankle", "heel"),
    ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "shoulder"), ("eye", "ear"),
    *(("wrist", f"{finger}1") for finger in FINGERS),
    *((f"{finger}{a}", f"{finger}{b}") for finger in FINGERS for a, b in (("1", "2"), ("2", "3"), ("3", ""))),
)  # fmt: skip
_ACROSS = (
    ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), ("neck", "nose"), ("pelvis", "neck"),
)  # fmt: skip
_PALE = (150, 150, 150)
_BOXES = {"box": _PALE, "left_hand_box": SIDE_COLOURS["left"], "right_hand_box": SIDE_COLOURS["right"],
          "face_box": (255, 255, 255)}  # fmt: skip


def preview_sheet(
    store: Store,
    body: BodyModel,
    *,
    names: Sequence[str] = (),
    count: int = 24,
    augment: Augment | None = None,
    seed: int = 0,
) -> tuple[UInt8[np.ndarray, "h w 3"], tuple[str, ...]]:
    """Samples of a store, equally many of each dataset, with labels drawn.

    Args:
        store: has the datasets.
        body: what the parameters belong to.
        names: of the datasets; all by default.
        count: how many samples.
        augment: as published, by default.
        seed: of which samples, and of the augmentation.

    Returns:
        The sheet (RGB), and what could not be read.
    """
    parts = parts_of(store, names)
    mixing = balance(parts, max(count, len(parts)), seed=seed)
    size = (512, 384)
    maker = BatchMaker.of_store(
        store, mixing, batch=len(mixing), body=body, augment=augment, seed=seed, sampling=Sampling(size=size)
    )
    seen = maker.look(0, np.arange(len(mixing), dtype=np.int64))
    tiles = [_tile(seen, i, moved, body, parts[seen.part[i]].name) for i, moved in enumerate(_each(seen, body))]
    return _sheet(tiles), seen.skipped


def draw_sample(picture: UInt8[np.ndarray, "h w 3"], sample: Samples, body: BodyModel) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with the body of a sample's parameters; the picture itself where they do not say where it is.

    Args:
        picture: RGB.
        sample: one row, whose labels belong to the picture.
        body: what the parameters belong to.
    """
    needed = ("camera", "transl", "global_orient", "body_pose", "betas")
    if sample.camera is None or not all(row_weight(sample, name)[0] > 0 for name in needed):
        return picture
    fx, fy, cx, cy = (float(value) for value in sample.camera.value[0])
    camera = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    vertices = body.pose(_params(sample, body)).mesh().numpy()
    return draw_people(picture, vertices, body.faces.numpy(), camera, opacity=0.75)


def draw_labels(picture: UInt8[np.ndarray, "h w 3"], sample: Samples) -> UInt8[np.ndarray, "h w 3"]:
    """The picture with the 2D joints that are known, left and right in their colours, and boxes.

    Args:
        picture: RGB.
        sample: one row, whose labels belong to the picture.
    """
    drawn = picture.copy()
    for name, colour in _BOXES.items():
        label: Label | None = getattr(sample, name)
        if label is not None and label.weight[0] > 0:
            x, y, w, h = (int(value) for value in np.rint(np.clip(label.value[0], -4096, 4096)))
            cv2.rectangle(drawn, (x, y), (x + w, y + h), colour, 1, cv2.LINE_AA)
    if sample.keypoints2d is None:
        return drawn
    points = np.rint(np.clip(sample.keypoints2d.value[0], -4096, 4096)).astype(int)
    known = sample.keypoints2d.weight[0] > 0
    places = [(int(x), int(y)) for x, y in points]
    for start, end, side in _bones():
        if known[start] and known[end]:
            cv2.line(drawn, places[start], places[end], SIDE_COLOURS[side], 1 if start >= 25 else 2, cv2.LINE_AA)
    for joint in np.flatnonzero(known):
        side = next((each for each in ("left", "right") if JOINTS_137[joint].startswith(each)), "")
        cv2.circle(drawn, places[joint], 3 if joint < 25 else 1, SIDE_COLOURS[side], -1, cv2.LINE_AA)
    return drawn


def _each(seen: Seen, body: BodyModel) -> list[Samples]:
    """The moved labels of every row."""
    moved = move(seen.samples, seen.frames, body=body)
    return [moved.take(slice(i, i + 1)) for i in range(len(moved))]


def _tile(seen: Seen, i: int, moved: Samples, body: BodyModel, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """One sample, twice, with its name below."""
    pixels = seen.pixels[i]
    if seen.present[i]:
        pixels = np.concatenate([draw_labels(pixels, moved), draw_sample(pixels, moved, body)], 1)
    else:
        pixels = np.concatenate([pixels, pixels], 1)
    text = f"{name} {seen.row[i]}" + ("" if seen.present[i] else ": cannot be read")
    caption = np.zeros((26, pixels.shape[1], 3), np.uint8)
    cv2.putText(caption, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
    tile = np.concatenate([pixels, caption])
    return np.asarray(cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _sheet(tiles: list[UInt8[np.ndarray, "tile_h tile_w 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """Tiles in rows, about as wide as high."""
    height, width = tiles[0].shape[:2]
    columns = max(1, min(len(tiles), round((len(tiles) * height / width) ** 0.5 * 1.3)))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + 4), columns * (width + 4), 3), 40, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * (height + 4), index % columns * (width + 4)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _bones() -> list[tuple[int, int, str]]:
    """Pairs of the 137 joints, and whose side they are."""
    place = {name: JOINTS_137.index(name) for name in JOINTS_137}  # the eyes of the body, which come first
    limbs = [(place[f"{s}_{a}"], place[f"{s}_{b}"], s) for s in ("left", "right") for a, b in _LIMBS]
    return limbs + [(place[a], place[b], "") for a, b in _ACROSS]


def _params(sample: Samples, body: BodyModel) -> SmplxParams:
    """Parameters of one row; what is unknown is at rest, an unknown hand relaxed."""
    value: dict[str, torch.Tensor] = {}
    for name, shape in PARAMS.items():
        label: Label | None = getattr(sample, name)
        known = label is not None and float(label.weight.min()) > 0
        value[name] = torch.from_numpy(label.value) if label is not None and known else torch.zeros(1, *shape)
    if body.mean_hands is not None:
        for name, mean in zip(("left_hand_pose", "right_hand_pose"), body.mean_hands, strict=True):
            value[name] = value[name] if row_weight(sample, name)[0] > 0 else mean[None]
    plain = ("betas", "expression", "transl")
    return SmplxParams(**{n: each if n in plain else matrix_from_axis_angle(each) for n, each in value.items()})
