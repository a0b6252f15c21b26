"""A page about a run: each picture with its people from the front, the side and above, and links to the files."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from mien.files import atomic_write
from mien.scene import Scene

__all__ = ["Entry", "write_report"]

LONGEST_SIDE = 1800
"""Pixels of a picture in the page."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One picture of a report."""

    title: str
    scene: Scene
    drawing: UInt8[np.ndarray, "height width 3"]
    """RGB: what to show."""
    files: tuple[Path, ...] = ()
    """What was written for it; linked by name, so beside the page."""
    note: str = ""


def write_report(path: Path, title: str, entries: Sequence[Entry]) -> Path:
    """Write one self-contained HTML page, whole or not at all.

    Args:
        path: where to.
        title: of the page.
        entries: the pictures, in order.

    Raises:
        OutputError: the file cannot be written.
    """
    body = "\n".join(_section(entry) for entry in entries)
    page = PAGE.replace("TITLE", html.escape(title)).replace("BODY", body)
    with atomic_write(path) as stream:
        stream.write(page.encode("utf-8", "replace"))
    return path


def _section(entry: Entry) -> str:
    scene = entry.scene
    height, width = scene.image_size
    links = " · ".join(
        f'<a href="{html.escape(file.name, quote=True)}">{html.escape(file.name)}</a>' for file in entry.files
    )
    warning = f'<p class="warning">{html.escape(scene.origin.warning)}</p>' if scene.origin.warning else ""
    rows = "".join(
        f"<tr><td>{i + 1}</td><td>{float(person.score):.2f}</td><td>{float(person.params.transl.norm()):.2f} m</td>"
        f"<td>{float(person.transl_residual):.1f} px</td></tr>"
        for i, person in enumerate(scene)
    )
    facts = f"{len(scene)} people · {width} x {height} pixels · camera: {html.escape(scene.camera)}"
    facts += f" · focal length {float(scene.K[0, 0]):.0f} px · weights: {html.escape(scene.origin.weights_name)}"
    return f"""<section><h2>{html.escape(entry.title)}</h2>{warning}
<p>{html.escape(entry.note)}</p>
<img alt="{html.escape(entry.title, quote=True)}" src="data:image/jpeg;base64,{_jpeg(entry.drawing)}">
<p class="facts">{facts}</p>
<table><tr><th>person</th><th>score</th><th>distance</th><th>residual</th></tr>{rows}</table>
<p>{links}</p></section>"""


def _jpeg(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    scale = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    _, data = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    return base64.b64encode(data.tobytes()).decode()


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TITLE</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1.5rem; }
img { max-width: 100%; border-radius: 6px; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; font-variant-numeric: tabular-nums; }
.warning { background: #b3261e; color: white; padding: .5rem .9rem; border-radius: 6px; font-weight: 600; }
.facts { opacity: .75; margin: .3rem 0; }
section { margin: 2rem 0 3rem; }
</style></head><body><h1>TITLE</h1>
BODY
</body></html>
"""
