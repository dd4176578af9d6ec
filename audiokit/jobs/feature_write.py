"""What becomes of feature rows on their way to a file: normalised, summed up, or as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from audiokit.errors import SettingError
from audiokit.features.settings import FeatureSettings
from audiokit.features.summary import DEFAULT_SUMMARIES, check_summaries
from audiokit.ranges import check_range

__all__ = ["FeatureWriteSettings", "digest_of_inputs"]

_WAYS = ("none", "utterance", "speaker", "sliding", "minmax", "zscore")
_PER = ("frame", "file", "segment", "window")


@dataclass(frozen=True, slots=True)
class FeatureWriteSettings(FeatureSettings):
    """What to extract, and what to make of it.

    Raises:
        SettingError: A value is out of range, or two do not go together.
    """

    normalize: Literal["none", "utterance", "speaker", "sliding", "minmax", "zscore"] = "none"
    """To mean 0 and deviation 1 over the recording, the speaker, the window before each row, or
    by saved statistics (``zscore``); or to 0 to 1 (``minmax``)."""
    mean_only: bool = False
    """Only subtract the mean; do not divide."""
    normalize_window_s: float | None = None
    """Window of ``sliding`` in s, 0.1 to 300; 3 where None."""
    stats: str | None = None
    """File of saved statistics, for ``speaker``, ``zscore``, ``minmax`` and ``sliding``."""
    speakers: str | None = None
    """Who speaks: ``FILE:COLUMN`` of a manifest; the parent folder's name where None."""
    per: Literal["frame", "file", "segment", "window"] = "frame"
    """What a row stands for."""
    window_s: float | None = None
    """Length of a window in s where a row stands for one: a hop to 3600; 1 where None."""
    labels: str | None = None
    """Label file, or folder of them, that names the segments; our own detector's where None."""
    summary: tuple[str, ...] | None = None
    """What columns are summed up as: mean, std, min, max, slope, and quantiles such as p50;
    the mean, std, p10, p50, p90 and slope where None."""

    def __post_init__(self) -> None:
        # A dataclass with slots is another class than the one that `super` would look for.
        FeatureSettings.__post_init__(self)
        if self.normalize not in _WAYS:
            raise SettingError("normalize", self.normalize, ", ".join(_WAYS))
        if self.per not in _PER:
            raise SettingError("per", self.per, ", ".join(_PER))
        check_range("normalize_window_s", self.sliding_window_s, 0.1, 300.0, unit="s")
        check_range("window_s", self.row_window_s, self.rule.hop_ms / 1000.0, 3600.0, unit="s")
        check_summaries(self.summaries)
        self._check_pairs()
        self._check_idle()

    @property
    def sliding_window_s(self) -> float:
        """Window of ``sliding`` in s."""
        return 3.0 if self.normalize_window_s is None else self.normalize_window_s

    @property
    def row_window_s(self) -> float:
        """Length of a window in s where a row stands for one."""
        return max(1.0, self.rule.hop_ms / 1000.0) if self.window_s is None else self.window_s

    @property
    def summaries(self) -> tuple[str, ...]:
        """What columns are summed up as."""
        return DEFAULT_SUMMARIES if self.summary is None else self.summary

    def _check_idle(self) -> None:
        """Refuse what would change nothing."""
        if self.window_s is not None and self.per != "window":
            raise SettingError("per", self.per, "window where window_s is given")
        if self.summary is not None and self.per == "frame":
            raise SettingError("per", self.per, "file, segment or window where summary is given")
        if self.normalize_window_s is not None and self.normalize != "sliding":
            rule = "sliding where normalize_window_s is given"
            raise SettingError("normalize", self.normalize, rule)
        if self.speakers is not None and not all(self.speakers.rpartition(":")[::2]):
            raise SettingError("speakers", self.speakers, "FILE:COLUMN", "Say people.csv:speaker.")

    def _check_pairs(self) -> None:
        if self.normalize in ("speaker", "zscore") and self.stats is None:
            hint = "Make one with --save-stats."
            rule = f"a file of statistics with normalize {self.normalize!r}"
            raise SettingError("stats", self.stats, rule, hint)
        if self.stats is not None and self.normalize in ("none", "utterance"):
            ways = "speaker, zscore, minmax or sliding where statistics are given"
            raise SettingError("normalize", self.normalize, ways)
        if self.mean_only and self.normalize in ("none", "minmax"):
            ways = "utterance, speaker, sliding or zscore with mean_only"
            raise SettingError("normalize", self.normalize, ways)
        if self.labels is not None and self.per != "segment":
            raise SettingError("per", self.per, "segment where labels are given")


def digest_of_inputs(settings: FeatureWriteSettings) -> str:
    """Return a hash of the files that the settings name, so that a change of theirs counts.

    Raises:
        SettingError: One of them is not there, or may not be read.
    """
    digest = hashlib.sha256()
    speakers = settings.speakers and settings.speakers.rpartition(":")[0]
    named = {"stats": settings.stats, "speakers": speakers, "labels": settings.labels}
    for setting, name in named.items():
        if name is None:
            continue
        try:
            for path in _files_of(Path(name)):
                digest.update(path.name.encode("utf-8", "surrogateescape"))
                digest.update(path.read_bytes())
        except OSError as error:
            problem = error.strerror or str(error)
            rule = f"a file that can be read ({problem})"
            raise SettingError(setting, getattr(settings, setting), rule) from error
    return digest.hexdigest()[:16]


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(found for found in path.iterdir() if found.is_file())
    else:
        yield path
