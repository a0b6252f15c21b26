"""What a hand expert is worth when it is fused into a track, and whether a bad one does harm.

    python benchmarks/study_hands.py [--write] [--seeds 8]

People who walk, whose hands are known. The body network is imitated: fingers wrong by 20 degrees a joint, wrists by 30,
partly new in each frame and partly drifting. So are the experts. Seeds from 20 on: the limits of `FuseConfig` were
chosen on seeds 0 to 5.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from common import RESULTS, processor

sys.path.append(str(Path(__file__).parents[1] / "tests"))
FIRST_SEED = 20

PAGE = """# Hand experts

    python benchmarks/study_hands.py --write

Hand error after an expert is [fused](../video.md#hand-experts) into a track, over what it was before: {seeds} people
who walk, two hands each, as the body network says it and smoothed. The body network is imitated (fingers wrong by 20
degrees a joint, wrists by 30, partly trembling and partly drifting), and so are the experts. The error is the distance
of fingers and tips from the truth about the wrist, as the camera sees them: {raw:.0f} mm unsmoothed, {smooth:.0f} mm
smoothed, before. The limits that decide whom to believe were chosen on other seeds. Mean, and the worst person in
brackets:

| expert | unsmoothed clip | smoothed clip |
|---|---:|---:|
{rows}

Every share above 1 would be harm. {machine}
"""


@torch.no_grad()
def main() -> None:
    """Print the figures; keep them with --write."""
    from hand_cases import BAD, GOOD, expert, hand_error, make_case

    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.track.hand_experts import fuse_hands

    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/results")
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    body = BodyModel.load(find_body("openbody"))
    shares: dict[str, dict[str, list[float]]] = {kind: {"unsmoothed": [], "smoothed": []} for kind in GOOD + BAD}
    before: dict[str, list[float]] = {"unsmoothed": [], "smoothed": []}
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        for name, error in before.items():
            case = make_case(body, seed, smooth=name == "smoothed")
            error.append(hand_error(case, case.clip))
            for kind in GOOD + BAD:
                fused = fuse_hands(case.clip, expert(case, kind, seed + 1000), body)
                shares[kind][name].append(round(hand_error(case, fused) / error[-1], 4))
        print(seed, {kind: found["smoothed"][-1] for kind, found in shares.items()}, flush=True)
    lines = [
        f"| {kind} | " + " | ".join(f"{np.mean(v):.2f} ({max(v):.2f})" for v in found.values()) + " |"
        for kind, found in shares.items()
    ]
    print("\n".join(lines))
    if not options.write:
        return
    machine = f"Measured on: {processor()}, torch {torch.__version__}."
    means = {name: round(float(np.mean(values)), 2) for name, values in before.items()}
    record = {"command": "python benchmarks/study_hands.py --write", "first_seed": FIRST_SEED, "seeds": options.seeds}
    record |= {"machine": machine, "error_before_mm": means, "error_over_before": shares}
    (RESULTS / "hands.json").write_text(json.dumps(record, indent=2) + "\n")
    page = PAGE.format(
        seeds=options.seeds, raw=means["unsmoothed"], smooth=means["smoothed"], rows="\n".join(lines), machine=machine
    )
    (RESULTS / "hands.md").write_text(page)


if __name__ == "__main__":
    main()
