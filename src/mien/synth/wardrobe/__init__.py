"""Clothes as geometry: cut from a tailor's dummy of the figure's own body, draped, hemmed and laid on fabric."""

from mien.synth.wardrobe.config import Wardrobe
from mien.synth.wardrobe.outfit import dress

__all__ = ["Wardrobe", "dress"]
