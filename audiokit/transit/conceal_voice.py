"""What comes next, as a voice would have it: its resonances ring on, its pulses come again."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.transit.conceal_period import LONGEST_PERIOD_S

__all__ = ["HEARD_S", "Voice"]

HEARD_S = 0.1
"""How much of the past is listened to."""
# The stretch whose resonances are taken, and how fast its window falls at its end.
_WINDOW_S, _FALL_S = 0.030, 0.004
# Noise that keeps the equations solvable: 50 dB below the sound.
_NOISE_SHARE = 1e-5
# At 16 kHz: widens each resonance by 50 Hz, so that it dies away within a period or few.
_WIDENING = 0.99
_REFERENCE_RATE = 16000
# After which even a resonance that would ring for ever is 87 dB down.
_RINGING_S = 0.0625
_TAPS, _PHASES = 8, 64
_SILENCE = 1e-16

Vectors = NDArray[np.float64]


class Voice:
    """The end of what was heard, taken apart into resonances and what excites them.

    Args:
        heard: ``(channels, samples)``, the end last; 15 ms or more.
        sample_rate: In Hz.
        period_samples: After which it repeats itself (see `find_repetition`).

    References:
        Linear prediction by the autocorrelation method: J. Makhoul, "Linear prediction: a
        tutorial review", Proceedings of the IEEE 63(4), 1975.
    """

    def __init__(self, heard: Vectors, sample_rate: int, period_samples: float) -> None:
        self._order = order = 16 + sample_rate // 1000
        self._n_ringing = round(_RINGING_S * sample_rate)
        self._period = period_samples
        self._filters = _prediction(heard, sample_rate, order)
        self._past = heard[:, heard.shape[1] - order :]
        n_kept = min(int(3.0 * LONGEST_PERIOD_S * sample_rate), heard.shape[1] - order)
        late = heard[:, heard.shape[1] - n_kept - order :]
        self._excitation = np.stack(
            [
                np.convolve(row, taps, "valid")
                for row, taps in zip(late, self._filters, strict=True)
            ]
        )

    def continued(
        self, n_samples: int, *, slopes: tuple[float, ...], n_changing: float, noisy: bool = True
    ) -> Vectors:
        """Return ways to go on.

        Args:
            n_samples: How long.
            slopes: For each way, by how much its period grows for each sample that goes by.
            n_changing: For how many samples it does.
            noisy: Add one way that is noise.

        Returns:
            ``(ways, channels, n_samples)``; the noise last.
        """
        ways = [self._again(n_samples, slope, n_changing) for slope in slopes]
        if noisy:
            ways.append(self._noise(n_samples))
        return self._resound(np.stack(ways))

    def _again(self, n_samples: int, slope: float, n_changing: float) -> Vectors:
        """Return the last period of the excitation, again and again."""
        period = self._period
        time = np.arange(n_samples, dtype=np.float64)
        # The number of periods gone by is the integral of 1 / (period (1 + slope t)), and the
        # period does not change for ever.
        gone = time / period
        if slope:
            changing = np.minimum(time, n_changing)
            last = period * (1.0 + slope * n_changing)
            gone = np.log1p(slope * changing) / (slope * period) + (time - changing) / last
        n_kept = self._excitation.shape[1]
        position = n_kept + (gone - np.floor(gone) - 1.0) * period
        whole = np.floor(position).astype(np.intp)
        phase = ((position - whole) * _PHASES).astype(np.intp)
        places = whole[:, np.newaxis] + np.arange(1 - _TAPS // 2, 1 + _TAPS // 2)
        # What would follow the end is what followed one period before it.
        places = np.where(places >= n_kept, places - round(period), places)
        again: Vectors = np.einsum("cnt,nt->cn", self._excitation[:, places], _kernels()[phase])
        return again

    def _noise(self, n_samples: int) -> Vectors:
        """Return noise as loud as the excitation of late, the same in every gap."""
        n_late = self._excitation.shape[1] // 3
        level = np.sqrt(np.square(self._excitation[:, -n_late:]).mean(axis=1, keepdims=True))
        noise: Vectors = level * _noise_of(len(self._excitation), n_samples)
        return noise

    def _resound(self, excitations: Vectors) -> Vectors:
        """Let the resonances ring on, excited anew: ``(ways, channels, samples)``."""
        n_samples, order = excitations.shape[2], self._order
        # Room for what rings on after the end, so that it does not come round to the start.
        n_transform = -(-(n_samples + self._n_ringing) // 256) * 256
        driven = np.zeros((*excitations.shape[:2], n_transform))
        driven[:, :, :n_samples] = excitations
        # What the past alone makes of the next samples, as if it had been excitation.
        backwards = self._past[:, ::-1]
        for row, (taps, past) in enumerate(zip(self._filters, backwards, strict=True)):
            driven[:, row, :order] -= _ringing(taps, past)
        spectra = np.fft.rfft(driven) / np.fft.rfft(self._filters, n_transform)
        sounds: Vectors = np.fft.irfft(spectra, n_transform)[:, :, :n_samples]
        return sounds


def _ringing(taps: Vectors, backwards: Vectors) -> Vectors:
    """Return the sums over the past that enter each of the next samples, ``(order,)``."""
    order = len(backwards)
    # Sample n still hears taps n + 1 and on, the latest of the past first.
    sums: Vectors = np.convolve(taps[:0:-1], backwards)[order - 1 :: -1][:order]
    return sums


def _prediction(heard: Vectors, sample_rate: int, order: int) -> Vectors:
    """Return prediction-error filters, ``(channels, order + 1)``."""
    n_late = min(round(_WINDOW_S * sample_rate), heard.shape[1])
    late = heard[:, heard.shape[1] - n_late :]
    windowed = late * _window(late.shape[1], round(_FALL_S * sample_rate))
    n_transform = 1 << (2 * late.shape[1] - 1).bit_length()
    spectra = np.fft.rfft(windowed, n_transform)
    power = np.square(spectra.real) + np.square(spectra.imag)
    correlation = np.fft.irfft(power, n_transform)[:, : order + 1]
    correlation[:, 0] *= 1.0 + _NOISE_SHARE
    correlation[:, 0] += _SILENCE
    distance = np.arange(order)
    matrix = correlation[:, np.abs(distance[:, np.newaxis] - distance)]
    filters = np.ones((len(heard), order + 1))
    filters[:, 1:] = -np.linalg.solve(matrix, correlation[:, 1:, np.newaxis])[:, :, 0]
    filters *= _WIDENING ** (np.arange(order + 1) * (_REFERENCE_RATE / sample_rate))
    return filters


@lru_cache(maxsize=8)
def _window(n_samples: int, n_fall: int) -> Vectors:
    """Return a window that rises slowly and falls fast: the end matters most."""
    n_rise = n_samples - n_fall
    rise = np.sin(0.5 * np.pi * (np.arange(n_rise) + 0.5) / n_rise)
    fall = np.cos(0.5 * np.pi * (np.arange(n_fall) + 0.5) / n_fall)
    window: Vectors = np.square(np.concatenate([rise, fall]))
    return window


@lru_cache(maxsize=1)
def _kernels() -> Vectors:
    """Return what reads between samples, ``(_PHASES, _TAPS)``: windowed sinc functions."""
    fraction = (np.arange(_PHASES)[:, np.newaxis] + 0.5) / _PHASES
    distance = fraction - np.arange(1 - _TAPS // 2, 1 + _TAPS // 2)
    kernels = np.sinc(distance) * np.square(np.cos(np.pi * distance / (_TAPS + 1)))
    summed: Vectors = kernels / kernels.sum(axis=1, keepdims=True)
    return summed


@lru_cache(maxsize=8)
def _noise_of(channels: int, n_samples: int) -> Vectors:
    noise: Vectors = np.random.default_rng(1).standard_normal((n_samples, channels)).T
    return noise
