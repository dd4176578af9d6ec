"""How strong the late reverberation is in each bin, from how slowly sound dies away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.noise_floor import Powers

__all__ = ["LateReverberation"]

# A tail is taken to fall by 60 dB in this time. How fast exactly was measured to matter
# little beside how strong it is, which is learnt.
_DECAY_S = 0.8
# Part of a frame's power that joins the tail, per 16 ms.
_JOINS_PER_16_MS = 0.2
_DELAY_MS = 48.0
_BAND_EDGES_HZ = (0.0, 300.0, 600.0, 1000.0, 1500.0, 2200.0, 3200.0, 4500.0, 6500.0)
# Where sound stops, what is left is tail: the level under which so much of the
# time is spent.
_QUANTILE = 0.12
_FIRST_LEVEL_DB, _LOWEST_DB, _HIGHEST_DB = -14.0, -40.0, 6.0
_STEP_DB_PER_16_MS = 0.6
# The tail must stand this far out of the noise to be judged: 10 dB.
_AUDIBLE = 10.0
_NOISE_RISE_DB_PER_S = 6.0
_NOISE_SMOOTHING_PER_16_MS = 0.8
# Of the smoothed minimum, which lies below the mean.
_NOISE_EXCESS = np.float32(2.0)


class LateReverberation:
    """Follow the power of late reverberation in every bin.

    A tail is the past, delayed and dying away exponentially. How strong it is against
    that model shows when speech stops: a room keeps the level near the tail, a dry
    recording falls far below. So a low quantile of power over model, tracked in each of
    nine bands, scales the tail; in a dry recording it ends near nothing. Noise is left
    out of both.

    Args:
        n_bins: Bins of a frame.
        hop_ms: From frame to frame.
        bin_hz: From bin to bin.
        silence: Lowest noise power of a bin.

    References:
        K. Lebart, J. Boucher, P. Denbigh, "A new method based on spectral subtraction
        for speech dereverberation", Acta Acustica united with Acustica 87(3), 2001.
        E. Habets, S. Gannot, I. Cohen, "Late reverberant spectral variance estimation
        based on a statistical model", IEEE Signal Processing Letters 16(9), 2009.
    """

    def __init__(self, n_bins: int, *, hop_ms: float, bin_hz: float, silence: float) -> None:
        self._n_bins = n_bins
        self._silence = np.float32(silence)
        per_hop = hop_ms / 16.0
        decay = 10.0 ** (-6.0 * hop_ms / 1000.0 / _DECAY_S)
        joins = 1.0 - (1.0 - _JOINS_PER_16_MS) ** per_hop
        self._delay = max(1, round(_DELAY_MS / hop_ms))
        self._keep = np.float32(decay * (1.0 - joins))
        self._join = np.float32(joins * decay**self._delay)
        self._noise_keep = np.float32(_NOISE_SMOOTHING_PER_16_MS**per_hop)
        self._noise_rise = np.float32(10.0 ** (_NOISE_RISE_DB_PER_S * hop_ms / 10000.0))
        edges = np.round(np.asarray(_BAND_EDGES_HZ) / bin_hz).astype(np.intp)
        self._edges = edges[edges < n_bins - 1]
        self._band_of_bin = np.searchsorted(self._edges, np.arange(n_bins), side="right") - 1
        step_db = _STEP_DB_PER_16_MS * per_hop
        self._up_db = np.float32(step_db * _QUANTILE)
        self._down_db = np.float32(step_db)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._tail = np.zeros(self._n_bins, np.float32)
        self._before = np.zeros((self._delay, self._n_bins), np.float32)
        self._smooth = np.zeros(self._n_bins, np.float32)
        self._noise = np.full(self._n_bins, np.inf, np.float32)
        self._level_db = np.full(len(self._edges), _FIRST_LEVEL_DB, np.float32)

    def track(self, power: Powers) -> tuple[Powers, Powers]:
        """Return the power of late reverberation in the next frames, and its strength.

        Args:
            power: Squared magnitudes, ``(frames, bins)``.

        Returns:
            The model of the tail, as many frames; and by how many dB it is to be
            scaled, ``(frames, bands)``.
        """
        noise = self._track_noise(power)
        dry = power - _NOISE_EXCESS * noise
        np.maximum(dry, 0.0, out=dry)
        tail = self._track_tail(dry)
        band_tail, band_power, band_noise = (
            np.add.reduceat(part, self._edges, axis=-1) for part in (tail, power, noise)
        )
        is_audible = band_tail > _AUDIBLE * band_noise
        np.maximum(band_tail, self._silence, out=band_tail)
        np.maximum(band_power, self._silence, out=band_power)
        ratio_db = np.log10(band_power / band_tail)
        ratio_db *= np.float32(10.0)
        return tail, self._track_level(ratio_db, is_audible)

    def by_bin(self, by_band: Powers) -> Powers:
        """Return values per band, ``(frames, bands)``, as values per bin."""
        values: Powers = by_band.take(self._band_of_bin, axis=1)
        return values

    def _track_noise(self, power: Powers) -> Powers:
        floors = np.empty_like(power)
        smooth, floor = self._smooth, self._noise
        fresh = power * (1.0 - self._noise_keep)
        for frame, out in zip(fresh, floors, strict=True):
            smooth = smooth * self._noise_keep
            smooth += frame
            np.multiply(floor, self._noise_rise, out=out)
            np.minimum(out, smooth, out=out)
            floor = np.maximum(out, self._silence, out=out)
        self._smooth, self._noise = smooth, floor.copy()
        return floors

    def _track_tail(self, dry: Powers) -> Powers:
        joining = np.concatenate([self._before, dry])
        self._before = joining[len(dry) :].copy()
        tails: Powers = joining[: len(dry)] * self._join
        fed_back = np.empty_like(self._tail)
        last = self._tail
        for frame in tails:
            np.multiply(last, self._keep, out=fed_back)
            last = np.add(frame, fed_back, out=frame)
        self._tail = last.copy()
        return tails

    def _track_level(self, ratio_db: Powers, is_audible: NDArray[np.bool_]) -> Powers:
        levels_db = np.empty_like(ratio_db)
        level_db = self._level_db
        up_db = np.where(is_audible, self._up_db, np.float32(0.0))
        down_db = np.where(is_audible, self._down_db, np.float32(0.0))
        for frame, up, down, out in zip(ratio_db, up_db, down_db, levels_db, strict=True):
            np.add(level_db, up, out=out)
            np.subtract(out, down, out=out, where=frame < level_db)
            level_db = np.clip(out, _LOWEST_DB, _HIGHEST_DB, out=out)
        self._level_db = level_db.copy()
        return levels_db
