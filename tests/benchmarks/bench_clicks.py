"""Print what the repair of clicks and of clipping does to speech, beside its peers.

    python tests/benchmarks/bench_clicks.py [--quick] [--files 20] [--seconds 5]

Needs the packages of the extra `quality`. Clicks are drawn by a seed: samples, bursts and pops
of up to 2 ms, and dropouts. Recall counts those whose peak lies 6 dB and more (and 12 dB) above
the level of the 32 ms around them; precision is the share of stretches changed that touch a
click; "clean" is the PESQ of the recordings as they came, after repair, to themselves, and
false/s how many stretches of them change (peers hear every sixth). Clipping is cut to a ratio
of signal to distortion. RTF is CPU seconds per second of sound; set OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import contextlib
import time
import warnings
from dataclasses import dataclass, field

import av
import numpy as np
import soundfile
import soxr
from cost import print_table, recordings
from pesq import NoUtterancesError, pesq
from pystoi import stoi
from scipy.interpolate import CubicSpline
from scipy.signal import medfilt

from audiokit.denoise.clicks import ClickRepairer
from audiokit.denoise.clipping import ClippingRepairer
from audiokit.stage import StreamFormat
from audiokit.testing import render

SAMPLE_RATE = 16000
# Peak of a click over the level of the 32 ms around it. What is below the peaks of the voice
# itself (some 12 dB over its level) is often masked; below 6 dB it is drawn, not counted.
PEAK_DB = (-6.0, 42.0)
COUNTED_DB, LOUD_DB = 6.0, 12.0
# PESQ-WB of any recording to itself.
SAME_PESQ = 4.64
QUIETEST_DBFS = -50.0
KINDS = ("impulse", "burst", "pop", "dropout")
HEARD = ("audiokit clicks", "median of 5", "ffmpeg adeclick")
CLIP_SDR_DB = (1, 3, 5, 7, 10, 15)
# FFmpeg's filter takes 2.5 times the sound's own time at 1 dB.
ADECLIP_SDR_DB = (7, 10, 15)
CLICKS_HEADER = (
    "",
    f"recall {COUNTED_DB:+g} dB",
    f"{LOUD_DB:+g} dB",
    "precision",
    "PESQ",
    "SI-SDR dB",
    "clean PESQ",
    "lowest",
    "false/s",
    "RTF",
)
CLIPPING_HEADER = ("SDR in, method", "SI-SDR dB", "PESQ", "STOI", "RTF")


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
    n_false: int = 0
    clean_s: float = 0.0
    found: list = field(default_factory=list)

    def hits(self, low_db, below_db=np.inf):
        """Return which clicks of a loudness were touched; a dropout makes no noise."""
        return [
            hit
            for kind, peak_db, hit in self.found
            if kind != "dropout" and low_db <= peak_db < below_db
        ]


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
    paths = sorted((recordings() / "speech").glob("*"))
    paths = [path for path in paths if path.suffix in {".flac", ".wav", ".mp3", ".ogg", ".opus"}]
    step = -(-len(paths) // limit)
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
    changed = out != clicked
    inside = np.zeros(len(sound), np.bool_)
    for start, stop, kind, peak_db in truth:
        inside[max(0, start - 16) : stop + 16] = True
        score.found.append((kind, peak_db, bool(changed[start:stop].any())))
    edges = np.flatnonzero(np.diff(changed.astype(np.int8), prepend=0) == 1)
    score.n_touched += len(edges)
    score.n_right += int(np.count_nonzero(inside[edges]))


def score_clean(score, repair, sound):
    """Note what a method does to a file without clicks."""
    out = repair(sound)
    # The score of what is the same is known, and takes longer than the repair.
    is_same = np.array_equal(out, sound)
    score.clean_pesq.append(SAME_PESQ if is_same else pesq_wb(sound, out))
    edges = np.diff((out != sound).astype(np.int8), prepend=0) == 1
    score.n_false += int(np.count_nonzero(edges))
    score.clean_s += len(sound) / SAMPLE_RATE


def clicks_table(files, clean_files, per_s):
    """Print what becomes of clicks; peers hear of the clean files as many as are clicked."""
    methods = {
        "none": lambda sound: sound,
        "audiokit clicks": by_stage(ClickRepairer),
        "median of 5": by_median,
        "ffmpeg adeclick": by_ffmpeg("adeclick"),
    }
    scores = {name: Score() for name in methods}
    rng = np.random.default_rng(4)
    seconds = sum(len(sound) for _, sound in files) / SAMPLE_RATE
    for _, sound in files:
        clicked, truth = with_clicks(sound, rng, per_s)
        for name, repair in methods.items():
            score_clicks(scores[name], repair, sound, clicked, truth)
    for name, repair in methods.items():
        heard = clean_files if "audiokit" in name else clean_files[:: -(-len(clean_files) // 10)]
        for _, sound in heard:
            score_clean(scores[name], repair, sound)
    rows = [
        (
            name,
            *(f"{np.mean(hits):.3f}" for hits in (score.hits(COUNTED_DB), score.hits(LOUD_DB))),
            f"{score.n_right / max(1, score.n_touched):.3f}",
            f"{np.nanmean(score.pesq):.2f}",
            f"{np.mean(score.si_sdr_db):.1f}",
            f"{np.nanmean(score.clean_pesq):.2f}",
            f"{np.nanmin(score.clean_pesq):.2f}",
            f"{score.n_false / score.clean_s:.2f}",
            f"{score.cpu_s / seconds:.4f}",
        )
        for name, score in scores.items()
    ]
    title = f"clicks: {len(files)} files, {seconds:.0f} s, {per_s:g} per second"
    print_table(title, CLICKS_HEADER, rows)
    print_table(
        "recall of audiokit by kind (how many), and of all kinds but dropouts",
        ("", *KINDS, *HEARD),
        loudness_rows(scores),
    )
    names = [name for name, _ in clean_files]
    scored = sorted(zip(scores["audiokit clicks"].clean_pesq, names, strict=True))
    print("clean files changed most:", ", ".join(f"{n} {q:.2f}" for q, n in scored[:4]), "\n")


def loudness_rows(scores):
    """Yield how much is found of clicks of each loudness: ours by kind, then by each method."""
    ours = scores["audiokit clicks"].found
    for low_db in np.arange(PEAK_DB[0], PEAK_DB[1], 6.0):
        near = [(kind, hit) for kind, peak_db, hit in ours if 0 <= peak_db - low_db < 6]
        cells = [[hit for kind, hit in near if kind == wanted] for wanted in KINDS]
        cells += [scores[name].hits(low_db, low_db + 6) for name in HEARD]
        yield (f"{low_db:+.0f} to {low_db + 6:+.0f} dB", *map(share, cells))


def share(hits):
    """Return how many of some were hit, as text."""
    return f"{np.mean(hits):.2f} ({len(hits)})" if hits else "-"


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
    rows = [
        clipping_row(f"{sdr_db:2d} dB, {name}", repair, files, sdr_db)
        for sdr_db in CLIP_SDR_DB
        for name, repair in methods.items()
        if "adeclip" not in name or sdr_db in ADECLIP_SDR_DB
    ]
    print_table(f"clipping: {len(files)} files, {seconds:.0f} s", CLIPPING_HEADER, rows)


def clipping_row(name, repair, files, sdr_db):
    """Return what a method makes of one degree of clipping."""
    score = Score()
    for _, sound in files:
        scaled = sound / (1.1 * np.abs(sound).max())
        out = timed(score, repair, clipped_at(scaled, sdr_db))
        score.si_sdr_db.append(si_sdr_db(scaled, out))
        score.pesq.append(pesq_wb(scaled, out))
        score.stoi.append(stoi(scaled, out, SAMPLE_RATE))
    figures = (np.mean(score.si_sdr_db), np.nanmean(score.pesq))
    rtf = score.cpu_s * SAMPLE_RATE / sum(len(sound) for _, sound in files)
    return (name, *(f"{one:.2f}" for one in figures), f"{np.mean(score.stoi):.3f}", f"{rtf:.4f}")


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20, help="recordings that get clicks")
    parser.add_argument("--clean-files", type=int, default=60, help="recordings that get none")
    parser.add_argument("--clipping-files", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="most of each recording")
    parser.add_argument("--per-s", type=float, default=4.0, help="clicks per second")
    parser.add_argument("--quick", action="store_true", help="a third of the files")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    limits = (options.files, options.clean_files, options.clipping_files)
    limits = [max(1, limit // 3) if options.quick else limit for limit in limits]
    clicked, clean, clipped = (list(speech_files(limit, options.seconds)) for limit in limits)
    clicks_table(clicked, clean, options.per_s)
    clipping_table(clipped)


if __name__ == "__main__":
    main()
