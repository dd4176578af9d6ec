"""Histograms of a page about many recordings, drawn so that they are read without a script."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from itertools import pairwise

from audiokit.jobs.page_parts import clock
from audiokit.jobs.report_columns import column_of
from audiokit.jobs.report_figures import Histogram, histogram_of, spread_of
from audiokit.jobs.report_words import MINUS, counted, value_words

__all__ = ["HISTOGRAMS", "compared_histogram", "histogram"]

HISTOGRAMS = ("overall", "snr_db", "active_level_dbfs", "bandwidth_hz", "duration_s")
"""The columns whose values are drawn."""

_BAR, _HEIGHT = 10.0, 100.0
# Below a narrow picture no more have room beside each other.
_MOST_LABELS = 5


def histogram(name: str, values: Sequence[float]) -> str:
    """Return a picture of how a column's values are spread, as HTML.

    Args:
        name: Of the column.
        values: One or more.
    """
    column = column_of(name)
    found = histogram_of(values, name, scale=column.scale)
    middle = _middle(name, values)
    title = html.escape(column.title + (f", {column.unit}" if column.unit else ""))
    bars = "".join(_bar(found, number) for number in range(len(found.counts)))
    said = html.escape(
        f"{column.title}: {counted(len(values), 'value')}, from {value_words(name, min(values))} "
        f"to {value_words(name, max(values))}, median {middle}"
    )
    return (
        f'<figure class="histogram" data-key="{html.escape(name)}" '
        f'data-edges="{html.escape(json.dumps(found.edges))}">'
        f'<figcaption>{title} <span class="soft">median {html.escape(middle)}</span> '
        f'<span class="chosen-range"></span></figcaption>'
        f'<div class="plot"><svg viewBox="0 0 {_BAR * len(found.counts):g} {_HEIGHT:g}" '
        f'preserveAspectRatio="none" role="img" aria-label="{said}">{bars}</svg></div>'
        f'<div class="times" aria-hidden="true">{_labels(name, found)}</div></figure>'
    )


def compared_histogram(name: str, pairs: Sequence[tuple[float, float]]) -> str:
    """Return how a column's values were spread before, behind how they are after.

    Args:
        name: Of the column.
        pairs: Before and after, one or more.
    """
    column = column_of(name)
    was, now = zip(*pairs, strict=True)
    edges = histogram_of([*was, *now], name, scale=column.scale).edges
    counts = [_counts(side, edges) for side in (was, now)]
    most = max(*counts[0], *counts[1])
    bars = "".join(
        _rect("was", place, n_was / most) + _rect("now", place + 0.25, n_now / most, width=0.5)
        for place, (n_was, n_now) in enumerate(zip(*counts, strict=True))
    )
    said = html.escape(
        f"{column.title} of {counted(len(pairs), 'recording')}: median {_middle(name, was)} "
        f"before, {_middle(name, now)} after"
    )
    keys = " ".join(
        f'<svg class="key" aria-hidden="true"><rect class="{style}" width="99" height="99"/>'
        f"</svg> {word}"
        for style, word in (("was", "before"), ("now", "after"))
    )
    return (
        f'<figure class="histogram"><figcaption>{html.escape(column.title)} {keys}</figcaption>'
        f'<div class="plot"><svg viewBox="0 0 {_BAR * len(counts[0]):g} {_HEIGHT:g}" '
        f'preserveAspectRatio="none" role="img" aria-label="{said}">{bars}</svg></div>'
        '<div class="times" aria-hidden="true">'
        f"{_labels(name, Histogram(edges, tuple(counts[0])))}</div></figure>"
    )


def _counts(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    last = edges[-1]
    return [
        sum(low <= value < high or value == high == last for value in values)
        for low, high in pairwise(edges)
    ]


def _middle(name: str, values: Sequence[float]) -> str:
    spread = spread_of(values)
    return value_words(name, None if spread is None else spread.middle)


def _bar(found: Histogram, place: int) -> str:
    share = found.counts[place] / max(found.counts)
    return (
        f'<g class="bar" data-count="{found.counts[place]}">'
        f"{_rect('hit', place, 1.0, width=1.0)}{_rect('was', place, share)}"
        f"{_rect('now', place, share)}</g>"
    )


def _rect(style: str, place: float, share: float, *, width: float = 0.9) -> str:
    height = _HEIGHT * share
    return (
        f'<rect class="{style}" x="{_BAR * place:g}" y="{_HEIGHT - height:.2f}" '
        f'width="{_BAR * width:g}" height="{height:.2f}"/>'
    )


def _labels(name: str, found: Histogram) -> str:
    n_bars = len(found.counts)
    step = -(-n_bars // (_MOST_LABELS - 1))
    places = [(100.0 * at / n_bars, found.edges[at]) for at in range(0, n_bars + 1, step)]
    return "".join(
        f'<span{_style(percent)} style="left:{percent:.2f}%">{_edge(name, edge)}</span>'
        for percent, edge in places
    )


def _style(percent: float) -> str:
    # The last one would stand beyond the edge.
    return ' class="end"' if percent > 97.0 else ""


def _edge(name: str, edge: float) -> str:
    if name == "duration_s":
        return clock(edge) if edge else "0"
    return f"{edge * column_of(name).scale:.6g}".replace("-", MINUS)
