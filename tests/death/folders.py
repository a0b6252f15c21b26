"""What two folders of the same run may differ in, and whether a folder holds whole files only.

`DECLARED` is the only list of differences there is; docs/sudden-death.md says the same in words.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

UNDER_WAY = re.compile(r"(^|/)(\.lock|\.progress|\.parts|[^/]+\.parts|\.step_\d+|[^/]*\.part)(/|$)")
"""Names of what is being worked on. They may be there after a kill, never after the end."""


def _drop(*names: str) -> Callable[[bytes], bytes]:
    """JSON (or a line of it after another) without some keys, wherever they stand."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if key not in names}
        return [plain(each) for each in value] if isinstance(value, list) else value

    def strip(content: bytes) -> bytes:
        lines = content.splitlines() if content.startswith(b'{"') else [content]
        return b"\n".join(json.dumps(plain(json.loads(line))).encode() for line in lines)

    return strip


def _without(pattern: bytes) -> Callable[[bytes], bytes]:
    return lambda content: re.sub(pattern, b"", content, flags=re.DOTALL)


def _no_starts(content: bytes) -> bytes:
    """A training's list of its starts says nothing; what an evaluation measures has to be the same."""
    return b"" if content.startswith(b"[") else content


@dataclass(frozen=True)
class Difference:
    """Something that two runs of the same thing may differ in."""

    files: str
    """A pattern of paths."""
    what: str
    """In words."""
    strip: Callable[[bytes], bytes] | None
    """A file without it; None if the file need not even be there."""


DECLARED = (
    Difference("*run.json", "starts of a training: time, machine, command", _no_starts),
    Difference("*log.jsonl", "speed and memory of a training", _drop("samples_per_s", "data_wait", "memory_mb")),
    Difference("*tensorboard*", "event files, one a start, named by time and host", None),
    Difference("*/state.json", "speed of a training since its last line of log", _drop("seconds", "waited")),
    Difference("*/.metadata", "the id of a save", _without(rb"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")),
    Difference("*results.json", "seconds of an evaluation", _drop("seconds")),
    Difference("*study.json", "seconds of a study's jobs", _drop("train_seconds", "evaluate_seconds")),
    Difference("*outcome.json", "seconds of a job", _drop("train_seconds", "evaluate_seconds")),
    Difference("*job.log", "what a job said in its last start", lambda content: b""),
    Difference("*report.html", "seconds of runs and jobs", _without(rb"<h2>Jobs</h2>.*?</section>|>\d+ s<")),
    Difference("*.safetensors", "the date in the card", _without(rb'date\\*": ?\\*"[0-9-]{10}')),
)


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder by path, and its empty folders, without what is declared."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        rules = [each.strip for each in DECLARED if fnmatchcase(name, each.files)]
        if path.is_dir():
            found |= {} if any(path.iterdir()) or None in rules else {f"{name}/": b""}
            continue
        content = path.read_bytes()
        for strip in rules:
            content = b"" if strip is None else strip(content)
        found |= {} if None in rules else {name: content}
    return found


def differences(whole: dict[str, bytes], folder: Path) -> list[str]:
    """Files that a folder lacks, has beside, or has with other content; a line each."""
    here = contents(folder)
    lines = [f"{name} is missing" for name in whole.keys() - here.keys()]
    lines += [f"{name} is left over" for name in here.keys() - whole.keys()]
    lines += [f"{name} differs" for name in whole.keys() & here.keys() if whole[name] != here[name]]
    return sorted(lines)


def broken(folder: Path) -> list[str]:
    """Files that have their final name and cannot be read; a line each."""
    lines = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not UNDER_WAY.search(name) and "tensorboard/" not in name:
            try:
                _read(path)
            except Exception as error:
                lines.append(f"{name} cannot be read ({type(error).__name__}: {error})")
    return lines


def _read(path: Path) -> None:
    """Read a file as those who use it do, or fail."""
    content = path.read_bytes()
    if path.suffix in _READERS:
        assert _READERS[path.suffix](content) is not False, "it is not whole"
    if path.name == "state.json" and path.parent.name.startswith("step_"):
        sizes = json.loads(content)["files"]
        assert all((path.parent / name).stat().st_size == size for name, size in sizes.items()), "a file is cut short"


def _is_archive(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.testzip() is None


def _is_picture(content: bytes) -> bool:
    import cv2

    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) is not None


def _is_log(content: bytes) -> bool:
    """Lines are added one by one, so the last may be cut short."""
    return all(json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n"))


def _parquet(content: bytes) -> object:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(content))


def _arrow(content: bytes) -> object:
    import pyarrow as pa

    return pa.ipc.open_file(pa.BufferReader(content)).read_all()


def _weights(content: bytes) -> object:
    from safetensors.numpy import load

    return load(content)


_READERS: dict[str, Callable[[bytes], object]] = {
    ".npz": _is_archive,
    ".json": json.loads,
    ".jsonl": _is_log,
    ".jpg": _is_picture,
    ".png": _is_picture,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".safetensors": _weights,
    ".html": lambda content: content.rstrip().endswith(b"</html>"),
    ".mp4": lambda content: content[4:8] == b"ftyp" and b"moov" in content,
    ".glb": lambda content: content[:4] == b"glTF" and int.from_bytes(content[8:12], "little") == len(content),
}
