"""`mien data ...`: the datasets of the field, their files, and stores made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from mien.errors import MienError

if TYPE_CHECKING:
    from mien.data.validate import Finding

__all__ = ["check", "fit", "ingest", "list", "preview", "show", "stats", "validate"]


def list(*, filter: str = "") -> int:
    """The catalogue: forty datasets of the published mixtures, sets for tests, and our own synthetic recipes.

    Args:
        filter: only what mentions this text anywhere.
    """
    from mien.cli.data_verbs import list_datasets

    return list_datasets(filter)


def show(name: tyro.conf.Positional[str], /) -> int:
    """All that is known of one dataset: files, home page, licence, sampling, oddities, and what is not certain.

    Args:
        name: of the catalogue, for example bedlam.
    """
    from mien.cli.data_verbs import show_dataset

    return show_dataset(name)


def check(
    root: tyro.conf.Positional[Path], names: tyro.conf.Positional[tuple[str, ...]] = (), /, *, full: bool = False
) -> int:
    """What of the catalogue is below a folder: complete, damaged or missing, and where to register for the rest.

    Args:
        root: the folder with raw data.
        names: look for these datasets only.
        full: read every .npz and .json to its end.

    Returns:
        0 if all of it is complete, 1 if something is not.
    """
    from mien.cli.data_verbs import check_root

    return check_root(root, names, full)


def ingest(
    names: tyro.conf.Positional[tuple[str, ...]],
    /,
    *,
    out: Path,
    root: Path = Path("."),
    images: str | None = None,
    reader: str | None = None,
    name: str | None = None,
    split: str | None = None,
    hands: Literal["relative", "flat"] | None = None,
    options: tuple[str, ...] = (),
    replicate: Literal["nothing", "upstream"] = "nothing",
    workers: int = 1,
    interval: int = 1,
    pictures: Literal["sample", "all", "none"] = "sample",
    max_bad: int = 0,
    body: Path | None = None,
) -> int:
    """Annotation files into a store: read, mend and count, write. Run it again after a mishap and it goes on.

    Args:
        names: datasets of the catalogue, `all` of them, or folders of `mien synth`; with --reader, files.
        out: the store.
        root: the folder with raw data.
        images: where the pictures are: a folder, a .tar or .zip file, or an address such as s3://bucket/coco.
        reader: the format of the files.
        name: with --reader, what to call the dataset that the files make; by default as the first file.
        split: with --reader, which of the dataset; train by default.
        hands: with --reader, how the files keep hand poses where they do not say it themselves; by default relative to
            the mean hand.
        options: what the reader is to be told beside the files, as name=value, such as resolution=1280x720 of AGORA.
        replicate: restore what the published training did to labels, mistakes and all.
        workers: processes; each takes a file at a time, and the memory of a file.
        interval: keep every so many people.
        pictures: look for the pictures of all people, of some, or of none.
        max_bad: how many people without a picture may be left out before it is an error.
        body: the SMPL-X body, for hand poses that are relative to its mean hand.

    Returns:
        0 if all went well; 1 if datasets of `all` were left out because their files are not there.
    """
    from mien.cli.data_verbs import ingest_all, ingest_files, parse_options
    from mien.data.ingest import Request
    from mien.errors import InputError

    told = parse_options(options)
    for option, value in {"name": name, "split": split, "hands": hands}.items():
        if reader is None and value is not None:
            raise InputError(f"--{option} {value} without --reader", todo="the catalogue says it of its datasets")
    request = Request(
        out=out.resolve(),
        replicate=replicate == "upstream",
        workers=workers,
        check=pictures,
        max_bad=max_bad,
        interval=interval,
        body=body,
    )
    images = str(Path(images).resolve()) if images is not None and "://" not in images else images
    if reader is not None:
        paths = [Path(each) for each in names]
        return ingest_files(paths, reader, name or "", split or "train", images, hands or "relative", told, request)
    return ingest_all(names, root.resolve(), images, told, request)


def stats(store: tyro.conf.Positional[Path], /, *, out: Path | None = None, body: Path | None = None) -> int:
    """What a store holds: people, labels, boxes, shapes, hands, directions; as a table, a picture and JSON.

    Args:
        store: the store.
        out: where stats.png and stats.json go; by default into the store.
        body: whose relaxed hands to measure from; by default SMPL-X if it is here, else the open body.
    """
    from mien.cli.data_verbs import show_stats

    return show_stats(store, out, body)


def fit(
    file: tyro.conf.Positional[Path],
    /,
    *,
    out: Path,
    bodies: Path | None = None,
    transfer: Path | None = None,
    gender: Literal["", "male", "female", "neutral"] = "",
) -> int:
    """Neutral SMPL-X parameters for a HumanData file: betas of gendered bodies, or everything from SMPL and SMPL-H.

    Args:
        file: HumanData with `smplx` parameters of gendered bodies, or with `smpl` or `smplh` only.
        out: where the file goes with `betas_neutral`, or with `smplx`, beside what it had.
        bodies: folder of the body models; by default the usual places.
        transfer: smplx2smpl.pkl, which SMPL and SMPL-H need; by default beside the bodies.
        gender: of all people, where the file says none.
    """
    from rich.console import Console
    from rich.progress import Progress

    from mien.data.refit import refit

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=None)

        def progress(rows: int, total: int) -> None:
            bar.update(task, completed=rows, total=total)

        done = refit(file, out, bodies, transfer, progress, gender)
    genders = ", ".join(f"{count:,} {gender}" for gender, count in sorted(done.genders.items()))
    print(f"{out}: {done.what} of {done.rows:,} rows ({genders}), {done.error:.2f} mm from the given meshes")
    return 0


def validate(files: tyro.conf.Positional[tuple[Path, ...]], /, *, images: Path | None = None, sample: int = 64) -> int:
    """Check HumanData files: every key, shape and type, every row; what looks odd as well. A finding a line.

    Args:
        files: HumanData files (.npz).
        images: the picture root; some of the pictures are looked for below it.
        sample: how many of them; 0 looks for all.

    Returns:
        0 if all files keep to the format (there may be doubts); 2 if there is a problem with any of them.
    """
    from rich.console import Console
    from rich.text import Text

    from mien.data.validate import validate as findings_in

    console, code = Console(highlight=False, soft_wrap=True), 0
    for index, path in enumerate(files):
        if index:
            console.print()
        console.print(Text.assemble((f"{'file':<10}", "dim"), str(path)))
        counts = {"problem": 0, "doubt": 0}
        try:
            for finding in findings_in(path, images=images, sample=sample):
                counts[finding.level] += 1
                colour = "red" if finding.level == "problem" else "yellow"
                console.print(Text.assemble((f"{finding.level:<10}", "dim"), (_line(finding), colour)))
        except MienError as error:
            counts["problem"] += 1
            console.print(Text.assemble((f"{'problem':<10}", "dim"), (str(error), "red")))
        code = 2 if counts["problem"] else code
        console.print(Text.assemble((f"{'verdict':<10}", "dim"), _verdict(counts["problem"], counts["doubt"])))
    return code


def preview(
    store: tyro.conf.Positional[Path],
    datasets: tyro.conf.Positional[tuple[str, ...]] = (),
    /,
    *,
    count: int = 24,
    out: Path = Path("sheet.jpg"),
    augment: bool = True,
    seed: int = 0,
    body: Path | None = None,
) -> int:
    """Samples of a store as training sees them, with joints, boxes and bodies drawn: a sheet to look at.

    Args:
        store: the store.
        datasets: of the store; all by default, equally many samples of each.
        count: how many samples.
        out: the sheet, a .jpg or .png file.
        augment: size, turn, mirror and colour as in training; --no-augment shows the plain crops.
        seed: of which samples and how they are changed.
        body: what the parameters belong to; by default SMPL-X if it is here, else the open body.

    Returns:
        0 if all went well, 1 if a sample could not be read.
    """
    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.data.augment import Augment
    from mien.data.preview import preview_sheet
    from mien.data.store import Store
    from mien.errors import AssetMissing, InputError
    from mien.files import atomic_write
    from mien.pictures import encoded

    if out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise InputError(f"--out {out}", expected="a name that ends in .jpg or .png")
    if count < 1:
        raise InputError(f"--count {count}", expected="at least 1")
    try:
        path = find_body(body)
    except AssetMissing:
        if body is not None:
            raise
        path = find_body("openbody")
    sheet, skipped = preview_sheet(
        Store.open(store),
        BodyModel.load(path),
        names=datasets,
        count=count,
        augment=Augment() if augment else Augment.none(),
        seed=seed,
    )
    for message in skipped:
        print(f"left out: {message}")
    data = encoded(out.suffix, sheet)
    with atomic_write(out) as stream:
        stream.write(data)
    print(out)
    return 1 if skipped else 0


def _line(finding: "Finding") -> str:
    place = [finding.key] if finding.key else []
    if finding.row is not None:
        more = f" (and {finding.rows - 1:,} more)" if finding.rows > 1 else ""
        place.append(f"row {finding.row}{more}")
    return f"{', '.join(place)}: {finding.what}" if place else finding.what


def _verdict(problems: int, doubts: int) -> str:
    odd = f"{doubts} to look at" if doubts else "nothing odd"
    return f"{problems} to mend, {odd}" if problems else f"keeps to the format, {odd}"
