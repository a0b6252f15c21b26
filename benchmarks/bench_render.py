"""People drawn over a picture on the CPU, against the targets and the graphics libraries that were recorded.

    python benchmarks/bench_render.py [--write]

An overlay is a fresh copy of the picture with everyone's mesh in it: projected, culled, shaded, smoothed with 2 x 2
samples a pixel, and blended. One person fills most of the height; six stand beside and before each other. A shadow is
a map of 512 texels cast by one light, and what painting with it costs beyond painting without.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numba
import numpy as np
import torch
from common import Row, report

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.geometry.rotation import matrix_from_axis_angle
from mien.render import kernels, raster, scene
from mien.render.mesh import Mesh, pack
from mien.render.overlay import draw_people
from mien.render.shade import STUDIO, person_colours
from mien.render.shadow import cast, gather

ROUNDS = 40
TARGETS = {(1, 512): 250.0, (1, 1080): 80.0, (6, 512): 60.0, (6, 1080): 25.0}
"""Pictures a second, by people and height."""
SHADOW_TARGETS = {"cast a shadow map": 3.5, "paint with it, more": 2.0}
"""Milliseconds, for one person at 512 x 512 on one thread."""
RECORDED = "pyrender, one person, one overlay: 204 ms at 512 px and 301 ms at 1080p (software GL, recorded elsewhere)"


def people(body: BodyModel, count: int) -> np.ndarray:
    """(person, vert, 3) in the camera frame."""
    generator = torch.Generator().manual_seed(1)
    vectors = 0.2 * torch.randn(count, 55, 3, generator=generator)
    vectors[:, 0] = torch.tensor([np.pi, 0, 0])
    posed = body.shape(torch.randn(count, 10, generator=generator)).pose(matrix_from_axis_angle(vectors))
    mesh = posed.mesh().numpy()
    mesh -= (mesh.min(1, keepdims=True) + mesh.max(1, keepdims=True)) / 2
    mesh[..., 0] += 0.36 * (np.arange(count) - (count - 1) / 2)[:, None]
    mesh[..., 2] += 2.3 + 0.3 * (np.arange(count) % 3)[:, None]
    return mesh


def milliseconds(function: Callable[[], object]) -> float:
    """Median of many runs."""
    times = []
    for turn in range(ROUNDS + 3):
        start = time.perf_counter()
        function()
        if turn >= 3:
            times.append(1e3 * (time.perf_counter() - start))
    return median(times)


def stages(picture: np.ndarray, vertices: np.ndarray, faces: np.ndarray, K: np.ndarray) -> dict[str, float]:
    """Milliseconds of each stage of one overlay."""
    colours = person_colours(len(vertices))
    meshes = [Mesh(vertices=v, faces=faces, colour=c) for v, c in zip(vertices, colours, strict=True)]
    packed, camera = pack(meshes), scene.camera_rows(K, 2, raster.NEAR)
    suns = gather(STUDIO, (), camera)
    ready, points, lit = scene.project(packed, camera, raster.NEAR, STUDIO, suns)
    size = picture.shape[0], picture.shape[1]
    binned = scene.bin_all(ready, points, size, 2)
    maps = (np.empty((0, 0), np.float32), np.empty((0, 0), np.uint16), np.empty((0, 0), np.int32))
    through = (suns.places, suns.maps, suns.nearness)
    surface = (ready.opacity, ready.uv, ready.texels, ready.textures)

    def draw(target: np.ndarray) -> None:
        height, width = 2 * size[0], 2 * size[1]
        kernels.draw_tiles(
            points, lit, ready.parts, binned, height, width, 2, surface, through, ready.origin, maps, target
        )

    work = picture.copy()
    rasterised = milliseconds(lambda: draw(np.empty((0, 0, 3), np.uint8)))
    projected = milliseconds(lambda: scene.project(packed, camera, raster.NEAR, None, suns))
    return {
        "copy picture": milliseconds(picture.copy),
        "check and pack": milliseconds(lambda: pack(meshes)),
        "project": projected,
        "normals and light": milliseconds(lambda: scene.project(packed, camera, raster.NEAR, STUDIO, suns)) - projected,
        "cull and bin": milliseconds(lambda: scene.bin_all(ready, points, size, 2)),
        "raster": rasterised,
        "shade and blend": milliseconds(lambda: draw(work)) - rasterised,
    }


def shadow(vertices: np.ndarray, faces: np.ndarray, K: np.ndarray) -> list[Row]:
    """One person and one light with a shadow."""
    mesh, picture = Mesh(vertices=vertices, faces=faces), np.zeros((512, 512, 3), np.uint8)
    shadows = [cast([mesh], STUDIO.direction[0]), None, None]
    plain = milliseconds(lambda: raster.paint(picture, [mesh], K))
    ours = {
        "cast a shadow map": milliseconds(lambda: cast([mesh], STUDIO.direction[0])),
        "paint with it, more": milliseconds(lambda: raster.paint(picture, [mesh], K, shadows=shadows)) - plain,
    }
    rows = []
    for name, limit in SHADOW_TARGETS.items():
        ratio = round(limit / ours[name], 2)
        rows.append(Row(case=name, ours_ms=round(ours[name], 2), reference_ms=limit, ratio=ratio, target=1.0))
        print(f"{name:<48}{ours[name]:8.2f} ms   (target {limit:g} ms)")
    return rows


def main() -> None:
    """Every case whole, then by stage; compilation before."""
    body = BodyModel.load(find_body("openbody"))
    faces, rows, table = body.faces.numpy(), [], {}
    start = time.perf_counter()
    draw_people(np.zeros((64, 64, 3), np.uint8), people(body, 1), faces, np.diag([50.0, 50, 1]))
    first = time.perf_counter() - start
    print(f"first call in this process: {first:.1f} s (compiles, or reads what was compiled before)")
    for (count, height), target in TARGETS.items():
        width = 512 if height == 512 else 1920
        focal = 1.15 * height
        K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        vertices = people(body, count)
        picture = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
        meshes = [Mesh(vertices=v, faces=faces) for v in vertices]
        covered = float((raster.render(meshes, K, (height, width), lights=None).mesh > 0).mean())
        case = f"{count} people, {width} x {height}, {covered:.0%} covered"
        for samples in (2, 1):
            ours = milliseconds(lambda v=vertices, p=picture, k=K, s=samples: draw_people(p, v, faces, k, samples=s))
            limit = 1e3 / target
            rows.append(
                Row(
                    case=f"{case}, {samples * samples} samples",
                    ours_ms=round(ours, 2),
                    reference_ms=round(limit, 2),
                    ratio=round(limit / ours, 2),
                    target=1.0,
                )
            )
            print(f"{rows[-1].case:<48}{ours:8.2f} ms{1e3 / ours:8.0f} pictures/s   (target {target:g})", flush=True)
        table[case] = {name: round(value, 2) for name, value in stages(picture, vertices, faces, K).items()}
        print("    " + ", ".join(f"{name} {value:g}" for name, value in table[case].items()))
    K = np.array([[589.0, 0, 255.5], [0, 589, 255.5], [0, 0, 1]])
    rows += shadow(people(body, 1)[0], faces, K)
    notes = {
        "note": "reference_ms is the target, not a measurement; stages are in ms, with 2 x 2 samples a pixel",
        "recorded": RECORDED,
        "stages_ms": table,
        "numba_threads": numba.get_num_threads(),
    }
    report("render", rows, notes)


if __name__ == "__main__":
    main()
