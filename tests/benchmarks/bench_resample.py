"""Resample 44.1 to 16 kHz mono in memory: our stage in blocks against soxr on the whole.

    python tests/benchmarks/bench_resample.py [--minutes 10] [--repeat 7]

The best CPU time of each, taken in turn on one core, and how good each is: the highest
alias of a tone that 16 kHz cannot hold, and the widest departure from level up to 7 kHz.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import numpy as np
from cost import print_table

RATE_IN, RATE_OUT = 44_100, 16_000
BLOCK_SAMPLES = 4 * RATE_IN
HEADER = ("", "CPU s", "against soxr", "alias dB", "ripple dB")
ALIASED_HZ, PASSED_HZ = range(8_500, 22_000, 500), range(100, 7_001, 300)


def by_stage(block):
    """Yield blocks of four seconds, as every command handles them."""
    from audiokit.files.resample import Resampler, ResampleSettings
    from audiokit.stage import StreamFormat, run_blocks

    stage = Resampler(StreamFormat(RATE_IN), ResampleSettings(RATE_OUT))
    starts = range(0, len(block), BLOCK_SAMPLES)
    pieces = (block[start : start + BLOCK_SAMPLES] for start in starts)
    yield from run_blocks(stage, pieces)


def by_soxr(block):
    """Yield the whole at once."""
    import soxr

    yield soxr.resample(block, RATE_IN, RATE_OUT, quality="HQ")


WAYS = {"soxr.resample, HQ": by_soxr, "audiokit, blocks of 4 s": by_stage}


def tone(frequency_hz):
    """Return a second of full scale."""
    phase = 2 * np.pi * frequency_hz * np.arange(RATE_IN) / RATE_IN
    return np.sin(phase).astype(np.float32)[:, np.newaxis]


def level_db(resample, frequency_hz):
    """Return the level of a tone that went through, against what went in, clear of the ends."""
    block = np.concatenate(list(resample(tone(frequency_hz))))
    middle = block[len(block) // 4 : -len(block) // 4].astype(np.float64)
    return 10 * np.log10(2 * np.mean(middle**2) + 1e-20)


def seconds_of(resample, block):
    """Return the CPU time that one run takes."""
    begin_s = time.process_time()
    for _ in resample(block):
        pass
    return time.process_time() - begin_s


def main():
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    noise = np.random.default_rng(0).standard_normal((60 * options.minutes * RATE_IN, 1))
    block = (0.1 * noise).astype(np.float32)
    taken_s = {name: [] for name in WAYS}
    for _ in range(options.repeat):
        for name, resample in WAYS.items():
            taken_s[name].append(seconds_of(resample, block))
    soxr_s = min(next(iter(taken_s.values())))
    rows = []
    for name, resample in WAYS.items():
        alias_db = max(level_db(resample, each) for each in ALIASED_HZ)
        ripple_db = max(abs(level_db(resample, each)) for each in PASSED_HZ)
        best_s = min(taken_s[name])
        rows.append((name, f"{best_s:.3f}", f"{best_s / soxr_s:.2f}",
                     f"{alias_db:.1f}", f"{ripple_db:.4f}"))  # fmt: skip
    title = f"resample in memory: {options.minutes} min, 44.1 to 16 kHz, mono"
    print_table(title, HEADER, rows)


if __name__ == "__main__":
    main()
