"""What is added to the border of a cloth: collars, lapels, hoods, turn-ups, longer legs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from mien.synth.wardrobe.charts import FLAT
from mien.synth.wardrobe.cloth import Border, Cloth, border_of, grow
from mien.synth.wardrobe.fit import Fit
from mien.synth.wardrobe.sew import Work

__all__ = ["collar", "extend", "hood", "lapels", "stand", "turn_up"]

_UP = np.array([0, 1, 0.18], dtype=np.float32)


def _around(
    fit: Fit, cloth: Cloth, border: Border
) -> tuple[Float32[np.ndarray, " some"], Float32[np.ndarray, "some 3"]]:
    """How far around the neck each vertex of a border is, 0 at the back to 1 in front; and horizontally outwards."""
    away = cloth.point[border.ids] - fit.joints[12]
    away[:, 1] = 0
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return np.arccos(np.clip(-away[:, 2], -1, 1)) / np.float32(np.pi), away


def _flat(
    fit: Fit, cloth: Cloth, border: Border, rows: Float32[np.ndarray, "row some 3"]
) -> Float32[np.ndarray, "row_and_edge some 3"]:
    """Where the border and the rows lie on a flat panel: around the neck, and along each column."""
    front, _ = _around(fit, cloth, border)
    side = np.where(cloth.point[border.ids, 0] > 0, np.float32(0.24), np.float32(-0.24))
    edge = cloth.point[border.ids][None]
    lengths = np.linalg.norm(np.diff(np.concatenate([edge, edge, rows]), axis=0), axis=-1).cumsum(0)
    return np.stack([np.broadcast_to(front * side, lengths.shape), lengths, np.zeros_like(lengths)], -1).astype(
        np.float32
    )


def _open(cloth: Cloth, border: Border, half: float) -> Border:
    """The border without its edges in front within `half` metres of the middle."""
    ends = cloth.point[border.ids][border.edges]
    middle = (np.abs(ends[..., 0]).max(1) < half) & (ends[..., 2].min(1) > 0)
    return Border(
        ids=border.ids,
        edges=border.edges[~middle],
        chart=border.chart[~middle],
        inward=border.inward,
        normal=border.normal,
    )


def collar(
    k: int, height: float, fall: float, point: float, *, lift: float = 0.01, gap: float = 0.012, chart: int = FLAT
) -> Work:
    """A collar that stands at the neck and folds over.

    Args:
        k: the border of the neck.
        height: of the stand, metres.
        fall: how far it comes down outside.
        point: how much longer it is in front.
        lift: how far it stays off the shirt.
        gap: half of the opening in front.
        chart: its panel.
    """

    def work(fit: Fit, cloth: Cloth) -> None:
        border = _open(cloth, border_of(cloth, [k]), gap)
        edge, (front, out) = cloth.point[border.ids], _around(fit, cloth, border)
        high = (np.float32(height) * (1 - 0.35 * front**3))[:, None]
        long = (np.float32(fall) + np.float32(point) * np.clip(front * 3 - 2, 0, 1) ** 1.5)[:, None]
        normal, inward = border.normal, border.inward
        top = edge + high * _UP - np.float32(0.1) * high * out
        rows = np.stack([
            0.5 * (edge + top),
            top,
            top + 0.006 * out - 0.001 * _UP,
            edge + 0.5 * long * inward + 0.45 * high * _UP + (0.001 + lift) * normal,
            edge + long * inward + lift * normal,
            edge + (long - 0.004) * inward + 0.6 * lift * normal,
        ]).astype(np.float32)  # fmt: skip
        shade = np.array([[0.6], [0.7], [0.85], [1.0], [1.0], [1.0], [0.5]], dtype=np.float32) * np.ones_like(front)
        grow(cloth, border, rows, rest=_flat(fit, cloth, border, rows), shade=shade, chart=chart, apart=True)

    return work


def stand(k: int, height: float, lean: float, thick: float, *, gap: float = 0.0, chart: int = FLAT) -> Work:
    """A collar that stands: of a jacket or a jumper; with `lean` it leaves the neck by metres per metre up."""

    def work(fit: Fit, cloth: Cloth) -> None:
        border = _open(cloth, border_of(cloth, [k]), gap)
        edge, (front, out) = cloth.point[border.ids], _around(fit, cloth, border)
        rows = np.stack([
            edge + share * height * _UP * (1 - 0.15 * front[:, None]) + (lean * share * height + bulge) * out
            for share, bulge in ((0.3, 0.2 * thick), (0.7, 0.3 * thick), (1.0, 0.0), (0.97, -thick), (0.45, -thick))
        ]).astype(np.float32)  # fmt: skip
        shade = np.array([[0.85], [1.0], [1.0], [0.95], [0.8], [0.45]], dtype=np.float32) * np.ones_like(front)
        grow(cloth, border, rows, rest=_flat(fit, cloth, border, rows), shade=shade, chart=chart, apart=True)

    return work


def hood(k: int, size: float, *, chart: int = FLAT) -> Work:
    """A hood that lies on the back, `size` about 1."""

    def work(fit: Fit, cloth: Cloth) -> None:
        border = border_of(cloth, [k])
        edge, (front, out) = cloth.point[border.ids], _around(fit, cloth, border)
        scale = np.float32(size) * (0.22 + 0.78 * (1 - np.clip(front * 1.25 - 0.1, 0, 1)) ** 0.8)[:, None]
        profile = ((0.004, 0.028), (0.022, 0.058), (0.058, 0.062), (0.088, 0.03), (0.096, -0.02), (0.082, -0.075))
        path = [edge + scale * (across * out + up * _UP) for across, up in profile]
        path.append(edge + np.float32(0.07) * scale * border.inward + np.float32(0.012) * border.normal)
        rows = np.stack(path).astype(np.float32)
        shade = np.array([[0.5], [0.6], [0.8], [1], [1], [0.95], [0.75], [0.5]], dtype=np.float32) * np.ones_like(front)
        grow(cloth, border, rows, rest=_flat(fit, cloth, border, rows), shade=shade, chart=chart, apart=True)

    return work


def lapels(borders: tuple[int, ...], top: float, low: float, width: float, *, chart: int = FLAT) -> Work:
    """The edges of an open front folded back: widest at `top`, nothing below `low` (heights)."""

    def work(fit: Fit, cloth: Cloth) -> None:
        border = border_of(cloth, borders)
        edge = cloth.point[border.ids]
        share = np.clip((edge[:, 1] - low) / (top - low), 0, 1)
        front, _ = _around(fit, cloth, border)
        notch = 1 - 0.45 * np.exp(-(((edge[:, 1] - top) / 0.012) ** 2)) * (front > 0.6)
        wide = (np.float32(width) * np.minimum(share * 1.25, 1) * notch)[:, None] + np.float32(0.004)
        normal, inward = border.normal, border.inward
        rows = np.stack([
            edge + 0.006 * normal - 0.002 * inward,
            edge + 0.5 * wide * inward + (0.011 - (0.5 * wide) ** 2 / 0.3) * normal,
            edge + wide * inward + (0.010 - wide**2 / 0.3) * normal,
            edge + (wide - 0.003) * inward + (0.004 - wide**2 / 0.3) * normal,
        ]).astype(np.float32)  # fmt: skip
        shade = np.array([[0.9], [0.85], [1.0], [0.86], [0.45]], dtype=np.float32) * np.ones_like(share)
        flat = np.zeros((5, len(edge), 3), dtype=np.float32)
        flat[..., 0], flat[..., 1] = edge[None, :, 1], np.arange(5)[:, None] * np.float32(0.02)
        grow(cloth, border, rows, rest=flat, shade=shade, chart=chart, apart=True)

    return work


def turn_up(k: int, width: float, thick: float, *, chart: int = -1) -> Work:
    """The border rolled back over the outside."""

    def work(fit: Fit, cloth: Cloth) -> None:
        border = border_of(cloth, [k])
        edge = cloth.point[border.ids]
        path = ((0.6, -0.1), (1.0, 0.15), (1.1, 0.85), (0.8, 1.0), (0.1, 0.97))
        rows = [edge + thick * out * border.normal + width * along * border.inward for out, along in path]
        shade = np.array([[0.95], [1], [1], [0.9], [0.5]], dtype=np.float32) * cloth.shade[border.ids]
        grow(cloth, border, np.stack(rows).astype(np.float32), shade=shade, chart=chart)

    return work


def extend(k: int, length: float, widen: float) -> Work:
    """Legs or sleeves made longer in the direction they have, and wider by `widen` metres per metre."""

    def work(fit: Fit, cloth: Cloth) -> None:
        border = border_of(cloth, [k])
        if not len(border.ids):
            return
        edge = cloth.point[border.ids]
        down = np.array([0, -1, 0], dtype=np.float32)
        count = max(int(np.ceil(length / 0.025)), 1)
        away = border.normal * np.array([1, 0, 1], dtype=np.float32)
        steps = (np.arange(1, count + 1, dtype=np.float32) * np.float32(length / count))[:, None, None]
        rows = (edge + steps * (down + np.float32(widen) * away)).astype(np.float32)
        grow(cloth, border, rows, rest=cloth.rest[border.ids] + steps * down, moves=1 << k)

    return work
