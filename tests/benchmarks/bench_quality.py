"""Blind scores against the truth, PESQ and DNSMOS: all in one run, in tables.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_quality.py [--quick] [--dnsmos-every N]

1. SNR of mixes at -5 to 30 dB: mean error, Spearman's rank correlation, and how often the truth
   lies in the band that is stated; beside WADA and histogram SNR.
2. Overall against PESQ (wide band, with the clean sentence): Spearman's, on takes that nobody
   touched and on all of them; profile `seed`, SNR and DNSMOS beside it.
3. What is said of processing, and of recordings without speech.
4. CPU per minute of audio beyond the shared transform, and memory of an hour and of a minute.

Needs recordings (AUDIOKIT_TEST_DATA) and `audiokit[quality]`; DNSMOS where it is installed.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections import defaultdict

import mixes
import numpy as np
import quality_takes
from cost import print_table, recordings

from audiokit.quality import QualityMeter, QualitySettings
from audiokit.quality.frames import Stretcher
from audiokit.quality.levels import Levels
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike

FMT = StreamFormat(mixes.RATE)
SCORES = ("overall", "seed", "snr_db", "wada_snr_db", "dnsmos")


def score(samples, profile="default", fmt=FMT):
    """Return the meter's report on samples, ``(samples,)`` or ``(samples, channels)``."""
    block = samples.reshape(len(samples), -1)
    meter = QualityMeter(fmt, QualitySettings(profile=profile))
    return measure(meter, [np.ascontiguousarray(block, np.float32)])


def pesq_of(take):
    """Return what PESQ says with the clean sentence."""
    from pesq import pesq

    return pesq(mixes.RATE, take.clean, take.heard, "wb")


def dnsmos_of(take):
    """Return what DNSMOS says of all together."""
    from speechmos import dnsmos

    return float(dnsmos.run(np.clip(take.heard, -1.0, 1.0), mixes.RATE)["ovrl_mos"])


def own_ratio_db(clean):
    """Return the level of a sentence over the noise that it was itself recorded with."""
    block = np.ascontiguousarray(clean[:, np.newaxis], np.float32)
    levels = measure_levels([block])
    return levels.active_dbfs - levels.noise_floor_dbfs


def measure_levels(blocks):
    """Return levels of speech and pauses."""
    levels, stretcher = Levels(FMT), Stretcher(FMT)
    for block in blocks:
        for stretch in [*stretcher.push(block), *stretcher.rest()]:
            levels.add(stretch)
    return levels.report()


def spearman(one, other):
    """Return Spearman's rank correlation of what both know, ties at their mean rank."""
    from scipy.stats import spearmanr

    known = np.isfinite(one) & np.isfinite(other)
    return float(spearmanr(one[known], other[known]).statistic)


def column(rows, name):
    """Return a column; NaN where there is nothing."""
    return np.array([np.nan if row[name] is None else row[name] for row in rows], float)


def heard(takes, *, dnsmos_every):
    """Return a row of all scores and truths for each take."""
    rows = []
    for number, take in enumerate(takes):
        report = score(take.heard)
        row = {
            name: getattr(report, name)
            for name in (
                "overall", "snr_db", "snr_low_db", "snr_high_db", "wada_snr_db",
                "histogram_snr_db", "overall_low", "overall_high", "processed", "worst",
            )
        }  # fmt: skip
        row["own_db"] = own_ratio_db(take.clean)
        row |= {"kind": take.kind, "true_db": take.snr_db, "pesq": pesq_of(take)}
        row["seed"] = score(take.heard, "seed").overall
        row["dnsmos"] = None
        if dnsmos_every and number % dnsmos_every == 0:
            row["dnsmos"] = dnsmos_of(take)
        rows.append(row)
    return rows


def print_snr(rows):
    """Print the first table."""
    true = column(rows, "true_db")
    no_speech = sum(row["overall"] is None for row in rows)
    denoised = sum(bool(row["processed"]) for row in rows)
    lines = []
    # What a sentence was itself recorded with is noise, too, and no part of the told ratio.
    is_clear = column(rows, "own_db") >= true + 6.0
    everything = np.ones(len(rows), bool)
    for name, key, chosen in (
        ("ours", "snr_db", everything),
        ("WADA", "wada_snr_db", everything),
        ("histogram", "histogram_snr_db", everything),
        ("ours, cleaner clips", "snr_db", is_clear),
        ("WADA, cleaner clips", "wada_snr_db", is_clear),
    ):
        said = np.where(chosen, column(rows, key), np.nan)
        known = np.isfinite(said)
        error = np.abs(said - true)[known].mean()
        inside = "-"
        if key == "snr_db":
            low, high = column(rows, "snr_low_db")[known], column(rows, "snr_high_db")[known]
            inside = f"{100.0 * np.mean((low <= true[known]) & (true[known] <= high)):.1f}"
        counts = str(int(known.sum())), str(int((~known & chosen).sum()))
        lines.append([name, *counts, f"{error:.2f}", f"{spearman(said, true):.3f}", inside])
    print_table(
        f"SNR of {len(rows)} mixes at -5 to 30 dB; ours refuses {no_speech} as without speech, "
        f"{denoised} as denoised",
        ["by", "told", "refused", "mean error dB", "Spearman", "% inside band"],
        lines,
    )


def print_overall(untouched, all_rows):
    """Print the second table, and the same by kind of treatment."""
    lines = []
    for name in SCORES:
        cells = [name]
        for rows in (untouched, all_rows):
            said = column(rows, name)
            known = np.isfinite(said)
            cells.append(f"{spearman(said, column(rows, 'pesq')):.3f}" if known.any() else "-")
            cells.append(str(int((~known).sum())))
        lines.append(cells)
    print_table(
        "Rank correlation with PESQ",
        ["score", f"{len(untouched)} untouched", "without", f"{len(all_rows)} all", "without"],
        lines,
    )
    kinds = defaultdict(list)
    for row in all_rows:
        kinds[row["kind"]].append(row)
    print_table(
        "By what was done to takes",
        ["kind", "takes", "overall", "seed", "said processed %", "without overall %"],
        [
            [
                kind,
                str(len(rows)),
                f"{spearman(column(rows, 'overall'), column(rows, 'pesq')):.3f}",
                f"{spearman(column(rows, 'seed'), column(rows, 'pesq')):.3f}",
                f"{100.0 * np.mean([bool(row['processed']) for row in rows]):.0f}",
                f"{100.0 * np.mean([row['overall'] is None for row in rows]):.0f}",
            ]
            for kind, rows in kinds.items()
        ],
    )


def print_validity():
    """Print how many recordings of each folder get a score, and the names of the odd ones."""
    import soundfile

    lines = []
    for folder in ("speech", "noise", "music"):
        told = []
        for path in sorted((recordings() / folder).iterdir()):
            if path.suffix in {".json", ".txt", ".csv", ".wav_"}:
                continue
            block, rate = soundfile.read(path, dtype="float32", always_2d=True)
            report = score(block[: 60 * rate], fmt=StreamFormat(rate, block.shape[1]))
            told.append(report)
            if (folder == "speech") != (report.overall is not None) or report.processed:
                print(f"{folder}/{path.name}: {report.overall}, {report.reason or report.worst}")
        scored = [report for report in told if report.overall is not None]
        processed = sum(bool(report.processed) for report in scored)
        lines.append([folder, str(len(told)), str(len(scored)), str(processed)])
    print_table(
        "Which recordings get a score", ["folder", "recordings", "scored", "said processed"], lines
    )


def print_cost():
    """Print CPU per minute of audio, by rate, and the memory that it takes."""
    lines = []
    for rate in (8000, 16000, 48000):
        fmt = StreamFormat(rate)
        block = speechlike(fmt, 60.0)
        blocks = np.split(block, 60)
        whole_s, shared_s = (
            min(cpu_s(work, fmt, blocks) for _ in range(5)) for work in (whole, transform)
        )
        peaks = [peak_mib(fmt, block[:rate], seconds) for seconds in (60, 1200)]
        cells = [f"{value:.3f}" for value in (whole_s, shared_s, whole_s - shared_s)]
        lines.append([str(rate), *cells, *(f"{peak:.2f}" for peak in peaks)])
    print_table(
        "Cost of the meter",
        ["Hz", "CPU s/min", "transform", "beyond it", "MiB of 1 min", "MiB of 20 min"],
        lines,
    )


def whole(fmt, blocks):
    """Run the meter."""
    measure(QualityMeter(fmt), blocks)


def transform(fmt, blocks):
    """Run the shared transform alone."""
    stretcher = Stretcher(fmt)
    for block in blocks:
        stretcher.push(block)


def cpu_s(work, fmt, blocks):
    """Return the processor time of some work."""
    begin_s = time.process_time()
    work(fmt, blocks)
    return time.process_time() - begin_s


def peak_mib(fmt, second, seconds):
    """Return the most memory that a meter allocates for so many seconds."""
    meter = QualityMeter(fmt)
    meter.update(second)
    tracemalloc.start()
    for _ in range(seconds):
        meter.update(second)
    meter.result()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def main():
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the takes")
    parser.add_argument("--dnsmos-every", type=int, default=5, help="0: never")
    options = parser.parse_args()
    untouched = heard(quality_takes.noisy(quick=options.quick), dnsmos_every=options.dnsmos_every)
    print_snr(untouched)
    spoilt = heard(quality_takes.spoilt(quick=options.quick), dnsmos_every=options.dnsmos_every)
    print_overall(untouched, untouched[::3] + spoilt)
    print_validity()
    print_cost()


if __name__ == "__main__":
    main()
