"""The page of `mien app`: gradio (https://gradio.app) for the controls, our own files for what is shown."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from mien.app.studio import Shown, Studio
from mien.errors import InputError, MienError
from mien.optional import need
from mien.people import VIEWS
from mien.view.page import escaped

__all__ = ["serve"]

UPLOADS = "uploads"
"""The folder of uploads, below that of the results."""
KEPT = (600, 3600)
"""Seconds: how often uploads are looked at, and how old they may get."""
_LOG = logging.getLogger("mien.app")
_TITLE = "mien: drop a picture or a video"
_STYLE = """
.mien-shown img, .mien-shown video { max-width: 100%; max-height: 70vh; border-radius: 8px; display: block; }
.mien-viewer iframe { width: 100%; height: 640px; border: 0; border-radius: 8px; }
.mien-note { margin: 0.3rem 0; } .mien-files a { margin-right: 1.2em; }
"""


def serve(studio: Studio, *, host: str = "127.0.0.1", port: int = 7860) -> Any:
    """A server of the page that is ready to run: `server.run()` returns at Ctrl-C, or when `server.should_exit` is set.

    Args:
        studio: does the work.
        host: 127.0.0.1 is this machine alone, 0.0.0.0 whoever can reach it.
        port: where.

    Raises:
        MienError: gradio is not installed.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ["GRADIO_TEMP_DIR"] = str(studio.folder / UPLOADS)  # so that uploads go when the results do
    gradio = need("gradio", extra="app", why="the page that pictures are dropped on")
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import FileResponse, Response

    api = FastAPI(openapi_url=None)

    @api.get("/results/{token}/{name}")
    def result(token: str, name: str) -> Response:
        path = studio.file(token, name)
        if path is None or not path.exists():
            return Response("this result is not kept any more: drop the file again", 404, media_type="text/plain")
        return FileResponse(path, headers={"X-Content-Type-Options": "nosniff"})

    limit = studio.config.most_megabytes * 1_000_000
    page = _page(gradio, studio)
    app = gradio.mount_gradio_app(
        api,
        page,
        path="/",
        server_name=host,
        server_port=port,
        max_file_size=limit,
        ssr_mode=False,
        footer_links=[],
        css=_STYLE,
        theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
    )
    return uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", ws="none"))


def _page(gradio: Any, studio: Studio) -> Any:
    """The controls, and what they do."""
    limits = f"At most {studio.config.most_megabytes} MB; of videos the first {studio.config.most_seconds:g} s."

    def go(upload: str | None, style: str, views: list[str], progress: Any = gradio.Progress()) -> list[Any]:  # noqa: B008
        try:
            if not upload:
                raise InputError("nothing was dropped", expected="a picture or a video")
            chosen = tuple(view for view in VIEWS if view in views) or ("overlay",)
            progress(0, desc="looking for people")
            shown = studio.work(Path(upload), style=style, views=chosen, tell=progress)  # pyright: ignore
        except MienError as error:
            raise gradio.Error(str(error), print_exception=False) from error
        except Exception as error:
            _LOG.exception("%s cannot be worked on", upload)
            raise gradio.Error("This went wrong inside mien; the terminal says how.", print_exception=False) from error
        return [_shown(shown), _viewer(shown), _note(shown)]

    with gradio.Blocks(title=_TITLE, analytics_enabled=False, fill_width=True, delete_cache=KEPT) as page:
        gradio.Markdown(f"# {_TITLE}\n\nEveryone in it in three dimensions, with hands and face. {limits}")
        with gradio.Row():
            with gradio.Column(scale=1, min_width=280):
                upload = gradio.File(label="Picture or video", file_types=["image", "video"], elem_id="upload")
                style = gradio.Radio(["mesh", "skeleton", "both", "boxes"], value="mesh", label="Style")
                views = gradio.CheckboxGroup(list(VIEWS), value=["overlay"], label="Side by side")
                button = gradio.Button("Look for people", variant="primary", elem_id="go")
                note = gradio.HTML(elem_id="note")
            with gradio.Column(scale=3), gradio.Tabs():
                with gradio.Tab("Overlay"):
                    overlay = gradio.HTML(elem_id="overlay")
                with gradio.Tab("In three dimensions"):
                    viewer = gradio.HTML(elem_id="viewer")
        button.click(go, [upload, style, views], [overlay, viewer, note], concurrency_limit=1)
    page.queue(max_size=8)
    return page


def _address(shown: Shown, path: Path) -> str:
    return escaped(f"/results/{shown.token}/{path.name}")


def _shown(shown: Shown) -> str:
    source = _address(shown, shown.overlay)
    if shown.overlay.suffix == ".mp4":
        inside = f'<video controls autoplay loop muted playsinline src="{source}"></video>'
    else:
        inside = f'<img alt="people over the picture" src="{source}">'
    return f'<div class="mien-shown">{inside}</div>'


def _viewer(shown: Shown) -> str:
    """The page stands in a frame that may run scripts, and reach nothing of this one."""
    source = _address(shown, shown.viewer)
    frame = f'<iframe title="viewer" sandbox="allow-scripts allow-downloads" src="{source}"></iframe>'
    return f'<div class="mien-viewer">{frame}</div>'


def _note(shown: Shown) -> str:
    links = "".join(
        f'<a href="{_address(shown, path)}" download="{escaped(path.name)}">{escaped(path.suffix[1:])}</a>'
        for path in shown.files
    )
    return f'<p class="mien-note">{escaped(shown.note)}</p><p class="mien-files">Download: {links}</p>'
