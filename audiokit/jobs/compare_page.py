"""One page to listen to a recording before and after, and to look at what was taken away."""

from __future__ import annotations

import base64
import dataclasses
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.jobs.comparison import Comparison, ComparisonReport, Side
from audiokit.jobs.overview import brightest_db, row_of_hz, spectrogram_png
from audiokit.jobs.page_parts import (
    data_url,
    excerpt_words,
    filled,
    format_words,
    player,
    row_head,
    tick,
    time_labels,
)
from audiokit.jobs.report_columns import in_words
from audiokit.jobs.sinks import Sink
from audiokit.recipe import Recipe
from audiokit.stage import Block

__all__ = ["PageSettings", "PageSink", "page_text"]

_TEMPLATE = Path(__file__).with_suffix(".html")
_NAMES = {"before": "Before", "after": "After", "removed": "Removed"}
_FREQUENCIES_HZ = {250: "250", 1000: "1k", 2000: "2k", 4000: "4k", 8000: "8k", 16000: "16k"}
_STRIP_FLOOR_DBFS = -90.0
_STRIP_TICKS_DBFS = (-60, -30)
_MINUS, _NONE = "\N{MINUS SIGN}", "\N{EN DASH}"


@dataclasses.dataclass(frozen=True, slots=True)
class PageSettings:
    """What a page holds.

    Raises:
        SettingError: A value is outside its range.
    """

    listen_s: float = 60.0
    """How much of the recording can be listened to, from its start, in s, 1 to 60; less
    where there are more than two channels or 48 kHz."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.listen_s <= 60.0:
            raise SettingError("listen_s", self.listen_s, "1 to 60 s")


class PageSink(Sink):
    """Write the page once the recording has ended.

    Args:
        comparison: What has heard the source; hears the result from here.
        target: Where to.
        title: What the recording is called.
        recipe: What is done to it.
        facts: Returns what each stage did, once all is heard.
    """

    def __init__(
        self,
        comparison: Comparison,
        target: Path,
        *,
        title: str,
        recipe: Recipe,
        facts: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._comparison, self._target, self._title = comparison, target, title
        self._recipe, self._facts = recipe, facts

    def write(self, block: Block) -> None:
        self._comparison.compare(block)

    def finish(self) -> None:
        text = page_text(self._comparison.finish(), self._title, self._recipe, self._facts())
        # A file name need not be text; what is not is written as an escape.
        self._target.write_text(text, encoding="utf-8", errors="backslashreplace")


def page_text(
    report: ComparisonReport, title: str, recipe: Recipe, facts: Mapping[str, Any]
) -> str:
    """Return the page as HTML that needs nothing from elsewhere.

    Args:
        report: What was heard of both sides.
        title: What the recording is called.
        recipe: What was done to it.
        facts: What each stage did.
    """
    fmt, sides = report.fmt, report.sides
    duration_s = fmt.seconds(report.n_samples)
    return filled(
        _TEMPLATE,
        title=html.escape(title),
        lead=html.escape(_lead(sides, facts)),
        format=html.escape(format_words(fmt, duration_s)),
        players="\n".join(_players(sides)),
        excerpt=excerpt_words(sides["before"].excerpt, fmt, duration_s),
        plots="\n".join(_plots(sides, fmt.sample_rate, duration_s)),
        figures=_figures(sides),
        stages=_stages(recipe, facts),
        length_s=f"{duration_s:.6f}",
    )


def _lead(sides: Mapping[str, Side], facts: Mapping[str, Any]) -> str:
    before, after = (sides[name].levels.noise_floor_dbfs for name in ("before", "after"))
    said = [f"Noise floor {_level(before)} → {_level(after)} dBFS"]
    for name, value in facts.items():
        if name.endswith("mean_reduction_db"):
            said.append(f"mean reduction {_level(value)} dB")
    return f"{', '.join(said)}."


def _players(sides: Mapping[str, Side]) -> Iterator[str]:
    for name, side in sides.items():
        yield (
            f'<div class="player"><span id="{name}">{_NAMES[name]}</span>'
            f"{player(data_url(side.excerpt), labelled_by=name)}</div>"
        )


def _plots(sides: Mapping[str, Side], sample_rate: int, duration_s: float) -> Iterator[str]:
    highest_db = brightest_db(sides["before"].spectrogram_db)
    for name, side in sides.items():
        picture = base64.b64encode(spectrogram_png(side.spectrogram_db, highest_db=highest_db))
        ticks = "".join(
            tick(row_of_hz(hz, sample_rate), text)
            for hz, text in _FREQUENCIES_HZ.items()
            if hz < 0.95 * sample_rate / 2.0
        )
        yield (
            f'<figure><figcaption>{_NAMES[name]}</figcaption><div class="plot">'
            f'<img alt="Spectrogram, {_NAMES[name].lower()}" '
            f'src="data:image/png;base64,{picture.decode("ascii")}">{ticks}</div></figure>'
        )
    before, after = (sides[name].level_dbfs for name in ("before", "after"))
    yield _strip(before, after)
    yield f'<div class="times">{"".join(time_labels(duration_s))}</div>'


def _strip(before: NDArray[np.float32], after: NDArray[np.float32]) -> str:
    ticks = "".join(
        tick(1.0 - level / _STRIP_FLOOR_DBFS, str(level)) for level in _STRIP_TICKS_DBFS
    )
    return (
        f"<figure><figcaption>Level {_key('was')} before {_key('now')} after</figcaption>"
        f'<div class="plot strip"><svg viewBox="0 0 {len(before)} 90" '
        'preserveAspectRatio="none" role="img" aria-label="Level over time">'
        f'<path class="was" d="{_area(before)}"/><path class="now" d="{_area(after)}"/>'
        f"</svg>{ticks}</div></figure>"
    )


def _key(style: str) -> str:
    return (
        f'<svg class="key" aria-hidden="true"><rect class="{style}" width="99" height="99"/></svg>'
    )


def _area(levels_dbfs: NDArray[np.float32]) -> str:
    """Return the outline of a level over time, one unit a column and one a decibel."""
    depths = -np.clip(levels_dbfs, _STRIP_FLOOR_DBFS, 0.0)
    steps = "".join(f"V{depth:.1f}h1" for depth in depths.tolist())
    return f"M0 90{steps}V90z"


def _figures(sides: Mapping[str, Side]) -> str:
    levels = {name: side.levels for name, side in sides.items()}
    rows = []
    for label, field in (
        ("Noise floor, dBFS", "noise_floor_dbfs"),
        ("Mean level, dBFS", "rms_dbfs"),
        ("Peak, dBFS", "sample_peak_dbfs"),
    ):
        cells = "".join(f"<td>{_level(getattr(levels[name], field))}</td>" for name in _NAMES)
        rows.append(f"<tr>{row_head(label)}{cells}</tr>")
    head = "".join(f'<th scope="col">{text}</th>' for text in _NAMES.values())
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _stages(recipe: Recipe, facts: Mapping[str, Any]) -> str:
    """Return the stages with their settings, then what they say of their work."""
    rows = []
    for stage in recipe.stages:
        named = (_named(*item) for item in dataclasses.asdict(stage.settings()).items())
        said = ", ".join(f"{label} {value}" for label, value in named)
        rows.append((stage.use.replace("_", " "), said))
    uses = sorted({stage.use for stage in recipe.stages}, key=len, reverse=True)
    rows += [_fact(name, value, uses) for name, value in facts.items()]
    cells = "".join(
        f"<tr>{row_head(label)}<td>{html.escape(value)}</td></tr>" for label, value in rows
    )
    return f'<table class="list"><tbody>{cells}</tbody></table>'


def _fact(name: str, value: Any, uses: Sequence[str]) -> tuple[str, str]:
    """Return a fact of a row, its stage before a colon."""
    use = next((use for use in uses if name.startswith(f"{use}_")), "")
    label, said = _named(name.removeprefix(f"{use}_").removeprefix("n_"), value)
    return (f"{use.replace('_', ' ')}: {label}" if use else label), said


def _named(name: str, value: Any) -> tuple[str, str]:
    """Return a Python name as words, and its value with the unit that the name ends in."""
    words, unit = in_words(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return words, f"{_value(value)} {unit}" if unit and is_number else _value(value)


def _value(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", _MINUS)
    if isinstance(value, tuple):
        return f"{len(value)} values"
    return str(value)


def _level(level: float | None) -> str:
    """Return a level as people write it; a dash where there is none."""
    return _NONE if level is None else f"{level:.1f}".replace("-", _MINUS)
