"""Pages that show a result."""

from mien.view.html import viewer_html, write_viewer
from mien.view.moving import clip_viewer_html, write_clip_viewer

__all__ = ["clip_viewer_html", "viewer_html", "write_clip_viewer", "write_viewer"]
