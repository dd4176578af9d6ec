"""The rows of a page about many recordings, packed for its script."""

from __future__ import annotations

import json
import math
from typing import Any

from audiokit.jobs.report_columns import band_of, column_of, reason_of
from audiokit.jobs.report_rows import Gathered

__all__ = ["packed"]

# In this order; what a run does not have is left out.
_SHOWN = (
    *("overall", "grade", "component", "change_overall", "snr_db", "active_level_dbfs"),
    *("bandwidth_hz", "duration_s"),
)
# What a phone has room for.
_NARROW = {"overall", "grade", "component"}
# Seven digits: no measure is finer, and a sample rate stays whole.
_DIGITS = 7


def packed(gathered: Gathered) -> str:
    """Return columns and rows as JSON that may stand in a script element.

    Args:
        gathered: What the page is about.
    """
    names = _ordered(gathered.columns())
    place = {name: number for number, name in enumerate(names)}
    columns = []
    for name in names:
        own = column_of(name)
        values = gathered.numbers(name)
        is_whole = own.scale == 1.0 and all(value.is_integer() for value in values)
        low, high = band_of(name)
        column: dict[str, Any] = {"key": name, "title": own.title}
        more = {
            "unit": own.unit, "decimals": 0 if is_whole else own.decimals, "scale": own.scale,
            "about": own.about,
            "low": place.get(low), "high": place.get(high), "reason": place.get(reason_of(name)),
            "shown": name in _SHOWN, "narrow": name in _NARROW,
        }  # fmt: skip
        columns.append(column | {key: value for key, value in more.items() if value is not None})
    _mark_parts(columns)
    rows = [
        [item.name, *(_small(item.values.get(name)) for name in names)]
        for item in gathered.recordings
    ]
    text = json.dumps({"columns": columns, "rows": rows}, separators=(",", ":"))
    # Nothing in it may end the element that it stands in, or begin another.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _ordered(names: list[str]) -> list[str]:
    return [*(name for name in _SHOWN if name in names), *(n for n in names if n not in _SHOWN)]


def _mark_parts(columns: list[dict[str, Any]]) -> None:
    """Mark what is told beside another value, and needs no place of its own."""
    for column in columns:
        for part in ("low", "high", "reason"):
            if part in column:
                columns[column[part]]["part"] = True


def _small(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
