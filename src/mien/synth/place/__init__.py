"""Where synthetic people are: rooms, streets and parks around them, skies behind them, and the light that is there."""

from mien.synth.place.build import Place, Places, build
from mien.synth.place.seats import seat

__all__ = ["Place", "Places", "build", "seat"]
