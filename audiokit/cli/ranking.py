"""Rows in another order than they came, and only some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from audiokit.cli.options import TableOptions
from audiokit.errors import SettingError
from audiokit.settings import suggestion

__all__ = ["Ranking"]

Row = dict[str, Any]
_ALWAYS = ("source", "status", "duration_s", "sample_rate", "channels")


class Ranking:
    """What ``--sort``, ``--top`` and ``--bottom`` ask for, checked before work.

    Args:
        output: What the user asked for.
        columns: What a row holds besides what every row holds.
        prefix: What may be left out of a column's name.
        usual: The column that ``--top`` and ``--bottom`` go by where none is named.

    Raises:
        SettingError: A column that no row has, or ``--top`` beside ``--bottom``.
    """

    def __init__(
        self, output: TableOptions, *, columns: Sequence[str], prefix: str, usual: str
    ) -> None:
        self._most = output.top if output.top is not None else output.bottom
        self._is_falling = output.top is not None
        if output.top is not None and output.bottom is not None:
            raise SettingError("top", output.top, "no --bottom beside it", "Choose one.")
        named = output.sort
        if named is not None and named.startswith("-"):
            if self._most is not None:
                raise SettingError("sort", named, f"{named[1:]} beside --top or --bottom")
            self._is_falling, named = True, named[1:]
        self._column: str | None = None
        if named is not None or self._most is not None:
            known = [*_ALWAYS, *columns]
            self._column = _found(named or usual, known, prefix)

    def arranged(self, rows: Iterable[Row]) -> Iterable[Row]:
        """Return rows in the order that was asked for; as they come where none was.

        What has no value comes last either way. Equals keep their order.
        """
        if self._column is None:
            return rows
        column = self._column
        held = list(rows)
        valued = [row for row in held if row.get(column) is not None]
        is_text = any(isinstance(row[column], str) for row in valued)
        valued.sort(
            key=lambda row: str(row[column]) if is_text else row[column],
            reverse=self._is_falling,
        )
        if self._most is not None:
            return valued[: self._most]
        return valued + [row for row in held if row.get(column) is None]


def _found(named: str, known: Sequence[str], prefix: str) -> str:
    for column in (named, prefix + named):
        if column in known:
            return column
    short = [column.removeprefix(prefix) for column in known]
    raise SettingError("sort", named, "a column", suggestion(named, short))
