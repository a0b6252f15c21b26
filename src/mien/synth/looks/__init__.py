"""What people look like beside their clothes: skin, hair, things worn on head, face and hands, things held."""

from mien.synth.looks.groom import groom
from mien.synth.looks.look import Look, Looks, draw_look
from mien.synth.looks.props import Props, hold
from mien.synth.looks.skin import Skin, skin

__all__ = ["Look", "Looks", "Props", "Skin", "draw_look", "groom", "hold", "skin"]
