"""What loudness hears: the K-weighting of BS.1770 at any rate, and the channel weights.

The standard gives coefficients for 48 kHz alone and asks for the same frequency response
elsewhere. The bilinear transform cannot give it: at 8 kHz it is off by 0.2 dB between 1
and 3 kHz, and so is whoever uses it. So the poles are carried over exactly (they say how
the filter rings, whatever the rate), and the zeros are solved for from the magnitude at
three frequencies: within 0.05 dB at 8 kHz, 0.003 dB from 16 kHz on, and the standard's
own coefficients at 48 kHz.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError

__all__ = ["channel_weights", "k_weighting"]

Vector = NDArray[np.float64]

MIN_SAMPLE_RATE = 4000
"""Below, half the sample rate nears the shelf's corner at 1.7 kHz: nothing to weight."""

# BS.1770-5 Annex 1, tables 1 and 2: b0, b1, b2 and a0, a1, a2 at 48 kHz.
_TABLE_SAMPLE_RATE = 48_000
_SHELF_B = np.array([1.53512485958697, -2.69169618940638, 1.19839281085285])
_SHELF_A = np.array([1.0, -1.69065929318241, 0.73248077421585])
_HIGHPASS_B = np.array([1.0, -2.0, 1.0])
_HIGHPASS_A = np.array([1.0, -1.99004745483398, 0.99007225036621])
# Where the standard calibrates (997 Hz); the highest frequency worth matching.
_CALIBRATION_HZ = 997.0
_TOP_HZ = 20_000.0

# BS.1770-5 Annex 1, table 4, by the usual order of so many channels: left, right, centre,
# low-frequency effects (not heard), then surrounds, of which those at 60° to 120° weigh
# 1.41. Eight channels have the back pair before the side pair, seven a back centre.
_SIDE = 1.41
_WEIGHTS_BY_COUNT = {
    4: (1.0, 1.0, _SIDE, _SIDE),
    5: (1.0, 1.0, 1.0, _SIDE, _SIDE),
    6: (1.0, 1.0, 1.0, 0.0, _SIDE, _SIDE),
    7: (1.0, 1.0, 1.0, 0.0, 1.0, _SIDE, _SIDE),
    8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, _SIDE, _SIDE),
}


def channel_weights(channels: int) -> tuple[float, ...]:
    """Return what each channel's power counts, by the usual layout of so many channels.

    Args:
        channels: 1 or more; above 8 there is no usual layout, and all count 1.
    """
    return _WEIGHTS_BY_COUNT.get(channels, (1.0,) * channels)


@lru_cache(maxsize=32)
def k_weighting(sample_rate: int) -> Vector:
    """Design the K-weighting filter: a shelf for the head, a high-pass for the ear.

    Args:
        sample_rate: In Hz, 4000 or more.

    Returns:
        ``(2, 6)``: b0, b1, b2, a0, a1, a2 of both sections; not to be written to.

    Raises:
        SettingError: The sample rate is too low to weight anything.

    References:
        ITU-R BS.1770-5, Annex 1. M. Vicanek, "Matched second order digital filters",
        2016, for the method.
    """
    if sample_rate < MIN_SAMPLE_RATE:
        raise SettingError(
            "sample_rate",
            sample_rate,
            f"{MIN_SAMPLE_RATE} Hz or more to measure loudness",
            "Resample first.",
        )
    shelf = [*_matched_zeros(sample_rate), *_moved_poles(_SHELF_A, sample_rate)]
    poles = _moved_poles(_HIGHPASS_A, sample_rate)
    gain = math.sqrt(
        _power(_HIGHPASS_B, _CALIBRATION_HZ, _TABLE_SAMPLE_RATE)
        / _power(_HIGHPASS_A, _CALIBRATION_HZ, _TABLE_SAMPLE_RATE)
        * _power(poles, _CALIBRATION_HZ, sample_rate)
        / _power(_HIGHPASS_B, _CALIBRATION_HZ, sample_rate)
    )
    sections = np.array([shelf, [*(gain * _HIGHPASS_B), *poles]])
    # The array is shared by all who ask for this rate.
    sections.flags.writeable = False
    return sections


def _moved_poles(denominator: Vector, sample_rate: int) -> Vector:
    """Return the denominator whose poles ring as long, and at the same pitch, at a new rate."""
    root = complex(np.roots(denominator)[0])
    moved = root ** (_TABLE_SAMPLE_RATE / sample_rate)
    return np.array([1.0, -2.0 * moved.real, abs(moved) ** 2])


def _matched_zeros(sample_rate: int) -> Vector:
    """Return the shelf's numerator with the standard's magnitude at three frequencies.

    The power of b0 + b1/z + b2/z² is linear in three numbers, its values at 0 Hz and at
    half the sample rate and one for the bend between; they give the coefficients back.
    """
    poles = _moved_poles(_SHELF_A, sample_rate)
    anchors_hz = (0.0, _CALIBRATION_HZ, min(sample_rate / 2.0, _TOP_HZ))
    rows, powers = [], []
    for anchor_hz in anchors_hz:
        upper = math.sin(math.pi * anchor_hz / sample_rate) ** 2
        rows.append([1.0 - upper, upper, 4.0 * upper * (1.0 - upper)])
        shelf = _power(_SHELF_B, anchor_hz, _TABLE_SAMPLE_RATE)
        shelf /= _power(_SHELF_A, anchor_hz, _TABLE_SAMPLE_RATE)
        powers.append(shelf * _power(poles, anchor_hz, sample_rate))
    low, high, bend = np.linalg.solve(np.array(rows), np.array(powers))
    half_sum = 0.5 * (math.sqrt(low) + math.sqrt(high))
    b0 = 0.5 * (half_sum + math.sqrt(half_sum**2 + bend))
    return np.array([b0, 0.5 * (math.sqrt(low) - math.sqrt(high)), -bend / (4.0 * b0)])


def _power(coefficients: Vector, frequency_hz: float, sample_rate: int) -> float:
    """Return the squared magnitude of a polynomial in 1/z at a frequency."""
    z = np.exp(-2j * math.pi * frequency_hz / sample_rate)
    return float(abs(coefficients[0] + coefficients[1] * z + coefficients[2] * z * z) ** 2)
