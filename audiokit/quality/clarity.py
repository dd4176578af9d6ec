"""Marks of clear speech: syllables, the telephone band, an uneven spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import STRETCH_FRAMES, FrameGrid, Stretch
from audiokit.stage import StreamFormat

__all__ = ["Clarity", "ClarityReport"]

# Where speech has its energy at every usual rate, 8 kHz included. 100 Hz keeps hum out.
_SPEECH_BAND_HZ = (100.0, 4400.0)
_TELEPHONE_BAND_HZ = (300.0, 3400.0)
_SYLLABLES_HZ = (2.0, 8.0)
# Below lies wind, rumble and DC.
_LOWEST_HZ = 80.0
_FLAT_BANDS = 20
_POWER_FLOOR = 1e-24


@dataclass(frozen=True, slots=True)
class ClarityReport:
    """How much a recording moves and is coloured like speech."""

    modulation_db: float
    """How deeply the envelope moves at 2 to 8 Hz, in dB below its mean; -40 at least."""
    telephone_ratio: float
    """Share of the energy above 80 Hz that lies in 300 to 3400 Hz, 0 to 1."""
    flatness: float
    """Geometric over arithmetic mean of 20 bands up to 4400 Hz, weighed by energy, 0 to 1."""

    def score(self, bandwidth_hz: float) -> float:
        """Return the share of the marks of clear speech, 0 to 1.

        Args:
            bandwidth_hz: Of the recording.
        """
        # Each mark from where there is none of it to where clean speech has it.
        depth = np.interp(self.modulation_db, (-20.0, -6.0), (0.0, 1.0))
        telephone = np.interp(self.telephone_ratio, (0.1, 0.6), (0.0, 1.0))
        uneven = np.interp(self.flatness, (0.05, 0.7), (1.0, 0.0))
        width = np.interp(bandwidth_hz, (2000.0, 7000.0), (0.0, 1.0))
        return float(0.4 * depth + 0.2 * telephone + 0.2 * uneven + 0.2 * width)


class Clarity:
    """Modulation at the rate of syllables, share of the telephone band, and flatness.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._grid = grid = FrameGrid.at(fmt.sample_rate)
        edges_hz = np.linspace(*_SPEECH_BAND_HZ, _FLAT_BANDS + 1)
        bands = [_LOWEST_HZ, fmt.sample_rate], _TELEPHONE_BAND_HZ, *pairwise(edges_hz)
        columns = [(grid.bins_hz >= low) & (grid.bins_hz < high) for low, high in bands]
        self._bands = np.stack(columns, axis=1).astype(np.float32)
        # Density, so that a band with more bins is not the stronger for it.
        self._n_bins = np.maximum(1.0, self._bands[:, 2:].sum(axis=0)).astype(np.float64)
        self._is_there = self._bands[:, 2:].any(axis=0)
        self._sums = np.zeros(5)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        if len(stretch.power) < STRETCH_FRAMES // 2:
            return  # too short for a slow syllable
        bands = (stretch.power @ self._bands).astype(np.float64)
        broadband, telephone, fine = bands[:, 0], bands[:, 1], bands[:, 2:]
        uneven = _flatness((fine / self._n_bins)[:, self._is_there]) * broadband
        carrier, syllables = self._modulation(np.sqrt(np.add.reduce(fine, axis=1)))
        heard = [np.add.reduce(each) for each in (broadband, telephone, uneven)]
        self._sums += [*heard, carrier, syllables]

    def _modulation(self, envelope: NDArray[np.float64]) -> tuple[float, float]:
        """Return the power of an envelope's mean, and at the rate of syllables."""
        n_frames = len(envelope)
        turning = np.square(np.abs(np.fft.rfft(envelope))) / n_frames
        rates_hz = np.arange(len(turning)) / (n_frames * self._grid.hop_s)
        is_syllable = (rates_hz >= _SYLLABLES_HZ[0] - 0.1) & (rates_hz <= _SYLLABLES_HZ[1])
        return float(turning[0]), float(np.add.reduce(turning[is_syllable]))

    def report(self) -> ClarityReport:
        """Return the marks so far."""
        total, telephone, uneven, carrier, syllables = self._sums
        energy = max(total, 1e-12)
        return ClarityReport(
            modulation_db=10.0 * math.log10(syllables / max(carrier, 1e-12) + 1e-4),
            telephone_ratio=float(telephone / energy),
            flatness=float(uneven / energy),
        )


def _flatness(density: NDArray[np.float64]) -> NDArray[np.float64]:
    floored = np.maximum(density, _POWER_FLOOR)
    return np.asarray(np.exp(np.log(floored).mean(axis=-1)) / floored.mean(axis=-1))
