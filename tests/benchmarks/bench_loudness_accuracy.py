"""Checks of EBU Tech 3341 and 3342 that each loudness meter passes.

    python tests/benchmarks/bench_loudness_accuracy.py [--rates 48000] [--failures]

The signals are those of `tests/loudness/ebu_signals.py`, at 8, 16, 44.1, 48 and 96 kHz; with
real recordings at hand (AUDIOKIT_TEST_DATA), the EBU's and ITU's own files too. Each meter
is asked as its user would: audiokit and libebur128 look every 10 ms, FFmpeg's filter every
100 ms; pyloudnorm gives integrated loudness and range, and the loudness of its blocks, of
which the largest of 0.4 s and of 3 s every 100 ms are taken. It has no true peak.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from cost import print_table, recordings

sys.path.append(str(Path(__file__).resolve().parents[1] / "loudness"))

import ebu_signals
import libavfilter
import libebur128
import own_meter

HEADER = ("meter", "checks passed", "of", "3341, loudness", "3341, true peak", "3342")


def read_own(block, sample_rate, _wanted):
    """Return audiokit's readings."""
    return own_meter.read([block], sample_rate)


def read_ffmpeg(block, sample_rate, _wanted):
    """Return the readings of FFmpeg's filter."""
    return libavfilter.read([block], sample_rate)


def read_pyloudnorm(block, sample_rate, wanted):
    """Return what pyloudnorm reads, and the loudness of its blocks."""
    import pyloudnorm

    def traced(block_s, name):
        meter = pyloudnorm.Meter(sample_rate, block_size=block_s, overlap=1.0 - 0.1 / block_s)
        if name not in wanted or len(block) < block_s * sample_rate:
            return np.zeros(0)
        meter.integrated_loudness(block)
        before = np.full(round(block_s / 0.1) - 1, np.nan)
        return np.concatenate([before, np.maximum(meter.blockwise_loudness, -200.0)])

    meter = pyloudnorm.Meter(sample_rate)
    is_long_enough = len(block) >= meter.block_size * sample_rate
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ebu_signals.Readings(
            0.1,
            traced(0.4, "momentary_lufs"),
            traced(3.0, "short_term_lufs"),
            integrated_lufs=meter.integrated_loudness(block) if is_long_enough else None,
            range_lu=meter.loudness_range(block) if "range_lu" in wanted else None,
        )


METERS = {
    "audiokit": read_own,
    "libebur128": libebur128.read,
    "FFmpeg (PyAV)": read_ffmpeg,
    "pyloudnorm": read_pyloudnorm,
}


def is_present(name):
    """Return whether a meter can be asked here."""
    if name == "libebur128":
        return libebur128.find() is not None
    if name == "FFmpeg (PyAV)":
        return libavfilter.can_read()
    try:
        import pyloudnorm  # noqa: F401  is it there?
    except ImportError:
        return name == "audiokit"
    return True


def streams(rates):
    """Yield the case, the checks, a block and its rate, of every signal and recording."""
    for sample_rate in rates:
        for signal in ebu_signals.SIGNALS:
            yield signal.case, signal.checks, signal.render(sample_rate), sample_rate
    try:
        folder = recordings() / "loudness"
    except SystemExit as absent:
        print(absent)
        return
    import soundfile

    for name, checks in ebu_signals.RECORDED.items():
        block, rate = soundfile.read(folder / f"{name}.flac", dtype="float32", always_2d=True)
        yield name, checks, block, rate


def kind_of(check):
    """Return the column that a check counts in."""
    return {"true_peak_dbtp": 1, "range_lu": 2}.get(check.quantity, 0)


def ask_all(rates, *, show_failures):
    """Ask each meter about each stream.

    Returns:
        ``passed`` and ``asked``: lists of three counts by meter.
    """
    present = [name for name in METERS if is_present(name)]
    passed = {name: [0, 0, 0] for name in present}
    asked = [0, 0, 0]
    for case, checks, block, sample_rate in streams(rates):
        wanted = {check.quantity for check in checks}
        for check in checks:
            asked[kind_of(check)] += 1
        for name in present:
            readings = METERS[name](block, sample_rate, wanted)
            for check in checks:
                is_met = check.passes(readings)
                passed[name][kind_of(check)] += is_met
                if show_failures and not is_met:
                    words = (check.quantity, check.expected, check.measured(readings))
                    print(name, case, f"{sample_rate} Hz", *words)
    return passed, asked


def main():
    """Ask all meters and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=int, nargs="+", default=list(ebu_signals.SAMPLE_RATES))
    parser.add_argument("--failures", action="store_true", help="name each check that fails")
    options = parser.parse_args()
    passed, asked = ask_all(options.rates, show_failures=options.failures)
    rows = [
        (name, sum(counts), sum(asked), *(f"{c}/{n}" for c, n in zip(counts, asked, strict=True)))
        for name, counts in passed.items()
    ]
    print_table(f"EBU checks at {', '.join(map(str, options.rates))} Hz", HEADER, rows)
    for name in METERS.keys() - passed.keys():
        print(f"{name} is not installed here.")


if __name__ == "__main__":
    main()
