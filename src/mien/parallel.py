"""Kernels on several threads: as many as torch is told to take, whichever library is used first.

numba has threads of its own count, all processors by default, and starts them through OpenMP, which torch takes its
own from: from the first parallel kernel on, torch would use all processors as well, whatever `OMP_NUM_THREADS` or
`torch.set_num_threads` had said. Many processes on one machine then wait for each other instead of working.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numba

__all__ = ["parallel"]


def parallel(function: Callable[..., Any] | None = None, *, fastmath: Any = False) -> Callable[..., Any]:
    """`numba.njit(parallel=True)` for what Python calls (not other kernels); compiled once and kept on disk.

    Args:
        function: what is to be compiled.
        fastmath: see numba.
    """
    if function is None:
        return functools.partial(parallel, fastmath=fastmath)
    kernel = numba.njit(parallel=True, cache=True, nogil=True, error_model="numpy", fastmath=fastmath)(function)

    @functools.wraps(function)
    def entry(*args: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is not None:
            _follow(torch)
        return kernel(*args)

    return entry


def _follow(torch: Any) -> None:
    """Let numba take as many threads as torch; to set them starts them, and sets those of torch, the first time."""
    count = torch.get_num_threads()
    numba.set_num_threads(max(1, min(count, numba.config.NUMBA_NUM_THREADS)))  # pyright: ignore
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
