"""pyAudioAnalysis' 34 short-term features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.short_term_tables import N_BLOCKS, N_MFCC, short_term_tables
from audiokit.features.transform import FrameGroup

__all__ = ["SHORT_TERM_NAMES", "ShortTermFamily"]

SHORT_TERM_NAMES = (
    *("zcr", "energy", "energy_entropy", "spectral_centroid", "spectral_spread"),
    *("spectral_entropy", "spectral_flux", "spectral_rolloff"),
    *(f"mfcc_{index}" for index in range(1, N_MFCC + 1)),
    *(f"chroma_{index}" for index in range(1, 13)),
    "chroma_std",
)
"""What the package calls them, in its order."""

_MFCC = slice(8, 8 + N_MFCC)
_CHROMA = slice(_MFCC.stop, _MFCC.stop + 12)
_ROLLOFF_SHARE = 0.90
_EPS = float(np.finfo(np.float64).eps)


class ShortTermFamily(Family):
    """``short_term_zcr`` … ``short_term_chroma_std``: pyAudioAnalysis' row of a frame.

    It goes with preset ``pyaudioanalysis`` alone: whole frames without a window, and a
    transform as long as they are. The package takes the mean off the *whole* recording and
    divides by its highest magnitude first, which a stream cannot know; the stage
    `audiokit.dsp.unit_peak.UnitPeak` does it for one that can be heard twice.

    Its quirks are kept. Zero is a sign of its own, so touching it is half a crossing. The
    bin at half the sample rate is left out, and the others count as one bin higher for the
    centroid, the spread and the chroma. The filters of the cepstrum lie an octave lower than
    their frequencies say. Of the bins that share a semitone the highest alone counts, over a
    number that belongs to another semitone; chroma 1 is A. The entropies leave out what is
    left over when a frame, or its bins, are cut into ten. Centroid, spread and roll-off are
    fractions of half the sample rate, entropies are in bits.

    Args:
        plan: Where frames lie; with one derivative, each row's difference to the row before
            follows it, 0 in the first.

    References:
        T. Giannakopoulos, "pyAudioAnalysis: an open-source Python library for audio signal
        analysis", PLoS ONE 10 (2015); its ``ShortTermFeatures.feature_extraction``.
    """

    def __init__(self, plan: Plan) -> None:
        self._tables = short_term_tables(plan.grid)
        self._n_orders = plan.preset.deltas
        suffixes = ("", "_delta")[: self._n_orders + 1]
        self.columns = tuple(
            f"short_term_{name}{suffix}" for suffix in suffixes for name in SHORT_TERM_NAMES
        )
        self._shape_before: NDArray[np.float32] | None = None
        self._row_before: NDArray[np.float32] | None = None

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        rows = np.empty((len(group.power), len(SHORT_TERM_NAMES)), np.float32)
        rows[:, 0] = _crossing_rate(group)
        rows[:, 1], rows[:, 2] = _energy_and_entropy(group)
        total = self._fill_moments(group, rows)
        rows[:, 6] = self._flux(group, total)
        running = self._running_power(group)
        # The package divides magnitudes by the number of bins, and adds an epsilon after that.
        least = _EPS * self._tables.n_bins**2
        rows[:, 5] = _spectral_entropy(running, least)
        rows[:, 7] = _rolloff(running, least)
        rows[:, _MFCC] = self._cepstrum(group)
        chroma = aligned_product(group.power, self._tables.semitones, first=group.first)
        power = running[:, -1:]
        shares = chroma / np.where(power > 0.0, power, 1.0)
        rows[:, _CHROMA] = shares
        apart = shares - np.add.reduce(shares, axis=1, keepdims=True) / 12.0
        rows[:, -1] = np.sqrt(np.add.reduce(np.square(apart), axis=1) / 12.0)
        return self._with_differences(rows)

    def _fill_moments(self, group: FrameGroup, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Fill in centroid and spread; return the sum of each frame's magnitudes."""
        # In double precision: for a pure tone the moments about zero all but cancel.
        magnitude = group.magnitude.astype(np.float64)
        moments = aligned_product(magnitude, self._tables.moments, first=group.first)
        total: NDArray[np.float64] = moments[:, 0].copy()
        whole = np.where(total > 0.0, total, 1.0)
        centroid = moments[:, 1] / whole
        rows[:, 3] = centroid
        rows[:, 4] = np.sqrt(np.maximum(moments[:, 2] / whole - np.square(centroid), 0.0))
        return total

    def _flux(self, group: FrameGroup, total: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the squared distance of each frame's spectrum, its sum made 1, to the last."""
        n_bins = self._tables.n_bins
        shapes = np.empty((1 + len(total), n_bins), np.float32)
        scale = 1.0 / (total + n_bins**2 * _EPS)
        np.multiply(group.magnitude[:, :n_bins], scale.astype(np.float32)[:, None], out=shapes[1:])
        shapes[0] = shapes[1] if self._shape_before is None else self._shape_before
        self._shape_before = shapes[-1].copy()
        steps = shapes[1:] - shapes[:-1]
        np.multiply(steps, steps, out=steps)
        return np.asarray(np.add.reduce(steps, axis=1))

    def _running_power(self, group: FrameGroup) -> NDArray[np.float64]:
        """Return the sum of the power up to each bin, ``(frames, n_bins)``."""
        running = group.power[:, : self._tables.n_bins].astype(np.float64)
        return np.add.accumulate(running, axis=1, out=running)

    def _cepstrum(self, group: FrameGroup) -> NDArray[np.float32]:
        bands = aligned_product(group.magnitude, self._tables.filters, first=group.first)
        bands += np.float32(_EPS)
        np.log(bands, out=bands)
        bands *= np.float32(1.0 / np.log(10.0))
        return aligned_product(bands, self._tables.cosines, first=group.first)

    def _with_differences(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._n_orders == 0:
            return rows
        before = rows[:1] if self._row_before is None else self._row_before
        self._row_before = rows[-1:].copy()
        differences = rows - np.concatenate([before, rows[:-1]])
        return np.concatenate([rows, differences], axis=1)


def _crossing_rate(group: FrameGroup) -> NDArray[np.float64]:
    """Return half the steps between signs, -1, 0 and 1, over the steps between samples."""
    grid = group.grid
    signs = (group.stretch > 0.0).view(np.int8) - (group.stretch < 0.0).view(np.int8)
    # Frames overlap: each step is looked for once, and found by its place.
    places = np.flatnonzero(signs[1:] != signs[:-1])
    heights = np.abs(signs[places + 1] - signs[places])
    counted = np.concatenate([[0], np.add.accumulate(heights, dtype=np.int64)])
    begins = np.arange(len(group.samples)) * grid.hop_samples
    ends = begins + grid.window_samples - 1
    halves = counted[np.searchsorted(places, ends)] - counted[np.searchsorted(places, begins)]
    rate: NDArray[np.float64] = halves / (2.0 * (grid.window_samples - 1))
    return rate


def _energy_and_entropy(
    group: FrameGroup,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the mean square of each frame, and how evenly it is spread, in bits."""
    squares = group.grid.frames_of(np.square(group.stretch))
    n_frames, n_samples = squares.shape
    energy = np.add.reduce(squares, axis=1)
    n_each = n_samples // N_BLOCKS
    frame_step, step = squares.strides
    blocks = np.lib.stride_tricks.as_strided(
        squares, (n_frames, N_BLOCKS, n_each), (frame_step, n_each * step, step), writeable=False
    )
    shares = np.add.reduce(blocks, axis=2) / (energy.astype(np.float64)[:, None] + _EPS)
    return energy / np.float32(n_samples), _entropy(shares)


def _spectral_entropy(running: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Return how evenly the power of each frame is spread over ten bands, in bits.

    Args:
        running: Power up to each bin, ``(frames, bins)``.
        least: What is added to the power of all.
    """
    n_each = running.shape[1] // N_BLOCKS
    edges = running[:, n_each - 1 : N_BLOCKS * n_each : n_each]
    shares = np.diff(edges, axis=1, prepend=0.0) / (running[:, -1:] + least)
    return _entropy(shares)


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    entropy: NDArray[np.float64] = -np.add.reduce(shares * np.log2(shares + _EPS), axis=1)
    return entropy


def _rolloff(running: NDArray[np.float64], least: float) -> NDArray[np.float64]:
    """Return which of the bins is the first to lift the power above nine tenths, 0 to 1."""
    threshold = _ROLLOFF_SHARE * running[:, -1:] - least
    rolloff: NDArray[np.float64] = (running > threshold).argmax(axis=1) / running.shape[1]
    return rolloff
