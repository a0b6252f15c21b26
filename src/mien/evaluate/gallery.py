"""One person as several systems see them: the picture, the truth over it, every prediction over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.fitted import row_weight
from mien.data.pixels import decode
from mien.errors import MienError
from mien.evaluate.job import Plan
from mien.evaluate.measuring import project
from mien.evaluate.predicting import Answer, see
from mien.evaluate.truths import Truths
from mien.nets import virtual_camera
from mien.render.overlay import draw_people

__all__ = ["PANEL", "panels"]

PANEL = (240, 180)
"""Height and width of a panel, pixels."""
TRUE, SAID = (0.30, 0.72, 0.46), (0.23, 0.52, 0.90)
"""RGB of the truth and of predictions."""


@torch.no_grad()
def panels(plans: Sequence[Plan], number: int, row: int) -> list[UInt8[np.ndarray, "height width 3"]] | None:
    """Picture, truth, then each system's prediction of one person of folder `number`; None if there is no picture.

    Where the truth has no camera or no mesh, its keypoints are dots; where somebody has no prediction, it is grey.
    """
    truths = plans[0].truths[number].take(slice(row, row + 1))
    first = next(see(truths, None, 1))
    try:
        picture = decode(truths.images.read(str(truths.samples.image[0])), str(truths.samples.image[0]))
    except MienError:
        return None
    box = first.crop_box[0].astype(np.float64)
    scale = PANEL[1] / box[2]
    move = np.array([[scale, 0, -scale * box[0]], [0, scale, -scale * box[1]], [0, 0, 1]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    plain = np.asarray(cv2.warpAffine(picture, move[:2], (PANEL[1], PANEL[0]), flags=flags), dtype=np.uint8)
    found = [plain, _truth(plain, truths, plans[0].body, move)]
    for plan in plans:
        predictor = plan.predictor(number, slice(row, row + 1))
        seen = next(see(truths, predictor.image_size, 1))
        answer = predictor(seen.crops, seen.rows)
        there = answer.there is None or bool(answer.there.all())
        found.append(_said(plain, answer, plan.body, seen.crop_box, move) if there else _grey(plain))
    return found


def _truth(
    plain: UInt8[np.ndarray, "height width 3"], truths: Truths, body: BodyModel, move: Float[np.ndarray, "3 3"]
) -> UInt8[np.ndarray, "height width 3"]:
    samples = truths.samples
    placed = bool((row_weight(samples, "camera") > 0).all()) and (
        bool((row_weight(samples, "transl") > 0).all()) or bool(truths.scanned.all())
    )
    if placed and truths.family == body.family and truths.whole.all() and samples.camera is not None:
        fx, fy, cx, cy = samples.camera.value[0].tolist()
        K = move @ np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        return _drawn(plain, truths.meshes(body)[0].numpy(), body, K, TRUE)
    points, known = (each[0].numpy() for each in truths.keypoints())
    return _dots(plain, points[known], move, TRUE)


def _said(
    plain: UInt8[np.ndarray, "height width 3"],
    answer: Answer,
    body: BodyModel,
    crop_box: Float[np.ndarray, "1 4"],
    move: Float[np.ndarray, "3 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    params = answer.params
    if params is None or not all(bool(getattr(params, each.name).isfinite().all()) for each in fields(params)):
        points = answer.pixels
        return _grey(plain) if points is None else _dots(plain, points[0].numpy(), move, SAID)
    K = virtual_camera.crop_intrinsics(torch.from_numpy(crop_box))[0] if answer.K is None else answer.K[0]
    if not bool(K.isfinite().all()) or not bool((K.diagonal() > 0).all()):
        return _grey(plain)
    posed = body.pose(params)
    mesh = posed.mesh()[0].numpy()
    if mesh[:, 2].min() <= 0.01:
        joints = posed.joints()[:, list(SMPLX_137)] - params.transl[:, None]
        points = project(answer, joints, crop_box)
        return _grey(plain) if points is None else _dots(plain, points[0].numpy(), move, SAID)
    return _drawn(plain, mesh, body, move @ K.double().numpy(), SAID)


def _drawn(
    plain: UInt8[np.ndarray, "height width 3"],
    mesh: Float[np.ndarray, "vert 3"],
    body: BodyModel,
    K: Float[np.ndarray, "3 3"],
    colour: tuple[float, float, float],
) -> UInt8[np.ndarray, "height width 3"]:
    colours = np.array([colour])
    return draw_people(plain, mesh[None].astype(np.float32), body.faces.numpy(), K, colours=colours, opacity=0.85)


def _dots(
    plain: UInt8[np.ndarray, "height width 3"],
    points: Float[np.ndarray, "point 2"],
    move: Float[np.ndarray, "3 3"],
    colour: tuple[float, float, float],
) -> UInt8[np.ndarray, "height width 3"]:
    drawn = plain.copy()
    for x, y in points[np.isfinite(points).all(1)] * move[[0, 1], [0, 1]] + move[:2, 2]:
        if abs(x) < 1e4 and abs(y) < 1e4:
            rgb = tuple(int(255 * part) for part in colour)
            cv2.circle(drawn, (round(float(x)), round(float(y))), 2, rgb, -1, cv2.LINE_AA)
    return drawn


def _grey(plain: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    return np.full_like(plain, 128)
