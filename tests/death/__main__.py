"""Kill pipelines at random moments, and see that they end as if nothing had happened.

    python -m tests.death --pipelines synth ingest predict train evaluate study --count 100 --seed 0

Exit code 0: every resume identical; 1: not so, each difference is a line.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]
USUAL = ("synth", "ingest", "predict", "clip", "train", "evaluate", "study")


def main() -> int:
    """The exit code."""
    from death.harness import campaign
    from death.pipelines import PIPELINES
    from death.runs import Zygote

    parser = argparse.ArgumentParser(prog="python -m tests.death")
    parser.add_argument("--pipelines", nargs="+", default=list(USUAL), choices=list(PIPELINES), metavar="NAME")
    parser.add_argument("--count", type=int, default=100, help="kills of each pipeline")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, help="a JSON file for the figures; those of other pipelines in it stay")
    options = parser.parse_args()
    tallies = []
    kept = json.loads(options.write.read_text()) if options.write and options.write.exists() else {}
    with tempfile.TemporaryDirectory() as folder, Zygote(Path(folder, "inputs")) as zygote:
        for name in options.pipelines:
            tallies.append(campaign(zygote, name, Path(folder), options.count, options.seed, _say))
            found = tallies[-1]
            _say(f"{name}: {found.kills} kills, {found.landed} landed, {found.resumes} resumed, {found.problems=}")
            if options.write:
                kept[name] = asdict(found)
                options.write.write_text(json.dumps(kept, indent=1) + "\n")
    return 1 if any(each.problems for each in tallies) else 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
