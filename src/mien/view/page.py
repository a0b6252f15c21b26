"""The shell of pages that are one file: style, escaping, pictures inside, and a policy that lets no script run."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from mien.files import atomic_write
from mien.pictures import encoded

__all__ = ["counted", "escaped", "jpeg", "jpeg_bytes", "picture", "table", "write_page"]

QUALITY = 88


def escaped(text: object) -> str:
    """Text that may stand in an element or in a quoted attribute: nothing in it opens or closes anything."""
    return html.escape(str(text).encode("utf-8", "replace").decode(), quote=True)


def picture(pixels: UInt8[np.ndarray, "height width 3"], longest: int, alt: str = "", quality: int = QUALITY) -> str:
    """An `img` element that holds its picture (RGB), at most `longest` pixels on its longer side."""
    return f'<img alt="{escaped(alt)}" src="data:image/jpeg;base64,{jpeg(pixels, longest, quality)}">'


def jpeg(picture: UInt8[np.ndarray, "height width 3"], longest: int, quality: int) -> str:
    """The same as `jpeg_bytes`, as base64."""
    return base64.b64encode(jpeg_bytes(picture, longest, quality)).decode()


def jpeg_bytes(picture: UInt8[np.ndarray, "height width 3"], longest: int, quality: int) -> bytes:
    """RGB as a JPEG, its longest side at most `longest` pixels.

    Raises:
        InputError: JPEG cannot hold it.
    """
    ratio = longest / max(picture.shape[:2])
    if ratio < 1:
        height, width = (max(1, round(side * ratio)) for side in picture.shape[:2])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return encoded(".jpg", picture, quality)


def counted(people: int) -> str:
    """So many people, in words: `1 person`."""
    return "1 person" if people == 1 else f"{people} people"


def table(head: Sequence[object], rows: Iterable[Sequence[object]], kinds: Sequence[str] | None = None) -> str:
    """A table of escaped cells; of each row `kinds` gives the class, if there are any."""
    lines = "".join(f"<th>{escaped(cell)}</th>" for cell in head)
    found = [f"<thead><tr>{lines}</tr></thead><tbody>"]
    for i, row in enumerate(rows):
        cells = "".join(f"<td>{escaped(cell)}</td>" for cell in row)
        kind = f' class="{escaped(kinds[i])}"' if kinds and kinds[i] else ""
        found.append(f"<tr{kind}>{cells}</tr>")
    return f'<div class="wide"><table>{"".join(found)}</tbody></table></div>'


def write_page(path: Path, title: str, body: str, style: str = "") -> Path:
    """Write a page, whole or not at all.

    Args:
        path: where to.
        title: plain text.
        body: HTML; whatever in it comes from outside must be `escaped`.
        style: more CSS.

    Raises:
        OutputError: the file cannot be written.
    """
    parts = {"TITLE": escaped(title), "STYLE": style, "BODY": body}
    head, *rest = _PAGE.split("@@")
    page = head + "".join(parts.get(piece, piece) for piece in rest)
    with atomic_write(path) as stream:
        stream.write(page.encode("utf-8", "replace"))
    return path


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>@@TITLE@@</title>
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
.wide { overflow-x: auto; }
section { margin: 2rem 0 3rem; }
@@STYLE@@
</style></head><body><h1>@@TITLE@@</h1>
@@BODY@@
</body></html>
"""
