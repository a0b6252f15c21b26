"""What the small runs read: pictures with truth, HumanData files, a store, weights of a few thousand parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.synth.studio import Studio

PEOPLE = 8
"""In the folder of synthetic pictures."""
FRAMES = 20
STUDIOS: list[Studio] = []
"""What synthetic pictures were made in: a run that is forked need not open one."""


def make(folder: Path) -> None:
    """Make all of it below `folder`."""
    from made import write_constant
    from trained import NANO, make_store, small

    from mien.nets.smplest import Smplest
    from mien.synth.generate import Job, generate
    from mien.train.config import Records, to_json

    folder.mkdir(parents=True, exist_ok=True)
    job = Job(recipe="studio", out=folder / "studio", count=PEOPLE, test=PEOPLE // 2, size=64, seed=5)
    generate(job, 1)
    STUDIOS.append(Studio.open(job))
    _write_weights(folder / "nano.safetensors", Smplest.random(NANO, 3))
    _write_pictures(folder)
    for seed in range(3):
        _write_humandata(folder / f"raw/raw{seed}.npz", seed)
    write_constant(folder / "constant.json")
    store = make_store(folder / "store", 6)
    records = Records(log_every=3, validate_every=2, sheet_every=3, save_every=2, validation_rows=4)
    records = replace(records, validation=(str(folder / "studio"),))
    (folder / "train.json").write_text(to_json(small(store, batch=2, steps=5, records=records)))


def _write_weights(path: Path, network: object) -> None:
    from mien.nets.card import WeightCard
    from mien.nets.network import Network
    from mien.nets.weights import save_weights

    assert isinstance(network, Network)
    card = WeightCard(
        name="nano", config=network.config, body_family="openbody", licence="Apache-2.0", source="random", recipe="none"
    )
    save_weights(network, card, path)


def _write_pictures(folder: Path) -> None:
    """A folder of pictures, and one of the frames of a clip."""
    import cv2

    rng = np.random.default_rng(0)
    for name, count in (("pictures", 5), ("frames", FRAMES)):
        (folder / name).mkdir()
        for i in range(count):
            cv2.imwrite(str(folder / name / f"{i:03d}.png"), rng.integers(0, 255, (96, 72, 3), dtype=np.uint8))


def _write_humandata(path: Path, seed: int, rows: int = 25) -> None:
    from test_ingest import write_raw

    path.parent.mkdir(exist_ok=True)
    write_raw(path, rows, seed=seed)
