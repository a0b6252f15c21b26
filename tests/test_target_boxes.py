"""Boxes of hands and face as targets: where they lie in a crop, what a mirror does, where they come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.boxes import box_targets, with_boxes
from mien.data.moving import Frames
from mien.data.replicate import published_targets
from mien.data.samples import Label, Samples
from mien.geometry.crop import Crop

PERSON = np.array([100.0, 40.0, 240.0, 320.0])
"""Of the aspect 3:4: what is cut out."""


def frames(flip: bool = False, width: int = 640) -> Frames:
    crop = Crop.around(PERSON, mirror=width if flip else None)
    return Frames.of([crop], np.zeros(1), np.array([width]))


def person(**boxes: tuple[float, float, float, float]) -> Samples:
    weight = np.ones(1, np.float32)
    samples = Samples(
        source="",
        row=np.zeros(1, np.int64),
        image=np.array(["a.jpg"], dtype=object),
        box=Label(value=PERSON[None].astype(np.float32), weight=weight),
    )
    labels: dict[str, Any] = {}
    for name, box in boxes.items():
        labels[name] = Label(value=np.array([box], np.float32), weight=weight)
    return replace(samples, **labels)


def test_boxes_are_in_heat_map_units_of_the_crop() -> None:
    """240 x 320 pixels are 12 x 16 units: twenty pixels to a unit."""
    found = box_targets(person(left_hand_box=(140, 80, 40, 20), face_box=(200, 100, 60, 80)), frames())
    torch.testing.assert_close(found.center[0, 0], torch.tensor([3.0, 2.5]), atol=0.05, rtol=0)
    torch.testing.assert_close(found.size[0, 2], torch.tensor([3.0, 4.0]), atol=0.02, rtol=0)
    assert found.weight[0].tolist() == [1, 0, 1] and not found.size[0, 1].any()


def test_a_mirror_swaps_hands() -> None:
    samples = person(left_hand_box=(140, 80, 40, 20), right_hand_box=(300, 280, 20, 40))
    plain, mirrored = box_targets(samples, frames()), box_targets(samples, frames(flip=True))
    torch.testing.assert_close(mirrored.size[0, :2], plain.size[0, [1, 0]], atol=0.01, rtol=0)
    torch.testing.assert_close(mirrored.center[0, :2, 1], plain.center[0, [1, 0], 1], atol=0.01, rtol=0)
    torch.testing.assert_close(
        mirrored.center[0, :2, 0] + plain.center[0, [1, 0], 0], torch.full((2,), 12.0), atol=0.1, rtol=0
    )


def test_a_box_outside_the_crop_is_none() -> None:
    found = box_targets(person(left_hand_box=(500, 80, 40, 20), right_hand_box=(200, 200, 0, 5)), frames())
    assert not found.weight.any()


def test_joints_make_boxes_where_there_are_none() -> None:
    value, weight = np.zeros((1, 137, 2), np.float32), np.zeros((1, 137), np.float32)
    value[0, 25:45] = np.stack([np.linspace(100, 140, 20), np.linspace(50, 70, 20)], -1)
    weight[0, 25:45] = 1
    weight[0, 45:49] = 1  # four joints are too few
    samples = replace(person(face_box=(1, 2, 3, 4)), keypoints2d=Label(value=value, weight=weight))
    found = with_boxes(samples)
    assert found.left_hand_box is not None and found.right_hand_box is not None and found.face_box is not None
    np.testing.assert_allclose(found.left_hand_box.value[0], [96, 48, 48, 24], atol=1e-4)
    assert (found.left_hand_box.weight[0], found.right_hand_box.weight[0]) == (1, 0)
    assert found.face_box.value[0].tolist() == [1, 2, 3, 4]


def test_replicated_joints_count_inside_the_crop_and_with_3d_labels_only() -> None:
    """As SMPLer-X was trained: not to the right of the crop, where SMPLest-X still counts, and not without depth."""
    body = BodyModel.load(find_body("openbody"))
    flat, deep = np.full((2, 137, 2), 200, np.float32), np.zeros((2, 137, 3), np.float32)
    flat[:, 1] = 400, 200  # right of the crop, well inside the picture
    known = np.ones((2, 137), np.float32)
    with_3d = known * np.array([[1], [0]], np.float32)
    one = person()
    samples = replace(
        Samples.cat([one, one]),
        keypoints2d=Label(value=flat, weight=known),
        keypoints3d=Label(value=deep, weight=with_3d),
    )
    crops = [Crop.around(PERSON)] * 2
    where = Frames.of(crops, np.zeros(2), np.array([640, 640]))
    loose = published_targets(samples, where, body)
    strict = published_targets(samples, where, body, inside_only=True)
    assert loose.image_weight[:, [0, 1]].tolist() == [[1, 1], [1, 1]]
    assert strict.image_weight[:, [0, 1]].tolist() == [[1, 0], [0, 0]]
