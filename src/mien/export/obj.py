"""People as posed meshes in OBJ files with their MTL of colours: what every 3D program reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from mien.body.model import BodyModel
from mien.export.motion import Motion, Stage, Up, motions_of, upright_from_camera
from mien.export.people import fitting, posed_motion, vertex_normals
from mien.files import atomic_write
from mien.palette import person_colour
from mien.scene import Origin, Scene

__all__ = ["write_obj", "write_objs"]


def write_obj(path: Path | str, scene: Scene, body: BodyModel) -> Path:
    """Write everyone's posed mesh as one object each, and the colours beside it, each file whole or not at all.

    Metres, y up, where the picture stands in the world; where nobody knows that, its camera is at the origin and looks
    along -z. Vertices come in the body's own order.

    Args:
        path: of the OBJ; the MTL has the same stem.
        scene: of one picture; nobody in it gives a file without vertices.
        body: the one that the scene was made with.

    Raises:
        InputError: the scene holds numbers that are not finite.
        BodyError: the scene was made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    return _write(Path(path), Stage.of(scene), motions_of(scene), body, "y")[0]


def write_objs(path: Path, motions: Sequence[Motion], body: BodyModel, up: Up = "y") -> list[Path]:
    """Write everyone's posed mesh: one OBJ for a picture, `STEM_000012.obj` and so on for the frames of a clip.

    Frames without people get no file. The colours are in one MTL for all of them.

    Args:
        path: of the OBJ, or what its frames are called after.
        motions: at least one, all of one picture or clip.
        body: the one that they were made with.
        up: the axis that points up.

    Returns:
        The OBJ files, in the order of the frames.

    Raises:
        BodyError: the motions were made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    return _write(path, motions[0].stage, motions, body, up)


def _write(path: Path, stage: Stage, motions: Sequence[Motion], body: BodyModel, up: Up) -> list[Path]:
    """All OBJ files and their MTL; nobody at all gives one file without vertices."""
    body = fitting(stage.origin, body)
    faces, matrix = body.faces.numpy(), upright_from_camera(stage, up).numpy()
    materials = _write_materials(path, [(motion.name, motion.track) for motion in motions])
    known: dict[int, str] = {}
    written = []
    for frame in sorted({int(each) for motion in motions for each in motion.frame_index}) or [0]:
        people = []
        for motion in motions:
            (rows,) = torch.nonzero(motion.frame_index == frame, as_tuple=True)
            for mesh in posed_motion(motion[rows], body).mesh().numpy():
                people.append((motion.name, (mesh @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)))
        target = path if stage.num_frames == 1 else path.with_name(f"{path.stem}_{frame:06d}.obj")
        written.append(_write_frame(target, stage.origin, materials, people, faces, known, up))
    return written


def _write_materials(path: Path, people: Sequence[tuple[str, int]]) -> Path:
    """The colours of people, by name and number of the track."""
    materials = path.with_name(_one_line(path.stem) + ".mtl")
    with atomic_write(materials) as stream:
        stream.write("".join(_material(name, number) for name, number in people).encode())
    return materials


def _write_frame(
    path: Path,
    origin: Origin,
    materials: Path,
    people: Sequence[tuple[str, Float[np.ndarray, "vert 3"]]],
    faces: Int[np.ndarray, "face 3"],
    known: dict[int, str],
    up: Up,
) -> Path:
    """One OBJ. `known` keeps the faces' statements of the first, the second ... person from frame to frame."""
    with atomic_write(path) as stream:
        stream.write(_header(origin, materials.name, up).encode("utf-8", "replace"))
        for number, (name, mesh) in enumerate(people):
            if number not in known:
                known[number] = _triangles(faces, number * len(mesh))
            stream.write(_object(name, mesh, faces, known[number]).encode())
    return path


def _header(origin: Origin, materials: str, up: Up) -> str:
    made = f"mien {origin.mien_version}, weights {origin.weights_name}, body {origin.body_name}"
    lines = [made, f"metres, {up} up"]
    lines += [f"WARNING: {origin.warning}"] if origin.warning else []
    return "".join(f"# {_one_line(line)}\n" for line in lines) + f"mtllib {materials}\n"


def _object(name: str, vertices: Float[np.ndarray, "vert 3"], faces: Int[np.ndarray, "face 3"], triangles: str) -> str:
    normals = vertex_normals(vertices, faces)
    return (
        f"o {name}\ng {name}\nusemtl {name}\n"
        + "v %.6f %.6f %.6f\n" * len(vertices) % tuple(vertices.reshape(-1).tolist())
        + "vn %.4f %.4f %.4f\n" * len(normals) % tuple(normals.reshape(-1).tolist())
        + triangles
    )


def _triangles(faces: Int[np.ndarray, "face 3"], first: int) -> str:
    """The statements of all faces; `first` is how many vertices stand before theirs."""
    corners = np.repeat(faces.reshape(-1) + 1 + first, 2)
    return "f %d//%d %d//%d %d//%d\n" * len(faces) % tuple(corners.tolist())


def _material(name: str, number: int) -> str:
    red, green, blue = person_colour(number)
    return f"newmtl {name}\nKd {red:.4f} {green:.4f} {blue:.4f}\nKs 0 0 0\nillum 1\n"


def _one_line(text: str) -> str:
    """No line breaks or other control characters, which would start a new statement."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", "_", text)
