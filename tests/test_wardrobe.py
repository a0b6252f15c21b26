"""Clothes: cuts lie exactly on their lines, every kind fits every body, shows in the outline, and hides the skin."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from mien.body.files import find_body, read_body
from mien.body.model import BodyModel, from_arrays
from mien.body.reading import BodyArrays
from mien.errors import InputError
from mien.geometry.rotation import matrix_from_axis_angle
from mien.render.raster import Frame, Mesh, render
from mien.synth.figure import Figure, Piece, follow
from mien.synth.random import stream
from mien.synth.wardrobe import Wardrobe, dress
from mien.synth.wardrobe.cloth import border_of, finish
from mien.synth.wardrobe.config import LOWER, OUTER, SHOE_KINDS, UPPER
from mien.synth.wardrobe.cut import FIRST_FIELD, POINT, REST, SHADE, Cutting, cut, mark, new_table
from mien.synth.wardrobe.drape import drape, make_shells
from mien.synth.wardrobe.fabric import palette_of
from mien.synth.wardrobe.fit import Fit, Worn
from mien.synth.wardrobe.hulls import hang, reach
from mien.synth.wardrobe.meshing import thin_out
from mien.synth.wardrobe.outfit import _MAKE
from mien.synth.wardrobe.sew import tailor
from mien.synth.wardrobe.style import Style

NOTHING = {"none": 1.0}
SLOTS = {"upper": UPPER[:-1], "outer": OUTER[:-1], "lower": LOWER[:-1], "shoes": SHOE_KINDS[:-1], "dress": ("dress",)}
KINDS = [(slot, kind) for slot, kinds in SLOTS.items() for kind in kinds]
X, Z = 0, 2
JOINTS = {"hips": (1, 2), "knees": (4, 5), "shoulders": (16, 17), "elbows": (18, 19)}

Turn = tuple[str, int, float, int]
"""Joints, axis, degrees on the left, and 1 or -1: the same or the opposite on the right."""
STAND: tuple[Turn, ...] = (("shoulders", Z, -70, -1), ("hips", Z, 4, -1))
WALK: tuple[Turn, ...] = (("shoulders", Z, -65, -1), ("hips", X, -28, -1), ("knees", X, 20, 1))
EXTREME: dict[str, tuple[Turn, ...]] = {
    "arms_up": (("shoulders", Z, 75, -1),),
    "sitting": (("hips", X, -88, 1), ("knees", X, 88, 1), ("shoulders", Z, -60, -1)),
    "spread": (("hips", Z, 45, -1), ("shoulders", Z, -20, -1)),
    "squat": (("hips", X, -110, 1), ("knees", X, 120, 1), ("shoulders", Z, -50, -1)),
    "lunge": (("hips", X, -60, -1), ("knees", X, 40, 1), ("shoulders", Z, 30, -1)),
}


@pytest.fixture(scope="module")
def arrays() -> BodyArrays:
    return read_body(find_body("openbody"))


@pytest.fixture(scope="module")
def body(arrays: BodyArrays) -> BodyModel:
    return from_arrays(arrays, 10, 10)


@pytest.fixture(scope="module")
def figure(body: BodyModel, arrays: BodyArrays) -> Callable[..., Figure]:
    def make(seed: int | None = None, betas: float = 0.0) -> Figure:
        values = np.full(10, betas) if seed is None else stream("test", seed).normal(size=10)
        return Figure(body=body, arrays=arrays, betas=values.astype(np.float32))

    return make


def only(slot: str, kind: str) -> Wardrobe:
    """A wardrobe with one kind of garment."""
    upper, outer, lower, shoes = (
        {kind: 1.0} if name == slot else NOTHING for name in ("upper", "outer", "lower", "shoes")
    )
    return Wardrobe(upper=upper, outer=outer, lower=lower, shoes=shoes, dress=float(slot == "dress"), uniform=0.0)


def area(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = points[faces[:, 0]], points[faces[:, 1]], points[faces[:, 2]]
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


# ------------------------------------------------------------------------------------------------------------ pictures


def posed(figure: Figure, turns: tuple[Turn, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the body, and the transforms of its joints."""
    vectors = torch.zeros(1, figure.body.num_joints, 3)
    for name, axis, degrees, other in turns:
        for joint, sign in zip(JOINTS[name], (1, other), strict=True):
            vectors[0, joint, axis] = np.deg2rad(degrees) * sign
    with torch.no_grad():
        found = figure.body.shape(torch.from_numpy(figure.betas)[None]).pose(matrix_from_axis_angle(vectors))
        return found.mesh()[0].numpy(), found.transforms()[0].numpy()


def shoot(figure: Figure, pieces: list[Piece], turns: tuple[Turn, ...], yaw: float, *, hide: bool, size: int) -> Frame:
    """The whole person from a side; the first mesh is the body."""
    vertices, transforms = posed(figure, turns)
    hidden = np.zeros(len(figure.arrays.faces), dtype=bool)
    for piece in pieces:
        if hide and piece.hides is not None:
            hidden |= piece.hides
    surfaces = [(vertices, figure.arrays.faces[~hidden])]
    surfaces += [(follow(piece, transforms), piece.faces) for piece in pieces]
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, -1, 0], [np.sin(yaw), 0, -np.cos(yaw)]])
    middle = 0.5 * (vertices.min(0) + vertices.max(0))
    meshes = [
        Mesh(vertices=((points - middle) @ turn.T + [0, 0, 4]).astype(np.float32), faces=faces, two_sided=i > 0)
        for i, (points, faces) in enumerate(surfaces)
    ]
    focal = size * 4 / 2.3
    K = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1]])
    return render(meshes, K, (size, size), lights=None)


def outline_change(figure: Callable[..., Figure], slot: str, kind: str, count: int, size: int = 256) -> float:
    """Mean share of the bare outline's area by which a garment changes the outline, over random people and sides."""
    total, poses = 0.0, (STAND, WALK, EXTREME["sitting"], EXTREME["arms_up"], ())
    for k in range(count):
        rng = stream("outline", kind, k)
        person, yaw = figure(int(rng.integers(10_000))), float(rng.uniform(0, 2 * np.pi))
        pieces, turns = dress(rng, person, only(slot, kind)), poses[k % len(poses)]
        bare = shoot(person, [], turns, yaw, hide=True, size=size).mesh > 0
        worn = shoot(person, pieces, turns, yaw, hide=False, size=size).mesh > 0
        total += (bare ^ worn).sum() / bare.sum()
    return total / count


def outline_table(figure: Callable[..., Figure], count: int, size: int = 256) -> dict[str, float]:
    """`outline_change` of every kind."""
    return {kind: outline_change(figure, slot, kind, count, size) for slot, kind in KINDS}


def least_change(kind: str) -> float:
    """Three hundredths; flat shoes hug the foot, and feet are a small part of a person."""
    return 0.02 if kind == "flat" else 0.03


# ------------------------------------------------------------------------------------------------------------- cutting


def sheet(steps: int, *fields: Callable[[np.ndarray], np.ndarray]) -> Cutting:
    """A wavy square of cloth with fields."""
    u, v = np.meshgrid(np.linspace(-1, 1, steps), np.linspace(-1, 1, steps), indexing="ij")
    points = np.stack([u, v, 0.2 * np.sin(3 * u) * np.cos(2 * v)], -1).reshape(-1, 3).astype(np.float32)
    i, j = np.meshgrid(np.arange(steps - 1), np.arange(steps - 1), indexing="ij")
    a = (i * steps + j).reshape(-1)
    faces = np.concatenate([np.stack([a, a + steps, a + 1], 1), np.stack([a + 1, a + steps, a + steps + 1], 1)])
    table = new_table(len(points), FIRST_FIELD + len(fields), faces.astype(np.int32))
    data = table.data[: len(points)]
    data[:, POINT], data[:, REST], data[:, SHADE] = points, points, 1
    for k, field in enumerate(fields):
        data[:, FIRST_FIELD + k] = field(points)
    return table


def slope(angle: float, level: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda points: (np.cos(angle) * points[:, 0] + np.sin(angle) * points[:, 1] - level).astype(np.float32)


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.1, 2.0])
def test_borders_lie_on_their_lines(angle: float) -> None:
    first, second = slope(angle, 0.1234), slope(angle + 1.3, -0.5)
    table = sheet(23, first, second)
    cut(table, 0)
    cut(table, 1)
    cloth = finish(table, None)
    points, count = cloth.point[: cloth.num_vertices], cloth.num_vertices
    for k, field in enumerate((first, second)):
        on = cloth.border[:count] >> k & 1 == 1
        assert on.sum() > 8
        np.testing.assert_allclose(field(points)[on], 0, atol=1e-5)
        assert field(points).min() > -1e-5
        edges = border_of(cloth, [k])
        assert len(edges.ids) == on.sum()
        np.testing.assert_allclose(field(points[edges.ids] + 0.01 * edges.inward) > 0, True)
    assert (cloth.border[:count] == 3).sum() == 1  # the corner lies on both


def test_cutting_apart_keeps_all_cloth() -> None:
    table = sheet(19, lambda p: (0.6 - np.hypot(p[:, 0], p[:, 1])).astype(np.float32))
    whole = area(table.data[:, POINT], table.faces).sum()
    inner = table.data[: table.num_vertices, FIRST_FIELD].copy()
    mark(table, 0, above=5, below=2)
    pieces = area(table.data[:, POINT], table.faces)
    assert pieces.min() >= 0 and pieces.sum() == pytest.approx(whole, rel=2e-3)
    side = table.data[table.faces, FIRST_FIELD]
    assert (side[table.chart == 5] >= 0).all() and (side[table.chart == 2] <= 0).all()
    assert (inner > 0).any() and set(table.chart.tolist()) == {2, 5}


def test_neighbours_share_the_vertices_of_a_cut() -> None:
    """No gap opens: in a cut sheet, an edge that only one face has lies on the old border or on the new one."""
    table = sheet(15, slope(0.7, 0.05))
    cut(table, 0)
    cloth = finish(table, None)
    faces, points = cloth.faces[: cloth.num_faces], cloth.point[: cloth.num_vertices]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    known = {(int(a), int(b)) for a, b in edges}
    assert len(known) == len(edges)
    lone = np.array([(a, b) for a, b in known if (b, a) not in known])
    new = np.asarray(cloth.border[lone] == 1).all(axis=-1)
    outer = np.asarray(np.abs(np.abs(points[lone][..., :2]) - 1) < 1e-6).any(axis=-1).all(axis=-1)
    assert (new | outer).all()


@pytest.mark.parametrize("kind", ["t_shirt", "trousers_slim", "leggings", "socks"])
def test_hems_of_garments_are_planes(figure: Callable[..., Figure], kind: str) -> None:
    """Cuffs and hems are exact in the rest pose, where nothing hangs below them."""
    fit, rng = Fit(figure(3)), stream("hem", kind)
    pattern = dataclasses.replace(_MAKE[kind](fit, rng, style(fit)), works=())
    fields = {"t_shirt": (2, lambda p: np.abs(p[:, 0])), "socks": (0, lambda p: p[:, 1])}
    k, measure = fields.get(kind, (1, lambda p: p[:, 1]))
    level = float((measure(fit.points) + (1 if kind in ("t_shirt", "socks") else -1) * pattern.edges[k].field).mean())
    edges = tuple(dataclasses.replace(edge, thick=0.0, falls=()) for edge in pattern.edges)
    cloth = tailor(fit, dataclasses.replace(pattern, edges=edges), Worn(fit.points.copy()), nowhere(fit), rng)
    on = cloth.border[: cloth.num_vertices] >> k & 1 == 1
    assert on.sum() > 20
    np.testing.assert_allclose(measure(cloth.rest[: cloth.num_vertices][on]), level, atol=1e-5)


def style(fit: Fit, **more: object) -> Style:
    values: dict[str, object] = {"loose": 0.5, "patterned": 0.5, "tucked": False, "layered": False}
    palette = palette_of(stream("palette"), "mixed")
    values |= {"waist": fit.trunk_height(0.42), "leather": (60.0, 40.0, 30.0), "palette": palette}
    return Style(**(values | more))  # pyright: ignore[reportArgumentType]


def nowhere(fit: Fit) -> np.ndarray:
    return np.zeros(len(fit.points), dtype=bool)


@pytest.mark.parametrize("seed", range(2))
def test_thinning_keeps_the_surface_and_its_border(seed: int) -> None:
    """A fine sheet: what stays is where it was, no hole opens, and another numbering gives the same."""
    table = sheet(21)
    slanted = np.array([[1, 0, 0], [0.5, 0.87, 0], [0, 0, 1]], dtype=np.float32)  # even triangles
    points, faces = table.data[: table.num_vertices, POINT] @ slanted, table.faces
    order = stream("thin", seed).permutation(len(points))
    place = np.argsort(order).astype(np.int32)
    kept, owner, thin = thin_out(points, faces, (200,), 0.25)
    others, _, other = thin_out(points[order], place[faces], (int(place[200]),), 0.25)
    assert len(kept) < 0.6 * len(points) and 200 in kept
    np.testing.assert_array_equal(owner[kept], np.arange(len(kept)))
    assert {tuple(p) for p in points[kept].tolist()} == {tuple(p) for p in points[order][others].tolist()}
    assert area(points[kept], thin).sum() == pytest.approx(area(points, faces).sum(), rel=0.02)
    assert area(points[kept], thin).sum() == pytest.approx(area(points[order][others], other).sum(), rel=1e-6)
    edges = {(int(a), int(b)) for a, b in np.concatenate([thin[:, [0, 1]], thin[:, [1, 2]], thin[:, [2, 0]]])}
    assert len(edges) == 3 * len(thin)
    lone = np.array([edge for edge in edges if edge[::-1] not in edges])
    assert len(lone) == 80


# ------------------------------------------------------------------------------------------------------------- draping


def test_hanging_outlines_hold_the_body_and_draw_in_slowly() -> None:
    support = stream("support").uniform(0.1, 0.3, (20, 24)).astype(np.float32)
    hung = hang(support, np.float32(0.01), np.float32(0.05), np.zeros(20, dtype=np.float32))
    assert (hung >= support).all()
    assert (hung[1:] - hung[:-1] >= -0.01 - 1e-6).all() and (hung[:-1] - hung[1:] >= -0.05 - 1e-6).all()
    hugging = hang(support, np.float32(0.01), np.float32(0.05), np.ones(20, dtype=np.float32))
    np.testing.assert_allclose(hugging, support, atol=1e-6)


def test_reach_of_a_circle_is_its_radius() -> None:
    radius = reach(np.full((3, 24), 0.25, dtype=np.float32))
    assert (radius >= 0.25 - 1e-6).all() and (radius < 0.25 / np.cos(np.pi / 24) + 1e-6).all()


@pytest.mark.parametrize("kind", ["hoodie", "jacket", "trousers_wide"])
def test_cloth_stays_outside_of_what_is_beneath(figure: Callable[..., Figure], kind: str) -> None:
    fit, rng = Fit(figure(5)), stream("beneath", kind)
    pattern = _MAKE[kind](fit, rng, style(fit))
    inside = np.minimum.reduce([edge.field for edge in pattern.edges])
    active = np.nonzero(inside > 0)[0].astype(np.int32)
    under = fit.points + np.float32(0.03) * fit.normals
    shells = make_shells(fit, pattern.drape, Worn(under))
    cloth, _ = drape(fit, pattern.drape, shells, active, inside, under, 0.004, rng)
    high = active[fit.points[active, 1] > fit.crotch]
    away = ((cloth - under) * fit.normals).sum(1)[high]
    assert away.min() > 0.004 - 1e-5


# -------------------------------------------------------------------------------------------------------------- pieces


def check_piece(piece: Piece, person: Figure) -> None:
    assert np.isfinite(piece.vertices).all() and piece.vertices.dtype == np.float32
    assert len(piece.faces) > 50 and piece.faces.min() >= 0 and piece.faces.max() < len(piece.vertices)
    assert piece.joint.shape == piece.weight.shape == (len(piece.vertices), 8)
    assert piece.joint.min() >= 0 and piece.joint.max() < person.body.num_joints and piece.weight.min() >= 0
    np.testing.assert_allclose(piece.weight.sum(1), 1, atol=1e-5)
    assert piece.uv is not None and piece.texture is not None and piece.colour.shape == piece.vertices.shape
    assert piece.uv.shape == (len(piece.faces), 3, 2) and piece.uv.min() > 0 and piece.uv.max() < 1
    assert 0 <= piece.colour.min() and piece.colour.max() <= 1 and piece.colour.mean() > 0.6
    assert max(piece.texture.shape) <= 700 and piece.texture.dtype == np.uint8
    assert piece.hides is not None and piece.hides.shape == (len(person.arrays.faces),)


def agreement(piece: Piece, person: Figure) -> float:
    """The share of a piece's area that faces as the nearest skin does."""
    points = piece.vertices
    a, b, c = points[piece.faces[:, 0]], points[piece.faces[:, 1]], points[piece.faces[:, 2]]
    normal = np.cross(b - a, c - a)
    _, nearest = KDTree(person.vertices).query((a + b + c) / 3)
    size = np.linalg.norm(normal, axis=1)
    return float(size[(normal * person.normals[nearest]).sum(1) > 0].sum() / size.sum())


@pytest.mark.parametrize("betas", [-3.0, 3.0])
@pytest.mark.parametrize(("slot", "kind"), KINDS)
def test_every_kind_fits_every_shape(figure: Callable[..., Figure], slot: str, kind: str, betas: float) -> None:
    """All ten betas at once three standard deviations out: bodies that nobody has."""
    person = figure(betas=betas)
    pieces = dress(stream("fits", kind), person, only(slot, kind))
    assert pieces and kind in {piece.kind for piece in pieces}
    for piece in pieces:
        check_piece(piece, person)
    assert any(piece.hides is not None and piece.hides.any() for piece in pieces) or kind == "sandal"


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("slot", "kind"), [pair for pair in KINDS if pair[0] != "shoes"])
def test_cloth_faces_outwards(figure: Callable[..., Figure], slot: str, kind: str, seed: int) -> None:
    """As the skin beneath it does, but for turned-in hems and what folds over."""
    person = figure(seed)
    for piece in dress(stream("outwards", kind, seed), person, only(slot, kind)):
        check_piece(piece, person)
        assert agreement(piece, person) > 0.8


def test_shoes_are_outside_in() -> None:
    """The shell's faces look outwards: the volume under them is positive on both sides."""
    arrays = read_body(find_body("openbody"))
    person = Figure(body=from_arrays(arrays, 10, 10), arrays=arrays, betas=np.zeros(10, dtype=np.float32))
    shoe = next(p for p in dress(stream("shoe"), person, only("shoes", "heel")) if p.kind == "heel")
    for side in (1, -1):
        faces = shoe.faces[(side * shoe.vertices[shoe.faces, 0] > 0).all(1)]
        a, b, c = (shoe.vertices[faces[:, i]] - shoe.vertices[faces].mean((0, 1)) for i in range(3))
        assert (a * np.cross(b, c)).sum() / 6 > 5e-4


def test_the_same_names_give_the_same_clothes(figure: Callable[..., Figure]) -> None:
    first = dress(stream("same", 1), figure(1), Wardrobe())
    dress(stream("other", 2), figure(2), Wardrobe())
    second = dress(stream("same", 1), figure(1), Wardrobe())
    assert [piece.kind for piece in first] == [piece.kind for piece in second]
    for one, two in zip(first, second, strict=True):
        for name in ("vertices", "faces", "joint", "weight", "colour", "uv", "texture", "hides"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


def test_outfits_are_small_and_varied(figure: Callable[..., Figure]) -> None:
    counts, kinds = [], set()
    for seed in range(24):
        pieces = dress(stream("varied", seed), figure(seed), Wardrobe())
        counts.append(sum(len(piece.faces) for piece in pieces))
        kinds |= {piece.kind for piece in pieces}
    assert max(counts) <= 15_000 and np.mean(counts) < 11_000
    assert len(kinds) >= 12


@pytest.mark.parametrize("uniform", range(3))
def test_uniforms(figure: Callable[..., Figure], uniform: int) -> None:
    person = figure(uniform)
    for piece in dress(stream("uniform", uniform), person, Wardrobe(uniform=1.0)):
        check_piece(piece, person)


def test_wrong_wardrobes_are_told() -> None:
    with pytest.raises(InputError, match="did you mean 'hoodie'"):
        Wardrobe(upper={"hoody": 1.0})
    with pytest.raises(InputError, match="some above 0"):
        Wardrobe(shoes={"boot": 0.0})
    for weight in (math.nan, math.inf, -1.0):
        with pytest.raises(InputError, match="finite"):
            Wardrobe(shoes={"boot": weight, "heel": 1.0})
    with pytest.raises(InputError, match="probability"):
        Wardrobe(dress=1.5)
    with pytest.raises(InputError, match="in order"):
        Wardrobe(loose=(0.7, 0.2))


# --------------------------------------------------------------------------------------------------------- other bodies


def shuffled(arrays: BodyArrays) -> BodyArrays:
    """The same body with its vertices in another order: nothing may know a vertex by its number."""
    order = np.random.default_rng(0).permutation(len(arrays.v_template))
    place = np.argsort(order)
    return dataclasses.replace(
        arrays,
        v_template=arrays.v_template[order],
        faces=place[arrays.faces],
        weights=arrays.weights[order],
        shapedirs=arrays.shapedirs[order],
        exprdirs=arrays.exprdirs[order],
        J_regressor=np.ascontiguousarray(arrays.J_regressor[:, order]),
        kp_vertex_ids=place[arrays.kp_vertex_ids],
        sha256="shuffled",
    )


def test_no_vertex_is_known_by_its_number(figure: Callable[..., Figure], arrays: BodyArrays) -> None:
    other = shuffled(arrays)
    body = from_arrays(other, 10, 10)
    for slot, kind in (("upper", "shirt"), ("lower", "skirt_short"), ("shoes", "boot")):
        person = figure(4)
        twin = Figure(body=body, arrays=other, betas=person.betas)
        pairs = zip(
            *(dress(stream("twin", kind), each, only(slot, kind)) for each in (person, twin)),
            strict=True,
        )
        for one, two in pairs:
            assert area(two.vertices, two.faces).sum() == pytest.approx(area(one.vertices, one.faces).sum(), rel=0.02)
            distance, _ = KDTree(one.vertices).query(two.vertices)
            assert np.quantile(distance, 0.95) < 0.012
            assert one.hides is not None and two.hides is not None and np.mean(one.hides ^ two.hides) < 0.002


def test_it_runs_on_any_smplx_file(fake_bodies: Path) -> None:
    arrays = read_body(next((fake_bodies / "smplx").glob("*.npz")))
    body = from_arrays(arrays, 10, 10)
    for seed in range(4):
        betas = stream("fake", seed).normal(size=10).astype(np.float32)
        for piece in dress(stream("fake", seed), Figure(body=body, arrays=arrays, betas=betas), Wardrobe()):
            assert np.isfinite(piece.vertices).all()
            np.testing.assert_allclose(piece.weight.sum(1), 1, atol=1e-5)


# ----------------------------------------------------------------------------------------------------------------- look


@pytest.mark.parametrize(("slot", "kind"), KINDS)
def test_every_kind_shows_in_the_outline(figure: Callable[..., Figure], slot: str, kind: str) -> None:
    """A few pictures: their mean is off by a fifth at most."""
    assert outline_change(figure, slot, kind, 12, size=192) > 0.8 * least_change(kind)


@pytest.mark.slow
def test_every_kind_shows_in_many_pictures(figure: Callable[..., Figure]) -> None:
    table = outline_table(figure, 200)
    assert all(share > least_change(kind) for kind, share in table.items()), table


@pytest.mark.parametrize("name", list(EXTREME))
def test_hidden_skin_would_hardly_show(figure: Callable[..., Figure], name: str) -> None:
    """Of what is seen, the share of skin that is left out because clothes lie over it, if it were drawn."""
    shares = []
    for k, (slot, kind) in enumerate(KINDS):
        person = figure(k)
        pieces = dress(stream("skin", kind), person, only(slot, kind))
        hidden = np.logical_or.reduce([piece.hides for piece in pieces if piece.hides is not None])
        frame = shoot(person, pieces, EXTREME[name], 0.7 * k, hide=False, size=192)
        bad = (frame.mesh == 1) & hidden[frame.face]
        shares.append(bad.sum() / (frame.mesh > 0).sum())
    assert np.mean(shares) < 0.004 and max(shares) < 0.04
