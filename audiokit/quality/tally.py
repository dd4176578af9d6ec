"""What the quality meter counts: bounded, and added up in stretches of fixed length."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
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


class LevelHistogram:
    """Levels in steps of a quarter of a dB, from -120 to 20 dBFS."""

    def __init__(self) -> None:
        self.counts = np.zeros(round((_HIGHEST_DBFS - _LOWEST_DBFS) * _BINS_PER_DB), np.int64)

    def add(self, power: NDArray[np.float64]) -> None:
        """Count the levels of mean squares ``(n,)``; full scale is a mean square of 1."""
        level_dbfs = 10.0 * np.log10(np.maximum(power, _POWER_FLOOR))
        position = ((level_dbfs - _LOWEST_DBFS) * _BINS_PER_DB).astype(np.int64)
        np.minimum(position, len(self.counts) - 1, out=position)
        self.counts += np.bincount(position, minlength=len(self.counts))

    @property
    def levels_dbfs(self) -> NDArray[np.float64]:
        """The middle of each step in dBFS."""
        steps = np.arange(len(self.counts)) + 0.5
        return np.asarray(_LOWEST_DBFS + steps / _BINS_PER_DB, dtype=np.float64)

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
    """The meter's frames: 32 ms under a Hann window, every 24 ms."""

    hop_samples: int
    window: NDArray[np.float64] = field(repr=False)
    bins_hz: NDArray[np.float64] = field(repr=False)
    bands: NDArray[np.float32] = field(repr=False)

    @classmethod
    def at(cls, sample_rate: int) -> _Frames:
        hop = round(_HOP_S * sample_rate)
        n_window = round(_WINDOW_S * sample_rate)
        n_fft = 1 << (n_window - 1).bit_length()
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_window) / n_window)
        # So that a frame's powers add up to its mean square, but for the two end bins.
        window *= np.sqrt(2.0 / (n_fft * np.sum(window**2)))
        spacing_hz = sample_rate / n_fft
        bins_hz = np.arange(n_fft // 2 + 1, dtype=np.float64) * spacing_hz
        return cls(hop, window, bins_hz, _bands(bins_hz))


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
        self.energy = 0.0
        self.telephone_energy = 0.0
        self.flat_energy = 0.0
        self.carrier = 0.0
        self.syllables = 0.0

    @property
    def bins_hz(self) -> NDArray[np.float64]:
        """Frequency of each entry of `spectrum` in Hz."""
        return self._frames.bins_hz

    def add(self, block: Block) -> None:
        """Count one stretch: at most `chunk_samples`, and then at most `overlap_samples`.

        What lies beyond `chunk_samples` completes the last frame and is counted with the
        next stretch.
        """
        self._add_samples(block[: self.chunk_samples])
        hop, window = self._frames.hop_samples, self._frames.window
        if len(block) >= len(window):
            mono = block.T.astype(np.float64).sum(axis=0) / block.shape[1]
            windows = np.lib.stride_tricks.sliding_window_view(mono, len(window))[::hop]
            self._add_frames(windows * window)

    def _add_samples(self, block: Block) -> None:
        if not len(block):
            return
        size = np.abs(block)
        self.n_samples += len(block)
        self.peak = max(self.peak, float(size.max()))
        # Channels first: a sum over the rows of a narrow array costs far more.
        self.sum += block.T.astype(np.float64).sum(axis=1)
        is_clipped = size >= _FULL_SCALE
        # Three equal samples in a row: a flat top, at whatever level it was cut off.
        is_flat = (block[1:] == block[:-1]) & (size[1:] >= _FLAT_TOP)
        is_run = is_flat[1:] & is_flat[:-1]
        if is_run.any():
            for shift in range(3):
                is_clipped[shift : shift + len(is_run)] |= is_run
        self.n_clipped += int(np.count_nonzero(is_clipped))

    def _add_frames(self, frames: NDArray[np.float64]) -> None:
        n_fft = 2 * (len(self.bins_hz) - 1)
        spectra = np.fft.rfft(frames, n_fft)
        power = np.square(spectra.real.astype(np.float32))
        power += np.square(spectra.imag.astype(np.float32))
        bands = (power @ self._frames.bands).astype(np.float64)
        broadband, speech_band, telephone = np.ascontiguousarray(bands[:, :3].T)
        self.broadband.add(broadband)
        self.speech_band.add(speech_band)
        self.chunks.add(broadband.mean(keepdims=True))
        self.spectrum += power.sum(axis=0)
        self.energy += float(broadband.sum())
        self.telephone_energy += float(telephone.sum())
        self.flat_energy += float((_flatness(bands[:, 3:]) * broadband).sum())
        self._add_modulation(np.sqrt(speech_band))

    def _add_modulation(self, envelope: NDArray[np.float64]) -> None:
        turning = np.square(np.abs(np.fft.rfft(envelope))) / len(envelope)
        rates_hz = np.arange(len(turning)) / (len(envelope) * self.hop_s)
        is_syllable = (rates_hz >= _SYLLABLES_HZ[0] - 0.1) & (rates_hz <= _SYLLABLES_HZ[1])
        self.carrier += float(turning[0])
        self.syllables += float(turning[is_syllable].sum())


def _flatness(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the geometric over the arithmetic mean of each row, 0 to 1, ``(frames,)``."""
    floored = np.maximum(density, _POWER_FLOOR * _POWER_FLOOR)
    return np.asarray(np.exp(np.log(floored).mean(axis=1)) / floored.mean(axis=1))
