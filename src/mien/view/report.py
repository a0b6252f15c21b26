"""A page about a run: each picture with its people from the front, the side and above, and links to the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
from jaxtyping import UInt8

from mien.scene import Scene
from mien.view.page import counted, escaped, picture, table, write_page

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
    return write_page(path, title, "\n".join(_section(entry) for entry in entries))


def _section(entry: Entry) -> str:
    scene = entry.scene
    height, width = scene.image_size
    links = " · ".join(f'<a href="./{escaped(_address(file.name))}">{escaped(file.name)}</a>' for file in entry.files)
    warning = f'<p class="warning">{escaped(scene.origin.warning)}</p>' if scene.origin.warning else ""
    rows = [
        (
            i + 1,
            f"{float(person.score):.2f}",
            f"{float(person.params.transl.norm()):.2f} m",
            f"{float(person.transl_residual):.1f} px",
        )
        for i, person in enumerate(scene)
    ]
    facts = f"{counted(len(scene))} · {width} x {height} pixels · camera: {escaped(scene.camera)}"
    facts += f" · focal length {float(scene.K[0, 0]):.0f} px · weights: {escaped(scene.origin.weights_name)}"
    return f"""<section><h2>{escaped(entry.title)}</h2>{warning}
<p>{escaped(entry.note)}</p>
{picture(entry.drawing, LONGEST_SIDE, entry.title)}
<p class="facts">{facts}</p>
{table(("person", "score", "distance", "residual"), rows)}
<p>{links}</p></section>"""


def _address(name: str) -> str:
    """A file's name as a link: `javascript:`, `#` and `%` are letters of a name and nothing else."""
    return quote(name, errors="replace")
