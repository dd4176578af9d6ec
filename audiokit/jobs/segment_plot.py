"""A picture of a recording with its segments and the probability of speech."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.jobs.envelope import Envelope
from audiokit.jobs.overview import check_drawing
from audiokit.jobs.segment_lanes import Lane, Wave, highest_of, lanes_of, summary_of, waves_of
from audiokit.jobs.segment_sink import SegmentView
from audiokit.jobs.segmentation import SegmentReport
from audiokit.stage import Block, StreamFormat

__all__ = ["PlotSettings", "SegmentPlot"]

_DPI = 100
_WIDTH_IN = 12.0
_WAVE_IN, _LANE_IN, _PROBABILITY_IN, _FRAME_IN = 2.2, 0.26, 1.1, 0.8
_WAVE, _CURVE, _SOFT = "#3b4252", "#b5367a", "#5c5c66"
# What is quieter is drawn as if it had this peak, so that silence stays flat.
_LOWEST_PEAK = 1e-3
_LONGEST_NAME = 24
_MOST_POINTS = 2400
# More lines than this would hide what is between them.
_MOST_EDGES = 60


@dataclass(frozen=True, slots=True)
class PlotSettings:
    """How the picture is drawn."""

    def check_installed(self) -> None:
        """Import what draws.

        Raises:
            MissingExtraError: matplotlib is not installed, or its installation is broken.
        """
        check_drawing()


class SegmentPlot(SegmentView):
    """Gather the outline of a stream; draw it with its segments as a PNG, 1200 pixels wide.

    Args:
        fmt: Format of the stream.
        target: Where to.
        title: What the recording is called.
    """

    def __init__(self, fmt: StreamFormat, target: Path, *, title: str) -> None:
        self._envelope, self._target, self._title = Envelope(fmt), target, title

    def write(self, block: Block) -> None:
        self._envelope.update(block)

    def finish(self, report: SegmentReport) -> None:
        """Draw.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        check_drawing()
        from matplotlib.figure import Figure

        lanes = lanes_of(report.segments)
        waves = waves_of(self._envelope, lanes)
        # Two waves get half as much again as one.
        heights = [_WAVE_IN / len(waves) ** 0.5] * len(waves)
        if len(lanes) > 1:
            heights.append(_LANE_IN * len(lanes))
        heights.append(_PROBABILITY_IN)
        size = (_WIDTH_IN, sum(heights) + _FRAME_IN)
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        rows = figure.subplots(
            len(heights), sharex=True, squeeze=False, height_ratios=heights
        ).ravel()
        for axes, wave in zip(rows, waves, strict=False):
            _draw_wave(axes, wave, lanes, self._envelope.column_s)
        if len(lanes) > 1:
            _draw_lanes(rows[-2], lanes)
        _draw_probability(rows[-1], report)
        _label(rows, self._title, report)
        with warnings.catch_warnings():
            # A name may hold signs that no font here has: they are drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
            # No version and no date: the same recording gives the same bytes.
            figure.savefig(self._target, format="png", metadata={"Software": None})


def _draw_wave(axes: Any, wave: Wave, lanes: Sequence[Lane], column_s: float) -> None:
    for lane in lanes:
        if wave.shows(lane):
            _draw_spans(axes, lane)
    starts_s = np.arange(len(wave.lows)) * column_s
    # Steps, so that a recording of one sample is seen too.
    edges_s = np.append(starts_s, starts_s[-1] + column_s if len(starts_s) else 0.0)
    for side in (wave.lows, wave.highs):
        held = np.append(side, side[-1:])
        axes.fill_between(edges_s, held, step="post", color=_WAVE, linewidth=0.3)
    peak = max(_LOWEST_PEAK, float(np.abs([wave.lows.min(), wave.highs.max()]).max()))
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.set_yticks([-peak, 0.0, peak], [f"{-peak:.2g}", "0", f"{peak:.2g}"])
    if wave.channel is not None:
        axes.set_ylabel(f"channel {wave.channel + 1}", fontsize=9)


def _draw_spans(axes: Any, lane: Lane) -> None:
    spans = [(segment.start_s, segment.duration_s) for _, segment in lane.segments]
    axes.broken_barh(
        spans, (0.0, 1.0), transform=axes.get_xaxis_transform(),
        facecolor=lane.colour, alpha=0.3, linewidth=0,
    )  # fmt: skip
    if len(spans) > _MOST_EDGES:
        return
    edges = [time_s for _, segment in lane.segments for time_s in (segment.start_s, segment.end_s)]
    axes.vlines(
        edges, 0.0, 1.0, transform=axes.get_xaxis_transform(), color=lane.colour, linewidth=0.7
    )


def _draw_lanes(axes: Any, lanes: Sequence[Lane]) -> None:
    for place, lane in enumerate(lanes):
        spans = [(segment.start_s, segment.duration_s) for _, segment in lane.segments]
        axes.broken_barh(spans, (place - 0.38, 0.76), facecolor=lane.colour, linewidth=0)
    names = [_readable(lane.name)[:_LONGEST_NAME] for lane in lanes]
    axes.set_yticks(range(len(lanes)), names, fontsize=8, parse_math=False)
    axes.set_ylim(len(lanes) - 0.5, -0.5)


def _draw_probability(axes: Any, report: SegmentReport) -> None:
    levels = highest_of(report.probabilities, _MOST_POINTS)
    if len(levels):
        step_s = -(-len(report.probabilities) // _MOST_POINTS) / 100.0
        edges_s = np.arange(len(levels) + 1) * step_s
        axes.stairs(levels, edges_s, color=_CURVE, linewidth=0.9, fill=False, baseline=None)
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.set_ylabel("speech", fontsize=9)
    axes.grid(visible=True, axis="y", linewidth=0.4, alpha=0.6)


def _label(rows: Any, title: str, report: SegmentReport) -> None:
    from matplotlib.ticker import FuncFormatter

    duration_s = report.duration_s
    rows[-1].set_xlim(0.0, max(duration_s, 1e-4))
    if duration_s > 120.0:
        rows[-1].xaxis.set_major_formatter(FuncFormatter(_clock))
    else:
        rows[-1].set_xlabel("seconds", fontsize=9)
    for axes in rows:
        axes.tick_params(labelsize=8, colors=_SOFT)
        axes.spines[["top", "right"]].set_visible(False)
    rows[0].set_title(_readable(title), loc="left", fontsize=11, parse_math=False)
    rows[0].set_title(summary_of(report.segments, duration_s), loc="right", fontsize=9)


def _clock(time_s: float, _place: int | None) -> str:
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _readable(text: str) -> str:
    # A name need not be text.
    return text.encode("utf-8", "backslashreplace").decode()
