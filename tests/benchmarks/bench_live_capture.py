"""Microphones of a real sound server, recorded at once: what arrives is what was played.

    python tests/benchmarks/bench_live_capture.py [--seconds 60] [--microphones 4]

Fake microphones are fed at their pace through FIFOs and recorded by as many `audiokit record`,
through both back ends. The bar is issue figure 1: to the bit, no overflow. The peer is `arecord`
alone.
"""

from __future__ import annotations

import argparse
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
from sound_server import SoundServer, can_run, without_reason  # noqa: E402


def sound(seconds, seed):
    """Return noise at 16 kHz, which no two microphones share."""
    values = np.random.default_rng(seed).integers(-9000, 9000, round(16000 * seconds))
    return values.astype("<i2").tobytes()


def recorder(backend, name, path, env):
    """Start what records a microphone."""
    if backend == "arecord alone":
        words = ["arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", "16000", "-D", "pulse", path]
        env = env | {"PULSE_SOURCE": name}
    else:
        words = [sys.executable, "-m", "audiokit", "record", path, "-d", name, "--json"]
        words += ["--backend", backend]
    return subprocess.Popen(words, env=os.environ | env, stdout=subprocess.PIPE, text=True)


def measure(server, backend, seconds, n_microphones):
    """Return a row of the table."""
    feeds, takes, wanted = [], [], []
    for number in range(n_microphones):
        name = f"{backend.split()[0]}{number}"
        feeds.append(server.microphone(name))
        path = server.folder / f"{name}.raw"
        takes.append((recorder(backend, name, path, server.env), path))
        feeds[-1].play(sound(60.0, 99))
        wanted.append(sound(seconds, number))
    time.sleep(8.0)
    for feed, pcm in zip(feeds, wanted, strict=True):
        # What a program holds back of its last period shall be none of what is compared.
        feed.then(pcm + sound(1.0, 98))
    for feed in feeds:
        feed.done()
    time.sleep(1.0)
    n_exact = n_overruns = n_failures = 0
    for (process, path), pcm in zip(takes, wanted, strict=True):
        process.terminate()
        said = process.communicate(timeout=30)[0].splitlines()
        if said:
            ended = json.loads(said[-1])
            n_overruns += ended["overruns"]
            n_failures += ended["failures"]
        n_exact += pcm in path.read_bytes()
    for feed in feeds:
        feed.stop()
    return backend, f"{n_exact} of {n_microphones}", n_overruns, n_failures


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--microphones", type=int, default=4)
    options = parser.parse_args()
    if not can_run():
        print(without_reason())
        return
    with tempfile.TemporaryDirectory() as scratch, SoundServer(Path(scratch) / "s") as server:
        rows = [
            measure(server, backend, options.seconds, options.microphones)
            for backend in ("arecord alone", "alsa", "portaudio")
        ]
    header = ("recorded by", "to the bit", "overflows", "failures")
    print_table(f"{options.microphones} microphones, {options.seconds:g} s", header, rows)


if __name__ == "__main__":
    main()
