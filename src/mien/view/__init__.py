"""Pages that show a result."""

from mien.view.html import viewer_html, write_viewer

__all__ = ["viewer_html", "write_viewer"]
