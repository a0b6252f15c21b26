"""The body layer against linear blend skinning as a competent user would write it, vectorised, in torch.

    python benchmarks/bench_body.py [--write]

Both run on a made-up body of SMPL-X's size (10,475 vertices, 486 pose correctives), fp32, no gradients.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from common import Row, milliseconds, report, row
from torch import Tensor

from mien.body.files import read_body
from mien.body.model import BodyModel, Posed
from mien.geometry.rotation import matrix_from_axis_angle

MAKE = Path(__file__).parents[1] / "tests/parity/make_fake_body_models.py"


class Reference:
    """The textbook layer: mesh first, joints and landmarks picked from it."""

    def __init__(self, path: Path) -> None:
        arrays = read_body(path)
        assert arrays.posedirs is not None and arrays.lmk_faces_idx is not None
        assert arrays.dynamic_lmk_faces_idx is not None and arrays.lmk_bary_coords is not None
        assert arrays.dynamic_lmk_bary_coords is not None
        self.template = torch.from_numpy(arrays.v_template)
        self.directions = torch.cat(
            [torch.from_numpy(a[..., :10].copy()) for a in (arrays.shapedirs, arrays.exprdirs)], -1
        )
        self.posedirs = torch.from_numpy(arrays.posedirs).flatten(0, 1).T.contiguous()
        self.regressor = torch.from_numpy(arrays.J_regressor)
        self.weights = torch.from_numpy(arrays.weights)
        self.parents = [int(parent) for parent in arrays.parents]
        self.points = torch.from_numpy(arrays.kp_vertex_ids)
        faces = torch.from_numpy(arrays.faces)
        self.landmarks = faces[torch.from_numpy(arrays.lmk_faces_idx)]
        self.bary = torch.from_numpy(arrays.lmk_bary_coords)
        self.contour = faces[torch.from_numpy(arrays.dynamic_lmk_faces_idx)]
        self.contour_bary = torch.from_numpy(arrays.dynamic_lmk_bary_coords)

    def __call__(self, coefficients: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Mesh and 144 joints."""
        batch = len(coefficients)
        shaped = self.template + torch.einsum("bl,vcl->bvc", coefficients, self.directions)
        rest = torch.einsum("bvc,jv->bjc", shaped, self.regressor)
        features = (rotations[:, 1:] - torch.eye(3)).reshape(batch, -1)
        posed = shaped + (features @ self.posedirs).view(batch, -1, 3)
        bones = rest.clone()
        bones[:, 1:] -= rest[:, self.parents[1:]]
        local = torch.cat([torch.cat([rotations, bones[..., None]], -1), self._bottom(batch)], -2)
        chain = [local[:, 0]]
        for joint, parent in enumerate(self.parents[1:], 1):
            chain.append(chain[parent] @ local[:, joint])
        world = torch.stack(chain, 1)
        relative = world.clone()
        relative[..., :3, 3] -= (world[..., :3, :3] @ rest[..., None])[..., 0]
        blended = (self.weights @ relative.view(batch, -1, 16)).view(batch, -1, 4, 4)
        homogeneous = torch.cat([posed, torch.ones(batch, posed.shape[1], 1)], -1)
        mesh = (blended @ homogeneous[..., None])[..., :3, 0]
        neck = rotations[:, 0]
        for joint in (3, 6, 9, 12):
            neck = neck @ rotations[:, joint]
        angle = torch.rad2deg(-torch.atan2(-neck[:, 2, 0], torch.hypot(neck[:, 0, 0], neck[:, 1, 0])))
        angle = angle.clamp(max=39).round().long()
        index = torch.where(angle >= 0, angle, torch.where(angle < -39, 78, 39 - angle))
        static = (mesh[:, self.landmarks] * self.bary[..., None]).sum(-2)
        corners = mesh[torch.arange(batch)[:, None, None], self.contour[index]]
        contour = (corners * self.contour_bary[index][..., None]).sum(-2)
        return mesh, torch.cat([world[..., :3, 3], mesh[:, self.points], static, contour], 1)

    def _bottom(self, batch: int) -> Tensor:
        return torch.tensor([0.0, 0, 0, 1]).expand(batch, len(self.parents), 1, 4)


def _inputs(batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(batch)
    vectors = 0.4 * torch.randn(batch, 55, 3, generator=generator)
    return torch.randn(batch, 20, generator=generator), matrix_from_axis_angle(vectors)


def _pose(body: BodyModel, coefficients: Tensor, rotations: Tensor) -> Posed:
    return body.shape(coefficients[:, :10], coefficients[:, 10:]).pose(rotations)


def _stages(body: BodyModel, coarse: BodyModel, batch: int) -> dict[str, float]:
    """Where `mesh()` spends its time: the skeleton, the product with the correctives, the whole."""
    inputs = _inputs(batch)
    posed, rounded = _pose(body, *inputs), _pose(coarse, *inputs)
    features = posed.features()
    correctives = coarse.coarse
    assert correctives is not None
    small = (100 * features[:, 20:]).clamp(-127, 127).to(torch.int8).T
    return {
        "skeleton": milliseconds(lambda: _pose(body, *inputs)),
        "product, fp32": milliseconds(lambda: body.basis.T @ features.T),
        "product, 8-bit": milliseconds(lambda: torch._int_mm(correctives.values, small)),  # pyright: ignore
        "mesh()": milliseconds(posed.mesh),
        "mesh(), 8-bit": milliseconds(rounded.mesh),
    }


@torch.inference_mode()
def main() -> None:
    """Check that both agree, then race them."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(MAKE), folder, "--neutral-only"], check=True)
        path = Path(folder) / "smplx/SMPLX_NEUTRAL.npz"
        body, reference = BodyModel.load(path), Reference(path)
    coarse = body.with_coarse_correctives()
    rows: list[Row] = []
    error = {"joints_m": 0.0, "mesh_m": 0.0, "mesh_8bit_m": 0.0}
    for batch, joints_target in ((1, 0.0), (8, 0.0), (32, 5.5), (128, 6.5)):
        inputs = _inputs(batch)
        mesh, joints = reference(*inputs)
        posed = _pose(body, *inputs)
        error["joints_m"] = max(error["joints_m"], float((posed.joints() - joints).abs().max()))
        error["mesh_m"] = max(error["mesh_m"], float((posed.mesh() - mesh).norm(dim=-1).max()))
        error["mesh_8bit_m"] = max(
            error["mesh_8bit_m"], float((_pose(coarse, *inputs).mesh() - mesh).norm(dim=-1).max())
        )
        textbook = lambda inputs=inputs: reference(*inputs)  # noqa: E731
        large = batch >= 32
        rows += [
            row(f"joints(), batch {batch}", lambda i=inputs: _pose(body, *i).joints(), textbook, joints_target),
            row(f"mesh(), batch {batch}", lambda i=inputs: _pose(body, *i).mesh(), textbook, 1.5 * large),
            row(
                f"mesh(), 8-bit correctives, batch {batch}",
                lambda i=inputs: _pose(coarse, *i).mesh(),
                textbook,
                2.5 * large,
            ),
        ]
    print("largest differences:", {key: f"{value:.1e}" for key, value in error.items()})
    stages = {f"batch {batch}": _stages(body, coarse, batch) for batch in (32, 128)}
    upstream = "the published layer took 50 ms at batch 32 on two cores (recorded elsewhere)"
    report("body", rows, {"recorded": upstream, "largest_difference": error, "stages_ms": stages})


if __name__ == "__main__":
    main()
