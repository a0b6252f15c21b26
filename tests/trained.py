"""Small trainings: a store of made people, a network of a few thousand parameters, and how a run is started."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from made import jpeg, made_people, made_picture

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.augment import Augment
from mien.data.store import Store
from mien.nets.smplest import Config
from mien.train.config import Data, Optimizer, Ranks, Records, TrainConfig

NANO = Config(
    embed_dim=32, depth=2, heads=2, image_size=(128, 96), decoder_depth=1, decoder_heads=1, decoder_head_dim=16,
    dim_out=16, drop_path=0.3, joint_maps=True,
)  # fmt: skip


def make_store(folder: Path, count: int = 12) -> Path:
    """A store with one dataset, and its pictures."""
    body = BodyModel.load(find_body("openbody"))
    people = made_people(body, count, (120, 160))
    (folder / "pictures").mkdir(parents=True)
    for row in range(count):
        (folder / "pictures" / f"{row}.jpg").write_bytes(jpeg(made_picture(body, people, row)))
    Store.create(folder).add("made", [people], pictures=str(folder / "pictures"))
    return folder


def small(store: Path, **changes: Any) -> TrainConfig:
    """Four steps of eight samples, with everything that a checkpoint has to keep: drop path, dice, a running mean."""
    config = TrainConfig(
        name="small",
        summary="four steps",
        network=NANO,
        body="openbody",
        batch=8,
        steps=4,
        data=Data(sources=(str(store),), mixing="concat"),
        augment=Augment(cutout_chance=0.3),
        optimizer=Optimizer(lr=1e-3, muon=1e-3, warm_up=2, clip=50.0, ema=0.9, weight_decay=0.05),
        ranks=Ranks(),
        records=Records(
            log_every=1, validate_every=0, sheet_every=0, save_every=2, tensorboard=False, validation_rows=4
        ),
    )
    return replace(config, **changes)


def losses(out: Path) -> list[float]:
    """Of every line of a run's log."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if line["kind"] == "train"]


def weights(out: Path, name: str = "last") -> dict[str, torch.Tensor]:
    """What a run exported."""
    from safetensors.torch import load_file

    return load_file(out / "weights" / f"{name}.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are equal to the bit."""
    return all(torch.equal(one[key], other[key]) for key in one)


def command(*words: str, ranks: int = 1, port: int = 29511, **options: str) -> subprocess.CompletedProcess[str]:
    """Run `mien train ...` in processes of their own; options are torchrun's."""
    start = [sys.executable, "-m", "mien"]
    if ranks > 1:
        extra = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        torchrun = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={ranks}"]
        start = [*torchrun, f"--master-port={port}", *extra, "-m", "mien"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*start, "train", *words], capture_output=True, text=True, timeout=300, env=environment, check=False
    )
