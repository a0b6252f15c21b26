"""`study.json`: what a study has found so far, whole after every job. It outlives the run folders.

A study that is started again reads it first: jobs that are there are not done again, those that failed are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import InputError
from mien.files import atomic_write, read_json

__all__ = ["SCHEMA_VERSION", "STUDY", "Ledger"]

SCHEMA_VERSION = 1
STUDY = "study.json"
_OPEN_LEVELS = 4
"""Objects deeper than this stand on one line each."""


@dataclass(kw_only=True)
class Ledger:
    """The file, in memory."""

    path: Path
    study: str
    plan: dict[str, Any] = field(default_factory=dict)
    """What was asked last."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each finished job found, by key."""
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    """Why others did not finish, by key."""

    @classmethod
    def open(cls, out: Path, study: str) -> Ledger:
        """What `out` holds of this study so far; nothing in a new folder.

        Raises:
            InputError: the file is damaged, of another version, or of another study; or the folder is in other use.
        """
        path = out / STUDY
        if out.exists() and not out.is_dir():
            raise InputError(f"--out {out} is a file", expected="a folder, there or to be made")
        if not path.exists():
            return cls(path=path, study=study)
        try:
            record = read_json(path)
            version, kind, jobs, failed = (record[name] for name in ("schema_version", "study", "jobs", "failed"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged ({error})", todo="restore it, or choose another --out") from error
        if version != SCHEMA_VERSION:
            raise InputError(f"{path} is of version {version}", expected=f"version {SCHEMA_VERSION}")
        if kind != study:
            todo = "choose another --out"
            raise InputError(f"{out} holds a study of another kind, {kind!r}", expected=f"a study {study!r}", todo=todo)
        kinds = (jobs, {"name": str}), (failed, {"name": str, "reason": str})
        if not all(_records(part, keys) for part, keys in kinds) or not isinstance(record.get("plan", {}), dict):
            found = f"{path} is damaged (its jobs are no objects with names)"
            raise InputError(found, todo="restore it, or choose another --out")
        return cls(path=path, study=study, plan=record.get("plan", {}), jobs=jobs, failed=failed)

    def add(self, key: str, record: Mapping[str, Any]) -> None:
        """A job is finished; the file is written."""
        self.jobs[key] = dict(record)
        self.failed.pop(key, None)
        self.write()

    def add_failure(self, key: str, name: str, reason: str) -> None:
        """A job ended without a result; the file is written."""
        self.failed[key] = {"name": name, "reason": reason}
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            OutputError: the folder cannot be written.
        """
        record = {
            "schema_version": SCHEMA_VERSION,
            "study": self.study,
            "plan": self.plan,
            "jobs": dict(sorted(self.jobs.items(), key=lambda item: item[1]["name"])),
            "failed": self.failed,
        }
        with atomic_write(self.path) as stream:
            stream.write((_text(record, _OPEN_LEVELS) + "\n").encode())


def _records(part: Any, keys: Mapping[str, type]) -> bool:
    """Whether a part is an object of objects that have these keys."""
    records = list(part.values()) if isinstance(part, dict) else [None]
    return all(isinstance(each, dict) and all(isinstance(each.get(key), kind) for key, kind in keys.items())
               for each in records)  # fmt: skip


def _text(value: Any, levels: int, indent: str = "") -> str:
    """JSON whose outer objects have a line for each key: to read, and to compare in a version control."""
    if not levels or not isinstance(value, dict) or not value:
        return json.dumps(value)
    inside = indent + " "
    lines = (f"{inside}{json.dumps(key)}: {_text(each, levels - 1, inside)}" for key, each in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
