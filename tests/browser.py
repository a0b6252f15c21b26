"""A headless Chromium driven through its debugging pipe: two file descriptors and JSON, no further package.

Messages are JSON objects that end in a zero byte; the browser reads them from descriptor 3 and answers on 4.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

__all__ = ["Browser", "Page", "differs", "find_browser", "json_of", "launched", "needs_browser", "stage"]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
WITH_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WITHOUT_WEBGL = ("--disable-gpu", "--disable-3d-apis")


def find_browser() -> str | None:
    """The path of an installed Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for found in map(shutil.which, names) if found), None)


needs_browser = pytest.mark.skipif(
    find_browser() is None, reason="no chromium, chromium-browser or google-chrome on the PATH"
)


@contextmanager
def launched(*, webgl: bool = True, size: tuple[int, int] = (1000, 640)) -> Iterator[Browser]:
    """A browser of its own for the length of the block; `size` is width and height in pixels."""
    program = find_browser()
    assert program is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        extra = WITH_WEBGL if webgl else WITHOUT_WEBGL
        window = f"--window-size={size[0]},{size[1]}"
        command = [program, *FLAGS, *extra, window, f"--user-data-dir={profile}", "about:blank"]
        process, write, read = _start(command)
        browser = Browser(write, read)
        try:
            yield browser
        finally:
            browser.close(process)


def _start(command: list[str]) -> tuple[subprocess.Popen[bytes], int, int]:
    """The process, where to write its orders, where to read its answers."""
    orders_out, orders_in = os.pipe()
    answers_out, answers_in = os.pipe()
    # dup2 onto 3 and 4 happens in a shell, so that nothing of ours runs between fork and exec.
    shell = f'exec "$@" 3<&{orders_out} 4>&{answers_in}'
    try:
        process = subprocess.Popen(
            ["bash", "-c", shell, "browser", *command],
            pass_fds=(orders_out, answers_in),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    finally:
        os.close(orders_out)
        os.close(answers_in)
    return process, orders_in, answers_out


class Browser:
    """Sends commands and keeps the events that come in between."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._last, self._buffer = 0, b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, /, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its result."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        _write_all(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while True:
            answer = self._next(deadline)
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def open(
        self, path: Path | str, *, scheme: str = "light", size: tuple[int, int] = (1000, 640), scale: float = 1
    ) -> Page:
        """A new page with this file or address in it, loaded; `size` is width and height in CSS pixels."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        width, height = size
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.call("Page.navigate", url=path if isinstance(path, str) else path.resolve().as_uri())
        return page

    def close(self, process: subprocess.Popen[bytes]) -> None:
        """End the browser, kindly if it listens."""
        try:
            _write_all(self._write, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
            process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()
        finally:
            os.close(self._write)
            os.close(self._read)

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise ConnectionError("the browser has ended")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


class Page:
    """One page of a browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def run(self, script: str) -> Any:
        """The value of an expression, as JSON; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 30) -> None:
        """Until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < deadline, f"never came: {condition}; {self.problems()}"
            time.sleep(0.05)

    def settle(self) -> None:
        """Until what was changed is on the screen."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def press(self, key: str) -> None:
        """A key, down and up."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                **({"text": key} if kind == "keyDown" and len(key) == 1 else {}),
            )

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The left button held from start to end, in CSS pixels."""
        at = {"button": "left", "buttons": 1, "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], **at)
        for part in (0.25, 0.5, 0.75, 1.0):
            x, y = (a + part * (b - a) for a, b in zip(start, end, strict=True))
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, **at)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], **at)

    def screenshot(self) -> np.ndarray:
        """What is seen: uint8 RGB."""
        self.settle()
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return np.ascontiguousarray(image[..., ::-1])

    def problems(self) -> list[str]:
        """Errors and warnings of the console, exceptions, and whatever the page asked of a network."""
        self.call("Runtime.evaluate", expression="0")
        found = []
        for event in self._browser.events:
            if event.get("sessionId") != self._session:
                continue
            method, params = event["method"], event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"])[:500])
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(params["args"])[:500])
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(json.dumps(params["entry"])[:500])
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:", "about:")):
                    found.append(f"asked for {url}")
        return found


def stage(page: Page) -> np.ndarray:
    """What the viewer's canvas shows: RGB."""
    box = page.run("document.getElementById('stage').getBoundingClientRect().toJSON()")
    left, top, right, bottom = (round(box[key]) for key in ("left", "top", "right", "bottom"))
    return page.screenshot()[top:bottom, left:right].astype(int)


def differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which pixels of two screenshots are not alike."""
    return np.abs(a - b).max(-1) > 12


def json_of(text: str, name: str) -> Any:
    """What a page holds as JSON under this id."""
    found = re.search(f'<script type="application/json" id="{name}">(.*?)</script>', text)
    assert found is not None
    return json.loads(found[1])


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
