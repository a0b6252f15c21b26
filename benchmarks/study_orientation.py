"""Which orientation and which camera trained weights need: errors on held-out pictures whose camera is known.

    python benchmarks/study_orientation.py data/test [--weights open-xs] [--write]

Everybody of the frozen split (`benchmarks/split.py`) is placed four times: with the network's own orientation and with
the corrected one, in the true camera and in the one that `mien predict` assumes where nothing is known.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from common import RESULTS
from jaxtyping import Float, Int
from torch import Tensor

from mien.evaluate.job import Job, Plan, make_plan
from mien.evaluate.predicting import see
from mien.geometry.camera import Camera
from mien.geometry.rotation import angle_between
from mien.nets import virtual_camera
from mien.placing import place

Row = dict[str, Any]
EDGES = (0, 5, 10, 15, 90)
"""Degrees between the camera's axis and the ray through the middle of the crop."""
ORIENTATIONS: tuple[Literal["network", "corrected"], ...] = ("network", "corrected")
KINDS = tuple(product(("true", "default"), ORIENTATIONS))
PAGE = """# Orientation and camera of trained weights

    python benchmarks/study_orientation.py data/test --write

{people:,} people of the frozen split (docs/results/split.json), whose cameras are known. `{weights}` was trained, as
the published networks were, on `global_orient` in the camera of the picture; `--orientation corrected` is for those
that answer in their crop's line of sight. Rows: the angle between the camera's axis and the ray through the middle of
the crop.

## How far the global orientation is off, degrees (median)

{turned}

## How far joints are off around the pelvis, mm (mean)

{joints}

## Where people are put: distance from the camera over the true one (median), and its spread

With the true camera, and with the focal length that is assumed where nothing is known (the picture's diagonal).

{depth}

{verdict}
"""


def measure(plan: Plan) -> list[Row]:
    """Four entries a person: of each camera and orientation."""
    found: list[Row] = []
    for number, truths in enumerate(plan.truths):
        predictor = plan.predictor(number, slice(0, len(truths)))
        camera, size = truths.samples.camera, truths.samples.size
        assert camera is not None and size is not None
        true = truths.params(plan.body)
        for seen in see(truths, predictor.image_size, 64):
            params = predictor(seen.crops, seen.rows).params
            assert params is not None
            posed = plan.body.shape(params.betas, params.expression).pose(params.full_pose())
            joints, boxes = posed.joints(), torch.from_numpy(seen.crop_box)
            seen_at = virtual_camera.picture_from_heat_map(virtual_camera.project(joints, params.transl), boxes)
            wanted = true[torch.from_numpy(seen.rows)]
            target = plan.body.pose(wanted).joints()
            cameras = {"true": _true_camera(camera.value[seen.rows]), "default": _default_camera(size[seen.rows])}
            angles = _angles(cameras["true"], boxes)
            for name, orientation in product(cameras, ORIENTATIONS):
                placed = place(joints, posed.shaped.joints[:, 0], seen_at, boxes, cameras[name], orientation)
                turned = torch.rad2deg(angle_between(placed.turn.float() @ params.global_orient, wanted.global_orient))
                around = (placed.joints - placed.joints[:, :1]) - (target - target[:, :1])
                values = {
                    "angle": angles,
                    "turned": turned,
                    "joints": 1e3 * around.norm(dim=-1)[:, :55].mean(1),
                    "depth": placed.joints[:, 0].norm(dim=-1) / target[:, 0].norm(dim=-1),
                }
                columns = zip(*(value.tolist() for value in values.values()), strict=True)
                found += [{"kind": (name, orientation), **dict(zip(values, each, strict=True))} for each in columns]
    return found


def _true_camera(camera: Float[np.ndarray, "person 4"]) -> Camera:
    K = torch.eye(3).repeat(len(camera), 1, 1)
    values = torch.from_numpy(np.array(camera, dtype=np.float32))
    K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2] = values.unbind(1)
    return Camera(K=K)


def _default_camera(sizes: Int[np.ndarray, "person 2"]) -> Camera:
    return Camera(K=torch.stack([Camera.default(width, height).K for height, width in sizes.tolist()]))


def _angles(camera: Camera, boxes: Float[Tensor, "person 4"]) -> Float[Tensor, "person"]:
    """Degrees between the axis and the rays through the boxes' middles."""
    middles = torch.cat([boxes[:, :2] + 0.5 * boxes[:, 2:], boxes.new_ones(len(boxes), 1)], 1)
    rays = torch.linalg.solve(camera.K, middles)
    return torch.rad2deg(torch.acos(rays[:, 2] / rays.norm(dim=1)))


def page(rows: Sequence[Row], weights: str) -> str:
    """The page docs/results/orientation.md."""

    def of(key: str, how: Callable[[list[float]], str], kinds: Sequence[tuple[str, str]]) -> str:
        heads = (f"{orientation}, {camera} camera" for camera, orientation in kinds)
        lines = [f"| degrees off axis | people | {' | '.join(heads)} |", "|---|" + "---:|" * (1 + len(kinds))]
        for low, high in pairwise(EDGES):
            some = [row for row in rows if low <= row["angle"] < high]
            columns = [[row[key] for row in some if row["kind"] == kind] for kind in kinds]
            if columns[0]:
                lines.append(f"| {low} to {high} | {len(columns[0])} | {' | '.join(map(how, columns))} |")
        return "\n".join(lines)

    mean = {each: np.mean([row["joints"] for row in rows if row["kind"] == ("true", each)]) for each in ORIENTATIONS}
    better = min(ORIENTATIONS, key=lambda each: mean[each])
    return PAGE.format(
        people=len(rows) // 4,
        weights=weights,
        turned=of("turned", lambda each: f"{np.median(each):.1f}", KINDS[:2]),
        joints=of("joints", lambda each: f"{np.mean(each):.1f}", KINDS[:2]),
        depth=of("depth", _spread, (KINDS[0], KINDS[2])),
        verdict=f"Over all, joints are {mean['network']:.1f} mm off with the network's own orientation and "
        f"{mean['corrected']:.1f} mm with the corrected one: `--orientation {better}` is right for these weights.",
    )


def _spread(values: list[float]) -> str:
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Measure, print, and keep with --write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="open-xs")
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    settings = parser.parse_args()
    folders = tuple(str(folder) for folder in sorted(settings.data.iterdir()) if folder.is_dir())
    with tempfile.TemporaryDirectory() as out:
        plan = make_plan(Job(weights=settings.weights, on=folders, out=Path(out) / "x"))
        with torch.no_grad():
            rows = measure(plan)
    text = page(rows, Path(settings.weights).stem)
    print(text)
    if settings.write:
        (RESULTS / "orientation.md").write_text(text)


if __name__ == "__main__":
    main()
