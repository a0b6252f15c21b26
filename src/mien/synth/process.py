"""What makes a process quick at pictures: few threads, memory that is kept, garbage that is seldom looked for."""

from __future__ import annotations

import gc
import sys

__all__ = ["collect_rarely", "keep_memory", "use_threads"]

_KEPT = {-1: 256, -2: 16, -3: 32}
"""Of glibc's malloc (`M_TRIM_THRESHOLD`, `M_TOP_PAD`, `M_MMAP_THRESHOLD`), megabytes."""


def keep_memory() -> None:
    """Let glibc keep what is freed for the next picture: asking the system for it again costs a tenth of the time.

    There is no way back: for processes that do nothing else.
    """
    import ctypes

    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for name, megabytes in _KEPT.items():
            libc.mallopt(name, megabytes << 20)


def collect_rarely() -> None:
    """Let Python look for garbage in cycles less often: all that is loaded is none, and pictures leave little.

    Walking through kernels and textures again and again takes a twelfth of the time.
    """
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def use_threads(of_cv2: int, of_torch: int) -> tuple[int, int]:
    """Let the libraries use so many threads, kernels those of torch; how many they used before."""
    import cv2
    import torch

    before = cv2.getNumThreads(), torch.get_num_threads()
    for setter, count, now in zip((cv2.setNumThreads, torch.set_num_threads), (of_cv2, of_torch), before, strict=True):
        if count != now:  # cv2 waits for ever to end threads of the process that this one was forked from
            setter(count)
    return before
