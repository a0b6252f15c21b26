"""Batches in bf16 against one picture at a time in fp32, the way the published system runs. Size b by default.

python benchmarks/bench_network.py [--write]
"""

from __future__ import annotations

import torch
from common import Row, milliseconds, report, row

from mien.nets.smplest import SIZES, Smplest

BATCH = 8


def roof() -> dict[str, dict[str, float]]:
    """GFLOP/s of plain matrix products of the network's shapes (rows x in x out) by number type: what could be had."""
    found: dict[str, dict[str, float]] = {}
    for rows, width, out in ((272, 768, 2304), (272, 3072, 768), (2176, 768, 3072), (2176, 3072, 768)):
        left, right = torch.randn(rows, width), torch.randn(out, width)
        halves, bytes_ = (left.bfloat16(), right.bfloat16()), (left.to(torch.int8), right.to(torch.int8).T.contiguous())
        spent = {
            "fp32": milliseconds(lambda a=left, b=right: torch.nn.functional.linear(a, b)),
            "bf16": milliseconds(lambda a=halves: torch.nn.functional.linear(*a)),
            "int8": milliseconds(lambda a=bytes_: torch._int_mm(*a)),  # pyright: ignore[reportPrivateImportUsage]
        }
        found[f"{rows} x {width} x {out}"] = {kind: round(2e-6 * rows * width * out / ms) for kind, ms in spent.items()}
        print(f"{rows} x {width} x {out}, GFLOP/s:", found[f"{rows} x {width} x {out}"])
    return found


@torch.inference_mode()
def main() -> None:
    """Race both over the same crops."""
    rows: list[Row] = []
    closeness: dict[str, float] = {}
    for size, target in (("s", 0.0), ("b", 2.2)):
        network = Smplest.random(SIZES[size], seed=0)
        half = Smplest.random(SIZES[size], seed=0).to(torch.bfloat16)
        crops = torch.rand(BATCH, 3, *network.config.image_size, generator=torch.Generator().manual_seed(0))
        small = crops.to(torch.bfloat16)
        closeness[size] = float((network(crops).body_pose - half(small).body_pose).abs().max())
        loop = lambda n=network, c=crops: [n(one) for one in c.split(1)]  # noqa: E731
        rows += [
            row(f"{size}: {BATCH} crops, fp32 batch", lambda n=network, c=crops: n(c), loop, 0, rounds=5),
            row(f"{size}: {BATCH} crops, bf16 batch", lambda n=half, c=small: n(c), loop, target, rounds=5),
            row(
                f"{size}: {BATCH} crops, bf16 one by one",
                lambda n=half, c=small: [n(o) for o in c.split(1)],
                loop,
                0,
                5,
            ),
        ]
    print("largest difference of a rotation entry, bf16 - fp32, random weights:", closeness)
    notes = {"reference": "a loop of single crops in fp32", "bf16_difference": closeness, "roof_gflops": roof()}
    report("network", rows, notes)


if __name__ == "__main__":
    main()
