"""A picture of loudness over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.errors import MissingExtraError
from audiokit.files.atomic import replacing

if TYPE_CHECKING:
    from audiokit.loudness.levels import LevelsReport
    from audiokit.loudness.trace import LoudnessTrace

__all__ = ["draw_loudness"]

_FLOOR_LUFS = -60.0
_SIZE_IN = (11.0, 4.2)
_DPI = 100
_MOMENTARY, _SHORT_TERM, _INTEGRATED, _SPEECH = "#9ecae1", "#08519c", "#d95f02", "#1b9e77"


def draw_loudness(target: Path, trace: LoudnessTrace, report: LevelsReport, *, title: str) -> None:
    """Draw a recording's loudness: 400 ms, 3 s, and the whole.

    Args:
        target: A PNG file.
        trace: Loudness over time.
        report: The levels of the whole.
        title: What the recording is called.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ResourceError: The file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a picture", "plot") from error
    figure = Figure(figsize=_SIZE_IN, dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    times_s, unit = _time_axis(trace)
    for levels, label, color, width in (
        (trace.momentary_lufs, "momentary (400 ms)", _MOMENTARY, 0.8),
        (trace.short_term_lufs, "short-term (3 s)", _SHORT_TERM, 1.8),
    ):
        if not np.isnan(levels).all():
            shown = np.maximum(levels, _FLOOR_LUFS)
            axes.plot(times_s, shown, color=color, linewidth=width, label=label)
    _draw_level(axes, report.loudness.integrated_lufs, "integrated", _INTEGRATED)
    _draw_level(axes, report.speech.active_level_dbov, "active speech (dBov)", _SPEECH)
    axes.set_xlim(0.0, max(float(times_s[-1]) if len(times_s) else 0.0, 1e-3))
    axes.set_ylim(_FLOOR_LUFS, 0.0)
    axes.set_xlabel(unit)
    axes.set_ylabel("LUFS")
    axes.grid(visible=True, linewidth=0.4, alpha=0.6)
    # A name may hold what is no text, and what matplotlib takes for mathematics.
    readable = title.encode("utf-8", "backslashreplace").decode()
    axes.set_title(readable, loc="left", fontsize=11, parse_math=False)
    axes.set_title(_summary(report), loc="right", fontsize=9)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=8, ncols=4, framealpha=0.9)
    with replacing(target) as temporary:
        # No version and no date: the same recording gives the same bytes.
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _time_axis(trace: LoudnessTrace) -> tuple[Any, str]:
    """Return the end of each step, and the unit that suits them."""
    ends_s = (np.arange(len(trace.momentary_lufs)) + 1.0) * trace.step_s
    is_long = len(ends_s) > 0 and ends_s[-1] > 600.0
    return (ends_s / 60.0, "minutes") if is_long else (ends_s, "seconds")


def _draw_level(axes: Any, level: float | None, label: str, color: str) -> None:
    if level is not None and level > _FLOOR_LUFS:
        axes.axhline(level, color=color, linewidth=1.2, linestyle="--", label=label)


def _summary(report: LevelsReport) -> str:
    loudness = report.loudness
    parts = (
        (loudness.integrated_lufs, "LUFS"),
        (loudness.range_lu, "LU range"),
        (loudness.true_peak_dbtp, "dBTP"),
        (report.speech.active_level_dbov, "dBov active"),
    )
    said = [f"{value:.1f} {unit}" for value, unit in parts if value is not None]
    return "   ".join(said) or "silence"
