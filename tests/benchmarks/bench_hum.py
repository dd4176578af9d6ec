"""Hum and wind: what is taken away, what the voice loses, and what it costs, beside peers.

    python tests/benchmarks/bench_hum.py [--every 6] [--seconds 8]

Speech of the recordings at 16 kHz, every so many files. Hum: ten lines with random phases, 6 dB
less per octave, on 50 or 60 Hz that swings by 0.2 Hz, each line's level by a tenth; as loud as
the speech. Its peer is a chain of SciPy's notches (Q 30) that is told the nominal frequency.
Wind: two recordings and noise made up (gusts, 1/f), beside a high-pass at 120 Hz and
noisereduce. Figures are means; "later" leaves out the first second, in which a live stage finds
the hum. "clean" is the PESQ of untouched speech after the stage, to itself.
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
HUM_HEADER = ("", "SI-SDR in", "out", "later", "PESQ in", "out", "clean", "clean min", "RTF")
WIND_HEADER = ("", "PESQ in", "out", "STOI in", "out", "SI-SDR in", "out", "RTF")


def load(path):
    """Return a recording at 16 kHz, mono."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), rate, RATE).astype(np.float32)


def voices(every, seconds):
    """Return every so many recordings of speech, 2 s at least."""
    paths = sorted((recordings() / "speech").iterdir())
    found = [load(path) for path in paths if path.suffix != ".json"]
    return [voice[: seconds * RATE] for voice in found if len(voice) >= 2 * RATE][::every]


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


def hum_row(name, make, speech):
    """Return a row of the table of hum."""
    rows, clean = [], []
    for index, voice in enumerate(speech):
        nominal_hz = (50.0, 60.0)[index % 2]
        noisy = mix(voice, made_up_hum(len(voice), nominal_hz, np.random.default_rng(index)), 0.0)
        out, rtf = timed(make(), noisy, nominal_hz)
        later = si_sdr_db(voice[RATE:], out[RATE:])
        ratios = (si_sdr_db(voice, noisy), si_sdr_db(voice, out), later)
        rows.append((*ratios, pesq_wb(voice, noisy), pesq_wb(voice, out), rtf))
        clean.append(pesq_wb(voice, make()(voice, nominal_hz)))
    *means, rtf = np.mean(rows, axis=0)
    figures = (*means, np.mean(clean), np.min(clean))
    return (name, *(f"{figure:.2f}" for figure in figures), f"{rtf:.4f}")


def wind_rows(speech, changes):
    """Yield the rows of the table of wind."""
    from pystoi import stoi

    folder = recordings() / "noise"
    recorded = {name: load(folder / f"blanket_{name}.ogg") for name in ("wind", "storm")}
    for kind in (*recorded, "made up"):
        for snr_db in (0, 5, 10):
            rows = {name: [] for name in changes}
            for index, voice in enumerate(speech):
                rng = np.random.default_rng(index)
                if kind == "made up":
                    noise = made_up_wind(len(voice), rng)
                else:
                    start = rng.integers(0, len(recorded[kind]) - len(voice))
                    noise = recorded[kind][start : start + len(voice)]
                noisy = mix(voice, noise / np.sqrt(np.mean(noise**2)), snr_db)
                before = (pesq_wb(voice, noisy), stoi(voice, noisy, RATE), si_sdr_db(voice, noisy))
                for name, make in changes.items():
                    out, rtf = timed(make(), noisy)
                    after = (pesq_wb(voice, out), stoi(voice, out, RATE), si_sdr_db(voice, out))
                    pairs = zip(before, after, strict=True)
                    rows[name].append((*(one for pair in pairs for one in pair), rtf))
            for name, row in rows.items():
                *means, rtf = np.mean(row, axis=0)
                figures = (f"{mean:.2f}" for mean in means)
                yield (f"{kind}, {snr_db} dB: {name}", *figures, f"{rtf:.4f}")


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    speech = voices(options.every, options.seconds)
    ahead = HumSettings(lookahead_ms=500.0)
    hum = {
        "audiokit, live": lambda: through(HumRemover(FMT)),
        "audiokit, 500 ms look-ahead": lambda: through(HumRemover(FMT, ahead)),
        "SciPy iirnotch, told the frequency": lambda: notched,
    }
    rows = [hum_row(name, make, speech) for name, make in hum.items()]
    print_table(f"hum at 0 dB, {len(speech)} voices", HUM_HEADER, rows)
    wind = {
        "audiokit": lambda: through(WindReducer(FMT)),
        "high-pass 120 Hz": lambda: through(Highpass(FMT, HighpassSettings(120.0))),
        "noisereduce": lambda: noisereduced,
    }
    print_table(f"wind, {len(speech)} voices", WIND_HEADER, wind_rows(speech, wind))


if __name__ == "__main__":
    main()
