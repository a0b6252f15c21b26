"""What a study of pictures leaves: one JSON of all numbers, figures, and a page that is one file."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mien.errors import OutputError
from mien.evaluate.record import versions
from mien.files import atomic_write
from mien.study.picture_sets import PictureSet
from mien.train.folder import commit, processor
from mien.view.page import escaped, write_page

__all__ = ["Figure", "check_out", "describe_sets", "draw", "record", "write_json", "write_study_page"]

SCHEMA_VERSION = 1
DPI = 110


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture with what it says."""

    path: Path
    caption: str


def check_out(out: Path) -> None:
    """See that results can be written, before time is spent on them.

    Raises:
        OutputError: they cannot.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out {out} is a file", expected="a folder, there or to be made")
    with atomic_write(out / ".writable") as stream:
        stream.write(b"")
    (out / ".writable").unlink()


def record(study: str, *, seed: int, seconds: Mapping[str, float], device: str, **found: Any) -> dict[str, Any]:
    """Everything of a study, as JSON: what it was run with, and what was found."""
    return {
        "schema_version": SCHEMA_VERSION,
        "study": study,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "commit": commit(),
        "versions": versions("scipy", "matplotlib"),
        "machine": {
            "platform": platform.platform(), "processor": processor(), "processors": os.cpu_count(), "device": device
        },
        **found,
    }  # fmt: skip


def describe_sets(sets: Sequence[PictureSet]) -> dict[str, Any]:
    """Which data a study is of."""
    return {
        each.name: {
            "people": len(each), "entries": each.entries, "left_out": each.truths.left_out, "kind": each.kind,
            "sources": each.truths.sources,
        }
        for each in sets
    }  # fmt: skip


def write_json(path: Path, found: Mapping[str, Any]) -> Path:
    """Write numbers, four decimals each: more of them would be noise. What is no number becomes null."""
    with atomic_write(path) as stream:
        stream.write((json.dumps(_plain(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def draw(path: Path, figure: Any, caption: str) -> Figure:
    """Write a matplotlib figure as a small PNG of few colours, and close it."""
    from PIL import Image

    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    figure.clear()
    pixels = Image.open(stream).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small = io.BytesIO()
    pixels.save(small, format="png", optimize=True)
    with atomic_write(path) as file:
        file.write(small.getvalue())
    return Figure(path=path, caption=caption)


def write_study_page(path: Path, title: str, lead: str, parts: Sequence[str | Figure]) -> Path:
    """Write a page that is one file: HTML that is safe already, and figures with their captions inside."""
    body = [f"<p>{escaped(lead)}</p>", *(_figure(part) if isinstance(part, Figure) else part for part in parts)]
    return write_page(path, title, "\n".join(body), _STYLE)


def _figure(figure: Figure) -> str:
    inside = base64.b64encode(figure.path.read_bytes()).decode()
    kind = "png" if figure.path.suffix == ".png" else "jpeg"
    source = f'<img alt="{escaped(figure.caption)}" src="data:image/{kind};base64,{inside}">'
    return f"<figure>{source}<figcaption>{escaped(figure.caption)}</figcaption></figure>"


_STYLE = """figure { margin: 1.5rem 0 2.5rem; }
figure img { background: white; }
figcaption { margin-top: .4rem; }
table { font-size: .9rem; }"""
