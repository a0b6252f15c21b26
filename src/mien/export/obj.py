"""People as posed meshes in one OBJ file with its MTL of colours: what every 3D program reads."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mien.body.model import BodyModel
from mien.export.people import posed_people, vertex_normals, y_up
from mien.files import atomic_write
from mien.palette import person_colour
from mien.scene import Scene

__all__ = ["write_obj"]


def write_obj(path: Path | str, scene: Scene, body: BodyModel) -> Path:
    """Write everyone's posed mesh as one object each, and the colours beside it, each file whole or not at all.

    Metres, y up, seen from the picture's camera at the origin along -z. Vertices come in the body's own order.

    Args:
        path: of the OBJ; the MTL has the same stem.
        scene: of one picture; nobody in it gives a file without vertices.
        body: the one that the scene was made with.

    Raises:
        InputError: the scene holds numbers that are not finite.
        BodyError: the scene was made with another body, or the body has no 55 joints.
        OutputError: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    body, posed = posed_people(scene, body)
    meshes = y_up(posed.mesh().numpy()) if len(scene) else np.zeros((0, body.num_vertices, 3), np.float32)
    faces = body.faces.numpy()
    materials = path.with_name(_one_line(path.stem) + ".mtl")
    with atomic_write(materials) as stream:
        stream.write("".join(_material(person) for person in range(len(scene))).encode())
    with atomic_write(path) as stream:
        stream.write(_header(scene, materials.name).encode("utf-8", "replace"))
        for person, mesh in enumerate(meshes):
            stream.write(_object(person, mesh, faces).encode())
    return path


def _header(scene: Scene, materials: str) -> str:
    origin = scene.origin
    lines = [f"mien {origin.mien_version}, weights {origin.weights_name}, body {origin.body_name}", "metres, y up"]
    lines += [f"WARNING: {origin.warning}"] if origin.warning else []
    return "".join(f"# {_one_line(line)}\n" for line in lines) + f"mtllib {materials}\n"


def _object(person: int, vertices: Float[np.ndarray, "vert 3"], faces: Int[np.ndarray, "face 3"]) -> str:
    normals = vertex_normals(vertices, faces)
    corners = np.repeat(faces.reshape(-1) + 1 + person * len(vertices), 2)
    return (
        f"o person_{person}\ng person_{person}\nusemtl person_{person}\n"
        + "v %.6f %.6f %.6f\n" * len(vertices) % tuple(vertices.reshape(-1).tolist())
        + "vn %.4f %.4f %.4f\n" * len(normals) % tuple(normals.reshape(-1).tolist())
        + "f %d//%d %d//%d %d//%d\n" * len(faces) % tuple(corners.tolist())
    )


def _material(person: int) -> str:
    red, green, blue = person_colour(person)
    return f"newmtl person_{person}\nKd {red:.4f} {green:.4f} {blue:.4f}\nKs 0 0 0\nillum 1\n"


def _one_line(text: str) -> str:
    """No line breaks or other control characters, which would start a new statement."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", "_", text)
