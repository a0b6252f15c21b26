"""From a clip to tracks, at any length: rows go to disk as they come, and a run that was stopped goes on."""

from mien.filming.drawings import Drawing, Drawings, Drawn
from mien.filming.overlay import draw_clip
from mien.filming.run import FilmConfig, Filmed, Progress, predict_clip
from mien.filming.showing import SHOWN, show_clip

__all__ = [
    "SHOWN", "Drawing", "Drawings", "Drawn", "FilmConfig", "Filmed", "Progress", "draw_clip", "predict_clip",
    "show_clip",
]  # fmt: skip
