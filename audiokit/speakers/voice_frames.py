"""What is kept of a recording: a few numbers about the voice in every hundredth of a second."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audiokit.dsp.framing import Framer, next_smooth
from audiokit.errors import SettingError
from audiokit.stage import Block, StreamFormat

__all__ = ["FRAME_COLUMNS", "LEVEL", "MIN_SAMPLE_RATE", "N_BANDS", "PITCH", "VoiceFrames"]

MIN_SAMPLE_RATE = 8000
N_BANDS = 24
LEVEL, PITCH, STRENGTH, SECOND, DEPTH = range(N_BANDS, N_BANDS + 5)
FRAME_COLUMNS = N_BANDS + 5

_WINDOW_S, _HOP_S = 0.040, 0.010
# Below what any rate from 8 kHz on carries, so that telephone and studio look alike.
_LOW_HZ, _HIGH_HZ = 90.0, 3800.0
_MIN_PITCH_HZ, _MAX_PITCH_HZ = 70.0, 400.0
_FLOOR = 1e-12  # -120 dB, below the noise of 16-bit rounding
# Frames are handled so many at a time, always: products of one shape have the same bits
# however the stream was cut.
_GROUP = 128
_N_LAGS = 512
_PITCH_POWER = 0.33
_ENVELOPE_HZ = 250.0


class VoiceFrames:
    """Turn a stream into band levels and pitch on a 10 ms grid, as half-precision numbers.

    Columns: the levels of `N_BANDS` mel bands in dB; the level of all together; the pitch as
    the logarithm of its frequency in Hz; its strength; the strength of a second, unrelated
    pitch; and how deep the ripple of the spectrum is.
    Pitch is a peak of the generalised autocorrelation, whose spectrum is compressed so that
    no formant decides alone. Channels are averaged in power: opposite polarities do not
    cancel. Memory: 58 bytes a frame, 21 MB an hour, for who keeps them.

    Args:
        fmt: Format of the stream; 8000 Hz or more.

    Attributes:
        hop_s: From one frame to the next: 10 ms to the nearest sample.

    Raises:
        SettingError: The sample rate is below 8000 Hz.

    References:
        T. Tolonen, M. Karjalainen, "A computationally efficient multipitch analysis model",
        IEEE Transactions on Speech and Audio Processing 8(6), 2000, section II.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        if fmt.sample_rate < MIN_SAMPLE_RATE:
            raise SettingError(
                "sample_rate", fmt.sample_rate, f"{MIN_SAMPLE_RATE} Hz or more", "Resample first."
            )
        self.fmt = fmt
        self._hop = round(_HOP_S * fmt.sample_rate)
        self.hop_s = self._hop / fmt.sample_rate
        self._n_window = round(_WINDOW_S * fmt.sample_rate)
        self._n_fft = next_smooth(self._n_window)
        bin_hz = fmt.sample_rate / self._n_fft
        self._window = np.hanning(self._n_window + 1)[:-1].astype(np.float32)
        self._n_bins = int(_HIGH_HZ / bin_hz) + 1
        scale = self._n_fft / (float((self._window**2).sum()) * fmt.channels)
        self._bands = (_mel_bands(self._n_bins, bin_hz) * scale).astype(np.float32)
        lag_rate = _N_LAGS * bin_hz
        self._first_lag = int(lag_rate / _MAX_PITCH_HZ)
        self._last_lag = int(lag_rate / _MIN_PITCH_HZ) + 1
        self._log_hz = np.log(lag_rate / np.arange(self._first_lag, self._last_lag))
        self._reach = round(_ENVELOPE_HZ / bin_hz)
        self._lowest_bin = int(_LOW_HZ / bin_hz)
        self._framer = Framer(
            (_GROUP - 1) * self._hop + self._n_window,
            _GROUP * self._hop,
            fmt.channels,
            lead_samples=(self._n_window - self._hop) // 2,
        )
        self._n_samples = self._n_frames = 0

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        self._framer.reset()
        self._n_samples = self._n_frames = 0

    def process(self, block: Block) -> NDArray[np.float16]:
        """Take the next block; return the frames that are complete, ``(frames, columns)``."""
        self._n_samples += len(block)
        return self._describe(self._framer.push(block))

    def flush(self) -> NDArray[np.float16]:
        """End the stream and return the frames that its last samples begin."""
        missing = -(-self._n_samples // self._hop) - self._n_frames
        padding = _GROUP * self._hop + self._n_window
        return self._describe(self._framer.flush(padding))[: max(0, missing)]

    def _describe(self, groups: NDArray[np.float32]) -> NDArray[np.float16]:
        described = [self._describe_group(group) for group in groups]
        self._n_frames += _GROUP * len(described)
        empty = np.zeros((0, FRAME_COLUMNS), np.float16)
        return np.concatenate([empty, *described])

    def _describe_group(self, group: NDArray[np.float32]) -> NDArray[np.float16]:
        power = np.zeros((_GROUP, self._n_bins), np.float32)
        for channel in group:
            frames = sliding_window_view(channel, self._n_window)[:: self._hop] * self._window
            spectra = np.fft.rfft(frames, self._n_fft, norm="ortho")[:, : self._n_bins]
            power += spectra.real**2 + spectra.imag**2
        columns = np.empty((_GROUP, FRAME_COLUMNS), np.float32)
        bands = np.maximum(power @ self._bands, np.float32(_FLOOR))
        columns[:, :N_BANDS] = 10.0 * np.log10(bands)
        columns[:, LEVEL] = 10.0 * np.log10(bands.mean(axis=1))
        columns[:, PITCH:] = self._pitches(power)
        return columns.astype(np.float16)

    def _pitches(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return pitch, strength, second strength and depth of the ripple, ``(frames, 4)``."""
        compressed = (power + np.float32(_FLOOR)) ** np.float32(_PITCH_POWER)
        compressed[:, : self._lowest_bin] = 0.0
        # Without its envelope, so that formants make no peaks at short lags.
        ripple = compressed - _smoothed(compressed, self._reach)
        ripple[:, : self._lowest_bin] = 0.0
        whole = np.maximum(compressed.mean(axis=1), np.float32(1e-6))
        correlation = np.fft.irfft(ripple, _N_LAGS, axis=1, norm="ortho")
        near = correlation[:, self._first_lag : self._last_lag] / whole[:, np.newaxis]
        # Of two peaks alike, the shorter lag: half a pitch fits as well as the pitch.
        n_lags = near.shape[1]
        tilt = np.linspace(1.0, 0.85, n_lags, dtype=np.float32)
        rows = np.arange(len(near))
        best = np.argmax(near * tilt, axis=1)
        second = _second_peak(near, best + self._first_lag, self._first_lag)
        depth = np.sqrt((ripple**2).mean(axis=1)) / whole
        return np.stack([self._log_hz[best], near[rows, best], second, depth], axis=1)


def _smoothed(rows: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Return the mean of each value and its neighbours in the row, of those that are there."""
    sums = np.pad(np.cumsum(rows, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    at = np.arange(rows.shape[1])
    first, last = np.maximum(at - reach, 0), np.minimum(at + reach + 1, rows.shape[1])
    means: NDArray[np.float64] = (sums[:, last] - sums[:, first]) / (last - first)
    return means.astype(np.float32)


def _second_peak(
    near: NDArray[np.float32], best: NDArray[np.intp], first_lag: int
) -> NDArray[np.float32]:
    """Return the highest peak whose lag is no multiple or simple part of the best one."""
    lags = np.arange(first_lag, first_lag + near.shape[1])
    ratio = lags[np.newaxis] / best[:, np.newaxis]
    related = np.zeros(near.shape, bool)
    for multiple in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 1 / 3, 2 / 3):
        related |= np.abs(ratio / multiple - 1.0) < 0.08
    is_peak = np.zeros(near.shape, bool)
    is_peak[:, 1:-1] = (near[:, 1:-1] >= near[:, :-2]) & (near[:, 1:-1] > near[:, 2:])
    peaks: NDArray[np.float32] = np.where(is_peak & ~related, near, np.float32(0.0))
    highest: NDArray[np.float32] = peaks.max(axis=1)
    return highest


def _mel_bands(n_bins: int, bin_hz: float) -> NDArray[np.float64]:
    """Return triangles on O'Shaughnessy's mel scale, ``(bins, N_BANDS)``, each of sum 1."""

    def mel(frequency_hz: float) -> float:
        return 1127.0 * float(np.log1p(frequency_hz / 700.0))

    mels = np.linspace(mel(_LOW_HZ), mel(_HIGH_HZ), N_BANDS + 2)
    edges_hz = 700.0 * np.expm1(mels / 1127.0)
    hz = np.arange(n_bins)[:, np.newaxis] * bin_hz
    rising = (hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - hz) / np.diff(edges_hz)[1:]
    triangles = np.maximum(np.minimum(rising, falling), 0.0)
    return np.asarray(triangles / triangles.sum(axis=0))
