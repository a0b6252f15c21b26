"""Threads: kernels take those of torch, and leave them to it."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
import torch

from mien.render.raster import Mesh, render

SCRIPT = """
import numpy as np, torch
from mien.render.raster import Mesh, render
{before}
triangle = Mesh(vertices=np.array([[0, 0, 2], [1, 0, 2], [0, 1, 2]], np.float32), faces=np.array([[0, 2, 1]]))
render([triangle], np.array([[50.0, 0, 10], [0, 50, 10], [0, 0, 1]]), (40, 40))
import numba
print(torch.get_num_threads(), numba.get_num_threads())
"""


@pytest.mark.parametrize(
    ("variable", "before", "expected"),
    [
        ("1", "", "1 1"),
        ("2", "", "2 2"),
        ("2", "torch.set_num_threads(1)", "1 1"),
        ("1", "torch.set_num_threads(5)", "5 4"),
    ],
)
def test_who_is_first_does_not_matter(variable: str, before: str, expected: str) -> None:
    """numba and torch share OpenMP: to start the threads of one had set the number of the other."""
    environment = {**os.environ, "OMP_NUM_THREADS": variable, "NUMBA_NUM_THREADS": "4"}
    words = [sys.executable, "-c", SCRIPT.format(before=before)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == expected


def test_threads_are_those_of_torch_at_each_call() -> None:
    before, triangle = torch.get_num_threads(), Mesh(vertices=np.eye(3, dtype=np.float32), faces=np.array([[0, 1, 2]]))
    try:
        for count in (1, 2, 1):
            torch.set_num_threads(count)
            render([triangle], np.eye(3), (8, 8))
            assert numba.get_num_threads() == min(count, numba.config.NUMBA_NUM_THREADS)  # pyright: ignore
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
