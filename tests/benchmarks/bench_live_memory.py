"""What a live program takes of a small computer's memory, children included.

    python tests/benchmarks/bench_live_memory.py [--seconds 30]

`record`, and `stream` over TLS to a `listen` of this machine, from a microphone of a real sound
server by each back end. The bar is issue figure 4: 40 MB resident with arecord, flat. RSS counts
pages that both processes share twice, PSS once; the peer is `arecord` alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "live"))

import numpy as np  # noqa: E402  behind the path
from cost import print_table  # noqa: E402
from rig import CERTIFICATE, KEY  # noqa: E402
from sound_server import SoundServer, can_run, without_reason  # noqa: E402

AUDIOKIT = (sys.executable, "-m", "audiokit")


def resident_mb(pid):
    """Return RSS and PSS of a process and its children, in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    sums = {"Rss": 0.0, "Pss": 0.0}
    for number in (pid, *children):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            what = line.partition(":")[0]
            if what in sums:
                sums[what] += int(line.split()[1]) * 1024 / 1e6
    return sums["Rss"], sums["Pss"]


def measure(server, name, words, seconds, *, env=None):
    """Return a row of the table: what a program takes soon, and after so many seconds."""
    feed = server.microphone(name)
    values = np.random.default_rng(1).integers(-9000, 9000, round(16000 * (seconds + 40)))
    feed.play(values.astype("<i2").tobytes())
    chosen = os.environ | server.env | (env or {})
    process = subprocess.Popen(words, env=chosen, stdout=subprocess.DEVNULL)
    time.sleep(10.0)
    first = resident_mb(process.pid)
    time.sleep(seconds)
    last = resident_mb(process.pid)
    process.terminate()
    process.wait(timeout=30)
    feed.stop()
    return tuple(f"{value:.1f}" for value in (*first, *last))


@contextlib.contextmanager
def listening(server):
    """Run a `listen` with TLS; yield its port."""
    words = [*AUDIOKIT, "listen", "wss://127.0.0.1:0", "--certificate", CERTIFICATE, "--key", KEY]
    process = subprocess.Popen(
        [*map(str, words), "-o", str(server.folder / "got"), "--json"],
        env=os.environ | server.env, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def run(server, seconds):
    """Return all rows."""
    bare = ["arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", "16000", "-D", "pulse"]
    chosen = {"PULSE_SOURCE": "bare"}
    rows = [("arecord alone", *measure(server, "bare", bare, seconds, env=chosen), "")]
    with listening(server) as port:
        for backend in ("alsa", "portaudio"):
            device = ("--backend", backend, "-d")
            out = str(server.folder / f"{backend}.wav")
            record = (*AUDIOKIT, "record", out, "-q", *device, f"r-{backend}")
            bar = "40" if backend == "alsa" else ""
            row = measure(server, f"r-{backend}", record, seconds)
            rows.append((f"record, {backend}", *row, bar))
            stream = (*AUDIOKIT, "stream", f"wss://localhost:{port}", "--ca-file", CERTIFICATE)
            stream += ("--spool", str(server.folder / backend), "-q", *device, f"s-{backend}")
            row = measure(server, f"s-{backend}", stream, seconds)
            rows.append((f"stream, {backend}", *row, bar))
    return rows


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    if not can_run():
        print(without_reason())
        return
    with tempfile.TemporaryDirectory() as scratch, SoundServer(Path(scratch) / "s") as server:
        rows = run(server, seconds)
    header = ("MB", "RSS at 10 s", "PSS", f"RSS {seconds:g} s later", "PSS", "bar")
    print_table("resident memory, children included", header, rows)


if __name__ == "__main__":
    main()
