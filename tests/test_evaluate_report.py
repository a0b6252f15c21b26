"""The page about an evaluation: one file, everything escaped, published numbers with their source."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import launched, needs_browser

from mien.body.files import find_body
from mien.body.model import BodyModel
from mien.cli import main
from mien.evaluate.charts import bars, dots, histogram
from mien.evaluate.gallery import _said
from mien.evaluate.job import Job, Plan
from mien.evaluate.predicting import Answer
from mien.evaluate.protocols import published
from mien.evaluate.reporting import report
from mien.evaluate.results import Results
from mien.evaluate.truths import Truths
from mien.view.page import escaped, table

EVIL = "<script>alert(1)</script>\"' onerror=x"


@pytest.fixture(scope="module")
def page(studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two systems on a folder and pictures with names that would do harm."""
    place = tmp_path_factory.mktemp("report")
    shutil.copytree(studio, place / "evil")
    with np.load(place / "evil/test.npz", allow_pickle=True) as file:
        arrays = dict(file)
    meta, misc = arrays["meta"].item(), arrays["misc"].item()
    arrays["meta"] = np.array({**meta, "pose": [EVIL] * len(arrays["image_path"])}, dtype=object)
    arrays["misc"] = np.array({**misc, "recipe": EVIL}, dtype=object)
    np.savez(place / "evil/test.npz", **arrays)
    words = ["evaluate", "random-xxs", "random-xxs:1", "--on", str(place / "evil"), "--out", str(place / "out")]
    assert main(words) == 0
    return place / "out/report.html"


def test_a_page_is_one_file_and_runs_nothing(page: Path) -> None:
    text = page.read_text()
    assert "<script" not in text.lower() and EVIL not in text and escaped(EVIL) in text
    assert "default-src 'none'" in text
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\' >)]+)', text)
    assert links and all(link.startswith("data:image/jpeg") for link in links)
    assert text.count("data:image/jpeg") == 4  # two best, two worst
    assert "random-xxs:0" in text and "random-xxs:1" in text and "RANDOM WEIGHTS" in text and "±" in text
    for part in ("How errors are spread", "Errors by circumstance", "Where errors sit", "People", "Facts"):
        assert part in text


def test_an_answer_that_cannot_be_drawn_is_grey(truths: Truths, body: BodyModel) -> None:
    plain, box = np.zeros((180, 240, 3), np.uint8), np.array([[0, 0, 192, 256]], np.float32)
    params = truths.params(body)[:1]
    K = torch.tensor([[[500.0, 0, 64], [0, 500, 64], [0, 0, 1]]])
    assert not (_said(plain, Answer(params=params, K=K), body, box, np.eye(3)) == 128).all()
    for answer in (
        Answer(params=replace(params, betas=params.betas * torch.nan), K=K),
        Answer(params=replace(params, expression=params.expression + torch.inf), K=K),
        Answer(params=params, K=K * torch.tensor([0.0, 1, 1])[:, None]),
    ):
        assert (_said(plain, answer, body, box, np.eye(3)) == 128).all()


def test_several_systems_have_folders_of_their_own(page: Path) -> None:
    records = [json.loads(each.read_text()) for each in sorted(page.parent.glob("*/results.json"))]
    assert len(records) == 2 and records[0]["run"]["subject"] != records[1]["run"]["subject"]


@needs_browser
def test_a_browser_shows_it_without_complaint(page: Path) -> None:
    with launched(webgl=False) as browser:
        shown = browser.open(page, size=(1300, 900))
        shown.wait("document.readyState == 'complete'")
        assert shown.run("document.scripts.length") == 0
        assert shown.run("[...document.images].every(image => image.naturalWidth > 100)")
        assert shown.run("document.querySelectorAll('svg').length") >= 8
        assert not shown.problems()


def test_published_numbers_stand_beside_measured_ones(tmp_path: Path) -> None:
    measures: dict[str, Any] = {"pve": {"mean": 60.0, "low": 58.0, "high": 62.0}}
    folder = {"people": 2, "not_looked_at": 0, "missing": 0, "protocol": "ehf", "measures": measures, "detection": None}
    parts = {"AGORA": None, "EHF": 60.0}
    record = {
        **folder, "folders": {"ehf": folder}, "warning": "", "remarks": [], "seed": 0, "seconds": 1.0,
        "mpe": {key: {"value": None, "parts": parts, "definition": "as it is"} for key in ("whole", "hand", "pa_hand")},
        "run": {"subject": {"name": "mine", "kind": "network"}, "body": {"name": "b", "sha256": "0" * 64}},
        "versions": {"mien": "0"},
    }  # fmt: skip
    plan = Plan(
        job=Job(weights="mine", on=("ehf",), out=tmp_path), predictor=lambda number, rows: pytest.fail("asked"),
        baseline=None, body=BodyModel.load(find_body("openbody")), truths=(), protocols=(), settings=record["run"],
        warning="",
    )  # fmt: skip
    empty = Results(
        folder=np.array([], object), file=np.array([], object), image=np.array([], object),
        problem=np.array([], object), posture=np.array([], object), track=np.array([], object),
        motion=np.zeros((0, 0), np.float32), row=np.zeros(0, np.int64),
        box=np.zeros((0, 4), np.float32), flags=np.zeros((0, 4), bool), traits={}, values={}, valid={},
    )  # fmt: skip
    text = report(tmp_path / "page.html", [(plan, empty, record)]).read_text()
    assert "60.0 ± 2.0" in text and "no samples" in text and "parts missing" in text
    assert "62.4" in text and "recalled, to be verified" in text and "62.3" in text and "abstract, confirmed" in text


def test_every_published_number_has_a_source() -> None:
    assert len(published()) > 40
    assert {row.source for row in published()} == {
        "official README", "abstract", "quoted by a third party", "recalled"
    }  # fmt: skip
    assert all(row.confirmed == (row.source in ("official README", "abstract")) for row in published())
    assert all(row.confirmed == ("official" in row.source or "abstract" in row.source) for row in published())


def test_charts_take_what_there_is() -> None:
    nothing = np.full(3, np.nan)
    assert (
        histogram("t", "mm", [nothing]) == ""
        and dots("t", "mm", ["a"], [[None]]) == ""
        and bars("t", ["a"], [[None]]) == ""
    )
    assert histogram("t", "mm", [nothing, np.array([1.0, 2.0])]).count("<polyline") == 2
    assert EVIL not in dots(EVIL, EVIL, [EVIL], [[(1.0, 0.5, 1.5, 3)]]) + bars(EVIL, [EVIL], [[1.0]])
    assert EVIL not in table([EVIL], [[EVIL]], [EVIL])
