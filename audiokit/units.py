"""Decibels, seconds and samples: the conversions everything else shares."""

from __future__ import annotations

import math

SILENCE_DB = -200.0
"""What a level of exactly zero is reported as; no real signal reaches it."""


def db_to_amplitude(level_db: float) -> float:
    """Return the amplitude ratio of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def amplitude_to_db(amplitude: float) -> float:
    """Return the level in dB of an amplitude ratio, `SILENCE_DB` at zero."""
    if amplitude <= 10.0 ** (SILENCE_DB / 20.0):
        return SILENCE_DB
    return 20.0 * math.log10(amplitude)


def power_to_db(power: float) -> float:
    """Return the level in dB of a power ratio, `SILENCE_DB` at zero."""
    if power <= 10.0 ** (SILENCE_DB / 10.0):
        return SILENCE_DB
    return 10.0 * math.log10(power)


def samples_from_ms(duration_ms: float, sample_rate: int) -> int:
    """Return the nearest whole number of samples in a duration."""
    return round(duration_ms * sample_rate / 1000.0)
