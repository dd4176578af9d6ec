"""Short spectra around a gap, their bands, and gains of bands put to use."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_BANDS", "BandFrames"]

N_BANDS = 20
"""From 50 Hz to 7.6 kHz, equally far apart in Bark."""
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 7600.0
_HOP_S = 0.008

Vectors = NDArray[np.float64]
Spectra = NDArray[np.complex128]


class BandFrames:
    """Frames of 16 ms, one every 8 ms, under a sine window on the way in and out.

    Args:
        sample_rate: In Hz. Bands that it does not carry are empty.
        hop: In samples, where it is not 8 ms; a frame is twice as long.
    """

    def __init__(self, sample_rate: int, hop: int = 0) -> None:
        self.hop = hop or round(_HOP_S * sample_rate)
        self._window = np.sin(np.pi * (np.arange(2 * self.hop) + 0.5) / (2 * self.hop))
        self.shares = _band_matrix(sample_rate, self.hop)
        self._sums = np.ascontiguousarray(self.shares.T)

    def spectra(self, sound: Vectors) -> Spectra:
        """Return the frames of sounds, ``(…, samples)`` to ``(…, frames, bins)``.

        Args:
            sound: A whole number of hops and one more hop; the first frame begins with it.
        """
        n_frames = sound.shape[-1] // self.hop - 1
        places = np.arange(n_frames)[:, np.newaxis] * self.hop + np.arange(2 * self.hop)
        spectra: Spectra = np.fft.rfft(sound[..., places] * self._window)
        return spectra

    def powers(self, spectra: Spectra, other: Spectra | None = None) -> Vectors:
        """Return the power of each band, or what two sounds share of it: ``(…, N_BANDS)``."""
        other = spectra if other is None else other
        powers: Vectors = (spectra.real * other.real + spectra.imag * other.imag) @ self._sums
        return powers / self.hop

    def shaped(self, spectra: Spectra, gains: Vectors) -> Vectors:
        """Return the sum of sounds, each under gains of its own.

        Args:
            spectra: ``(ways, channels, frames, bins)``.
            gains: ``(ways, frames, N_BANDS)``, the same for all channels.

        Returns:
            ``(channels, samples)``: from the middle of the first frame to that of the last.
        """
        by_bin = gains @ self.shares
        mixed = np.einsum("wcfb,wfb->cfb", spectra, by_bin)
        frames = np.fft.irfft(mixed, 2 * self.hop) * self._window
        halves: Vectors = frames[:, :-1, self.hop :] + frames[:, 1:, : self.hop]
        return halves.reshape(len(halves), -1)


@lru_cache(maxsize=8)
def _band_matrix(sample_rate: int, hop: int) -> Vectors:
    """Return the share of each bin in each band, ``(N_BANDS, bins)``: triangles in Bark."""
    frequency: Vectors = np.arange(hop + 1, dtype=np.float64) * (sample_rate / (2 * hop))
    lowest, highest = _bark(np.array([_LOWEST_HZ, _HIGHEST_HZ], np.float64)).tolist()
    centres = np.linspace(lowest, highest, N_BANDS)
    # What is below the first and above the last belongs to them.
    place = _bark(frequency).clip(lowest, highest)
    distance = np.abs(place - centres[:, np.newaxis]) / (centres[1] - centres[0])
    shares: Vectors = np.maximum(0.0, 1.0 - distance)
    return shares


def _bark(frequency_hz: Vectors) -> Vectors:
    # H. Traunmueller, "Analytical expressions for the tonotopic sensory scale", JASA 88(1), 1990.
    return 26.81 * frequency_hz / (1960.0 + frequency_hz) - 0.53
