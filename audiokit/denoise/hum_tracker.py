"""Following mains hum: one phase for all lines, one slow amplitude for each."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.mains import FRAME_HOPS, LineSpectra

__all__ = ["HumStates", "HumTracker"]

Lines = NDArray[np.complex128]
Powers = NDArray[np.float64]

# How amplitudes wander, as a part of their power per second, and the frequency, in Hz² per
# second: the mains take ten seconds over a tenth of a hertz, a generator one.
_WANDER_PER_S = 1.5e-3
_FREQUENCY_WANDER = 2e-3
_RANGE_HZ = 1.0
_FIRST_DOUBT_HZ = 0.05
# Successive frames share three quarters of their samples, so that their errors agree.
_SHARED = 2.5
_SURPRISE = 0.5
_TINY = 1e-12
# Every so many frames it is told anew which lines are hum and which have changed.
_REVIEW_FRAMES = 8
# Surprises are averaged over a second, in the end; noise alone leaves so much of their power.
_AGREE_RATE, _CHANCE = 0.2, 0.5
_STEADY_S = 0.5
_ON, _OFF = 0.7, 0.4


class HumStates(NamedTuple):
    """The hum in the middle of successive frames.

    Args:
        phase: Of the fundamental, in turns, ``(frames,)``.
        hz: Its frequency; 0 where there is no hum.
        lines: Complex amplitudes at phase 0, zero where a line is no hum,
            ``(frames, channels, lines)``.
    """

    phase: Powers
    hz: Powers
    lines: Lines


class HumTracker:
    """Follow the lines of a hum that was found.

    A Kalman filter of two states holds the phase that all lines share and its frequency;
    every line's complex amplitude, mixed down by that phase, has a one-pole low-pass whose
    width is the Kalman gain: wide in a pause, narrow under speech. The error of a
    measurement is known from what lies between the lines, where hum has nothing. Surprises
    that agree with each other widen a line until it has followed.

    A line is hum while its phase stays with the others' over half a second.

    Args:
        channels: Of the stream.
        fundamental_hz: As found.
        n_lines: How many multiples to follow.
        bin_hz: Distance of the bins.

    Attributes:
        is_on: Which lines are hum now, ``(channels, lines)``.
        power_before: What all lines on have held so far, squared amplitudes.
        power_after: The same without the hum.
    """

    def __init__(
        self, channels: int, fundamental_hz: float, *, n_lines: int, bin_hz: float
    ) -> None:
        self._numbers = np.arange(1, n_lines + 1)
        self._weights = np.tile(self._numbers.astype(np.float64), (channels, 1))
        self._squares = np.square(self._weights)
        centre = self._numbers * (fundamental_hz / bin_hz)
        self._bins = np.rint(centre).astype(int)
        # Phases are told in the middle of the frame, where odd bins have turned by half.
        self._to_centre = np.where(self._bins % 2, -1.0, 1.0) / _hann_response(centre - self._bins)
        half = fundamental_hz / (2.0 * bin_hz)
        self._below, self._above = (np.rint(centre + side).astype(int) for side in (-half, half))
        self._step_s = 1.0 / (FRAME_HOPS * bin_hz)
        self._nominal_hz = fundamental_hz
        self._phase, self._hz = 0.0, fundamental_hz
        # Variance of the phase (turns²), with the frequency, and of the frequency (Hz²).
        self._spread = (0.0, 0.0, _FIRST_DOUBT_HZ**2)
        shape = (channels, n_lines)
        self._lines: Lines | None = None
        self._error = np.zeros(shape)
        self._wander = np.zeros(shape)
        self._mean = np.zeros(shape, np.complex128)
        self._mean_power = np.zeros(shape)
        self._steadiness = np.zeros(shape)
        self._trust = np.ones(shape)
        self._seen = np.zeros((_REVIEW_FRAMES, *shape), np.complex128)
        self._surprises = np.zeros_like(self._seen)
        self._steady_rate = -math.expm1(-_REVIEW_FRAMES * self._step_s / _STEADY_S)
        self._n_heard = self._n_reviews = 0
        self.is_on = np.zeros(shape, np.bool_)
        self.power_before = self.power_after = 0.0

    def rewind(self, n_frames: int) -> None:
        """Go back in time, to follow the same frames with what is now known."""
        self._phase -= n_frames * self._hz * self._step_s

    def follow(self, spectra: LineSpectra) -> HumStates:
        """Take the next spectra; return the hum in them."""
        n_frames, channels, _ = spectra.shape
        seen = spectra[..., self._bins] * self._to_centre
        noise = _SHARED * np.maximum(
            _power(spectra[..., self._below]), _power(spectra[..., self._above])
        )
        noise += _TINY
        lines = np.empty((n_frames, channels, len(self._numbers)), np.complex128)
        phase, hz = np.empty(n_frames), np.empty(n_frames)
        for number in range(n_frames):
            self._advance(seen[number], noise[number])
            phase[number], hz[number] = self._phase, self._hz
            if self._lines is not None:
                np.multiply(self._lines, self.is_on, out=lines[number])
        return HumStates(phase, hz, lines)

    def _advance(self, seen: Lines, noise: Powers) -> None:
        self._phase += self._hz * self._step_s
        self._phase -= math.floor(self._phase)
        seen *= np.exp(self._numbers * (-2j * math.pi * self._phase))
        if self._lines is None:
            self._lines = seen.copy()
            self._error[:] = noise + 0.1 * _power(seen)
            return
        surprise = seen - self._lines
        at = self._n_heard % _REVIEW_FRAMES
        self._seen[at], self._surprises[at] = seen, surprise
        noise += (_SHARED * _SURPRISE) * _power(surprise)
        self._update(self._lines, surprise, noise)
        self._n_heard += 1
        if at == _REVIEW_FRAMES - 1:
            self._review(self._lines)

    def _update(self, lines: Lines, surprise: Lines, doubt: Powers) -> None:
        """Move phase, frequency and lines towards what was seen."""
        self._error += self._wander
        total = self._error + doubt
        known = self._trust / total
        # What a small turn of phase would explain of the surprise, line by line.
        conjugate = lines.conj()
        towards = (surprise * conjugate).imag
        towards *= known
        turn = float(np.vdot(towards, self._weights))
        known *= (lines * conjugate).real
        shift = self._steer(turn, float(np.vdot(known, self._squares)))
        surprise -= lines * (self._numbers * (2j * math.pi * shift))
        gain = self._error / total
        surprise *= gain
        lines += surprise
        # What is left of the error after a measurement: error * (1 - gain).
        gain *= doubt
        self._error = gain

    def _steer(self, turn: float, weight: float) -> float:
        """Correct phase and frequency by what the lines saw; return the change of phase."""
        step_s = self._step_s
        phase, both, hz = self._spread
        phase += step_s * (2.0 * both + step_s * (hz + _FREQUENCY_WANDER * step_s / 3.0))
        both += step_s * (hz + _FREQUENCY_WANDER * step_s / 2.0)
        hz += _FREQUENCY_WANDER * step_s
        # In turns, and the variance of that: only half of an error is across a line.
        turns = turn / (2.0 * math.pi * weight + _TINY)
        doubt = 1.0 / (8.0 * math.pi**2 * weight + _TINY)
        total = phase + doubt
        shift = phase / total * turns
        self._phase += shift
        self._hz += both / total * turns
        self._hz = min(max(self._hz, self._nominal_hz - _RANGE_HZ), self._nominal_hz + _RANGE_HZ)
        self._spread = (phase * doubt / total, both * doubt / total, hz - both * both / total)
        return shift

    def _review(self, lines: Lines) -> None:
        """Tell from the last frames which lines are hum, and which have changed."""
        self._n_reviews += 1
        power, strength = _power(self._seen), _power(lines)
        cosine = (self._seen * lines.conj()).real / (np.sqrt(power * strength) + _TINY)
        cosine = np.add.reduce(cosine) / _REVIEW_FRAMES
        self._steadiness += self._steady_rate * (cosine - self._steadiness)
        steadiness = self._steadiness / (1.0 - (1.0 - self._steady_rate) ** self._n_reviews)
        self.is_on = (steadiness > _ON) | (self.is_on & (steadiness > _OFF))
        # The phases of a voice say nothing about the mains.
        self._trust = self.is_on.astype(np.float64)
        rate = max(_AGREE_RATE, 1.0 / self._n_reviews)
        self._mean += rate * (np.add.reduce(self._surprises) / _REVIEW_FRAMES - self._mean)
        surprised = np.add.reduce(_power(self._surprises))
        self._mean_power += rate * (surprised / _REVIEW_FRAMES - self._mean_power)
        self._wander = np.maximum(_power(self._mean) - _CHANCE * self._mean_power, 0.0)
        self._wander += (_WANDER_PER_S * self._step_s) * strength
        self.power_before += float((power * self.is_on).sum())
        self.power_after += float((surprised * self.is_on).sum())


def _power(lines: NDArray[np.complexfloating]) -> Powers:
    power: Powers = np.square(lines.real) + np.square(lines.imag)
    return power


def _hann_response(offset_bins: Powers) -> Powers:
    """Return what a Hann window leaves of a tone so far from a bin's middle."""
    response: Powers = np.sinc(offset_bins) / (1.0 - np.square(offset_bins))
    return response
