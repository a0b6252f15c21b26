"""Studies by contract: nothing is done twice, what dies takes nobody along, what is claimed is sure."""

import json
import shutil
import sys
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studied import CONSTANT, Fake, folders, made_error, outcome, studied

from mien.cli import main
from mien.errors import InputError, OutputError
from mien.study import finetune, page, pools, rank, scale, scale_tables
from mien.study.cost import Machine, known_rates, measured_rates, published_grid
from mien.study.ledger import Ledger
from mien.study.outcomes import Outcomes
from mien.study.plan import Plan, instances
from mien.study.pools import Failed, Local
from mien.study.presets import PRESETS, SYNTHETIC_MPE, SYNTHETIC_TRAINING, UNSEEN, preset
from mien.study.rank import RankRequest
from mien.study.request import Request
from mien.study.running import Place, missing, run
from mien.study.sections import Section
from mien.study.statistics import correlate, fit_law, places, seeds
from mien.synth.recipes import RECIPES

NAMES = ("floor", "hands", "street", "studio")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("sets")
    train, test = folders(root / "train", NAMES, "train"), folders(root / "test", NAMES, "test")
    return {"data": (str(train),), "on": (str(test),), "samples": 640}


def rank_plan(data: dict[str, Any], **changes: Any) -> Plan:
    return rank.plan(RankRequest(**data, **changes))


def scale_plan(data: dict[str, Any], **changes: Any) -> Plan:
    return scale.plan(scale.ScaleRequest(**data, **changes))


def finetune_plan(data: dict[str, Any], **changes: Any) -> Plan:
    return finetune.plan(finetune.FinetuneRequest(**data, **changes))


# Statistics


def test_intervals_of_seeds_are_students() -> None:
    found = seeds([98.0, 100.0, 102.0])
    assert found is not None and found.mean == 100 and found.low is not None and found.high is not None
    assert found.high - 100 == pytest.approx(4.303 * 2 / 3**0.5, rel=1e-3) and 100 - found.low == found.high - 100
    alone = seeds([98.0])
    assert seeds([]) is None and alone is not None and alone.low is None
    assert not alone.below(found) and not found.below(alone)  # one seed claims nothing


def test_places_are_claimed_only_where_intervals_do_not_overlap() -> None:
    made = {"a": [1.0, 1.1, 1.2], "b": [5.0, 5.1, 5.2], "c": [5.1, 5.2, 5.3], "d": [9.0, 9.1, 9.2]}
    found = {name: each for name, values in made.items() if (each := seeds(values)) is not None}
    assert places(found) == {"a": (1, 1), "b": (2, 3), "c": (2, 3), "d": (4, 4)}


def test_rank_correlation() -> None:
    same, reverse = correlate([1, 2, 3, 4], [10, 20, 30, 40]), correlate([1, 2, 3, 4], [4, 3, 2, 1])
    assert same is not None and (same.spearman, same.kendall, same.count) == (1, 1, 4)
    assert reverse is not None and (reverse.spearman, reverse.kendall) == (-1, -1)
    assert correlate([1, 2], [1, 2]) is None and correlate([1, 2, 3], [5, 5, 5]) is None


@pytest.mark.parametrize(("a", "b", "c"), [(50.0, 900.0, 0.5), (0.0, 400.0, 0.2), (80.0, 5000.0, 1.0)])
def test_the_law_is_found_again(a: float, b: float, c: float) -> None:
    random = np.random.default_rng(0)
    sizes = (500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
    law = fit_law({n: [a + b * n**-c + random.normal(0, 0.3) for _ in range(3)] for n in sizes})
    assert law is not None and law.at(np.array(sizes)) == pytest.approx(a + b * np.array(sizes) ** -c, abs=1.0)
    true = b * 16000.0**-c * (1 - 2**-c)
    low, high = law.intervals["gain"]
    assert low <= law.gain <= high and law.gain == pytest.approx(true, abs=1.0)


def test_three_sizes_make_no_law_and_flat_errors_gain_nothing() -> None:
    assert fit_law({1.0: [3.0], 2.0: [2.0], 4.0: [1.0]}) is None
    flat = fit_law({float(n): [100.0, 100.0] for n in (1, 2, 4, 8)})
    assert flat is not None and flat.gain == pytest.approx(0, abs=1e-6) and flat.ends == 1


# Plans


def test_presets_are_requests_that_stand() -> None:
    assert set(SYNTHETIC_MPE) | set(SYNTHETIC_TRAINING) <= set(RECIPES) and len(SYNTHETIC_MPE) == 5
    assert not set(UNSEEN) & set(SYNTHETIC_TRAINING) and set(UNSEEN) < set(SYNTHETIC_MPE)
    kinds = {"rank": RankRequest, "scale": scale.ScaleRequest, "finetune": finetune.FinetuneRequest}
    for study, known in PRESETS.items():
        for name in known:
            kinds[study].of(preset(study, name), {"changes": ()})


def test_a_job_is_known_by_what_it_is_not_by_where_it_lies(data: dict[str, Any], tmp_path: Path) -> None:
    moved = {**data, "data": (str(shutil.copytree(data["data"][0], tmp_path / "moved")),)}
    keys = [[job.key(each.benchmarks) for job in each.jobs] for each in (rank_plan(data), rank_plan(moved))]
    assert keys[0] == keys[1] and len(set(keys[0])) == len(keys[0])
    logged = rank_plan(data, changes=("records.log_every=1", "ranks.precision=bf16", "data.workers=1"))
    assert [job.key(logged.benchmarks) for job in logged.jobs] == keys[0]
    for changes in ({"samples": 1280}, {"changes": ("optimizer.lr=1e-4",)}, {"sizes": ("xs",)}):
        other = rank_plan({**data, **changes})
        assert {job.key(other.benchmarks) for job in other.jobs if job.config}.isdisjoint(keys[0])
    fewer = replace(rank_plan(data), benchmarks=rank_plan(data).benchmarks[:2], mpe=())
    assert {job.key(fewer.benchmarks) for job in fewer.jobs}.isdisjoint(keys[0])
    assert [job.trained for job in fewer.jobs] == [job.trained for job in rank_plan(data).jobs]


def test_what_trainings_start_from_is_known_by_what_it_holds(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "pose-xxs.pt").write_bytes(b"some weights")
    (tmp_path / "other.pt").write_bytes(b"other weights")
    shutil.copy(tmp_path / "pose-xxs.pt", tmp_path / "again.pt")

    def trained(file: str) -> list[str]:
        return [job.trained for job in rank_plan(data, changes=(f"start.weights={tmp_path / file}",)).jobs]

    assert trained("pose-{size}.pt") == trained("again.pt")
    assert set(trained("other.pt")[1:]).isdisjoint(trained("again.pt"))
    (job,) = (each for each in rank_plan(data, changes=(f"start.weights={tmp_path}/pose-{{size}}.pt",)).jobs[1:2])
    assert job.config is not None and job.config.start.weights == str((tmp_path / "pose-xxs.pt").resolve())
    with pytest.raises(InputError, match=r"pose-xxs.pth is not there.*\{size\}"):
        rank_plan(data, changes=("start.weights=pose-{size}.pth",))


def test_the_grid_has_every_cell_once(data: dict[str, Any]) -> None:
    plan = scale_plan(data, ladder=(2, 4), sizes=("xxs", "xs"), seeds=2, mixing=("concat",), without=("hands",))
    assert len(plan.jobs) == 1 + 2 * (2 * 2 + 1 + 1) and plan.samples == (len(plan.jobs) - 1) * 640
    cell = plan.of(role="grid", network="xs", rung=2)[0]
    assert [each.name for each in cell.sets] == list(NAMES[:2]) and cell.facts["people"] == 3 + 4
    assert "hands" not in [each.name for each in plan.of(role="without")[0].sets]
    config = plan.of(role="mixing")[0].config
    assert config is not None and config.data.mixing == "concat" and config.network.joint_maps  # pyright: ignore
    thin = scale_plan(data, instances=(8,)).of(role="grid")[0]
    assert thin.config is not None and instances(thin.config, thin.sets) <= 8


def test_the_rise_and_the_running_mean_fit_a_short_training(data: dict[str, Any]) -> None:
    config = rank_plan(data).jobs[1].config
    assert config is not None and (config.steps, config.batch) == (20, 32)
    assert config.optimizer.warm_up == 2 and config.optimizer.ema == 0
    assert config.records.validate_every == 0 and config.records.keep == 1


def test_specialists_go_on_from_their_own_generalist(data: dict[str, Any], tmp_path: Path) -> None:
    plan = finetune_plan(data, specialists=("hands",), finetune_samples=320, seeds=2)
    assert [job.name for job in plan.jobs] == [
        "constant",
        *(f"{role}/seed-{seed}" for seed in (1, 2) for role in ("generalist", "specialist/hands", "scratch/hands")),
    ]
    special, scratch = plan.of(role="specialist", seed=2)[0], plan.of(role="from scratch", seed=2)[0]
    assert special.after is plan.of(role="generalist", seed=2)[0] and (special.samples, scratch.samples) == (320, 960)
    order = Place(out=tmp_path).order(special, plan)
    assert "generalist_seed-2" in json.loads(order.config)["start"]["weights"]
    assert json.loads(order.config)["optimizer"]["lr"] == pytest.approx(3e-4)


# Running


@pytest.mark.parametrize("kind", [rank_plan, finetune_plan])
def test_a_study_killed_anywhere_ends_with_the_same_tables(kind: Any, data: dict[str, Any], tmp_path: Path) -> None:
    plan = kind(data, seeds=2)
    whole = Ledger.open(tmp_path / "whole", plan.study)
    run(plan, whole, Place(out=tmp_path / "whole"), Fake(made_error))
    done = list[str]()
    for _ in plan.jobs:
        pool = Fake(made_error, dies_after=1)
        try:
            run(plan, Ledger.open(tmp_path / "cut", plan.study), Place(out=tmp_path / "cut"), pool)
        except KeyboardInterrupt:
            assert pool.closed
        done += pool.done
    assert sorted(done) == sorted(job.name for job in plan.jobs)  # each once
    texts = [(tmp_path / out / "study.json").read_text() for out in ("whole", "cut")]
    assert texts[0] == texts[1] == (tmp_path / "cut/study.json").read_text()


def test_what_is_in_the_ledger_is_not_done_again_though_the_runs_are_gone(data: dict[str, Any], tmp_path: Path) -> None:
    plan, place = finetune_plan(data, seeds=1, specialists=("hands",)), Place(out=tmp_path)
    run(plan, Ledger.open(tmp_path, plan.study), place, Fake(made_error))
    shutil.rmtree(tmp_path / "runs")
    again = Fake(made_error)
    run(plan, Ledger.open(tmp_path, plan.study), place, again)
    assert again.done == []
    more = finetune_plan(data, seeds=1, specialists=("hands", "studio"))
    names = [job.name for job in missing(more, Ledger.open(tmp_path, plan.study), place)]
    assert names == ["generalist/seed-1", "specialist/studio/seed-1", "scratch/studio/seed-1"]  # its weights are gone


def test_a_job_that_dies_takes_only_those_along_that_start_from_it(data: dict[str, Any], tmp_path: Path) -> None:
    plan, place = finetune_plan(data, seeds=2, specialists=("hands",)), Place(out=tmp_path)
    said = list[str]()
    failed = run(
        plan,
        ledger := Ledger.open(tmp_path, plan.study),
        place,
        Fake(made_error, fails=("generalist/seed-1",)),
        said.append,
    )
    assert {job.name for job in failed} == {"generalist/seed-1", "specialist/hands/seed-1"}
    assert sorted(each["reason"] for each in ledger.failed.values()) == ["generalist/seed-1 failed", "it died"]
    assert any("generalist/seed-1 failed: it died" in line for line in said)
    found = Outcomes(plan=plan, records=ledger.jobs)
    text = page.write(tmp_path, found, finetune.analyse(found, tmp_path), ledger.failed).read_text()
    assert "2 of 7 jobs are not finished" in text and "it died" in text
    again = Fake(made_error)
    assert run(plan, Ledger.open(tmp_path, plan.study), place, again) == []
    assert again.done == ["generalist/seed-1", "specialist/hands/seed-1"]


def test_processes_that_die_are_told_apart(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, place = rank_plan(data, seeds=1), Place(out=tmp_path)
    order = place.order(plan.jobs[1], plan)

    def script(text: str) -> None:
        monkeypatch.setattr(pools, "_command", lambda order: [sys.executable, "-c", text])

    for text, expected in (
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("print('mien: error: no room'); raise SystemExit(2)", "no room (exit code 2"),
        ("raise SystemExit(130)", "goes on when the study is started again"),
        ("pass", "it said nothing"),
    ):
        script(text)
        with pytest.raises(Failed, match=expected.replace("(", r"\(")):
            Local().submit(order).result()
    found = json.dumps(outcome(order, made_error))
    script(f"open({str(order.place / 'outcome.json')!r}, 'w').write({found!r})")
    pool = Local(workers=2)
    assert pool.submit(order).result()["key"] == order.key
    script("raise SystemExit(1)")  # a finished one is only read
    assert pool.submit(order).result()["key"] == order.key
    pool.close()


@pytest.mark.parametrize(
    ("error", "said"), [(RuntimeError(), "RuntimeError"), (RuntimeError("a\nworker is gone\n"), "worker is gone")]
)
def test_what_a_cluster_throws_fails_the_job(error: Exception, said: str) -> None:
    inner: Future[Any] = Future()
    told = pools._told(inner)
    inner.set_exception(error)
    with pytest.raises(Failed, match=f"^{said}$"):
        told.result(timeout=1)


def test_an_interrupted_pool_asks_its_processes_to_end(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, place = rank_plan(data, seeds=1), Place(out=tmp_path)
    monkeypatch.setattr(pools, "_command", lambda order: [sys.executable, "-c", "import time; time.sleep(60)"])
    pool = Local(workers=1)
    futures = [pool.submit(place.order(job, plan)) for job in plan.jobs[:2]]
    while not pool.children.running:
        pass
    pool.close()
    assert futures[0].done() and isinstance(futures[0].exception(), Failed)
    assert futures[1].cancelled() or isinstance(futures[1].exception(), Failed)


# What is claimed


def flat(sections: list[Section]) -> dict[str, dict[str, tuple[str, ...]]]:
    return {table.title: {row[0]: row[1:] for row in table.rows} for each in sections for table in each.tables}


def test_the_ranking_says_what_is_sure_and_who_counts(data: dict[str, Any], tmp_path: Path) -> None:
    base = {"floor": 100.0, "hands": 100.5, "street": 150.0, "studio": 260.0}

    def error(job: str, benchmark: str) -> float:
        name, _, seed = job.partition("/seed-")
        if job == "constant":
            return CONSTANT
        return base[name] + float(seed) - (20 if name == benchmark else 0)

    found = studied(rank_plan(data), tmp_path, error)
    sections = rank.analyse(found, tmp_path)
    table = flat(sections)["Table 1: main error, mm"]
    assert table["floor"][-1] == table["hands"][-1] == "1 to 2" and table["street"][-1] == "3"
    assert table["studio"][-1] == "" and table["studio"][-2].startswith("(")  # above 80 % of 300
    assert list(table)[-1] == "best constant person" and table["floor"][0] == "82.0 ± 2.5"
    assert "street" in sections[0].text[0] and "studio" in sections[0].text[0]
    ranking = json.loads((tmp_path / "ranking.json").read_text())["ranking"]
    assert [each["set"] for each in ranking] == ["floor", "hands", "street", "studio"]
    assert [each["counts"] for each in ranking] == [True, True, True, False]
    own = flat(sections)["In-domain against cross-domain"]
    assert own["floor"][0] == "82.0 ± 2.5" and own["floor"][-2:] == ("2", "0")  # studio does not count
    order = rank.read_ranking(tmp_path / "ranking.json", NAMES)
    assert order == ("floor", "hands", "street", "studio")
    assert {path.name for each in sections for path, _ in each.figures} == {
        "rank_mpe.png", "rank_shares.png", "rank_agreement.png", "rank_domains.png",
    }  # fmt: skip


def test_the_grid_its_law_and_its_ablations(data: dict[str, Any], tmp_path: Path) -> None:
    ranking = {"ranking": [{"set": name} for name in ("studio", "street", "hands", "floor")]}
    (tmp_path / "ranking.json").write_text(json.dumps(ranking))

    def error(job: str, benchmark: str) -> float:
        if job == "constant":
            return CONSTANT
        number = int(job[-1])
        if job.startswith("worst"):
            return 200 + number
        sets = int(job.partition("/")[2].partition("-")[0]) if "-sets" in job else 4
        return 80 + 100 / sets + number / 10 - (10 if job.startswith("xs/") else 0)

    plan = scale_plan(
        data, ladder=(1, 2, 3, 4), sizes=("xxs", "xs"), ranking=str(tmp_path / "ranking.json"),
        mixing=("concat", "weighted"), without=("hands",),
    )  # fmt: skip
    assert [each.name for each in plan.of(role="grid", rung=2)[0].sets] == ["studio", "street"]
    weighted = plan.of(role="mixing", what="weighted")[0].config
    assert weighted is not None and list(weighted.data.counts) == ["studio", "street", "hands", "floor"]
    assert weighted.data.counts["studio"] > weighted.data.counts["floor"]
    sections = scale_tables.analyse(studied(plan, tmp_path / "out", error), tmp_path)
    text = {each.title: " ".join(each.text) for each in sections}
    grid = text["More data, larger networks"]
    assert "xxs, most data against least: 105.2 ± 0.2 against 180.2 ± 0.2 mm, surely lower" in grid
    assert "xs against xxs on the most data: 95.2 ± 0.2 against 105.2 ± 0.2 mm, surely lower" in grid
    assert "balance and concat: no sure difference" in text["How the sets are mixed"]
    assert "all sets and without hands: no sure difference" in text["A set in and out of the mix"]
    assert "best 2 is surely better than worst 2" in text["Does the ranking hold?"]
    law = flat(sections)["The law of each network"]["xxs"]
    assert len(law) == 6 and "[" in law[1] and all(path.exists() for each in sections for path, _ in each.figures)
    made = page.write(tmp_path, Outcomes(plan=plan, records={}), sections, {}).read_text()
    assert made.count("data:image/png;base64,") == 4 and "<script" not in made and "://" not in made


def test_specialists_gain_and_forget(data: dict[str, Any], tmp_path: Path) -> None:
    def error(job: str, benchmark: str) -> float:
        if job == "constant":
            return CONSTANT
        own = f"/{benchmark}/" in job
        level = {"generalist": 150.0, "specialist": 120.0 if own else 180.0, "scratch": 140.0 if own else 230.0}
        return level[job.partition("/")[0]] + int(job[-1])

    found = studied(finetune_plan(data, specialists=("hands", "street")), tmp_path, error)
    sections = finetune.analyse(found, tmp_path)
    own = flat(sections)["Main error on the own domain, mm"]
    assert own["hands"] == ("152.0 ± 2.5", "122.0 ± 2.5", "142.0 ± 2.5", "specialist")
    forgotten = flat(sections)["What the specialists forget"]["street"]
    assert forgotten[:3] == ("-19.7", "+19.7", "3 of 3")
    assert "specialist surely best on hands and street" in sections[0].text[0]


def test_nothing_is_claimed_of_unfinished_studies(data: dict[str, Any], tmp_path: Path) -> None:
    plans = (rank_plan(data), finetune_plan(data), scale_plan(data))
    for plan, analyse in zip(plans, (rank.analyse, finetune.analyse, scale_tables.analyse), strict=True):
        assert analyse(Outcomes(plan=plan, records={}), tmp_path) == []
    one = rank_plan(data, seeds=1)
    text = rank.analyse(studied(one, tmp_path), tmp_path)[0].text[0]
    assert "No place is sure" in text  # of one seed


# Costs


def test_hours_come_from_what_was_measured_or_from_arithmetic(data: dict[str, Any], tmp_path: Path) -> None:
    plan = scale_plan(data, sizes=("xxs", "b"), seeds=1, constant="")
    ledger = Ledger.open(tmp_path, "scale")
    order = Place(out=tmp_path).order(plan.jobs[1], plan)
    ledger.add(order.key, outcome(order, made_error))
    rates = measured_rates(plan, known_rates(plan, ledger.jobs), "cpu")
    small, large = (job.config.network for job in plan.jobs[1:] if job.config)
    assert rates.samples_per_s[small] == 160 and rates.reckoned == (large,) and rates.samples_per_s[large] < 2
    assert rates.hours(plan.jobs[1:2], 2) == pytest.approx((640 / 160 + 2) / 2 / 3600)
    cells = {(size, data): (hours, known) for size, data, _, hours, known in published_grid(Machine.parse("v100x16"))}
    for cell in (("h", "40"), ("h", "40plus")):
        hours, known = cells[cell]
        assert known is not None and hours == pytest.approx(known, rel=0.1)


def test_the_papers_grid_is_printed_beside_its_hours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "scale", "--preset", "paper", "--machine", "v100x16", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "1,380,044,800 samples" in said
    row = next(line.split() for line in said.splitlines() if line.split()[:2] == ["h", "40"])
    assert row[-1] == "23" and abs(float(row[-2]) - 23) < 2


# Mistakes


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("rank --preset syntetic", "did you mean 'synthetic'"),
        ("rank --sizes xxl", "did you mean 'xxs'"),
        ("rank --recipe open-xz", "did you mean 'open-xs'"),
        ("rank --train-on studo", "did you mean 'studio'"),
        ("rank --mpe hand", "did you mean 'hands'"),
        ("rank --seeds 0", "0 seeds"),
        ("rank --samples 0", "0 samples"),
        ("rank --workers 0", "--workers 0"),
        ("rank --architecture smpler", "did you mean 'smpler-x'"),
        ("rank --set optimizer.lrr=1", "did you mean 'lr'"),
        ("rank --constant nowhere.json", "nowhere.json"),
        ("scale --mixing balanced", "did you mean 'balance'"),
        ("scale --mixing weighted", "needs a ranking"),
        ("scale --ladder 2 9", "a rung of 9 sets, and there are 4"),
        ("scale --ladder few", "--ladder few"),
        ("scale --ladder from-ranking", "ranking.json"),
        ("scale --ladder from-ranking nowhere.json", "nowhere.json"),
        ("scale --with-without hand", "did you mean 'hands'"),
        ("scale --dry-run --machine v1000x16", "did you mean 'v100'"),
        ("finetune --specialists hand", "did you mean 'hands'"),
        ("finetune --gentle 0", "a rate above 0"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: str, expected: str, data: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places_of = ["--data", *data["data"], "--on", *data["on"], "--out", str(tmp_path / "out")]
    assert main(["study", *words.split(), *places_of]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("mien: error: ") and expected in said


def test_places_that_hold_nothing(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for place, expected in (("empty", "holds no train.npz"), ("nowhere", "is not there")):
        with pytest.raises(InputError, match=expected):
            rank_plan({**data, "data": (str(tmp_path / place),)})
    with pytest.raises(InputError, match=r"holds no test\.npz"):
        rank_plan({**data, "on": (str(tmp_path / "empty"),)})
    with pytest.raises(InputError, match="two benchmarks are called"):
        rank_plan({**data, "on": (*data["on"], f"{data['on'][0]}/studio")})
    with pytest.raises(InputError, match="no --data"):
        rank_plan({**data, "data": ()})


def test_a_ranking_of_other_datasets_is_refused(data: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "ranking.json"
    path.write_text(json.dumps({"ranking": [{"set": name} for name in (*NAMES[:3], "studios")]}))
    with pytest.raises(InputError, match="did you mean 'studio'"):
        scale_plan(data, ranking=str(path))
    path.write_text(json.dumps({"ranking": [{"set": name} for name in NAMES[:3]]}))
    with pytest.raises(InputError, match="does not rank studio"):
        scale_plan(data, ranking=str(path))
    path.write_text("[]")
    with pytest.raises(InputError, match="is no ranking"):
        scale_plan(data, ranking=str(path))


def test_folders_in_other_use(data: dict[str, Any], tmp_path: Path) -> None:
    Ledger.open(tmp_path / "one", "rank").write()
    with pytest.raises(InputError, match="another kind, 'rank'"):
        Ledger.open(tmp_path / "one", "scale")
    (tmp_path / "one/study.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        Ledger.open(tmp_path / "one", "rank")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        Ledger.open(tmp_path / "file", "rank")
    with pytest.raises(OutputError):
        Ledger.open(tmp_path / "file/below", "rank").write()


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Exception, match=r"mien\[cluster\]"):
        pools.Cluster("auto")


def test_one_seed_or_no_size(data: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no size"):
        Request(**data, sizes=())
