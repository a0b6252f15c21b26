"""Person boxes from a JSON file: by picture name, or as a COCO result or annotation file.

By name: `{"sub/a.jpg": [[x1, y1, x2, y2, score], ...]}`, pixels of the upright picture, the score optional. For video
one level deeper: `{"clip.mp4": {"0": [...]}}`, spoken of as `clip.mp4/0`.
COCO: a list of `{"image_id", "category_id", "bbox": [x, y, w, h], "score"}`, with pictures named by their 12-digit id;
or `{"images": [{"id", "file_name"}], "annotations": [...]}`. Only category 1 (person) counts, and no crowds.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mien.detect.base import Detections, box_fault, reject_outside
from mien.errors import InputError
from mien.files import sha256
from mien.limits import MAX_BOXES_BYTES as MAX_BYTES

__all__ = ["MAX_BYTES", "BoxesFile"]

_ROW = "[x1, y1, x2, y2] or [x1, y1, x2, y2, score]"


@dataclass(frozen=True, kw_only=True)
class BoxesFile:
    """A detector that looks up what a file says about a picture, by the picture's path and then by its name alone."""

    path: Path
    entries: Mapping[str, Detections]
    """By picture name, or by `#id` for COCO results without a table of images."""
    min_score: float | None = None
    digest: str = ""
    """SHA-256 of the file, in hex."""
    by_id: bool = False
    """COCO results without a table of images: pictures are named by a 12-digit id, and no result means nobody."""
    folded: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    """The last part of each key, to the keys that end in it."""

    @classmethod
    def load(cls, path: Path, *, min_score: float | None = None) -> BoxesFile:
        """Read and check all of the file.

        Args:
            path: the JSON file.
            min_score: leave out people less sure than this; None keeps everyone.

        Raises:
            InputError: the file is missing, is not JSON, or has another structure; names the key and index. A box
                whose numbers make no sense (NaN, no area) is no such error: it lands in `Detections.rejected`.
        """
        data = _read_json(path)
        by_id = isinstance(data, list)
        if by_id or (isinstance(data, dict) and "annotations" in data and "images" in data):
            entries = _from_coco(path, data)
        elif isinstance(data, dict):
            entries = _from_names(path, data)
        else:
            what = f"{path} holds {_kind(data)}"
            raise InputError(what, expected='{"name.jpg": [[x1, y1, x2, y2, score], ...]} or COCO results')
        folded: dict[str, list[str]] = defaultdict(list)
        for key in entries:
            folded[key.rpartition("/")[2]].append(key)
        return cls(
            path=path, entries=entries, min_score=min_score, digest=sha256(path), by_id=by_id, folded=dict(folded)
        )

    def detect(self, picture: UInt8[np.ndarray, "h w 3"], name: str) -> Detections:
        """The people that the file names for this picture. Boxes outside the picture land in `rejected`.

        Raises:
            InputError: the file says nothing about this picture; an empty list says that nobody is in it.
        """
        detections = self.lookup(name)
        if self.min_score is not None:
            detections = detections.take(detections.scores >= self.min_score)
        return reject_outside(detections, picture.shape[1], picture.shape[0])

    def lookup(self, name: str) -> Detections:
        """What the file says about a picture, whatever its size and the scores.

        Raises:
            InputError: as `detect`.
        """
        name = _plain(name)
        if self.by_id:
            return self._lookup_id(name)
        if name in self.entries:
            return self.entries[name]
        keys = self.folded.get(name.rpartition("/")[2], [])
        shorter = [key for key in keys if name.endswith(f"/{key}")]
        if shorter:
            return self.entries[max(shorter, key=len)]
        longer = [key for key in keys if key.endswith(f"/{name}")]
        if len(longer) == 1:
            return self.entries[longer[0]]
        if longer:
            what = f"{self.path} has {longer[0]!r} and {longer[1]!r}, and either could be {name!r}"
            raise InputError(what, expected="one entry", todo="give the folder that holds both, not the picture")
        raise InputError(
            f"{self.path} has no entry for {name!r}", expected="one for each picture", todo=self._near(name)
        )

    def _lookup_id(self, name: str) -> Detections:
        match = re.search(r"(?:^|_|/)([0-9]{12})\.[^./]*$", name)
        if match is None:
            raise InputError(
                f"{self.path} lists COCO results by image_id, and {name!r} has no such number",
                expected="names such as 000000000785.jpg",
                todo='add the table of images: {"images": [{"id", "file_name"}], "annotations": [...]}',
            )
        return self.entries.get(f"#{int(match[1])}", _none())

    def _near(self, name: str) -> str:
        keys = list(itertools.islice(self.entries, 5000))
        near = difflib.get_close_matches(name, keys, n=1, cutoff=0.6)
        if near:
            return f"did you mean {near[0]!r}? An empty list says that nobody is in a picture"
        return f"it has {len(self.entries)} entries{f', such as {keys[0]!r}' if keys else ''}"


def _none() -> Detections:
    return Detections(boxes=np.zeros((0, 4)), scores=np.zeros(0))


def _plain(name: str) -> str:
    """Accents in one form: disks of Macs give them taken apart."""
    return re.sub(r"^(?:\./)+", "", unicodedata.normalize("NFC", name).replace("\\", "/"))


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


def _read_json(path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise InputError(f"{path} has the key {twice!r} twice", expected="one entry for each", todo="join them")
        return table

    try:
        if not path.is_dir() and path.exists() and not path.is_file():
            raise InputError(f"{path} is no regular file", expected="a JSON file")
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            what = f"{path} has {path.stat().st_size} bytes"
            raise InputError(what, expected=f"at most {MAX_BYTES}", todo="split it by pictures")
        return json.loads(path.read_bytes(), object_pairs_hook=unique)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot read the boxes file {path}: {reason}", expected="a JSON file") from error
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{path} is not JSON ({reason})", expected=f'{{"name.jpg": [{_ROW}, ...]}}') from error


def _numbers(values: object, counts: tuple[int, ...], where: str, expected: str) -> list[float]:
    """A list of numbers. NaN and infinities pass: the box, not the file, is at fault."""
    if not isinstance(values, list):
        raise InputError(f"{where} is {_kind(values)}", expected=expected)
    if len(values) not in counts:
        raise InputError(f"{where} has {len(values)} numbers", expected=expected)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{where} holds {_kind(value)} among its numbers", expected=expected)
    return [_float(value) for value in values]


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _detections(rows: list[tuple[list[float], str]]) -> Detections:
    """Good rows (x1, y1, x2, y2, score) as boxes; the others as reasons, with the words that say where they are."""
    reasons = [box_fault(np.array(row[:4]), row[4]) for row, _ in rows]
    good = np.array([row for (row, _), reason in zip(rows, reasons, strict=True) if not reason]).reshape(-1, 5)
    rejected = tuple(f"{where} {reason}" for (_, where), reason in zip(rows, reasons, strict=True) if reason)
    return Detections(boxes=good[:, :4], scores=good[:, 4], rejected=rejected)


def _from_names(path: Path, data: dict[str, Any]) -> dict[str, Detections]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        inner = {f"{key}/{frame}": rows for frame, rows in value.items()} if isinstance(value, dict) else {key: value}
        for name, rows in inner.items():
            if _plain(name) in flat:
                raise InputError(
                    f"{path} has the key {_plain(name)!r} twice", expected="one entry for each", todo="join them"
                )
            flat[_plain(name)] = rows
    entries: dict[str, Detections] = {}
    for key, rows in flat.items():
        if not isinstance(rows, list):
            raise InputError(f"{path}: {key!r} holds {_kind(rows)}", expected=f"a list of {_ROW}")
        checked = []
        for index, row in enumerate(rows):
            where = f"{key!r}, box {index}"
            numbers = _numbers(row, (4, 5), f"{path}: {where}", _ROW)
            checked.append(([*numbers, 1.0][:5], where))
        entries[key] = _detections(checked)
    return entries


def _from_coco(path: Path, data: Any) -> dict[str, Detections]:
    names, results = None, data
    if isinstance(data, dict):
        names, results = _image_names(path, data["images"]), data["annotations"]
    if not isinstance(results, list):
        raise InputError(f"{path}: the annotations are {_kind(results)}", expected="a list")
    rows: dict[str, list[tuple[list[float], str]]] = {name: [] for name in names.values()} if names is not None else {}
    for index, result in enumerate(results):
        where = f"result {index}"
        if not isinstance(result, dict) or "image_id" not in result or "bbox" not in result:
            raise InputError(f"{path}: {where} lacks image_id or bbox", expected="a COCO result for each person")
        if result.get("category_id", 1) != 1 or result.get("iscrowd", 0):
            continue
        x, y, w, h = _numbers(result["bbox"], (4,), f"{path}: {where}, bbox", "[x, y, w, h]")
        (score,) = _numbers([result.get("score", 1.0)], (1,), f"{path}: {where}, score", "a number")
        image = _image_id(path, where, result["image_id"])
        if names is not None and image not in names:
            raise InputError(f"{path}: {where} has image_id {image}", expected="an id from its table of images")
        key = f"#{image}" if names is None else names[image]
        rows.setdefault(key, []).append(([x, y, x + w, y + h, score], f"{where} (image_id {image})"))
    return {key: _detections(value) for key, value in rows.items()}


def _image_names(path: Path, table: object) -> dict[int, str]:
    if not isinstance(table, list):
        raise InputError(f"{path}: its table of images is {_kind(table)}", expected='[{"id", "file_name"}, ...]')
    names: dict[int, str] = {}
    for index, row in enumerate(table):
        where = f"images[{index}]"
        if not isinstance(row, dict) or not isinstance(row.get("file_name"), str) or "id" not in row:
            raise InputError(f"{path}: {where} lacks id or file_name", expected='{"id", "file_name"}')
        image = _image_id(path, where, row["id"])
        if names.setdefault(image, _plain(row["file_name"])) != _plain(row["file_name"]):
            raise InputError(f"{path}: {where} has id {image} again, for another file", expected="one file for each id")
    return names


def _image_id(path: Path, where: str, value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{path}: {where} has an image id that is {_kind(value)}", expected="a whole number")
    return value
