"""The body layer alone: shape it, pose it, fit it to joints by gradient, draw it.

python examples/02_pose_a_body.py OUT
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch

import mien
from mien.body.files import find_body
from mien.geometry.camera import Camera
from mien.geometry.rotation import matrix_from_axis_angle
from mien.people import Drawing
from mien.render.raster import Mesh, render

SIZE = (480, 640)


def main(out: Path) -> None:
    """Pose a body, recover the pose from its joints, draw both."""
    body = mien.BodyModel.load(find_body("openbody"))
    generator = torch.Generator().manual_seed(1)
    pose = 0.25 * torch.randn(1, 55, 3, generator=generator)
    pose[:, 0] = torch.tensor([math.pi, 0.0, 0.0])  # upright: the camera's y points down
    place = torch.tensor([[0.0, 0.1, 3.0]])
    shaped = body.shape(torch.randn(1, 10, generator=generator))
    wanted = shaped.pose(matrix_from_axis_angle(pose), place).joints()

    found = torch.zeros(1, 55, 3)
    found[:, 0] = pose[:, 0]
    found.requires_grad_()
    optimiser = torch.optim.Adam([found], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 200)
    for step in range(200):
        optimiser.zero_grad()
        error = (shaped.pose(matrix_from_axis_angle(found), place).joints() - wanted).norm(dim=-1).mean()
        error.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == 199:
            print(f"step {step}: joints are {1000 * error.item():.1f} mm off")

    meshes = [shaped.pose(matrix_from_axis_angle(p), place).mesh()[0].detach().numpy() for p in (pose, found)]
    meshes[0][:, 0] -= 0.7
    meshes[1][:, 0] += 0.7
    surfaces = [Mesh(vertices=mesh, faces=body.faces.numpy()) for mesh in meshes]
    camera = Camera.from_focal(600.0, SIZE[1], SIZE[0])
    frame = render(surfaces, camera.K.numpy(), SIZE, background=(245, 245, 242), samples=2)
    assert frame.colour is not None
    print("drawn:", Drawing(frame.colour).save(out / "fitted.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/example"))
