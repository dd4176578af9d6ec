"""What the filter leaves of the echo, turned down to the noise of the room."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audiokit.echo.kalman import PathFilter

__all__ = ["ResidualSuppressor"]

Powers = NDArray[np.float32]

_ONE = np.float32(1.0)
_TINY = np.float32(1e-12)
# Residual echo is what the filter is unsure of, and what follows the echo in power though not in
# phase: distortion, and reverberation beyond the last tap. More of either takes away more echo,
# and more of the near end in double talk: some 2 dB of echo for each decibel of the near end's
# SI-SDR.
_LEAK_STEP = np.float32(0.02)
# The near end is expected to be as loud as it was: decision-directed.
_AS_BEFORE = np.float32(0.96)
_LEAST_SNR = np.float32(1e-3)
_MOST_SNR = np.float32(1e3)
# Level over the residual echo, in dB, at which nobody and at which somebody is surely there.
_NOBODY_DB, _SOMEBODY_DB = -4.0, 0.7
_ALONE_DB = -20.0
_PRESENCE_KEPT = 0.85
_MOST_OVER = np.float32(20.0)
# The result may be so many times the microphone, in a bin where the two had cancelled out.
_MOST_LOUDER = np.float32(2.0)
_FLOOR = np.float32(10.0 ** (-40.0 / 20.0))
_NOISE_KEPT = np.float32(0.7)
# The noise is the least power of the last one to two spans of so many frames.
_NOISE_FRAMES = 40


class ResidualSuppressor:
    """Turn residual echo down in every bin, not below the noise of the room.

    Args:
        channels: Channels of the microphone.
        n_bins: Bins of a spectrum.
        first_bin: First bin that tells whether somebody speaks.

    References:
        G. Enzner, P. Vary, as in `PathFilter`, section 4 (the posterior filter); Y. Ephraim,
        D. Malah, "Speech enhancement using a minimum mean-square error short-time spectral
        amplitude estimator", IEEE Transactions on ASSP 32(6), 1984 (decision-directed);
        J.-M. Valin, "On adjusting the learning rate in frequency domain echo cancellation
        with double-talk", IEEE Transactions on Audio, Speech and Language Processing 15(3),
        2007 (leakage by regression of powers).
    """

    def __init__(self, channels: int, n_bins: int, *, first_bin: int) -> None:
        self._shape = (channels, n_bins)
        self._first_bin = first_bin
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        shape = self._shape
        self._mean_error: Powers = np.zeros(shape, np.float32)
        self._mean_echo: Powers = np.zeros(shape, np.float32)
        self._joint: Powers = np.zeros(shape, np.float32)
        self._spread: Powers = np.full(shape, 1e-9, np.float32)
        self._before: Powers = np.full(shape, 1e-6, np.float32)
        self._presence_db = [0.0] * shape[0]
        self._smooth: Powers = np.zeros(shape, np.float32)
        self._least: Powers = np.full(shape, 1.0, np.float32)
        self._least_before: Powers = np.full(shape, 1.0, np.float32)
        self._n_frames = 0

    def gain(self, path: PathFilter, near_power: Powers) -> Powers:
        """Return the gain of the next frame.

        Args:
            path: The filter, which has heard the frame.
            near_power: Of the microphone, ``(channels, bins)``.

        Returns:
            For `PathFilter.error`, ``(channels, bins)``.
        """
        error = path.error_power
        residual = self._leakage(error, path.echo_power)
        residual += path.uncertainty
        residual += _TINY
        over = error / residual
        np.minimum(over, _MOST_SNR, out=over)
        snr = _AS_BEFORE * self._before / residual
        snr += (_ONE - _AS_BEFORE) * np.maximum(over - _ONE, np.float32(0.0))
        np.maximum(snr, _LEAST_SNR, out=snr)
        gain: Powers = snr / (_ONE + snr)
        self._before = np.square(gain)
        self._before *= error
        gain *= self._presence_gain(error, residual)
        np.maximum(gain, self._lowest(error), out=gain)
        # A microphone that is switched off must not let the filter's own guess be heard.
        most = near_power / (error + np.float32(1e-20))
        np.sqrt(most, out=most)
        most *= _MOST_LOUDER
        np.minimum(gain, most, out=gain)
        return gain

    def _leakage(self, error: Powers, echo: Powers) -> Powers:
        """Return the part of the error that rises and falls with the echo."""
        error_change = error - self._mean_error
        echo_change = echo - self._mean_echo
        self._mean_error += _LEAK_STEP * error_change
        self._mean_echo += _LEAK_STEP * echo_change
        error_change *= echo_change
        error_change -= self._joint
        error_change *= _LEAK_STEP
        self._joint += error_change
        np.square(echo_change, out=echo_change)
        echo_change -= self._spread
        echo_change *= _LEAK_STEP
        self._spread += echo_change
        slope: Powers = self._joint / (self._spread + np.float32(1e-20))
        np.maximum(slope, np.float32(0.0), out=slope)
        np.minimum(slope, _ONE, out=slope)
        slope *= echo
        return slope

    def _presence_gain(self, error: Powers, residual: Powers) -> Powers:
        """Return a gain for each channel: lower where the far end is alone."""
        heard = np.minimum(error, _MOST_OVER * residual)
        levels = np.add.reduce(heard[:, self._first_bin :], axis=-1)
        expected = np.add.reduce(residual[:, self._first_bin :], axis=-1)
        gain: Powers = np.empty((len(levels), 1), np.float32)
        for channel, level in enumerate((levels / expected).tolist()):
            level_db = 10.0 * math.log10(level + 1e-9)
            before_db = self._presence_db[channel]
            smooth_db = _PRESENCE_KEPT * before_db + (1.0 - _PRESENCE_KEPT) * level_db
            self._presence_db[channel] = smooth_db
            highest_db = max(level_db, smooth_db)
            absence = (_SOMEBODY_DB - highest_db) / (_SOMEBODY_DB - _NOBODY_DB)
            gain[channel] = 10.0 ** (_ALONE_DB / 20.0 * min(max(absence, 0.0), 1.0))
        return gain

    def _lowest(self, error: Powers) -> Powers:
        """Return the gain that brings a bin down to the noise of the room.

        The noise is looked for behind the filter: before it, an echo without pauses is one.
        """
        self._smooth *= _NOISE_KEPT
        self._smooth += (_ONE - _NOISE_KEPT) * error
        np.minimum(self._least, self._smooth, out=self._least)
        self._n_frames += 1
        if self._n_frames % _NOISE_FRAMES == 0:
            self._least_before = self._least
            self._least = self._smooth.copy()
        lowest = np.minimum(self._least, self._least_before)
        lowest /= error + np.float32(1e-20)
        np.minimum(lowest, _ONE, out=lowest)
        np.sqrt(lowest, out=lowest)
        np.maximum(lowest, _FLOOR, out=lowest)
        return lowest
