"""Make the demo's picture: people of the open body in a plain room, and the truth about them.

    python tools/demo_picture.py examples/data

Writes `people.jpg` and `people.npz`, a result file like any other, whose people are the ones in the picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from scenes import FLOOR, make_scene

from mien.body.files import find_body
from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.geometry.camera import Camera
from mien.render.raster import Mesh, render
from mien.render.shade import Lights

SIZE = (720, 1280)
SEED, PEOPLE = 11, 4
SKIN = ((0.87, 0.67, 0.55), (0.55, 0.37, 0.26), (0.78, 0.56, 0.42), (0.36, 0.24, 0.18))
SHIRT = ((0.75, 0.20, 0.18), (0.93, 0.88, 0.80), (0.16, 0.36, 0.55), (0.90, 0.68, 0.20))
TROUSERS = ((0.17, 0.20, 0.30), (0.30, 0.30, 0.32), (0.55, 0.47, 0.36), (0.13, 0.16, 0.14))
HAIR, SHOES = (0.16, 0.11, 0.08), (0.10, 0.10, 0.11)
LIGHTS = Lights(
    direction=np.array([[-0.6, -1.0, -0.5], [0.9, -0.4, -0.5]]),
    colour=np.array([[0.62, 0.60, 0.56], [0.16, 0.18, 0.22]]),
    ambient=np.array([0.30, 0.31, 0.34]),
)


def clothe(body: BodyModel, person: int) -> np.ndarray:
    """Colours (vert, 3) by the joint that moves a vertex most: shirt, trousers, shoes, skin, hair."""
    colours = np.tile(SKIN[person % len(SKIN)], (body.num_vertices, 1)).astype(np.float32)
    moved_by = body.weights.argmax(1).numpy()
    parts = {
        SHIRT[person % len(SHIRT)]: ("spine1", "spine2", "spine3", "collar", "shoulder"),
        TROUSERS[person % len(TROUSERS)]: ("pelvis", "hip", "knee"),
        SHOES: ("ankle", "foot"),
    }
    for colour, names in parts.items():
        joints = [i for i, name in enumerate(SMPLX_JOINTS) if any(part in name for part in names)]
        colours[np.isin(moved_by, joints)] = colour
    head = moved_by == SMPLX_JOINTS.index("head")
    eyes = body.joint_template[[23, 24]].mean(0).numpy()
    _, y, z = (body.template.numpy() - eyes).T
    colours[head & (y > 0.055 - 0.5 * np.clip(-z - 0.03, 0, 0.2)) & (z < 0.03 + y)] = HAIR
    return colours


def room() -> list[Mesh]:
    """A wooden floor and a wall, as textured rectangles."""
    rng = np.random.default_rng(0)
    boards = np.repeat(0.75 + 0.12 * rng.random((24, 1, 1)), 40, 0) + 0.03 * rng.random((960, 512, 1))
    wood = np.clip(255 * boards * np.array([0.78, 0.62, 0.46]), 0, 255).astype(np.uint8)
    wall = np.clip(235 * (0.9 + 0.02 * rng.random((256, 512, 1))) * np.array([0.86, 0.88, 0.86]), 0, 255)
    corners = np.array([[-9.0, FLOOR, 0.5], [9, FLOOR, 0.5], [9, FLOOR, 8], [-9, FLOOR, 8]])
    upright = np.array([[-9.0, -4, 8], [9, -4, 8], [9, FLOOR, 8], [-9, FLOOR, 8]])
    faces, unit = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    return [
        Mesh(vertices=corners, faces=faces, colour=np.ones(3), uv=unit[faces], texture=wood, two_sided=True),
        Mesh(
            vertices=upright,
            faces=faces,
            colour=np.ones(3),
            uv=unit[faces],
            texture=wall.astype(np.uint8),
            two_sided=True,
        ),
    ]


def shadow(vertices: np.ndarray) -> np.ndarray:
    """A mesh (vert, 3) thrown flat on the floor, away from the light."""
    x, y, z = vertices.T
    height = FLOOR - y
    return np.stack([x + 0.35 * height, np.full(len(x), FLOOR - 0.002), z + 0.25 * height], 1)


def main(folder: Path) -> None:
    """Render, and write both files."""
    body = BodyModel.load(find_body("openbody"))
    scene = make_scene(body, PEOPLE, SEED, image_size=SIZE, K=Camera.from_focal(1230.0, SIZE[1], SIZE[0]).K)
    with torch.no_grad():
        vertices = body.pose(scene.params).mesh().numpy()
    faces = body.faces.numpy()
    people = [Mesh(vertices=v, faces=faces, colour=clothe(body, i)) for i, v in enumerate(vertices)]
    shadows = np.array([0.46, 0.38, 0.30])
    flat = [shadow(v) for v in vertices]
    cast = [Mesh(vertices=v, faces=faces, colour=shadows, opacity=0.6, two_sided=True) for v in flat]
    frame = render([*people, *cast, *room()], scene.K.numpy(), SIZE, lights=LIGHTS, samples=2)
    assert frame.colour is not None
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "people.jpg"), frame.colour[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    scene.save(folder / "people.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
