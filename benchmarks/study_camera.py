"""How far people drift when the camera is not known: errors by distance from the centre and by focal ratio.

    python benchmarks/study_camera.py [--write]

People of the open body stand at known places under a known camera. A perfect network is simulated: it knows each pose
exactly, turned into its crop's line of sight or not, and fits its own crop camera (focal length 5000 on 192 x 256) to
the true pixels. What `mien` then makes of that answer is compared with the truth.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

import torch
from common import RESULTS
from torch import Tensor

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.geometry.camera import Camera, solve_transl
from mien.geometry.rotation import matrix_from_axis_angle
from mien.nets.virtual_camera import crop_intrinsics
from mien.placing import BODY_POINTS, place

WIDTH, HEIGHT, PEOPLE = 1920, 1080, 64
DISTANCES = (0.0, 0.25, 0.5, 0.75, 1.0)
RATIOS = (0.5, 0.8, 1.0, 1.25, 2.0)
Row = dict[str, Any]


PAGE = """# One camera for the whole picture: what it costs

    python benchmarks/study_camera.py --write

The published networks answer in a virtual camera of their own for each crop: focal length 5000 on 192 x 256 pixels,
so nearly without perspective. `mien` moves each person into one camera for the whole picture
([how](../conventions.md#camera)). This page says how well that can work, with a *perfect* network: 64 people of the
open body with random poses, shapes and headings, 3 to 8 m away, in a picture of 1920 x 1080 whose true focal length
is 1400 pixels. The simulated network knows every pose exactly and fits its own crop camera to the true pixels. Rows:
how far from the middle people stand, as a share of half the picture's width. Columns: assumed over true focal length.

## What is left of the fit: `transl_residual`, pixels

It measures how much perspective the network's answer lacks, and is in every result file.

`--orientation network`, for a network that answers in the picture camera's orientation:

{0}

`--orientation corrected`, for one that answers in its crop's line of sight:

{1}

## What a user sees: mean distance of the projected joints from the true pixels, % of the person's height

Far smaller than the residual: the network's pixels are what bends, and the fit bends them back.

`network`:

{2}

`corrected`:

{3}

## Depth, over the depth that the assumed focal length implies

Twice the focal length puts a person twice as far away. Beyond that, depth is right within a few per cent unless a
wide lens is assumed and people stand at the edge.

`network`:

{4}

`corrected`:

{5}

When both cameras are the same, both projections are equal exactly and the residual is zero: `tests/test_placing.py`.
Which of the two trained weights need: [Orientation](orientation.md).
"""


def people() -> tuple[Tensor, Tensor]:
    """Joints (people, 144, 3), upright in the camera frame without translation, and the roots' rest positions."""
    body = BodyModel.load(find_body("openbody"))
    generator = torch.Generator().manual_seed(0)
    vectors = 0.25 * torch.randn(PEOPLE, 55, 3, generator=generator)
    turn = torch.rand(PEOPLE, generator=generator) * 2 * math.pi
    upright = matrix_from_axis_angle(torch.tensor([math.pi, 0.0, 0.0]))
    rotations = matrix_from_axis_angle(vectors)
    about = torch.stack([torch.zeros(PEOPLE), turn, torch.zeros(PEOPLE)], -1)
    rotations[:, 0] = upright @ matrix_from_axis_angle(about)
    posed = body.shape(torch.randn(PEOPLE, 10, generator=generator)).pose(rotations)
    return posed.joints(), posed.shaped.joints[:, 0]


def crop_boxes(pixels: Tensor) -> Tensor:
    """Padded 3:4 boxes (people, xywh) around projected joints."""
    low, high = pixels.amin(1), pixels.amax(1)
    h = 1.2 * torch.maximum(high[:, 1] - low[:, 1], (high[:, 0] - low[:, 0]) / 0.75)
    size = torch.stack([0.75 * h, h], -1)
    return torch.cat([(low + high) / 2 - size / 2, size], -1)


def measure(joints: Tensor, root: Tensor, distance: float, ratio: float, turned: bool) -> dict[str, float]:
    """Errors of one cell of the table.

    Args:
        joints: (people, 144, 3) without translation.
        root: (people, 3).
        distance: of the people from the middle of the picture, as a share of half its width.
        ratio: the focal length that is assumed over the true one.
        turned: whether the network answers in its crop's line of sight (and `corrected` is asked for).
    """
    true = Camera.from_focal(1400, WIDTH, HEIGHT)
    depth = torch.linspace(3, 8, PEOPLE)
    across = distance * WIDTH / 2 / 1400 * depth
    truth = torch.stack([across, torch.zeros(PEOPLE), depth], -1)
    pixels = true.project(joints + truth[:, None])
    boxes = crop_boxes(pixels)
    answer = joints
    if turned:
        sight = true.ray_rotation(boxes[:, :2] + 0.5 * boxes[:, 2:])
        answer = (joints - root[:, None]) @ sight + root[:, None]
    crop = Camera(K=crop_intrinsics(boxes))
    own, _ = solve_transl(crop, answer[:, BODY_POINTS], pixels[:, BODY_POINTS])
    seen = crop.project(answer + own[:, None])
    assumed = Camera.from_focal(1400 * ratio, WIDTH, HEIGHT)
    placed = place(answer, root, seen, boxes, assumed, "corrected" if turned else "network")
    height = boxes[:, 3] / 1.2
    picture = (assumed.project(placed.joints) - pixels)[:, BODY_POINTS].norm(dim=-1).mean(1)
    return {
        "residual_px": float(placed.residual.mean()),
        "picture_error_px": float(picture.mean()),
        "picture_error_percent_of_height": float((100 * picture / height).mean()),
        "depth_over_expected": float((placed.transl[:, 2] / (truth[:, 2] * ratio)).mean()),
    }


def table(rows: list[Row], orientation: str, key: str, form: str) -> str:
    """One table of the page: distances down, focal ratios across."""
    cells = {(row["distance"], row["focal_ratio"]): row[key] for row in rows if row["orientation"] == orientation}
    lines = [f"| distance from the centre | {' | '.join(f'{ratio:g}' for ratio in RATIOS)} |"]
    lines.append("|---|" + "---:|" * len(RATIOS))
    for distance in DISTANCES:
        values = " | ".join(format(cells[distance, ratio], form) for ratio in RATIOS)
        lines.append(f"| {distance:g} | {values} |")
    return "\n".join(lines)


def page(rows: list[Row]) -> str:
    """The page docs/results/camera.md."""
    keys = {"residual_px": ".1f", "picture_error_percent_of_height": ".2f", "depth_over_expected": ".3f"}
    kinds = ("network", "corrected")
    return PAGE.format(*(table(rows, kind, key, form) for key, form in keys.items() for kind in kinds))


def main() -> None:
    """Print the table; keep it with --write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    write = parser.parse_args().write
    joints, root = people()
    rows: list[Row] = [
        {"orientation": name, "distance": d, "focal_ratio": r, **measure(joints, root, d, r, name == "corrected")}
        for name in ("network", "corrected")
        for d in DISTANCES
        for r in RATIOS
    ]
    for row in rows:
        print(
            "  ".join(
                f"{key} {value:.3g}" if isinstance(value, float) else f"{value:<10}" for key, value in row.items()
            )
        )
    if write:
        record = {"command": "python benchmarks/study_camera.py --write", "people": PEOPLE, "seed": 0, "rows": rows}
        (RESULTS / "camera.json").write_text(json.dumps(record, indent=2) + "\n")
        (RESULTS / "camera.md").write_text(page(rows))


if __name__ == "__main__":
    main()
