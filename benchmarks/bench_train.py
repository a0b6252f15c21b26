"""A training step against a plain one in the published manner: whole meshes, wrists turned sample by sample, fp32.

    python benchmarks/bench_train.py [--write] [--size s] [--batch 16] [--rounds 5]

Both steps are forward, losses, backward and Adam on the same weights, crops and targets, in turn, in one process; the
body is a made-up one of SMPL-X's size (10,475 vertices, 486 pose correctives). The reference computes what the
published step does: every decoder layer on all tokens, axis-angle and back between network and body, the whole mesh,
joints picked from it, wrist orientations by a loop over samples and joints, an optimizer that visits one parameter at
a time. Launches are operators as a dispatch mode sees them, with and without those that only view a tensor otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from bench_body import MAKE, Reference
from common import Row, report, row
from plain_network import plain_prediction
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mien.body.joints import SMPLX_137
from mien.body.model import BodyModel
from mien.data.targets import CHAINS, Targets
from mien.geometry.rotation import axis_angle_from_matrix, matrix_from_axis_angle
from mien.losses import smplest as losses
from mien.losses.base import by_part, rotations_of
from mien.losses.smplest import SmplestLoss, smplest_loss
from mien.nets.smplest import SIZES, Smplest
from mien.nets.virtual_camera import project
from mien.records import Prediction
from mien.train.config import Optimizer, Ranks
from mien.train.objective import Objective
from mien.train.optimizing import make_optimizers


class Launches(TorchDispatchMode):
    """Counts operators: all of them, and those that compute something rather than look at it otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.all = self.computing = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aliases = [part.alias_info for part in func._schema.returns]
        view = any(alias is not None and not alias.is_write for alias in aliases)
        self.all += 1
        self.computing += not view and func is not torch.ops.aten._unsafe_view.default
        return func(*args, **(kwargs or {}))


class PlainStep:
    """The step in the published manner."""

    def __init__(self, network: Smplest, layer: Reference, body: BodyModel, crops: Tensor, targets: Targets) -> None:
        self.network, self.layer, self.body, self.crops, self.targets = network, layer, body, crops, targets
        self.optimizer = torch.optim.Adam(network.parameters(), lr=1e-5, foreach=False, fused=False)

    def terms(self) -> dict[str, Tensor]:
        """Forward and losses."""
        prediction = plain_prediction(self.network, self.crops)
        rotations = rotations_of(prediction)
        terms = smplest_loss(prediction, self._joints(rotations, prediction), self.targets, _WITHOUT_WRISTS)
        chains, true = (torch.stack([self._wrists(each) for each in poses]) for poses in (rotations, self.targets.pose))
        targets = replace(self.targets, wrist=true)
        assert prediction.hand_root is not None
        for name, wrist in (("hand_root", prediction.hand_root), ("hand_root_chain", chains)):
            terms[name] = losses._wrist_loss(wrist, targets, False)
        return terms

    def __call__(self) -> float:
        """One step; gives the loss."""
        self.optimizer.zero_grad()
        loss = torch.stack(list(self.terms().values())).sum()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _joints(self, rotations: Tensor, prediction: Prediction) -> Tensor:
        """Axis-angle, the mean hands added, and back; the whole mesh; joints from it."""
        assert self.body.mean_hands is not None
        vectors = axis_angle_from_matrix(rotations)
        hands = vectors[:, 22:52] + self.body.mean_hands.flatten(0, 1)
        eyes = vectors.new_zeros(len(vectors), 2, 3)
        pose = torch.cat([vectors[:, :22], vectors[:, 52:], eyes, hands], 1)
        coefficients = torch.cat([prediction.betas, prediction.expression], 1)
        _, joints = self.layer(coefficients, matrix_from_axis_angle(pose))
        return (joints + prediction.transl[:, None])[:, list(SMPLX_137)]

    def _wrists(self, rotations: Tensor) -> Tensor:
        """Both wrists of one sample, joint by joint."""
        found = []
        for chain in CHAINS:
            turned = rotations[chain[0]].detach()
            for joint in chain[1:]:
                turned = turned @ rotations[joint]
            found.append(turned)
        return torch.stack(found)


_WITHOUT_WRISTS = SmplestLoss(hand_root=0.0, hand_root_chain=0.0)


class OurStep:
    """The step of `mien train`."""

    def __init__(self, network: Smplest, body: BodyModel, crops: Tensor, targets: Targets, ranks: Ranks) -> None:
        self.objective = Objective(network, body, SmplestLoss(), ranks)
        (self.optimizer,) = make_optimizers(network, Optimizer(lr=1e-5))
        self.crops, self.targets = crops, targets

    def __call__(self) -> float:
        """One step; gives the loss."""
        loss = torch.stack(list(self.objective(self.crops, self.targets).values())).sum()
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())


def made_targets(body: BodyModel, network: Smplest, crops: Tensor) -> Targets:
    """Labels near what the network says, all known."""
    with torch.no_grad():
        prediction = network(crops)
        rotations = rotations_of(prediction)
        joints = losses.predicted_joints(body, prediction)
    noise = torch.Generator().manual_seed(1)
    some = lambda like: like + 0.05 * torch.randn(like.shape, generator=noise)  # noqa: E731
    pose, count = some(rotations), len(crops)
    wrist = losses.wrist_chain(pose)
    flat = torch.cat([project(joints), torch.zeros(count, 137, 1)], -1)
    ones = torch.ones(count, 137)
    return Targets(
        image=some(flat), image_weight=ones, depth_weight=ones, cam=some(joints - joints[:, :1]), cam_weight=ones,
        parts=some(by_part(joints)), parts_weight=ones, known=ones, has_3d=ones[:, 0], pose=pose,
        pose_weight=torch.ones(count, 53), betas=some(prediction.betas), betas_weight=ones[:, 0],
        expression=some(prediction.expression), expression_weight=ones[:, 0], wrist=wrist,
        wrist_weight=torch.ones(count, 2), hand_root=wrist, hand_root_weight=torch.zeros(count, 2),
        whole_body=ones[:, 0],
    )  # fmt: skip


def launches(step: Any) -> dict[str, int]:
    """Operators of one step, after one that warmed it up."""
    step()
    with Launches() as counter:
        step()
    return {"all": counter.all, "without_views": counter.computing}


def difference(network: Smplest, plain: PlainStep, ours: OurStep) -> dict[str, float]:
    """The largest relative difference of terms, and of the gradient, between both steps in fp32."""
    gradients, values = [], []
    for terms in (plain.terms, lambda: ours.objective(ours.crops, ours.targets)):
        network.zero_grad()
        found = terms()
        torch.stack(list(found.values())).sum().backward()
        values.append({name: float(value.detach()) for name, value in found.items()})
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    network.zero_grad()
    term = max(abs(values[0][name] - values[1][name]) / abs(values[0][name]) for name in values[0])
    return {"terms": term, "gradient": float((gradients[0] - gradients[1]).norm() / gradients[0].norm())}


def main() -> None:
    """Race the steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="s", choices=list(SIZES))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    settings, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(MAKE), folder], check=True)
        path = Path(folder) / "smplx/SMPLX_NEUTRAL.npz"
        body, layer = BodyModel.load(path), Reference(path)
    config = replace(SIZES[settings.size], drop_path=0.0)
    network, twin = (Smplest.random(config, 0).train() for _ in range(2))
    crops = torch.rand(settings.batch, 3, *config.image_size, generator=torch.Generator().manual_seed(0))
    targets = made_targets(body, network, crops)
    plain = PlainStep(twin, layer, body, crops, targets)
    fp32 = OurStep(network, body, crops, targets, Ranks())
    bf16 = OurStep(network, body, crops, targets, Ranks(precision="bf16"))
    notes = {
        "reference": "a plain step in the published manner, fp32",
        "largest_relative_difference_in_fp32": difference(twin, plain, OurStep(twin, body, crops, targets, Ranks())),
        "launches": {"reference": launches(plain), "ours_fp32": launches(fp32), "ours_bf16": launches(bf16)},
        "recorded": "the published step dispatches 13,250 leaf operators (recorded elsewhere)",
    }
    print(notes, flush=True)
    name, rows = f"size {settings.size}, batch {settings.batch}", list[Row]()
    rows.append(row(f"{name}, fp32", fp32, plain, 1.05, rounds=settings.rounds))
    rows.append(row(f"{name}, bf16", bf16, plain, 2.0, rounds=settings.rounds))
    report("train", rows, notes)


if __name__ == "__main__":
    main()
