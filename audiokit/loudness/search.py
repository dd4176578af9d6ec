"""The search for the gain that brings a stream to a level, whatever the level is."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TypeVar

from audiokit.loudness.gain import MAX_GAIN_DB
from audiokit.loudness.leveler import Leveler
from audiokit.loudness.limiter import LimiterSettings
from audiokit.loudness.meter import LoudnessReport
from audiokit.stage import Fact, Processor, TwoPass

__all__ = ["NOTHING_THERE", "LevelSearch"]

# What the result may be off the target; other meters than ours differ by hundredths.
_TOLERANCE_DB = 0.07
_MOST_TRIES = 8
# Meters differ by about so much between the samples; nearer than this the limiter comes in.
_PEAK_MARGIN_DB = 0.15
# So much room below the ceiling may be taken back when loudness is missing.
_SPARE_ROOM_DB = 0.5
# What is kept below the ceiling where an encoder never does twice the same.
_SAFE_ROOM_DB = 1.0
# A limiter takes back part of every gain; less than the second is no way to go on.
_LEAST_SLOPE, _EXHAUSTED_SLOPE = 0.1, 0.05
_SOUND_STEP_DB = 1.0
_SAME_DB = 0.005
# An encoder's own whims are larger than what a smaller step would show.
_TELLING_STEP_DB = 0.5
# Results further off than so are all alike, but for the damage.
_FAR_DB = 0.25
# What is promised; between this and the tolerance lie the encoder's whims.
_PROMISED_DB = 0.1

# What keeps a gain from going further may leave it too soft, and not too loud.
_STOPPED_SHORT = ("max_gain", "ceiling")

NOTHING_THERE = ("silence", "no_speech")
"""Why a stream stays as it is."""

Report = TypeVar("Report")


@dataclass(frozen=True, slots=True)
class _Try:
    """What was tried, and what came of it.

    Args:
        gain_db: The gain.
        held_dbtp: What the limiter was to hold; None where peaks are the target.
        missing_db: How far below the target the result was.
        excess_db: By how much it passed the ceiling; 0 or less where it did not.
    """

    gain_db: float
    held_dbtp: float | None
    missing_db: float
    excess_db: float

    def rank(self) -> tuple[bool, float, float]:
        """Order tries: below the ceiling, near the target, by least gain where it is far."""
        missed_db = abs(self.missing_db)
        near_db = missed_db if missed_db < _FAR_DB else round(missed_db / _FAR_DB) * _FAR_DB
        return self.excess_db > 0.0, near_db, self.gain_db


class LevelSearch(TwoPass[Report]):
    """The search that all targets share: aim, hear the result, correct the aim.

    Without a limiter a constant gain reaches the target exactly and the result need not be
    heard. A limiter or a lossy encoder moves it: then the gain is corrected by what is
    missing, divided by how much of the last correction arrived, and what an encoder adds to
    the peaks is taken off beforehand.

    Subclasses set these, but for `gain_db`, before anything is built.

    Attributes:
        target: In the unit of the level.
        ceiling_dbtp: Highest true peak; None where peaks are the target.
        limit: Whether a limiter may be used.
        max_gain_db: Most gain.
        gain_db: That of the last try.
    """

    gain_db: float
    target: float
    ceiling_dbtp: float | None
    limit: bool
    max_gain_db: float

    @property
    def reason(self) -> str:
        """Why the last try is not what was asked for; empty where it is."""
        return str(self._leveler.facts()["reason"] or "")

    @abstractmethod
    def _level(self, report: Report) -> float | None:
        """Return the level in question, or None where there is none."""

    @abstractmethod
    def _loudness(self, report: Report) -> LoudnessReport:
        """Return the part of the report that knows the peaks."""

    @abstractmethod
    def _noted(self, report: Report) -> dict[str, Fact]:
        """Return the level before, under the name that the row gives it."""

    def _why_not(self, report: Report) -> str:
        """Return why the level is not the usual one; empty where it is."""
        return "silence" if self._level(report) is None else ""

    def _gain_to_target(self, report: Report) -> float:
        level = self._level(report)
        return 0.0 if level is None else self.target - level

    def _gain_behind(self, limiter: LimiterSettings, gain_db: float) -> float:  # noqa: ARG002
        """Return the gain to try first behind a limiter, from that without one."""
        return gain_db

    def _corrected(self, missing_db: float) -> float:
        """Return the gain to try next."""
        slope = self._slope()
        return self.gain_db + missing_db / min(max(slope, _LEAST_SLOPE), 1.0)

    def build(self, report: Report) -> Processor:
        self._before = report
        self._kind = self._reason = self._why_not(report)
        self._held_dbtp = self.ceiling_dbtp
        self._tries: list[_Try] = []
        self._n_tries = 0
        gain_db = 0.0 if self._kind in NOTHING_THERE else self._gain_to_target(report)
        limiter = self._limiter_for(gain_db)
        return self._try(gain_db if limiter is None else self._gain_behind(limiter, gain_db))

    def correct(self, outcome: Report) -> Processor | None:
        if self._kind in NOTHING_THERE or self._n_tries == _MOST_TRIES:
            return None
        missing_db, excess_db = self._missing_db(outcome), self._excess_db(outcome)
        self._tries.append(_Try(self.gain_db, self._held_dbtp, missing_db, excess_db))
        if excess_db <= 0.0 and abs(missing_db) <= _TOLERANCE_DB:
            return None
        if excess_db <= 0.0 and missing_db > 0.0 and self._reason in _STOPPED_SHORT:
            return self._best()
        if self._n_tries == _MOST_TRIES - 1 or self._is_exhausted():
            return self._best()
        self._move_ceiling(missing_db, excess_db)
        for gain_db in (self._corrected(missing_db), self.gain_db + missing_db):
            if not self._was_tried(gain_db):
                return self._try(gain_db)
        return self._best()

    def _was_tried(self, gain_db: float) -> bool:
        """Return whether a gain below this ceiling would give what is known already."""
        return any(
            abs(each.gain_db - gain_db) < _SAME_DB and each.held_dbtp == self._held_dbtp
            for each in self._tries
        )

    def _missing_db(self, outcome: Report) -> float:
        """Return how far below the target the result is; 0 where it has no level."""
        level = self._level(outcome)
        return 0.0 if level is None else self.target - level

    def _excess_db(self, outcome: Report) -> float:
        """Return by how much the result passes the ceiling; 0 or less where it does not."""
        true_peak_dbtp = self._loudness(outcome).true_peak_dbtp
        if true_peak_dbtp is None or self.ceiling_dbtp is None:
            return 0.0
        return true_peak_dbtp - self.ceiling_dbtp

    def _move_ceiling(self, missing_db: float, excess_db: float) -> None:
        """Hold the limiter as far below the ceiling as the encoder asks for."""
        if self._held_dbtp is None or self.ceiling_dbtp is None:
            return
        if excess_db > 0.0:
            self._held_dbtp = max(self._held_dbtp - excess_db - _PEAK_MARGIN_DB, -60.0)
        elif excess_db < -_SPARE_ROOM_DB and missing_db > 0.0:
            # One peak out of the ordinary must not keep the others low.
            self._held_dbtp = min(self._held_dbtp - excess_db / 2.0, self.ceiling_dbtp)

    def _slope(self) -> float:
        """Return how much of a decibel of gain arrives, by the last two tries."""
        if len(self._tries) < 2:
            return 1.0
        earlier, later = self._tries[-2:]
        step_db = later.gain_db - earlier.gain_db
        # Below another ceiling the same gain gives another level.
        if earlier.held_dbtp != later.held_dbtp or abs(step_db) < _TELLING_STEP_DB:
            return 1.0
        return (earlier.missing_db - later.missing_db) / step_db

    def _is_exhausted(self) -> bool:
        """Return whether the limiter took back nearly all of the last step."""
        if not self._has_limiter or len(self._tries) < 2:
            return False
        step_db = self._tries[-1].gain_db - self._tries[-2].gain_db
        # Where the level falls, a quiet block has passed the gate: that is no limit.
        return step_db > _SOUND_STEP_DB and abs(self._slope()) < _EXHAUSTED_SLOPE

    def _best(self) -> Processor | None:
        """Return the best try again, as the last; None where it was the last."""
        best = min(self._tries, key=_Try.rank)
        missed = abs(best.missing_db) > _PROMISED_DB or best.excess_db > 0.0
        if best is self._tries[-1] and best.excess_db <= 0.0:
            if missed and not self._reason:
                self._leveler.note("reason", "not_reached")
            return None
        self._held_dbtp = best.held_dbtp
        if best.held_dbtp is not None and best.excess_db > 0.0:
            self._held_dbtp = max(best.held_dbtp - best.excess_db - _SAFE_ROOM_DB, -60.0)
        self._n_tries = _MOST_TRIES - 1
        processor = self._try(best.gain_db)
        if missed and not self._reason:
            self._leveler.note("reason", "not_reached")
        return processor

    def _try(self, gain_db: float) -> Processor:
        """Return the gain within its bounds, with what keeps its peaks below the ceiling."""
        # What `Gain` takes: nothing real needs less.
        gain_db = max(gain_db, -MAX_GAIN_DB)
        self._reason = self._kind
        if gain_db > self.max_gain_db:
            gain_db, self._reason = self.max_gain_db, "max_gain"
        room_db, limiter = self._room_db(), self._limiter_for(gain_db)
        if limiter is None and gain_db > room_db and self._kind not in NOTHING_THERE:
            gain_db, self._reason = max(room_db, -MAX_GAIN_DB), "ceiling"
        self.gain_db, self._has_limiter = gain_db, limiter is not None
        self._n_tries += 1
        mode = "limited" if limiter else "linear" if gain_db else "unchanged"
        noted = {"mode": mode, "reason": self._reason or None, **self._noted(self._before)}
        noted["tries"] = len(self._tries) + 1
        self._leveler = Leveler(self.fmt, gain_db, limiter=limiter, noted=noted)
        return self._leveler

    def _room_db(self) -> float:
        """Return how much gain the ceiling allows without a limiter."""
        true_peak_dbtp = self._loudness(self._before).true_peak_dbtp
        if self._held_dbtp is None or true_peak_dbtp is None:
            return math.inf
        return self._held_dbtp - _PEAK_MARGIN_DB - true_peak_dbtp

    def _limiter_for(self, gain_db: float) -> LimiterSettings | None:
        """Return the limiter that a gain asks for; None where it needs, or may have, none."""
        if not self.limit or self._held_dbtp is None or gain_db <= self._room_db():
            return None
        if self._kind in NOTHING_THERE:
            return None
        return LimiterSettings(ceiling_dbtp=self._held_dbtp)
