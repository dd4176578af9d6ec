"""Kaldi's, HTK's and Whisper's features as their publications define them, in plain NumPy.

Written frame by frame and in double precision, apart from the code under test. `samples` is
``(samples,)`` in ±1; tables are ``(frames, columns)``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

EPSILON = float(np.finfo(np.float32).eps)


def frames_of(samples, rate):
    """Yield 25 ms every 10 ms, whole frames only, at a 16-bit scale."""
    width, hop = round(0.025 * rate), round(0.010 * rate)
    scaled = np.asarray(samples, np.float64) * 32768.0
    for start in range(0, len(scaled) - width + 1, hop):
        yield scaled[start : start + width].copy()


def preemphasized(frame):
    before = np.concatenate([frame[:1], frame[:-1]])
    return frame - 0.97 * before


def mel(frequency_hz):
    return 1127.0 * np.log(1.0 + np.asarray(frequency_hz) / 700.0)


@lru_cache(maxsize=8)
def triangles(rate, n_fft, n_bands, low_hz):
    """Return triangles over the mel scale, ``(bands, bins)``; the last bin is not looked at."""
    edges = np.linspace(mel(low_hz), mel(rate / 2.0), n_bands + 2)
    places = mel(np.arange(n_fft // 2) * rate / n_fft)
    weights = np.zeros((n_bands, len(places)))
    for band in range(n_bands):
        low, centre, high = edges[band : band + 3]
        for index, place in enumerate(places):
            if low < place <= centre:
                weights[band, index] = (place - low) / (centre - low)
            elif centre < place < high:
                weights[band, index] = (high - place) / (high - centre)
    return weights


def lifted(cepstrum):
    return cepstrum * (1.0 + 11.0 * np.sin(np.pi * np.arange(len(cepstrum)) / 22.0))


def kaldi_fbank(samples, rate, *, n_bands=80):
    """Kaldi's ``compute-fbank-feats --dither=0 --num-mel-bins=80``."""
    rows = []
    for frame in frames_of(samples, rate):
        width = len(frame)
        n_fft = 1 << (width - 1).bit_length()
        hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(width) / (width - 1))
        windowed = preemphasized(frame - frame.mean()) * hann**0.85
        power = np.abs(np.fft.fft(windowed, n_fft)) ** 2
        sums = triangles(rate, n_fft, n_bands, 20.0) @ power[: n_fft // 2]
        rows.append(np.log(np.maximum(sums, EPSILON)))
    return np.array(rows)


def kaldi_mfcc(samples, rate, *, n_bands=80, n_coefficients=13):
    """Kaldi's ``compute-mfcc-feats --dither=0 --use-energy=false``."""
    rows = []
    for logs in kaldi_fbank(samples, rate, n_bands=n_bands):
        angles = np.pi / n_bands * np.outer(np.arange(n_coefficients), np.arange(n_bands) + 0.5)
        cepstrum = np.sqrt(2.0 / n_bands) * np.cos(angles) @ logs
        cepstrum[0] = np.sqrt(1.0 / n_bands) * logs.sum()
        rows.append(lifted(cepstrum))
    return np.array(rows)


def kaldi_deltas(rows):
    """Kaldi's ``add-deltas``, orders 1 and 2, window 2."""
    once = np.arange(-2.0, 3.0) / 10.0
    tables = [rows]
    for weights in (once, np.convolve(once, once)):
        reach = len(weights) // 2
        slopes = np.zeros_like(rows)
        for index in range(len(rows)):
            for offset, weight in zip(range(-reach, reach + 1), weights, strict=True):
                slopes[index] += weight * rows[np.clip(index + offset, 0, len(rows) - 1)]
        tables.append(slopes)
    return np.concatenate(tables, axis=1)


def htk_fbank(samples, rate, *, n_bands=26):
    """HTK's ``FBANK`` with ``NUMCHANS=26, PREEMCOEF=0.97, USEHAMMING=T``."""
    rows = []
    for frame in frames_of(samples, rate):
        width = len(frame)
        n_fft = 1 << (width - 1).bit_length()
        hamming = 0.54 - 0.46 * np.cos(2.0 * np.pi * np.arange(width) / (width - 1))
        magnitude = np.abs(np.fft.fft(preemphasized(frame) * hamming, n_fft))
        sums = triangles(rate, n_fft, n_bands, 0.0) @ magnitude[: n_fft // 2]
        rows.append(np.log(np.maximum(sums, 1.0)))
    return np.array(rows)


def htk_regression(rows):
    """The HTK Book's equation 5.16 with a window of 2, outermost rows repeated."""
    padded = np.concatenate([rows[:1], rows[:1], rows, rows[-1:], rows[-1:]])
    n_rows = len(rows)
    ahead = [padded[2 + theta : 2 + theta + n_rows] for theta in (1, 2)]
    behind = [padded[2 - theta : 2 - theta + n_rows] for theta in (1, 2)]
    return ((ahead[0] - behind[0]) + 2.0 * (ahead[1] - behind[1])) / 10.0


def htk_mfcc(samples, rate, *, n_bands=26):
    """HTK's ``MFCC_0_D_A`` with ``NUMCEPS=12, CEPLIFTER=22``, the 0th coefficient first."""
    rows = []
    for logs in htk_fbank(samples, rate, n_bands=n_bands):
        angles = np.pi / n_bands * np.outer(np.arange(13), np.arange(n_bands) + 0.5)
        rows.append(lifted(np.sqrt(2.0 / n_bands) * np.cos(angles) @ logs))
    static = np.array(rows)
    delta = htk_regression(static)
    return np.concatenate([static, delta, htk_regression(delta)], axis=1)


def whisper_log10_mel(samples, bank):
    """Whisper's log-mel before its file-wide step; `bank` is ``(bands, 201)``."""
    padded = np.pad(np.asarray(samples, np.float64), 200, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(400) / 400.0)
    # All frames but the last, as the published code has it.
    starts = range(0, len(samples) // 160 * 160, 160)
    power = [np.abs(np.fft.rfft(padded[start : start + 400] * hann)) ** 2 for start in starts]
    return np.log10(np.maximum(np.array(power) @ bank.T, 1e-10))


def whisper_input(log10_mel):
    """Whisper's file-wide step."""
    return (np.maximum(log10_mel, log10_mel.max() - 8.0) + 4.0) / 4.0
