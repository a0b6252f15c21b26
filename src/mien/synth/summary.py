"""What a generated folder looks like: a sheet of its pictures, one with the labels drawn, and a page of statistics."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from mien.body.joints import SMPLX_137
from mien.data.humandata import HumanData
from mien.errors import InputError
from mien.files import atomic_write
from mien.geometry.hands import hand_distances
from mien.geometry.rotation import matrix_from_axis_angle
from mien.palette import PERSON_COLOURS

__all__ = ["write_sheets", "write_statistics"]

COLUMNS, ROWS, CELL = 6, 4, 320
BINS = 24
_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)


def write_sheets(folder: Path, data: HumanData) -> None:
    """Write `sheet.jpg` and `sheet_labels.jpg`: pictures spread evenly over the data, plain and with joints drawn.

    Raises:
        OutputError: a sheet cannot be written.
    """
    paths = sorted(set(data.image_path))
    if not paths:
        return
    chosen = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, COLUMNS * ROWS).astype(int))]
    rows: dict[str, list[int]] = {}
    for i, path in enumerate(data.image_path):
        rows.setdefault(path, []).append(i)
    joints = data.keypoints["keypoints2d_smplx"][0]
    plain, drawn = [], []
    for path in chosen:
        picture = cv2.imread(str(folder / path), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            todo = "delete it if it is there, and run the same command again: it is made anew"
            raise InputError(f"{folder / path} cannot be read", todo=todo)
        scale = CELL / picture.shape[0]
        small = cv2.resize(picture, (CELL, CELL), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        plain.append(small)
        marked = small.copy()
        for number, i in enumerate(rows[path]):
            _draw(marked, ((joints[i, :144, :2] + 0.5) * scale - 0.5), data.extra["joints_visible"][i] > 0, number)
        drawn.append(marked)
    for name, cells in (("sheet.jpg", plain), ("sheet_labels.jpg", drawn)):
        with atomic_write(folder / name) as stream:
            stream.write(cv2.imencode(".jpg", _grid(cells)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def _draw(picture: UInt8[np.ndarray, "h w 3"], joints: np.ndarray, visible: np.ndarray, number: int) -> None:
    """Bones of the body, and a dot on every training joint: bright where it is seen, dark where it is hidden."""
    colour = PERSON_COLOURS[number % len(PERSON_COLOURS)]
    points = [tuple(int(v) for v in np.clip(np.rint(joint * 16), -(2**20), 2**20)) for joint in joints]
    for joint, parent in enumerate(_PARENTS):
        if parent >= 0:
            cv2.line(picture, points[parent], points[joint], colour, 1, cv2.LINE_AA, 4)
    for joint in SMPLX_137:
        shade = colour if visible[joint] else tuple(c // 3 for c in colour)
        cv2.circle(picture, points[joint], 20, shade, -1, cv2.LINE_AA, 4)


def _grid(cells: Sequence[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "hh ww 3"]:
    rows = [np.concatenate(cells[i : i + COLUMNS], 1) for i in range(0, len(cells), COLUMNS)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def write_statistics(
    path: Path, title: str, splits: Mapping[str, HumanData], mean_hands: Float[np.ndarray, "2 15 3"]
) -> None:
    """Write one self-contained page: how many, how large, from which side, which poses, hands, clothes, places.

    Raises:
        OutputError: the page cannot be written.
    """
    sections = [_split(name, data, mean_hands) for name, data in splits.items() if len(data.image_path)]
    body = f"<h1>{html.escape(title)}</h1>" + "".join(sections)
    with atomic_write(path) as stream:
        stream.write(PAGE.replace("BODY", body).encode())


def _split(name: str, data: HumanData, mean_hands: Float[np.ndarray, "2 15 3"]) -> str:
    pictures, people = len(set(data.image_path)), len(data.image_path)
    smplx, meta = data.params["smplx"], data.meta
    boxes = data.bbox_xywh
    depth = data.keypoints["keypoints3d_smplx"][0][:, 0, 2]
    root = matrix_from_axis_angle(torch.from_numpy(np.asarray(smplx["global_orient"], dtype=np.float32)))
    turn = torch.rad2deg(torch.atan2(root[:, 0, 2], -root[:, 2, 2])).numpy()
    hands = {
        side: hand_distances(np.asarray(smplx[f"{side}_hand_pose"]).reshape(-1, 15, 3), mean)
        for side, mean in zip(("left", "right"), mean_hands, strict=True)
    }
    visible = data.extra["joints_visible"][:, list(SMPLX_137)].mean(1) * 100
    charts = [
        _histogram("height of the person's box, % of the picture", 100 * boxes[:, 3] / meta["height"]),
        _histogram("distance from the camera, m", depth),
        _histogram("turned away from the camera, degrees", turn),
        _histogram("training joints seen, %", visible),
        _histogram("hands: distance to the relaxed hand, degrees", np.concatenate(list(hands.values()))),
        _histogram("first beta", smplx["betas"][:, 0]),
        _bars("people in a picture", Counter(Counter(data.image_path).values())),
        _bars("postures", Counter(meta["pose"])),
        _bars("hands", Counter([*meta["left_hand"], *meta["right_hand"]])),
        _bars("wears and holds", Counter(kind for kinds in meta["wears"] for kind in kinds.split(",") if kind)),
        _bars("places", Counter(meta["place"])),
        _bars("light", Counter(meta["light"])),
    ]
    median = float(np.median(np.concatenate(list(hands.values()))))
    facts = f"{pictures:,} pictures, {people:,} people; median distance to the relaxed hand {median:.1f} degrees"
    return f"<h2>{html.escape(name)}</h2><p>{facts}</p><div class='charts'>{''.join(charts)}</div>"


def _histogram(title: str, values: Float[np.ndarray, "row"]) -> str:
    counts, edges = np.histogram(values.astype(np.float64), bins=BINS)
    bars = "".join(
        f"<rect x='{10 + 12 * i}' y='{110 - 100 * count / counts.max():.1f}' width='11' "
        f"height='{100 * count / counts.max():.1f}'><title>{edges[i]:.3g} to {edges[i + 1]:.3g}: {count}</title></rect>"
        for i, count in enumerate(counts)
    )
    ticks = "".join(
        f"<text x='{10 + 12 * i}' y='124' text-anchor='middle'>{edges[i]:.3g}</text>" for i in range(0, BINS + 1, 6)
    )
    return _figure(title, 130, bars + ticks)


def _bars(title: str, counts: Counter) -> str:
    total = max(1, max(counts.values(), default=1))
    lines = "".join(
        f"<rect x='118' y='{14 * i + 2}' width='{140 * count / total:.1f}' height='11'/>"
        f"<text x='112' y='{14 * i + 11}' text-anchor='end'>{html.escape(str(name))}</text>"
        f"<text x='{122 + 140 * count / total:.1f}' y='{14 * i + 11}'>{count:,}</text>"
        for i, (name, count) in enumerate(sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))))
    )
    return _figure(title, 14 * len(counts) + 4, lines)


def _figure(title: str, height: int, drawn: str) -> str:
    caption = f"<figcaption>{html.escape(title)}</figcaption>"
    return f"<figure>{caption}<svg viewBox='0 0 310 {height}'>{drawn}</svg></figure>"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Statistics</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1.2rem; }
figure { margin: 0; }
figcaption { font-weight: 600; }
svg { width: 100%; }
rect { fill: #0072b2; }
text { font: 9px system-ui, sans-serif; fill: currentColor; }
</style></head><body>BODY</body></html>
"""
