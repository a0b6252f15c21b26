"""What was done: `manifest.jsonl`, one line an input, whole at any moment; `job.json` says by which settings."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from pydantic import TypeAdapter, ValidationError

from mien.cluster.places import Place
from mien.errors import InputError

__all__ = ["Entry", "Manifest"]

MANIFEST = "manifest.jsonl"
SETTINGS = "job.json"
_LEAST_WAIT = 2.0
"""Seconds between two times that the manifest is written, so that little work is lost and little time is spent."""
_SHARE = 20.0
"""At most one part in so many of the time goes into writing it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one input."""

    name: str
    """Its path below the folder or bucket that was named."""
    stem: str
    """The name of its results, without what comes after: distinct in a manifest."""
    source: str
    """Where it lies."""
    kind: str
    """`clip` or `picture`."""
    num_bytes: int
    sha256: str = ""
    """Of the input; of a folder of frames, and of what could not be read, none."""
    files: dict[str, int] = field(default_factory=dict)
    """Bytes of its results, by their names below the output."""
    frames: int = 0
    """That were looked at; of a picture 1."""
    people: int = 0
    """Tracks of a clip, people in a picture."""
    seconds: float = 0.0
    """That its worker took, from fetching it to the last result."""
    weights_sha256: str = ""
    worker: str = ""
    """Machine and process."""
    attempts: int = 1
    """How often a worker began it; more than once where workers died."""
    problems: tuple[str, ...] = ()
    """What was wrong with it; everything else is in the result."""
    error: str = ""
    """Why there is no result; empty if there is one."""


@dataclass(kw_only=True)
class Manifest:
    """All entries, by stem."""

    place: Place
    settings: Mapping[str, object]
    """Everything that decides what the results are."""
    entries: dict[str, Entry] = field(default_factory=dict)
    _written: float = 0.0
    _took: float = 0.0

    @classmethod
    def open(cls, place: Place, settings: Mapping[str, object], *, resume: bool) -> Manifest:
        """An empty one, or what is there; nothing is written yet.

        Args:
            place: where the results go.
            settings: everything that decides what they are; kept, and compared when a job goes on.
            resume: whether to go on.

        Raises:
            InputError: what is there is damaged, or was made with other settings.
        """
        found = cls(place=place, settings=settings)
        if resume and (text := place.read(SETTINGS)) is not None:
            _compare(place, text, settings)
            found.entries = {entry.stem: entry for entry in _entries(place)}
        return found

    def begin(self) -> None:
        """Take the place of what is there.

        Raises:
            OutputError: the place cannot be written.
        """
        self.save()
        self.place.write(SETTINGS, (json.dumps(dict(self.settings), indent=1) + "\n").encode())

    def add(self, entry: Entry) -> None:
        """One more; written down now, or with the next ones if that was done a moment ago.

        Raises:
            OutputError: the place cannot be written.
        """
        self.entries[entry.stem] = entry
        if time.monotonic() - self._written > max(_LEAST_WAIT, _SHARE * self._took):
            self.save()

    def save(self) -> None:
        """Write it now.

        Raises:
            OutputError: the place cannot be written.
        """
        start = time.monotonic()
        lines = [json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in self.entries.values()]
        self.place.write(MANIFEST, "".join(lines).encode())
        self._written = time.monotonic()
        self._took = self._written - start


def _compare(place: Place, text: bytes, now: Mapping[str, object]) -> None:
    """The same settings, as JSON has them."""
    try:
        known = dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise _damaged(place, SETTINGS, error) from error
    for key, value in json.loads(json.dumps(dict(now))).items():
        if known.get(key) != value:
            raise InputError(
                f"{place.address} was begun with {key} {known.get(key)!r}, this run has {value!r}",
                expected="the same settings, to resume",
                todo="choose another --out, or leave --resume away to begin anew",
            )


def _entries(place: Place) -> list[Entry]:
    kind, lines = TypeAdapter(Entry), (place.read(MANIFEST) or b"").splitlines()
    try:
        return [kind.validate_json(line) for line in lines]
    except ValidationError as error:
        raise _damaged(place, MANIFEST, error.errors()[0]["msg"]) from error


def _damaged(place: Place, name: str, reason: object) -> InputError:
    return InputError(f"{place.show(name)} is damaged ({reason})", todo="run again without --resume")
