"""What the quality meter counts: bounded, and added up in stretches of fixed length."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat

__all__ = ["LevelHistogram", "Tally"]

CHUNK_FRAMES = 42
"""Frames in a stretch: about a second, which resolves the 2 Hz of slow syllables."""

# Overlapping by a quarter: twice as many frames say no more about levels or syllables.
_WINDOW_S = 0.032
_HOP_S = 0.024
_LOWEST_DBFS = -120.0
_HIGHEST_DBFS = 20.0
_BINS_PER_DB = 4
# Where speech has its energy at every usual rate, 8 kHz included. 100 Hz keeps hum out.
_SPEECH_BAND_HZ = (100.0, 4400.0)
_TELEPHONE_BAND_HZ = (300.0, 3400.0)
_SYLLABLES_HZ = (2.0, 8.0)
# Below lies wind, rumble and DC.
_LOWEST_HZ = 50.0
_FLAT_BANDS = 20
# A waveform that stands still this near the top has met a limit; one that stands still
# below may be silence or coarse steps.
_FLAT_TOP = 0.1
_FULL_SCALE = 0.999
_POWER_FLOOR = 1e-12


@lru_cache(maxsize=1)
def _levels_dbfs() -> NDArray[np.float64]:
    n_steps = round((_HIGHEST_DBFS - _LOWEST_DBFS) * _BINS_PER_DB)
    levels = np.asarray(_LOWEST_DBFS + (np.arange(n_steps) + 0.5) / _BINS_PER_DB, np.float64)
    levels.flags.writeable = False
    return levels


class LevelHistogram:
    """Levels in steps of a quarter of a dB, from -120 to 20 dBFS."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(self.levels_dbfs), np.int64)

    def add(self, power: NDArray[np.float64]) -> None:
        """Count the levels of mean squares ``(n,)``; full scale is a mean square of 1."""
        steps = np.maximum(power, _POWER_FLOOR)
        np.log10(steps, out=steps)
        steps *= 10.0 * _BINS_PER_DB
        steps -= _LOWEST_DBFS * _BINS_PER_DB
        position = np.minimum(steps.astype(np.int64), len(self.counts) - 1)
        self.counts += np.bincount(position, minlength=len(self.counts))

    @property
    def levels_dbfs(self) -> NDArray[np.float64]:
        """The middle of each step in dBFS; read-only."""
        return _levels_dbfs()

    def above(self, level_dbfs: float) -> LevelHistogram:
        """Return the histogram of what lies at or above a level."""
        upper = LevelHistogram()
        upper.counts = np.where(self.levels_dbfs >= level_dbfs, self.counts, 0)
        return upper

    def quantile_dbfs(self, share: float) -> float:
        """Return the level that a share of the counts stay at or below."""
        running = np.cumsum(self.counts)
        position = int(np.searchsorted(running, share * running[-1]))
        return float(self.levels_dbfs[min(position, len(running) - 1)])

    def active_dbfs(self, margin_db: float) -> float:
        """Return the mean level of the part that lies within a margin below that mean.

        Args:
            margin_db: From the mean of the active part down to its threshold.

        References:
            ITU-T P.56 (12/2011), method B: the threshold that lies 15.9 dB below the level
            it yields; here on the levels of frames instead of an envelope.
        """
        levels = self.levels_dbfs
        counts = np.cumsum(self.counts[::-1])[::-1]
        energy = np.cumsum((self.counts * 10.0 ** (levels / 10.0))[::-1])[::-1]
        mean_db = 10.0 * np.log10(np.maximum(energy / np.maximum(counts, 1), _POWER_FLOOR))
        fits = (counts > 0) & (mean_db - levels >= margin_db)
        lowest = int(np.argmax(self.counts > 0))
        # The highest threshold that leaves the margin; without one, all of it is active.
        chosen = int(np.flatnonzero(fits)[-1]) if fits.any() else lowest
        return float(mean_db[chosen])


@dataclass(frozen=True, slots=True)
class _Frames:
    """The meter's frames: 32 ms under a Hann window, every 24 ms.

    Never changed, so every stream of a rate shares one.
    """

    hop_samples: int
    window: NDArray[np.float32] = field(repr=False)
    bins_hz: NDArray[np.float64] = field(repr=False)
    bands: NDArray[np.float32] = field(repr=False)

    def __deepcopy__(self, memo: dict[int, object]) -> _Frames:
        return self

    @classmethod
    @lru_cache(maxsize=16)
    def at(cls, sample_rate: int) -> _Frames:
        hop = round(_HOP_S * sample_rate)
        n_window = round(_WINDOW_S * sample_rate)
        n_fft = 1 << (n_window - 1).bit_length()
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_window) / n_window)
        # So that a frame's powers add up to its mean square, but for the two end bins.
        window *= np.sqrt(2.0 / np.sum(window**2))
        spacing_hz = sample_rate / n_fft
        bins_hz = np.arange(n_fft // 2 + 1, dtype=np.float64) * spacing_hz
        return cls(hop, window.astype(np.float32), bins_hz, _bands(bins_hz))


def _bands(bins_hz: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return weights ``(bins, 3 + n)``: broadband, speech, telephone, and narrow bands."""
    wide = [(_LOWEST_HZ, np.inf), _SPEECH_BAND_HZ, _TELEPHONE_BAND_HZ]
    columns = [(bins_hz >= low_hz) & (bins_hz < high_hz) for low_hz, high_hz in wide]
    top_hz = min(8000.0, float(bins_hz[-1]))
    edges_hz = np.geomspace(_SPEECH_BAND_HZ[0], top_hz, _FLAT_BANDS + 1)
    for low_hz, high_hz in itertools.pairwise(edges_hz):
        inside = (bins_hz >= low_hz) & (bins_hz < high_hz)
        if inside.any():
            columns.append(inside / np.count_nonzero(inside))
    return np.ascontiguousarray(np.stack(columns, axis=1), dtype=np.float32)


class Tally:
    """Sums and counts over stretches of a stream; bounded, whatever its length.

    Args:
        fmt: Format of the stream.

    Attributes:
        chunk_samples: Length of a stretch.
        overlap_samples: How far its last frame reaches into the next stretch.
        totals: Energy of all frames, in the telephone band, and weighted by flatness;
            power of the speech band's envelope, of its mean and at the rate of syllables.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._frames = _Frames.at(fmt.sample_rate)
        self.chunk_samples = CHUNK_FRAMES * self._frames.hop_samples
        self.overlap_samples = len(self._frames.window) - self._frames.hop_samples
        self.hop_s = self._frames.hop_samples / fmt.sample_rate
        self.n_samples = 0
        self.n_clipped = 0
        self.peak = 0.0
        self.sum = np.zeros(fmt.channels)
        self.broadband = LevelHistogram()
        self.speech_band = LevelHistogram()
        self.chunks = LevelHistogram()
        self.spectrum = np.zeros(len(self._frames.bins_hz))
        self.totals = np.zeros(5)

    @property
    def bins_hz(self) -> NDArray[np.float64]:
        """Frequency of each entry of `spectrum` in Hz."""
        return self._frames.bins_hz

    def add(self, block: Block) -> None:
        """Count stretches of `chunk_samples`, with `overlap_samples` after the last.

        What lies beyond a stretch completes its last frame, and is counted with the
        next. At the end of a stream, a stretch or its overlap may be shorter.
        """
        n_chunks = max(1, (len(block) - self.overlap_samples) // self.chunk_samples)
        for start in range(0, n_chunks * self.chunk_samples, self.chunk_samples):
            self._add_samples(block[start : start + self.chunk_samples])
        hop, window = self._frames.hop_samples, self._frames.window
        if len(block) >= len(window):
            mono = _mono(block)
            shape = 1 + (len(mono) - len(window)) // hop, len(window)
            (step,) = mono.strides
            frames = as_strided(mono, shape, (hop * step, step), writeable=False)
            self._add_frames(frames * window, n_chunks)

    def _add_samples(self, block: Block) -> None:
        if not len(block):
            return
        size = np.abs(block)
        peak = float(size.max())
        self.n_samples += len(block)
        self.peak = max(self.peak, peak)
        # Channels first: a sum over the rows of a narrow array costs far more.
        self.sum += block.T.astype(np.float64).sum(axis=1)
        if peak < _FLAT_TOP:
            return
        # Three equal samples in a row: a flat top, at whatever level it was cut off.
        is_flat = block[1:] == block[:-1]
        is_flat &= size[1:] >= _FLAT_TOP
        is_run = is_flat[1:] & is_flat[:-1]
        if peak < _FULL_SCALE and not is_run.any():
            return
        is_clipped = size >= _FULL_SCALE
        for shift in range(3):
            is_clipped[shift : shift + len(is_run)] |= is_run
        self.n_clipped += int(np.count_nonzero(is_clipped))

    def _add_frames(self, frames: NDArray[np.float32], n_chunks: int) -> None:
        n_fft = 2 * (len(self.bins_hz) - 1)
        # With the default norm, NumPy passes an integer factor and so leaves single
        # precision: three times slower.
        spectra = np.fft.rfft(frames, n_fft, norm="ortho")
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        stretches = power.reshape(n_chunks, -1, len(self.bins_hz))
        # Products and sums of one stretch each: the same bits however many there are.
        bands = np.matmul(stretches, self._frames.bands).astype(np.float64)
        broadband, speech_band, telephone = (bands[:, :, band].copy() for band in range(3))
        self.broadband.add(broadband.ravel())
        self.speech_band.add(speech_band.ravel())
        self.chunks.add(broadband.mean(axis=1))
        uneven = _flatness(bands[:, :, 3:]) * broadband
        carrier, syllables = self._modulation(np.sqrt(speech_band))
        sums = [np.add.reduce(each, axis=1) for each in (broadband, telephone, uneven)]
        totals = np.stack([*sums, carrier, syllables], axis=1)
        # One by one: a sum over stretches would depend on how many came together.
        for spectrum, row in zip(np.add.reduce(stretches, axis=1), totals, strict=True):
            self.spectrum += spectrum
            self.totals += row

    def _modulation(
        self, envelopes: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the power of each envelope's mean, and at the rate of syllables."""
        n_frames = envelopes.shape[1]
        spectra = np.fft.rfft(envelopes)
        turning = (np.square(spectra.real) + np.square(spectra.imag)) / n_frames
        rates_hz = np.arange(turning.shape[1]) / (n_frames * self.hop_s)
        is_syllable = (rates_hz >= _SYLLABLES_HZ[0] - 0.1) & (rates_hz <= _SYLLABLES_HZ[1])
        return turning[:, 0], np.add.reduce(turning[:, is_syllable], axis=1)


def _mono(block: Block) -> NDArray[np.float32]:
    """Return the mean of the channels, ``(samples,)``."""
    if block.shape[1] == 1:
        return block[:, 0]
    mean: NDArray[np.float64] = block.T.astype(np.float64).sum(axis=0) / block.shape[1]
    return mean.astype(np.float32)


def _flatness(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the geometric over the arithmetic mean along the last axis, 0 to 1."""
    floored = np.maximum(density, _POWER_FLOOR * _POWER_FLOOR)
    return np.asarray(np.exp(np.log(floored).mean(axis=-1)) / floored.mean(axis=-1))
