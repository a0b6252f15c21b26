"""The figure and the page of `mien study hands`: distributions, and rendered hands along the axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from mien.body.joints import LEFT_WRIST, RIGHT_WRIST
from mien.body.model import BodyModel
from mien.geometry.rotation import matrix_from_axis_angle
from mien.optional import need
from mien.render.raster import Mesh, render
from mien.study.hands import FAR, FORMULA, SIDES, STEP, Example, Hands, Plan
from mien.study.written import Figure, draw, write_study_page
from mien.view.page import escaped, table

__all__ = ["draw_hands", "render_hand", "write_hands_page"]

COLOURS = {"left": "#0072b2", "right": "#d55e00"}
DARK, LIGHT = "#17324d", "#e6e9ee"
SKIN = np.array([0.86, 0.68, 0.57])
CELL = 150
"""Pixels of a rendered hand."""
BIN = 2.0
"""Degrees."""
_FIRST = {"left": 25, "right": 40}
"""The first of the 15 finger joints in the full pose."""
_WRIST = {"left": LEFT_WRIST, "right": RIGHT_WRIST}
_REACH, _FAR = 0.23, 2.0
"""Metres that a picture shows from side to side, and from where."""


def render_hand(body: BodyModel, pose: np.ndarray, side: str, size: int = CELL) -> UInt8[np.ndarray, "size size 3"]:
    """A hand of the body's mean shape, seen from the palm, fingers up, a little from the thumb's side.

    Args:
        body: with hands.
        pose: (15, 3) axis-angle, absolute.
        side: `left` or `right`.
        size: of the picture, pixels.
    """
    first, wrist = _FIRST[side], _WRIST[side]
    turns = torch.eye(3).repeat(1, body.num_joints, 1, 1)
    turns[0, first : first + 15] = matrix_from_axis_angle(torch.from_numpy(np.asarray(pose, dtype=np.float32)))
    with torch.no_grad():
        posed = body.shape(torch.zeros(1, body.num_betas)).pose(turns)
        mesh, origin = posed.mesh()[0].numpy(), posed.position[0, wrist].numpy()
    owner = body.weights.argmax(1).numpy()
    inside = (owner == wrist) | ((owner >= first) & (owner < first + 15))
    faces = body.faces.numpy()[inside[body.faces.numpy()].all(1)]
    points = (mesh - origin) @ _view(side).T + np.array([0.0, 0.09, _FAR])
    focal = size * _FAR / _REACH
    K = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1]])
    hand = Mesh(vertices=points.astype(np.float32), faces=faces, colour=SKIN, two_sided=True)
    colour = render([hand], K, (size, size), background=(255, 255, 255), samples=2).colour
    assert colour is not None
    return colour


def _view(side: str) -> np.ndarray:
    """Camera from body: arms lie along x with their palms down; the camera looks up at them."""
    along = 1.0 if side == "left" else -1.0
    down, forward = np.array([-along, 0, 0]), np.array([0, 1.0, 0])
    straight = np.stack([np.cross(down, forward), down, forward])
    angle = np.deg2rad(-25) * along
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return turn @ straight


def draw_hands(plan: Plan, hands: Sequence[Mapping[str, Hands]], along: Mapping[str, Sequence[Example]]) -> Figure:
    """A row a dataset, by median; below, hands at every so many degrees."""
    matplotlib = need("matplotlib", extra="study", why="drawing the figures of a study")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    order = _order(plan, hands)
    end = max(float(each[side].distance.max(initial=0)) for each in hands for side in SIDES) + STEP / 2
    rows = 0.42 * len(order) + 0.6
    figure, axes = plt.subplots(
        2, 1, figsize=(10.5, rows + 2.7), sharex=True, height_ratios=[rows, 2.4], layout="constrained"
    )
    for place, i in enumerate(order):
        for side in SIDES:
            _ridge(axes[0], hands[i][side].distance, place, end, COLOURS[side])
    axes[0].set_yticks(range(len(order)), [_label(plan, hands, i) for i in order], fontsize=10)
    axes[0].set_ylim(len(order) - 0.5, -1.0)
    for side in SIDES:
        axes[0].plot([], [], color=COLOURS[side], linewidth=2, label=f"{side} hands; bar: median")
    axes[0].legend(frameon=False, fontsize=10, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 0.99))
    _pictures(axes[1], plan, along)
    axes[0].set_xlim(-STEP / 2, end)
    axes[1].set_xlabel("distance to the relaxed hand: root mean square angle of its 15 joints (degrees)", fontsize=11)
    for axis in axes:
        axis.grid(axis="x", color=LIGHT)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    caption = (
        f"How far hands are from relaxed. {FORMULA}. Share of hands in bins of {BIN:g} degrees, each row on its own "
        "scale; below, real hands of these datasets at that distance, palm towards the reader."
    )
    return draw(plan.job.out / "hands.png", figure, caption)


def _order(plan: Plan, hands: Sequence[Mapping[str, Hands]]) -> list[int]:
    """Datasets by the median of both hands; those without hands last."""
    both = [np.concatenate([each[side].distance for side in SIDES]) for each in hands]
    return sorted(range(len(both)), key=lambda i: float(np.median(both[i])) if len(both[i]) else np.inf)


def _label(plan: Plan, hands: Sequence[Mapping[str, Hands]], i: int) -> str:
    count = sum(len(hands[i][side].distance) for side in SIDES)
    return f"{plan.sets[i].name} ({count:,})" if count else f"{plan.sets[i].name}: no hands"


def _ridge(axis: Any, distance: np.ndarray, place: int, end: float, colour: str) -> None:
    if not len(distance):
        return
    counts, edges = np.histogram(distance, bins=np.arange(0, end + BIN, BIN))
    heights = 0.85 * counts / counts.max()
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(place - heights, 2)
    axis.fill_between(x, place, y, color=colour, alpha=0.16, linewidth=0)
    axis.plot(x, y, color=colour, linewidth=1.1)
    middle = float(np.median(distance))
    axis.plot([middle, middle], [place, place - 0.45], color=colour, linewidth=3, solid_capstyle="butt")


def _pictures(axis: Any, plan: Plan, along: Mapping[str, Sequence[Example]]) -> None:
    """Rendered hands where they belong on the axis."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    for row, side in enumerate(SIDES):
        for each in along[side]:
            picture = render_hand(plan.bodies[each.dataset], each.pose, side)
            box = AnnotationBbox(
                OffsetImage(picture, zoom=0.42), (each.distance, row), frameon=False, pad=0, box_alignment=(0.5, 0.42)
            )
            axis.add_artist(box)
            axis.text(each.distance, row + 0.45, plan.sets[each.dataset].name, ha="center", fontsize=7.5, color=DARK)
    axis.set_yticks([0, 1], SIDES, fontsize=10)
    axis.set_ylim(1.6, -0.6)


def write_hands_page(path: Path, found: Mapping[str, Any], figure: Figure) -> Path:
    """Write one self-contained page."""
    lead = f"{len(found['data'])} datasets, one person of each picture, seed {found['seed']}. {FORMULA}"
    rows = [_row(name, side, found["hands"][name][side]) for name in found["hands"] for side in SIDES]
    head = ("dataset", "side", "hands", "median (95 %)", *(f"{q} quantile" for q in _TAILS), "largest")
    head = (*head, *(f"beyond {far:g} degrees, %" for far in FAR))
    remarks = [f'<p class="facts">{escaped(remark)}</p>' for remark in found["remarks"]]
    return write_study_page(path, "How far hands are from relaxed", lead, [*remarks, figure, table(head, rows)])


_TAILS = ("0.05", "0.95")


def _row(name: str, side: str, numbers: Mapping[str, Any]) -> tuple[str, ...]:
    if not numbers["hands"]:
        return (name, side, "none", *[""] * 6)
    middle = numbers["median"]
    bounds = "" if middle["low"] is None else f" ({middle['low']:.1f} to {middle['high']:.1f})"
    return (
        name, side, f"{numbers['hands']:,}", f"{middle['mean']:.1f}{bounds}",
        *(f"{numbers['quantiles'][q]:.1f}" for q in _TAILS), f"{numbers['largest']:.1f}",
        *(f"{100 * each['mean']:.1f}" for each in numbers["beyond"].values()),
    )  # fmt: skip
