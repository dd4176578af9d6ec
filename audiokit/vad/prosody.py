"""Melody and loudness of speech, a hundred times a second: what phrases are told by."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audiokit.stage import Analyzer, Block, StreamFormat
from audiokit.vad.scorer import FRAMES_PER_SECOND

__all__ = ["ProsodyTrack"]

_WINDOW_S = 0.04
_LOWEST_HZ, _HIGHEST_HZ = 65.0, 450.0
# Harmonics up to here carry the pitch; the grid of lags follows from it.
_BAND_HZ, _LAGS_PER_PERIOD = 2000.0, 4
_VOICED_FROM = 0.45
# Twice a period repeats as well as one: the shorter lag wins unless it is clearly worse.
_OCTAVE_COST = 0.04
_FRAMES_AT_ONCE = 64
_LEAST_POWER = 1e-14


class ProsodyTrack(Analyzer[NDArray[np.float32]]):
    """Audio to pitch and level.

    Each frame ``k`` looks through a 40 ms window around the middle of the 10 ms that begin at
    ``k / 100`` s. The pitch is the lag of the highest value of the autocorrelation below
    2 kHz, over the window's own; no track is fitted, so single frames may be an octave off.

    Args:
        fmt: Format of the stream; its channels are heard together.

    References:
        P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
        harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17 (1993): dividing by
        the window's autocorrelation, and the cost of an octave.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self._n_window = round(_WINDOW_S * fmt.sample_rate)
        self._n_fft = 1 << (2 * self._n_window - 1).bit_length()
        bin_hz = fmt.sample_rate / self._n_fft
        self._n_bins = min(round(_BAND_HZ / bin_hz), self._n_fft // 2) + 1
        self._n_lags = 2 * _LAGS_PER_PERIOD * (self._n_bins - 1) // 2
        self._lag_rate = self._n_lags * bin_hz
        self._first = math.floor(self._lag_rate / _HIGHEST_HZ)
        self._last = min(math.ceil(self._lag_rate / _LOWEST_HZ) + 1, self._n_lags // 2)
        window = np.hanning(self._n_window + 1)[:-1]
        self._window = window.astype(np.float32)
        # From the lag of 0 to the mean power below 2 kHz.
        self._scale = np.float32(math.sqrt(self._n_lags) / np.square(window).sum())
        own = self._autocorrelations(window[np.newaxis].astype(np.float32))[0]
        self._own = np.maximum(own / own[0], 0.05)
        lags = np.arange(self._first, self._last)
        self._cost = (_OCTAVE_COST * np.log2(lags / self._first)).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        # The first window reaches back before the stream: it finds silence there.
        hop = self.fmt.sample_rate // FRAMES_PER_SECOND
        self._held = np.zeros(self._n_window // 2 - hop // 2, np.float32)
        self._held_at = 0
        self._n_frames = 0
        self._n_samples = 0

    def process(self, block: Block) -> NDArray[np.float32]:
        """Take the next block; return the frames that are complete.

        Returns:
            ``(frames, 2)``: pitch in Hz, 0 where there is none, and level in dB.
        """
        self._n_samples += len(block)
        mono = np.add.reduce(block, axis=1) / np.float32(self.fmt.channels)
        return self._advance(mono)

    def flush(self) -> NDArray[np.float32]:
        done = self._n_frames
        total = -(-self._n_samples * FRAMES_PER_SECOND // self.fmt.sample_rate)
        return self._advance(np.zeros(self._n_window, np.float32))[: total - done]

    def _advance(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        held = np.concatenate([self._held, mono])
        rate = self.fmt.sample_rate
        end = self._held_at + len(held) - self._n_window
        n_ready = max(self._n_frames, ((end + 1) * FRAMES_PER_SECOND - 1) // rate + 1)
        frames = np.arange(self._n_frames, n_ready)
        starts = frames * rate // FRAMES_PER_SECOND - self._held_at
        self._n_frames = n_ready
        keep_from = n_ready * rate // FRAMES_PER_SECOND - self._held_at
        self._held, self._held_at = held[keep_from:].copy(), self._held_at + keep_from
        if not len(starts):
            return np.zeros((0, 2), np.float32)
        windows = sliding_window_view(held, self._n_window)
        parts = [
            self._track(windows[starts[at : at + _FRAMES_AT_ONCE]])
            for at in range(0, len(starts), _FRAMES_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _track(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        correlation = self._autocorrelations(frames * self._window)
        power = correlation[:, 0].copy()
        correlation /= np.maximum(power, _LEAST_POWER)[:, np.newaxis] * self._own
        merit = correlation[:, self._first : self._last] - self._cost
        best = np.argmax(merit, axis=1)
        rows = np.arange(len(frames))
        height = correlation[rows, best + self._first]
        pitch_hz = self._lag_rate / self._peak_lag(correlation, best + self._first)
        track = np.empty((len(frames), 2), np.float32)
        track[:, 0] = np.where((height >= _VOICED_FROM) & (power > _LEAST_POWER), pitch_hz, 0.0)
        track[:, 1] = 10.0 * np.log10(power * self._scale + _LEAST_POWER)
        return track

    def _autocorrelations(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return autocorrelations of what lies below 2 kHz, ``(frames, lags)``."""
        spectra = np.fft.rfft(frames, self._n_fft, norm="ortho")[:, : self._n_bins]
        power = np.square(spectra.real) + np.square(spectra.imag)
        lags = np.fft.irfft(power, self._n_lags, axis=1, norm="ortho")
        return lags.astype(np.float32, copy=False)

    def _peak_lag(
        self, correlation: NDArray[np.float32], lags: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return where a parabola through each peak and its neighbours is highest."""
        rows = np.arange(len(lags))
        before, at, after = (
            correlation[rows, lags + step].astype(np.float64) for step in (-1, 0, 1)
        )
        bend = np.minimum(before - 2.0 * at + after, -1e-9)
        shift: NDArray[np.float64] = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
        return shift + lags
