"""A process that has imported everything and forks for each run: a hundred runs pay for torch and kernels once.

It reads a JSON object a line and answers in the same way; `death.runs` is the other side. What it forks is what
`mien` is: `mien.cli.main(words)` in a session of its own, so that one signal reaches the run and all its children.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link")
"""Audit events that change a folder; so does `open` for writing."""
COUNTED = "changes of the folder: "
"""Before the last word of a run that was not killed."""


def main(inputs: Path) -> None:
    """Import, make the inputs (what that compiles and caches is there after the fork), then fork at every line."""
    answer = sys.stdout
    _import_all()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
        importlib.import_module("death.inputs").make(inputs)
        importlib.import_module("mien.synth.process").use_threads(1, 1)  # those of a pool end with the fork
    others = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    assert not others, f"threads {others} would not live through a fork"
    gc.freeze()
    print(json.dumps({"ready": True}), file=answer, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if pid := request.get("wait"):
            _, status, used = os.wait4(pid, 0)
            found = {"code": os.waitstatus_to_exitcode(status), "processor": used.ru_utime + used.ru_stime}
        elif pid := os.fork():
            found = {"pid": pid}
        else:
            _run(request)
        print(json.dumps(found), file=answer, flush=True)


def _import_all() -> None:
    import mien

    for each in pkgutil.walk_packages(mien.__path__, "mien."):
        if not each.name.endswith("__main__"):
            importlib.import_module(each.name)
    for name in (
        "matplotlib.pyplot",
        "pyarrow.parquet",
        "torch._dynamo",
        "torch.utils.tensorboard",
        "av",
        "rich.progress",
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _run(request: Mapping[str, Any]) -> NoReturn:
    """In the child: become the run, and never come back."""
    code = 70
    try:
        os.setsid()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["MIEN_RUN"] = request["mark"]
        importlib.import_module("death.pipelines").PIPELINES[request["pipeline"]].shrink()
        counted = _watch(Path(request["out"]), request)
        from mien.cli import main as mien_main

        sys.argv = ["mien", *request["words"]]
        code = mien_main(request["words"])
        print(f"{COUNTED}{counted[0]}", flush=True)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _watch(out: Path, request: Mapping[str, Any]) -> list[int]:
    """Count what changes the folder. Before change `die_at` (1 is the first) all processes of the run die without a
    word; from change `fail_at` on the disk is full or read-only, as `errno` says."""
    count, die_at, fail_at, number = [0], request["die_at"], request["fail_at"], request["errno"]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        path = _changed(event, arguments)
        if path is None or not path.startswith(str(out)):
            return
        count[0] += 1
        if count[0] == die_at:
            os.killpg(0, signal.SIGKILL)
            time.sleep(10)
        takes_room = event in ("open", "os.mkdir")
        if fail_at and count[0] >= fail_at and (takes_room or number != errno.ENOSPC):
            raise OSError(number, os.strerror(number), path)

    sys.addaudithook(hook)
    return count


def _changed(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The path that an audit event says is about to be changed."""
    if event == "open":
        path, mode, flags = arguments
        by_flags = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        if not by_flags and not (isinstance(mode, str) and set(mode) & set("wax+")):
            return None
    elif event in CHANGES:
        path = arguments[0]
    else:
        return None
    return os.fspath(path) if isinstance(path, str | os.PathLike) else None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
