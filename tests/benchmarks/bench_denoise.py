"""Taking noise away: ours and all the others on the same mixes, in one table.

    nice python tests/benchmarks/bench_denoise.py [--set main|hard|pairs|clean] [--quick]
        [--engines network,rnnoise] [--breakdown network] [--no-dnsmos] [--workers 1] [--json FILE]

What is added to the noisy input, on average: PESQ-WB (P.862.2), STOI in points of a hundred,
SI-SDR in dB, DNSMOS (P.835 overall). RTF is CPU time over the duration of the audio, and beside
it how many times a bare pass through our transform it takes, in the same process. Every engine
is built as a recipe builds it; outputs are aligned in time as every stage's are. Then one
engine's gains by ratio and by noise, with a mark wherever the mean is below the noisy input.

Needs `audiokit[bench,engines]` and recordings (AUDIOKIT_TEST_DATA). Who is absent is named.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections import defaultdict
from pathlib import Path

import mixes
import numpy as np
import scores
from cost import ONE_THREAD, print_table

from audiokit.dsp.stft import StftStream
from audiokit.errors import AudiokitError
from audiokit.registry import STAGES
from audiokit.stage import StreamFormat

FMT = StreamFormat(mixes.RATE)
FFT = "bare FFT"
# A recipe's word and its settings.
ENGINES = {
    "network": ("denoise", {"engine": "network"}),
    "classic": ("denoise", {"engine": "classic"}),
    "spectral": ("spectral", {}),
    "noisereduce": ("noisereduce", {}),
    "noisereduce best": ("noisereduce", {"stationary": True, "strength": 0.7}),
    "webrtc": ("webrtc", {}),
    "webrtc strongest": ("webrtc", {"level": 4}),
    "speex": ("speex", {}),
    "rnnoise": ("rnnoise", {}),
}
MEASURES = ("pesq", "stoi_points", "si_sdr_db", "dnsmos")
HEADER = ("", "PESQ-WB", "STOI points", "SI-SDR dB", "DNSMOS")

# What a worker works on, given to it when it begins.
MIXES: list[mixes.Mix] = []


class BareTransform:
    """Spectra and back, nothing changed: what any such method pays."""

    def __init__(self):
        self._stft = StftStream(FMT, window_samples=512, hop_samples=256)

    def process(self, block):
        return self._stft.process(block, lambda spectra: spectra)

    def flush(self):
        return self._stft.flush(lambda spectra: spectra)


def build(name):
    """Return a new engine.

    Raises:
        AudiokitError: Its package is missing.
        LookupError: This version has no such engine.
    """
    if name == FFT:
        return BareTransform()
    word, values = ENGINES[name]
    kind = STAGES[word]
    try:
        settings = kind.settings_type()(**values)
    except TypeError as error:
        raise LookupError(f"{word} has no setting {values}") from error
    return kind.factory()(FMT, settings)


def is_present(name):
    """Return whether an engine can be built; print why not."""
    try:
        clean(build(name), np.zeros(mixes.RATE, np.float32))
    except (AudiokitError, LookupError) as error:
        print(f"{name} is absent: {error}")
        return False
    return True


def clean(engine, noisy):
    """Return what an engine makes of a mix, ``(samples,)``, and the CPU seconds it took."""
    begin_s = time.process_time()
    head = engine.process(np.ascontiguousarray(noisy[:, np.newaxis]))
    out = np.concatenate([head, engine.flush()])[:, 0]
    return out, time.process_time() - begin_s


def rows_of(task):
    """Return the scores of all engines on one mix."""
    index, names, with_dnsmos = task
    mix = MIXES[index]
    about = {"mix": mix.name, "noise": mix.noise, "snr_db": mix.snr_db}
    about["audio_s"] = len(mix.noisy) / mixes.RATE
    rows = [{**about, "engine": "noisy", "cpu_s": 0.0, **scored(mix, mix.noisy, with_dnsmos)}]
    rows.append({**about, "engine": FFT, "cpu_s": clean(build(FFT), mix.noisy)[1]})
    for name in names:
        out, cpu_s = clean(build(name), mix.noisy)
        row = {**about, "engine": name, "cpu_s": cpu_s, **scored(mix, out, with_dnsmos)}
        rows.append(row)
    return rows


def scored(mix, out, with_dnsmos):
    """Return all measures of one output."""
    found = scores.against(mix.clean, out)
    return {**found, "dnsmos": scores.dnsmos(out)} if with_dnsmos else found


def begin_worker(names, made):
    """Stand back behind other work; load every package before it is timed."""
    os.nice(max(0, 10 - os.nice(0)))
    MIXES.extend(made)
    for name in (FFT, *names):
        clean(build(name), MIXES[0].noisy)


def run(names, made, *, with_dnsmos, workers):
    """Return the rows of all mixes, in order."""
    tasks = [(index, names, with_dnsmos) for index in range(len(made))]
    # NumPy reads this when it is loaded, which a new process has yet to do.
    os.environ.update(ONE_THREAD)
    new = multiprocessing.get_context("spawn")
    with new.Pool(workers, begin_worker, (names, made)) as pool:
        return [row for rows in pool.imap(rows_of, tasks) for row in rows]


def gains(rows, engine):
    """Return an engine's rows, each measure as the gain over the noisy input."""
    noisy = {row["mix"]: row for row in rows if row["engine"] == "noisy"}
    return [
        {**row, **{key: row[key] - noisy[row["mix"]][key] for key in MEASURES if key in row}}
        for row in rows
        if row["engine"] == engine
    ]


def means(rows):
    """Return the mean of each measure as text; a mark where it is below the noisy input."""
    cells = []
    for key, form in zip(MEASURES, ("+.3f", "+.2f", "+.2f", "+.3f"), strict=True):
        values = [row[key] for row in rows if key in row]
        mean = float(np.mean(values)) if values else None
        cells.append("-" if mean is None else format(mean, form) + ("!" if mean < 0 else ""))
    return cells


def cpu_per_s(rows, engine):
    """Return an engine's CPU time over the duration of the audio."""
    mine = [row for row in rows if row["engine"] == engine]
    return sum(row["cpu_s"] for row in mine) / sum(row["audio_s"] for row in mine)


def overview(rows, names, title):
    """Print the table of all engines."""
    noisy = [row for row in rows if row["engine"] == "noisy"]
    levels = [
        format(np.mean([row[key] for row in noisy]), ".3f") if key in noisy[0] else "-"
        for key in MEASURES
    ]
    fft = cpu_per_s(rows, FFT)
    table = [("noisy (itself)", *levels, "", "")]
    for name in names:
        rtf = cpu_per_s(rows, name)
        table.append((name, *means(gains(rows, name)), f"{rtf:.5f}", f"{rtf / fft:.1f}"))
    table.append((FFT, "", "", "", "", f"{fft:.5f}", "1.0"))
    print_table(title, (*HEADER, "RTF", "times FFT"), table)


def breakdown(rows, engine):
    """Print one engine's gains by ratio and by noise."""
    mine = gains(rows, engine)
    table = []
    for key in ("snr_db", "noise"):
        groups = defaultdict(list)
        for row in mine:
            groups[row[key]].append(row)
        # Natural order: 5 before 10, names after numbers; None is clean, or not known.
        for value in sorted(groups, key=lambda value: (str(type(value)), value or 0.0)):
            label = f"{value:g} dB" if isinstance(value, float) else str(value or "no ratio")
            table.append((f"{label} ({len(groups[value])})", *means(groups[value])))
    table.append((f"all ({len(mine)})", *means(mine)))
    print_table(f"{engine} over the noisy input", HEADER, table)


def options_of():
    """Return the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=mixes.SETS, default="main")
    parser.add_argument("--quick", action="store_true", help="a fifth of the mixes")
    parser.add_argument("--engines", default=",".join(ENGINES), help="names, commas between")
    parser.add_argument("--breakdown", default="", help="whose; the first of all by default")
    parser.add_argument("--no-dnsmos", action="store_true")
    parser.add_argument("--workers", type=int, default=2, choices=(1, 2))
    parser.add_argument("--json", type=Path, help="write every score of every mix here")
    return parser.parse_args()


def main():
    """Score all engines and print the tables."""
    options = options_of()
    wanted = options.engines.split(",")
    if unknown := set(wanted) - set(ENGINES):
        raise SystemExit(f"no engine {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    names = [name for name in wanted if is_present(name)]
    with_dnsmos = not options.no_dnsmos and scores.has_dnsmos()
    made = mixes.make(options.set, quick=options.quick)
    rows = run(names, made, with_dnsmos=with_dnsmos, workers=options.workers)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    title = f"{len(made)} mixes of set {options.set}: gain over the noisy input"
    overview(rows, names, title)
    for engine in [*filter(None, options.breakdown.split(","))] or names[:1]:
        breakdown(rows, engine)


if __name__ == "__main__":
    main()
