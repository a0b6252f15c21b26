"""Shadows by laws: rays cast one by one agree, shadows lie where geometry puts them, nothing shadows itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.errors import InputError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.render.mesh import pack
from mien.render.raster import Frame, Mesh, paint, render
from mien.render.shade import STUDIO, Lights
from mien.render.shadow import MAX_SIZE, Shadow, cast

QUAD = np.array([[0, 1, 2], [0, 2, 3]])
GROUND = 1.0
"""Metres below the camera."""


@pytest.fixture(scope="module")
def person() -> Mesh:
    """Stands on the ground before the camera, an arm before the chest."""
    body = BodyModel.load(find_body("openbody"))
    vectors = 0.15 * torch.randn(1, 55, 3, generator=torch.Generator().manual_seed(3))
    vectors[:, 0] = torch.tensor([np.pi, 0, 0])
    vectors[:, 17] = torch.tensor([0, 1.2, -0.3])
    vertices = body.shape(torch.zeros(1, 10)).pose(matrix_from_axis_angle(vectors)).mesh().numpy()[0]
    vertices = vertices - vertices.mean(0) + np.array([0, 0, 3], dtype=np.float32)
    vertices[:, 1] += GROUND - vertices[:, 1].max()
    return Mesh(vertices=vertices, faces=body.faces.numpy())


def camera(height: int, width: int, focal: float | None = None) -> np.ndarray:
    focal = focal or 1.2 * height
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def quad(corners: Sequence[Sequence[float]], **more: Any) -> Mesh:
    return Mesh(vertices=np.array(corners, dtype=np.float32), faces=QUAD, two_sided=True, colour=np.ones(3), **more)


def ground(far: float = 9, behind: float = -9) -> Mesh:
    return quad([(-9, GROUND, far), (9, GROUND, far), (9, GROUND, behind), (-9, GROUND, behind)])


def pole(x: float, z: float, height: float = 1.0, width: float = 0.05) -> Mesh:
    """A box that stands on the ground."""
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (0, 1) for k in (-1, 1)])
    vertices = signs * [width / 2, -height, width / 2] + [x, GROUND, z]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([(a, b, c) for a, b, c, _ in sides] + [(a, c, d) for a, _, c, d in sides])
    return Mesh(vertices=vertices.astype(np.float32), faces=faces, two_sided=True)


def sun(*direction: float, strength: float = 0.9) -> Lights:
    return Lights(
        direction=np.array([direction]), colour=np.full((1, 3), strength), ambient=np.zeros(3), wrap=0.0, gloss=0.0
    )


def red(frame: Frame) -> np.ndarray:
    assert frame.colour is not None
    return frame.colour[..., 0].astype(int)


def shares(meshes: list[Mesh], light: Lights, shadow: Shadow, size: tuple[int, int], **more: Any) -> np.ndarray:
    """How much of one light reaches each pixel; NaN where it would be dark anyway."""
    lit = red(render(meshes, camera(*size), size, lights=light, **more))
    shaded = red(render(meshes, camera(*size), size, lights=light, shadows=[shadow], **more))
    return np.where(lit > 25, shaded / np.maximum(lit, 1), np.nan)


def grown(mask: np.ndarray, steps: int = 1) -> np.ndarray:
    for _ in range(steps):
        padded = np.pad(mask, 1)
        height, width = mask.shape
        mask = np.any([padded[i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)
    return mask


# against rays ---------------------------------------------------------------------------------------------------
def meets(points: np.ndarray, direction: np.ndarray, meshes: list[Mesh]) -> np.ndarray:
    """Whether the ray from each point towards the light meets a triangle, the slow way."""
    forward = direction / np.linalg.norm(direction)
    right = np.cross(forward, [0.3, 0.5, 0.81])
    right /= np.linalg.norm(right)
    frame = np.stack([right, np.cross(forward, right), forward])
    corners = np.concatenate([mesh.vertices[mesh.faces].astype(np.float64) for mesh in meshes]) @ frame.T
    low, high = corners[..., :2].min(1), corners[..., :2].max(1)
    found = np.zeros(len(points), dtype=bool)
    for i, (x, y, z) in enumerate(points @ frame.T):
        near = (low[:, 0] <= x) & (high[:, 0] >= x) & (low[:, 1] <= y) & (high[:, 1] >= y)
        a, b, c = corners[near].swapaxes(0, 1)
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        area = np.where(area == 0, np.nan, area)
        u = ((b[:, 0] - x) * (c[:, 1] - y) - (b[:, 1] - y) * (c[:, 0] - x)) / area
        v = ((c[:, 0] - x) * (a[:, 1] - y) - (c[:, 1] - y) * (a[:, 0] - x)) / area
        w = 1 - u - v
        found[i] = ((u >= 0) & (v >= 0) & (w >= 0) & (u * a[:, 2] + v * b[:, 2] + w * c[:, 2] > z)).any()
    return found


@pytest.mark.parametrize("direction", [(-0.6, -1.0, -0.8), (0.9, -0.5, 0.1), (0.2, -0.6, -1.0)])
def test_agrees_with_rays(person: Mesh, direction: tuple[float, float, float]) -> None:
    size, light, scene = (240, 200), sun(*direction), [ground(), person]
    shadow = cast([person], light.direction[0])
    share = shares(scene, light, shadow, size)
    frame = render(scene, camera(*size), size, lights=None)
    place = frame.interpolate([mesh.vertices for mesh in scene]).astype(np.float64)
    column, row, _ = np.moveaxis(place @ shadow.map_from_camera[:, :3].T + shadow.map_from_camera[:, 3], -1, 0)
    height, width = shadow.nearness.shape
    rng, seen = (
        np.random.default_rng(0),
        np.isfinite(share) & (abs(2 * column / width - 1) < 0.8) & (abs(2 * row / height - 1) < 1),
    )
    places = [rng.permutation(np.argwhere(seen & (frame.mesh == label)))[:700] for label in (1, 2)]
    rows, columns = np.concatenate(places).T
    face, label = frame.face[rows, columns], frame.mesh[rows, columns] - 1
    corners = np.stack([scene[m].vertices[scene[m].faces[f]] for m, f in zip(label, face, strict=True)])
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    normal *= np.sign(normal @ light.direction[0])[:, None]
    across = np.cross(normal, [0.3, 0.5, 0.8])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    step, start = 4 * shadow.texel, place[rows, columns] + 0.002 * normal
    around = [step * (np.cos(a) * across + np.sin(a) * np.cross(normal, across)) for a in np.arange(8) * np.pi / 4]
    truth = np.stack([meets(start + shift, light.direction[0], [person]) for shift in [0 * start, *around]])
    sure = truth.all(0) | ~truth.any(0)
    ours = share[rows, columns][sure] < 0.5
    assert sure.sum() > 1000 and ours.sum() > 60
    assert (ours == truth[0][sure]).mean() >= 0.995


# no shadow where there is light ---------------------------------------------------------------------------------
def ball(steps: int, radius: float = 0.5) -> Mesh:
    a, b = np.linspace(0, 2 * np.pi, 2 * steps, endpoint=False), np.linspace(0, np.pi, steps + 1)
    ring = np.stack(
        [np.outer(np.sin(b), np.cos(a)), np.outer(np.sin(b), np.sin(a)), np.outer(np.cos(b), 1 + 0 * a)], -1
    )
    i, j = np.meshgrid(np.arange(steps), np.arange(2 * steps), indexing="ij")
    n, k = 2 * steps, (j + 1) % (2 * steps)
    quads = np.stack([i * n + j, (i + 1) * n + j, (i + 1) * n + k, i * n + k], -1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Mesh(vertices=(radius * ring.reshape(-1, 3) + [0, 0, 3]).astype(np.float32), faces=faces, colour=np.ones(3))


@pytest.mark.parametrize("size", [128, 512, 1024])
@pytest.mark.parametrize("steps", [20, 80])
def test_a_ball_does_not_shadow_its_lit_side(size: int, steps: int) -> None:
    mesh, shape, light = ball(steps), (400, 400), sun(-1, -0.6, -0.7, strength=1.0)
    lit = red(render([mesh], camera(*shape), shape, lights=light))
    shaded = red(
        render([mesh], camera(*shape), shape, lights=light, shadows=[cast([mesh], light.direction[0], size=size)])
    )
    assert (lit > 60).sum() > 10_000
    assert np.abs(lit - shaded)[lit > 60].max() <= (2 if steps == 80 else 8)
    assert (lit - shaded).max() <= 30


@pytest.mark.parametrize("degrees", [4.0, 10.0, 30.0, 80.0])
def test_a_plane_does_not_shadow_itself(degrees: float) -> None:
    angle, shape = np.deg2rad(degrees), (160, 200)
    floor = quad([(-1, GROUND, 4), (1, GROUND, 4), (1, GROUND, 2), (-1, GROUND, 2)])
    light = sun(np.cos(angle) * 0.6, -np.sin(angle), np.cos(angle) * 0.8, strength=float(0.9 / np.sin(angle)))
    for size in (64, 512):
        share = shares([floor], light, cast([floor], light.direction[0], size=size), shape)
        assert np.isfinite(share).sum() > 1000
        if degrees > 5:
            assert np.nanmin(share) > 0.97
        assert np.nanmean(share) > 0.9


# shadow where geometry puts it ----------------------------------------------------------------------------------
@pytest.mark.parametrize("direction", [(-1.0, -1.0, 0.2), (0.7, -1.2, 0.3), (1.0, -1.0, -0.4), (0.4, -0.8, -0.6)])
@pytest.mark.parametrize("samples", [1, 2])
def test_the_shadow_of_a_pole_ends_where_it_must(direction: tuple[float, float, float], samples: int) -> None:
    size, light, post = (300, 400), sun(*direction), pole(0.1, 4.0)
    K = camera(*size)
    share = shares([ground()], light, cast([post], light.direction[0], size=1024), size, samples=samples)
    dark = np.argwhere(share < 0.5)[:, ::-1].astype(float)
    top = np.array([0.1, GROUND - 1, 4.0])
    tip = top + light.direction[0] / direction[1]
    foot, end = ((K @ p)[:2] / p[2] for p in (np.array([0.1, GROUND, 4.0]), tip))
    assert abs(tip[1] - GROUND) < 1e-9
    along = (end - foot) / np.linalg.norm(end - foot)
    reach, aside = (dark - foot) @ along, (dark - foot) @ np.array([-along[1], along[0]])
    width = 0.05 * K[0, 0] / tip[2]
    assert abs(reach.max() - np.linalg.norm(end - foot)) < 1.2 + width
    assert np.abs(aside).max() < 1 + width
    middle = np.abs(reach - np.linalg.norm(end - foot) / 2) < 3
    assert abs(aside[middle].mean()) < 0.6


def test_what_stands_behind_the_camera_casts() -> None:
    size, light, post = (200, 200), sun(0.0, -0.25, -1.5), pole(0.0, -1.0)
    share = shares([ground(), post], light, cast([post], light.direction[0]), size)
    tip = int(GROUND / 5 * 240 + 99.5)
    assert (share[tip + 4 :, 99] < 0.1).all() and np.nanmin(share[tip:, :80]) > 0.98
    assert np.nanmin(share[: tip - 3]) > 0.98


def test_two_lights_add_up(person: Mesh) -> None:
    size, scene = (160, 130), [ground(), person]
    one, two = sun(-0.6, -1.0, -0.8, strength=0.4), sun(0.9, -0.7, -0.3, strength=0.3)
    both = Lights(
        direction=np.concatenate([one.direction, two.direction]),
        colour=np.concatenate([one.colour, two.colour]),
        ambient=np.zeros(3),
        wrap=0.0,
        gloss=0.0,
    )
    maps = [cast([person], light.direction[0], size=256 * n) for n, light in ((1, one), (2, two))]
    alone = [
        red(render(scene, camera(*size), size, lights=light, shadows=[shadow], samples=2))
        for light, shadow in zip((one, two), maps, strict=True)
    ]
    together = red(render(scene, camera(*size), size, lights=both, shadows=maps, samples=2))
    assert np.abs(together - sum(alone)).max() <= 2
    half = red(render(scene, camera(*size), size, lights=both, shadows=[None, maps[1]], samples=2))
    full = red(render(scene, camera(*size), size, lights=one, samples=2))
    assert np.abs(half - full - alone[1]).max() <= 2
    assert (alone[0] < full - 20).sum() > 300


def test_four_samples_show_the_same_shadow(person: Mesh) -> None:
    size, light, scene = (240, 200), sun(-0.6, -1.0, -0.8), [ground(), person]
    shadow = cast([person], light.direction[0])
    one, four = (
        red(render(scene, camera(*size), size, lights=light, shadows=[shadow], samples=samples)) for samples in (1, 2)
    )
    label = render(scene, camera(*size), size, lights=None).mesh
    edge = grown(label == 1) & grown(label == 2)
    assert np.abs(one - four)[~edge].mean() < 0.5
    assert (np.abs(one - four)[~edge] > 40).mean() < 0.01


# how it behaves -------------------------------------------------------------------------------------------------
def test_threads_do_not_matter(person: Mesh) -> None:
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 1):
            torch.set_num_threads(threads)
            shadow = cast([person], STUDIO.direction[0])
            picture = np.full((200, 160, 3), 70, dtype=np.uint8)
            paint(picture, [ground(), person], camera(200, 160), shadows=[shadow, None, None])
            found.append((shadow.nearness, picture))
    finally:
        torch.set_num_threads(before)
    for nearness, picture in found[1:]:
        np.testing.assert_array_equal(nearness, found[0][0])
        np.testing.assert_array_equal(picture, found[0][1])


def test_without_shadows_nothing_changes(person: Mesh) -> None:
    size = (120, 100)
    plain, none = (
        red(render([ground(), person], camera(*size), size, shadows=shadows, samples=2))
        for shadows in ((), [None, None, None])
    )
    np.testing.assert_array_equal(plain, none)
    empty = cast([], STUDIO.direction[0])
    lit = render(
        [ground()], camera(*size), size, lights=sun(0.1, -1, 0.2), shadows=[cast([], np.array([0.1, -1, 0.2]))]
    )
    assert not np.isfinite(empty.nearness).any()
    np.testing.assert_array_equal(red(lit), red(render([ground()], camera(*size), size, lights=sun(0.1, -1, 0.2))))


def test_a_map_covers_what_is_asked(person: Mesh) -> None:
    direction = np.array([-0.6, -1.0, -0.8])
    whole = cast([person], direction, size=200)
    assert max(whole.nearness.shape) == 200
    head = person.vertices[person.vertices[:, 1] < person.vertices[:, 1].min() + 0.2]
    fine = cast([person], direction, size=200, around=head)
    assert fine.texel < 0.6 * whole.texel and np.isfinite(fine.nearness).any()
    rows = whole.map_from_camera
    places = person.vertices @ rows[:, :3].T + rows[:, 3]
    top = whole.nearness.max()
    assert places[:, 2].max() - 3 * whole.texel < top <= places[:, 2].max()
    column, row = np.rint(places[places[:, 2].argmax(), :2]).astype(int)
    assert whole.nearness[row, column] > top - 0.03
    np.testing.assert_allclose(whole.direction, direction / np.linalg.norm(direction))
    size, light = (200, 160), sun(*direction.tolist())
    share = shares([ground()], light, fine, size)
    assert 0 < (share < 0.5).sum() < (shares([ground()], light, whole, size) < 0.5).sum() / 2


def test_a_packed_picture_is_the_same_picture(person: Mesh) -> None:
    meshes, direction = [person, ground(), pole(0.7, 2.5)], STUDIO.direction[0]
    packed = pack(meshes)
    loose, some = cast([meshes[0], meshes[2]], direction), cast(packed.shapes([0, 2]), direction)
    np.testing.assert_array_equal(loose.nearness, some.nearness)
    np.testing.assert_array_equal(loose.map_from_camera, some.map_from_camera)
    K, shadows = camera(64, 96), [some, None, None]
    one, two = (render(given, K, (64, 96), samples=2, shadows=shadows) for given in (meshes, packed))
    assert one.colour is not None and two.colour is not None and (one.mesh > 0).any()
    np.testing.assert_array_equal(one.colour, two.colour)
    np.testing.assert_array_equal(one.depth, two.depth)


def test_refusals(person: Mesh) -> None:
    K, good = camera(40, 40), cast([person], STUDIO.direction[0], size=64)
    for size in (7, MAX_SIZE + 1):
        with pytest.raises(InputError, match="texels"):
            cast([person], STUDIO.direction[0], size=size)
    with pytest.raises(InputError, match="direction"):
        cast([person], np.zeros(3))
    with pytest.raises(InputError, match="numbers"):
        cast([person], np.ones(3), around=np.full((1, 3), np.inf))
    with pytest.raises(InputError, match="reaches farther"):
        cast([ground(far=9e6)], np.array([0.1, -1, 0.2]), around=person.vertices)
    with pytest.raises(InputError, match="1 shadows for 3 lights"):
        render([person], K, (40, 40), shadows=[good])
    with pytest.raises(InputError, match="same direction"):
        render([person], K, (40, 40), shadows=[None, good, None])


# textures that go on --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("samples", [1, 2])
def test_a_texture_repeats(samples: int) -> None:
    rng, size = np.random.default_rng(0), (120, 140)
    tile = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
    corners = [(-1.0, -1, 2), (1.0, -1, 2), (1.0, 1, 2.5), (-1.0, 1, 2.5)]
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)[QUAD]
    white = Lights(direction=np.zeros((0, 3)), colour=np.zeros((0, 3)), ambient=np.ones(3), gloss=0.0)
    many = np.ascontiguousarray(np.tile(tile, (6, 5, 1)))
    one = quad(corners, uv=(unit * [3, 4] - [1, 2]).astype(np.float32), texture=tile, repeat=True)
    whole = quad(corners, uv=(unit * [3, 4] / [5, 6] + 1 / np.array([5, 6])).astype(np.float32), texture=many)
    repeated, tiled = (
        render([mesh], camera(*size), size, lights=white, samples=samples).colour for mesh in (one, whole)
    )
    assert repeated is not None and tiled is not None and repeated.std() > 20
    assert np.abs(repeated.astype(int) - tiled).max() <= 2
