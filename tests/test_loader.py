"""What mien promises of batches: the same whoever makes them and whenever, and nothing bad passes in silence."""

import pickle
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from made import Memory, made_dataset

from mien.body.model import BodyModel
from mien.cli import main
from mien.data.augment import Augment
from mien.data.batch import Batch
from mien.data.loader import Loader
from mien.data.making import BatchMaker, parts_of, take_rows
from mien.data.mixture import Part, balance, concat
from mien.data.order import Order
from mien.data.pixels import Sampling
from mien.data.preview import draw_labels, draw_sample, preview_sheet
from mien.data.samples import Label, Samples
from mien.data.store import Store
from mien.errors import BodyError, InputError
from mien.records import Record

OPEN_BODY = Path(__file__).parents[1] / "src/mien/body/data/openbody_SMPLX_NEUTRAL.npz"
everything = Augment(
    shift=0.2, upper_chance=0.3, hand_chance=0.3, close_chance=0.3, cutout_chance=0.3, person_chance=0.5,
    blur_chance=0.3, jpeg_chance=0.3, dark_chance=0.3, mirror_expression=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def sets(body: BodyModel) -> tuple[Memory, Memory]:
    first, second = made_dataset(body, 9, "first"), made_dataset(body, 4, "second", (300, 200))
    # the second knows less: no 3D joints, no size
    return first, replace(second, samples=replace(second.samples, keypoints3d=None, size=None, face_box=None))


def _maker(body: BodyModel, sets: tuple[Memory, ...], batch: int = 6, **changed: Any) -> BatchMaker:
    mixing = balance([Part(name=each.name, length=len(each)) for each in sets], 26)
    given: dict[str, Any] = {
        "datasets": sets,
        "mixing": mixing,
        "order": Order(length=len(mixing), batch=batch, seed=5),
        "body": body,
        "augment": everything,
        "sampling": Sampling(size=(128, 96)),
    }
    return BatchMaker(**{**given, **changed})


def _tensors(record: Record) -> Iterator[tuple[str, torch.Tensor]]:
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, Record):
            yield from _tensors(value)
        elif isinstance(value, torch.Tensor):
            yield each.name, value


def _same(a: Batch, b: Batch) -> None:
    assert (a.epoch, a.step, a.skipped) == (b.epoch, b.step, b.skipped)
    for (name, one), (_, other) in zip(_tensors(a), _tensors(b), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6 if one.is_floating_point() else 0, msg=name)


def test_a_batch(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    batch = _maker(body, sets)[(0, 1)]
    assert batch.pixels.shape == (6, 128, 96, 3) and batch.pixels.dtype == torch.uint8
    images = batch.images()
    assert images.shape == (6, 3, 128, 96) and images.dtype == torch.float32
    assert 0 <= images.min() and 0.3 < images.max() <= 1
    assert len(batch) == 6 and batch.present.all() and batch.skipped == ()
    assert batch.targets.image_weight.any() and batch.targets.pose_weight.all()
    for name, value in _tensors(batch):
        assert value.isfinite().all(), name
    assert len(Batch.cat([batch, batch[2:4]]).present) == 8
    assert pickle.loads(pickle.dumps(batch)).part.equal(batch.part)


def test_ranks_make_slices_of_one_batch(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    whole = _maker(body, sets)[(2, 3)]
    for world in (2, 3, 4):
        shares = [_maker(body, sets, rank=rank, world=world)[(2, 3)] for rank in range(world)]
        _same(Batch.cat(shares), whole)


def test_batches_differ_from_each_other(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    maker = _maker(body, sets)
    batches = [maker[when] for when in ((0, 0), (0, 1), (1, 0))]
    pixels = [batch.pixels.float() for batch in batches]
    assert min((one - other).abs().mean() for one, other in pairwise(pixels)) > 10


def test_rows_of_several_datasets_come_in_the_order_asked_for(sets: tuple[Memory, Memory]) -> None:
    part, row = np.array([1, 0, 1, 0, 0]), np.array([3, 8, 0, 8, 2])
    samples = take_rows(sets, part, row)
    np.testing.assert_array_equal(samples.row, row)
    for i in range(5):
        np.testing.assert_array_equal(samples.box.value[i], sets[part[i]].samples.box.value[row[i]])
    assert samples.keypoints3d is not None and samples.size is not None
    assert samples.size.tolist() == [[0, 0], [270, 480], [0, 0], [270, 480], [270, 480]]
    assert samples.keypoints3d.weight[:, 0].tolist() == [0, 1, 0, 1, 1]


def test_a_pose_that_is_known_joint_by_joint_mixes_with_whole_ones(sets: tuple[Memory, Memory]) -> None:
    pose = sets[1].samples.body_pose
    assert pose is not None
    weight = np.ones((len(sets[1]), 21), np.float32)
    weight[:, 6] = 0
    partly = replace(sets[1], samples=replace(sets[1].samples, body_pose=replace(pose, weight=weight)))
    samples = take_rows((sets[0], partly), np.array([1, 0, 1]), np.array([3, 8, 0]))
    assert samples.body_pose is not None
    assert samples.body_pose.weight[:, 5:8].tolist() == [[1, 0, 1], [1, 1, 1], [1, 0, 1]]
    assert Samples.cat([sets[0].samples, replace(partly.samples, size=None)]).body_pose is not None


def test_exact_crops_are_the_published_ones(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    plain = {"augment": Augment(), "sampling": Sampling(exact=True)}
    exact = _maker(body, sets, **plain)[(0, 0)]
    assert exact.pixels.dtype == torch.float32 and exact.pixels.max() <= 255
    fast = _maker(body, sets, augment=Augment(), sampling=Sampling())[(0, 0)]
    away = (exact.pixels - fast.pixels.float()).abs()
    assert away.mean() < 2  # a person of 200 pixels: nothing is decoded at a reduced size
    torch.testing.assert_close(exact.targets.image, fast.targets.image)
    with pytest.raises(InputError, match="exact"):
        _maker(body, sets, sampling=Sampling(exact=True))


# what cannot be read --------------------------------------------------------------------------------------------
def _spoiled(sets: tuple[Memory, Memory]) -> tuple[Memory, Memory]:
    """A missing, a damaged, a wrong picture; a box outside."""
    first, second = sets
    files = dict(first.files)
    del files["0.jpg"]
    files["1.jpg"] = files["1.jpg"][:900]
    files["2.jpg"] = second.files["0.jpg"]
    box = first.samples.box.value.copy()
    box[3] = [-90, 10, 50, 50]
    samples = replace(first.samples, box=Label(value=box, weight=first.samples.box.weight))
    return Memory(name="first", samples=samples, files=files), second


def test_what_cannot_be_read_is_black_weightless_and_told(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    spoiled = _spoiled(sets)
    maker = _maker(body, spoiled, batch=26, augment=Augment(), body_joints=True)
    good = _maker(body, sets, batch=26, augment=Augment(), body_joints=True)[(0, 0)]
    batch = maker[(0, 0)]
    bad = (batch.part == 0) & (batch.row < 4)
    assert bad.any() and torch.equal(batch.present == 0, bad)
    assert not batch.pixels[bad].any()
    for (name, value), (_, whole) in zip(_tensors(batch.targets), _tensors(good.targets), strict=True):
        if name.endswith("weight") or name in ("known", "has_3d", "whole_body"):
            assert not value[bad].any(), name
        assert value.isfinite().all(), name
        torch.testing.assert_close(value[~bad], whole[~bad], msg=name)
    assert torch.equal(batch.pixels[~bad], good.pixels[~bad])
    assert len(batch.skipped) == int(bad.sum())
    told = "\n".join(batch.skipped)
    for row, reason in ((0, "is missing"), (1, "cut short"), (2, "300 x 200"), (3, "holds nothing")):
        assert f"first row {row}: " in told and reason in told, reason


def test_too_many_bad_samples_stop_the_training(
    body: BodyModel, sets: tuple[Memory, Memory], caplog: pytest.LogCaptureFixture
) -> None:
    maker = _maker(body, _spoiled(sets), augment=Augment())
    patient = Loader(maker, max_bad=100)
    bad = sum(len(batch.skipped) for batch in patient)
    assert patient.bad == bad > 2 and caplog.text.count("left out: first row") == bad
    with pytest.raises(InputError, match=rf"{bad} samples could not be read, the last: first row"):
        list(Loader(maker, max_bad=bad - 1))
    list(Loader(maker, max_bad=bad))
    stricter = Loader(_maker(body, sets), max_bad=1)
    stricter.load_state_dict({**stricter.state_dict(), "bad": 2})
    with pytest.raises(InputError, match=r"2 samples could not be read, all before this training was resumed"):
        list(stricter)


# loading --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("workers", [0, 2])
def test_resuming_gives_what_would_have_come(body: BodyModel, sets: tuple[Memory, Memory], workers: int) -> None:
    maker = _maker(body, sets)
    through = Loader(maker, workers=0)
    expected = [batch for _ in range(3) for batch in through]
    assert [(batch.epoch, batch.step) for batch in expected] == [(e, s) for e in range(3) for s in range(4)]
    loader = Loader(maker, workers=workers)
    batches = iter(loader)
    for want in expected[:2]:
        _same(next(batches), want)
    state = loader.state_dict()
    assert (state["epoch"], state["step"]) == (0, 2)
    again = Loader(maker, workers=workers)
    again.load_state_dict(state)
    found = [batch for _ in range(3) for batch in again]
    for got, want in zip(found, expected[2:], strict=True):
        _same(got, want)
    assert (again.state_dict()["epoch"], again.state_dict()["step"]) == (3, 0)
    # the first loader goes on from where it was left, too, also with other workers
    _same(next(iter(loader)), expected[2])
    loader.close()
    _same(next(iter(loader)), expected[3])


def test_another_training_cannot_be_resumed(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    state = Loader(_maker(body, sets)).state_dict()
    for wrong, name in ((_maker(body, sets, batch=5), "batch"), (_reseeded(body, sets), "seed")):
        with pytest.raises(InputError, match=name):
            Loader(wrong).load_state_dict(state)
    first, *rest = state["parts"]
    for parts, says in (([[first[0], first[1], 2], *rest], "every 2"), ([*state["parts"], first], "with no dataset")):
        with pytest.raises(InputError, match=says):
            Loader(_maker(body, sets)).load_state_dict({**state, "parts": parts})
    Loader(_maker(body, sets)).load_state_dict({key: value for key, value in state.items() if key != "parts"})


def _reseeded(body: BodyModel, sets: tuple[Memory, Memory]) -> BatchMaker:
    return _maker(body, sets, order=Order(length=26, batch=6, seed=6))


@pytest.mark.parametrize("workers", [0, 1])
def test_mistakes_of_the_user_come_out_of_workers_whole(
    body: BodyModel, sets: tuple[Memory, Memory], workers: int
) -> None:
    bodiless = replace(body, mean_hands=None)
    loader = Loader(_maker(bodiless, sets), workers=workers)
    with pytest.raises(BodyError, match="has no hands") as caught:
        list(loader)
    loader.close()
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


def test_what_does_not_fit_together_is_refused(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    with pytest.raises(InputError, match="datasets second"):
        _maker(body, sets, datasets=sets[::-1])
    with pytest.raises(InputError, match="places"):
        _maker(body, sets, order=Order(length=27, batch=6, seed=5))
    with pytest.raises(InputError, match="rank 2 of 2"):
        _maker(body, sets, rank=2, world=2)
    with pytest.raises(InputError, match="has 9 rows"):
        mixing = concat([Part(name="first", length=8), Part(name="second", length=4)])
        _maker(body, sets, mixing=mixing, order=Order(length=12, batch=6, seed=5))


def test_evaluation_comes_in_order_to_the_last_row(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    mixing = concat([Part(name="first", length=9)])
    order = Order(length=9, batch=4, seed=0, shuffle=False, drop_last=False)
    plain = {"augment": Augment.none(), "datasets": sets[:1], "mixing": mixing, "order": order}
    batches = list(Loader(_maker(body, sets, **plain)))
    assert [len(batch) for batch in batches] == [4, 4, 1]
    rows = torch.cat([batch.row for batch in batches])
    assert sorted(rows.tolist()) == list(range(9)) and not any(batch.mirrored.any() for batch in batches)
    assert len(_maker(body, sets, **plain, rank=2, world=4)[(0, 2)]) == 0


# stores ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def store(sets: tuple[Memory, Memory], tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    made = Store.create(folder)
    for each, ratio in zip(sets, (1.2, 0.9), strict=True):
        pictures = folder / f"pictures_{each.name}"
        pictures.mkdir()
        for name, data in each.files.items():
            (pictures / name).write_bytes(data)
        made.add(each.name, [each.samples], pictures=str(pictures), box_ratio=ratio)
    return Store.open(folder)


def test_a_store_gives_the_batches_of_its_samples(body: BodyModel, sets: tuple[Memory, Memory], store: Store) -> None:
    parts = parts_of(store, ["second", "first"], {"first": 2})
    assert [(part.name, part.used) for part in parts] == [("second/train", 4), ("first/train", 5)]
    mixing = concat(parts)
    sampling = Sampling(size=(128, 96))
    stored = BatchMaker.of_store(store, mixing, batch=9, body=body, sampling=sampling, augment=Augment.none())
    assert stored.ratios == (pytest.approx(0.9), pytest.approx(1.2))
    memory = tuple(replace(each, name=f"{each.name}/train") for each in sets[::-1])
    order = Order(length=9, batch=9, seed=2023)
    plain = {"augment": Augment.none(), "sampling": sampling, "ratios": (0.9, 1.2)}
    direct = _maker(body, memory, mixing=mixing, order=order, **plain)
    (batch,) = list(Loader(stored, workers=1))
    _same(batch, direct[(0, 0)])
    loose = _maker(body, memory, mixing=mixing, order=order, **{**plain, "ratios": (1.8, 1.2)})[(0, 0)]
    torch.testing.assert_close(loose.box[batch.part == 0][:, 2:], 2 * batch.box[batch.part == 0][:, 2:])
    torch.testing.assert_close(loose.box[batch.part == 1], batch.box[batch.part == 1])


def test_a_sheet_shows_samples_with_their_labels(body: BodyModel, store: Store) -> None:
    sheet, skipped = preview_sheet(store, body, count=4, seed=1)
    assert skipped == () and sheet.dtype == np.uint8 and sheet.std() > 20
    same, _ = preview_sheet(store, body, count=4, seed=1)
    np.testing.assert_array_equal(sheet, same)
    plain, _ = preview_sheet(store, body, names=["second"], count=1, augment=Augment.none())
    assert plain.shape[1] < sheet.shape[1]


def test_labels_are_drawn_where_they_are(body: BodyModel, sets: tuple[Memory, Memory]) -> None:
    sample = sets[0].samples.take(slice(0, 1))
    assert sample.keypoints2d is not None
    grey = np.full((270, 480, 3), 90, np.uint8)
    drawn = draw_labels(grey, sample)
    for x, y in np.rint(sample.keypoints2d.value[0, [0, 3, 4, 10, 11]]).astype(int):
        if 0 <= x < 480 and 0 <= y < 270:
            assert (drawn[y, x] != 90).any()
    person = (draw_sample(grey, sample, body) != 90).any(-1)
    rows, columns = np.nonzero(person)
    x, y, w, h = sample.box.value[0]
    assert 0.8 * min(w, 480) < np.ptp(columns) < 1.2 * w and columns.min() > x - 12 and rows.max() < y + h + 12
    unknown = replace(sample, camera=None, keypoints2d=None, box=replace(sample.box, weight=sample.box.weight * 0))
    unknown = replace(unknown, left_hand_box=None, right_hand_box=None, face_box=None)
    np.testing.assert_array_equal(draw_sample(grey, unknown, body), grey)
    np.testing.assert_array_equal(draw_labels(grey, unknown), grey)


def test_the_verb_writes_a_sheet(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    arguments = ["data", "preview", str(store.folder), "first", "--count", "2", "--body", str(OPEN_BODY)]
    assert main([*arguments, "--out", str(out), "--no-augment"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    picture = cv2.imread(str(out))
    assert picture is not None and picture.shape[1] > 300
    assert main([*arguments, "--out", str(tmp_path / "sheet.txt")]) == 2
    assert "ends in .jpg or .png" in capsys.readouterr().err
    assert main([*arguments, "--count", "0"]) == 2
    (store.folder / "pictures_first/0.jpg").rename(tmp_path / "away.jpg")
    assert (
        main(["data", "preview", str(store.folder), "--count", "18", "--body", str(OPEN_BODY), "--out", str(out)]) == 1
    )
    assert "left out: first/train row 0" in capsys.readouterr().out
    (tmp_path / "away.jpg").rename(store.folder / "pictures_first/0.jpg")
