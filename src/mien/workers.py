"""Worker processes that end with the process that started them, however that one ended."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """Called in a worker of `multiprocessing` as it begins; elsewhere it does nothing.

    A pool tells its workers to end, but one that was killed cannot: they would wait for work for ever, or go on writing
    beside the run that was started in its place.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
