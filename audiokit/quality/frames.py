"""The one transform that every blind measure shares, in stretches of fixed length."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat

__all__ = ["STRETCH_FRAMES", "FrameGrid", "Part", "Stretch", "Stretcher"]

STRETCH_FRAMES = 42
"""Frames in a stretch: about a second, which resolves the 2 Hz of slow syllables."""

# Overlapping by a quarter: twice as many frames say no more about levels or syllables.
_WINDOW_S = 0.032
_HOP_S = 0.024
# Correlation below which two channels are one in anti-phase.
_OPPOSED = -0.9

Report_co = TypeVar("Report_co", covariant=True)


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """Frames of 32 ms under a Hann window, every 24 ms.

    Never changed, so every stream of a rate shares one.
    """

    sample_rate: int
    hop_samples: int
    n_fft: int
    window: NDArray[np.float32] = field(repr=False)
    bins_hz: NDArray[np.float64] = field(repr=False)

    def __deepcopy__(self, memo: dict[int, object]) -> FrameGrid:
        return self

    @property
    def hop_s(self) -> float:
        """Time from frame to frame in seconds."""
        return self.hop_samples / self.sample_rate

    @property
    def stretch_samples(self) -> int:
        """Length of a stretch in samples."""
        return STRETCH_FRAMES * self.hop_samples

    @property
    def overlap_samples(self) -> int:
        """How far the last frame of a stretch reaches into the next."""
        return len(self.window) - self.hop_samples

    @classmethod
    @lru_cache(maxsize=16)
    def at(cls, sample_rate: int) -> FrameGrid:
        """Return the grid of a sample rate in Hz."""
        hop = round(_HOP_S * sample_rate)
        n_window = round(_WINDOW_S * sample_rate)
        n_fft = 1 << (n_window - 1).bit_length()
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_window) / n_window)
        # So that a frame's powers add up to its mean square, but for the two end bins.
        window *= np.sqrt(2.0 / np.sum(window**2))
        bins_hz = np.arange(n_fft // 2 + 1, dtype=np.float64) * (sample_rate / n_fft)
        return cls(sample_rate, hop, n_fft, window.astype(np.float32), bins_hz)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a stream: 42 hops, but for the last, which may be shorter."""

    samples: Block
    """The samples of the stretch, ``(n, channels)``: each sample of a stream is in one."""
    mono: NDArray[np.float32]
    """The mean of the channels, ``(n,)``; a channel in anti-phase to the loudest is turned
    round for the stretch, else their mean is silence."""
    power: NDArray[np.float32]
    """Power of the mean of the channels, ``(frames, bins)``; a frame's powers add up to its
    mean square. The last frame reaches into the next stretch."""
    first_sample: int
    """Where the stretch begins in the stream."""
    first_frame: int
    """The number of its first frame in the stream."""


class Part(Protocol[Report_co]):
    """One measure: hears the stretches of a stream in order, and reports when asked."""

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""

    def report(self) -> Report_co:
        """Return what was heard so far, and change nothing."""


class Stretcher:
    """Cut a stream into stretches, wherever its blocks begin and end.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.grid = FrameGrid.at(fmt.sample_rate)
        self._held = fmt.silence(0)
        self._n_given = 0

    def push(self, block: Block) -> list[Stretch]:
        """Return the stretches that a block completes."""
        held = np.concatenate([self._held, block])
        step, overlap = self.grid.stretch_samples, self.grid.overlap_samples
        n_whole = max(0, (len(held) - overlap) // step)
        stretches = [
            self._stretch(held[n * step : (n + 1) * step + overlap], self._n_given + n)
            for n in range(n_whole)
        ]
        self._n_given += n_whole
        self._held = held[n_whole * step :].copy()
        return stretches

    def rest(self) -> list[Stretch]:
        """Return what is held, as if the stream ended here; the stream may go on."""
        step = self.grid.stretch_samples
        # The rest may be a whole stretch, and a part of the overlap.
        pieces = [self._held, self._held[step:]]
        return [
            self._stretch(piece, self._n_given + n) for n, piece in enumerate(pieces) if len(piece)
        ]

    def _stretch(self, held: Block, number: int) -> Stretch:
        step = self.grid.stretch_samples
        mono = _mono(held)
        return Stretch(
            samples=held[:step],
            mono=mono[:step],
            power=self._power(mono),
            first_sample=number * step,
            first_frame=number * STRETCH_FRAMES,
        )

    def _power(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        hop, window = self.grid.hop_samples, self.grid.window
        n_frames = max(0, 1 + (len(mono) - len(window)) // hop)
        if not n_frames:
            return np.zeros((0, len(self.grid.bins_hz)), np.float32)
        (step,) = mono.strides
        shape = n_frames, len(window)
        frames = as_strided(mono, shape, (hop * step, step), writeable=False) * window
        # With the default norm, NumPy passes an integer factor and so leaves single
        # precision: three times slower.
        spectra = np.fft.rfft(frames, self.grid.n_fft, norm="ortho")
        power: NDArray[np.float32] = np.square(spectra.real)
        power += np.square(spectra.imag)
        return power


def _mono(block: Block) -> NDArray[np.float32]:
    """Return the mean of the channels; those against the first that sounds are turned round."""
    if block.shape[1] == 1:
        return block[:, 0]
    channels = block.T.astype(np.float64)
    mean: NDArray[np.float64] = (_polarities(channels) @ channels) / len(channels)
    return mean.astype(np.float32)


def _polarities(channels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 of each channel, and -1 of those whose mean with the loudest is silence."""
    moving = channels - channels.mean(axis=1, keepdims=True)
    energy = np.square(moving).sum(axis=1)
    loudest = int(np.argmax(energy))
    products = (moving * moving[loudest]).sum(axis=1)
    return np.where(products < _OPPOSED * np.sqrt(energy * energy[loudest]), -1.0, 1.0)
