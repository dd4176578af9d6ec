"""From the power and the noise in each bin to how far the bin is turned down."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.noise_floor import Powers

__all__ = ["SpeechGain"]

_LOWEST_SNR_DB = -18.0
# Noise is taken a little stronger than it was found, since it is found a little weak.
_NOISE_EXCESS_DB = 0.8
_GAIN_EXPONENT = 1.1
_EULER = 0.5772156649015329

# Smoothing from frame to frame, per 16 ms, by quefrency at a bandwidth of 8 kHz: the
# coarse envelope of a spectrum moves freely, its fine structure is noise unless it is
# the pitch.
_ENVELOPE_COEFFICIENTS, _FORMANT_COEFFICIENTS = 3, 12
_FORMANT_SMOOTHING, _FINE_SMOOTHING, _PITCH_SMOOTHING = 0.15, 0.8, 0.15
_PITCH_HZ = (70.0, 300.0)
_PITCH_STRENGTH = 0.2

# Speech presence rises from none to certain over this range of smoothed SNR.
_ABSENT_DB, _PRESENT_DB = -10.0, -3.0
# Of the newest frame and the two before.
_SNR_WEIGHTS = (0.5, 0.3, 0.2)
_LOCAL_HZ, _GLOBAL_HZ = 31.25, 470.0
_FRAME_HZ = (60.0, 8000.0)
_MOST_ABSENCE = 0.95
_CERTAIN_SNR = 300.0

_TABLE_FIRST, _TABLE_LAST, _TABLE_PER_UNIT = -12.0, 5.0, 128


class SpeechGain:
    """Find the gain that leaves speech and turns noise down, for each bin.

    The signal-to-noise ratio of a bin, taken from one frame, jumps: that is the origin
    of musical noise. So its logarithm is smoothed over time in the cepstrum, where a
    voice is a few coefficients and a peak of pitch, and noise is everything else. The
    gain is the one that errs least in log amplitude, drawn towards the lowest gain by
    the probability that the bin holds no speech.

    Args:
        channels: Number of channels, each by itself.
        window_samples: Length of the frames; even.
        hop_samples: From frame to frame.
        sample_rate: In Hz.

    References:
        Y. Ephraim, D. Malah, "Speech enhancement using a minimum mean-square error
        log-spectral amplitude estimator", IEEE Transactions on ASSP 33(2), 1985.
        I. Cohen, "Noise spectrum estimation in adverse environments", IEEE Transactions
        on Speech and Audio Processing 11(5), 2003 (speech absence).
        C. Breithaupt, T. Gerkmann, R. Martin, "A novel a priori SNR estimation approach
        based on selective cepstro-temporal smoothing", ICASSP 2008.
    """

    def __init__(
        self, channels: int, *, window_samples: int, hop_samples: int, sample_rate: int
    ) -> None:
        self._channels = channels
        self._window_samples = window_samples
        self._n_bins = window_samples // 2 + 1
        bin_hz = sample_rate / window_samples
        hop_ms = 1000.0 * hop_samples / sample_rate
        self._smoothing = self._smoothing_by_quefrency(sample_rate, hop_ms)
        self._pitch_smoothing = np.float32(_PITCH_SMOOTHING ** (hop_ms / 16.0))
        last = self._n_bins - 2
        self._pitch = slice(
            min(max(1, int(sample_rate / _PITCH_HZ[1])), last - 1),
            min(int(sample_rate / _PITCH_HZ[0]), last),
        )
        # Where the voice fills only a part of the band, its peak is as much lower. Two
        # frames are added up.
        strength = 2.0 * _PITCH_STRENGTH * min(1.0, 16000.0 / sample_rate)
        self._pitch_strength = np.float32(strength * math.sqrt(window_samples))
        self._local = max(1, round(_LOCAL_HZ / bin_hz))
        self._global = max(1, round(_GLOBAL_HZ / bin_hz))
        self._frame = slice(
            max(1, math.ceil(_FRAME_HZ[0] / bin_hz)), int(_FRAME_HZ[1] / bin_hz) + 1
        )
        self._snr_floor = np.float32(_LOWEST_SNR_DB / 10.0 * math.log(10.0))
        self._excess = np.float32(_NOISE_EXCESS_DB / 10.0 * math.log(10.0))
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        shape = (1, self._channels, self._n_bins)
        self._began = False
        self._last_raw = np.zeros(shape, np.float32)
        self._last_cepstrum = np.zeros(shape[1:], np.float32)
        self._last_snr = np.zeros((len(_SNR_WEIGHTS) - 1, *shape[1:]), np.float32)

    def log_gain(self, power: Powers, noise: Powers, lowest: NDArray[np.float32]) -> Powers:
        """Return the natural logarithm of the gain of the next frames.

        Args:
            power: Squared magnitudes, above 0, ``(frames, channels, bins)``.
            noise: The noise in them, above 0, of the same shape.
            lowest: Logarithm of the lowest gain of each frame, ``(frames, channels, 1)``.

        Returns:
            `lowest` to 0, of the shape of `power`.
        """
        log_noise = np.log(noise)
        log_noise += self._excess
        log_posterior = np.log(power)
        log_posterior -= log_noise
        log_snr = self._smoothed_log_snr(log_posterior, log_noise)
        snr = np.exp(log_snr)
        # The logarithm of the Wiener gain, in the end.
        gain: Powers = snr + np.float32(1.0)
        odds = gain.copy()
        np.log(gain, out=gain)
        np.subtract(log_snr, gain, out=gain)
        log_v = log_posterior
        log_v += gain
        gain += _half_exponential_integral(log_v)
        gain *= np.float32(_GAIN_EXPONENT)
        np.minimum(gain, np.float32(0.0), out=gain)
        gain -= lowest
        gain *= self._presence(snr, odds, log_v)
        gain += lowest
        np.maximum(gain, lowest, out=gain)
        return gain

    def _smoothing_by_quefrency(self, sample_rate: int, hop_ms: float) -> NDArray[np.float32]:
        per_coefficient = sample_rate / 16000.0
        smoothing = np.full(self._n_bins, _FINE_SMOOTHING)
        smoothing[: max(2, round(_FORMANT_COEFFICIENTS * per_coefficient))] = _FORMANT_SMOOTHING
        smoothing **= hop_ms / 16.0
        smoothing[: max(1, round(_ENVELOPE_COEFFICIENTS * per_coefficient))] = 0.0
        return smoothing.astype(np.float32)

    def _smoothed_log_snr(self, log_posterior: Powers, log_noise: Powers) -> Powers:
        # The likeliest speech power: the power above the noise, if any.
        snr = np.exp(log_posterior)
        snr -= np.float32(1.0)
        np.maximum(snr, np.float32(10.0 ** (_LOWEST_SNR_DB / 10.0)), out=snr)
        log_speech = np.log(snr, out=snr)
        log_speech += log_noise
        # The cepstrum is real and even: one half says it all.
        cepstrum = self._transform_even(log_speech)
        log_snr = self._transform_even(self._smooth_over_time(cepstrum))
        # The mean of a logarithm lies below the logarithm of the mean by up to Euler's
        # constant; half of it is the paper's compromise.
        log_snr += np.float32(0.5 * _EULER)
        log_snr -= log_noise
        np.maximum(log_snr, self._snr_floor, out=log_snr)
        return log_snr

    def _transform_even(self, half: Powers) -> Powers:
        """Transform the first half of a real, even sequence: its own inverse."""
        # A complex argument keeps NumPy in single precision.
        whole = np.fft.irfft(
            half.astype(np.complex64), self._window_samples, axis=-1, norm="ortho"
        )
        return np.ascontiguousarray(whole[..., : self._n_bins])

    def _smooth_over_time(self, cepstrum: Powers) -> Powers:
        if not self._began:
            self._last_raw[0] = self._last_cepstrum[:] = cepstrum[0]
        smoothing = self._smoothing_of_frames(cepstrum)
        self._last_raw = cepstrum[-1:].copy()
        cepstrum *= np.float32(1.0) - smoothing
        self._last_cepstrum = _recurse(cepstrum, smoothing, self._last_cepstrum)
        return cepstrum

    def _smoothing_of_frames(self, cepstrum: Powers) -> Powers:
        """Smooth every quefrency as always, but the peak of pitch hardly."""
        smoothing = np.empty_like(cepstrum)
        smoothing[:] = self._smoothing
        before = np.concatenate([self._last_raw, cepstrum[:-1]])[..., self._pitch]
        both = cepstrum[..., self._pitch] + before
        peak = both.argmax(axis=-1)
        height = np.take_along_axis(both, peak[..., np.newaxis], axis=-1)[..., 0]
        frame, channel = np.nonzero(height > self._pitch_strength)
        quefrency = peak[frame, channel] + self._pitch.start
        for neighbour in (-1, 0, 1):
            smoothing[frame, channel, quefrency + neighbour] = self._pitch_smoothing
        return smoothing

    def _presence(self, snr: Powers, odds: Powers, log_v: Powers) -> Powers:
        """Return the probability of speech in each bin; writes into its arguments.

        Args:
            snr: Smoothed signal-to-noise ratio.
            odds: The same plus 1; becomes the odds against speech.
            log_v: Logarithm of the exponent that the two hypotheses differ by.
        """
        np.minimum(log_v, np.float32(4.0), out=log_v)
        np.exp(log_v, out=log_v)
        np.negative(log_v, out=log_v)
        np.exp(log_v, out=log_v)
        odds *= log_v
        absence = self._absence(self._smooth_snr(snr))
        odds *= absence
        np.subtract(np.float32(1.0), absence, out=absence)
        odds /= absence
        odds += np.float32(1.0)
        np.divide(np.float32(1.0), odds, out=odds)
        return odds

    def _smooth_snr(self, snr: Powers) -> Powers:
        # More than this says no more, and would drown its neighbours in a sum.
        np.minimum(snr, np.float32(_CERTAIN_SNR), out=snr)
        if not self._began:
            self._last_snr[:] = snr[0]
            self._began = True
        n_frames = len(snr)
        snr = np.concatenate([self._last_snr, snr])
        self._last_snr = snr[n_frames:].copy()
        smooth: Powers = snr[2:] * np.float32(_SNR_WEIGHTS[0])
        smooth += snr[1:-1] * np.float32(_SNR_WEIGHTS[1])
        smooth += snr[:-2] * np.float32(_SNR_WEIGHTS[2])
        return smooth

    def _absence(self, snr: Powers) -> Powers:
        """Return how improbable speech is before the power is looked at."""
        sums = np.cumsum(snr, axis=-1)
        local = _certainty(_mean_near(snr, sums, self._local))
        local *= _certainty(_mean_near(snr, sums, self._global))
        local *= _certainty(snr[..., self._frame].mean(axis=-1, keepdims=True))
        np.subtract(np.float32(1.0), local, out=local)
        np.minimum(local, np.float32(_MOST_ABSENCE), out=local)
        return local


def _recurse(
    inputs: Powers, smoothing: NDArray[np.float32], last: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Add to each frame its smoothing times the frame before, in place."""
    fed_back = np.empty_like(last)
    for frame, factor in zip(inputs, smoothing, strict=True):
        np.multiply(factor, last, out=fed_back)
        last = np.add(frame, fed_back, out=frame)
    final: NDArray[np.float32] = last.copy()
    return final


def _certainty(snr: Powers) -> Powers:
    per_log = 10.0 / math.log(10.0) / (_PRESENT_DB - _ABSENT_DB)
    np.maximum(snr, np.float32(1e-4), out=snr)
    np.log(snr, out=snr)
    snr *= np.float32(per_log)
    snr -= np.float32(_ABSENT_DB / (_PRESENT_DB - _ABSENT_DB))
    np.maximum(snr, np.float32(0.0), out=snr)
    np.minimum(snr, np.float32(1.0), out=snr)
    return snr


def _mean_near(values: Powers, sums: Powers, radius: int) -> Powers:
    """Return the mean over `radius` bins to either side, fewer at the edges."""
    n_bins = values.shape[-1]
    radius = min(radius, (n_bins - 1) // 2)
    mean = np.empty_like(values)
    mean[..., : n_bins - radius] = sums[..., radius:]
    mean[..., n_bins - radius :] = sums[..., -1:]
    mean[..., radius + 1 :] -= sums[..., : n_bins - radius - 1]
    mean *= _inverse_counts(n_bins, radius)
    return mean


@lru_cache(maxsize=16)
def _inverse_counts(n_bins: int, radius: int) -> NDArray[np.float32]:
    bins = np.arange(n_bins)
    counts = np.minimum(bins + radius, n_bins - 1) - np.maximum(bins - radius, 0) + 1
    return (1.0 / counts).astype(np.float32)


def _half_exponential_integral(log_v: Powers) -> Powers:
    """Return half of E1(v), from a table in log v exact to 0.02 dB of gain."""
    index = log_v - np.float32(_TABLE_FIRST)
    index *= np.float32(_TABLE_PER_UNIT)
    np.maximum(index, np.float32(0.0), out=index)
    table = _exponential_integral_table()
    np.minimum(index, np.float32(len(table) - 1), out=index)
    half: Powers = table[index.astype(np.int32)]
    return half


@lru_cache(maxsize=1)
def _exponential_integral_table() -> NDArray[np.float32]:
    n_entries = round((_TABLE_LAST - _TABLE_FIRST) * _TABLE_PER_UNIT) + 1
    # An entry serves the interval that begins at it: take the middle.
    log_v = _TABLE_FIRST + (np.arange(n_entries) + 0.5) / _TABLE_PER_UNIT
    return (0.5 * exponential_integral(np.exp(log_v))).astype(np.float32)


def exponential_integral(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return E1, the integral of exp(-t) / t from each value, all above 0, to infinity.

    Up to 1 by the power series, above by the continued fraction: both better than 1e-7
    of the result.

    References:
        M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 1964, 5.1.11 and
        5.1.22.
    """
    small = np.minimum(value, 1.0)
    series = -np.log(small) - _EULER
    term = np.ones_like(small)
    for order in range(1, 20):
        term *= -small / order
        series -= term / order
    large = np.maximum(value, 1.0)
    fraction = np.zeros_like(large)
    for order in range(60, 0, -1):
        fraction = order / (1.0 + order / (large + fraction))
    return np.where(value <= 1.0, series, np.exp(-large) / (large + fraction))
