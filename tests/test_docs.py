"""The documentation holds: commands run, verbs and options exist, links lead somewhere, every page is in the menu."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from documented import DOCS, ROOT, Block, blocks, markers, pages, set_the_desk

from mien.cli import VERBS, main
from mien.data.catalogue import catalogue

PAGES = [*pages(), ROOT / "README.md"]
NAMES = {page: page.relative_to(ROOT).as_posix() for page in PAGES}
TASKS = [
    page for page in pages() if page.parent == DOCS and page.name not in ("index.md", "limits.md", "comparison.md")
]
"""Pages that say how something is done."""


def with_blocks(*kinds: str) -> list[Path]:
    return [page for page in PAGES if any(block.how in kinds for block in blocks(page))]


@pytest.mark.parametrize("page", with_blocks("run"), ids=NAMES.get)
def test_quick_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(set_the_desk(tmp_path / "desk"))
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.how == "run":
            run_here(block, names)


def run_here(block: Block, names: dict[str, object]) -> None:
    """In this process: Python, which goes on with the names of the page's blocks before it, and lines of `mien`."""
    place = f"{NAMES[block.page]}:{block.line}"
    if block.language == "python":
        exec(compile(block.text, place, "exec"), names)
        return
    for words in block.commands():
        assert words[0] == "mien", f"{place}: mark it `run slow`: {words}"
        assert main(words[1:]) == 0, f"{place}: {words}"


@pytest.mark.slow
@pytest.mark.parametrize("page", with_blocks("run slow"), ids=NAMES.get)
def test_all_blocks_run_as_a_reader_would_type_them(page: Path, tmp_path: Path) -> None:
    desk = set_the_desk(tmp_path / "desk")
    if "dance.mp4" in page.read_text():
        film(desk)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    before = ""
    for block in blocks(page):
        if block.how in ("run", "run slow"):
            words = ["bash", "-ec", block.text]
            if block.language == "python":
                before += block.text
                words = [sys.executable, "-c", before]
            run = subprocess.run(words, cwd=desk, env=environment, capture_output=True, check=False)
            assert run.returncode == 0, f"{NAMES[page]}:{block.line}\n{run.stderr.decode()}"


def film(desk: Path) -> None:
    """`dance.mp4`: a second of two people who cross, and their boxes."""
    sys.path.insert(0, str(ROOT / "examples"))
    example = __import__("03_video_to_tracks")
    example.main(desk, 25, size=(120, 160))
    (desk / "walk.mp4").rename(desk / "dance.mp4")
    boxes = desk / "boxes.json"
    boxes.write_text(boxes.read_text().replace("walk.mp4", "dance.mp4"))


@pytest.mark.parametrize("page", TASKS, ids=NAMES.get)
def test_every_task_page_has_something_that_runs_or_says_why_not(page: Path) -> None:
    if "```" in page.read_text():
        assert markers(page), "mark a block with <!-- run --> or <!-- not run: why -->, see tests/documented.py"


@functools.cache
def options(verb: str) -> frozenset[str]:
    """What `mien VERB --help` lists."""
    import contextlib
    import io

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main([*verb.split(), "--help"])
    return frozenset(re.findall(r"--[a-z][\w-]*", printed.getvalue()))


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_verbs_and_options_exist(page: Path) -> None:
    for block in blocks(page):
        if block.language in ("", "bash", "sh"):
            for line in block.text.replace("\\\n", " ").splitlines():
                for command in re.findall(r"(?:^|[;&]|\bdo|-m) *mien ([^#;&|]+)", line):
                    check(command.split(), f"{NAMES[page]}:{block.line}: mien {command}")


def check(words: list[str], place: str) -> None:
    verb = next((verb for verb in (" ".join(words[:2]), words[0]) if verb in VERBS), "")
    assert verb, place
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in options(verb), f"{place}: {word}"


def anchor(heading: str) -> str:
    """As the site makes it."""
    plain = re.sub(r"[^\w\s-]", "", re.sub(r"[`*]|\]\([^)]*\)", "", heading)).strip().lower()
    return re.sub(r"[-\s]+", "-", plain)


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        name, _, part = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), target
        if DOCS in page.parents:
            assert DOCS in other.parents, f"{target} is not part of the site"
        if part:
            assert part in anchors(other), target


def test_every_page_is_in_the_menu() -> None:
    def leaves(entries: list[Any]) -> list[str]:
        found = []
        for entry in entries:
            for value in entry.values() if isinstance(entry, dict) else [entry]:
                found += leaves(value) if isinstance(value, list) else [value]
        return found

    menu = leaves(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])
    assert len(menu) == len(set(menu))
    assert set(menu) == {page.relative_to(DOCS).as_posix() for page in pages()}


def test_the_catalogue_page_is_the_catalogue() -> None:
    sys.path.insert(0, str(ROOT / "tools/docs"))
    made = __import__("catalogue_page").page()
    assert (DOCS / "catalogue.md").read_text() == made, "write it anew: python tools/docs/catalogue_page.py"
    assert all(entry.title in made for entry in catalogue().values())
