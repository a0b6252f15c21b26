"""Kill a pipeline again and again, and see that each time it ends as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from death.folders import broken, contents, differences
from death.pipelines import PIPELINES
from death.runs import UNTROUBLED, Ended, Fate, Zygote


@dataclass(kw_only=True)
class Tally:
    """What became of one pipeline."""

    pipeline: str
    seconds: float
    """Of the processor, for the whole run."""
    changes: int
    """Of the folder in it."""
    kills: int = 0
    landed: int = 0
    """Kills that came before the end, those of resumed runs among them."""
    resumes: int = 0
    """Runs that were left to end."""
    problems: list[str] = field(default_factory=list)


def fates(count: int, whole: Ended, seed: int, processes: bool) -> Iterator[Fate]:
    """Moments that lie everywhere: every other one of time, in as many equal stretches as there are; the others before
    changes of the folder, in the same way. Of pipelines with processes half of the former kill the first one only."""
    random, changes = Random(seed), whole.changes
    seconds = whole.seconds if processes else whole.processor
    by_time = count - count // 2
    found = [
        Fate(
            after=(i + random.random()) / by_time * seconds, by_processor=not processes, alone=processes and i % 2 == 1
        )
        for i in range(by_time)
    ]
    by_change = count - by_time
    found += [Fate(die_at=1 + int((i + random.random()) / by_change * changes)) for i in range(by_change)]
    random.shuffle(found)
    yield from found


class Grave:
    """One pipeline: its whole run, and those that are killed, one after another, in the same place.

    Args:
        zygote: forks the runs.
        pipeline: a name of `PIPELINES`.
        folder: for results; thrown away afterwards by whoever gave it.
    """

    def __init__(self, zygote: Zygote, pipeline: str, folder: Path) -> None:
        self.zygote, self.pipeline, self.out = zygote, PIPELINES[pipeline], folder / "out"
        self.whole = self.begin()
        if self.whole.code:
            raise RuntimeError(f"{pipeline} ends with exit code {self.whole.code}: {self.whole.said}")
        self.contents = contents(self.out)

    def words(self, *, resume: bool = False) -> list[str]:
        """The command."""
        return [*self.pipeline.words(self.zygote.inputs, self.out), *(self.pipeline.resume if resume else ())]

    def begin(self, fate: Fate = UNTROUBLED) -> Ended:
        """A new run in an empty folder."""
        shutil.rmtree(self.out, ignore_errors=True)
        return self.zygote.run(self.pipeline.name, self.words(), self.out, fate)

    def resume(self, fate: Fate = UNTROUBLED) -> Ended:
        """A run that goes on."""
        return self.zygote.run(self.pipeline.name, self.words(resume=True), self.out, fate)

    def kill(self, fate: Fate, again: Fate | None = None) -> tuple[int, list[str]]:
        """A new run, killed, and the run that goes on; `again` kills that one, too, and a third one goes on.

        Returns:
            How many kills came before the end, and what is wrong, a line each.
        """
        ends = [self.begin(fate)]
        if again is not None and ends[0].killed:
            ends.append(self.resume(again))
        lines = broken(self.out) if self.out.exists() else []
        ends.append(self.resume())
        lines += [f"{len(each.orphans)} processes outlived the run" for each in ends if each.orphans]
        return sum(each.killed for each in ends), lines + self.wrong(ends[-1])

    def wrong(self, last: Ended) -> list[str]:
        """What is wrong with the folder after the last run, or with that run."""
        if last.code or "Traceback" in last.said:
            return [f"the resumed run ends with exit code {last.code}: {last.said.strip()[-600:]}"]
        return differences(self.contents, self.out)


def campaign(
    zygote: Zygote, pipeline: str, folder: Path, count: int, seed: int, say: Callable[[str], None] = print
) -> Tally:
    """Kill a pipeline `count` times; every fifth time the run that goes on is killed as well."""
    grave, random = Grave(zygote, pipeline, folder), Random(seed + 1)
    whole, processes = grave.whole, grave.pipeline.processes
    tally = Tally(pipeline=pipeline, seconds=round(whole.processor, 2), changes=whole.changes)
    say(f"{pipeline}: {whole.processor:.2f} s, {whole.changes} changes of the folder, {len(grave.contents)} files")
    for i, fate in enumerate(fates(count, whole, seed, processes)):
        later = random.random() * (whole.seconds if processes else whole.processor)
        again = Fate(after=later, by_processor=not processes) if i % 5 == 4 else None
        killed, lines = grave.kill(fate, again)
        tally.kills, tally.landed, tally.resumes = tally.kills + 1, tally.landed + killed, tally.resumes + 1
        tally.problems += [f"{_words(fate)}: {line}" for line in lines]
        for line in lines:
            say(f"{pipeline}: {_words(fate)}{' and again' if again else ''}: {line}")
    return tally


def _words(fate: Fate) -> str:
    whom = "the first process" if fate.alone else "all"
    return f"{whom} killed " + (f"before change {fate.die_at}" if fate.die_at else f"after {fate.after:.2f} s")
