"""Sudden death: runs that are killed at any moment end, when they go on, with the same bytes; full and read-only disks,
and two processes on one folder, damage nothing. The long form is `python -m tests.death`."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from death.folders import DECLARED, differences
from death.harness import Grave, campaign
from death.runs import Fate, Zygote

from mien import files
from mien.errors import OutputError
from mien.files import atomic_write, exclusive

QUICK, SLOW = ("synth", "ingest", "predict"), ("clip", "train", "evaluate", "study")
PROCESSES = ("synth-processes", "ingest-processes", "evaluate-processes", "study-processes")


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with Zygote(tmp_path_factory.mktemp("death") / "inputs") as found:
        yield found


def test_three_sudden_deaths_each(zygote: Zygote, tmp_path: Path) -> None:
    for name in QUICK:
        tally = campaign(zygote, name, tmp_path, 3, seed=0)
        assert not tally.problems and tally.landed, tally


@pytest.mark.slow
@pytest.mark.parametrize("name", (*SLOW, *PROCESSES))
def test_three_sudden_deaths_of_slower_ones(zygote: Zygote, tmp_path: Path, name: str) -> None:
    tally = campaign(zygote, name, tmp_path, 3, seed=0)
    assert not tally.problems and tally.landed, tally


@pytest.mark.slow
@pytest.mark.parametrize("name", (*QUICK, *SLOW))
def test_disks_that_take_no_more_and_two_at_once(zygote: Zygote, tmp_path: Path, name: str) -> None:
    grave, random = Grave(zygote, name, tmp_path), Random(name)
    for number, said in ((errno.ENOSPC, "full"), (errno.EROFS, "Read-only file system")):
        for fail_at in (1, random.randrange(2, grave.whole.changes - 1)):
            stopped = grave.begin(Fate(fail_at=fail_at, errno=number))
            assert stopped.code in (1, 2) and "Traceback" not in stopped.said, stopped.said
            assert said in stopped.said and "cannot" in stopped.said and not stopped.orphans, stopped.said
            assert not grave.wrong(grave.resume()), fail_at
    _two_at_once(grave)


def _two_at_once(grave: Grave) -> None:
    """The first one is held in the middle; the second one is sent away; the first one ends as ever."""
    shutil.rmtree(grave.out)
    zygote, name = grave.zygote, grave.pipeline.name
    first = zygote.start(name, grave.words(), grave.out)
    while not list(grave.out.glob("**/.lock")):
        first.wait(0.02, by_processor=False)
    first.signal(signal.SIGSTOP)
    second = zygote.run(name, grave.words(resume=True), grave.out)
    first.signal(signal.SIGCONT)
    assert second.code == 2 and "another process is writing to" in second.said, second.said
    assert second.said.count("\n") <= 3 and "Traceback" not in second.said, second.said
    assert not grave.wrong(zygote.end(first))


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("name", (*QUICK, *SLOW))
def test_a_small_disk(zygote: Zygote, tmp_path: Path, name: str) -> None:
    grave = Grave(zygote, name, tmp_path)
    size = sum(len(content) for content in grave.contents.values())
    grave.out.rename(tmp_path / "whole")
    grave.out.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size // 2}", "tmpfs", str(grave.out)], check=False
    ).returncode:
        pytest.skip("small disks cannot be mounted here")
    try:
        stopped = zygote.run(name, grave.words(), grave.out)
        assert stopped.code in (1, 2) and "the disk is full" in stopped.said and "Traceback" not in stopped.said
        subprocess.run(["mount", "-o", "remount,size=1g", str(grave.out)], check=True)
        assert not grave.wrong(grave.resume())
    finally:
        subprocess.run(["umount", str(grave.out)], check=True)


def test_what_a_killed_process_was_writing_is_swept(tmp_path: Path) -> None:
    """Only after a kill, only what `atomic_write` left, and not where another process is at work."""
    (tmp_path / "in/held").mkdir(parents=True)
    left = [tmp_path / ".a.npz.abc_1234.part", tmp_path / "in/.b.jpg.12345678.part"]
    kept = [tmp_path / "in/held/.c.npz.abc_1234.part", tmp_path / ".d.part", tmp_path / "in/e.abc_1234.part"]
    for path in (*left, *kept):
        path.touch()
    with exclusive(tmp_path):
        pass
    assert all(path.exists() for path in left), "nobody was killed"
    (tmp_path / ".lock").touch()
    with exclusive(tmp_path / "in/held"):
        with exclusive(tmp_path), pytest.raises(OutputError, match="another process"), exclusive(tmp_path):
            pass
    assert not any(path.exists() for path in left) and all(path.exists() for path in kept)
    assert not list(tmp_path.rglob(".lock"))
    (tmp_path / "in/held/.lock").touch()  # it was killed, too
    (tmp_path / ".lock").touch()
    with exclusive(tmp_path):
        assert not kept[0].exists() and not (tmp_path / "in/held/.lock").exists()


def test_who_was_killed_may_take_a_moment_to_die(tmp_path: Path) -> None:
    """Its memory goes before its locks do."""
    code = "import sys; from pathlib import Path; from mien.files import exclusive\nwith exclusive(Path(sys.argv[1])):"
    code += " print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline()
        with pytest.raises(OutputError, match="another process"), exclusive(tmp_path):
            pass
        timer = threading.Timer(0.3, process.kill)
        timer.start()
        with exclusive(tmp_path, patience=60):
            assert process.wait(60) == -signal.SIGKILL
        timer.join()


def test_atomic_write_leaves_names_that_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.unlink", lambda path: None)
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a b.npz"):
        raise KeyboardInterrupt
    monkeypatch.undo()
    (tmp_path / ".lock").touch()
    with exclusive(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_files_have_the_rights_of_others_without_a_moment_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").touch()
    monkeypatch.setattr("os.umask", lambda mask: pytest.fail("the mask is that of all threads"))
    with atomic_write(tmp_path / "written") as stream:
        stream.write(b"1")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
def test_a_disk_without_locks_and_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(fault: int) -> None:
        def flock(stream: object, how: int) -> None:
            raise OSError(fault, os.strerror(fault))

        monkeypatch.setattr("fcntl.flock", flock)

    files._say_unlocked.cache_clear()
    failing(errno.ENOLCK)
    for _ in range(2):
        with exclusive(tmp_path):
            (tmp_path / "x").touch()
    assert caplog.text.count("this disk has no file locks") == 1
    for fault, message in ((errno.EAGAIN, "another process is writing"), (errno.EIO, r"cannot write .*lock")):
        failing(fault)
        with pytest.raises(OutputError, match=message), exclusive(tmp_path):
            pass


def test_what_cannot_be_swept_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (".lock", ".a.npz.abc_1234.part"):
        (tmp_path / name).touch()

    def denied(path: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.unlink", denied)
    with pytest.raises(OutputError, match="Permission denied"), exclusive(tmp_path):
        pass


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import multiprocessing, os, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from mien.workers import end_with_parent\n"
        "if __name__ == '__main__':\n"
        "    pool = ProcessPoolExecutor(1, multiprocessing.get_context('spawn'), end_with_parent)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = Path("/proc") / parent.stdout.readline().strip()
        assert worker.exists()
        parent.kill()
    deadline = time.monotonic() + 20
    while worker.exists() and " Z " not in (worker / "stat").read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert time.monotonic() < deadline


def test_differences_are_seen_and_declared_ones_are_in_the_manual(tmp_path: Path) -> None:
    whole = {"a.json": b"1", "b.json": b"2", "c.json": b"3"}
    (tmp_path / "a.json").write_bytes(b"1")
    (tmp_path / "b.json").write_bytes(b"?")
    (tmp_path / "d").mkdir()
    assert differences(whole, tmp_path) == ["b.json differs", "c.json is missing", "d/ is left over"]
    page = (Path(__file__).parents[1] / "docs/sudden-death.md").read_text()
    for each in DECLARED:
        assert f"`{each.files}`" in page and each.what in page, each
