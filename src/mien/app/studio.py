"""What the page asks for: an upload in, the people of it out, as files that the page shows and offers.

Knows nothing of the page: `Studio.work` can be called from anywhere.
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.errors import InputError
from mien.estimator import Estimator
from mien.export.glb import write_motions
from mien.export.motion import Stage, motions_in
from mien.filming import FilmConfig, draw_clip, predict_clip
from mien.people import Style, View, read
from mien.picture_files import EXTENSIONS, VIDEO_EXTENSIONS
from mien.video import open_footage
from mien.view import write_clip_viewer
from mien.view.page import counted

__all__ = ["AppConfig", "Shown", "Studio"]


@dataclass(frozen=True, kw_only=True)
class AppConfig:
    """What is accepted, and how much of it is kept."""

    most_megabytes: int = 200
    """Of one upload."""
    most_seconds: float = 20.0
    """Of a video that are worked on; the rest is left out, and the page says so."""
    kept: int = 12
    """Results that are kept; older ones are deleted."""

    def __post_init__(self) -> None:
        if self.most_megabytes < 1 or not self.most_seconds > 0 or self.kept < 1:
            found = f"{self.most_megabytes} MB, {self.most_seconds:g} s, {self.kept} results"
            raise InputError(found, expected="limits above 0")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What became of one upload."""

    token: str
    """Names the folder of the files; cannot be guessed."""
    overlay: Path
    """A picture, or a video."""
    viewer: Path
    files: tuple[Path, ...]
    """To be downloaded; the two above are among them."""
    note: str
    """One line about it, and what was wrong, if anything was."""


class Studio:
    """Works on uploads, one after another."""

    def __init__(self, estimate: Estimator, folder: Path, config: AppConfig | None = None) -> None:
        self.estimate, self.folder, self.config = estimate, folder, config or AppConfig()
        self._results: dict[str, Shown] = {}
        self._lock = threading.Lock()

    def work(
        self,
        upload: Path,
        *,
        style: Style = "mesh",
        views: Sequence[View] = ("overlay",),
        tell: Callable[[float], None] | None = None,
    ) -> Shown:
        """The people of a picture or a video.

        Args:
            upload: the file.
            style: of the overlay.
            views: what the overlay shows side by side.
            tell: called with the share of a video that is done, 0 to 1.

        Raises:
            InputError: it is too large, or neither a picture nor a video.
            PictureError: the picture cannot be read.
        """
        size = upload.stat().st_size / 1e6
        if size > self.config.most_megabytes:
            raise InputError(f"a file of {size:.0f} MB", expected=f"at most {self.config.most_megabytes} MB")
        kind = upload.suffix.lower()
        if kind not in EXTENSIONS + VIDEO_EXTENSIONS:
            raise InputError(f"{upload.name} is neither a picture nor a video", expected="such as .jpg, .png, .mp4")
        with self._lock:
            token = secrets.token_urlsafe(12)
            folder = self.folder / token
            folder.mkdir(parents=True)
            stem = folder / (re.sub(r"[^\w.-]+", "_", upload.stem)[:60] or "upload")
            try:
                if kind in VIDEO_EXTENSIONS:
                    shown = self._clip(upload, stem, token, style, views, tell or (lambda share: None))
                else:
                    shown = self._picture(upload, stem, token, style, views)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._results[token] = shown
            self._forget()
        return shown

    def file(self, token: str, name: str) -> Path | None:
        """A file of a result that is still kept."""
        shown = self._results.get(token)
        return next((path for path in shown.files if path.name == name), None) if shown else None

    def _picture(self, upload: Path, stem: Path, token: str, style: Style, views: Sequence[View]) -> Shown:
        people = self.estimate(upload)
        kinds = {"overlay": "_overlay.jpg", "viewer": ".html", "npz": ".npz", "glb": ".glb"}
        paths = {kind: stem.with_name(stem.name + suffix) for kind, suffix in kinds.items()}
        for kind, path in paths.items():
            people.write(kind, path, style=style, views=views)
        found = counted(len(people)) if len(people) else "nobody was found"
        return self._shown(token, paths, f"{upload.name}: {found}")

    def _clip(
        self,
        upload: Path,
        stem: Path,
        token: str,
        style: Style,
        views: Sequence[View],
        tell: Callable[[float], None],
    ) -> Shown:
        footage = open_footage(upload)
        most = max(1, round(self.config.most_seconds * footage.fps))
        paths = {"npz": stem.with_name(stem.name + ".npz")}
        filmed = predict_clip(
            self.estimate,
            footage,
            paths["npz"],
            FilmConfig(max_frames=most),
            tell=lambda progress: tell(progress.frames / (min(progress.total or most, most))),
        )
        clip, body = read(paths["npz"]), self.estimate.body
        paths["overlay"] = stem.with_name(stem.name + "_overlay.mp4")
        problems = draw_clip(clip, footage, paths["overlay"], body.path, style=style, views=views)
        paths["viewer"] = stem.with_name(stem.name + ".html")
        motions, stage = motions_in(clip), Stage.of(clip)
        write_clip_viewer(paths["viewer"], stage, motions, body, footage, title=upload.name)
        if motions:
            paths["glb"] = write_motions(stem.with_name(stem.name + ".glb"), motions, body)
        note = f"{upload.name}: {filmed.frames} frames, {counted(filmed.tracks)}"
        more = filmed.frames == most and footage.num_frames != most
        note += f"; the first {self.config.most_seconds:g} s only" if more else ""
        wrong = dict.fromkeys([*filmed.problems, *problems])
        return self._shown(token, paths, "; ".join([note, *wrong]))

    def _shown(self, token: str, paths: dict[str, Path], note: str) -> Shown:
        warning = self.estimate.card.warning
        return Shown(
            token=token,
            overlay=paths["overlay"],
            viewer=paths["viewer"],
            files=tuple(paths.values()),
            note=f"{note}. {warning}" if warning else note,
        )

    def _forget(self) -> None:
        """Delete the oldest results that are too many."""
        while len(self._results) > self.config.kept:
            token = next(iter(self._results))
            del self._results[token]
            shutil.rmtree(self.folder / token, ignore_errors=True)
