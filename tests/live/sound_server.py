"""A PulseAudio of the test's own: microphones that are fed, and a loudspeaker."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import threading
import time

import pytest

SPEAKER = "seeed-2mic-voicecard"
NEEDED = ("pulseaudio", "pactl", "arecord")


def without_reason():
    """Return what this machine lacks, or nothing."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"no {', '.join(missing)}: apt-get install pulseaudio pulseaudio-utils alsa-utils"


def can_run():
    return all(shutil.which(name) for name in NEEDED)


class SoundServer:
    """PulseAudio with its own home; `microphone` adds one that is fed through a FIFO."""

    def __init__(self, folder):
        self.folder = folder
        self._feeds = []
        self._socket = folder / "native"

    @property
    def env(self):
        """What a client needs to find it; ALSA's default device is this server."""
        return {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "PULSE_SERVER": f"unix:{self._socket}",
        }

    def __enter__(self):
        (self.folder / "run").mkdir(mode=0o700, parents=True)
        (self.folder / ".asoundrc").write_text("pcm.!default { type pulse }\n")
        self.start()
        return self

    def __exit__(self, *_):
        for feed in self._feeds:
            feed.stop()
        self.stop()

    def start(self):
        """Start the server; its speaker is there at once."""
        modules = (
            f"module-native-protocol-unix auth-anonymous=1 socket={self._socket}",
            f"module-null-sink sink_name={SPEAKER} format=s16le rate=16000 channels=1",
        )
        loads = [word for module in modules for word in ("-L", module)]
        self._process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
             "--log-target=stderr", *loads],
            env=os.environ | self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 10
        while self.pactl("info", check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > until:
                pytest.skip("pulseaudio does not start here")
            time.sleep(0.05)

    def stop(self):
        """End the server, by its own number."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def pactl(self, *words, check=True):
        return subprocess.run(
            ["pactl", *words], env=os.environ | self.env, capture_output=True, text=True,
            check=check, timeout=10,
        )  # fmt: skip

    def microphone(self, name, *, channels=1):
        """Plug in a microphone; return what feeds it."""
        fifo = self.folder / f"{name}.fifo"
        module = self.pactl(
            "load-module", "module-pipe-source", f"source_name={name}", f"file={fifo}",
            "format=s16le", "rate=16000", f"channels={channels}",
        ).stdout.strip()  # fmt: skip
        feed = Feed(fifo, channels)
        self._feeds.append(feed)
        feed.unplug = lambda: self.pactl("unload-module", module)
        return feed


class Feed:
    """Writes samples into a microphone at their pace."""

    def __init__(self, fifo, channels):
        self._fd = os.open(fifo, os.O_RDWR)
        self._bytes_per_s = 32_000 * channels
        self._ending = threading.Event()
        self._thread = None
        self._next = None

    def play(self, pcm, *, piece_s=0.02):
        """Begin to write these samples."""
        self._thread = threading.Thread(target=self._write, args=(pcm, piece_s), daemon=True)
        self._thread.start()

    def then(self, pcm):
        """Write these in place of what is left."""
        self._next = pcm

    def done(self):
        """Wait until all is written."""
        self._thread.join(timeout=60)

    def stop(self):
        """Write no more."""
        if not self._ending.is_set():
            self._ending.set()
            if self._thread is not None:
                self._thread.join(timeout=5)
            os.close(self._fd)

    def _write(self, pcm, piece_s):
        size = round(self._bytes_per_s * piece_s)
        due = time.monotonic()
        os.set_blocking(self._fd, False)
        start = 0
        while start < len(pcm):
            if self._next is not None:
                pcm, self._next, start = self._next, None, 0
            due += piece_s
            if self._ending.wait(max(0.0, due - time.monotonic())):
                return
            view = memoryview(pcm)[start : start + size]
            start += size
            while view and not self._ending.is_set():
                # A FIFO that nobody empties must not hold up who ends the feed.
                if select.select([], [self._fd], [], 0.05)[1]:
                    view = view[os.write(self._fd, view) :]
