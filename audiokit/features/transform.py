"""The one transform that all families share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audiokit.features.grid import FrameGrid
from audiokit.features.presets import Preset

__all__ = ["FrameGroup", "FrameTransform", "window_of"]

# Of all transforms at once, so that both their sides stay in a second-level cache.
_VALUES_AT_ONCE = 1 << 15


class FrameGroup:
    """A run of frames, and what is known about them.

    Args:
        grid: The frame rule.
        first: Number of the first frame in the stream.
        stretch: The samples from the first frame's begin to the last one's end.
        power: Squared magnitude per bin, ``(frames, bins)``.

    Attributes:
        samples: The frames before windowing, ``(frames, window_samples)``, read-only.
    """

    def __init__(
        self,
        grid: FrameGrid,
        first: int,
        *,
        stretch: NDArray[np.float32],
        power: NDArray[np.float32],
    ) -> None:
        self.grid = grid
        self.first = first
        self.stretch = stretch
        self.samples = grid.frames_of(stretch)
        self.power = power
        self._derived: dict[Callable[[FrameGroup], NDArray[np.float32]], NDArray[np.float32]] = {}

    @cached_property
    def magnitude(self) -> NDArray[np.float32]:
        """Magnitude per bin, ``(frames, bins)``; computed when first asked for."""
        return np.sqrt(self.power)

    def of(self, derive: Callable[[FrameGroup], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return what `derive` makes of the group, the same array for everyone who asks.

        Args:
            derive: Remembered as an object: families that share it share its work.
        """
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        return self._derived[derive]


class FrameTransform:
    """Power spectra of frames.

    Args:
        grid: The frame rule.
        preset: Window, scale, and what is done to a frame before.
    """

    def __init__(self, grid: FrameGrid, preset: Preset) -> None:
        self.grid = grid
        self._preset = preset
        self._window = window_of(preset.window, grid.window_samples)
        # Frames as they are: nothing is multiplied, nothing lies beyond them.
        self._is_bare = preset.window == "rectangle" and grid.n_fft == grid.window_samples
        # Kept from group to group: fresh memory costs half as much as the transform. What
        # lies beyond the window stays zero.
        self._frames_at_once = max(1, min(grid.group_frames, _VALUES_AT_ONCE // grid.n_fft))
        self._padded = np.zeros((self._frames_at_once, grid.n_fft))
        self._spectra = np.empty((self._frames_at_once, grid.n_fft // 2 + 1), np.complex128)

    def group(self, first: int, stretch: NDArray[np.float32]) -> FrameGroup:
        """Transform the frames of a stretch of samples, which begin at number `first`."""
        # In double precision, so that a quiet band far below a loud one stays exact. The
        # window sits at the front of the transform, not in its middle, which only turns
        # the phase.
        frames = self.grid.frames_of(stretch.astype(np.float64))
        power = np.empty((len(frames), self._spectra.shape[1]), np.float32)
        for start in range(0, len(frames), self._frames_at_once):
            stop = start + self._frames_at_once
            self._transform(frames[start:stop], power[start:stop])
        return FrameGroup(self.grid, first, stretch=stretch, power=power)

    def _transform(self, frames: NDArray[np.float64], power: NDArray[np.float32]) -> None:
        """Write the power spectra of frames, ``(frames, bins)``."""
        spectra = self._spectra[: len(frames)]
        np.fft.rfft(frames if self._is_bare else self._prepared(frames), out=spectra)
        # Real and imaginary parts side by side, squared in place: half the time of each
        # taken apart.
        parts = spectra.view(np.float64)
        np.multiply(parts, parts, out=parts)
        np.add(parts[:, 0::2], parts[:, 1::2], out=power, casting="same_kind")

    def _prepared(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the frames as the transform takes them, ``(frames, n_fft)``."""
        preset = self._preset
        padded = self._padded[: len(frames)]
        out = padded[:, : self.grid.window_samples]
        if preset.full_scale == 1.0:
            np.multiply(frames, self._window, out=out)
            return padded
        np.multiply(frames, preset.full_scale, out=out)
        if preset.is_offset_removed:
            out -= np.add.reduce(out, axis=1, keepdims=True) / out.shape[1]
        # The first sample of a frame counts as the one before it.
        out[:, 1:] -= preset.preemphasis * out[:, :-1]
        out[:, 0] *= 1.0 - preset.preemphasis
        out *= self._window
        return padded


def window_of(shape: str, length: int) -> NDArray[np.float64]:
    """Return the window of a shape that presets know, ``(length,)``."""
    if shape == "rectangle":
        return np.ones(length)
    turns = np.arange(length) / (length if shape == "hann" else length - 1)
    if shape == "hamming":
        return 0.54 - 0.46 * np.cos(2.0 * np.pi * turns)
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * turns)
    # Named after Kaldi's author: like Hamming's, but zero at its ends.
    return np.asarray(hann**0.85 if shape == "povey" else hann)
