"""A GLB as pygltflib reads it, and a small evaluator after the specification: skins, morph targets, animations."""

from __future__ import annotations

import importlib.util
import json
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

needs_pygltflib = pytest.mark.skipif(
    importlib.util.find_spec("pygltflib") is None, reason="pygltflib is not installed: pip install pygltflib==1.16.5"
)
TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
SHAPES = {"SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


def document_of(data: bytes) -> dict[str, Any]:
    """The document of a GLB file, as it stands in it."""
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length])


class File:
    """A GLB as pygltflib reads it, and a small evaluator after the specification."""

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pygltflib

            self.document: Any = pygltflib.GLTF2().load(str(path))
        self.blob: bytes = self.document.binary_blob() or b""
        self.moved: dict[int, dict[str, np.ndarray]] = {}
        """What an animation says of each node, by path, at the time of `play`."""

    def times(self, path: str = "rotation") -> np.ndarray:
        """Key times of the first channel of this kind, seconds."""
        (animation,) = self.document.animations
        channel = next(each for each in animation.channels if each.target.path == path)
        return self.array(animation.samplers[channel.sampler].input)

    def play(self, seconds: float) -> None:
        """Everything as it is at this time."""
        (animation,) = self.document.animations
        self.moved = {}
        for channel in animation.channels:
            sampler = animation.samplers[channel.sampler]
            times, values = self.array(sampler.input), self.array(sampler.output).astype(np.float64)
            values = values.reshape(len(times), *([-1] if channel.target.path == "weights" else values.shape[1:]))
            after = int(np.clip(np.searchsorted(times, seconds), 1, len(times) - 1))
            share = float(np.clip((seconds - times[after - 1]) / (times[after] - times[after - 1]), 0, 1))
            share = float(share >= 1) if sampler.interpolation == "STEP" else share
            value = values[after - 1] * (1 - share) + values[after] * share
            if channel.target.path == "rotation":
                value = value / np.linalg.norm(value)
            self.moved.setdefault(channel.target.node, {})[channel.target.path] = value

    def view(self, index: int, component: int, count: int, shape: tuple[int, ...], start: int = 0) -> np.ndarray:
        view = self.document.bufferViews[index]
        size = count * int(np.prod(shape, dtype=int))
        offset = (view.byteOffset or 0) + start
        return np.frombuffer(self.blob, TYPES[component], size, offset).reshape(count, *shape)

    def array(self, index: int) -> np.ndarray:
        accessor = self.document.accessors[index]
        shape = SHAPES[accessor.type]
        if accessor.bufferView is None:
            found = np.zeros((accessor.count, *shape), TYPES[accessor.componentType])
        else:
            found = self.view(accessor.bufferView, accessor.componentType, accessor.count, shape)
        if accessor.sparse is not None:
            rows, values = accessor.sparse.indices, accessor.sparse.values
            where = self.view(rows.bufferView, rows.componentType, accessor.sparse.count, ())
            found[where] = self.view(values.bufferView, accessor.componentType, accessor.sparse.count, shape)
        if accessor.min:
            np.testing.assert_array_equal(found.min(0), np.float32(accessor.min))
            np.testing.assert_array_equal(found.max(0), np.float32(accessor.max))
        return found

    def primitive(self, person: int) -> Any:
        return self.document.meshes[person].primitives[0]

    def world(self) -> np.ndarray:
        """Global matrix of every node."""
        matrices = np.tile(np.eye(4), (len(self.document.nodes), 1, 1))

        def visit(index: int, above: np.ndarray) -> None:
            node, moved = self.document.nodes[index], self.moved.get(index, {})
            local = np.eye(4)
            x, y, z, w = moved.get("rotation", node.rotation or [0, 0, 0, 1])
            q = np.array([x, y, z])
            cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            local[:3, :3] = np.eye(3) * (w * w - q @ q) + 2 * np.outer(q, q) + 2 * w * cross
            local[:3, :3] *= moved.get("scale", node.scale or [1, 1, 1])
            local[:3, 3] = moved.get("translation", node.translation or [0, 0, 0])
            matrices[index] = above @ local
            for child in node.children or []:
                visit(child, matrices[index])

        for root in self.document.scenes[0].nodes:
            visit(root, np.eye(4))
        return matrices

    def rest(self, person: int) -> np.ndarray:
        """With the morph targets at the weights of the file."""
        mesh, primitive = self.document.meshes[person], self.primitive(person)
        found = self.array(primitive.attributes.POSITION).astype(np.float64)
        node = next(i for i, node in enumerate(self.document.nodes) if node.mesh == person)
        weights = self.moved.get(node, {}).get("weights", mesh.weights or [])
        for weight, target in zip(weights, primitive.targets or [], strict=True):
            found = found + weight * self.array(target["POSITION"])
        return found

    def influences(self, person: int) -> tuple[np.ndarray, np.ndarray]:
        attributes = self.primitive(person).attributes
        sets = [k for k in range(2) if getattr(attributes, f"JOINTS_{k}", None) is not None]
        joints = [self.array(getattr(attributes, f"JOINTS_{k}")) for k in sets]
        weights = [self.array(getattr(attributes, f"WEIGHTS_{k}")) for k in sets]
        return np.concatenate(joints, 1), np.concatenate(weights, 1)

    def posed(self, person: int) -> np.ndarray:
        """All vertices in the world of the file."""
        skin = self.document.skins[person]
        inverse = self.array(skin.inverseBindMatrices).transpose(0, 2, 1).astype(np.float64)
        bones = self.world()[skin.joints] @ inverse
        joints, weights = self.influences(person)
        blended = np.einsum("vs,vsij->vij", weights.astype(np.float64), bones[joints])
        rest = self.rest(person)
        return np.einsum("vij,vj->vi", blended[:, :3, :3], rest) + blended[:, :3, 3]
