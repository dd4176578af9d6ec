"""What settings and streams may be: one check for every stage, and one sentence."""

from __future__ import annotations

from audiokit.errors import SettingError

__all__ = ["check_range", "check_sample_rate"]

_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 8000, 96000


def check_range(name: str, value: float, lowest: float, highest: float, *, unit: str = "") -> None:
    """Refuse a setting that is out of its range, or NaN.

    Raises:
        SettingError: It is.
    """
    if not lowest <= value <= highest:
        raise SettingError(name, value, f"{lowest:g} to {highest:g} {unit}".rstrip())


def check_sample_rate(sample_rate: int, *, to: str, highest: int = _HIGHEST_RATE_HZ) -> None:
    """Refuse a stream that a stage for speech was not made for.

    Args:
        sample_rate: Of the stream, in Hz.
        to: What the stage does, as a verb.
        highest: Highest rate that it can do it at.

    Raises:
        SettingError: The rate is outside 8 kHz to `highest`.
    """
    if not _LOWEST_RATE_HZ <= sample_rate <= highest:
        asked = f"{_LOWEST_RATE_HZ} to {highest} Hz to {to}"
        raise SettingError("sample_rate", sample_rate, asked, "Resample first.")
