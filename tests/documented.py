"""What the documentation says that a reader should type: fenced blocks, and whether a test can run them.

A comment in the line before a fence says so; readers of the site do not see it.

    <!-- run -->            it is quick: every test run does it, in this process
    <!-- run slow -->       `make test-slow` does it, in a shell, as a reader would
    <!-- not run: why -->   it needs what may not be shipped, or hours

The blocks of a page run in the order of the page, in one folder that holds the files which the pages speak of.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?:^<!-- (?P<how>run slow|run|not run: [^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"<!-- (.*?) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    how: str
    """`run`, `run slow`, `not run: why`, or nothing."""

    def commands(self) -> Iterator[list[str]]:
        """The words of each line, without comments and prompts; lines that end in a backslash are joined."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line.removeprefix("$ "), comments=True):
                yield words


def pages() -> list[Path]:
    """All pages of the site, in order."""
    return sorted(path for path in DOCS.rglob("*.md") if path.name != "speed-remarks.md")


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, and every comment that says how, wherever it stands."""
    text = page.read_text()
    return [
        Block(
            page, text.count("\n", 0, found.start("language")) + 1, found["language"], found["text"], found["how"] or ""
        )
        for found in _BLOCK.finditer(text)
    ]


def markers(page: Path) -> list[str]:
    """Every comment of a page that says whether something is run."""
    return [word for word in _COMMENT.findall(page.read_text()) if re.match(r"(not )?run\b", word)]


def set_the_desk(folder: Path) -> Path:
    """The files that the pages speak of: street.jpg and its result, photo.jpg, a folder of photos and boxes for it."""
    examples = ROOT / "examples/data"
    shutil.copytree(examples, folder / "examples/data")
    for name in ("street", "photo"):
        shutil.copy(examples / "people.jpg", folder / f"{name}.jpg")
    shutil.copy(examples / "people.npz", folder / "street.npz")
    (folder / "photos/sub").mkdir(parents=True)
    shutil.copy(examples / "people.jpg", folder / "photos/street.jpg")
    shutil.copy(examples / "unseen/studio/images/test_0000000.jpg", folder / "photos/sub/empty.jpg")
    boxes = next(block.text for block in blocks(DOCS / "detectors.md") if block.language == "json")
    (folder / "people.json").write_text(boxes)
    return folder
