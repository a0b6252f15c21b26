"""The measures of 1,000 meshes against a plain loop over samples, as published evaluators are written.

    python benchmarks/bench_metrics.py [--write]

The loop takes one sample at a time through numpy: joints by products with whole regressors, one SVD for each
alignment. Both sides give the same 18 measures; in double precision they must agree to 1e-9 mm. Bodies are made up, of
SMPL-X's size (10,475 vertices).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Row, report, row

from mien.body.files import read_body
from mien.metrics.errors import mesh_errors
from mien.metrics.parts import FINGER_ROWS, MeshParts

MAKE = Path(__file__).parents[1] / "tests/parity/make_fake_body_models.py"
MESHES, BATCH, ROUNDS = 1000, 50, 2
TIPS = {"left": (5361, 4933, 5058, 5169, 5286), "right": (8079, 7669, 7794, 7905, 8022)}


class Loop:
    """Every measure of one sample after the other."""

    def __init__(self, folder: Path, dtype: Any) -> None:
        regressor = read_body(folder / "SMPLX_NEUTRAL.npz").J_regressor.astype(dtype)
        self.regressor = regressor
        self.body = np.asarray(_plain(folder, "SMPLX_to_J14.pkl"), dtype=dtype)
        hands = _plain(folder, "MANO_SMPLX_vertex_ids.pkl")
        self.face = np.load(_side(folder, "SMPL-X__FLAME_vertex_ids.npy"))
        self.hands = {side: np.asarray(hands[f"{side}_hand"]) for side in ("left", "right")}
        self.rows = {}
        for side, wrist in (("left", 20), ("right", 21)):
            rows = [regressor[wrist]]
            for finger in range(5):
                rows += [regressor[joint] for joint in FINGER_ROWS[side][3 * finger : 3 * finger + 3]]
                rows.append(np.eye(1, regressor.shape[1], TIPS[side][finger], dtype=dtype)[0])
            self.rows[side] = np.stack(rows)

    def __call__(self, predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
        """The measures by name, millimetres."""
        found = [self.sample(ours, theirs) for ours, theirs in zip(predicted, true, strict=True)]
        return {name: np.array([each[name] for each in found]) for name in found[0]}

    def sample(self, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
        """Those of one sample."""
        meshes = [mesh - (self.regressor @ mesh)[0] for mesh in (ours, theirs)]
        found = {"pve": _off(*meshes), "pa_pve": _off(_aligned(*meshes), meshes[1])}
        joints = [self.body @ mesh for mesh in meshes]
        found |= {"mpjpe_body": _off(*joints), "pa_mpjpe_body": _off(_aligned(*joints), joints[1])}
        found |= self.part("face", self.face, 12, ours, theirs)
        for side, wrist in (("left", 20), ("right", 21)):
            found |= self.part(f"{side}_hand", self.hands[side], wrist, ours, theirs)
            hand = [self.rows[side] @ mesh for mesh in (ours, theirs)]
            hand = [points[1:] - points[:1] for points in hand]
            found[f"mpjpe_{side}_hand"] = _off(*hand)
            found[f"pa_mpjpe_{side}_hand"] = _off(_aligned(*hand), hand[1])
        for name in ("pve", "pa_pve", "mpjpe", "pa_mpjpe"):
            found[f"{name}_hand"] = (found[f"{name}_left_hand"] + found[f"{name}_right_hand"]) / 2
        return found

    def part(self, name: str, ids: np.ndarray, root: int, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
        """Of the vertices of a part, rooted at a joint."""
        pair = [mesh[ids] - (self.regressor @ mesh)[root] for mesh in (ours, theirs)]
        return {f"pve_{name}": _off(*pair), f"pa_pve_{name}": _off(_aligned(*pair), pair[1])}


def _off(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.sqrt(((ours - theirs) ** 2).sum(1)).mean() * 1000)


def _aligned(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Procrustes of one pair."""
    mean, goal = ours.mean(0), theirs.mean(0)
    a, b = ours - mean, theirs - goal
    u, s, vt = np.linalg.svd(a.T @ b / len(a))
    if np.linalg.det(vt.T @ u.T) < 0:
        s[-1], vt[-1] = -s[-1], -vt[-1]
    rotation = vt.T @ u.T
    scale = s.sum() / a.var(0).sum()
    return scale * ours @ rotation.T + (goal - scale * rotation @ mean)


def _side(folder: Path, name: str) -> Path:
    return next(place for place in (folder / name, folder.parent / name) if place.is_file())


def _plain(folder: Path, name: str) -> Any:
    with open(_side(folder, name), "rb") as stream:
        return pickle.load(stream, encoding="latin1")


def _batched(parts: MeshParts, predicted: torch.Tensor, true: torch.Tensor) -> dict[str, torch.Tensor]:
    found = [mesh_errors(parts, a, b) for a, b in zip(predicted.split(BATCH), true.split(BATCH), strict=True)]
    return {name: torch.cat([each[name].value for each in found]) for name in found[0]}


def main() -> None:
    """Race both in single and in double precision."""
    rows: list[Row] = []
    worst = {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(MAKE), folder, "--neutral-only"], check=True)
        path = Path(folder) / "smplx/SMPLX_NEUTRAL.npz"
        parts, template = MeshParts.load(path), read_body(path).v_template
        random = np.random.default_rng(0)
        for name, dtype, target in (("fp32", np.float32, 10), ("float64", np.float64, 6)):
            meshes = random.standard_normal((2, MESHES, *template.shape), dtype=dtype)
            meshes *= 0.03
            meshes += template * random.uniform(0.8, 1.2, (2, MESHES, 1, 3)).astype(dtype)
            meshes += random.normal(0, 0.2, (2, MESHES, 1, 3)).astype(dtype)
            loop, (predicted, true) = Loop(path.parent, dtype), meshes
            ours = [torch.from_numpy(each) for each in (predicted, true)]
            case = f"{MESHES} meshes, 18 measures, {name}"
            fast, plain = partial(_batched, parts, *ours), partial(loop, predicted, true)
            rows.append(row(case, fast, plain, target, ROUNDS))
            one, other = fast(), plain()
            worst[name] = max(float(np.abs(one[each].numpy() - other[each]).max()) for each in other)
            print(f"{name}: largest difference {worst[name]:.1e} mm")
    assert worst["float64"] < 1e-9, "double precision must agree"
    report("metrics", rows, {"largest_difference_mm": worst, "batch": BATCH})


if __name__ == "__main__":
    main()
