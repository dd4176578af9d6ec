"""Levels in twenty critical bands, a hundred times a second, at any sample rate.

Windows are measured in time and not in samples, and sixteen of the bands lie below what any
rate from 8 kHz on can carry: so a telephone call and a studio recording of the same words
look alike to what comes after, but for the bands above.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audiokit.dsp.framing import next_smooth
from audiokit.errors import SettingError
from audiokit.stage import Block, StreamFormat
from audiokit.vad.scorer import FRAMES_PER_SECOND, MIN_SAMPLE_RATE

__all__ = ["ABSENT_DB", "N_BANDS", "N_TELEPHONE_BANDS", "BandLevels"]

N_BANDS, N_TELEPHONE_BANDS = 20, 16
ABSENT_DB = np.float32(-140.0)
"""Of a band in digital silence, and of one above what the sample rate can carry."""
# Zwicker's critical bands 2 to 21, the sixteenth cut where telephone filters begin to fall.
_EDGES_HZ = (
    *(100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700),
    *(3150, 3800, 4400, 5300, 6400, 7700),
)
_WINDOW_S = 0.048
# Below the lowest voice: what a polynomial of this order can follow within a window, up to
# about 50 Hz, is rumble, and would leak into all bands.
_RUMBLE_ORDER = 5
_LEAST_MAGNITUDE = 1e-7
_FRAMES_AT_ONCE = 64  # temporaries of this many frames stay in the cache
_POWER_FLOOR = 1e-14  # `ABSENT_DB`, 30 dB below the noise of 16-bit rounding in one band
# Where a voice repeats itself: from 70 to 400 Hz, heard in its harmonics up to 1 kHz.
_HARMONICS_HZ, _PITCH_HZ = (60.0, 1000.0), (70.0, 400.0)


class BandLevels:
    """Turn a stream into band levels, and how periodic it is, on a 10 ms grid.

    Frame ``k`` describes the time from ``k`` to ``k + 1`` hundredths of a second, seen
    through a 48 ms window around its middle. Channels are averaged in power, so that
    opposite polarities do not cancel. Holds back 48 ms at most.

    Args:
        fmt: Format of the stream; 8000 Hz or more.

    Raises:
        SettingError: The sample rate is below 8000 Hz.

    References:
        P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
        harmonics-to-noise ratio of a sampled sound", Proc. Institute of Phonetic Sciences 17
        (1993): dividing an autocorrelation by the window's own, here
        by its root. T. Tolonen and M. Karjalainen,
        "A computationally efficient multipitch analysis model", IEEE Trans. Speech Audio
        Process. 8(6), 2000: the autocorrelation of a compressed spectrum.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        if fmt.sample_rate < MIN_SAMPLE_RATE:
            raise SettingError(
                "sample_rate", fmt.sample_rate, f"{MIN_SAMPLE_RATE} Hz or more", "Resample first."
            )
        self.fmt = fmt
        self._n_window = round(_WINDOW_S * fmt.sample_rate)
        n_fft = next_smooth(self._n_window)
        self._n_fft = n_fft
        window = np.hanning(self._n_window + 1)[:-1]
        bin_hz = fmt.sample_rate / n_fft
        edges = np.ceil(np.array(_EDGES_HZ) / bin_hz - 1e-9).astype(np.intp)
        edges = edges[edges <= n_fft // 2 + 1]
        self._n_bands = len(edges) - 1
        lowest, highest = (round(hz / bin_hz) for hz in _HARMONICS_HZ)
        self._harmonics = slice(2 * lowest, 2 * highest)
        # Twice as fine as the bins would have it.
        self._n_lags = 4 * highest
        first, last = (round(self._n_lags * bin_hz / hz) for hz in reversed(_PITCH_HZ))
        self._lags = slice(first, last + 1)
        # Each bin is two neighbours in memory, real and imaginary.
        self._first, self._last = 2 * int(edges[0]), 2 * int(edges[-1])
        self._starts = 2 * (edges[:-1] - edges[0])
        # The mean power of a bin, so that white noise reads alike in every band and rate.
        scale = n_fft / (np.diff(edges) * (window**2).sum() * fmt.channels)
        self._scale = scale.astype(np.float32)
        self._window = window.astype(np.float32)
        self._rumble = _slow_shapes(window)
        self._expected = self._of_a_pulse(window)
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        # The first window reaches back before the stream: it finds silence there.
        hop = self.fmt.sample_rate // FRAMES_PER_SECOND
        self._held = self.fmt.silence(self._n_window // 2 - hop // 2)
        self._held_at = 0
        self._n_frames = 0
        self._n_samples = 0

    def process(self, block: Block) -> NDArray[np.float32]:
        """Take the next block; return the frames that are complete.

        Returns:
            ``(frames, N_BANDS + 1)``: dB relative to full-scale white noise, `ABSENT_DB` in
            silence; then the highest value of the autocorrelation (of the root of the
            spectrum's power) at a lag that voices have, divided by the root of that of one
            pulse: 0 in silence, about 0.17 in white noise, 0.6 to 1 of steady voices.
        """
        self._n_samples += len(block)
        return self._advance(block)

    def flush(self) -> NDArray[np.float32]:
        """End the stream and return the frames that its last samples begin."""
        done = self._n_frames
        total = -(-self._n_samples * FRAMES_PER_SECOND // self.fmt.sample_rate)
        return self._advance(self.fmt.silence(self._n_window))[: total - done]

    def _advance(self, block: Block) -> NDArray[np.float32]:
        held = np.concatenate([self._held, block])
        end = self._held_at + len(held) - self._n_window
        # Frame k starts at floor(k * rate / 100): the last one that fits.
        n_ready = ((end + 1) * FRAMES_PER_SECOND - 1) // self.fmt.sample_rate + 1
        frames = np.arange(self._n_frames, max(n_ready, self._n_frames))
        starts = frames * self.fmt.sample_rate // FRAMES_PER_SECOND - self._held_at
        self._n_frames += len(frames)
        keep_from = self._n_frames * self.fmt.sample_rate // FRAMES_PER_SECOND - self._held_at
        self._held, self._held_at = held[keep_from:].copy(), self._held_at + keep_from
        return self._describe(held, starts)

    def _describe(self, held: Block, starts: NDArray[np.intp]) -> NDArray[np.float32]:
        described = np.full((len(starts), N_BANDS + 1), ABSENT_DB, np.float32)
        if not len(starts):
            return described
        # A contiguous column of windows for each channel.
        windows = [sliding_window_view(channel, self._n_window) for channel in held.T]
        for at in range(0, len(starts), _FRAMES_AT_ONCE):
            part = slice(at, at + _FRAMES_AT_ONCE)
            squares = self._squares(windows[0][starts[part]])
            for others in windows[1:]:
                squares += self._squares(others[starts[part]])
            described[part, : self._n_bands] = self._levels_db(squares)
            described[part, N_BANDS] = self._periodicity(squares)
        return described

    def _squares(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the squares of real and imaginary parts, side by side."""
        frames *= self._window
        # Each product has the shape of one frame: the same bits for every cutting.
        slow = np.matmul(frames[:, np.newaxis], self._rumble)
        frames -= np.matmul(slow, self._rumble.T)[:, 0]
        # With the default norm, NumPy passes an integer factor and so leaves single
        # precision: three times slower.
        spectrum = np.fft.rfft(frames, self._n_fft, norm="ortho").view(np.float32)
        return np.square(spectrum, out=spectrum)

    def _levels_db(self, squares: NDArray[np.float32]) -> NDArray[np.float32]:
        power = np.add.reduceat(squares[:, self._first : self._last], self._starts, axis=1)
        power *= self._scale
        power += np.float32(_POWER_FLOOR)
        levels: NDArray[np.float32] = np.log10(power, out=power)
        levels *= np.float32(10.0)
        return levels

    def _periodicity(self, squares: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how high the autocorrelation is at the best lag, of what it is at none."""
        correlation = self._correlation(squares)
        # Of digital silence, nothing is left to divide by.
        none = np.maximum(correlation[:, :1], np.float32(_LEAST_MAGNITUDE))
        at_lags: NDArray[np.float32] = correlation[:, self._lags] / (none * self._expected)
        peak: NDArray[np.float32] = np.maximum.reduce(at_lags, axis=1)
        return peak

    def _correlation(self, squares: NDArray[np.float32]) -> NDArray[np.float32]:
        magnitudes = np.zeros((len(squares), self._n_lags // 2 + 1), np.float32)
        low = squares[:, self._harmonics]
        first = self._harmonics.start // 2
        np.sqrt(low[:, ::2] + low[:, 1::2], out=magnitudes[:, first : first + low.shape[1] // 2])
        lags = np.fft.irfft(magnitudes, self._n_lags, axis=1, norm="ortho")
        # NumPy's stubs promise double precision; single stays single.
        return lags.astype(np.float32, copy=False)

    def _of_a_pulse(self, window: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the autocorrelation that one pulse leaves at each lag, of that at none."""
        magnitudes = np.abs(np.fft.rfft(window, self._n_fft))
        lags = np.fft.irfft(magnitudes[: self._n_lags // 2], self._n_lags)
        # The root: all of it would favour low voices, and noise that reads like one.
        expected: NDArray[np.float32] = np.sqrt(lags[self._lags] / lags[0]).astype(np.float32)
        return expected


def _slow_shapes(window: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the polynomials that stand for rumble, as the window leaves them, orthonormal."""
    time = np.linspace(-1.0, 1.0, len(window))
    shapes = np.polynomial.legendre.legvander(time, _RUMBLE_ORDER) * window[:, np.newaxis]
    basis: NDArray[np.float32] = np.linalg.qr(shapes)[0].astype(np.float32)
    return basis
