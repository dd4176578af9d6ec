"""Fixtures that every test shares, and nothing to import."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.request import urlopen

# Before NumPy loads: two BLAS threads make small work slower and timings noise.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest

# A shell's background job, as a CI runner may start, is born deaf to Ctrl-C, and so would be
# every command that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    """The project's own clips."""
    return PROJECT / "samples"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Real recordings, which are not part of the project."""
    folder = Path(os.environ.get("AUDIOKIT_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.csv").is_file():
        pytest.skip(f"no recordings in {folder}; set AUDIOKIT_TEST_DATA")
    return folder


class Browser:
    """A real browser with one page open, as a user has it.

    Attributes:
        errors: What went wrong on the page since it was opened, in the browser's words.
    """

    def __init__(self, socket):
        self.errors = []
        self._socket, self._n_sent = socket, 0
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def open(self, path, *, width=500, height=844, is_dark=False):
        """Open a file in a window of this size, in px."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.errors.clear()
        self.send("Page.navigate", until="Page.loadEventFired", url=path.as_uri())
        return self

    def run(self, expression):
        """Return what an expression, or the promise that it is, comes to on the page."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer["result"], answer["result"]["exceptionDetails"]
        return answer["result"]["result"].get("value")

    def press(self, key, *, is_shifted=False):
        """Press a key, as a keyboard does."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, modifiers=8 * is_shifted, **more
            )

    def drag(self, *points):
        """Press the mouse at the first point, move over the others, and let go at the last."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def send(self, method, *, until=None, **parameters):
        """Send a command of the DevTools protocol; wait for its answer, or for an event."""
        self._n_sent += 1
        number = self._n_sent
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            self._note(message)
            if message.get("method") == until if until else message.get("id") == number:
                return message

    def _note(self, message):
        told = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(told["exceptionDetails"])
        elif message.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(told["entry"])
        elif message.get("method") == "Runtime.consoleAPICalled" and told["type"] == "error":
            self.errors.append(told["args"])


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A real browser, to open pages in."""
    from websockets.sync.client import connect

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if program is None:
        pytest.skip("no chromium to open the page with")
    command = [
        *(program, "--headless", "--no-sandbox", "--disable-gpu"),
        *("--autoplay-policy=no-user-gesture-required", "--mute-audio"),
        *("--remote-debugging-port=0", f"--user-data-dir={tmp_path_factory.mktemp('profile')}"),
        "about:blank",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = next(line for line in process.stderr if "DevTools listening on" in line)
            port = re.search(r":(\d+)/", said)[1]
            with urlopen(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
                tabs = json.load(answer)
            address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            with connect(address, max_size=None, open_timeout=30) as socket:
                yield Browser(socket)
        finally:
            process.kill()
