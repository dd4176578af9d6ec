"""How long the echo takes: the lag at which the microphone resembles the far end."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.stft import Spectra

__all__ = ["GROUP_FRAMES", "DelaySearch"]

Powers: TypeAlias = NDArray[np.float32]

GROUP_FRAMES = 8
"""Frames that the search takes at a time: 128 ms."""

# Below it speech holds little, above it echoes do. Neighbours say nearly the same: every other
# bin is heard.
_BAND_HZ = (200.0, 4000.0)
_BIN_STEP = 2
# What the averages keep from one group to the next: they remember about a second.
_KEPT = np.float32(0.88)
# A lag stands out when its coherence rises above that of the others by so much, by so many
# times their spread, and by so many times their level, which is what few frames give to all.
_LEAST_RISE = 0.05
_LEAST_SPREADS = 8.0
_LEAST_LEVELS = 2.0
# It is believed when it stood out in so many groups one after another, or in two by so much
# together; the first groups say nothing, as a single one is coherent at any lag.
_GROUPS = 3
_CLEAR_RISE = 0.25
_FIRST_GROUPS = 2
# Another lag, unless beside it, replaces a known one when so many times as coherent.
_BETTER = 1.4
_TINY = np.float32(1e-12)


class DelaySearch:
    """Find and follow the delay of the echo, in whole hops.

    The coherence of microphone and delayed far end is averaged over the last second for
    every lag. It needs no phase between frames, so that the filter behind the search may do
    what it likes; near-end speech and noise only make it smaller, at every lag alike.

    Args:
        channels: Channels of the microphone.
        n_lags: Lags to look at, 0 to ``n_lags - 1`` hops.
        bin_hz: Width of a bin.
        n_bins: Bins of a spectrum.
        silence: Power of a bin, on average over the band, below which the far end is silent.

    Attributes:
        lag_hops: Lag of the strongest echo in hops; None until one is found.
        strength: How far its coherence rose above that of the others, 0 to 1.
        n_heard: Groups so far in which the far end was heard.

    References:
        G. Carter, C. Knapp, A. Nuttall, "Estimation of the magnitude-squared coherence
        function via overlapped fast Fourier transform processing", IEEE Transactions on
        Audio and Electroacoustics 21(4), 1973.
    """

    def __init__(
        self, channels: int, *, n_lags: int, bin_hz: float, n_bins: int, silence: float
    ) -> None:
        self._n_lags = n_lags
        self._band = slice(
            round(_BAND_HZ[0] / bin_hz),
            max(2, min(n_bins, round(_BAND_HZ[1] / bin_hz))),
            _BIN_STEP,
        )
        self._n_bins = len(range(n_bins)[self._band])
        self._channels = channels
        self._silence = silence * GROUP_FRAMES * self._n_bins
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        shape = (self._channels, self._n_lags, self._n_bins)
        self._cross = np.zeros(shape, np.complex64)
        self._far: Powers = np.zeros(shape[1:], np.float32)
        self._near: Powers = np.zeros((self._channels, 1, self._n_bins), np.float32)
        self._rival = self._run = 0
        self._evidence = 0.0
        self.lag_hops: int | None = None
        self.strength = 0.0
        self.n_heard = 0

    def hear(self, near: Spectra, far: Spectra) -> int | None:
        """Take the next group; return the lag where it is a new one.

        Args:
            near: The microphone, ``(GROUP_FRAMES, channels, bins)``.
            far: The far end until the same moment, ``(n_lags - 1 + GROUP_FRAMES, bins)``.
        """
        far = far[:, self._band]
        power = np.square(far.real)
        power += np.square(far.imag)
        if float(np.add.reduce(power, axis=None)) <= self._silence:
            return None
        self.n_heard += 1
        self._gather(near[:, :, self._band], far, power)
        return self.lag_hops if self._decide(self._coherence()) else None

    def gain(self) -> float:
        """Return the power of the microphone over that of the far end, of late."""
        near = float(np.add.reduce(self._near, axis=None)) / self._channels
        return near / (float(np.add.reduce(self._far[0])) + float(_TINY))

    def _gather(self, near: Spectra, far: Spectra, power: Powers) -> None:
        self._cross *= _KEPT
        self._far *= _KEPT
        self._near *= _KEPT
        near_power = np.square(near.real)
        near_power += np.square(near.imag)
        self._near[:, 0] += np.add.reduce(near_power, axis=0)
        # The lag falls where the frame rises.
        far, power = far.conj()[::-1], power[::-1]
        for frame in range(GROUP_FRAMES):
            start = GROUP_FRAMES - 1 - frame
            lags = slice(start, start + self._n_lags)
            self._far += power[lags]
            self._cross += far[lags] * near[frame][:, np.newaxis]

    def _coherence(self) -> Powers:
        """Return the mean coherence of each lag."""
        coherence = np.square(self._cross.real)
        coherence += np.square(self._cross.imag)
        coherence /= self._far * self._near + _TINY
        mean: Powers = np.add.reduce(coherence, axis=(0, 2)) / (self._channels * self._n_bins)
        return mean

    def _decide(self, coherence: Powers) -> bool:
        best = int(np.argmax(coherence))
        level = float(np.median(coherence))
        rise = float(coherence[best]) - level
        spread = float(np.median(np.abs(coherence - np.float32(level))))
        least = max(_LEAST_RISE, _LEAST_SPREADS * spread, _LEAST_LEVELS * level)
        if self.n_heard <= _FIRST_GROUPS or rise < least:
            self._run = 0
            return False
        self.strength = rise
        known = self.lag_hops
        if known is not None:
            is_better = rise > _BETTER * (float(coherence[known]) - level)
            if best == known or not (is_better or abs(best - known) == 1):
                self._run = 0
                return False
        return self._believe(best, rise)

    def _believe(self, lag: int, rise: float) -> bool:
        """Count how often a lag stood out; return whether it is believed from now on."""
        if self._run == 0 or abs(lag - self._rival) > 1:
            self._run, self._evidence = 0, 0.0
        self._rival = lag
        self._run += 1
        self._evidence += rise
        is_clear = self.lag_hops is None and self._run >= 2 and self._evidence >= _CLEAR_RISE
        if self._run < _GROUPS and not is_clear:
            return False
        self._run = 0
        self.lag_hops = lag
        return True
