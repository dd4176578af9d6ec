"""Print what the repair of clicks and of clipping does to speech, beside its peers.

Run as a script, with the packages of the extra `quality`. Clicks and levels of clipping
are drawn by a seed. RTF is CPU seconds per second of sound; set OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from pesq import NoUtterancesError, pesq
from pystoi import stoi
from scipy.interpolate import CubicSpline
from scipy.signal import medfilt

from audiokit.denoise.clicks import ClickRepairer
from audiokit.denoise.clipping import ClippingRepairer
from audiokit.stage import StreamFormat
from audiokit.testing import render

PROJECT = Path(__file__).resolve().parent.parent.parent
DATA = Path(os.environ.get("AUDIOKIT_TEST_DATA", PROJECT.parent / "shared" / "data"))
SAMPLE_RATE = 16000
# Peak of a click over the level of the 32 ms around it. One that is weaker than the speech
# by its level is masked more often than heard, so it is drawn but does not count.
PEAK_DB = (-6.0, 42.0)
COUNTED_DB = 12.0
QUIETEST_DBFS = -50.0
KINDS = ("impulse", "burst", "pop", "dropout")
CLIP_SDR_DB = (1, 3, 5, 7, 10, 15)


@dataclass
class Score:
    """What one method made of all files."""

    pesq: list = field(default_factory=list)
    stoi: list = field(default_factory=list)
    si_sdr_db: list = field(default_factory=list)
    clean_pesq: list = field(default_factory=list)
    cpu_s: float = 0.0
    n_touched: int = 0
    n_right: int = 0
    found: list = field(default_factory=list)


def si_sdr_db(reference, estimate):
    """Return the scale-invariant ratio of signal to distortion, in dB."""
    reference, estimate = reference.astype(np.float64), estimate.astype(np.float64)
    target = reference * (estimate @ reference) / (reference @ reference)
    return 10 * np.log10((target @ target) / (np.sum((estimate - target) ** 2) + 1e-12))


def pesq_wb(reference, estimate):
    """Return the wide-band score; estimates above full scale are turned down first."""
    peak = max(1.0, float(np.abs(estimate).max()))
    try:
        return pesq(SAMPLE_RATE, reference, (estimate / peak).astype(np.float32), "wb")
    except NoUtterancesError:
        return float("nan")


def speech_files(limit, seconds):
    """Yield name and samples of recordings at 16 kHz."""
    paths = sorted((DATA / "speech").glob("*"))
    paths = [path for path in paths if path.suffix in {".flac", ".wav", ".mp3", ".ogg", ".opus"}]
    step = max(1, len(paths) // limit)
    for path in paths[::step]:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if rate >= SAMPLE_RATE:
            mono = sound[: int(seconds * rate), 0]
            yield path.name, soxr.resample(mono, rate, SAMPLE_RATE).astype(np.float32)


def click(rng, kind, length, sound):
    """Return the samples to add, its peak 1 (but for a dropout)."""
    if kind == "dropout":
        return -sound[: max(3, length)].astype(np.float64)
    if kind == "impulse":
        return rng.choice([-1.0, 1.0], 1)
    place = np.arange(length)
    shape = rng.uniform(-1, 1, length)
    if kind == "pop":
        turn = rng.uniform(0.02, 0.45)
        shape = np.exp(-3 * place / length) * np.cos(2 * np.pi * place * turn + rng.uniform(-1, 1))
    return shape / np.abs(shape).max()


def with_clicks(sound, rng, per_s):
    """Return the sound with clicks and, for each, its start, stop and peak in dB."""
    out = sound.astype(np.float64)
    window = round(0.032 * SAMPLE_RATE)
    power = np.convolve(out**2, np.ones(window) / window, "same")
    truth = []
    start = 0.1 * SAMPLE_RATE
    while (start := start + rng.uniform(0.4, 1.6) * SAMPLE_RATE / per_s) < len(out) - 1600:
        place, kind = int(start), KINDS[rng.integers(len(KINDS))]
        # From one sample to 2 ms, evenly in the logarithm.
        length = int(np.exp(rng.uniform(0, np.log(0.002 * SAMPLE_RATE))))
        level = max(float(np.sqrt(power[place])), 10 ** (QUIETEST_DBFS / 20))
        shape = click(rng, kind, length, sound[place:])
        peak = level * 10 ** (rng.uniform(*PEAK_DB) / 20)
        change = shape if kind == "dropout" else min(1.0, peak) * shape
        stop = place + len(change)
        out[place:stop] = np.clip(out[place:stop] + change, -1, 1)
        height = np.abs(out[place:stop] - sound[place:stop]).max()
        truth.append((place, stop, kind, 20 * np.log10(max(height, 1e-9) / level)))
    return out.astype(np.float32), truth


def pulled(graph):
    """Yield what a graph has ready, until its end."""
    with contextlib.suppress(av.FFmpegError):
        while True:
            yield graph.pull().to_ndarray()[0]


def by_ffmpeg(name):
    """Return a function that filters by FFmpeg's filter of that name."""

    def repair(sound):
        graph = av.filter.Graph()
        source = graph.add_abuffer(
            format="fltp", sample_rate=SAMPLE_RATE, layout="mono", time_base=f"1/{SAMPLE_RATE}"
        )
        graph.link_nodes(source, graph.add(name), graph.add("abuffersink")).configure()
        frame = av.AudioFrame.from_ndarray(sound[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, 0
        graph.push(frame)
        graph.push(None)
        pieces = list(pulled(graph))
        out = np.concatenate(pieces)[: len(sound)]
        return np.pad(out, (0, len(sound) - len(out))).astype(np.float32)

    return repair


def by_stage(kind):
    """Return a function that passes a sound through one of our stages."""

    def repair(sound):
        return render(kind(StreamFormat(SAMPLE_RATE)), [sound[:, np.newaxis]])[:, 0]

    return repair


def by_spline(sound):
    """Bridge samples at the extremes by a cubic through their neighbours."""
    limit = 0.999 * np.abs(sound).max()
    known = np.flatnonzero(np.abs(sound) < limit)
    return CubicSpline(known, sound[known])(np.arange(len(sound))).astype(np.float32)


def by_median(sound):
    """Replace each sample by the median of five."""
    return medfilt(sound, 5).astype(np.float32)


def timed(score, repair, sound):
    """Return the repaired sound and count its cost."""
    began_s = time.process_time()
    out = repair(sound)
    score.cpu_s += time.process_time() - began_s
    return out


def score_clicks(score, repair, sound, clicked, truth):
    """Count what a method did to one file."""
    out = timed(score, repair, clicked)
    score.pesq.append(pesq_wb(sound, out))
    score.si_sdr_db.append(si_sdr_db(sound, out))
    score.clean_pesq.append(pesq_wb(sound, repair(sound)))
    changed = out != clicked
    inside = np.zeros(len(sound), np.bool_)
    for start, stop, kind, peak_db in truth:
        inside[max(0, start - 16) : stop + 16] = True
        score.found.append((kind, peak_db, bool(changed[start:stop].any())))
    edges = np.flatnonzero(np.diff(changed.astype(np.int8), prepend=0) == 1)
    score.n_touched += len(edges)
    score.n_right += int(np.count_nonzero(inside[edges]))


def clicks_table(files, per_s):
    """Print what becomes of clicks."""
    methods = {
        "none": lambda sound: sound,
        "audiokit clicks": by_stage(ClickRepairer),
        "median of 5": by_median,
        "ffmpeg adeclick": by_ffmpeg("adeclick"),
    }
    scores = {name: Score() for name in methods}
    rng = np.random.default_rng(4)
    false_alarms = 0
    seconds = 0.0
    for _, sound in files:
        clicked, truth = with_clicks(sound, rng, per_s)
        seconds += len(sound) / SAMPLE_RATE
        stage = ClickRepairer(StreamFormat(SAMPLE_RATE))
        render(stage, [sound[:, np.newaxis]])
        false_alarms += stage.facts()["n_clicks"]
        for name, repair in methods.items():
            score_clicks(scores[name], repair, sound, clicked, truth)
    print(f"\nclicks: {len(files)} files, {seconds:.0f} s, {per_s:g} clicks per second")
    header = "method               recall precision   PESQ SI-SDR dB clean PESQ  lowest     RTF"
    print(header)
    for name, score in scores.items():
        counted = [hit for kind, peak_db, hit in score.found if _counts(kind, peak_db)]
        precision = score.n_right / max(1, score.n_touched)
        print(
            f"{name:20} {np.mean(counted):6.3f} {precision:9.3f} {np.nanmean(score.pesq):6.2f}"
            f" {np.mean(score.si_sdr_db):9.1f} {np.nanmean(score.clean_pesq):10.2f}"
            f" {np.nanmin(score.clean_pesq):7.2f} {score.cpu_s / seconds:7.4f}"
        )
    print(f"recall counts clicks {COUNTED_DB:g} dB and more above the speech around them;")
    print("precision is the share of stretches changed that touch a click.")
    print(f"audiokit changes {false_alarms / seconds:.2f} places per second of clean speech.")
    found = scores["audiokit clicks"].found
    for low_db in np.arange(PEAK_DB[0], PEAK_DB[1], 6.0):
        row = [
            [hit for k, peak_db, hit in found if k == kind and 0 <= peak_db - low_db < 6]
            for kind in KINDS
        ]
        cells = [
            f"{kind} {np.mean(h):.2f} ({len(h)})" for kind, h in zip(KINDS, row, strict=True) if h
        ]
        print(f"  peak {low_db:+3.0f} to {low_db + 6:+3.0f} dB, recall: {', '.join(cells)}")


def _counts(kind, peak_db):
    return kind != "dropout" and peak_db >= COUNTED_DB


def clipped_at(sound, sdr_db):
    """Return the sound clipped so far that the distortion lies that much below it."""
    low, high = 1e-4, float(np.abs(sound).max())
    for _ in range(40):
        level = np.sqrt(low * high)
        rest = sound - np.clip(sound, -level, level)
        is_enough = 10 * np.log10((sound @ sound) / (rest @ rest + 1e-20)) > sdr_db
        low, high = (low, level) if is_enough else (level, high)
    return np.clip(sound, -level, level).astype(np.float32)


def clipping_table(files):
    """Print what becomes of clipping."""
    methods = {
        "none": lambda sound: sound,
        "audiokit clipping": by_stage(ClippingRepairer),
        "cubic spline": by_spline,
        "ffmpeg adeclip": by_ffmpeg("adeclip"),
    }
    seconds = sum(len(sound) for _, sound in files) / SAMPLE_RATE
    print(f"\nclipping: {len(files)} files, {seconds:.0f} s")
    print("SDR in  method               SI-SDR dB   PESQ   STOI     RTF")
    for sdr_db in CLIP_SDR_DB:
        for name, repair in methods.items():
            score = Score()
            for _, sound in files:
                scaled = sound / (1.1 * np.abs(sound).max())
                out = timed(score, repair, clipped_at(scaled, sdr_db))
                score.si_sdr_db.append(si_sdr_db(scaled, out))
                score.pesq.append(pesq_wb(scaled, out))
                score.stoi.append(stoi(scaled, out, SAMPLE_RATE))
            print(
                f"{sdr_db:6d}  {name:20} {np.mean(score.si_sdr_db):9.2f}"
                f" {np.nanmean(score.pesq):6.2f} {np.mean(score.stoi):6.3f}"
                f" {score.cpu_s / seconds:7.4f}"
            )


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=60, help="most recordings for clicks")
    parser.add_argument("--clipping-files", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=8.0, help="most of each recording")
    parser.add_argument("--per-s", type=float, default=4.0, help="clicks per second")
    options = parser.parse_args()
    if not (DATA / "MANIFEST.csv").is_file():
        sys.exit(f"no recordings in {DATA}; set AUDIOKIT_TEST_DATA")
    warnings.simplefilter("ignore", RuntimeWarning)
    clicks_table(list(speech_files(options.files, options.seconds)), options.per_s)
    clipping_table(list(speech_files(options.clipping_files, options.seconds)))


if __name__ == "__main__":
    main()
