"""The one transform that all families share."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audiokit.features.grid import FrameGrid
from audiokit.features.mel_bank import MelBank

__all__ = ["Family", "FrameGroup", "Spectrum"]


class FrameGroup:
    """A run of frames, and what is known about them.

    Args:
        first: Number of the first frame in the stream.
        samples: The frames before windowing, ``(frames, window_samples)``.
        power: Squared magnitude per bin, ``(frames, bins)``.
        bank: Mel bands, for the families that want them.
    """

    def __init__(
        self,
        first: int,
        *,
        samples: NDArray[np.float32],
        power: NDArray[np.float32],
        bank: MelBank,
    ) -> None:
        self.first = first
        self.samples = samples
        self.power = power
        self._bank = bank

    @cached_property
    def mel_db(self) -> NDArray[np.float32]:
        """Level per mel band in dB, ``(frames, n_mels)``; computed when first asked for."""
        return self._bank.levels_db(self.power, first=self.first)


class Family(Protocol):
    """One family of features: named columns, and rows from a group of frames."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each column, with its unit."""
        ...

    def rows(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return ``(frames, len(columns))``, finite, each row from its frame alone."""
        ...


class Spectrum:
    """Power spectra of frames under a periodic Hann window.

    Args:
        grid: The frame rule.
        bank: Mel bands, handed on to the families.
    """

    def __init__(self, grid: FrameGrid, bank: MelBank) -> None:
        self.grid = grid
        self.bank = bank
        turns = np.arange(grid.window_samples) / grid.window_samples
        self._window = 0.5 - 0.5 * np.cos(2.0 * np.pi * turns)
        # Kept from group to group: fresh memory costs half as much as the transform. What
        # lies beyond the window stays zero.
        self._padded = np.zeros((grid.group_frames, grid.n_fft))
        self._spectra = np.empty((grid.group_frames, grid.n_fft // 2 + 1), np.complex64)

    def group(self, first: int, samples: NDArray[np.float32]) -> FrameGroup:
        """Transform frames ``(frames, window_samples)`` that begin at number `first`."""
        # In double precision, so that a quiet band far below a loud one stays exact. The
        # window sits at the front of the transform, not in its middle, which only turns
        # the phase.
        padded, spectra = self._padded[: len(samples)], self._spectra[: len(samples)]
        np.multiply(samples, self._window, out=padded[:, : self.grid.window_samples])
        np.fft.rfft(padded, out=spectra)  # type: ignore[arg-type]  # the stub knows no single
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        return FrameGroup(first, samples=samples, power=power, bank=self.bank)
