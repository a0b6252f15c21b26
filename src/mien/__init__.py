"""mien: from a picture to a whole person."""

__version__ = "0.1.0"
