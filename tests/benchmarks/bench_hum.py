"""Hum and wind: what is taken away, what the voice loses, and what it costs, beside peers.

    python tests/benchmarks/bench_hum.py [--quick] [--every 5] [--seconds 8]

Speech of the recordings at 16 kHz, every so many files. Hum: ten lines with random phases, 6 dB
less per octave, on 50 or 60 Hz that swings by 0.2 Hz, each line's level by a tenth; as loud as
the speech. Its peer is a chain of SciPy's notches (Q 30) that is told the nominal frequency.
"later" leaves out the first second, in which a live stage finds the hum. "clean" is the PESQ of
speech as it was recorded after the stage, to itself: some recordings hum, and lose that; how
many change is told, and which change most. RTF is CPU time over the sound's length.

Wind: two recordings and noise made up (gusts, 1/f) at 5 dB, three voices, beside a high-pass
at 120 Hz and, on three mixes only because it takes seconds, noisereduce. Figures are means.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from cost import print_table, recordings

from audiokit.denoise.hum import HumRemover, HumSettings
from audiokit.denoise.wind import WindReducer
from audiokit.dsp.filters import Highpass, HighpassSettings
from audiokit.stage import StreamFormat

RATE = 16000
FMT = StreamFormat(RATE)
HUM_HEADER = ("", "SI-SDR in", "out", "later", "PESQ in", "out", "RTF")
CLEAN_HEADER = ("", "files", "changed", "PESQ", "lowest")
WIND_HEADER = ("", "mixes", "PESQ in", "out", "STOI in", "out", "SI-SDR in", "out", "RTF")
WIND_SNR_DB = 5.0
WIND_VOICES, SLOW_MIXES = 3, 3
# PESQ-WB of any recording to itself.
SAME_PESQ = 4.64


def load(path):
    """Return a recording at 16 kHz, mono."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), rate, RATE).astype(np.float32)


def voices(seconds):
    """Return the recordings of speech that last 2 s at least, by name."""
    paths = sorted((recordings() / "speech").iterdir())
    found = {path.name: load(path) for path in paths if path.suffix != ".json"}
    return {
        name: voice[: seconds * RATE] for name, voice in found.items() if len(voice) >= 2 * RATE
    }


def made_up_hum(n_samples, nominal_hz, rng):
    """Return hum of power 1."""
    time_s = np.arange(n_samples) / RATE
    swing_hz = 0.2 * np.sin(2 * np.pi * (0.1 * time_s + rng.uniform()))
    turns = np.cumsum(nominal_hz + swing_hz) / RATE
    hum = np.zeros(n_samples)
    for number in range(1, 11):
        level = (1 + 0.1 * np.sin(2 * np.pi * (0.15 * time_s + rng.uniform()))) / number
        hum += level * np.cos(2 * np.pi * (number * turns + rng.uniform()))
    return hum / np.sqrt(np.mean(hum**2))


def made_up_wind(n_samples, rng):
    """Return gusts of noise that falls by 12 dB per octave above 100 Hz, of power 1."""
    frequency_hz = np.fft.rfftfreq(n_samples, 1 / RATE)
    response = np.minimum(1, (np.maximum(frequency_hz, 1) / 100) ** -2.0) * (frequency_hz > 10)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples)) * response, n_samples)
    slow = np.fft.rfft(rng.standard_normal(n_samples)) * (frequency_hz < 1.0)
    gusts = np.fft.irfft(slow, n_samples)
    noise *= 10 ** (6 * gusts / gusts.std() / 20)
    return noise / np.sqrt(np.mean(noise**2))


def mix(voice, noise, snr_db):
    """Return a voice in noise of power 1."""
    level = np.sqrt(np.mean(np.square(voice, dtype=np.float64)) * 10 ** (-snr_db / 10))
    return (voice + level * noise).astype(np.float32)


def si_sdr_db(reference, estimate):
    """Return the scale-invariant ratio of a voice to all else, in dB."""
    reference, estimate = (block - np.mean(block) for block in (reference, estimate))
    target = reference * (np.vdot(estimate, reference) / np.vdot(reference, reference))
    return 10 * np.log10(np.vdot(target, target) / (np.vdot(estimate - target, estimate - target)))


def pesq_wb(reference, estimate):
    """Return PESQ-WB."""
    from pesq import pesq

    return pesq(RATE, reference, estimate, "wb")


def through(stage):
    """Return what a stage makes of a signal."""
    return lambda signal, _: np.concatenate([stage.process(signal[:, None]), stage.flush()])[:, 0]


def notched(signal, nominal_hz):
    """Return the signal through ten of SciPy's notches."""
    from scipy.signal import iirnotch, lfilter

    for number in range(1, 11):
        signal = lfilter(*iirnotch(number * nominal_hz, 30.0, RATE), signal)
    return signal.astype(np.float32)


def noisereduced(signal, _):
    """Return the signal through noisereduce at its defaults."""
    import noisereduce

    return noisereduce.reduce_noise(y=signal, sr=RATE).astype(np.float32)


def timed(change, signal, nominal_hz=0.0):
    """Return what comes out, and processor time over the signal's length."""
    begin_s = time.process_time()
    out = change(signal, nominal_hz)
    return out, (time.process_time() - begin_s) * RATE / len(signal)


def spectra(signal, _):
    """Do as much of the work as a bare transform of every hop: what the rest is measured by."""
    frames = np.lib.stride_tricks.sliding_window_view(signal, RATE // 10)[:: RATE // 40]
    np.fft.rfft(frames)
    return signal


def hum_row(name, make, speech):
    """Return a row of the table of hum."""
    rows = []
    for index, voice in enumerate(speech):
        nominal_hz = (50.0, 60.0)[index % 2]
        noisy = mix(voice, made_up_hum(len(voice), nominal_hz, np.random.default_rng(index)), 0.0)
        out, rtf = timed(make(), noisy, nominal_hz)
        later = si_sdr_db(voice[RATE:], out[RATE:])
        ratios = (si_sdr_db(voice, noisy), si_sdr_db(voice, out), later)
        rows.append((*ratios, pesq_wb(voice, noisy), pesq_wb(voice, out), rtf))
    *means, rtf = np.mean(rows, axis=0)
    return (name, *(f"{figure:.2f}" for figure in means), f"{rtf:.4f}")


def clean_row(name, make, speech):
    """Return how much recordings change as they are."""
    scores = {}
    for file, voice in speech.items():
        out = make()(voice, 60.0)
        if not np.array_equal(out, voice):
            scores[file] = pesq_wb(voice, out)
    n_same = len(speech) - len(scores)
    print(f"{name}, changed most:", ", ".join(sorted(scores, key=scores.get)[:5]))
    all_scores = [*scores.values(), *([SAME_PESQ] * n_same)]
    figures = (f"{np.mean(all_scores):.2f}", f"{min(all_scores):.2f}")
    return (name, len(speech), len(scores), *figures)


def wind_mixes(speech):
    """Yield kinds of wind, voices and mixes."""
    folder = recordings() / "noise"
    recorded = {name: load(folder / f"blanket_{name}.ogg") for name in ("wind", "storm")}
    for index, voice in enumerate(speech):
        for kind in (*recorded, "made up"):
            rng = np.random.default_rng(index)
            if kind == "made up":
                noise = made_up_wind(len(voice), rng)
            else:
                start = rng.integers(0, len(recorded[kind]) - len(voice))
                noise = recorded[kind][start : start + len(voice)]
            yield kind, voice, mix(voice, noise / np.sqrt(np.mean(noise**2)), WIND_SNR_DB)


def wind_row(name, make, mixes):
    """Return a row of the table of wind."""
    from pystoi import stoi

    rows = []
    for _, voice, noisy in mixes:
        out, rtf = timed(make(), noisy)
        pairs = (
            (score(voice, noisy), score(voice, out))
            for score in (pesq_wb, lambda one, other: stoi(one, other, RATE), si_sdr_db)
        )
        rows.append((*(one for pair in pairs for one in pair), rtf))
    *means, rtf = np.mean(rows, axis=0)
    return (name, len(mixes), *(f"{mean:.2f}" for mean in means), f"{rtf:.4f}")


def wind_rows(speech, changes, slow):
    """Yield each kind of wind by each change, and what is slow on the first few mixes."""
    mixes = list(wind_mixes(speech))
    for kind in dict.fromkeys(kind for kind, *_ in mixes):
        for name, make in changes.items():
            yield wind_row(f"{kind}: {name}", make, [one for one in mixes if one[0] == kind])
    for name, make in {**changes, **slow}.items():
        yield wind_row(f"first mixes: {name}", make, mixes[:SLOW_MIXES])


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="a third of the voices")
    options = parser.parse_args()
    speech = voices(options.seconds)
    if options.quick:
        speech = dict([*speech.items()][::3])
    few = [*speech.values()][:: options.every]
    ahead = HumSettings(lookahead_ms=500.0)
    ours = {
        "audiokit, live": lambda: through(HumRemover(FMT)),
        "audiokit, 500 ms look-ahead": lambda: through(HumRemover(FMT, ahead)),
    }
    peers = {
        "SciPy iirnotch, told the frequency": lambda: notched,
        "transforms alone": lambda: spectra,
    }
    rows = [hum_row(name, make, few) for name, make in {**ours, **peers}.items()]
    print_table(f"hum at 0 dB, {len(few)} voices", HUM_HEADER, rows)
    rows = [clean_row(name, make, speech) for name, make in ours.items()]
    few_by_name = dict([*speech.items()][:: options.every])
    rows.append(clean_row("SciPy iirnotch, 60 Hz", lambda: notched, few_by_name))
    print_table("speech as it was recorded", CLEAN_HEADER, rows)
    wind = {
        "audiokit": lambda: through(WindReducer(FMT)),
        "high-pass 120 Hz": lambda: through(Highpass(FMT, HighpassSettings(120.0))),
    }
    slow = {"noisereduce": lambda: noisereduced}
    rows = wind_rows(few[:WIND_VOICES], wind, slow)
    print_table(f"wind at {WIND_SNR_DB:g} dB", WIND_HEADER, rows)


if __name__ == "__main__":
    main()
