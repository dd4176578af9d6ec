"""From the power and the noise in each bin to how far the bin is turned down."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.noise_floor import Powers

__all__ = ["SpeechGain"]

# From -18 dB; the upper end only keeps quotients finite.
_LOWEST_SNR, _HIGHEST_SNR = np.float32(10.0 ** (-18.0 / 10.0)), np.float32(1e25)
# Noise is taken a little stronger than it was found, since it is found a little weak.
_NOISE_EXCESS = np.float32(10.0 ** (0.8 / 10.0))
_GAIN_EXPONENT = np.float32(1.1)
_EULER = 0.5772156649015329
# The mean of a logarithm lies below the logarithm of the mean by up to Euler's constant;
# half of it is the compromise of Breithaupt et al.
_LOG_MEAN_BIAS = np.float32(math.exp(0.5 * _EULER))

# Smoothing from frame to frame, per 16 ms, by quefrency at a bandwidth of 8 kHz: the
# coarse envelope of a spectrum moves freely, its fine structure is noise unless it is
# the pitch.
_ENVELOPE_COEFFICIENTS, _FORMANT_COEFFICIENTS = 3, 12
_FORMANT_SMOOTHING, _FINE_SMOOTHING, _PITCH_SMOOTHING = 0.15, 0.8, 0.15
_PITCH_HZ = (70.0, 300.0)
_PITCH_STRENGTH = 0.2
_PITCH_WIDTH = np.array([-1, 0, 1])

# Speech presence rises from none to certain over this range of smoothed SNR.
_ABSENT_SNR, _PRESENT_SNR = np.float32(10.0 ** (-10.0 / 10.0)), np.float32(10.0 ** (-3.0 / 10.0))
_LOG_ABSENT_SNR = np.log(_ABSENT_SNR)
# Three such ranges are multiplied: near the bin, around it, and in the whole frame.
_PRESENCE_OF_LOGS = (np.log(_PRESENT_SNR) - _LOG_ABSENT_SNR) ** -3
# Of the newest frame and the two before.
_SNR_WEIGHTS = np.array([0.5, 0.3, 0.2], np.float32)
_LOCAL_HZ, _GLOBAL_HZ = 31.25, 470.0
_FRAME_HZ = (60.0, 8000.0)
_LEAST_PRESENCE = np.float32(0.05)
_CERTAIN_SNR = np.float32(300.0)

# Beyond this no likelihood counts, and its exponential would be a denormal number: slow.
_LARGEST_EXPONENT = np.float32(60.0)
_ZERO, _ONE, _INFINITY = np.float32(0.0), np.float32(1.0), np.float32(np.inf)

# The exponential integral is tabulated by the upper bits of a number, the logarithm of
# the number in steps: 128 to the octave are left when the lower 16 bits go.
_DROPPED_BITS = 16
_FIRST_ENTRY, _LAST_ENTRY = (
    int(np.float32(value).view(np.int32)) >> _DROPPED_BITS for value in (2.0**-18, 2.0**7)
)


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
            max(1, math.ceil(_FRAME_HZ[0] / bin_hz)),
            min(int(_FRAME_HZ[1] / bin_hz) + 1, self._n_bins),
        )
        self._inverse_counts = np.stack(
            [_inverse_counts(self._n_bins, radius) for radius in (self._local, self._global)]
        )[:, np.newaxis, np.newaxis]
        self._inverse_frame_bins = np.float32(1.0 / (self._frame.stop - self._frame.start))
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._began = False
        shape = (self._channels, self._n_bins)
        self._last_raw = np.zeros(shape, np.float32)
        self._last_cepstrum = np.zeros(shape, np.float32)
        self._last_snr = np.zeros((len(_SNR_WEIGHTS) - 1, *shape), np.float32)

    def log_gain(self, power: Powers, noise: Powers, lowest: NDArray[np.float32]) -> Powers:
        """Return the natural logarithm of the gain of the next frames.

        Writes into the first two arguments: memory that is at hand is faster than new.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``.
            noise: The noise in them, above 0, of the same shape.
            lowest: Logarithm of the lowest gain of each frame, ``(frames, channels, 1)``.

        Returns:
            `lowest` to 0, of the shape of `power`.
        """
        noise *= _NOISE_EXCESS
        snr = self._smoothed_snr(power, noise)
        odds = snr + _ONE
        wiener = snr / odds
        # Called v in the papers.
        exponent = np.divide(power, noise, out=power)
        exponent *= wiener
        exponent.clip(_ZERO, _LARGEST_EXPONENT, out=exponent)
        gain: Powers = np.log(wiener, out=wiener)
        gain += _half_exponential_integral(exponent)
        gain *= _GAIN_EXPONENT
        gain.clip(-_INFINITY, _ZERO, out=gain)
        gain -= lowest
        gain.clip(_ZERO, _INFINITY, out=gain)
        gain *= self._presence(snr, odds, exponent)
        gain += lowest
        return gain

    def _smoothing_by_quefrency(self, sample_rate: int, hop_ms: float) -> NDArray[np.float32]:
        per_coefficient = sample_rate / 16000.0
        smoothing = np.full(self._n_bins, _FINE_SMOOTHING)
        smoothing[: max(2, round(_FORMANT_COEFFICIENTS * per_coefficient))] = _FORMANT_SMOOTHING
        smoothing **= hop_ms / 16.0
        smoothing[: max(1, round(_ENVELOPE_COEFFICIENTS * per_coefficient))] = 0.0
        return smoothing.astype(np.float32)

    def _smoothed_snr(self, power: Powers, noise: Powers) -> Powers:
        # The likeliest speech power: the power above the noise, if any.
        speech = power - noise
        np.maximum(speech, noise * _LOWEST_SNR, out=speech)
        # The cepstrum is real and even: one half says it all.
        cepstrum = self._transform_even(np.log(speech, out=speech)).copy()
        self._smooth_over_time(cepstrum)
        snr: Powers = np.exp(self._transform_even(cepstrum), out=speech)
        snr /= noise
        snr *= _LOG_MEAN_BIAS
        snr.clip(_LOWEST_SNR, _HIGHEST_SNR, out=snr)
        return snr

    def _transform_even(self, half: Powers) -> Powers:
        """Transform the first half of a real, even sequence: its own inverse."""
        # A complex argument keeps NumPy in single precision.
        whole = np.fft.irfft(
            half.astype(np.complex64), self._window_samples, axis=-1, norm="ortho"
        )
        # NumPy's stubs promise double precision; single stays single.
        return whole[..., : self._n_bins].astype(np.float32, copy=False)

    def _smooth_over_time(self, cepstrum: Powers) -> None:
        if not self._began:
            self._last_raw = cepstrum[0].copy()
            self._last_cepstrum = self._last_raw
        smoothing = self._smoothing_of_frames(cepstrum)
        self._last_raw = cepstrum[-1].copy()
        cepstrum *= _ONE - smoothing
        _recurse(cepstrum, smoothing, self._last_cepstrum)
        self._last_cepstrum = cepstrum[-1].copy()

    def _smoothing_of_frames(self, cepstrum: Powers) -> Powers:
        """Smooth every quefrency as always, but the peak of pitch hardly."""
        smoothing = np.empty_like(cepstrum)
        smoothing[:] = self._smoothing
        pitch = cepstrum[..., self._pitch]
        both = pitch.copy()
        both[0] += self._last_raw[..., self._pitch]
        both[1:] += pitch[:-1]
        frame, channel = np.nonzero(both.max(axis=-1) > self._pitch_strength)
        if not len(frame):
            return smoothing
        peak = both[frame, channel].argmax(axis=-1) + self._pitch.start
        peak = peak[:, np.newaxis] + _PITCH_WIDTH
        smoothing[frame[:, np.newaxis], channel[:, np.newaxis], peak] = self._pitch_smoothing
        return smoothing

    def _presence(self, snr: Powers, odds: Powers, exponent: Powers) -> Powers:
        """Return the probability of speech in each bin; writes into its arguments.

        Args:
            snr: Smoothed signal-to-noise ratio.
            odds: The same plus 1.
            exponent: Logarithm of what the power says for speech, apart from those odds.
        """
        np.negative(exponent, out=exponent)
        odds *= np.exp(exponent, out=exponent)
        prior = self._prior(self._smooth_snr(snr))
        odds *= np.subtract(_ONE, prior, out=exponent)
        odds += prior
        return np.divide(prior, odds, out=odds)

    def _smooth_snr(self, snr: Powers) -> Powers:
        n_before = len(self._last_snr)
        recent = np.empty((n_before + len(snr), *snr.shape[1:]), np.float32)
        # More than this says no more, and would drown its neighbours in a sum.
        snr.clip(_ZERO, _CERTAIN_SNR, out=recent[n_before:])
        recent[:n_before] = self._last_snr if self._began else recent[n_before]
        self._began = True
        self._last_snr = recent[-n_before:].copy()
        newest, middle, oldest = _SNR_WEIGHTS
        smooth: Powers = np.multiply(recent[2:], newest, out=snr)
        smooth += recent[1:-1] * middle
        smooth += recent[:-2] * oldest
        return smooth

    def _prior(self, snr: Powers) -> Powers:
        """Return how probable speech is before the power is looked at."""
        # The sums go on beyond both edges, so that no mean is a special case.
        zero, n_bins = self._global, self._n_bins
        sums = _running_sums(snr, margin=zero)
        means = np.empty((2, *snr.shape), np.float32)
        for mean, radius in zip(means, (self._local, self._global), strict=True):
            lower, upper = zero - radius, zero + radius + 1
            np.subtract(
                sums[..., upper : upper + n_bins], sums[..., lower : lower + n_bins], out=mean
            )
        means *= self._inverse_counts
        local, wide = _log_above_absence(means)
        prior: Powers = np.multiply(local, wide, out=local)
        lower, upper = zero + self._frame.start, zero + self._frame.stop
        frame = sums[..., upper : upper + 1] - sums[..., lower : lower + 1]
        frame *= self._inverse_frame_bins
        prior *= _log_above_absence(frame) * _PRESENCE_OF_LOGS
        prior.clip(_LEAST_PRESENCE, _ONE, out=prior)
        return prior


def _recurse(inputs: Powers, smoothing: Powers, last: NDArray[np.float32]) -> None:
    """Add to each frame its smoothing times the frame before, in place."""
    # Looked up once: in the loop that would cost as much as the arithmetic.
    multiply, add = np.multiply, np.add
    fed_back = np.empty_like(last)
    for frame, factor in zip(inputs, smoothing, strict=True):
        multiply(factor, last, fed_back)
        last = add(frame, fed_back, frame)


def _log_above_absence(snr: Powers) -> Powers:
    """Return the logarithm, in place, 0 where speech is absent, bounded where certain."""
    snr.clip(_ABSENT_SNR, _PRESENT_SNR, out=snr)
    np.log(snr, out=snr)
    snr -= _LOG_ABSENT_SNR
    return snr


def _running_sums(values: Powers, margin: int) -> Powers:
    """Return the sums of the first 0, 1, … bins, `margin` more at either end."""
    n_bins = values.shape[-1]
    sums = np.empty((*values.shape[:-1], n_bins + 1 + 2 * margin), np.float32)
    last = margin + n_bins
    sums[..., : margin + 1] = 0.0
    np.add.accumulate(values, axis=-1, out=sums[..., margin + 1 : last + 1])
    sums[..., last + 1 :] = sums[..., last : last + 1]
    return sums


@lru_cache(maxsize=16)
def _inverse_counts(n_bins: int, radius: int) -> NDArray[np.float32]:
    bins = np.arange(n_bins)
    counts = np.minimum(bins + radius, n_bins - 1) - np.maximum(bins - radius, 0) + 1
    return (1.0 / counts).astype(np.float32)


def _half_exponential_integral(value: Powers) -> Powers:
    """Return half of E1 of values from 0 on, exact to 0.02 dB of gain."""
    entry = value.view(np.int32) >> _DROPPED_BITS
    entry -= _FIRST_ENTRY
    half: Powers = _exponential_integral_table().take(entry.astype(np.intp), mode="clip")
    return half


@lru_cache(maxsize=1)
def _exponential_integral_table() -> NDArray[np.float32]:
    bits = np.arange(_FIRST_ENTRY, _LAST_ENTRY + 1, dtype=np.int32) << _DROPPED_BITS
    # An entry serves the interval that begins at it: take the middle.
    bits += 1 << (_DROPPED_BITS - 1)
    value = bits.view(np.float32).astype(np.float64)
    return (0.5 * exponential_integral(value)).astype(np.float32)


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
