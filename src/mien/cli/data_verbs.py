"""What `mien data list|show|check|ingest|stats` do and print; `mien.cli.data` has their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mien.data.catalogue import RECALLED, Entry, catalogue, find
from mien.errors import InputError

__all__ = [
    "check_root",
    "ingest_all",
    "ingest_files",
    "list_datasets",
    "parse_options",
    "recipes",
    "show_dataset",
    "show_stats",
]


def recipes() -> dict[str, str]:
    """Our own synthetic recipes, by name, in one line each."""
    from mien.synth.recipes import RECIPES

    return {name: make().summary for name, make in RECIPES.items()}


def list_datasets(text: str) -> int:
    """Print a table of the catalogue."""
    from rich.console import Console
    from rich.table import Table

    entries = [entry for entry in catalogue().values() if _mentions(entry, text)]
    ours = {name: line for name, line in recipes().items() if text.lower() in f"{name} {line} synthetic ours".lower()}
    if not entries and not ours:
        raise InputError(f"nothing in the catalogue mentions {text!r}", todo="mien data list shows all of it")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "what", "kind", "scene", "labels", "people", "ladder", "licence"):
        table.add_column(
            column, justify="right" if column in ("people", "ladder") else "left", no_wrap=column == "name"
        )
    for entry in entries:
        people = f"{entry.instances / 1000:,.1f}K" if entry.instances else "?"
        ladder = str(min(entry.ladders)) if entry.ladders else "test"
        table.add_row(
            entry.name, entry.title, entry.kind, entry.scene, entry.labels, people, ladder, _short(entry.licence)
        )
    for name, line in ours.items():
        table.add_row(f"synth {name}", line, "synthetic", "ours", "exact", "any", "", "yours")
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"[dim]people of the training split: {RECALLED}. ladder: the smallest published mixture that has it[/]"
    )
    return 0


def _short(licence: str) -> str:
    words = licence.removesuffix(", see home page")
    return words if len(words) < 32 else f"{words[:29]}..."


def _mentions(entry: Entry, text: str) -> bool:
    return text.lower() in " ".join(str(value) for value in asdict(entry).values()).lower()


def show_dataset(name: str) -> int:
    """Print all that is known of a dataset."""
    from mien.data.transforms import TRANSFORMS, check_quirks

    if line := recipes().get(name.removeprefix("synth ")):
        name = name.removeprefix("synth ")
        print(f"{'name':<16}synth {name}\n{'what':<16}{line}\n{'make it':<16}mien synth {name} --out DIR --count N")
        return 0
    entry = find(name)
    check_quirks(entry.name, entry.quirks)
    reasons = {transform.name: transform.reason for transform in TRANSFORMS}
    size, camera = entry.image_size, entry.camera
    rows: list[tuple[str, str]] = [
        ("name", entry.name),
        ("title", entry.title),
        ("upstream class", entry.upstream),
        ("kind", f"{entry.kind}, {entry.scene}"),
        ("labels", entry.labels),
        ("people", f"{entry.instances:,} ({RECALLED})" if entry.instances else "not known here"),
        ("licence", entry.licence),
        ("home page", entry.homepage),
        ("reader", ", ".join([entry.reader, *(f"{split}: {name}" for split, name in entry.readers.items())])),
        *(
            (f"files, {split}", "\n".join(" + ".join(source) for source in files))
            for split, files in entry.files.items()
        ),
        ("pictures", f"{entry.pictures} (inferred, verify)"),
        ("picture size", f"{size[1]} x {size[0]}" if size else "in the files"),
        ("camera", "fx {:g}, fy {:g}, cx {:g}, cy {:g}".format(*camera) if camera else "in the files, or none"),
        ("hand poses", _hands(entry)),
        ("interval", _intervals(entry)),
        ("mixtures", ", ".join(map(str, entry.ladders)) or "none: for tests only"),
        ("quirks", "\n".join(f"{quirk}: {reasons[quirk]}" for quirk in entry.quirks)),
        ("not certain", entry.status),
    ]
    for label, value in rows:
        for number, line in enumerate(value.splitlines()):
            print(f"{'' if number else label:<16}{line}")
    return 0


def _hands(entry: Entry) -> str:
    words = {"flat": "absolute (flat hand = 0)", "relative": "relative to the mean hand"}
    other = f"; the published training took them for {entry.hands_upstream}" if entry.hands_upstream else ""
    return f"{words[entry.hands]}, unless the files say otherwise{other}"


def _intervals(entry: Entry) -> str:
    train = ", ".join(f"{name} {entry.interval.get(name, 1)}" for name in ("smplerx", "smplestx"))
    return f"train: {train}; test: {entry.interval_test}"


def check_root(root: Path, names: Sequence[str], full: bool) -> int:
    """Print what is there. Returns 0 if all that was asked for is complete, else 1."""
    from rich.console import Console
    from rich.table import Table

    from mien.data.check import check_folder

    entries = [find(name) for name in names] if names else list(catalogue().values())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("dataset", "state", "files", "people", "pictures", "notes"):
        table.add_column(column, no_wrap=column in ("dataset", "state"), overflow="fold")
    colours = {"complete": "green", "partial": "yellow", "damaged": "red", "missing": "dim"}
    found = list(check_folder(root, entries, full=full))
    for each in found:
        missing = (
            f"missing {', '.join(each.missing[:2])}{' ...' if len(each.missing) > 2 else ''}" if each.missing else ""
        )
        notes = [*each.damaged, *each.notes, missing if each.verdict == "partial" else ""]
        if each.verdict != "complete":
            notes.append(each.entry.homepage)
        table.add_row(
            f"{each.entry.name}/{each.split}",
            f"[{colours[each.verdict]}]{each.verdict}[/]",
            f"{each.sources} of {len(each.entry.files[each.split])}",
            "" if each.rows is None else f"{each.rows:,}",
            "" if each.pictures is None else str(each.pictures.relative_to(root)),
            "\n".join(note for note in notes if note),
        )
    console = Console(highlight=False)
    console.print(table)
    console.print("[dim]home pages say where to register; people are counted against the catalogue (recalled)[/]")
    counts = {verdict: sum(each.verdict == verdict for each in found) for verdict in colours}
    console.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 0 if counts["complete"] == len(found) else 1


def ingest_all(names: Sequence[str], root: Path, images: str | None, options: Mapping[str, str], request: Any) -> int:
    """Ingest datasets of the catalogue by name, or folders of `mien synth`. Returns 1 if one of `all` was left out."""
    from mien.data.ingest import ingest, make_plan
    from mien.data.locate import Found, find_pictures, find_sources

    if not names:
        raise InputError("no dataset is named", expected="names of `mien data list`, or all")
    named = [_named(name, root) for name in names if name != "all"]
    wanted = {entry.name for entry, _ in named}
    others = [(entry, root) for entry in catalogue().values() if "all" in names and entry.name not in wanted]
    skipped = 0
    for entry, place in [*named, *others]:
        searches = {split: find_sources(place, entry, split) for split in entry.files}
        ready = {split: search.sources for split, search in searches.items() if search.sources and not search.missing}
        wanting = [file for split, search in searches.items() if split not in ready for file in search.missing]
        if not ready or any(search.sources and search.missing for search in searches.values()):
            if entry.name in wanted:
                todo = f"register at {entry.homepage}" if entry.homepage else "check --root"
                raise InputError(f"{entry.name}: {', '.join(wanting[:4])} is not below {place}", todo=todo)
            skipped += 1
            print(f"{entry.name:<24}left out: {wanting[0]} and {len(wanting) - 1} more are missing")
            continue
        pictures = images or str((find_pictures(place, entry) or place / entry.pictures).resolve())
        for split, sources in ready.items():
            told = [Found(files=source.files, options={**source.options, **options}) for source in sources]
            _report(*ingest(make_plan(entry, split, told, pictures, request), entry, request))
    return 1 if skipped else 0


def _named(name: str, root: Path) -> tuple[Entry, Path]:
    """The entry of a folder of `mien synth`, or of a name of the catalogue, and the folder that its files are below."""
    folder = Path(name)
    made = folder.is_dir() and (folder / "train.npz").exists()
    return (_synth_entry(folder), folder) if made else (find(name), root)


def parse_options(words: Sequence[str]) -> dict[str, str]:
    """`name=value` words, each name once."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals) or name in found:
            raise InputError(f"--options {word}", expected="name=value, each name once")
        found[name] = value
    return found


def _synth_entry(folder: Path) -> Entry:
    """The entry of a folder that `mien synth` wrote."""
    files = {split: ((f"{split}.npz",),) for split in ("train", "test") if (folder / f"{split}.npz").exists()}
    name = folder.resolve().name
    return Entry(
        name=name, title=f"mien synth, {name}", upstream=name, kind="synthetic", scene="synthetic", labels="exact",
        homepage="", files=files, licence="of whoever made it", pictures=".", hands="flat",
    )  # fmt: skip


def ingest_files(
    files: Iterable[Path],
    reader: str,
    name: str,
    split: str,
    images: str | None,
    hands: Any,
    options: Mapping[str, str],
    request: Any,
) -> int:
    """Ingest files of any reader under a name of the user's."""
    from mien.data.ingest import ingest, make_plan
    from mien.data.locate import Found, find_reader, with_roles

    paths = [path.resolve() for path in files]
    if not paths:
        raise InputError("no file is named", expected="the files that the reader is to read")
    found, single = find_reader(reader), sum(file.needed for file in find_reader(reader).files) == 1
    together = (
        [with_roles(found, paths)] if not single or len(found.files) > 1 else [with_roles(found, [p]) for p in paths]
    )
    name = name or paths[0].stem
    entry = Entry(
        name=name, title=name, upstream=name, kind="real", scene="not said", labels="not said", homepage="", files={},
        reader=reader, hands=hands,
    )  # fmt: skip
    pictures = images or str(paths[0].parent)
    sources = [Found(files=roles, options=dict(options)) for roles in together]
    plan = make_plan(entry, split, sources, pictures, request)
    _report(*ingest(plan, entry, request))
    return 0


def _report(manifest: Any, anything: bool) -> None:
    """Print what became of a dataset."""
    entries = sum(source.entries for source in manifest.sources)
    state = "" if anything else "  (nothing to do)"
    print(f"{manifest.name:<24}{manifest.rows:,} of {entries:,} people in {len(manifest.shards)} shards{state}")
    if not anything:
        return
    for change in manifest.changes:
        count = f"{change.dropped:,} left out" if change.dropped else f"{change.changed:,} changed"
        print(f"  {change.name:<28}{count:<20}{change.reason}")
    for reason, count in manifest.skipped.items():
        print(f"  {reason:<28}{count:,} left out")
    for what, count in manifest.assumed.items():
        print(f"  {what:<28}{f'{count:,} assumed':<20}{_ASSUMED.get(what, 'the files do not say')}")


_ASSUMED = {
    "hands relative": "the files do not say; taken for offsets from the mean hand, which was added",
    "hands flat": "the files do not say; taken for absolute poses",
}


def show_stats(folder: Path, out: Path | None, body: Path | None) -> int:
    """Print a store's numbers, and write stats.json and stats.png."""
    from rich.console import Console
    from rich.table import Table

    from mien.data.manifest import write_json
    from mien.data.stats import MEASURES, QUANTILES, describe_store
    from mien.data.stats_plot import draw_stats
    from mien.data.store import Store

    stats, out = describe_store(Store.open(folder), body=body), folder if out is None else out
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("dataset", "people", "2D", "3D", "body", "hands", "betas", *MEASURES):
        table.add_column(column.replace("_", " "), justify="left" if column == "dataset" else "right")
    for each in stats:
        shares = [each.coverage.get(name, 0.0) for name in ("keypoints2d", "keypoints3d", "body_pose")]
        shares += [max(each.coverage.get(f"{side}_hand_pose", 0.0) for side in ("left", "right"))]
        shares += [each.coverage.get("betas", 0.0)]
        medians = [f"{each.quantiles[name][2]:.1f}" if name in each.quantiles else "" for name in MEASURES]
        table.add_row(each.name, f"{each.rows:,}", *(f"{share:.0%}" for share in shares), *medians)
    console = Console(highlight=False)
    console.print(table)
    console.print("[dim]2D to betas: rows that have the label. Medians: " + "; ".join(
        f"{name.replace('_', ' ')} = {measure.title} ({measure.unit})" for name, measure in MEASURES.items()
    ) + "[/]")  # fmt: skip
    record = {"quantiles": QUANTILES, "measures": {name: asdict(each) for name, each in MEASURES.items()}}
    write_json(out / "stats.json", {**record, "datasets": [asdict(each) for each in stats]})
    draw_stats(out / "stats.png", stats)
    print(out / "stats.json")
    print(out / "stats.png")
    return 0
