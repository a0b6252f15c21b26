"""A short motion in every format of `mien export`, read back by readers that are not ours: sizes and distances.

    python benchmarks/study_export.py --write
    python benchmarks/study_export.py --body SMPLX_NEUTRAL.npz      # what is lost without pose correctives

The motion passes through the poses of the four people of examples/data/people.npz. With `--write` the figures go to
docs/results/export.json, and docs/pictures/export_strip.jpg shows the GLB as pygltflib reads it, posed by the file's
own numbers (tests/gltf.py) and drawn by `mien.render`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from mien.body.files import find_body
from mien.body.joints import SMPLX_JOINTS
from mien.body.model import BodyModel
from mien.export import Motion, motions_of, write_format
from mien.export.glb import write_motions
from mien.palette import person_colour
from mien.render.raster import Mesh, render
from mien.scene import read

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from bvh import read_bvh  # noqa: E402
from gltf import File  # noqa: E402

FPS, FRAMES = 24.0, 73
FORMATS = ("glb", "bvh", "amass", "usd", "obj", "csv", "openpose")
SHOWN = 5
"""Moments in the picture."""


def y_up(points: np.ndarray) -> np.ndarray:
    """From the camera's frame (x right, y down, z forward) to y up and z backward: half a turn about x."""
    return points * np.array([1, -1, -1], dtype=points.dtype)


def made_motion(body: BodyModel) -> Motion:
    """Three seconds through the four poses, walking a little."""
    scene = read(HERE.parent / "examples/data/people.npz")
    people = motions_of(scene)
    params = type(scene.params).cat([motion.params for motion in people])
    own = float(scene.origin.body_family == body.family)
    transl = people[0].params.transl + torch.linspace(0, 0.5, 4)[:, None] * torch.tensor([1.0, 0.0, 0.6])
    params = replace(params, betas=(params.betas[:1] * own).expand(4, -1), expression=params.expression * own)
    origin = replace(scene.origin, body_family=body.family, body_name=body.path.name)
    keys = Motion.of(
        replace(scene, params=replace(params, transl=transl)),
        name="track_0",
        track=0,
        stage=replace(people[0].stage, origin=origin, fps=FPS, num_frames=FRAMES),
        timestamps=torch.arange(4).double(),
        frame_index=torch.arange(4) * int(FPS),
    )
    return replace(keys.at(torch.arange(FRAMES).double() / FPS), frame_index=torch.arange(FRAMES))


def distances(motion: Motion, body: BodyModel, folder: Path) -> dict[str, dict[str, float]]:
    """Millimetres between what a file says and what the body says, over all frames."""
    posed = body.pose(motion.params)
    joints, meshes = y_up(posed.position.numpy()), y_up(posed.mesh().numpy())
    file, found = File(folder / "motion.glb"), {}
    off, away = [], []
    for frame, seconds in enumerate(file.times()):
        file.play(float(seconds))
        off.append(np.linalg.norm(file.world()[file.document.skins[0].joints][:, :3, 3] - joints[frame], axis=-1))
        away.append(np.linalg.norm(file.posed(0) - meshes[frame], axis=-1))
    found["glb"] = {"joints_max_mm": 1e3 * np.max(off), "vertices_max_mm": 1e3 * np.max(away)}
    found["glb"] |= {"vertices_mean_mm": 1e3 * np.mean(away)}
    bvh = read_bvh(folder / "motion_track_0.bvh")
    places = bvh.positions()[:, [bvh.names.index(name) for name in SMPLX_JOINTS]]
    found["bvh"] = {"joints_max_mm": 1e3 * np.linalg.norm(places - joints, axis=-1).max()}
    return {name: {key: round(float(value), 4) for key, value in each.items()} for name, each in found.items()}


def without_correctives(motion: Motion, body: BodyModel, folder: Path) -> dict[str, float]:
    """What is left of the pose correctives' millimetres, with and without their average in the rest mesh."""
    meshes, found = y_up(body.pose(motion.params).mesh().numpy()), {}
    for bake in (True, False):
        file = File(write_motions(folder / "plain.glb", [motion], body, bake_correctives=bake))
        away = []
        for frame in range(0, FRAMES, 8):
            file.play(frame / FPS)
            away.append(np.linalg.norm(file.posed(0) - meshes[frame], axis=-1))
        name = "with their average" if bake else "without any"
        found |= {f"{name}, mean mm": 1e3 * np.mean(away), f"{name}, max mm": 1e3 * np.max(away)}
    return {name: round(float(value), 3) for name, value in found.items()}


def strip(folder: Path) -> np.ndarray:
    """The GLB at some moments side by side, as its own numbers pose it."""
    file = File(folder / "motion.glb")
    times = file.times()
    faces = file.array(file.primitive(0).indices).reshape(-1, 3).astype(np.int64)
    height, width, metres = 560, 1680, 1.35
    meshes, names = [], []
    for k, seconds in enumerate(np.linspace(times[0], times[-1], SHOWN)):
        file.play(float(seconds))
        points = file.posed(0) * [1, -1, -1]
        middle = (points.min(0) + points.max(0)) / 2
        points = points - middle + [(k - (SHOWN - 1) / 2) * metres, 0, 40]
        meshes.append(Mesh(vertices=points.astype(np.float32), faces=faces, colour=np.array(person_colour(0))))
        names.append(f"{seconds:.2f} s")
    focal = width / (SHOWN * metres) * 40
    camera = np.array([[focal, 0, (width - 1) / 2], [0, focal, height / 2 - 24], [0, 0, 1]])
    picture = np.ascontiguousarray(
        render(meshes, camera, (height, width), background=(247, 247, 244), samples=2).colour
    )
    for k, name in enumerate(names):
        size = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 2)[0][0]
        where = (int((k + 0.5) * width / SHOWN - size / 2), height - 18)
        cv2.putText(picture, name, where, cv2.FONT_HERSHEY_SIMPLEX, 0.8, (60, 60, 60), 2, cv2.LINE_AA)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="keep figures and picture in docs")
    parser.add_argument("--body", default="openbody", help="a body file")
    given = parser.parse_args()
    body = BodyModel.load(find_body(given.body))
    motion = made_motion(body)
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder, rows = Path(name), {}
        for form in FORMATS:
            files = write_format(form, folder, "motion", [motion], body)
            size = sum(path.stat().st_size for path in files)
            rows[form] = {"files": len(files), "kilobytes": round(size / 1000)}
            print(form, rows[form], flush=True)
        found = {
            "command": "python benchmarks/study_export.py --write",
            "body": body.family,
            "frames": FRAMES,
            "formats": rows,
            "distances": distances(motion, body, folder),
            "linear_skinning": without_correctives(motion, body, folder),
        }
        print(json.dumps(found, indent=1))
        if given.write:
            docs = HERE.parent / "docs"
            (docs / "results/export.json").write_text(json.dumps(found, indent=1) + "\n")
            picture = strip(folder)[:, :, ::-1]
            cv2.imwrite(str(docs / "pictures/export_strip.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()
