"""One page about many recordings: how good they are, where the worst lie, what was done."""

from __future__ import annotations

import html
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiokit.jobs.page_parts import clock, filled, row_head
from audiokit.jobs.report_cards import card
from audiokit.jobs.report_charts import HISTOGRAMS, histogram
from audiokit.jobs.report_columns import band_of, column_of
from audiokit.jobs.report_figures import costs_of, spread_of
from audiokit.jobs.report_rows import Gathered
from audiokit.jobs.report_stages import stages_section
from audiokit.jobs.report_table import packed
from audiokit.jobs.report_words import change_words, counted, number_words, value_words
from audiokit.ranges import check_range

__all__ = ["ReportSettings", "report_page"]

_TEMPLATE = Path(__file__).with_suffix(".html")
_GRADES = "ABCDEF"
_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
# A browser shows this many at once; the rest is counted.
_MOST_FAILURES = 500


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What the page holds.

    Raises:
        SettingError: A value is outside its range.
    """

    worst: int = 12
    """How many recordings are shown with a picture and a player, 0 to 100."""
    excerpt_s: float = 10.0
    """How much of each can be heard, in s, 0 to 60; 0: pictures alone."""

    def __post_init__(self) -> None:
        check_range("worst", self.worst, 0, 100)
        check_range("excerpt_s", self.excerpt_s, 0.0, 60.0, unit="s")


def report_page(
    gathered: Gathered, clips: Mapping[str, Mapping[str, Any]], settings: ReportSettings
) -> str:
    """Return the page as HTML that needs nothing from elsewhere.

    Args:
        gathered: What was found.
        clips: The row about the stretch of each of the worst, by path.
        settings: What the page holds.
    """
    return filled(
        _TEMPLATE,
        title=html.escape(f"Report: {gathered.title}"),
        own_style=_beside("css"),
        script=_beside("js"),
        lead=_lead(gathered),
        tiles="\n".join(_tiles(gathered)),
        grades=_grades(gathered),
        costs=_costs(gathered),
        missing=_missing(gathered),
        stages=stages_section(gathered),
        histograms="\n".join(_histograms(gathered)),
        worst=_worst(gathered, clips, settings),
        failures=_failures(gathered.failures),
        settings=f", --worst {settings.worst} --excerpt-s {settings.excerpt_s:g}",
        data=packed(gathered),
    )


def _beside(extension: str) -> str:
    return _TEMPLATE.with_suffix(f".{extension}").read_text(encoding="utf-8").rstrip("\n")


def _lead(gathered: Gathered) -> str:
    said = f"{counted(len(gathered.recordings), 'recording')}"
    if gathered.failures:
        said += f", and {counted(len(gathered.failures), 'file')} that failed"
    told = "Scored without a reference, by listening to each."
    if gathered.is_processed:
        told += " They were made by audiokit process: before is the source, after the result."
    return f'{said}. <span class="soft">{told}</span>'


def _tiles(gathered: Gathered) -> Iterator[str]:
    n_scored = len(gathered.numbers("overall"))
    yield _tile("Recordings", str(len(gathered.recordings)), f"{n_scored} with a score")
    yield _tile("Sound", clock(sum(gathered.numbers("duration_s"))), "together")
    for name in ("overall", "snr_db"):
        spread = spread_of(gathered.numbers(name))
        if spread is None:
            continue
        column = column_of(name)
        lower, upper = (
            number_words(value, column, has_unit=False) for value in (spread.lower, spread.upper)
        )
        more = f"half of them {lower} to {upper}"
        band = _half_band(gathered, name)
        if band is not None:
            more += f"; one alone {_PLUS_MINUS}{number_words(band, column)}"
        yield _tile(f"{column.title}, median", value_words(name, spread.middle), more)
    pairs = gathered.pairs("overall")
    if pairs:
        was, now = (spread_of(side) for side in zip(*pairs, strict=True))
        if was is not None and now is not None:
            said = [value_words("overall", side.middle) for side in (was, now)]
            # Two medians may be far apart where hardly a recording has changed.
            change = statistics.median(after - before for before, after in pairs)
            more = f"overall, medians of {counted(len(pairs), 'recording')}"
            more += f"; median change {change_words(change, column_of('change_overall'))}"
            yield _tile("Before and after", f"{said[0]} → {said[1]}", more)
    costs = costs_of(gathered)
    if costs:
        name, n, lost = costs[0]
        points = number_words(-lost, column_of("cost"))
        yield _tile("Costs most", name, f"in {counted(n, 'recording')}, {points} on average")
    if gathered.failures:
        yield _tile("Failed", str(len(gathered.failures)), "see the end of the page")


def _tile(title: str, value: str, more: str) -> str:
    said = f"{html.escape(value)}<small>{html.escape(more)}</small>"
    return f"<div><dt>{html.escape(title)}</dt><dd>{said}</dd></div>"


def _half_band(gathered: Gathered, name: str) -> float | None:
    """Return half the width of the band of uncertainty that a recording has, the median."""
    low, high = band_of(name)
    widths = [
        (item.values[high] - item.values[low]) / 2.0
        for item in gathered.recordings
        if item.values.get(low) is not None and item.values.get(high) is not None
    ]
    spread = spread_of(widths)
    return None if spread is None else spread.middle


def _grades(gathered: Gathered) -> str:
    counts = Counter(item.values.get("grade") for item in gathered.recordings)
    found = [(grade, counts[grade]) for grade in _GRADES if counts[grade]]
    if not found:
        return ""
    said = ", ".join(f"{grade} {n}" for grade, n in found)
    parts = "".join(
        f'<span class="grade-{grade}" style="flex:{n}">{grade}</span>' for grade, n in found
    )
    return f'<div class="grades" aria-hidden="true">{parts}</div><p>Grades: {said}.</p>'


def _costs(gathered: Gathered) -> str:
    costs = costs_of(gathered)
    if not costs:
        return ""
    rows = "".join(
        f"<tr>{row_head(name)}<td>{n}</td><td>{number_words(-lost, column_of('cost'))}</td></tr>"
        for name, n, lost in costs
    )
    return (
        '<table><thead><tr><th scope="col">Costs most</th><th scope="col">Recordings</th>'
        f'<th scope="col">Points, mean</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _missing(gathered: Gathered) -> str:
    without = [
        f"{column_of(name).title}: no recording has a value."
        for name in HISTOGRAMS
        if gathered.recordings and not gathered.numbers(name)
    ]
    remarks = [*gathered.remarks, *without]
    if not remarks:
        return ""
    items = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
    return (
        '<section aria-labelledby="missing"><h2 id="missing">What is missing or odd</h2>'
        f'<ul class="notes">{items}</ul></section>'
    )


def _histograms(gathered: Gathered) -> Iterator[str]:
    for name in HISTOGRAMS:
        values = gathered.numbers(name)
        if values:
            yield histogram(name, values)


def _worst(
    gathered: Gathered, clips: Mapping[str, Mapping[str, Any]], settings: ReportSettings
) -> str:
    worst = gathered.worst(settings.worst)
    if not worst:
        why = "None was asked for." if not settings.worst else "No recording has a score."
        return f'<p class="soft">{why}</p>'
    cards = "\n".join(
        card(number, item, clips.get(item.path, {})) for number, item in enumerate(worst, 1)
    )
    told = "Shown: the stretch where most is to be heard; brighter is louder, 75 dB in all."
    return f'<p class="soft">{told}</p>\n<div class="cards">\n{cards}\n</div>'


def _failures(failures: Sequence[tuple[str, str]]) -> str:
    if not failures:
        return ""
    rows = "".join(
        f"<tr>{row_head(name)}<td>{html.escape(sentence)}</td></tr>"
        for name, sentence in failures[:_MOST_FAILURES]
    )
    n_left = len(failures) - _MOST_FAILURES
    more = f'<p class="soft">And {counted(n_left, "more file")}.</p>' if n_left > 0 else ""
    return (
        '<section aria-labelledby="failed"><h2 id="failed">What failed</h2>'
        f'<table class="list"><tbody>{rows}</tbody></table>{more}</section>'
    )
