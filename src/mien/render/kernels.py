"""The compiled entries of the rasteriser: vertices, then triangles, then tiles. `mien.render.raster` is their face.

The loops over threads are here and little else, so that what takes long to compile in parallel is short.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from mien.parallel import parallel
from mien.render.light_kernels import add_normals, blend_tile, light_vertices
from mien.render.shadow_kernels import fill_low
from mien.render.triangles import (
    FIRST_FACE,
    FIRST_VERTEX,
    GROUPS,
    NUM_FACES,
    NUM_VERTICES,
    SUB,
    SUB_BITS,
    TILE,
    TWO_SIDED,
    cull,
    fill_tile,
    list_triangles,
    meet,
    project,
    start_lists,
    write_tile,
)

__all__ = ["bin_triangles", "draw_tiles", "fill_map", "prepare_vertices", "weigh_corners"]


@parallel
@no_type_check
def prepare_vertices(vertices, faces, parts, camera, near, lights, suns, ambient, wrap, gloss, normals, points, lit):
    """Project all vertices into `points`, and light the colours in `lit` in place where there is room for `normals`.

    Args:
        lights, suns: without and with a shadow, see `light_vertices`.
        normals: (GROUPS vert 3) of zeros to work in, or (0 0 0) if no light is wanted.

    Returns:
        How many vertices of each part cannot be projected, (part GROUPS).
    """
    flagged = np.zeros((parts.shape[0], GROUPS), dtype=np.int64)
    for task in numba.prange(parts.shape[0] * GROUPS):
        part, group = task // GROUPS, task % GROUPS
        start, count = parts[part, FIRST_VERTEX], parts[part, NUM_VERTICES]
        low, high = start + count * group // GROUPS, start + count * (group + 1) // GROUPS
        flagged[part, group] = project(vertices, low, high, camera, near, points)
        if normals.shape[0]:
            first, count = parts[part, FIRST_FACE], parts[part, NUM_FACES]
            low, high = first + count * group // GROUPS, first + count * (group + 1) // GROUPS
            add_normals(vertices, faces, low, high, start, group, normals)
    for task in numba.prange(parts.shape[0] * GROUPS if normals.shape[0] else 0):
        part, group = task // GROUPS, task % GROUPS
        start, count = parts[part, FIRST_VERTEX], parts[part, NUM_VERTICES]
        low, high = start + count * group // GROUPS, start + count * (group + 1) // GROUPS
        both = parts[part, TWO_SIDED] != 0
        light_vertices(vertices, normals, low, high, both, lights, suns, ambient, wrap, gloss, lit)
    return flagged


@parallel
@no_type_check
def bin_triangles(points, faces, parts, height, width, centres, chunks):
    """Cull, and list the triangles of each tile in the order of the meshes, whatever the number of chunks.

    Args:
        height, width: of the picture, in samples.
        centres: 1 to list also triangles that reach only places half-way between samples, else 0.
        chunks: how many tasks share the triangles.

    Returns:
        `records`; `listed`: rows of `records`, tile after tile; `starts`: of each tile in it, with the end as last.
    """
    firsts = np.zeros(parts.shape[0] + 1, dtype=np.int64)
    firsts[1:] = np.cumsum(parts[:, NUM_FACES])
    total, tiles_x = firsts[-1], (width + TILE - 1) // TILE
    records, boxes = np.empty((total, 5), dtype=np.int32), np.empty((total, 4), dtype=np.int16)
    places = np.zeros((chunks, tiles_x * ((height + TILE - 1) // TILE)), dtype=np.int32)
    ends = np.zeros(chunks, dtype=np.int64)
    for chunk in numba.prange(chunks):
        low, high = total * chunk // chunks, total * (chunk + 1) // chunks
        ends[chunk] = cull(
            points, faces, parts, firsts, low, high, width, height, tiles_x, centres, records, boxes, places[chunk]
        )
    starts = start_lists(places)
    listed = np.empty(starts[-1], dtype=np.int32)
    for chunk in numba.prange(chunks):
        list_triangles(boxes, total * chunk // chunks, ends[chunk], tiles_x, places[chunk], listed)
    return records, listed, starts


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _stride(count):
    """A step that visits all of `count` in an order that any consecutive share of it is spread over the whole."""
    step = max(1, int(count * 0.618))
    while True:
        a, b = count, step
        while b:
            a, b = b, a % b
        if a <= 1:
            return step
        step += 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _draw_tile(triangles, listed, left, top, samples, surface, suns, origin, maps, picture):
    """One tile, whose first sample is (left, top); see `draw_tiles`."""
    points, _, records, parts = triangles
    x, y, side, bits = left // samples, top // samples, TILE // samples, SUB_BITS + samples - 1
    middle, (out_depth, out_mesh, out_face) = (samples - 1) * (SUB // 2), maps
    depth, seen = np.zeros((side, side), dtype=np.float32), np.empty((side, side), dtype=np.int32)
    if out_depth.shape[0]:
        fill_tile(points, records, listed, left * SUB + middle, top * SUB + middle, bits, depth, seen)
        write_tile(records, parts, origin, x, y, depth, seen, out_depth, out_mesh, out_face)
    if not picture.shape[0]:
        return
    if samples > 1 or not out_depth.shape[0]:
        depth, seen = np.zeros((TILE, TILE), dtype=np.float32), np.empty((TILE, TILE), dtype=np.int32)
        fill_tile(points, records, listed, left * SUB, top * SUB, SUB_BITS, depth, seen)
    one_part = records[listed[0], 3] == records[listed[-1], 3]
    if suns[0].shape[0]:
        blend_tile(triangles, surface, suns, samples, x, y, depth, seen, one_part, picture)
    else:
        blend_tile(triangles, surface, None, samples, x, y, depth, seen, one_part, picture)


@parallel
@no_type_check
def draw_tiles(points, lit, parts, binned, height, width, samples, surface, suns, origin, maps, picture):
    """Fill every tile that has triangles; write `maps` and blend it into `picture`, where they are not empty.

    Args:
        points, lit, parts: see `mien.render.triangles`.
        binned: what `bin_triangles` gives.
        height, width: in samples.
        samples: along a pixel's side.
        surface: opacity (mesh), uv (row 3 2), texels uint8, textures (texture 3) int64: start, height, width, repeats.
        suns: shadow maps, see `mien.render.shadow_kernels`.
        origin: faces of the meshes from which the pieces of faces were cut.
        maps: depth (h w) metres, mesh (h w) uint16 from 1, face (h w), at the centres of pixels.
        picture: (h w 3) uint8, blended in place.
    """
    records, listed, starts = binned
    tiles_x = (width + TILE - 1) // TILE
    busy = np.nonzero(starts[1:] > starts[:-1])[0]
    stride = _stride(len(busy))
    for task in numba.prange(len(busy)):
        tile = busy[task * stride % len(busy)]
        left, top = tile % tiles_x * TILE, tile // tiles_x * TILE
        here = listed[starts[tile] : starts[tile + 1]]
        _draw_tile((points, lit, records, parts), here, left, top, samples, surface, suns, origin, maps, picture)


@parallel
@no_type_check
def fill_map(points, binned, lower, nearness):
    """Write how near the nearest triangle is at each place of `nearness` (h w); what nothing covers stays as it is.

    `lower`: see `fill_low`.
    """
    records, listed, starts = binned
    height, width = nearness.shape
    tiles_x = (width + TILE - 1) // TILE
    for tile in numba.prange(len(starts) - 1):
        if starts[tile + 1] > starts[tile]:
            left, top = tile % tiles_x * TILE, tile // tiles_x * TILE
            depth = np.zeros((TILE, TILE), dtype=np.float32)
            fill_low(points, records, listed[starts[tile] : starts[tile + 1]], left * SUB, top * SUB, lower, depth)
            for y in range(min(TILE, height - top)):
                for x in range(min(TILE, width - left)):
                    if depth[y, x] > 0:
                        nearness[top + y, left + x] = depth[y, x]


@parallel
@no_type_check
def weigh_corners(vertices, faces, parts, mesh, face, rays, weights):
    """Where the ray of each pixel meets the plane of the face seen there: the weights (h w 3) of its corners.

    `rays` are the first two rows of the inverse of K. Double precision inside; clamped to the face.
    """
    for y in numba.prange(mesh.shape[0]):
        for x in range(mesh.shape[1]):
            if mesh[y, x] > 0:
                part = mesh[y, x] - 1
                f, offset = parts[part, FIRST_FACE] + face[y, x], parts[part, FIRST_VERTEX]
                a, b, c = faces[f, 0] + offset, faces[f, 1] + offset, faces[f, 2] + offset
                dx, dy = rays[0] * x + rays[1] * y + rays[2], rays[3] * x + rays[4] * y + rays[5]
                weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = meet(vertices, a, b, c, dx, dy)
