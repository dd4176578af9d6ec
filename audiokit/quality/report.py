"""What the quality meter reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["QualityReport"]

# Decimals in a row: no estimate is surer than that.
_DECIMALS = {
    "duration_s": 6,
    "overall": 1,
    "snr_db": 2,
    "clarity": 4,
    "consistency": 4,
    "active_level_dbfs": 2,
    "noise_floor_dbfs": 2,
    "peak_dbfs": 2,
    "clipping_ratio": 6,
    "silence_ratio": 4,
    "dc_offset": 6,
    "bandwidth_hz": 0,
    "snr_score": 1,
    "clarity_score": 1,
    "level_score": 1,
    "consistency_score": 1,
    "clipping_penalty": 1,
}


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Blind scores of a stream. Where a value is None, `reason` says why."""

    duration_s: float
    """Length of the stream in seconds."""
    overall: float | None
    """All components together, 0 to 100; higher is better."""
    grade: str | None
    """A from 85, B from 70, C from 55, D from 40, E from 25, F below."""
    worst: str | None
    """What costs most, and how many points: ``"noise: -18"``; None if nothing does."""
    reason: str | None
    """Why there are no scores; None if there are."""
    snr_db: float | None
    """Estimated ratio of active speech to noise in dB, -10 to 60."""
    clarity: float | None
    """Share of the marks of clear speech, 0 to 1."""
    consistency: float | None
    """Evenness of the speech level from second to second, 0 to 1; None under 2 s of it."""
    active_level_dbfs: float | None
    """Mean level of the frames with speech; a constant 1.0 has 0 dBFS."""
    noise_floor_dbfs: float | None
    """Level that a fifth of the frames stay below."""
    peak_dbfs: float
    """Highest sample of any channel; -200 if all are zero."""
    clipping_ratio: float
    """Share of samples at full scale, or in a flat top of three or more, 0 to 1."""
    silence_ratio: float | None
    """Share of frames below the threshold of activity, 0 to 1."""
    dc_offset: float
    """Mean of the channel whose mean lies farthest from zero, -1 to 1."""
    bandwidth_hz: float | None
    """Highest frequency within 60 dB of the strongest in the mean spectrum."""
    snr_score: float | None
    """`snr_db` on a scale of 0 to 100."""
    clarity_score: float | None
    """`clarity` on a scale of 0 to 100."""
    level_score: float | None
    """`active_level_dbfs` on a scale of 0 to 100."""
    consistency_score: float | None
    """`consistency` on a scale of 0 to 100."""
    clipping_penalty: float | None
    """Points that clipping costs, 0 to 40."""

    def to_row(self) -> dict[str, float | str | None]:
        """Return all fields by name, in a fixed order, for a table.

        Rounded to read well: levels to 0.01 dB, ratios to 0.0001, scores to 0.1,
        `dc_offset` to 1e-6, `bandwidth_hz` to 1 Hz, `duration_s` to 1e-6 s. The grade is
        that of the exact score.
        """
        return {name: _rounded(name, value) for name, value in asdict(self).items()}


def _rounded(name: str, value: float | str | None) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    # Zero added: minus zero becomes zero.
    return round(value, _DECIMALS[name]) + 0.0
