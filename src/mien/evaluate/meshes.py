"""True meshes that come as files of their own (EHF, AGORA), brought to the camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from mien.body.model import BodyModel
from mien.data.readers.base import load_json
from mien.data.readers.ehf import read_ply_vertices
from mien.data.samples import Label, Samples
from mien.errors import BodyError, InputError
from mien.files import inside, opened
from mien.geometry.rotation import matrix_from_axis_angle
from mien.npz import load_npy
from mien.unpickle import load_pickle

__all__ = ["mesh_files", "read_mesh", "true_meshes"]


def mesh_files(samples: Samples) -> list[str]:
    """The path of each person's mesh; empty where there is none."""
    names = samples.extra.get("vertices")
    return [str(name) for name in names] if isinstance(names, np.ndarray) else [""] * len(samples)


def true_meshes(
    samples: Samples, places: Sequence[Path], body: BodyModel, otherwise: Float[Tensor, "row vert 3"]
) -> Float[Tensor, "row vert 3"]:
    """The meshes of files in the camera's frame, metres; `otherwise` where a person has none.

    Args:
        samples: with `vertices`, and perhaps `vertices_rotation` and `vertices_translation`, in `extra`.
        places: folders that the paths may start from.
        body: that they must have the vertices of.
        otherwise: meshes of the parameters.

    Raises:
        InputError: a file is missing or damaged.
        BodyError: it has another number of vertices.
    """
    found = otherwise.clone()
    for row, name in enumerate(mesh_files(samples)):
        if not name:
            continue
        path = next((file for place in places if (file := inside(place, name)).exists()), None)
        if path is None:
            where = ", ".join(map(str, places))
            raise InputError(f"the true mesh {name} is missing", expected=f"it below one of: {where}")
        mesh = read_mesh(path)
        if len(mesh) != body.num_vertices:
            raise BodyError(
                f"{path} has {len(mesh):,} vertices, {body.path.name} has {body.num_vertices:,}",
                expected="a mesh of the same body",
                todo="choose another --body; joints alone can be compared across bodies",
            )
        found[row] = _to_camera(torch.from_numpy(mesh).to(found.dtype), samples, row)
    return found


def read_mesh(path: Path) -> Float32[np.ndarray, "vert 3"]:
    """Vertices of a .ply, .obj, .npy, .json or .pkl file.

    Raises:
        InputError: it is no such file, or is damaged.
    """
    ending = path.suffix.lower()
    if ending == ".ply":
        return read_ply_vertices(path)
    if ending == ".obj":
        with opened(path) as stream:
            lines = [line.split()[1:4] for line in stream.read().splitlines() if line.startswith(b"v ")]
        values: object = lines
    elif ending in (".json", ".pkl", ".npy"):
        values = (load_json if ending == ".json" else load_pickle if ending == ".pkl" else load_npy)(path)
    else:
        raise InputError(f"{path} is no mesh", expected=".ply, .obj, .npy, .json or .pkl")
    try:
        mesh = np.asarray(values, dtype=np.float32).reshape(-1, 3)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path} holds no vertices", expected="three numbers for each vertex") from error
    return mesh


def _to_camera(mesh: Float[Tensor, "vert 3"], samples: Samples, row: int) -> Float[Tensor, "vert 3"]:
    turn, move = (samples.extra.get(f"vertices_{name}") for name in ("rotation", "translation"))
    if isinstance(turn, Label):
        mesh = mesh @ matrix_from_axis_angle(torch.from_numpy(turn.value[row]).double()).to(mesh.dtype).T
    if isinstance(move, Label):
        mesh = mesh + torch.from_numpy(move.value[row]).to(mesh.dtype)
    return mesh
