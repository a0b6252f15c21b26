"""Rendering by laws: a brute-force rasteriser agrees, edges are watertight, depth is geometry, threads are equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from mien import pictures
from mien.body.model import BodyModel
from mien.errors import InputError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.render.overlay import draw_boxes, draw_people, draw_skeletons
from mien.render.raster import MAX_PIXELS, MAX_SIDE, Mesh, check_size, paint, render, show
from mien.render.scene import arrange
from mien.render.shade import STUDIO, Lights, person_colours
from mien.render.views import contact, side_and_top

QUAD = np.array([[0, 1, 2], [0, 2, 3]])


@pytest.fixture(scope="module")
def faces(body: BodyModel) -> np.ndarray:
    return body.faces.numpy()


def upright(body: BodyModel, count: int, depth: float = 3.0, apart: float = 0.5, seed: int = 0) -> np.ndarray:
    """People beside each other, facing the camera; every third a little farther away."""
    generator = torch.Generator().manual_seed(seed)
    vectors = 0.15 * torch.randn(count, 55, 3, generator=generator)
    vectors[:, 0] = torch.tensor([np.pi, 0, 0])
    betas = torch.randn(count, 10, generator=generator)
    mesh = body.shape(betas).pose(matrix_from_axis_angle(vectors)).mesh().numpy()
    mesh -= mesh.mean(1, keepdims=True)
    mesh[..., 0] += apart * (np.arange(count) - (count - 1) / 2)[:, None]
    mesh[..., 2] += depth + 0.4 * (np.arange(count) % 3)[:, None]
    return mesh


def camera(height: int, width: int, focal: float | None = None) -> np.ndarray:
    focal = focal or 1.2 * height
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def sphere(steps: int = 24, radius: float = 0.5, centre: Sequence[float] = (0, 0, 3)) -> Mesh:
    """Closed, faces outwards, corners on the sphere."""
    a, b = np.linspace(0, 2 * np.pi, 2 * steps, endpoint=False), np.linspace(0, np.pi, steps + 1)
    ring = np.stack(
        [np.outer(np.sin(b), np.cos(a)), np.outer(np.sin(b), np.sin(a)), np.outer(np.cos(b), 1 + 0 * a)], -1
    )
    i, j = np.meshgrid(np.arange(steps), np.arange(2 * steps), indexing="ij")
    n, k = 2 * steps, (j + 1) % (2 * steps)
    corners = [i * n + j, (i + 1) * n + j, (i + 1) * n + k, i * n + k]
    quads = np.stack(corners, -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Mesh(vertices=(radius * ring.reshape(-1, 3) + centre).astype(np.float32), faces=triangles)


def quad(corners: Sequence[Sequence[float]], **more: Any) -> Mesh:
    return Mesh(vertices=np.array(corners, dtype=np.float32), faces=QUAD, two_sided=True, **more)


def brute_force(meshes: list[Mesh], K: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and depth, the slow way: every triangle over its box, both sides, no fill rule, no rounding."""
    label, depth = np.zeros(size, dtype=int), np.full(size, np.inf)
    for number, mesh in enumerate(meshes, 1):
        vertices = mesh.vertices.astype(np.float64)
        u, v, _ = (vertices / vertices[:, 2:] @ K.T).T
        for a, b, c in mesh.faces:
            x0, x1 = max(0, int(np.ceil(min(u[[a, b, c]])))), min(size[1] - 1, int(np.floor(max(u[[a, b, c]]))))
            y0, y1 = max(0, int(np.ceil(min(v[[a, b, c]])))), min(size[0] - 1, int(np.floor(max(v[[a, b, c]]))))
            area = (u[b] - u[a]) * (v[c] - v[a]) - (v[b] - v[a]) * (u[c] - u[a])
            if x0 > x1 or y0 > y1 or area == 0:
                continue
            y, x = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
            w0 = ((u[b] - x) * (v[c] - y) - (v[b] - y) * (u[c] - x)) / area
            w1 = ((u[c] - x) * (v[a] - y) - (v[c] - y) * (u[a] - x)) / area
            w2 = 1 - w0 - w1
            z = 1 / (w0 / vertices[a, 2] + w1 / vertices[b, 2] + w2 / vertices[c, 2])
            near = (w0 >= 0) & (w1 >= 0) & (w2 >= 0) & (z < depth[y, x])
            depth[y[near], x[near]], label[y[near], x[near]] = z[near], number
    return label, depth


def grown(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    height, width = mask.shape
    return np.any([padded[i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)


# against the slow way -------------------------------------------------------------------------------------------
def test_agrees_with_brute_force(body: BodyModel, faces: np.ndarray) -> None:
    size = (160, 220)
    K = camera(*size)
    meshes = [Mesh(vertices=vertices, faces=faces) for vertices in upright(body, 3, apart=0.35)]
    frame = render(meshes, K, size)
    label, depth = brute_force(meshes, K, size)
    assert set(np.unique(label)) == {0, 1, 2, 3}
    for number in (1, 2, 3):
        ours, theirs = frame.mesh == number, label == number
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.995
        assert not (ours & ~grown(theirs)).any()
        assert not (theirs & ~grown(ours)).any()
    same = (frame.mesh == label) & (label > 0)
    gap = np.abs(frame.depth[same] - depth[same])
    assert gap.max() < 0.05 and np.percentile(gap, 99) < 1e-3 and np.median(gap) < 1e-5


def test_two_sided_body_looks_the_same(body: BodyModel, faces: np.ndarray) -> None:
    vertices = upright(body, 1)[0]
    one = render([Mesh(vertices=vertices, faces=faces)], camera(200, 150), (200, 150))
    both = render([Mesh(vertices=vertices, faces=faces, two_sided=True)], camera(200, 150), (200, 150))
    assert ((one.mesh > 0) != (both.mesh > 0)).sum() <= 2


# depth and interpolation ----------------------------------------------------------------------------------------
def test_depth_of_a_plane() -> None:
    size, normal, offset = (90, 120), np.array([0.4, -0.3, 1.0]), 2.5
    K = camera(*size)
    flat = [(-3.0, -3.0), (3.0, -3.0), (3.0, 3.0), (-3.0, 3.0)]
    corners = [(x, y, float((offset - normal[0] * x - normal[1] * y) / normal[2])) for x, y in flat]
    frame = render([quad(corners)], K, size)
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(K).T
    assert (frame.mesh == 1).all()
    np.testing.assert_allclose(frame.depth, offset / (rays @ normal), atol=1e-4)
    place = frame.interpolate([np.array(corners, dtype=np.float32)])
    np.testing.assert_allclose(place, rays * (offset / (rays @ normal))[..., None], atol=2e-5)
    np.testing.assert_allclose(frame.weights().sum(-1), 1, atol=1e-6)


def test_depth_of_a_sphere() -> None:
    size = (200, 200)
    K = camera(*size)
    frame = render([sphere(steps=160)], K, size)
    y, x = np.mgrid[0:200, 0:200]
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(K).T
    b, a = rays[..., 2] * 3, (rays**2).sum(-1)
    inner = b**2 - a * (9 - 0.25)
    hit = inner > 0
    assert ((frame.mesh > 0) != hit).sum() < 0.01 * hit.sum()
    sure = (inner > 0.05) & (frame.mesh > 0)
    np.testing.assert_allclose(frame.depth[sure], ((b - np.sqrt(np.maximum(inner, 0))) / a)[sure], atol=5e-4)


def test_texture_is_perspective_correct() -> None:
    size = (200, 200)
    K = camera(*size, focal=150)
    corners = [(-1.0, -1.0, 1.5), (1.0, -1.0, 1.5), (2.0, 1.0, 5.0), (-2.0, 1.0, 5.0)]
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    texture = np.dstack([np.tile(ramp, (256, 1)), np.tile(ramp[:, None], (1, 256)), np.zeros((256, 256), np.uint8)])
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)[QUAD]
    white = Lights(direction=np.zeros((0, 3)), colour=np.zeros((0, 3)), ambient=np.ones(3), gloss=0.0)
    mesh = quad(corners, colour=np.ones(3), uv=uv, texture=np.ascontiguousarray(texture))
    for samples, slack in ((1, 1.5), (2, 3.5)):
        frame = render([mesh], K, size, lights=white, samples=samples)
        assert frame.colour is not None
        y, x = np.nonzero(~grown(frame.mesh == 0))
        z = 3.25 / (1 - 1.75 * (y - K[1, 2]) / 150)  # of the plane z = 3.25 + 1.75 y
        down = (z - 1.5) / 3.5
        assert np.abs(frame.colour[y, x, 1].astype(float) - 255 * down).max() < slack
        assert len(y) > 3000


# watertight -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(3))
def test_every_pixel_is_covered_exactly_once(seed: int) -> None:
    rng, size = np.random.default_rng(seed), (64, 64)
    ball, K = (
        sphere(steps=5, radius=0.8, centre=rng.uniform([-0.2, -0.2, 2.3], [0.2, 0.2, 2.7]).tolist()),
        camera(*size),
    )
    if seed == 0:  # three by three corners, exactly on pixel centres
        K = np.array([[32.0, 0, 31], [0, 32, 31], [0, 0, 1]])
        corners = [[x, y, 2] for y in (-1, 0, 1) for x in (-1, 0, 1)]
        halves = [[[i, i + 4, i + 1], [i, i + 3, i + 4]] for i in (0, 1, 3, 4)]
        ball = Mesh(vertices=np.array(corners, dtype=np.float32), faces=np.array(halves).reshape(-1, 3))
    whole = render([ball], K, size, lights=None).mesh > 0
    single = [
        render([Mesh(vertices=ball.vertices, faces=face[None])], K, size, lights=None).mesh for face in ball.faces
    ]
    np.testing.assert_array_equal(np.sum(single, axis=0, dtype=int), whole)
    if seed == 0:
        assert whole.sum() == 32 * 32
    filled = np.array([row[row.argmax() : len(row) - row[::-1].argmax()].all() for row in whole if row.any()])
    assert filled.all()


def test_edges_are_smoothed() -> None:
    ball = sphere(steps=40)
    sharp, smooth = (
        render([ball], camera(100, 100), (100, 100), background=(0, 0, 0), samples=samples) for samples in (1, 2)
    )
    assert sharp.colour is not None and smooth.colour is not None
    np.testing.assert_array_equal(sharp.mesh, smooth.mesh)
    difference = np.abs(sharp.colour.astype(int) - smooth.colour).max(-1)
    edge = grown(sharp.mesh > 0) & grown(sharp.mesh == 0)
    assert difference[~edge].max() <= 6
    assert difference[edge].max() > 20


# many people ----------------------------------------------------------------------------------------------------
def test_the_nearest_of_six_wins(body: BodyModel, faces: np.ndarray) -> None:
    size = (120, 120)
    one = upright(body, 1)[0]
    order = [3, 0, 5, 1, 4, 2]
    meshes = [Mesh(vertices=one * (1 + 0.1 * place) + vector(0.04 * place, 0, 0), faces=faces) for place in order]
    frame = render(meshes, camera(*size), size)
    depths = np.stack([render([mesh], camera(*size), size, lights=None).depth for mesh in meshes])
    seen = np.isfinite(depths).any(0)
    np.testing.assert_array_equal(frame.mesh[seen], depths.argmin(0)[seen] + 1)
    np.testing.assert_array_equal(frame.depth, depths.min(0))
    visible = frame.visible()
    assert visible[1].mean() > 0.3
    assert [v.mean() for v in visible][1] == max(v.mean() for v in visible)


def test_no_one_and_two_hundred(body: BodyModel, faces: np.ndarray) -> None:
    empty = render([], camera(50, 60), (50, 60), background=(7, 8, 9))
    assert empty.colour is not None and (empty.colour == (7, 8, 9)).all() and not empty.mesh.any()
    assert np.isinf(empty.depth).all() and empty.interpolate([]).shape == (50, 60, 0)
    picture = np.zeros((300, 1200, 3), dtype=np.uint8)
    assert (draw_people(picture, np.zeros((0, 13492, 3)), faces, camera(300, 1200)) == 0).all()
    crowd = np.repeat(upright(body, 8, depth=30, apart=0.3), 25, 0)
    crowd[..., 0] += np.linspace(-18, 18, 200, dtype=np.float32)[:, None]
    drawn = draw_people(picture, crowd, faces, camera(300, 1200, focal=800))
    assert (drawn.any(-1)).mean() > 0.05
    assert len(np.unique(person_colours(21), axis=0)) == 21


def test_threads_and_runs_do_not_matter(body: BodyModel, faces: np.ndarray) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    vertices, before = upright(body, 4), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 1, 2):
            torch.set_num_threads(threads)
            found.append(draw_people(picture, vertices, faces, camera(240, 320), opacity=0.7))
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_a_mirrored_scene_is_the_mirrored_picture(body: BodyModel, faces: np.ndarray) -> None:
    size, vertices = (150, 151), upright(body, 2)
    light = Lights(direction=np.array([[0.0, -1, -1]]), colour=np.ones((1, 3)) / 2, ambient=np.ones(3) / 3)
    straight, mirrored = (
        render(
            [Mesh(vertices=v * vector(sign, 1, 1), faces=faces[:, ::sign]) for v in vertices],
            camera(*size),
            size,
            lights=light,
        )
        for sign in (1, -1)
    )
    assert straight.colour is not None and mirrored.colour is not None
    differs = straight.mesh != mirrored.mesh[:, ::-1]
    assert differs.sum() <= 4
    inside = ~grown(differs) & (straight.mesh > 0)
    gap = np.abs(straight.colour.astype(int) - mirrored.colour[:, ::-1])[inside]
    assert np.percentile(gap, 99.5) <= 2


def test_weights_and_uv_of_cut_faces_are_those_of_the_whole() -> None:
    """A textured ground that is cut at the near plane looks as the same ground would in small squares."""
    size, white = (80, 100), Lights(direction=np.zeros((0, 3)), colour=np.zeros((0, 3)), ambient=np.ones(3), gloss=0.0)
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    texture = np.ascontiguousarray(np.broadcast_to(ramp[:, None, None], (256, 4, 3)))
    corners = [(-50.0, 1, -10), (50.0, 1, -10), (50.0, 1, 10), (-50.0, 1, 10)]
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)[QUAD]
    ground = quad(corners, colour=np.ones(3), uv=uv, texture=texture)
    frame = render([ground, sphere()], camera(*size), size, lights=white)
    assert frame.colour is not None
    here = frame.mesh == 1
    place = frame.interpolate([ground.vertices, np.zeros_like(sphere().vertices)])[here]
    expected = 255 * (place[:, 2] + 10) / 20
    assert (frame.mesh == 2).any() and here.sum() > 1000
    assert np.abs(frame.colour[here][:, 0] - expected).max() < 2.5


def test_a_shadow_map_needs_nothing_more() -> None:
    """A frame from the light, compared at each pixel of a frame from the camera, darkens the ground below a ball."""
    ball, size = sphere(steps=30, radius=0.3, centre=(0, 0, 4)), (120, 120)
    floor = quad([(-2.0, 1, 2), (2.0, 1, 2), (2.0, 1, 6), (-2.0, 1, 6)])
    light_from_camera, shift = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), np.array([0, 4.0, 5])
    turned = [(mesh.vertices @ light_from_camera.T + shift).astype(np.float32) for mesh in (ball, floor)]
    K, K_light = camera(*size), camera(256, 256, focal=500)
    seen_by_light = render(
        [Mesh(vertices=turned[0], faces=ball.faces), Mesh(vertices=turned[1], faces=QUAD, two_sided=True)],
        K_light,
        (256, 256),
        lights=None,
    )
    frame = render([ball, floor], K, size)
    place = frame.interpolate(turned)[frame.mesh == 2]
    column, row = np.rint((place @ K_light.T)[:, :2] / place[:, 2:]).astype(int).clip(0, 255).T
    shadow = seen_by_light.depth[row, column] < place[:, 2] - 0.02
    distance = np.hypot(*(frame.interpolate([ball.vertices, floor.vertices])[frame.mesh == 2][:, [0, 2]] - [0, 4]).T)
    assert shadow.any() and not shadow[distance > 0.45].any() and shadow[distance < 0.25].all()


# the camera in the way ------------------------------------------------------------------------------------------
def test_the_ground_under_the_camera_is_cut_not_dropped() -> None:
    size = (80, 100)
    ground = quad([(-50.0, 1, -50), (50.0, 1, -50), (50.0, 1, 50), (-50.0, 1, 50)])
    K = camera(*size)
    frame = render([ground], K, size)
    y = np.mgrid[0 : size[0], 0 : size[1]][0]
    below = (y - K[1, 2]) / K[1, 1]
    expected = np.where(below > 1 / 50, 1 / np.maximum(below, 1e-9), np.inf)
    row = np.abs(below[:, 0] - 1 / 50) * K[1, 1] > 0.01
    np.testing.assert_array_equal((frame.mesh > 0)[row], np.isfinite(expected)[row])
    seen = (frame.mesh > 0) & row[:, None]
    a_256th_of_a_pixel = expected[seen] ** 2 / K[1, 1] / 256
    assert (np.abs(frame.depth[seen] - expected[seen]) < a_256th_of_a_pixel).all()
    assert set(np.unique(frame.face[frame.mesh > 0])) <= {0, 1}
    place = frame.interpolate([ground.vertices])[frame.mesh > 0]
    np.testing.assert_allclose(place[:, 1], 1, atol=1e-5)


def test_a_person_through_the_near_plane(body: BodyModel, faces: np.ndarray) -> None:
    vertices, size = upright(body, 1)[0], (120, 120)
    close = vertices - vector(0, 0, 2.95)
    assert (close[:, 2] < 0.05).any() and (close[:, 2] > 0.05).any()
    near = 0.1
    frame = render([Mesh(vertices=close, faces=faces, two_sided=True)], camera(*size), size, near=near)
    seen = frame.mesh > 0
    assert seen.any() and frame.depth[seen].min() >= near * 0.999
    place = frame.interpolate([close])[seen]
    np.testing.assert_allclose(place[:, 2], frame.depth[seen], atol=3e-3)
    beside = close[None] + vector(0.35, 0, 0)
    drawn = draw_people(np.zeros((120, 120, 3), np.uint8), beside, faces, camera(*size, focal=30))
    assert drawn.any() and not drawn[:, :40].any()


def test_behind_the_camera_nothing_is_seen(body: BodyModel, faces: np.ndarray) -> None:
    vertices = upright(body, 2)
    picture = np.full((60, 80, 3), 99, dtype=np.uint8)
    assert (draw_people(picture, vertices - vector(0, 0, 9), faces, camera(60, 80)) == 99).all()
    far_left = draw_people(picture, vertices - vector(500, 0, 0), faces, camera(60, 80, focal=1e6))
    assert (far_left == 99).all()


def test_opacity_blends() -> None:
    wall = [(-9.0, -9, 2), (9.0, -9, 2), (9.0, 9, 2), (-9.0, 9, 2)]
    white = Lights(direction=np.zeros((0, 3)), colour=np.zeros((0, 3)), ambient=np.ones(3), gloss=0.0)
    for opacity, value in ((0.0, 40), (0.25, 90), (1.0, 240)):
        picture = np.full((20, 30, 3), 40, dtype=np.uint8)
        paint(picture, [quad(wall, colour=np.full(3, 240 / 255), opacity=opacity)], camera(20, 30), lights=white)
        assert (np.abs(picture.astype(int) - value) <= 1).all()


# bad input ------------------------------------------------------------------------------------------------------
def test_refusals(body: BodyModel, faces: np.ndarray) -> None:
    vertices, K, picture = upright(body, 2), camera(40, 40), np.zeros((40, 40, 3), dtype=np.uint8)
    vertices[1, 77, 2] = np.nan
    with pytest.raises(InputError, match="mesh 1: vertex 77"):
        draw_people(picture, vertices, faces, K)
    with pytest.raises(InputError, match="person 1"):
        side_and_top(vertices, faces)
    good = vertices[:1]
    for wrong in (
        picture.astype(np.float32),
        picture[..., 0],
        np.zeros((4, 4, 4), np.uint8),
        picture.astype(np.uint16),
    ):
        with pytest.raises(InputError, match="uint8"):
            draw_people(wrong, good, faces, K)
        with pytest.raises(InputError, match="uint8"):
            draw_boxes(wrong, np.zeros((0, 4)))
    for wrong_K in (K.T, np.eye(4), np.diag([-1.0, 1, 1]), np.full((3, 3), np.nan)):
        with pytest.raises(InputError, match="K is"):
            draw_people(picture, good, faces, wrong_K)
    with pytest.raises(InputError, match="corners"):
        draw_people(picture, good[:, :99], faces, K)
    with pytest.raises(InputError, match="opacity"):
        draw_people(picture, good, faces, K, opacity=1.5)
    with pytest.raises(InputError, match="255"):
        draw_people(picture, good, faces, K, colours=np.array([[255.0, 0, 0]]))
    with pytest.raises(InputError, match="colours for"):
        draw_people(picture, good, faces, K, colours=np.ones((2, 3)))
    with pytest.raises(InputError, match="samples"):
        render([], K, (4, 4), samples=3)
    with pytest.raises(InputError, match="contiguous"):
        paint(picture[:, ::2], [], K)
    with pytest.raises(InputError, match="direction"):
        render([], K, (4, 4), lights=Lights(direction=np.zeros((1, 3)), colour=np.ones((1, 3)), ambient=np.ones(3)))


def test_limits_of_size(body: BodyModel, faces: np.ndarray) -> None:
    assert MAX_PIXELS == pictures.MAX_PIXELS
    for size in ((0, 5), (20_000, 20_000), (1, MAX_SIDE + 1)):
        with pytest.raises(InputError, match=str(MAX_PIXELS)):
            check_size(size)
    picture = np.zeros((300, 20_000, 3), dtype=np.uint8)
    vertices = upright(body, 2, depth=3, apart=40)
    K = np.array([[700.0, 0, 10_000], [0, 700, 150], [0, 0, 1]])
    drawn = draw_people(picture, vertices, faces, K)
    columns = np.flatnonzero(drawn.any((0, 2)))
    assert columns.min() < 6_000 and columns.max() > 14_000 and not drawn[:, 8_000:12_000].any()


# drawings -------------------------------------------------------------------------------------------------------
def test_skeletons_boxes_views_and_strip(body: BodyModel, faces: np.ndarray) -> None:
    vertices, K = upright(body, 2), camera(240, 320)
    picture = np.full((240, 320, 3), 90, dtype=np.uint8)
    parameters = matrix_from_axis_angle(torch.tensor([[np.pi, 0, 0]], dtype=torch.float32).repeat(2, 1))
    rotations = torch.eye(3).repeat(2, 55, 1, 1)
    rotations[:, 0] = parameters
    joints = (
        body.shape(torch.zeros(2, 10)).pose(rotations, torch.tensor([[-0.4, -0.3, 3], [0.4, -0.3, 3]])).joints().numpy()
    )
    pixels = (joints @ K.T)[..., :2] / joints[..., 2:]
    drawn = draw_skeletons(picture, pixels, body.parents)
    assert (drawn != picture).any() and (picture == 90).all()
    assert (draw_skeletons(picture, pixels[:, :55], body.parents) != drawn).any()
    assert (draw_skeletons(picture, pixels + 1e9, body.parents) == picture).mean() > 0.9
    with pytest.raises(InputError, match="person 1"):
        draw_skeletons(picture, np.where(np.arange(2)[:, None, None] == 1, np.nan, pixels), body.parents)
    with pytest.raises(InputError, match="parents"):
        draw_skeletons(picture, pixels[:, :5], body.parents)
    boxes = np.concatenate([pixels.min(1), pixels.max(1)], 1)
    labelled = draw_boxes(picture, boxes, np.array([0.5, 1.0]), ["a", "b"])
    assert (labelled != draw_boxes(picture, boxes)).any()
    with pytest.raises(InputError, match="scores for"):
        draw_boxes(picture, boxes, np.ones(3))
    side, top = side_and_top(vertices, faces, size=128)
    empty = side_and_top(vertices[:0], faces, size=128)[0]
    assert side.shape == top.shape == empty.shape == (128, 128, 3)
    assert (side != empty).any(-1).mean() > 0.03
    strip = contact([picture, drawn, side, top], height=100, gap=2)
    assert strip.shape == (100, 133 + 133 + 100 + 100 + 6, 3)
    with pytest.raises(InputError, match="no pictures"):
        contact([])


def test_light_comes_from_where_it_is() -> None:
    ball, size = sphere(steps=60), (100, 100)
    above = Lights(direction=np.array([[0.0, -1, 0]]), colour=np.ones((1, 3)), ambient=np.zeros(3))
    frame = render([ball], camera(*size), size, lights=above)
    assert frame.colour is not None
    assert frame.colour[:40].mean() > 5 * frame.colour[60:].mean()
    assert render([ball], camera(*size), size, lights=None).colour is None
    assert STUDIO.table().shape == (3, 6)


@pytest.mark.parametrize("samples", [1, 2])
def test_a_scene_tells_of_some_pixels_what_its_maps_show(samples: int) -> None:
    rng = np.random.default_rng(samples)
    meshes = [
        Mesh(
            vertices=(rng.normal(size=(60, 3)) * (1, 1, 0.6) + (0, 0, 3)).astype(np.float32),
            faces=rng.integers(0, 60, (200, 3)).astype(np.int32),
            two_sided=bool(i),
        )
        for i in range(2)
    ]
    K, size = np.array([[90.0, 0, 60], [0, 80, 40], [0, 0, 1]]), (77, 131)
    scene = arrange(meshes, K, size, lights=None, samples=samples, centres=True)
    rows, columns = (places.ravel()[rng.permutation(77 * 131)[:4000]] for places in np.mgrid[:77, :131])
    depth, mesh = scene.at(rows, columns)
    frame = show(scene)
    assert np.array_equal(depth, frame.depth[rows, columns]) and np.array_equal(mesh, frame.mesh[rows, columns])
    assert 0.1 < (mesh > 0).mean() < 1
    assert len(scene.at(rows[:0], columns[:0])[0]) == 0
