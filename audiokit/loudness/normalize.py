"""To a level and not above a peak: two passes, the first of which only listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audiokit.errors import SettingError
from audiokit.loudness.gain import Gain, GainSettings
from audiokit.loudness.level import LevelMeter, LevelReport
from audiokit.loudness.limiter import LimiterSettings, TruePeakLimiter
from audiokit.loudness.meter import LoudnessMeter, LoudnessReport
from audiokit.stage import Block, Chain, Fact, Processor, StreamFormat, TwoPass

GATING_BLOCK_S = 0.4
"""Shorter streams have no integrated loudness: ITU-R BS.1770-5, Annex 1."""

__all__ = [
    "Leveler",
    "LoudnessNormalizer",
    "LoudnessSettings",
    "PeakNormalizer",
    "PeakSettings",
    "RmsNormalizer",
    "RmsSettings",
]


@dataclass(frozen=True, slots=True)
class LoudnessSettings:
    """Where `LoudnessNormalizer` takes a stream.

    Args:
        target_lufs: Integrated loudness of the output, in LUFS; -70 to 0.
        ceiling_dbtp: Highest true peak of the output, in dBTP; -60 to 0.
        max_gain_db: Most that a quiet stream is raised, in dB; 0 to 120. Beyond, it
            would be mostly noise.
    """

    target_lufs: float = -23.0
    ceiling_dbtp: float = -1.0
    max_gain_db: float = 40.0

    def __post_init__(self) -> None:
        _check("target_lufs", self.target_lufs, -70.0, "-70 to 0 LUFS")
        _check("ceiling_dbtp", self.ceiling_dbtp, -60.0, "-60 to 0 dBTP")
        if not 0.0 <= self.max_gain_db <= 120.0:
            raise SettingError("max_gain_db", self.max_gain_db, "0 to 120 dB")


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
    """

    rms_dbfs: float = -20.0
    ceiling_dbtp: float = -1.0

    def __post_init__(self) -> None:
        _check("rms_dbfs", self.rms_dbfs, -100.0, "-100 to 0 dBFS")
        _check("ceiling_dbtp", self.ceiling_dbtp, -60.0, "-60 to 0 dBTP")


class Leveler(Processor):
    """A gain, and a limiter behind it where the gain alone would pass the ceiling.

    Args:
        fmt: Format of the stream.
        gain_db: What to add.
        limiter: Settings of the limiter; None for none.
        noted: What else `facts` is to say; levels are rounded to 0.01 there.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        gain_db: float,
        *,
        limiter: LimiterSettings | None = None,
        noted: Mapping[str, Fact] | None = None,
    ) -> None:
        self.fmt = fmt
        self._gain = Gain(fmt, GainSettings(gain_db))
        self._limiter = TruePeakLimiter(fmt, limiter) if limiter else None
        self._chain = Chain(fmt, [self._gain, self._limiter] if self._limiter else [self._gain])
        self.latency_samples = self._chain.latency_samples
        self._noted = {name: _rounded(fact) for name, fact in (noted or {}).items()}

    def process(self, block: Block) -> Block:
        return self._chain.process(block)

    def flush(self) -> Block:
        return self._chain.flush()

    def reset(self) -> None:
        self._chain.reset()

    def facts(self) -> Mapping[str, Fact]:
        mode = "linear" if self._gain.gain_db else "unchanged"
        facts: dict[str, Fact] = {**self._gain.facts(), "mode": mode, **self._noted}
        if self._limiter:
            facts |= {"mode": "limited", **self._limiter.facts()}
        return facts


class LoudnessNormalizer(TwoPass[LoudnessReport]):
    """Bring a stream to a loudness, and keep its true peak below a ceiling.

    Where the ceiling allows, one constant gain does it: dynamics stay as they are.
    Otherwise a look-ahead limiter takes the peaks, and `facts` says so; the result may
    then be a little below the target.

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
        self.meter = LoudnessMeter(fmt)

    def build(self, report: LoudnessReport) -> Processor:
        before_lufs = report.integrated_lufs
        reason = ""
        if before_lufs is None and report.duration_s < GATING_BLOCK_S:
            before_lufs, reason = report.ungated_lufs, "ungated"
        if before_lufs is None:
            reason = "silence"
        gain_db = 0.0 if before_lufs is None else self.settings.target_lufs - before_lufs
        if gain_db > self.settings.max_gain_db:
            gain_db, reason = self.settings.max_gain_db, "max_gain"
        noted = {"reason": reason or None, "before_lufs": before_lufs}
        return _leveler(
            self.fmt, gain_db, report.true_peak_dbtp, self.settings.ceiling_dbtp, noted
        )


class RmsNormalizer(TwoPass[LoudnessReport]):
    """Bring a stream to a mean power, and keep its true peak below a ceiling.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: Target and ceiling.
    """

    def __init__(self, fmt: StreamFormat, settings: RmsSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or RmsSettings()
        self.meter = LoudnessMeter(fmt)

    def build(self, report: LoudnessReport) -> Processor:
        is_silent = report.rms_dbfs is None
        gain_db = 0.0 if report.rms_dbfs is None else self.settings.rms_dbfs - report.rms_dbfs
        noted = {"reason": "silence" if is_silent else None, "before_rms_dbfs": report.rms_dbfs}
        return _leveler(
            self.fmt, gain_db, report.true_peak_dbtp, self.settings.ceiling_dbtp, noted
        )


class PeakNormalizer(TwoPass[LevelReport]):
    """Bring the largest sample of a stream to a level, by one constant gain.

    Args:
        fmt: Format of the stream.
        settings: Target.
    """

    def __init__(self, fmt: StreamFormat, settings: PeakSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or PeakSettings()
        self.meter = LevelMeter(fmt)

    def build(self, report: LevelReport) -> Processor:
        peak_dbfs = report.sample_peak_dbfs
        gain_db = 0.0 if peak_dbfs is None else self.settings.peak_dbfs - peak_dbfs
        reason = "silence" if peak_dbfs is None else None
        noted: dict[str, Fact] = {"reason": reason, "before_peak_dbfs": peak_dbfs}
        return Leveler(self.fmt, _within_range(gain_db), noted=noted)


def _leveler(
    fmt: StreamFormat,
    gain_db: float,
    true_peak_dbtp: float | None,
    ceiling_dbtp: float,
    noted: Mapping[str, Fact],
) -> Leveler:
    """Return the gain, with a limiter if the peak would pass the ceiling."""
    gain_db = _within_range(gain_db)
    must_limit = true_peak_dbtp is not None and true_peak_dbtp + gain_db > ceiling_dbtp
    limiter = LimiterSettings(ceiling_dbtp=ceiling_dbtp) if must_limit else None
    return Leveler(fmt, gain_db, limiter=limiter, noted=noted)


def _rounded(fact: Fact) -> Fact:
    return round(fact, 2) if isinstance(fact, float) else fact


def _within_range(gain_db: float) -> float:
    """Return a gain that `Gain` takes: nothing real needs more than 120 dB."""
    return min(max(gain_db, -120.0), 120.0)


def _check(name: str, value: float, lowest: float, expected: str) -> None:
    if not lowest <= value <= 0.0:
        raise SettingError(name, value, expected)
