"""Peak memory of the main job on an hour of speech, against five minutes of it.

    python tests/benchmarks/bench_memory.py [--minutes 5 60]

The files are this project's own samples over and over, written as 16 kHz FLAC.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from cost import AUDIOKIT, print_table, run

RATE = 16000
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
HEADER = ("audio", "peak MB, parent and worker", "wall s", "ratio to the shortest")


def write_speech(path, minutes):
    """Write so many minutes of the 16 kHz samples, one after the other, at random levels."""
    import soundfile

    clips = [
        soundfile.read(clip, dtype="float32")[0]
        for clip in sorted(SAMPLES.glob("*.wav"))
        if soundfile.info(clip).samplerate == RATE
    ]
    rng = np.random.default_rng(0)
    n_left = minutes * 60 * RATE
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        while n_left:
            clip = clips[rng.integers(len(clips))] * rng.uniform(0.2, 1.0)
            file.write(clip[:n_left])
            n_left -= min(n_left, len(clip))


def main():
    """Measure each length and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, nargs="+", default=[5, 60])
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in sorted(options.minutes):
            source = Path(folder, f"{minutes}.flac")
            write_speech(source, minutes)
            command = (*AUDIOKIT, "process", source, "-o", Path(folder, f"out{minutes}"))
            cost = run((*command, "--jobs", "1", "--quiet"), watch_every_s=0.02)
            rows.append((f"{minutes} min", cost.peak_mb, cost.wall_s))
    shortest_mb = rows[0][1]
    print_table(
        "process: peak memory",
        HEADER,
        [(name, f"{mb:.0f}", f"{s:.1f}", f"{mb / shortest_mb:.3f}") for name, mb, s in rows],
    )


if __name__ == "__main__":
    main()
