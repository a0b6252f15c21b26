"""Light, compiled: vertex normals, the light that leaves each vertex, and the blending of a tile into a picture."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np

from mien.render.shadow_kernels import add_suns, shade_sample, shade_tile
from mien.render.triangles import FIRST_UV, GROUPS, MESH, SUB, TEXTURE, TILE

__all__ = ["add_normals", "blend_tile", "light_vertices"]

_FAST = {"contract", "nsz", "reassoc"}
_CREASE = 0.008
"""Relative difference of depth within a pixel from which its samples are coloured one by one."""
_STEP = 0.03
"""The same, from which they look up their shadows one by one."""


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def add_normals(vertices, faces, first, last, offset, group, normals):
    """Area-weighted face normals onto their corners."""
    group = np.uint64(group)
    for f in range(np.uint64(first), np.uint64(last)):
        a, b, c = np.uint64(faces[f, 0] + offset), np.uint64(faces[f, 1] + offset), np.uint64(faces[f, 2] + offset)
        ox, oy, oz = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        ux, uy, uz = vertices[b, 0] - ox, vertices[b, 1] - oy, vertices[b, 2] - oz
        vx, vy, vz = vertices[c, 0] - ox, vertices[c, 1] - oy, vertices[c, 2] - oz
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        normals[group, a, 0] += nx
        normals[group, a, 1] += ny
        normals[group, a, 2] += nz
        normals[group, b, 0] += nx
        normals[group, b, 1] += ny
        normals[group, b, 2] += nz
        normals[group, c, 0] += nx
        normals[group, c, 1] += ny
        normals[group, c, 2] += nz


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _shine(cosine, mirrored, gloss):
    """The highlight of a light, by the cosines between it and the normal, and the mirrored view."""
    mirrored = max(np.float32(0), mirrored)
    mirrored = mirrored * mirrored
    mirrored = mirrored * mirrored
    return mirrored * mirrored * gloss if cosine > 0 else np.float32(0)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def light_vertices(vertices, normals, first, last, two_sided, lights, suns, ambient, wrap, gloss, lit):
    """Turn colours (0..1) into light that reaches the camera (0..255): wrapped Lambert, and a soft highlight (Phong).

    `lights` (light 6): direction towards the light, colour. Vertices that look well away from the camera get
    the ambient light only. What each of `suns`, the lights with shadows, gives goes into the columns of `lit` from 3
    on, by Lambert's law: where it would wrap around an edge, there is shadow.
    """
    one, zero, full, tiny = np.float32(1), np.float32(0), np.float32(255), np.float32(1e-20)
    scale = one / (one + wrap)
    for i in range(np.uint64(first), np.uint64(last)):
        nx, ny, nz = zero, zero, zero
        for group in range(GROUPS):
            nx += normals[group, i, 0]
            ny += normals[group, i, 1]
            nz += normals[group, i, 2]
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        length = one / math.sqrt(nx * nx + ny * ny + nz * nz + tiny)
        toward = -one / math.sqrt(x * x + y * y + z * z + tiny)
        nx, ny, nz, x, y, z = nx * length, ny * length, nz * length, x * toward, y * toward, z * toward
        facing = nx * x + ny * y + nz * z
        if facing < np.float32(-0.25) and not two_sided:
            lit[i, 0] = min(full, lit[i, 0] * ambient[0] * full)
            lit[i, 1] = min(full, lit[i, 1] * ambient[1] * full)
            lit[i, 2] = min(full, lit[i, 2] * ambient[2] * full)
            lit[i, 3:] = 0
            continue
        if facing < 0 and two_sided:
            nx, ny, nz, facing = -nx, -ny, -nz, -facing
        twice = facing + facing
        rx, ry, rz = twice * nx - x, twice * ny - y, twice * nz - z
        for k in range(suns.shape[0]):
            cosine = nx * suns[k, 0] + ny * suns[k, 1] + nz * suns[k, 2]
            shine = _shine(cosine, rx * suns[k, 0] + ry * suns[k, 1] + rz * suns[k, 2], gloss)
            diffuse = max(zero, cosine)
            lit[i, 3 * k + 3] = (lit[i, 0] * diffuse + shine) * suns[k, 3] * full
            lit[i, 3 * k + 4] = (lit[i, 1] * diffuse + shine) * suns[k, 4] * full
            lit[i, 3 * k + 5] = (lit[i, 2] * diffuse + shine) * suns[k, 5] * full
        red, green, blue = ambient[0], ambient[1], ambient[2]
        shine_r, shine_g, shine_b = zero, zero, zero
        for k in range(lights.shape[0]):
            dx, dy, dz = lights[k, 0], lights[k, 1], lights[k, 2]
            cosine = nx * dx + ny * dy + nz * dz
            diffuse = max(zero, (cosine + wrap) * scale)
            shine = _shine(cosine, rx * dx + ry * dy + rz * dz, gloss)
            red += diffuse * lights[k, 3]
            green += diffuse * lights[k, 4]
            blue += diffuse * lights[k, 5]
            shine_r += shine * lights[k, 3]
            shine_g += shine * lights[k, 4]
            shine_b += shine * lights[k, 5]
        lit[i, 0] = min(full, (lit[i, 0] * red + shine_r) * full)
        lit[i, 1] = min(full, (lit[i, 1] * green + shine_g) * full)
        lit[i, 2] = min(full, (lit[i, 2] * blue + shine_b) * full)


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _texel(texels, textures, texture, u, v):
    """Bilinear look-up; u to the right and v down over the texture, 0..1; beyond, it repeats or its border goes on."""
    number = np.uint64(texture)
    start, height, width = textures[number, 0], textures[number, 1], textures[number, 2]
    one, zero, half = np.float32(1), np.float32(0), np.float32(0.5)
    x, y = u * np.float32(width) - half, v * np.float32(height) - half
    if textures[number, 3]:
        x -= np.float32(width) * np.float32(math.floor(x / np.float32(width)))
        y -= np.float32(height) * np.float32(math.floor(y / np.float32(height)))
        x0, y0 = min(np.int64(x), width - 1), min(np.int64(y), height - 1)
        right = 3 if x0 + 1 < width else 3 - 3 * width
        down = 3 * width if y0 + 1 < height else 3 * width * (1 - height)
    else:
        x, y = min(max(x, zero), np.float32(width - 1)), min(max(y, zero), np.float32(height - 1))
        x0, y0 = np.int64(x), np.int64(y)
        right, down = 3 if x0 + 1 < width else 0, 3 * width if y0 + 1 < height else 0
    fx, fy = x - np.float32(x0), y - np.float32(y0)
    k, one_more = start + 3 * (y0 * width + x0), np.uint64(1)
    k00, k01, k10, k11 = np.uint64(k), np.uint64(k + right), np.uint64(k + down), np.uint64(k + right + down)
    w00, w01, w10, w11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    scale = np.float32(1 / 255)
    red = w00 * texels[k00] + w01 * texels[k01] + w10 * texels[k10] + w11 * texels[k11]
    k00, k01, k10, k11 = k00 + one_more, k01 + one_more, k10 + one_more, k11 + one_more
    green = w00 * texels[k00] + w01 * texels[k01] + w10 * texels[k10] + w11 * texels[k11]
    k00, k01, k10, k11 = k00 + one_more, k01 + one_more, k10 + one_more, k11 + one_more
    blue = w00 * texels[k00] + w01 * texels[k01] + w10 * texels[k10] + w11 * texels[k11]
    return red * scale, green * scale, blue * scale


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _texture_place(uv, f, u, v, w):
    """Texture coordinates within a face, for weights that need not add up to 1."""
    scale = np.float32(1) / (u + v + w)
    s = u * uv[f, 0, 0] + v * uv[f, 1, 0] + w * uv[f, 2, 0]
    t = u * uv[f, 0, 1] + v * uv[f, 1, 1] + w * uv[f, 2, 1]
    return s * scale, t * scale


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def _weights(points, a, b, c, x, y):
    """Weight / z of each corner at a sample, and how they change with x and with y; up to a common factor."""
    x0, y0 = np.float64(points[a, 0]) - x * SUB, np.float64(points[a, 1]) - y * SUB
    x1, y1 = np.float64(points[b, 0]) - x * SUB, np.float64(points[b, 1]) - y * SUB
    x2, y2 = np.float64(points[c, 0]) - x * SUB, np.float64(points[c, 1]) - y * SUB
    w0, w1, w2 = x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1
    scale = 1 / (w0 + w1 + w2)
    z0, z1, z2 = points[a, 2] * scale, points[b, 2] * scale, points[c, 2] * scale
    now = np.float32(w0 * z0), np.float32(w1 * z1), np.float32(w2 * z2)
    z0, z1, z2 = z0 * SUB, z1 * SUB, z2 * SUB
    by_x = np.float32((y1 - y2) * z0), np.float32((y2 - y0) * z1), np.float32((y0 - y1) * z2)
    by_y = np.float32((x2 - x1) * z0), np.float32((x0 - x2) * z1), np.float32((x1 - x0) * z2)
    return now, by_x, by_y


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _one_mesh(records, parts, seen, j, i):
    """Whether the four samples from (i, j), all covered, are of one mesh."""
    r, more = seen[j, i], np.uint64(1)
    if r == seen[j, i + more] and r == seen[j + more, i] and r == seen[j + more, i + more]:
        return True
    mesh = _mesh_of(records, parts, r)
    for k in range(1, 4):
        if _mesh_of(records, parts, seen[j + np.uint64(k >> 1), i + np.uint64(k & 1)]) != mesh:
            return False
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
@no_type_check
def _mesh_of(records, parts, r):
    return parts[np.uint64(records[np.uint64(r), 3]), MESH]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
@no_type_check
def blend_tile(triangles, surface, suns, samples, left, top, depth, seen, one_part, picture):
    """Colour the covered pixels of the tile whose first pixel is (left, top), and blend them into the picture.

    A pixel's samples share one colour where they show one smooth surface, and have one each at outlines and creases.
    Without shadows, `suns` is None, and what they need is not even compiled.
    """
    points, lit, records, parts = triangles
    opacity, uv, texels, textures = surface
    side, count, zero, full = TILE // samples, samples * samples, np.float32(0), np.float32(255)
    each, centre = np.float32(1 / count), np.float32(0.5 * (samples - 1))
    crease, step = np.float32(_CREASE), np.float32(_STEP)
    held, part, texture, covering = np.int32(-1), np.uint64(0), np.int64(-1), zero
    base_x, base_y = 0, 0
    now, by_x, by_y = (zero, zero, zero), (zero, zero, zero), (zero, zero, zero)
    red0, red1, red2, green0, green1, green2, blue0, blue1, blue2 = zero, zero, zero, zero, zero, zero, zero, zero, zero
    if suns is not None:
        shares = shade_tile(depth, samples, left, top, suns)
    for y in range(min(side, picture.shape[0] - top)):
        for x in range(min(side, picture.shape[1] - left)):
            i, j = x * samples, y * samples
            i0, j0, i1, j1 = np.uint64(i), np.uint64(j), np.uint64(i + 1), np.uint64(j + 1)
            d0 = depth[j0, i0]
            plain = d0 > 0
            if samples == 2:
                d1, d2, d3 = depth[j0, i1], depth[j1, i0], depth[j1, i1]
                nearest = max(max(d0, d1), max(d2, d3))
                plain = nearest - min(min(d0, d1), min(d2, d3)) < crease * nearest
                if plain and not one_part:
                    plain = _one_mesh(records, parts, seen, j0, i0)
                d0 = nearest
            if d0 == 0:
                continue
            red, green, blue, total, last = zero, zero, zero, zero, zero
            for k in range(1 if plain else count):
                row, column = j + (k >> 1), i + (k & 1)
                away, r = depth[np.uint64(row), np.uint64(column)], seen[np.uint64(row), np.uint64(column)]
                if away == 0:
                    continue
                record = np.uint64(r)
                if r != held:
                    held, base_x, base_y = r, column, row
                    a, b = np.uint64(records[record, 0]), np.uint64(records[record, 1])
                    c, part = np.uint64(records[record, 2]), np.uint64(records[record, 3])
                    now, by_x, by_y = _weights(points, a, b, c, left * samples + column, top * samples + row)
                    red0, green0, blue0 = lit[a, 0], lit[a, 1], lit[a, 2]
                    red1, green1, blue1 = lit[b, 0], lit[b, 1], lit[b, 2]
                    red2, green2, blue2 = lit[c, 0], lit[c, 1], lit[c, 2]
                    covering, texture = opacity[np.uint64(parts[part, MESH])], parts[part, TEXTURE]
                dx, dy = np.float32(column - base_x), np.float32(row - base_y)
                if plain:
                    dx, dy = dx + centre, dy + centre
                u = max(now[0] + dx * by_x[0] + dy * by_y[0], zero)
                v = max(now[1] + dx * by_x[1] + dy * by_y[1], zero)
                w = max(now[2] + dx * by_x[2] + dy * by_y[2], zero)
                weight = covering if plain else covering * each
                total += weight
                scale = weight / (u + v + w)
                light_r = scale * (u * red0 + v * red1 + w * red2)
                light_g = scale * (u * green0 + v * green1 + w * green2)
                light_b = scale * (u * blue0 + v * blue1 + w * blue2)
                if suns is not None:
                    if not plain and abs(away - last) > step * last:
                        last = away
                        shade_sample(suns, left * samples + column, top * samples + row, last, shares, y, x)
                    more_r, more_g, more_b = add_suns(lit, records, record, u, v, w, shares, y, x)
                    most, light_r, light_g = full * weight, light_r + scale * more_r, light_g + scale * more_g
                    light_b = min(most, light_b + scale * more_b)
                    light_r, light_g = min(most, light_r), min(most, light_g)
                if texture >= 0:
                    s, t = _texture_place(uv, np.uint64(parts[part, FIRST_UV] + records[record, 4]), u, v, w)
                    texel_r, texel_g, texel_b = _texel(texels, textures, texture, s, t)
                    light_r, light_g, light_b = light_r * texel_r, light_g * texel_g, light_b * texel_b
                red, green, blue = red + light_r, green + light_g, blue + light_b
            row, column = np.uint64(top + y), np.uint64(left + x)
            rest, half = np.float32(1) - total, np.float32(0.5)
            picture[row, column, 0] = np.uint8(np.int32(picture[row, column, 0] * rest + red + half))
            picture[row, column, 1] = np.uint8(np.int32(picture[row, column, 1] * rest + green + half))
            picture[row, column, 2] = np.uint8(np.int32(picture[row, column, 2] * rest + blue + half))
