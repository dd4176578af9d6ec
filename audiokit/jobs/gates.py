"""Gates: what a row must reach, and what is said of one that does not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audiokit.errors import SettingError
from audiokit.jobs.baseline import Baseline
from audiokit.settings import suggestion

__all__ = ["Fault", "GateSettings", "Gates", "Verdict", "parse_limits"]

# Of what has a scale, a limit beyond its ends could never be met, or never be missed.
_SCALES = {
    "overall": (0.0, 100.0),
    "score": (0.0, 100.0),
    "ratio": (0.0, 1.0),
    "probability": (0.0, 1.0),
    "clarity": (0.0, 1.0),
    "consistency": (0.0, 1.0),
    "stoi": (-1.0, 1.0),
    "estoi": (-1.0, 1.0),
    "pesq": (1.0, 5.0),
}


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What every row must reach; names of columns, with or without what stands before them."""

    fail_under: Mapping[str, float] = field(default_factory=dict)
    """Least value of each column."""
    fail_over: Mapping[str, float] = field(default_factory=dict)
    """Highest value of each column."""
    max_drop: Mapping[str, float] = field(default_factory=dict)
    """How far each column may fall below the baseline, 0 or more."""
    is_missing_allowed: bool = False
    """Whether a value that is not there meets its gate."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One gate that a row did not meet.

    Args:
        gate: ``fail_under``, ``fail_over`` or ``max_drop``.
        sentence: What is, and what was expected, without the file's name.
    """

    gate: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gates say of one row.

    Args:
        source: The file.
        error: Why it could not be judged at all; None if it could.
        faults: The gates that it did not meet.
    """

    source: str
    error: str | None
    faults: tuple[Fault, ...]

    @property
    def is_met(self) -> bool:
        """Whether the file was read, and met every gate."""
        return self.error is None and not self.faults

    def sentence(self) -> str:
        """Return all that is wrong as one sentence, without the file's name."""
        if self.error is not None:
            return self.error
        return "; ".join(fault.sentence for fault in self.faults)


def parse_limits(name: str, text: str, *, alone: str | None = None) -> dict[str, float]:
    """Return ``{"overall": 60.0, "snr_db": 15.0}`` for ``overall=60,snr_db=15``.

    Args:
        name: The setting's, for messages.
        text: What the user gave.
        alone: The column that a number without a name is meant for, if any.

    Raises:
        SettingError: It is not of that form, holds a number that is none, or one name twice.
    """
    expected = "NAME=NUMBER, several joined by commas, as overall=60,snr_db=15"
    limits: dict[str, float] = {}
    for part in text.split(","):
        column, sign, number = (word.strip() for word in part.rpartition("="))
        if not sign and alone is not None:
            column = alone
        try:
            limit = float(number)
        except ValueError:
            raise SettingError(name, text, expected) from None
        if not column or not math.isfinite(limit):
            raise SettingError(name, text, expected)
        if column in limits:
            raise SettingError(name, text, f"{column} once")
        limits[column] = limit
    return limits


class Gates:
    """All gates of a run, checked before it starts.

    Args:
        settings: What every row must reach.
        columns: What a row holds that can be gated.
        prefix: What may be left out of a column's name.
        baseline: What `max_drop` counts from; needed for it alone.

    Raises:
        SettingError: A name that no column has, a limit beyond a column's scale, or a
            baseline that has nothing to count from.
    """

    def __init__(
        self,
        settings: GateSettings,
        *,
        columns: Sequence[str],
        prefix: str = "",
        baseline: Baseline | None = None,
    ) -> None:
        self._prefix, self._baseline = prefix, baseline
        self._is_missing_allowed = settings.is_missing_allowed
        self._under = dict(self._checked("fail_under", settings.fail_under, columns))
        self._over = dict(self._checked("fail_over", settings.fail_over, columns))
        self._drop = dict(self._checked("max_drop", settings.max_drop, columns))
        if baseline is None and self._drop:
            hint = "Make one with --format json -o scores.json."
            raise SettingError("baseline", None, "a file beside --max-drop", hint)
        if baseline is not None:
            if not self._drop:
                raise SettingError("max_drop", None, "a number beside --baseline, as 2")
            baseline.check_columns(self._drop)

    @property
    def any(self) -> bool:
        """Whether there is a gate at all."""
        return bool(self._under or self._over or self._drop)

    @property
    def falling(self) -> tuple[str, ...]:
        """The columns that are held against the baseline."""
        return tuple(self._drop)

    def judge(self, row: Mapping[str, Any]) -> Verdict:
        """Return what the gates say of a row."""
        source = str(row.get("source"))
        if row.get("status") == "failed":
            return Verdict(source, str(row.get("error")), ())
        return Verdict(source, None, tuple(self._faults(source, row)))

    def _faults(self, source: str, row: Mapping[str, Any]) -> Iterator[Fault]:
        for gate, limits, word in (
            ("fail_under", self._under, "more"),
            ("fail_over", self._over, "less"),
        ):
            for column, limit in limits.items():
                said = f"expected {_number(limit)} or {word}"
                value = _value(row.get(column))
                if value is None:
                    yield from self._missing(gate, column, row, said)
                elif (value < limit) if gate == "fail_under" else (value > limit):
                    yield Fault(gate, f"{self._short(column)} is {_number(value)}, {said}")
        for column, limit in self._drop.items():
            was = None if self._baseline is None else self._baseline.value(source, column)
            if was is None:
                continue
            value = _value(row.get(column))
            said = f"expected to fall by {_number(limit)} at most"
            if value is None:
                yield from self._missing("max_drop", column, row, f"was {_number(was)}, {said}")
            # Values are rounded, and so is the limit: their difference must be too.
            elif round(was - value, 9) > limit:
                fell = f"fell from {_number(was)} to {_number(value)}"
                yield Fault("max_drop", f"{self._short(column)} {fell}, {said}")

    def _missing(
        self, gate: str, column: str, row: Mapping[str, Any], said: str
    ) -> Iterator[Fault]:
        if self._is_missing_allowed:
            return
        reason = row.get(f"{self._prefix}reason")
        why = f" ({reason})" if reason else ""
        yield Fault(gate, f"{self._short(column)} has no value{why}, {said}")

    def _short(self, column: str) -> str:
        return column.removeprefix(self._prefix)

    def _checked(
        self, name: str, limits: Mapping[str, float], columns: Sequence[str]
    ) -> Iterator[tuple[str, float]]:
        seen: set[str] = set()
        for given, limit in limits.items():
            column = self._column(name, given, columns)
            if column in seen:
                raise SettingError(name, given, f"{self._short(column)} once")
            seen.add(column)
            if name == "max_drop":
                if limit < 0.0:
                    raise SettingError(name, f"{given}={limit:g}", "0 or more")
            else:
                _check_scale(name, self._short(column), limit)
            yield column, limit

    def _column(self, name: str, given: str, columns: Sequence[str]) -> str:
        for column in (given, self._prefix + given):
            if column in columns:
                return column
        known = [self._short(column) for column in columns]
        raise SettingError(name, given, "a column of numbers", suggestion(given, known))


def _check_scale(name: str, column: str, limit: float) -> None:
    for word, (lowest, highest) in _SCALES.items():
        ends_so = column == word or column.endswith(f"_{word}")
        is_band = column in (f"{word}_low", f"{word}_high")
        if (ends_so or is_band) and not lowest <= limit <= highest:
            expected = f"{lowest:g} to {highest:g} for {column}"
            raise SettingError(name, f"{column}={limit:g}", expected)


def _value(value: Any) -> float | None:
    """Return what a gate compares; a fact counts as 0 or 1."""
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else None


def _number(value: float) -> str:
    return f"{value:.6g}"
