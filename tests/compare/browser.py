"""A headless Chromium, steered over a pipe by its DevTools protocol: no driver, no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# No sandbox, since containers lack what it needs; and nothing that Chromium does of its own accord.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


def chromium() -> str | None:
    """Return the path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a running Chromium.

    Attributes
    ----------
    events : list of dict
        What it said unasked since the page was opened, console and network included.
    """

    def __init__(self, to_browser: BinaryIO, from_browser: BinaryIO) -> None:
        self._out, self._in = to_browser, from_browser
        self._number = 0
        self._session: str | None = None
        self._rest = b""
        self.events: list[dict] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path) -> None:
        """Load a file, and wait until that is done."""
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not self.of("Page.loadEventFired"):
            self.events.append(self._receive())

    def of(self, *methods: str) -> list[dict]:
        """Return what came with events of these names."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def resize(self, width: int, height: int) -> None:
        """Make the window another size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str, media: str = "screen") -> None:
        """Ask for the page as it is for lovers of dark, or on paper."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def value(self, expression: str) -> object:
        """Return the value of a JavaScript expression; the page's own policy does not count."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def screenshot(self) -> bytes:
        """Return what the window shows as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def _receive(self) -> dict:
        while b"\0" not in self._rest:
            data = self._in.read(1 << 16)
            assert data, "Chromium ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def started(path: str) -> Iterator[Browser]:
    """Start a Chromium, and end it."""
    their_in, ours_out = map(_out_of_the_way, os.pipe())
    ours_in, their_out = map(_out_of_the_way, os.pipe())
    # It reads descriptor 3 and writes descriptor 4.
    redirected = f'exec "$0" "$@" 3<&{their_in} 4>&{their_out}'
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        os.fdopen(ours_out, "wb", buffering=0) as to_browser,
        os.fdopen(ours_in, "rb", buffering=0) as from_browser,
    ):
        process = subprocess.Popen(
            ["bash", "-c", redirected, path, *OPTIONS, f"--user-data-dir={profile}"],
            pass_fds=(their_in, their_out),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)
        try:
            yield Browser(to_browser, from_browser)
        finally:
            process.kill()
            process.wait()


def _out_of_the_way(descriptor: int) -> int:
    """Return the same open file under a number that the redirections do not take."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    finally:
        os.close(descriptor)
