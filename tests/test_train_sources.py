"""Where samples come from: folders, pictures made on the fly, held-out splits; and finetuning on a folder."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from trained import small, weights

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.cli import main
from mien.data.samples import Label
from mien.data.store import Store
from mien.errors import InputError
from mien.synth.generate import Job, generate
from mien.train.config import Data, from_json
from mien.train.live import Live
from mien.train.loop import train
from mien.train.sources import batch_maker, held_out, open_sources, prepare


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures to train on and two to predict."""
    out = tmp_path_factory.mktemp("synth") / "studio"
    generate(Job(recipe="studio", out=out, count=8, test=2, size=96), 1)
    return out


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps on the folder, with validation, a sheet and curves."""
    out = tmp_path_factory.mktemp("trained") / "run"
    config = small(folder, batch=4, steps=2, data=Data(sources=(str(folder),)))
    records = replace(config.records, validate_every=1, sheet_every=2, tensorboard=True)
    train(replace(config, records=records), out, quiet=True)
    return out


@pytest.mark.slow
def test_live_pictures_are_those_of_the_folder(folder: Path, tmp_path: Path) -> None:
    data = Data(sources=(str(folder),))
    prepare(data, tmp_path, find_body("openbody"))
    stored = Store.open(tmp_path / "store")["studio"].take(np.arange(6))
    live = Live(recipe="studio", seed=0, size=96, body=str(find_body("openbody")), length=6)
    made = live.take(np.arange(6))
    for column in fields(made):
        one, other = getattr(made, column.name), getattr(stored, column.name)
        if isinstance(one, Label):
            np.testing.assert_array_equal(one.value, other.value, column.name)
            np.testing.assert_array_equal(one.weight, other.weight, column.name)
    for row, path in enumerate(stored.image):
        assert path.startswith("images/train_")
        assert live.images.read(str(made.image[row])) == (folder / path).read_bytes()


@pytest.mark.slow
def test_a_folder_is_read_once_and_validated(folder: Path, trained: Path) -> None:
    assert held_out((str(folder), "synth:street")) == (str(folder),)
    lines = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    checks = [line for line in lines if line["kind"] == "held_out"]
    assert [line["step"] for line in checks] == [1, 2]
    assert checks[0]["pve"] == checks[0]["pve/studio"] > 0 and checks[0]["pve_hand"] > 0
    assert (trained / "sheets/step_00000002.jpg").exists() and any((trained / "tensorboard").iterdir())
    assert weights(trained, "best").keys() == weights(trained).keys()


@pytest.mark.slow
def test_open_weights_say_what_they_are(trained: Path) -> None:
    from mien.nets.weights import load_weights

    card = load_weights(trained / "weights/best.safetensors")[1]
    assert card.licence == "Apache-2.0" and card.training["held_out"]["pve"] > 0
    assert card.training["data"][0]["sources"][0]["name"] == "train.npz"


@pytest.mark.slow
def test_killed_before_its_weights_were_written_it_writes_the_same(trained: Path) -> None:
    """The last checkpoint knows what the held-out people said."""
    path = trained / "weights/last.safetensors"
    before = path.read_bytes()
    path.unlink()
    train(from_json((trained / "config.json").read_text(), "config"), trained, resume=True, quiet=True)
    assert path.read_bytes() == before


@pytest.mark.slow
def test_finetuning(folder: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(trained / "weights/last.safetensors")
    words = ["finetune", path, "--on", str(folder), "--out", str(tmp_path / "run"), "--quiet", "--batch", "4"]
    assert main([*words, "--steps", "2", "--tune", "heads", "--set", "records.tensorboard=false"]) == 0
    before, after = weights(trained), weights(tmp_path / "run")
    changed = {name.partition(".")[0] for name in before if not (before[name] == after[name]).all()}
    assert changed == {"heads", "joint_maps"}
    capsys.readouterr()
    for wrong, says in (
        (["finetune"], "no weights"),
        (["finetune", path, "--on", "bedlam", "--out", str(tmp_path / "x")], "the store that has it"),
        (["finetune", path, "--specialist", "agoda", "--out", str(tmp_path / "x")], "did you mean 'agora'"),
        (["finetune", "random-xxs:0", "--on", str(folder), "--out", str(tmp_path / "y"), "--batch", "64"], "batch"),
    ):
        assert main(wrong) == 2
        assert says in capsys.readouterr().err


def test_pictures_made_while_training_are_named_as_they_are(tmp_path: Path) -> None:
    """In mixtures by weight, and where only some rows are used."""
    body = BodyModel.load(find_body("openbody"))
    name = "synth:studio"
    data = Data(sources=(name,), pictures=16, mixing="weighted", counts={name: 8}, intervals={name: 2})
    config = small(tmp_path, data=data)
    maker = batch_maker(config, open_sources(data, tmp_path, 0, str(body.path)), body)
    assert len(maker.mixing) == 8 and maker.mixing.parts[0].interval == 2


def test_the_home_folder_has_a_short_name(folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert held_out((f"~/{folder.name}",)) == (f"~/{folder.name}",)
    monkeypatch.setenv("HOME", str(store.parent))
    (found,) = open_sources(Data(sources=(f"~/{store.name}",)), store, 0, "")
    assert found.name == "made/train"


def test_files_that_are_no_sources(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, says in ((tmp_path / "empty", "no train.npz"), (tmp_path / "gone.npz", "is not there")):
        with pytest.raises(InputError, match=says):
            prepare(Data(sources=(str(source),)), tmp_path, find_body("openbody"))
