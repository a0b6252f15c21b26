"""`mien study ...`: the paper's studies, each one command, resumable, with its tables and figures at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from mien.cli.study_pictures import attention, attributes, hands
from mien.errors import InputError

if TYPE_CHECKING:
    from mien.study.outcomes import Outcomes
    from mien.study.plan import Plan
    from mien.study.sections import Section

__all__ = ["attention", "attributes", "finetune", "hands", "rank", "scale"]


@dataclass(frozen=True, kw_only=True)
class Common:
    """What all studies are asked."""

    out: Path | None = None
    """The folder of the study; the same command with the same folder goes on."""
    data: tuple[str, ...] = ()
    """What there is to train on: folders with train.npz, folders of such folders, stores."""
    on: tuple[str, ...] = ()
    """What is measured on: folders with test.npz, folders of such folders, stores, names of protocols."""
    preset: str = ""
    """A plan of ours (see docs/studies.md); what else is given changes it."""
    train_on: tuple[str, ...] = ()
    """Names of the datasets to train on, in order; by default all of --data."""
    mpe: tuple[str, ...] = ()
    """Names of the benchmarks in the mean primary error; by default all."""
    recipe: str = ""
    """Of the trainings: mien train --list; by default open-xs."""
    architecture: str = ""
    """Of the networks; by default smplest-x."""
    sizes: tuple[str, ...] = ()
    """Of the networks: xxs, xs, s, b, l, h; by default xxs. Studies other than scale take the first."""
    seeds: int | None = None
    """How many: 2 give intervals, 3 and more claims; by default 3."""
    samples: int | None = None
    """The budget of each training."""
    constant: str = ""
    """A baseline.json; by default the best constant person is found for all that is trained on."""
    set: tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]] = ()
    """Change a value of every training's config, such as ranks.precision=bf16; any number of them."""
    body: str = ""
    """A body file, or a family; by default as the recipe says."""
    root: str = ""
    """The folder of raw data, for protocols."""
    device: str = "auto"
    """auto, cpu or cuda."""
    workers: int = 1
    """Jobs side by side on this machine."""
    cluster: str = ""
    """The address of a Ray cluster (`auto`, `local` for one made here) that runs the jobs."""
    gpus: float = 0
    """Of each job on the cluster."""
    machine: str = ""
    """With --dry-run: hours on other cards too, such as v100x16."""
    dry_run: bool = False
    """Print the plan with its cost, and do nothing."""

    def request(self) -> dict[str, Any]:
        """What a `Request` takes."""
        from mien.study.request import Request

        shared = [each.name for each in fields(Request) if hasattr(self, each.name)]
        changes = tuple(change for group in self.set for change in group)
        return {name: getattr(self, name) for name in shared} | {"changes": changes}


def rank(common: Common) -> int:
    """Which dataset teaches most: a network for each with one budget, on all benchmarks (the paper's Table 1).

    OUT gets study.json (everything found, whole after each job), ranking.json, report.html, figures and runs/.
    Exit code 0: all done; 1: some jobs failed (named; started again they are tried again); 2: nothing was done.
    """
    from mien.study.presets import preset
    from mien.study.rank import RankRequest, analyse, plan

    request: RankRequest = RankRequest.of(preset("rank", common.preset), common.request())
    return _study(common, lambda: plan(request), analyse)


def scale(
    common: Common,
    ladder: tuple[str, ...] = (),
    instances: tuple[int, ...] = (),
    architectures: tuple[str, ...] = (),
    mixing: tuple[str, ...] = (),
    with_without: tuple[str, ...] = (),
) -> int:
    """What more data and larger networks buy (the paper's Figure 1), and whether the mix matters.

    OUT gets study.json (everything found, whole after each job), report.html, figures and runs/.
    Exit code 0: all done; 1: some jobs failed (named; started again they are tried again); 2: nothing was done.

    Args:
        ladder: how many datasets each rung has, such as 2 4 8; `from-ranking ranking.json` orders them, best first, and
            trains on the worst of them as well.
        instances: at most so many people of each rung.
        architectures: further ones: smpler-x, smplest-cnn.
        mixing: other ways of mixing than balance: concat, temperature, weighted (needs a ranking), published.
        with_without: names of datasets to take out of the mix, one at a time.
    """
    from mien.study.presets import preset
    from mien.study.scale import ScaleRequest, parse_ladder, plan
    from mien.study.scale_tables import analyse

    rungs, ranking = parse_ladder(ladder)
    given = {"ladder": rungs, "ranking": ranking, "instances": instances, "architectures": architectures}
    given |= {"mixing": mixing, "without": with_without}
    request: ScaleRequest = ScaleRequest.of(preset("scale", common.preset), common.request() | given)
    return _study(common, lambda: plan(request), analyse)


def finetune(
    common: Common,
    specialists: tuple[str, ...] = (),
    finetune_samples: int | None = None,
    gentle: float | None = None,
) -> int:
    """What specialists gain on their own domain, what they forget elsewhere, and what from scratch comes to.

    OUT gets study.json (everything found, whole after each job), report.html, figures and runs/.
    Exit code 0: all done; 1: some jobs failed (named; started again they are tried again); 2: nothing was done.

    Args:
        specialists: benchmarks that get one, trained on the dataset of the same name; by default all that have one.
        finetune_samples: of each specialist, after the generalist's --samples.
        gentle: the learning rate of finetuning, as a multiple of the generalist's; by default 0.3.
    """
    from mien.study.finetune import FinetuneRequest, analyse, plan
    from mien.study.presets import preset

    given = {"specialists": specialists, "finetune_samples": finetune_samples, "gentle": gentle}
    request: FinetuneRequest = FinetuneRequest.of(preset("finetune", common.preset), common.request() | given)
    return _study(common, lambda: plan(request), analyse)


def _study(common: Common, make: Callable[[], Plan], analyse: Callable[[Outcomes, Path], Sequence[Section]]) -> int:
    """Plan, run what is missing, analyse all."""
    from mien.cli.study_plan import announce
    from mien.files import exclusive
    from mien.study.ledger import Ledger
    from mien.study.running import Place, run

    plan = make()
    if common.dry_run:
        announce(common, plan)
        return 0
    if common.out is None:
        raise InputError("no --out", expected="a folder for the study")
    if any(not each.sources for job in plan.jobs for each in job.sets):
        raise InputError("no --data", expected="a store with the datasets of the plan", todo="or --dry-run")
    place = Place(out=common.out, root=common.root, body=common.body, device=common.device)
    Ledger.open(common.out, plan.study)  # an error before anything is written
    with exclusive(common.out):
        ledger = Ledger.open(common.out, plan.study)
        ledger.plan = _described(common, plan)
        ledger.write()
        try:
            failed = run(plan, ledger, place, _pool(common), lambda line: print(line, flush=True))
        except KeyboardInterrupt:
            print("mien: stopped; the same command goes on", file=sys.stderr)
            return 130
        return _report(plan, ledger, common.out, analyse, len(failed))


def _described(common: Common, plan: Plan) -> dict[str, Any]:
    """What was asked, for the record; sets and benchmarks by what they are, not by where they lie."""
    places = ("data", "on", "constant", "body")
    asked = {name: value for name, value in common.request().items() if value not in ((), "", None)}
    sets = {each.name: each for job in plan.jobs for each in job.sets}
    return {
        "preset": common.preset,
        "asked": {name: value for name, value in asked.items() if name not in places},
        "jobs": len(plan.jobs),
        "samples": plan.samples,
        "mpe": list(plan.mpe),
        "sets": {each.name: {"people": each.rows, "sha256": each.sha256} for each in sets.values()},
        "benchmarks": {each.name: each.sha256 for each in plan.benchmarks},
        "settings": dict(plan.settings),
    }


def _pool(common: Common) -> Any:
    from mien.study.pools import Cluster, Local

    return Cluster(common.cluster, gpus=common.gpus) if common.cluster else Local(common.workers)


def _report(plan: Plan, ledger: Any, out: Path, analyse: Callable[[Outcomes, Path], Any], failed: int) -> int:
    """Tables to the console, figures and page to the folder; the exit code."""
    from mien.cli.study_plan import show
    from mien.study import page
    from mien.study.ledger import STUDY
    from mien.study.outcomes import Outcomes

    found = Outcomes(plan=plan, records=ledger.jobs)
    sections = list(analyse(found, out))
    show(sections)
    if failed:
        print(f"mien: {failed} jobs failed; study.json says why. The same command tries them again.")
    print(out / STUDY)
    print(page.write(out, found, sections, ledger.failed))
    return 1 if failed else 0
