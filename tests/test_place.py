"""What mien promises of the places around synthetic people: true horizons, ground at 0, room for everybody."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.errors import InputError
from mien.render.mesh import Mesh
from mien.render.raster import render
from mien.synth.place import Place, Places, build, seat
from mien.synth.place.backgrounds import Backgrounds, estimate_light
from mien.synth.place.build import KINDS
from mien.synth.place.forms import blobs, boxes, cards, extrusion, join, lathe, placed, rods
from mien.synth.place.light import STYLES, draw_light, under_roof
from mien.synth.place.noise import fractal, noise
from mien.synth.place.plan import Plan, Stand
from mien.synth.place.sky import horizon_line, paint_sky
from mien.synth.place.textures import VARIANTS, names, texture
from mien.synth.random import stream
from mien.synth.view import View

SIZE = (96, 128)
GROUND = {"floor", "road", "pavement", "kerb", "grass", "sand", "sea", "foam", "court"}
FLAT = 0.03
"""Metres: rugs, lines and mats lower than this may lie under people."""


def _view(rng: np.random.Generator, size: tuple[int, int] = SIZE, away: float = 4.0, tilt: float | None = None) -> View:
    """Anywhere around the origin, at about the height of eyes unless a tilt (radians) is given."""
    around = rng.uniform(0, 2 * math.pi)
    tilt = rng.uniform(-0.1, 0.25) if tilt is None else tilt
    target = np.array([0.3, 1.0, 0.2])
    position = target + away * np.array(
        [math.sin(around) * math.cos(tilt), math.sin(tilt), math.cos(around) * math.cos(tilt)]
    )
    position[1] = max(position[1], 0.2)
    focal = rng.uniform(0.9, 1.6) * size[1]
    K = np.array([[focal, 0, (size[1] - 1) / 2], [0, focal, (size[0] - 1) / 2], [0, 0, 1]])
    return View.look(position, target, float(rng.normal(0, 0.1)), K, size)


def _people(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One to three of them, apart; positions, and radius and height."""
    count = int(rng.integers(1, 4))
    spots = np.array([[1.2 * i - 0.6 * (count - 1), 0.0, rng.normal(0, 0.3)] for i in range(count)])
    return spots, np.array([[rng.uniform(0.3, 0.55), rng.uniform(1.5, 1.9)] for _ in range(count)])


def _place(
    kind: str, seed: int, clutter: float = 0.5, occluders: float = 0.2
) -> tuple[Place, View, np.ndarray, np.ndarray]:
    rng = stream("test", kind, seed)
    view = _view(rng)
    spots, extents = _people(rng)
    places = Places(kinds={kind: 1.0}, clutter=clutter, occluders=occluders)
    return build(stream(kind, seed), places, view, spots, extents), view, spots, extents


def _to_world(view: View, points: np.ndarray) -> np.ndarray:
    return (points - view.shift) @ view.rotation


# the camera -----------------------------------------------------------------------------------------------------
def test_a_view_looks_at_its_target_and_is_a_rotation() -> None:
    rng = np.random.default_rng(0)
    K = np.array([[700.0, 0, 300], [0, 690, 200], [0, 0, 1]])
    for _ in range(20):
        position, target = rng.normal(size=3), rng.normal(size=3)
        view = View.look(position, target, 0.0, K, (400, 600))
        np.testing.assert_allclose(view.rotation @ view.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(view.rotation) == pytest.approx(1)
        np.testing.assert_allclose(view.project(target), [300, 200], atol=1e-9)
        np.testing.assert_allclose(view.position, position, atol=1e-12)
        points = rng.normal(size=(5, 3))
        np.testing.assert_allclose(_to_world(view, view.to_camera(points)), points, atol=1e-12)
        assert view.to_camera(target + np.array([0, 0.1, 0]))[1] < view.to_camera(target)[1], (
            "up in the world is up in the picture"
        )
        assert view.to_camera(target)[2] == pytest.approx(np.linalg.norm(target - position))


def test_a_camera_turned_clockwise_sees_the_world_turned_the_other_way() -> None:
    K = np.array([[100.0, 0, 50], [0, 100, 50], [0, 0, 1]])
    view = View.look(np.array([0.0, 1, 4]), np.array([0.0, 1, 0]), 0.2, K, (100, 100))
    x, y = view.project(np.array([1.0, 1, 0]))
    assert x > 50 and math.atan2(50 - y, x - 50) == pytest.approx(0.2)


def test_a_view_needs_a_direction() -> None:
    with pytest.raises(InputError, match="two different places"):
        View.look(np.zeros(3), np.zeros(3), 0.0, np.eye(3), (8, 8))
    above = View.look(np.array([0.0, 3, 0]), np.zeros(3), 0.0, np.eye(3), (8, 8))
    assert np.isfinite(above.rotation).all()


# the horizon ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(8))
def test_level_directions_lie_on_the_horizon_and_the_sky_ends_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view = _view(rng, tilt=float(rng.uniform(-0.2, 0.3)))
    line = horizon_line(view)
    line = line / np.hypot(*line[:2])
    azimuth = np.linspace(0, 2 * np.pi, 60)
    level = np.stack([np.sin(azimuth), 0 * azimuth, np.cos(azimuth)], 1) @ (view.K @ view.rotation).T
    ahead = level[level[:, 2] > 0.1]
    pixels = ahead[:, :2] / ahead[:, 2:]
    np.testing.assert_allclose(pixels @ line[:2] + line[2], 0, atol=1e-6)
    below = np.array([1.0, 0.0, 0.0])
    for style in STYLES:
        picture = paint_sky(rng, view, draw_light(rng, style, view), below)
        y, x = np.indices(SIZE)
        above = line[0] * x + line[1] * y + line[2]
        assert (picture[above < -1] == [255, 0, 0]).all()
        assert not (picture[above > 9] == [255, 0, 0]).all(-1).any()


@pytest.mark.parametrize("kind", ["street", "park", "beach", "desert", "field", "court"])
def test_the_ground_reaches_the_horizon(kind: str) -> None:
    place, view, _, _ = _place(kind, 3, clutter=0.0, occluders=0.0)
    frame = render(
        [m for m, n in zip(place.meshes, place.names, strict=True) if n in GROUND], view.K, SIZE, lights=None
    )
    line = horizon_line(view)
    y, x = np.indices(SIZE)
    above = (line[0] * x + line[1] * y + line[2]) / np.hypot(*line[:2])
    assert (frame.mesh[above > 1] == 0).all(), "ground in the sky"
    if kind != "street":
        assert (frame.mesh[above < -1] > 0).all(), "a hole in the ground"


# places ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_floors_lie_at_zero_and_people_have_room(kind: str) -> None:
    for seed in range(3):
        place, view, spots, extents = _place(kind, seed, clutter=1.0)
        assert place.kind == kind and len(place.names) == len(place.meshes)
        assert any(name in GROUND for name in place.names)
        for mesh, name in zip(place.meshes, place.names, strict=True):
            world = _to_world(view, mesh.vertices.astype(np.float64))
            if name in GROUND:
                far = np.abs(world).max(1)
                assert (np.abs(world[:, 1]) < 1e-4 + 1e-6 * far).all(), name
            for spot, (radius, height) in zip(spots, extents, strict=True):
                assert _clearance(world, mesh.faces, spot, height) > radius - 1e-3, f"{name} within a person"


def _clearance(world: np.ndarray, faces: np.ndarray, spot: np.ndarray, height: float) -> float:
    """Metres on the ground from a spot to the nearest triangle that is neither flat on it nor overhead."""
    low, high = world[faces, 1].min(1), world[faces, 1].max(1)
    flat = world[faces[(high > FLAT) & (low < height)]][..., [0, 2]] - spot[[0, 2]]
    if not len(flat):
        return math.inf
    start, edge = flat, np.roll(flat, -1, 1) - flat
    share = np.clip(-(start * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-12), 0, 1)
    nearest = np.linalg.norm(start + share[..., None] * edge, axis=-1).min()
    side = start[..., 0] * edge[..., 1] - start[..., 1] * edge[..., 0]
    area = np.abs(edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0])
    around = ((side > 0).all(1) | (side < 0).all(1)) & (area > 1e-9)
    return 0.0 if around.any() else float(nearest)


@pytest.mark.parametrize("kind", KINDS)
def test_same_chance_same_place(kind: str) -> None:
    first, second = (_place(kind, 5)[0] for _ in range(2))
    assert first.backdrop.tobytes() == second.backdrop.tobytes()
    assert (first.names, first.casters, first.casts, first.light) == (
        second.names,
        second.casters,
        second.casts,
        second.light,
    )
    np.testing.assert_array_equal(first.lights.table(), second.lights.table())
    for a, b in zip(first.meshes, second.meshes, strict=True):
        assert a.vertices.tobytes() == b.vertices.tobytes()
        assert np.asarray(a.colour).tobytes() == np.asarray(b.colour).tobytes()
        assert a.texture is b.texture and (a.uv is None or (b.uv is not None and a.uv.tobytes() == b.uv.tobytes()))
    other = _place(kind, 6)[0]
    assert first.meshes[0].vertices.tobytes() != other.meshes[0].vertices.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_places_are_small_and_lit(kind: str, record_property: Callable[[str, object], None]) -> None:
    spent = []
    for seed in range(4):
        begin = time.perf_counter()
        place, view, _, _ = _place(kind, 20 + seed)
        spent.append(1e3 * (time.perf_counter() - begin))
        assert sum(len(mesh.faces) for mesh in place.meshes) < 9000
        textures = {id(mesh.texture): mesh.texture.size for mesh in place.meshes if mesh.texture is not None}
        assert sum(textures.values()) < 3e6
        assert place.lights.ambient.min() >= 0.05
        assert all(0 <= k < len(place.lights.direction) for k in place.casts)
        assert all(0 <= k < len(place.meshes) and place.names[k] not in GROUND for k in place.casters)
        frame = render(place.meshes, view.K, SIZE, lights=place.lights, background=place.backdrop)
        assert frame.colour is not None and frame.colour.std() > 2
    record_property("build_ms", round(float(np.median(spent)), 1))


def test_the_view_does_not_move_the_place_in_the_world() -> None:
    """Two sizes of one camera see the same things at the same places."""
    rng = stream("sizes")
    view = _view(rng)
    wide = replace(view, K=view.K * [[2], [2], [1]], size=(2 * SIZE[0], 2 * SIZE[1]))
    spots, extents = _people(rng)
    small, large = (build(stream("same"), Places(kinds={"park": 1.0}), v, spots, extents) for v in (view, wide))
    names = [[n for n in place.names if n not in ("grass",)] for place in (small, large)]
    assert names[0] == names[1]


# light ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("style", STYLES)
def test_light_is_the_same_in_the_place_and_in_the_camera(style: str) -> None:
    rng = np.random.default_rng(1)
    view = _view(rng)
    for light in (draw_light(rng, style, view), under_roof(draw_light(rng, style, view))):
        np.testing.assert_allclose(np.linalg.norm(light.direction, axis=1), 1, atol=1e-9)
        assert light.style == style and (light.colour >= 0).all() and (light.ambient > 0.05).all()
        seen = light.seen_by(view)
        np.testing.assert_allclose(seen.direction @ view.rotation, light.direction, atol=1e-12)
        normal = np.array([0.36, 0.48, 0.8])
        wrapped = np.maximum(0, (seen.direction @ (view.rotation @ normal) + seen.wrap) / (1 + seen.wrap))
        np.testing.assert_allclose(light.on(normal.tolist()), seen.ambient + wrapped @ seen.colour)


def test_backlight_comes_from_behind_people_and_studio_light_from_before() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        view = _view(rng)
        forward = view.rotation[2] * [1, 0, 1]
        assert draw_light(rng, "backlit", view).direction[0] @ forward > 0
        assert draw_light(rng, "studio", view).direction[0] @ forward < 0


# what is hidden -------------------------------------------------------------------------------------------------
def _dummy(view: View, spot: np.ndarray) -> Mesh:
    """About as wide as a person seen from the side."""
    rows = [(*spot[[0]], 0.0, spot[2], 0.13, *spot[[0]], 1.45, spot[2], 0.15, 1, 1, 1),
            (*spot[[0]], 1.45, spot[2], 0.1, *spot[[0]], 1.75, spot[2], 0.08, 1, 1, 1)]  # fmt: skip
    mesh = rods(rows, sides=12)
    return Mesh(vertices=view.to_camera(mesh.vertices), faces=mesh.faces)


@pytest.mark.parametrize("occluders", [0.0, 1.0])
def test_no_more_than_allowed_is_hidden(occluders: float) -> None:
    shares = []
    for kind in KINDS:
        for seed in range(4):
            place, view, spots, _ = _place(kind, 40 + seed, occluders=occluders)
            people = [_dummy(view, spot) for spot in spots]
            frame = render(people + place.meshes, view.K, SIZE, lights=None)
            for person in people:
                alone = render([person], view.K, SIZE, lights=None).mesh > 0
                if alone.sum() > 40:
                    shares.append((frame.mesh[alone] > len(people)).mean())
    assert max(shares) <= (0.4 if occluders else 0.12), max(shares)
    assert (np.mean(np.array(shares) > 0.03) > 0.1) == bool(occluders)


def test_a_box_before_somebody_hides_them_and_one_behind_does_not() -> None:
    K = np.array([[100.0, 0, 63.5], [0, 100, 47.5], [0, 0, 1]])
    view = View.look(np.array([0.0, 1.2, 4]), np.array([0.0, 0.9, 0]), 0.0, K, SIZE)
    plan = Plan(view=view, people=[Stand(x=0.0, z=0.0, radius=0.4, height=1.8)])
    before = plan.hides((0.0, 1.5), (0.6, 0.1), (0.0, 3.0), 0.0, 1.0)
    behind = plan.hides((0.0, -1.5), (0.6, 0.1), (0.0, 3.0), 0.0, 0.0)
    assert before is not None and plan.share(0, before[0]) == pytest.approx(1)
    assert behind is not None and not behind[0].any()
    assert plan.hides((0.0, 1.5), (0.6, 0.1), (0.0, 3.0), 0.0, 0.5) is None
    low = plan.hides((0.0, 1.5), (0.6, 0.1), (0.0, 0.6), 0.0, 1.0)
    assert low is not None and 0.1 < plan.share(0, low[0]) < 0.6
    assert not plan.free((-0.1, 0.2, 0.1, 0.4), 1.0) and plan.free((1.0, 0.2, 1.2, 0.4), 1.0)
    assert not plan.free((-0.2, 3.4, 0.2, 3.8), 1.6), "the camera needs room"


def test_what_glows_shows_the_backdrop() -> None:
    """Windows and lamps are openings: the picture there is what was painted behind them."""
    found = 0
    for seed in range(12):
        place, view, _, _ = _place("office", seed, occluders=0.0)
        frame = render(place.meshes, view.K, SIZE, lights=place.lights, background=place.backdrop)
        assert frame.colour is not None
        for i, mesh in enumerate(place.meshes):
            if mesh.opacity == 0:
                here = frame.mesh == i + 1
                np.testing.assert_array_equal(frame.colour[here], place.backdrop[here])
                found += int(here.sum())
    assert found > 200


# recipes --------------------------------------------------------------------------------------------------------
def test_recipes_choose_kinds_and_lights() -> None:
    rng = np.random.default_rng(0)
    spots, extents = _people(rng)
    places = Places(kinds={"street": 1.0, "park": 2.0}, lights={"golden": 1.0})
    found = [build(stream("k", i), places, _view(rng), spots, extents) for i in range(12)]
    assert {place.kind for place in found} == {"street", "park"} and {place.light for place in found} == {"golden"}


def test_far_cameras_get_large_places() -> None:
    rng = np.random.default_rng(0)
    spots, extents = _people(rng)
    places = Places(kinds={"living": 100.0, "gym": 1.0})
    near, far = (
        {build(stream("far", i), places, _view(rng, away=away), spots, extents).kind for i in range(6)}
        for away in (3.0, 20.0)
    )
    assert "living" in near and far == {"gym"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kinds": {"stret": 1.0}}, "did you mean 'street'"),
        ({"lights": {"golden": -1.0}}, "weight -1.0"),
        ({"kinds": {"street": 0.0}}, "has a weight"),
        ({"clutter": 5.0}, "clutter 5.0"),
    ],
)
def test_wrong_recipes_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Places(**wrong)  # pyright: ignore[reportArgumentType]


def test_kinds_without_their_light_are_refused() -> None:
    rng = np.random.default_rng(0)
    spots, extents = _people(rng)
    with pytest.raises(InputError, match="allow more styles"):
        build(rng, Places(kinds={"studio": 1.0}, lights={"golden": 1.0}), _view(rng), spots, extents)
    with pytest.raises(InputError, match="nobody"):
        build(rng, Places(), _view(rng), spots[:0], extents[:0])


# backgrounds ----------------------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(3):
        ramp = np.linspace(0, 255, 200).astype(np.uint8)[None, :, None] * np.ones((150, 1, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"good_{i}.png"), np.roll(ramp, int(rng.integers(200)), 1))
    (tmp_path / "broken_0.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    (tmp_path / "broken_1.png").write_bytes(b"")
    return tmp_path


def test_backgrounds_are_drawn_by_chance_and_broken_files_are_counted(folder: Path) -> None:
    backgrounds = Backgrounds.open(folder)
    assert len(backgrounds.paths) == 5
    pictures = [backgrounds.draw(stream("b", i), (48, 64)) for i in range(30)]
    assert all(picture.shape == (48, 64, 3) for picture in pictures)
    assert {path.name for path in backgrounds.unreadable} == {"broken_0.jpg", "broken_1.png"}
    assert len({picture.tobytes() for picture in pictures}) > 25
    again = Backgrounds.open(folder)
    for i in reversed(range(30)):
        np.testing.assert_array_equal(again.draw(stream("b", i), (48, 64)), pictures[i])


def test_a_place_that_is_a_picture(folder: Path) -> None:
    rng = np.random.default_rng(0)
    view = _view(rng)
    spots, extents = _people(rng)
    first, second = (build(stream("p"), Places(folder=folder), view, spots, extents) for _ in range(2))
    assert first.kind == "picture" and not first.meshes and first.backdrop.shape == (*SIZE, 3)
    np.testing.assert_array_equal(first.backdrop, second.backdrop)
    np.testing.assert_array_equal(first.lights.table(), second.lights.table())


def test_estimated_light_follows_the_picture() -> None:
    view = _view(np.random.default_rng(0), tilt=0.0)
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    picture[:30, :20] = (255, 180, 90)
    left, right = estimate_light(picture, view), estimate_light(np.ascontiguousarray(picture[:, ::-1]), view)
    assert left.direction[0, 0] < 0 < right.direction[0, 0]
    assert left.colour[0, 0] > left.colour[0, 2]
    bright = estimate_light(np.full((60, 80, 3), 230, dtype=np.uint8), view)
    assert bright.ambient.mean() > left.ambient.mean()


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    view = _view(rng)
    spots, _ = _people(rng)
    for path, says in ((tmp_path / "none", "is no folder"), (tmp_path, "holds no pictures")):
        with pytest.raises(InputError, match=says):
            build(rng, Places(folder=path), view, spots)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="none of the 1 files"):
        Backgrounds.open(tmp_path).draw(rng, (8, 8))


# seats ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("height", [0.1, 0.3, 0.45, 0.55, 0.8])
def test_seats_are_under_the_sitter(height: float) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        heading, position = float(rng.uniform(-3, 3)), rng.normal(size=3)
        meshes = seat(rng, position, heading, height)
        forward = np.array([math.sin(heading), math.cos(heading)])
        points = np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float64)
        local = (points[:, [0, 2]] - position[[0, 2]]) @ np.stack([forward, [-forward[1], forward[0]]], 1)
        assert points[:, 1].min() >= -0.03 and points[:, 1].min() < 0.09
        before = (local[:, 0] > 0.0) & (np.abs(local[:, 1]) < 0.16)
        assert points[before, 1].max(initial=0) < height + 0.03, "nothing stands up between the thighs"
        centre = np.array([position[0] + 0.08 * forward[0], 5.0, position[2] + 0.08 * forward[1]])
        top = _first_hit(meshes, centre)
        assert abs(top - height) < 0.04


def _first_hit(meshes: list[Mesh], start: np.ndarray) -> float:
    """Height of the highest surface below a point."""
    best = -math.inf
    for mesh in meshes:
        a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
        area = (b[:, 0] - a[:, 0]) * (c[:, 2] - a[:, 2]) - (b[:, 2] - a[:, 2]) * (c[:, 0] - a[:, 0])
        good = np.abs(area) > 1e-12
        a, b, c, area = a[good], b[good], c[good], area[good]
        v = ((start[0] - a[:, 0]) * (c[:, 2] - a[:, 2]) - (start[2] - a[:, 2]) * (c[:, 0] - a[:, 0])) / area
        w = ((b[:, 0] - a[:, 0]) * (start[2] - a[:, 2]) - (b[:, 2] - a[:, 2]) * (start[0] - a[:, 0])) / area
        hit = (v >= 0) & (w >= 0) & (v + w <= 1)
        heights = a[:, 1] + v * (b[:, 1] - a[:, 1]) + w * (c[:, 1] - a[:, 1])
        best = max(best, heights[hit].max(initial=-math.inf))
    return best


# what they are made of ------------------------------------------------------------------------------------------
def test_solids_are_closed_and_look_outwards() -> None:
    rng = np.random.default_rng(0)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    tube = lathe([(0.0, 0.0), (1.0, 0.0), (1.0, 2.0), (0.0, 2.0)], (1, 1, 1), sides=64)
    expected = {
        6.0: boxes([(0, 0, 0, 1, 2, 3, 1, 1, 1)]),
        7 * math.pi: rods([(0, 0, 0, 1, 3, 0, 0, 1, 1, 1, 1), (5, 5, 5, 1, 5, 9, 5, 1, 1, 1, 1)], sides=64),
        4 / 3 * math.pi: blobs(rng, [(0, 0, 0, 1, 1, 1, 1, 1, 1)], detail=4, rough=0.0),
        2.0: extrusion(square, 0.0, 2.0, np.ones(3)),
        2 * math.pi: tube,
    }
    for volume, mesh in expected.items():
        assert _volume(mesh) == pytest.approx(volume, rel=0.01)
        assert _volume(placed(mesh, 3.0, -2.0, 0.7, 1.0)) == pytest.approx(volume, rel=0.01)
    both = join([expected[6.0], placed(expected[2.0], 9.0, 9.0)])
    assert _volume(both) == pytest.approx(8)


def _volume(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def test_cards_lie_across_their_normals() -> None:
    rng = np.random.default_rng(0)
    centres, normals = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    mesh = cards(rng, centres, normals, np.full(20, 0.3), np.ones((20, 3)))
    corners = mesh.vertices.reshape(20, 4, 3)
    np.testing.assert_allclose(corners.mean(1), centres, atol=1e-5)
    sides = corners - corners.mean(1, keepdims=True)
    np.testing.assert_allclose(np.einsum("ikc,ic->ik", sides, normals), 0, atol=1e-5)
    assert np.ptp(np.linalg.norm(sides[:, 0], axis=1)) < 1e-5


@pytest.mark.parametrize("name", names())
def test_textures_have_levels_of_half_the_size_and_the_same_colour(name: str) -> None:
    first = texture(name, 1)
    assert texture(name, 1 + VARIANTS) is first
    shapes = [level.shape for level in first.levels]
    assert all(b[:2] == (a[0] // 2, a[1] // 2) for a, b in pairwise(shapes))
    for level in first.levels:
        np.testing.assert_allclose(level.reshape(-1, 3).mean(0) / 255, first.mean, atol=0.02)
    assert max(shapes[0]) <= 600 and min(first.metres) > 0
    assert np.abs(texture(name, 2).levels[0].astype(float) - first.levels[0]).max() > 0, "variants differ"


def test_noise_tiles() -> None:
    rng = np.random.default_rng(0)
    for field in (noise(rng, 64, 8), fractal(rng, 64, 4, 3)):
        for axis in (0, 1):
            steps = np.abs(np.diff(np.concatenate([field, field.take([0], axis)], axis), axis=axis))
            seam = steps.take([-1], axis).mean()
            assert seam < 2 * steps.mean()
