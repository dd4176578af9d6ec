"""The path from loudspeaker to microphone, learnt frame by frame in every bin."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.stft import Spectra

__all__ = ["PathFilter"]

Powers: TypeAlias = NDArray[np.float32]

# What a path keeps from frame to frame; the rest is what rooms change by themselves. For the
# hop of 16 ms.
_KEPT = 0.9998
# In single precision a variance needs some noise to stay above the rounding of others.
_LEAST_CHANGE = np.float32(1e-7)
# Smoothing of the power that the filter cannot explain: near-end speech, noise.
_SMOOTHED = np.float32(0.8)
_TINY = np.float32(1e-10)
# Corrections two frames apart, of windows that do not overlap, look alike when the path has
# moved; when it has not they are noise. Above this the filter becomes less sure of itself.
_ALIKE = 0.03
_LESS_SURE = 3.0
_LEAST_SURE = 0.3
# A path that moves is strong where the old one was weak: so much of the mean goes to every tap.
_ELSEWHERE = np.float32(0.3)
_ALIKE_KEPT = 0.9
# Clocks of consumer devices differ by 300 ppm at most; some ask for more.
_MOST_DRIFT = 600e-6
_DRIFT_STEP = 0.5
# A path is given up when what it explains is loud and taking it away makes things louder.
_GIVE_UP = 1.25
_HEARD = 0.3
_POWER_KEPT = 0.85
_PATIENCE_FRAMES = 30
# Late taps may have so much of the power that early ones may have, in the beginning falling as in
# a room whose sound is 60 dB down after a second: what is held for possible everywhere is learnt
# nowhere while somebody speaks.
_LATE_SHARE, _LATE_DECAY = 0.2, 10.0 ** (-6.0 * 0.016)


class PathFilter:
    """A Kalman filter over the last frames of the far end, one for each bin and channel.

    What the filter knows of its own error makes it safe in double talk: near-end speech is
    power that it cannot explain, and slows it down in that bin for as long as it lasts. Two
    more loops keep it alive. Where corrections look alike, the path has moved and the filter
    becomes less sure of itself; and a drift between the two clocks turns every bin by a phase
    that grows with frequency, which is followed and turned back, so that to the filter
    nothing moves.

    Of the early taps the filter knows how their errors go together, which is what makes it
    quick; of the late ones, which are weaker and many, only how large each error is.

    Taps are ordered as the frames are, the oldest first.

    Args:
        channels: Channels of the microphone.
        n_early: Frames that the path's strong part lasts; the work grows with the square.
        n_late: Frames of reverberation after it.
        n_bins: Bins of a spectrum.
        hop_samples: From one frame to the next.

    Attributes:
        error: The microphone without the echo, ``(channels, bins)``, of the last frame.
        echo_power: Power of the echo that was taken away, ``(channels, bins)``.
        error_power: Power of `error`.
        uncertainty: Power of the echo that may be left, as far as the filter knows.
        path: The path itself, ``(channels, n_late + n_early, bins)``.
        totals: Power of microphone, `error` and echo in the last frame, all bins together.
        drift: How much faster the microphone's clock runs than the far end's, as a ratio.
        n_restarts: How often a path was given up.

    References:
        G. Enzner, P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control
        in hands-free telephones", Signal Processing 86(6), 2006. F. Yang, G. Enzner, J. Yang,
        "Frequency-domain adaptive Kalman filter with fast recovery of abrupt echo-path
        changes", IEEE Signal Processing Letters 24(12), 2017. V. Mathews, Z. Xie, "A
        stochastic gradient adaptive filter with gradient adaptive step size", IEEE
        Transactions on Signal Processing 41(6), 1993.
    """

    def __init__(
        self, channels: int, *, n_early: int, n_late: int, n_bins: int, hop_samples: int
    ) -> None:
        self._shape = (channels, n_late + n_early, n_bins)
        self._n_early, self._n_late = n_early, n_late
        self._hop_samples = hop_samples
        self._turn = np.arange(n_bins) * (np.pi / (n_bins - 1))
        self._turn_weight = np.square(self._turn).astype(np.float32)
        self._turn_single = self._turn.astype(np.float32)
        age = np.arange(n_late, 0, -1)[:, np.newaxis]
        self._late_share = (_LATE_SHARE * _LATE_DECAY**age).astype(np.float32)
        self._wide = np.empty((channels, n_early, n_early, n_bins), np.complex64)
        self.reset()

    def reset(self) -> None:
        """Forget everything, the drift of the clocks too."""
        self.drift = 0.0
        self.n_restarts = 0
        self.restart(1.0)

    def restart(self, gain: float) -> None:
        """Forget the path.

        Args:
            gain: Power that a tap may have: what the filter holds for possible.
        """
        channels, _, n_bins = self._shape
        self._gain = np.float32(gain)
        self.path = np.zeros(self._shape, np.complex64)
        self._tap_power = np.zeros(self._shape, np.float32)
        self._late_variance = np.zeros((channels, self._n_late, n_bins), np.float32)
        self._late_variance += self._gain * self._late_share
        self._covariance = np.zeros_like(self._wide)
        self._variance[:] = self._gain
        self._unexplained = np.full((channels, n_bins), 1e-6, np.float32)
        self._steps = [np.zeros(self._shape, np.complex64) for _ in range(3)]
        self._alike = self._alike_norm = 0.0
        self._norms = [0.0, 0.0, 0.0]
        self._powers = (0.0, 0.0, 0.0)
        self.totals: tuple[float, ...] = (0.0, 0.0, 0.0)
        # A path that is hard to learn is not to be given up again and again.
        self._patience = _PATIENCE_FRAMES << min(self.n_restarts, 10)
        self._turned = 0.0
        self._n_turned = 0
        self._set_rotation()
        silent = np.zeros((channels, n_bins), np.float32)
        self.error = np.zeros((channels, n_bins), np.complex64)
        self.echo_power = self.error_power = self.uncertainty = silent

    @property
    def _variance(self) -> Powers:
        """The diagonal of the early taps' covariance, to be written to.

        Made anew each time, as pickles hold no views.
        """
        channels, _, n_bins = self._shape
        flat = self._covariance.reshape(channels, self._n_early**2, n_bins)
        variance: Powers = flat[:, :: self._n_early + 1].real
        return variance

    def shift(self, n_hops: int) -> None:
        """Let the filter begin later by whole hops, or earlier where negative; the path stays."""
        path, covariance = self.path.copy(), self._covariance.copy()
        self.path[:] = 0.0
        self._covariance[:] = 0.0
        self._variance[:] = self._gain
        # Where frames that come first are older, the same sound has moved back.
        kept, was = _moved(self._shape[1], n_hops)
        self.path[:, kept] = path[:, was]
        kept, was = _moved(self._n_early, n_hops)
        self._covariance[:, kept, kept] = covariance[:, was, was]
        self._late_variance[:] = self._gain * self._late_share
        self._tap_power = _power(self.path)
        for step in self._steps:
            step[:] = 0.0

    def hear(self, near: Spectra, near_power: Powers, far: Spectra, far_conj: Spectra) -> None:
        """Take the next frame.

        Args:
            near: The microphone, ``(channels, bins)``.
            near_power: Its power.
            far: The far end's frames that the path spans, ``(n_late + n_early, bins)``.
            far_conj: Their conjugates.
        """
        self._age()
        echo = _sum(self.path * far, axis=1)
        self.error = near - echo
        self.echo_power = _power(echo)
        self.error_power = _power(self.error)
        if self._is_lost(near_power):
            self.n_restarts += 1
            totals = self.totals
            self.restart(float(self._gain))
            self.error = near.copy()
            self.error_power = near_power.copy()
            self.totals = (totals[0], totals[0], 0.0)
        self._correct(far_conj)
        self._follow()

    def follow_drift(self) -> None:
        """Bring the estimate of the drift up to date; to be called every few frames."""
        # Of so many frames; the path moves little meanwhile.
        weight = np.add.reduce(self._tap_power, axis=(0, 1)) * self._turn_weight
        total = self._n_turned * float(np.add.reduce(weight))
        samples = self._turned / (total + 1e-9)
        drift = self.drift - _DRIFT_STEP * samples / self._hop_samples
        self.drift = min(max(drift, -_MOST_DRIFT), _MOST_DRIFT)
        self._turned = 0.0
        self._n_turned = 0
        self._set_rotation()

    def _set_rotation(self) -> None:
        samples = self.drift * self._hop_samples
        self._rotation = (_KEPT * np.exp(-1j * self._turn * samples)).astype(np.complex64)

    def _age(self) -> None:
        """Let the path change as rooms and clocks do."""
        self.path *= self._rotation
        # As real numbers: half the work.
        parts = self._covariance.view(np.float32)
        np.multiply(parts, np.float32(_KEPT**2), out=parts)
        power = self._tap_power
        sureness = self._alike / (self._alike_norm + 1e-30)
        more = min(max((sureness - _ALIKE) * _LESS_SURE, 0.0), _LEAST_SURE)
        if more:
            n_taps = np.float32(power.shape[1])
            power += np.add.reduce(power, axis=1, keepdims=True) * (_ELSEWHERE / n_taps)
        power *= np.float32(_KEPT**2 * (1.0 - _KEPT**2 + more))
        power += _LEAST_CHANGE * self._gain
        late = self._late_variance
        late *= np.float32(_KEPT**2)
        late += power[:, : self._n_late]
        variance = self._variance
        variance += power[:, self._n_late :]
        # Never less sure than at the beginning, whatever the loop above asks for.
        np.minimum(late, self._gain * np.float32(_LATE_SHARE), out=late)
        np.minimum(variance, self._gain, out=variance)

    def _correct(self, far_conj: Spectra) -> None:
        late_conj, far_conj = far_conj[: self._n_late], far_conj[self._n_late :]
        late_doubt = self._late_variance * _power(late_conj)
        np.multiply(self._covariance, far_conj, out=self._wide)
        spread = _sum(self._wide, axis=2)
        # The real part of the product with the far end, as sums of real numbers.
        parts = spread.view(np.float32) * far_conj.view(np.float32)
        parts = np.add.reduce(parts, axis=1)
        self.uncertainty = np.maximum(parts[:, ::2] + parts[:, 1::2], np.float32(0.0))
        self.uncertainty += np.add.reduce(late_doubt, axis=1)
        self._unexplained *= _SMOOTHED
        self._unexplained += (np.float32(1.0) - _SMOOTHED) * self.error_power
        # 1 over the power of what was not expected, real.
        scale = np.float32(1.0) / (self.uncertainty + self._unexplained + _TINY)
        gain = spread * scale[:, np.newaxis]
        np.multiply(gain[:, :, np.newaxis], spread.conj()[:, np.newaxis], out=self._wide)
        parts = self._covariance.view(np.float32)
        np.subtract(parts, self._wide.view(np.float32), out=parts)
        gain = np.concatenate([self._late_gain(late_conj, late_doubt, scale), gain], axis=1)
        gain *= self.error[:, np.newaxis]
        self.path += gain
        self._tap_power = _power(self.path)
        self._steps = [gain, *self._steps[:2]]

    def _late_gain(self, far_conj: Spectra, doubt: Powers, scale: Powers) -> Spectra:
        """Return what late taps take of the error; they become surer."""
        gain: Spectra = (self._late_variance * scale[:, np.newaxis]) * far_conj
        doubt *= scale[:, np.newaxis]
        np.subtract(np.float32(1.0), doubt, out=doubt)
        self._late_variance *= doubt
        return gain

    def _follow(self) -> None:
        """Compare the last corrections with each other and with the path."""
        step = self._steps[0].reshape(-1)
        norm = float(np.vdot(step, step).real)
        self._norms = [norm, *self._norms[:2]]
        alike = float(np.vdot(self._steps[2].reshape(-1), step).real)
        self._alike = _ALIKE_KEPT * self._alike + (1.0 - _ALIKE_KEPT) * alike
        norm = (norm * self._norms[2]) ** 0.5
        self._alike_norm = _ALIKE_KEPT * self._alike_norm + (1.0 - _ALIKE_KEPT) * norm
        turned = self.path * self._turn_single
        self._turned += float(np.vdot(turned.reshape(-1), step).imag)
        self._n_turned += 1

    def _is_lost(self, near_power: Powers) -> bool:
        kept, new = _POWER_KEPT, 1.0 - _POWER_KEPT
        powers = (near_power, self.error_power, self.echo_power)
        self.totals = tuple(float(np.add.reduce(power, axis=None)) for power in powers)
        near, error, echo = (
            kept * old + new * total for old, total in zip(self._powers, self.totals, strict=True)
        )
        self._powers = (near, error, echo)
        self._patience -= 1
        is_worse = error > _GIVE_UP * near and echo > _HEARD * near
        return is_worse and self._patience < 0


def _moved(length: int, n_hops: int) -> tuple[slice, slice]:
    """Return where taps are after a move, and where those that are kept were."""
    n_kept = max(0, length - abs(n_hops))
    new, old = max(n_hops, 0), max(-n_hops, 0)
    return slice(new, new + n_kept), slice(old, old + n_kept)


def _power(spectra: Spectra) -> Powers:
    power = np.square(spectra.real)
    power += np.square(spectra.imag)
    return power


def _sum(spectra: Spectra, *, axis: int) -> Spectra:
    """Add up along an axis that is not the last: as real numbers, which is quicker."""
    total: Spectra = np.add.reduce(spectra.view(np.float32), axis=axis).view(np.complex64)
    return total
