"""What the tests of readers look at: labels of samples, and the folder of real pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.data.samples import Label, Samples

REAL = Path(__file__).parents[2] / "shared/real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real pictures is not here")


def write(path: Path, content: Any) -> Path:
    """Text as it is, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def label(samples: Samples, name: str) -> Label:
    """A further label."""
    found = samples.extra[name]
    assert isinstance(found, Label)
    return found


def words(samples: Samples, name: str) -> list[str]:
    """A further column of text."""
    found = samples.extra[name]
    assert isinstance(found, np.ndarray)
    return found.tolist()
