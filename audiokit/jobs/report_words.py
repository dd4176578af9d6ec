"""Values of a page about many recordings, as people read them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from audiokit.jobs.page_parts import clock
from audiokit.jobs.report_columns import Column, band_of, column_of, reason_of

__all__ = ["MINUS", "NONE", "change_words", "counted", "number_words", "value_words", "with_band"]

NONE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def number_words(value: float, column: Column, *, has_unit: bool = True) -> str:
    """Return a number as people write it, in the column's unit."""
    said = f"{value * column.scale:.{column.decimals}f}"
    # What rounds to zero has no sign.
    said = said.removeprefix("-") if not float(said) else said.replace("-", MINUS)
    return f"{said} {column.unit}" if column.unit and has_unit else said


def change_words(value: float, column: Column) -> str:
    """Return a difference with its sign."""
    said = number_words(value, column)
    return said if value <= 0 or not any(digit in said for digit in "123456789") else f"+{said}"


def value_words(name: str, value: Any) -> str:
    """Return any value of a column in words; a dash where there is none."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if name == "duration_s":
        return clock(value)
    return number_words(value, column_of(name))


def with_band(name: str, values: Mapping[str, Any]) -> str:
    """Return a value as HTML, with its band of uncertainty and why it does not apply."""
    said = html.escape(value_words(name, values.get(name)))
    low, high = (values.get(end) for end in band_of(name))
    if isinstance(low, int | float) and isinstance(high, int | float):
        column = column_of(name)
        ends = [number_words(end, column, has_unit=False) for end in (low, high)]
        said += f' <small class="soft">({ends[0]} to {ends[1]})</small>'
    why = values.get(reason_of(name))
    if isinstance(why, str) and why:
        said += f' <small class="soft">{html.escape(why)}</small>'
    return said
