"""One page to listen to a recording before and after, and to look at what was taken away."""

from __future__ import annotations

import base64
import dataclasses
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

import audiokit
from audiokit.errors import SettingError
from audiokit.jobs.comparison import Comparison, ComparisonReport, Excerpt, Side
from audiokit.jobs.overview import brightest_db, check_drawing, row_of_hz, spectrogram_png
from audiokit.jobs.sinks import Sink
from audiokit.recipe import Recipe
from audiokit.stage import Block, StreamFormat

__all__ = ["PageSettings", "PageSink", "page_text"]

_TEMPLATE = Path(__file__).with_suffix(".html")
_NAMES = {"before": "Before", "after": "After", "removed": "Removed"}
_FREQUENCIES_HZ = {250: "250", 1000: "1k", 2000: "2k", 4000: "4k", 8000: "8k", 16000: "16k"}
_STRIP_FLOOR_DBFS = -90.0
_STRIP_TICKS_DBFS = (-60, -30)
_TIME_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_MINUS, _NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
# On a phone no more have room beside each other.
_MOST_TIMES = 6
_UNITS = {"dbfs": "dBFS", "dbtp": "dBTP", "lufs": "LUFS", "db": "dB", "hz": "Hz", "s": "s",
          "ms": "ms", "percent": "%"}  # fmt: skip


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

    def check_installed(self) -> None:
        """Import what the page needs.

        Raises:
            MissingExtraError: matplotlib is not installed, or its installation is broken.
        """
        check_drawing()


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

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    fmt, sides = report.fmt, report.sides
    duration_s = fmt.seconds(report.n_samples)
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        lead=html.escape(_lead(sides, facts)),
        format=html.escape(_format(fmt, duration_s)),
        players="\n".join(_players(sides)),
        excerpt=_excerpt(sides["before"].excerpt, fmt, duration_s),
        plots="\n".join(_plots(sides, fmt.sample_rate, duration_s)),
        figures=_figures(sides),
        stages=_stages(recipe, facts),
        version=html.escape(audiokit.__version__),
        length_s=f"{duration_s:.6f}",
    )


def _lead(sides: Mapping[str, Side], facts: Mapping[str, Any]) -> str:
    before, after = (sides[name].levels.noise_floor_dbfs for name in ("before", "after"))
    said = [f"Noise floor {_level(before)} → {_level(after)} dBFS"]
    for name, value in facts.items():
        if name.endswith("mean_reduction_db"):
            said.append(f"mean reduction {_level(value)} dB")
    return f"{', '.join(said)}."


def _format(fmt: StreamFormat, duration_s: float) -> str:
    channels = {1: "mono", 2: "stereo"}.get(fmt.channels, f"{fmt.channels} channels")
    return f"{_clock(duration_s)}, {fmt.sample_rate} Hz, {channels}"


def _players(sides: Mapping[str, Side]) -> Iterator[str]:
    for name, side in sides.items():
        data = base64.b64encode(side.excerpt.encoded).decode("ascii")
        source = f"data:{side.excerpt.media_type};base64,{data}"
        yield (
            f'<div class="player"><span id="{name}">{_NAMES[name]}</span>'
            f'<audio controls preload="metadata" aria-labelledby="{name}" src="{source}">'
            "</audio></div>"
        )


def _excerpt(excerpt: Excerpt, fmt: StreamFormat, duration_s: float) -> str:
    heard_s = fmt.seconds(excerpt.n_samples)
    if heard_s >= duration_s:
        return "The whole recording, 16 bits."
    return f"The first {_clock(heard_s)} of {_clock(duration_s)}, 16 bits."


def _plots(sides: Mapping[str, Side], sample_rate: int, duration_s: float) -> Iterator[str]:
    highest_db = brightest_db(sides["before"].spectrogram_db)
    for name, side in sides.items():
        picture = base64.b64encode(spectrogram_png(side.spectrogram_db, highest_db=highest_db))
        ticks = "".join(
            _tick(row_of_hz(hz, sample_rate), text)
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
    yield f'<div class="times">{"".join(_times(duration_s))}</div>'


def _strip(before: NDArray[np.float32], after: NDArray[np.float32]) -> str:
    ticks = "".join(
        _tick(1.0 - level / _STRIP_FLOOR_DBFS, str(level)) for level in _STRIP_TICKS_DBFS
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


def _tick(share: float, text: str) -> str:
    return f'<span class="tick" style="bottom:{100.0 * share:.1f}%">{text}</span>'


def _times(duration_s: float) -> Iterator[str]:
    """Yield the labels of the time axis."""
    fitting = [step for step in _TIME_STEPS_S if duration_s / step <= _MOST_TIMES]
    step_s = fitting[0] if fitting else duration_s / _MOST_TIMES
    for number in range(int(duration_s / step_s) + 1):
        share = number * step_s / duration_s
        # The last one would stand beyond the edge.
        if share <= 0.97:
            yield f'<span style="left:{100.0 * share:.2f}%">{_clock(number * step_s)}</span>'


def _clock(seconds: float) -> str:
    if seconds < 60.0:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _figures(sides: Mapping[str, Side]) -> str:
    levels = {name: side.levels for name, side in sides.items()}
    rows = []
    for label, field in (
        ("Noise floor, dBFS", "noise_floor_dbfs"),
        ("Mean level, dBFS", "rms_dbfs"),
        ("Peak, dBFS", "sample_peak_dbfs"),
    ):
        cells = "".join(f"<td>{_level(getattr(levels[name], field))}</td>" for name in _NAMES)
        rows.append(f"<tr>{_row_head(label)}{cells}</tr>")
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
        f"<tr>{_row_head(label)}<td>{html.escape(value)}</td></tr>" for label, value in rows
    )
    return f'<table class="list"><tbody>{cells}</tbody></table>'


def _row_head(label: str) -> str:
    return f'<th scope="row">{html.escape(label)}</th>'


def _fact(name: str, value: Any, uses: Sequence[str]) -> tuple[str, str]:
    """Return a fact of a row, its stage before a colon."""
    use = next((use for use in uses if name.startswith(f"{use}_")), "")
    label, said = _named(name.removeprefix(f"{use}_").removeprefix("n_"), value)
    return (f"{use.replace('_', ' ')}: {label}" if use else label), said


def _named(name: str, value: Any) -> tuple[str, str]:
    """Return a Python name as words, and its value with the unit that the name ends in."""
    words, _, unit = name.rpartition("_")
    if not words or unit not in _UNITS:
        return name.replace("_", " "), _value(value)
    is_number = isinstance(value, int | float)
    return words.replace("_", " "), _value(value) + (f" {_UNITS[unit]}" if is_number else "")


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
