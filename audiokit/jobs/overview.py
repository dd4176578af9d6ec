"""A recording at a glance: its spectrum and its level over time, in bounded memory."""

from __future__ import annotations

import importlib

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import Framer, Frames
from audiokit.dsp.stft import fast_window_samples
from audiokit.errors import MissingExtraError
from audiokit.jobs.palette_png import HEAT, palette_png
from audiokit.stage import Block, StreamFormat

__all__ = [
    "LOWEST_DB",
    "N_ROWS",
    "Overview",
    "brightest_db",
    "check_drawing",
    "row_of_hz",
    "spectrogram_png",
]

N_ROWS = 160
"""Rows of a spectrogram, evenly spaced on the mel scale from 0 Hz."""

LOWEST_DB = -160.0
"""Where levels end below: digital silence."""

# As many columns as a wide screen shows; between this and twice as many are kept.
_COLUMNS = 600
_WINDOW_MS = 32.0
# Finer than speech moves, so that the first merging of columns loses nothing.
_HOPS_PER_WINDOW = 4
_SHOWN_DB = 75.0


def _mel(hz: float) -> float:
    # O'Shaughnessy 1987: m = 2595 log10(1 + f / 700).
    return float(2595.0 * np.log10(1.0 + hz / 700.0))


def row_of_hz(hz: float, sample_rate: int) -> float:
    """Return the place of a frequency in a spectrogram: 0 at the bottom, 1 at the top.

    Args:
        hz: The frequency.
        sample_rate: Of the stream; half of it is the top.
    """
    return _mel(hz) / _mel(sample_rate / 2.0)


class Overview:
    """Gather a spectrogram and the level over time of a stream.

    A column is a frame at first; each time there are 1200, neighbours are merged in pairs,
    so that a day takes as much memory as a minute.

    Args:
        fmt: Format of the stream.

    Attributes:
        hop_s: From one frame to the next, in s.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        window = fast_window_samples(_WINDOW_MS, fmt.sample_rate)
        hop = max(1, window // _HOPS_PER_WINDOW)
        self._framer = Framer(window, hop, fmt.channels, lead_samples=window // 2)
        self._window = np.hanning(window + 1)[:-1].astype(np.float32)
        # Power of one side, so that the bins of a frame add up to its mean power.
        self._scale = 2.0 / (float(np.square(self._window).sum()) * window)
        self._rows = _rows_of_bins(window // 2 + 1, fmt.sample_rate)
        self.hop_s = fmt.seconds(hop)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._framer.reset()
        self._begun = np.zeros((0, N_ROWS + 1), np.float32)
        self._columns = np.zeros((0, N_ROWS + 1), np.float32)
        self._frames_per_column = 1

    def update(self, block: Block) -> None:
        """Take the next block."""
        self._add(self._framer.push(block))

    def finish(self) -> None:
        """End the stream: what began a column becomes one."""
        self._add(self._framer.flush(len(self._window) // 2))
        if len(self._begun):
            last = self._begun.mean(axis=0, keepdims=True)
            self._columns = np.concatenate([self._columns, last])
            self._begun = self._begun[:0]

    @property
    def column_s(self) -> float:
        """How long a column is, in s; the first begins half a hop before the stream."""
        return self._frames_per_column * self.hop_s

    def spectrogram_db(self) -> NDArray[np.float32]:
        """Return the level of each row over time in dB, ``(N_ROWS, columns)``, low first."""
        levels_db: NDArray[np.float32] = _to_db(self._columns[:, :N_ROWS]).T
        return levels_db

    def level_dbfs(self) -> NDArray[np.float32]:
        """Return the level over time, ``(columns,)``."""
        return _to_db(self._columns[:, N_ROWS])

    def _add(self, frames: Frames) -> None:
        items = np.concatenate([self._begun, self._items(frames)])
        while len(items) >= self._frames_per_column:
            room = 2 * _COLUMNS - len(self._columns)
            n_new = min(room, len(items) // self._frames_per_column)
            taken = n_new * self._frames_per_column
            new = items[:taken].reshape(n_new, self._frames_per_column, -1).mean(axis=1)
            self._columns, items = np.concatenate([self._columns, new]), items[taken:]
            if len(self._columns) == 2 * _COLUMNS:
                self._columns = self._columns.reshape(_COLUMNS, 2, -1).mean(axis=1)
                self._frames_per_column *= 2
        self._begun = items

    def _items(self, frames: Frames) -> NDArray[np.float32]:
        """Return the power of each frame in each row, and of all of it, in the last column."""
        spectra = np.fft.rfft(frames * self._window, axis=-1)
        power = np.square(spectra.real) + np.square(spectra.imag)
        mean: NDArray[np.float32] = power.mean(axis=1, dtype=np.float32) * np.float32(self._scale)
        total = mean.sum(axis=-1, keepdims=True)
        return np.concatenate([mean @ self._rows, total], axis=1)


def check_drawing() -> None:
    """Import what draws the pictures.

    Raises:
        MissingExtraError: matplotlib is not installed, or its installation is broken.
    """
    try:
        importlib.import_module("matplotlib.image")
    except ImportError as error:
        raise MissingExtraError("a report", "plot") from error


def brightest_db(levels_db: NDArray[np.float32]) -> float:
    """Return the level that gets the brightest colour where this spectrogram is shown.

    Not the very highest, which may be a click, and not so low that silence would shine.

    Args:
        levels_db: ``(rows, columns)``.
    """
    return max(float(np.quantile(levels_db, 0.999)), LOWEST_DB + _SHOWN_DB)


def spectrogram_png(levels_db: NDArray[np.float32], *, highest_db: float) -> bytes:
    """Return a spectrogram as a PNG, high frequencies above, without axes.

    Args:
        levels_db: ``(rows, columns)``, low frequencies first.
        highest_db: What gets the brightest colour; 75 dB below is the darkest.
    """
    shade = (levels_db[::-1] - (highest_db - _SHOWN_DB)) / _SHOWN_DB
    indices = np.clip(shade * len(HEAT), 0, len(HEAT) - 1).astype(np.uint8)
    return palette_png(indices, HEAT)


def _rows_of_bins(n_bins: int, sample_rate: int) -> NDArray[np.float32]:
    """Return the matrix that gives each row the mean power of the bins in it.

    Rows narrower than a bin get what lies between two: each bin counts by its distance from
    the row's centre, up to half the row's width or one bin.
    """
    edges_mel = np.linspace(0.0, _mel(sample_rate / 2.0), N_ROWS + 1)
    edges_hz = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    bin_hz = sample_rate / 2.0 / (n_bins - 1)
    centres, widths = (edges_hz[1:] + edges_hz[:-1]) / 2.0, np.diff(edges_hz)
    reach = np.maximum(widths, bin_hz)
    distance = np.abs(np.arange(n_bins)[:, np.newaxis] * bin_hz - centres)
    weights = np.maximum(1.0 - distance / reach, 0.0)
    return np.asarray(weights / weights.sum(axis=0), np.float32)


def _to_db(power: NDArray[np.float32]) -> NDArray[np.float32]:
    floor = 10.0 ** (LOWEST_DB / 10.0)
    levels: NDArray[np.float32] = 10.0 * np.log10(np.maximum(power, np.float32(floor)))
    return levels
