"""`mien app`: a page to drop pictures and videos on."""

from mien.app.page import serve
from mien.app.studio import AppConfig, Shown, Studio

__all__ = ["AppConfig", "Shown", "Studio", "serve"]
