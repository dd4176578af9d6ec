"""To a level and not above a peak: the first pass only listens, and the result is heard."""

from __future__ import annotations

from typing import Any

from audiokit.loudness.gain import MAX_GAIN_DB
from audiokit.loudness.gating import GATING_BLOCK_S
from audiokit.loudness.levels import LevelsMeter, LevelsReport
from audiokit.loudness.limiter import LimiterSettings
from audiokit.loudness.meter import LoudnessMeter, LoudnessReport
from audiokit.loudness.search import LevelSearch
from audiokit.loudness.targets import (
    ActiveLevelSettings,
    AlbumSettings,
    LoudnessSettings,
    PeakSettings,
    RmsSettings,
)
from audiokit.stage import Fact, Meter, Processor, StreamFormat, TwoPass

__all__ = [
    "ActiveLevelNormalizer",
    "ActiveLevelSettings",
    "AlbumNormalizer",
    "AlbumSettings",
    "LoudnessNormalizer",
    "LoudnessSettings",
    "PeakNormalizer",
    "PeakSettings",
    "RmsNormalizer",
    "RmsSettings",
    "heard_by",
]


class _LoudnessHeard(LevelSearch[LoudnessReport]):
    """A target that a `LoudnessMeter` knows about."""

    def new_meter(self, fmt: StreamFormat) -> Meter[LoudnessReport]:
        return LoudnessMeter(fmt)

    def foresee(self) -> LoudnessReport | None:
        return None if self._has_limiter else self._before.after_gain(self.gain_db)

    def _loudness(self, report: LoudnessReport) -> LoudnessReport:
        return report


class LoudnessNormalizer(_LoudnessHeard):
    """Bring a stream to a loudness, and keep its true peak below a ceiling.

    Where the ceiling allows, one constant gain does it: dynamics stay as they are.
    Otherwise a look-ahead limiter takes the peaks, `facts` says so, and the gain is
    corrected until the result is within 0.07 LU of the target.

    A stream shorter than 400 ms has no integrated loudness and goes by the loudness of
    all its samples without gates (``reason`` is ``ungated``). One that is all below the
    gate of -70 LUFS holds nothing to hear and stays as it is (``silence``): raised, it
    would be 40 dB of room noise.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: Target, ceiling and the most gain.

    Raises:
        SettingError: The sample rate is below 4000 Hz.
    """

    def __init__(self, fmt: StreamFormat, settings: LoudnessSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or LoudnessSettings()
        self.target = self.settings.target_lufs
        self.ceiling_dbtp = self.settings.ceiling_dbtp
        self.limit, self.max_gain_db = self.settings.limit, self.settings.max_gain_db

    def build(self, report: LoudnessReport) -> Processor:
        self._forecast_target = self.target
        return super().build(report)

    def _why_not(self, report: LoudnessReport) -> str:
        if report.integrated_lufs is not None:
            return ""
        return "ungated" if self._is_scrap(report) else "silence"

    def _is_scrap(self, report: LoudnessReport) -> bool:
        return report.duration_s < GATING_BLOCK_S and report.ungated_lufs is not None

    def _level(self, report: LoudnessReport) -> float | None:
        # The result goes by the same rule, though an encoder may have made it longer.
        is_scrap = self._is_scrap(self._before)
        return report.ungated_lufs if is_scrap else report.integrated_lufs

    def _gain_to_target(self, report: LoudnessReport) -> float:
        gain_db = None if self._is_scrap(report) else report.gain_to(self.target)
        return super()._gain_to_target(report) if gain_db is None else gain_db

    def _gain_behind(self, limiter: LimiterSettings, gain_db: float) -> float:
        return self._foretold(limiter, self.target, gain_db)

    def _corrected(self, missing_db: float) -> float:
        # The forecast is off by what is missing, and will be so again.
        self._forecast_target += missing_db
        limiter = self._limiter_for(self.gain_db)
        if limiter is None or self._before.sketch is None or self._is_scrap(self._before):
            return super()._corrected(missing_db)
        return self._foretold(limiter, self._forecast_target, self.gain_db)

    def _foretold(self, limiter: LimiterSettings, target_lufs: float, gain_db: float) -> float:
        self._forecast_target = target_lufs
        sketch = self._before.sketch
        if sketch is None or self._is_scrap(self._before):
            return gain_db
        return sketch.gain_behind(limiter, target_lufs=target_lufs, first_db=gain_db)

    def _noted(self, report: LoudnessReport) -> dict[str, Fact]:
        return {"before_lufs": self._level(report)}


class ActiveLevelNormalizer(LevelSearch[LevelsReport]):
    """Bring speech to an active level, and keep its true peak below a ceiling.

    The level of the speech alone, pauses left out: what telephony and codec tests are
    set by.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: Target, ceiling and the most gain.

    References:
        ITU-T P.56 (2011), method B.
    """

    def __init__(self, fmt: StreamFormat, settings: ActiveLevelSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or ActiveLevelSettings()
        self.target = self.settings.target_active_dbov
        self.ceiling_dbtp = self.settings.ceiling_dbtp
        self.limit, self.max_gain_db = self.settings.limit, self.settings.max_gain_db

    def new_meter(self, fmt: StreamFormat) -> Meter[LevelsReport]:
        return LevelsMeter(fmt)

    def _why_not(self, report: LevelsReport) -> str:
        if report.loudness.sample_peak_dbfs is None:
            return "silence"
        return "no_speech" if self._level(report) is None else ""

    def _level(self, report: LevelsReport) -> float | None:
        return report.speech.active_level_dbov

    def _loudness(self, report: LevelsReport) -> LoudnessReport:
        return report.loudness

    def _noted(self, report: LevelsReport) -> dict[str, Fact]:
        return {
            "before_active_dbov": report.speech.active_level_dbov,
            "activity_percent": report.speech.activity_percent,
        }


class RmsNormalizer(_LoudnessHeard):
    """Bring a stream to a mean power, and keep its true peak below a ceiling.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: Target and ceiling.
    """

    def __init__(self, fmt: StreamFormat, settings: RmsSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or RmsSettings()
        self.target = self.settings.rms_dbfs
        self.ceiling_dbtp = self.settings.ceiling_dbtp
        self.limit, self.max_gain_db = self.settings.limit, self.settings.max_gain_db

    def _level(self, report: LoudnessReport) -> float | None:
        return report.rms_dbfs

    def _noted(self, report: LoudnessReport) -> dict[str, Fact]:
        return {"before_rms_dbfs": report.rms_dbfs}


class PeakNormalizer(_LoudnessHeard):
    """Bring the largest sample of a stream to a level, by one constant gain.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: Target.
    """

    ceiling_dbtp = None
    limit = False
    max_gain_db = MAX_GAIN_DB

    def __init__(self, fmt: StreamFormat, settings: PeakSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or PeakSettings()
        self.target = self.settings.peak_dbfs

    def _level(self, report: LoudnessReport) -> float | None:
        return report.sample_peak_dbfs

    def _noted(self, report: LoudnessReport) -> dict[str, Fact]:
        return {"before_peak_dbfs": report.sample_peak_dbfs}


class AlbumNormalizer(_LoudnessHeard):
    """Apply the gain of an album to one of its recordings, below a true-peak ceiling.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: The gain that all share, and the ceiling.
    """

    max_gain_db = MAX_GAIN_DB

    def __init__(self, fmt: StreamFormat, settings: AlbumSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or AlbumSettings()
        self.ceiling_dbtp, self.limit = self.settings.ceiling_dbtp, self.settings.limit

    def _why_not(self, report: LoudnessReport) -> str:  # noqa: ARG002  that of the album
        return self.settings.reason

    def _gain_to_target(self, report: LoudnessReport) -> float:  # noqa: ARG002  of all
        return self.settings.gain_db

    def _missing_db(self, outcome: LoudnessReport) -> float:  # noqa: ARG002  none of its own
        return 0.0

    def _level(self, report: LoudnessReport) -> float | None:
        return report.integrated_lufs

    def _noted(self, report: LoudnessReport) -> dict[str, Fact]:
        return {"before_lufs": report.integrated_lufs}


def heard_by(stage: TwoPass[Any], report: LevelsReport) -> Any:
    """Return the part of a full report that a stage of this module is built from."""
    return report if isinstance(stage, ActiveLevelNormalizer) else report.loudness
