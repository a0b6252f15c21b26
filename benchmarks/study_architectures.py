"""Is simpler worse? The smallest size of each architecture, trained on the same pictures for as many steps, compared.

    for recipe in studio hands street seated_talk sport; do
        mien synth $recipe --out data/s1/$recipe --count 500 --test 0 --seed 1
        mien synth $recipe --out data/s99/$recipe --count 40 --test 0 --seed 99
    done
    python benchmarks/study_architectures.py data/s1 data/s99 --out runs/architectures [--write]

Each training is an ordinary `mien train` of a config that differs from the others in network, losses and seed alone.
One that is finished is not done again. People of other pictures are measured with what came out of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, milliseconds, processor

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.data.augment import Augment
from mien.evaluate.reading import read_truths
from mien.evaluate.results import SHOWN, Results
from mien.evaluate.running import evaluate
from mien.losses.table import LOSSES
from mien.metrics.parts import MeshParts
from mien.nets.architectures import ARCHITECTURES
from mien.nets.weights import load_weights
from mien.train.config import Data, Optimizer, Records, TrainConfig, to_json

RECIPES = ("studio", "hands", "street", "seated_talk", "sport")
MEASURES = ("pve", "pa_pve", "pve_hand", "pa_pve_hand", "pve_face", "pa_pve_face", "mpjpe_body", "pa_mpjpe_body")
FIRST, DRAWS, BATCH = "smplest-x", 4000, 16
Figures = dict[str, Any]


def study_config(name: str, seed: int, steps: int, sources: tuple[str, ...]) -> TrainConfig:
    """One training: losses with their published weights, everything else the same for all."""
    return TrainConfig(
        name=f"study-{name}",
        summary="the smallest size on synthetic people, to compare architectures",
        network=ARCHITECTURES[name].sizes["xxs"],
        loss=LOSSES[name](),
        body="openbody",
        batch=BATCH,
        steps=steps,
        seed=seed,
        data=Data(sources=sources, mixing="balance"),
        augment=Augment(mirror_expression=True, rotation_chance=0.0, scale=0.1),
        optimizer=Optimizer(
            lr=1e-3, lr_min=1e-5, warm_up=max(1, steps // 20), weight_decay=0.05, betas=(0.9, 0.98), clip=100.0,
            ema=0.98,
        ),
        records=Records(validate_every=0, sheet_every=0, save_every=0, tensorboard=False),
    )  # fmt: skip


def run(config: TrainConfig, out: Path) -> Figures:
    """Train in a process of one thread; how fast, and with how much memory."""
    kept = out / "figures.json"
    if not kept.exists():
        out.mkdir(parents=True, exist_ok=True)
        file = out / "study.json"
        file.write_text(to_json(config))
        words = [sys.executable, "-m", "mien", "train", str(file), "--out", str(out / "run"), "--resume", "--quiet"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        before, begun = os.times(), time.perf_counter()
        subprocess.run(words, check=True, env=environment)
        spent = os.times()
        cpu = spent.children_user + spent.children_system - before.children_user - before.children_system
        lines = [json.loads(line) for line in (out / "run/log.jsonl").read_text().splitlines()]
        memory = max(line["memory_mb"] for line in lines if line["kind"] == "train")
        figures = {"cpu_s": cpu, "wall_s": time.perf_counter() - begun, "memory_mb": memory}
        kept.write_text(json.dumps(figures))
    return json.loads(kept.read_text())


def measured(weights: Path, folders: list[Path]) -> Results:
    """Everybody in the held-out folders."""
    body = BodyModel.load(find_body("openbody"))
    network, _ = load_weights(weights, dtype=torch.float32)
    parts = MeshParts.load(body.path)
    return Results.cat([evaluate(network, read_truths(folder, "train", body), body, parts=parts) for folder in folders])


def speed(name: str) -> Figures:
    """Milliseconds of one crop and of eight, and parameters."""
    config = ARCHITECTURES[name].sizes["xxs"]
    network = ARCHITECTURES[name].network.random(config, 0)
    found: Figures = {"parameters": sum(parameter.numel() for parameter in network.parameters())}
    with torch.inference_mode():
        for batch in (1, 8):
            crops = torch.rand(batch, 3, *config.image_size)
            found[f"ms_{batch}"] = milliseconds(lambda n=network, c=crops: n(c), rounds=21)
    return found


def interval(values: np.ndarray, random: np.random.Generator) -> tuple[float, float, float]:
    """Mean over seeds and people, and its 95 % interval when both are drawn again; (seed, person), NaN is absent."""
    seeds, people = values.shape
    means = []
    for _ in range(DRAWS):
        drawn = values[random.integers(0, seeds, seeds)][:, random.integers(0, people, people)]
        means.append(np.nanmean(drawn))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.nanmean(values)), float(low), float(high)


def table_of(results: list[Results], measure: str) -> np.ndarray:
    """The values of a measure: a row for each seed, a column for each person."""
    return np.stack([np.where(each.valid[measure], each.values[measure], np.nan) for each in results])


def compare(found: dict[str, list[Results]]) -> dict[str, Figures]:
    """Every measure of every architecture, and how much more it is than that of the first."""
    random, rows = np.random.default_rng(0), dict[str, Figures]()
    tables = {name: {each: table_of(results, each) for each in MEASURES} for name, results in found.items()}
    for name in found:
        rows[name] = {each: interval(tables[name][each], random) for each in MEASURES}
        if name != FIRST:
            off = {each: tables[name][each] - tables[FIRST][each] for each in MEASURES}
            rows[name] |= {f"{each}_more": interval(off[each], random) for each in MEASURES}
    return rows


def verdict(more: tuple[float, float, float], first: str, other: str) -> str:
    """What an interval of differences says."""
    mean, low, high = more
    if low > 0:
        return f"{first} is better, by {mean:.1f} mm ({low:.1f} to {high:.1f})"
    if high < 0:
        return f"{other} is better, by {-mean:.1f} mm ({-high:.1f} to {-low:.1f})"
    return f"not decided: {other} - {first} = {mean:+.1f} mm ({low:+.1f} to {high:+.1f})"


PAGE = """# Architectures, side by side

    {command}

The smallest size (`xxs`, 128 x 96 pixels) of each architecture, {steps} steps of {batch} samples, {seeds} seeds,
fp32, one thread of {processor}. Training: {train} pictures each of {recipes}
(`mien synth RECIPE --count 500 --test 0 --seed 1`). Measured: {people} people of other pictures of the same recipes
(`--count 40 --seed 99`). The optimizer, its schedule, the pictures, their mild augmentation and their order are the
same for all; each architecture has its own losses with their published weights.

Millimetres, mean over people and seeds, with the 95 % interval when both are drawn again:

{errors}

How much more than SMPLest-X, person by person and seed by seed (below 0 is better than SMPLest-X):

{more}

Cost:

{cost}

What the paper says, at this scale:

{verdicts}

{warning}
"""
WARNING = """These networks are small, have seen few pictures, and are far from done learning: the table compares how
fast they learn as much as what they can learn. Nothing follows from it for the published sizes."""


def page(record: Figures) -> str:
    """docs/results/architectures.md."""
    rows, names = record["rows"], list(record["rows"])

    def lines(head: list[str], cells: list[list[str]]) -> str:
        made = [head, ["---", *["---:"] * (len(head) - 1)], *cells]
        return "\n".join(f"| {' | '.join(row)} |" for row in made)

    def cell(value: tuple[float, float, float], form: str) -> str:
        return f"{value[0]:{form}} ({value[1]:{form}} to {value[2]:{form}})"

    head = ["", *(SHOWN[each] for each in MEASURES)]
    errors = lines(head, [[name, *(cell(rows[name][each], ".1f") for each in MEASURES)] for name in names])
    others = [name for name in names if name != FIRST]
    more = lines(head, [[name, *(cell(rows[name][f"{each}_more"], "+.1f") for each in MEASURES)] for name in others])
    costs = {"parameters": ",d", "ms_1": ".1f", "ms_8": ".1f", "cpu_ms_a_step": ".0f", "memory_mb": ".0f"}
    titles = ["", "parameters", "ms, 1 crop", "ms, 8 crops", "training: CPU ms a step", "training: memory, MB"]
    figures = {name: [f"{record['cost'][name][key]:{form}}" for key, form in costs.items()] for name in names}
    cost = lines(titles, [[name, *cells] for name, cells in figures.items()])
    claims = {"pve": "the whole body", "pve_hand": "hands", "pa_pve_hand": "hands, aligned", "pve_face": "the face"}
    pairs = [(other, each, title) for other in others for each, title in claims.items()]
    said = [f"- {title}: {verdict(rows[other][f'{each}_more'], FIRST, other)}." for other, each, title in pairs]
    return PAGE.format(
        **{key: record[key] for key in ("command", "steps", "seeds", "batch", "processor", "train", "people")},
        recipes=", ".join(record["recipes"]), errors=errors, more=more, cost=cost, verdicts="\n".join(said),
        warning=WARNING,
    )  # fmt: skip


def main() -> None:
    """Train, measure, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="folder with a folder for each recipe to learn from")
    parser.add_argument("held_out", type=Path, help="the same, of another seed, to measure on")
    parser.add_argument("--out", type=Path, required=True, help="where trainings and their figures are kept")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--architectures", nargs="+", default=list(ARCHITECTURES), choices=list(ARCHITECTURES))
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    sources = tuple(str(given.train / recipe) for recipe in RECIPES)
    folders = [given.held_out / recipe for recipe in RECIPES]
    found: dict[str, list[Results]] = {name: [] for name in given.architectures}
    spent: dict[str, list[Figures]] = {name: [] for name in given.architectures}
    for seed in range(given.seeds):
        for name in given.architectures:
            out = given.out / f"{name}-{given.steps}-{seed}"
            spent[name].append(run(study_config(name, seed, given.steps, sources), out))
            found[name].append(measured(out / "run/weights/last.safetensors", folders))
            summary = {each: round(found[name][-1].summary[each], 1) for each in MEASURES}
            figures = {key: round(value) for key, value in spent[name][-1].items()}
            print(name, "seed", seed, summary, figures, flush=True)
    cost = {name: speed(name) for name in given.architectures}
    for name, each in cost.items():
        each["cpu_ms_a_step"] = 1e3 * float(np.mean([one["cpu_s"] for one in spent[name]])) / given.steps
        each["memory_mb"] = float(np.mean([one["memory_mb"] for one in spent[name]]))
    record = {
        "command": f"python benchmarks/study_architectures.py data/s1 data/s99 --out runs/architectures"
        f" --steps {given.steps} --seeds {given.seeds} --architectures {' '.join(given.architectures)} --write",
        "steps": given.steps,
        "seeds": given.seeds,
        "batch": BATCH,
        "processor": processor(),
        "recipes": list(RECIPES),
        "train": len(list((given.train / RECIPES[0] / "images").rglob("*.jpg"))),
        "people": len(found[FIRST][0]),
        "config": json.loads(to_json(replace(study_config(FIRST, 0, given.steps, ()), name="study"))),
        "rows": compare(found),
        "cost": cost,
        "losses": {name: LOSSES[name].__name__ for name in found},
    }
    text = page(record)
    print(text)
    if given.write:
        (RESULTS / "architectures.json").write_text(json.dumps(record, indent=2) + "\n")
        (RESULTS / "architectures.md").write_text(text)


if __name__ == "__main__":
    main()
