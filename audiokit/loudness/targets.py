"""Where a stream can be taken: to which level, below which peak, by how much at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audiokit.errors import SettingError

__all__ = [
    "TARGETS_LUFS",
    "ActiveLevelSettings",
    "AlbumSettings",
    "LoudnessSettings",
    "PeakSettings",
    "RmsSettings",
]

TARGETS_LUFS: Mapping[str, float] = {"ebu": -23.0, "asr": -20.0, "podcast": -16.0, "stream": -14.0}
"""Targets by name: EBU R 128; speech recognition with room for peaks; podcasts; streaming."""


@dataclass(frozen=True, slots=True)
class LoudnessSettings:
    """Where `LoudnessNormalizer` takes a stream.

    Args:
        target_lufs: Integrated loudness of the output, in LUFS; -70 to 0.
        ceiling_dbtp: Highest true peak of the output, in dBTP; -60 to 0.
        limit: Whether a limiter makes room where the ceiling is in the way; otherwise the
            gain stops there.
        max_gain_db: Most that a quiet stream is raised, in dB; 0 to 120. Beyond, it
            would be mostly noise.
    """

    target_lufs: float = -23.0
    ceiling_dbtp: float = -1.0
    limit: bool = True
    max_gain_db: float = 40.0

    def __post_init__(self) -> None:
        _check("target_lufs", self.target_lufs, -70.0, "-70 to 0 LUFS")
        _check("ceiling_dbtp", self.ceiling_dbtp, -60.0, "-60 to 0 dBTP")
        _check_max_gain(self.max_gain_db)


@dataclass(frozen=True, slots=True)
class ActiveLevelSettings:
    """Where `ActiveLevelNormalizer` takes a stream.

    Args:
        target_active_dbov: Active speech level of the output, in dBov; -100 to 0.
        ceiling_dbtp: Highest true peak of the output, in dBTP; -60 to 0.
        limit: See `LoudnessSettings`.
        max_gain_db: See `LoudnessSettings`.
    """

    target_active_dbov: float = -26.0
    ceiling_dbtp: float = -1.0
    limit: bool = True
    max_gain_db: float = 40.0

    def __post_init__(self) -> None:
        _check("target_active_dbov", self.target_active_dbov, -100.0, "-100 to 0 dBov")
        _check("ceiling_dbtp", self.ceiling_dbtp, -60.0, "-60 to 0 dBTP")
        _check_max_gain(self.max_gain_db)


@dataclass(frozen=True, slots=True)
class AlbumSettings:
    """What `AlbumNormalizer` does to each recording of an album.

    Args:
        gain_db: The gain that all share, in dB; -120 to 120.
        ceiling_dbtp: Highest true peak of the output, in dBTP; -60 to 0, or None for none.
        limit: See `LoudnessSettings`.
        reason: Why the album does not reach its target, for the row; empty where it does.
    """

    gain_db: float = 0.0
    ceiling_dbtp: float | None = -1.0
    limit: bool = True
    reason: str = ""

    def __post_init__(self) -> None:
        if not abs(self.gain_db) <= 120.0:
            raise SettingError("gain_db", self.gain_db, "-120 to 120 dB")
        if self.ceiling_dbtp is not None:
            _check("ceiling_dbtp", self.ceiling_dbtp, -60.0, "-60 to 0 dBTP")


@dataclass(frozen=True, slots=True)
class PeakSettings:
    """Where `PeakNormalizer` takes a stream.

    Args:
        peak_dbfs: Largest sample of the output, in dBFS; -100 to 0.
    """

    peak_dbfs: float = -1.0

    def __post_init__(self) -> None:
        _check("peak_dbfs", self.peak_dbfs, -100.0, "-100 to 0 dBFS")


@dataclass(frozen=True, slots=True)
class RmsSettings:
    """Where `RmsNormalizer` takes a stream.

    Args:
        rms_dbfs: Mean power of the output re full scale, in dBFS; -100 to 0.
        ceiling_dbtp: Highest true peak of the output, in dBTP; -60 to 0.
        limit: See `LoudnessSettings`.
        max_gain_db: See `LoudnessSettings`.
    """

    rms_dbfs: float = -20.0
    ceiling_dbtp: float = -1.0
    limit: bool = True
    max_gain_db: float = 40.0

    def __post_init__(self) -> None:
        _check("rms_dbfs", self.rms_dbfs, -100.0, "-100 to 0 dBFS")
        _check("ceiling_dbtp", self.ceiling_dbtp, -60.0, "-60 to 0 dBTP")
        _check_max_gain(self.max_gain_db)


def _check(name: str, value: float, lowest: float, expected: str) -> None:
    if not lowest <= value <= 0.0:
        raise SettingError(name, value, expected)


def _check_max_gain(max_gain_db: float) -> None:
    if not 0.0 <= max_gain_db <= 120.0:
        raise SettingError("max_gain_db", max_gain_db, "0 to 120 dB")
