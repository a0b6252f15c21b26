"""Writes docs/catalogue.md out of the catalogue: `python tools/docs/catalogue_page.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mien.data.catalogue import Entry, catalogue

TARGET = Path(__file__).parents[2] / "docs/catalogue.md"
HEAD = """# The data catalogue

What `mien` knows of each dataset of the field, as `mien data list` and `mien data show NAME` print it. The source is
`src/mien/data/catalogue/datasets.toml`; this page is written from it by `tools/docs/catalogue_page.py`, and a test
holds them together. Nothing is downloaded: most of them ask you to register at their home page, and allow
non-commercial research alone. Numbers of people are the published ones, as they are recalled; `mien data show` says
of each what is not certain. How the files come in: [Data](data.md); another dataset: [Add a dataset](add-a-dataset.md).

<!-- run slow -->
```
mien data list
mien data show agora
```
"""


def page() -> str:
    """The whole page."""
    entries = list(catalogue().values())
    trained = [entry for entry in entries if entry.ladders]
    tests = [entry for entry in entries if not entry.ladders]
    parts = [HEAD, f"## In a published mixture ({len(trained)})", *_table(trained)]
    parts += [f"## Test sets alone ({len(tests)})", *_table(tests)]
    return "\n".join(parts).rstrip() + "\n"


def _table(entries: list[Entry]) -> Iterator[str]:
    yield ""
    yield "| dataset | its name here | kind, scene | labels | people | splits | licence, as far as it is known here |"
    yield "|---|---|---|---|---:|---|---|"
    for entry in entries:
        title = f"[{entry.title}]({entry.homepage})" if entry.homepage.startswith("http") else entry.title
        people = f"{entry.instances:,}" if entry.instances else ""
        cells = [title, f"`{entry.name}`", f"{entry.kind}, {entry.scene}", entry.labels, people]
        yield f"| {' | '.join([*cells, ', '.join(entry.files), entry.licence])} |"
    yield ""


if __name__ == "__main__":
    TARGET.write_text(page())
