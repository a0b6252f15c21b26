"""What each architecture costs to run: milliseconds, people a second, memory, parameters, GFLOP, by size and batch.

    python benchmarks/bench_architectures.py [--sizes s b l h] [--threads N] [--write]

Every row is a process of its own, so that its memory is its own: the most that was resident, weights included. Rows
that are compared follow each other. On a machine with a GPU the same is measured there as well.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from itertools import product
from typing import Any

import torch
from common import RESULTS, milliseconds, processor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mien.nets.architectures import ARCHITECTURES

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
Row = dict[str, Any]

PAGE = """# Cost of architectures

    {command}

{processor}, {threads} thread(s), torch {torch}; random weights, crops of 256 x 192
(xs of SMPLest-X: 128 x 96). Milliseconds are medians; memory is the most that the process held,
weights and Python included (of a GPU: what was allocated there). GFLOP of one
crop, a multiplication and an addition counted as two.

{table}
"""


@torch.inference_mode()
def measure(name: str, size: str, batch: int, kind: str, device: str, rounds: int) -> Row:
    """One row, in this process."""
    kind_of = ARCHITECTURES[name]
    network = kind_of.network.random(kind_of.sizes[size], 0).to(device, DTYPES[kind])
    crops = torch.rand(batch, 3, *network.config.image_size, device=device, dtype=DTYPES[kind])
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):  # fused attention is not counted on every device
        network(crops[:1])

    def once() -> None:
        network(crops)
        if device == "cuda":
            torch.cuda.synchronize()

    spent = milliseconds(once, rounds=rounds, warm_up=1)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "architecture": name, "size": size, "device": device, "dtype": kind, "batch": batch, "ms": spent,
        "people_per_s": round(1e3 * batch / spent, 2),
        "memory_mb": round(torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else resident),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "gflop": round(counter.get_total_flops() / 1e9, 2),
    }  # fmt: skip


def table(rows: list[Row]) -> str:
    """Of the page: a line for each network and number type, batches side by side."""
    head = "| network | | parameters | GFLOP | ms, 1 crop | people/s | MB | ms, 8 crops | people/s | MB |"
    lines = [head, "|---|---|" + "---:|" * 8]
    groups: dict[tuple[str, ...], dict[int, Row]] = {}
    for row in rows:
        key = (row["architecture"], row["size"], row["device"], row["dtype"])
        groups.setdefault(key, {})[row["batch"]] = row
    for (name, size, device, kind), by_batch in groups.items():
        one, cells = by_batch[1], []
        for each in by_batch.values():
            cells += [f"{each['ms']:.1f}", f"{each['people_per_s']:.1f}", f"{each['memory_mb']:,}"]
        text = [f"{name} {size}", f"{device} {kind}", f"{one['parameters']:,}", f"{one['gflop']:.1f}", *cells]
        lines.append(f"| {' | '.join(text)} |")
    return "\n".join(lines)


def main() -> None:
    """Every row in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["xs", "s", "b", "l", "h"])
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=list(DTYPES))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one", nargs=5, metavar=("NAME", "SIZE", "BATCH", "DTYPE", "DEVICE"), help="one row, as JSON")
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.one:
        name, size, batch, kind, device = given.one
        print(json.dumps(measure(name, size, int(batch), kind, device, given.rounds)))
        return
    devices, rows = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])], list[Row]()
    for size in given.sizes:
        names = [name for name, each in ARCHITECTURES.items() if size in each.sizes]
        for device, kind, batch, name in product(devices, given.dtypes, (1, 8), names):
            words = ["--threads", str(given.threads), "--rounds", str(given.rounds)]
            one = [sys.executable, __file__, *words, "--one", name, size, str(batch), kind, device]
            rows.append(json.loads(subprocess.run(one, check=True, capture_output=True, text=True).stdout))
            print(rows[-1], flush=True)
    record = {
        "command": f"python benchmarks/bench_architectures.py --sizes {' '.join(given.sizes)} --threads"
        f" {given.threads} --rounds {given.rounds} --write",
        "processor": processor(),
        "threads": given.threads,
        "torch": torch.__version__,
        "rows": rows,
    }
    text = PAGE.format(**{key: record[key] for key in ("command", "processor", "threads", "torch")}, table=table(rows))
    print(text)
    if given.write:
        (RESULTS / "architectures-cost.json").write_text(json.dumps(record, indent=2) + "\n")
        (RESULTS / "architectures-cost.md").write_text(text)


if __name__ == "__main__":
    main()
