"""`mien view`: a result in a browser, live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

__all__ = ["view"]


def view(
    result: Annotated[Path, tyro.conf.Positional],
    /,
    footage: Path | None = None,
    body: str = "",
    host: str = "127.0.0.1",
    port: int = 8080,
    no_open: bool = False,
) -> int:
    """A result of a picture or a clip in a browser, as long as this runs: time, people, mesh and skeleton, the camera.

    A page that needs no running program: `mien export RESULT --to html`.

    Args:
        result: a result file (.npz) of `mien predict`.
        footage: the picture or video (or folder of frames) that it was made from; it stands in the camera.
        body: a body file or the folder of one; by default the body family of the result is looked for.
        host: 127.0.0.1 is this machine alone; 0.0.0.0 is whoever can reach it.
        port: where to serve.
        no_open: do not open a browser.
    """
    from mien.optional import need

    need("viser", extra="view", why="`mien view`")
    from mien.body.files import find_body
    from mien.body.model import BodyModel
    from mien.cli.serving import check_port, tell_address, wait
    from mien.clip import Clip, read
    from mien.pictures import read_picture
    from mien.video import open_footage
    from mien.view.live import Live

    check_port(host, port)
    found = read(result)
    model = BodyModel.load(find_body(body or None, family=found.origin.body_family))
    picture = None
    if footage is not None:
        picture = open_footage(footage, fps=found.fps) if isinstance(found, Clip) else read_picture(footage)
    live = Live(found, model, picture, title=result.stem, host=host, port=port)
    tell_address(f"{result.name} is shown", host, live.port, no_open)
    wait()
    live.stop()
    return 0
