"""A short, fixed slice of the fuzzer (`python -m tests.fuzz` is the long one), and the fuzzer's own guards."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fuzz.mutate import CANARY
from fuzz.runner import BAD, Case, Corpus, outcome_of, run_case
from fuzz.targets import TARGETS

FILES = 4
"""Of each reader. The first ones of this seed; the long run draws others."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(root=tmp_path_factory.mktemp("fuzz"), seed=1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_valid_files_are_read_and_others_refused(name: str, corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    target = TARGETS[name]
    for number in range(-1, FILES):  # -1: a valid one
        case = corpus.case(target, number)
        monkeypatch.chdir(case.folder)
        word, said = outcome_of(lambda case=case: target.read(case.folder, case.file))
        assert word not in BAD, f"{name}, file {number}: {word}: {said}"
        assert not Path(CANARY).exists()


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    one, other = (Corpus(root=tmp_path / name, seed=3) for name in ("a", "b"))
    target = TARGETS["boxes"]
    for number in range(20):
        assert one.case(target, number).file.read_bytes() == other.case(target, number).file.read_bytes()


def _case(tmp_path: Path, read: object) -> Case:
    (tmp_path / "a.json").write_text("{}")
    target = replace(TARGETS["boxes"], read=read)  # pyright: ignore[reportArgumentType]
    return Case(target=target, number=0, folder=tmp_path, file=tmp_path / "a.json")


@pytest.mark.parametrize(
    ("read", "word"),
    [
        (lambda folder, file: None, "ok"),
        (lambda folder, file: 1 / 0, "traceback"),
        (lambda folder, file: os.system("true"), "code"),
        (lambda folder, file: (folder / CANARY).touch(), "code"),
        (lambda folder, file: open("/tmp/mien-fuzz-elsewhere", "w").close(), "wrote"),
        (lambda folder, file: bytearray(2**40), "memory"),
        (lambda folder, file: os.abort(), "crash"),
    ],
    ids=["ok", "traceback", "system", "canary", "elsewhere", "memory", "abort"],
)
def test_the_runner_sees_what_it_looks_for(tmp_path: Path, read: object, word: str) -> None:
    assert run_case(_case(tmp_path, read)).word == word
    Path("/tmp/mien-fuzz-elsewhere").unlink(missing_ok=True)


def test_a_hang_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.runner.WALL_SECONDS", 0.2)
    assert run_case(_case(tmp_path, lambda folder, file: time.sleep(60))).word == "hang"
