"""`mien app`: a page to drop pictures and videos on."""

from __future__ import annotations

import sys
from typing import Literal

__all__ = ["app"]


def app(
    weights: str = "open-xs",
    body: str = "",
    detector: str = "auto",
    person: str = "all",
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    max_mb: int = 200,
    max_seconds: float = 20.0,
    host: str = "127.0.0.1",
    port: int = 7860,
    no_open: bool = False,
) -> int:
    """A page in the browser: drop a picture or a video, see its people, turn them, take the files away.

    Args:
        weights: a .safetensors file, a folder, a hub id, or a shipped name.
        body: a body file or the folder of one; by default the body family of the weights is looked for.
        detector: auto, full-image, boxes:FILE.json, or hf:PATH_OR_HUB_ID (D-FINE, RT-DETRv2).
        person: all, largest or top:N.
        device: where the network runs.
        max_mb: largest upload, megabytes.
        max_seconds: how much of a video is looked at.
        host: 127.0.0.1 is this machine alone; 0.0.0.0 is whoever can reach it.
        port: where to serve.
        no_open: do not open a browser.
    """
    from mien.optional import need

    need("gradio", extra="app", why="`mien app`")
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from mien.app import AppConfig, Studio, serve
    from mien.cli.serving import check_port, tell_address
    from mien.estimator import load

    check_port(host, port)
    config = AppConfig(most_megabytes=max_mb, most_seconds=max_seconds)
    estimate = load(weights, body=body or None, detector=detector, person=person, device=device)
    if estimate.card.warning:
        print(f"mien: WARNING: {estimate.card.warning}", file=sys.stderr)
    with TemporaryDirectory(prefix="mien-app-") as folder:
        server = serve(Studio(estimate, Path(folder), config), host=host, port=port)
        tell_address("the page is", host, port, no_open)
        server.run()
    return 0
