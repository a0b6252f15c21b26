"""The long run: `python -m tests.fuzz --count 5000 --seed 1`. Exit code 1 if anything was bad."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .runner import BAD, Corpus, run_all
from .targets import TARGETS


def main() -> int:
    """Read the command line, run, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="files in all, spread evenly over the readers")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same files")
    parser.add_argument("--only", action="append", default=[], help="a reader by name; may be given again")
    parser.add_argument("--keep", type=Path, help="a folder for the files that came out badly")
    parser.add_argument("--out", type=Path, help="a JSON file for counts and faults")
    parser.add_argument("--list", action="store_true", help="print the readers and end")
    wishes = parser.parse_args()
    if wishes.list:
        for target in TARGETS.values():
            print(f"{target.name:20} mien.{target.reads}")
        return 0
    targets = [TARGETS[name] for name in wishes.only] or list(TARGETS.values())
    with tempfile.TemporaryDirectory(prefix="mien-fuzz-") as folder:
        corpus = Corpus(root=Path(folder), seed=wishes.seed)
        counts, bad = run_all(corpus, targets, wishes.count, keep=wishes.keep, say=lambda text: print(text, flush=True))
    total = Counter[str]()
    for each in counts.values():
        total.update({word: number for word, number in each.items() if not word.startswith("most")})
    print(
        f"{sum(total.values())} files, seed {wishes.seed}: "
        + ", ".join(f"{n} {word}" for word, n in total.most_common())
    )
    if wishes.out is not None:
        wishes.out.write_text(
            json.dumps({"seed": wishes.seed, "counts": counts, "total": total, "bad": bad}, indent=1) + "\n"
        )
    return int(any(total[word] for word in BAD))


if __name__ == "__main__":
    sys.exit(main())
