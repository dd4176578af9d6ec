"""Pictures of a call over time: what was lost, what was made up, how far behind it was heard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.jobs.envelope import Envelope
from audiokit.jobs.page_parts import tick
from audiokit.jobs.simulate_trail import Trail

__all__ = ["delay_chart", "loss_map", "waveform"]

WIDTH = 1000
_MOST_COLUMNS = 1000
_LOWEST_PEAK = 1e-3
# Of the delay's axis: the first that leaves no more than so many marks.
_STEPS_MS = (20, 50, 100, 200, 500, 1000, 2000, 5000)
_MOST_MARKS = 4
Values = NDArray[np.floating[Any]]


def waveform(envelope: Envelope, duration_s: float, *, peak: float, label: str) -> str:
    """Return the outline of a recording as a figure.

    Args:
        envelope: Of it; channels lie over each other.
        duration_s: Of the axis.
        peak: What reaches the edge.
        label: What it is.
    """
    lows, highs = envelope.columns()
    if not len(lows) or duration_s <= 0.0:
        return ""
    low, high = lows.min(axis=1), highs.max(axis=1)
    step = WIDTH * envelope.column_s / duration_s
    scale = 47.0 / max(peak, _LOWEST_PEAK)
    # A line of silence is still a line.
    tops, bottoms = (49.7 - scale * high).tolist(), (50.3 - scale * low).tolist()
    there = "".join(f"V{y:.1f}h{step:.3f}" for y in tops)
    back = "".join(f"V{y:.1f}h{-step:.3f}" for y in reversed(bottoms))
    return _figure(label, f'<path class="wave" d="M0 50{there}{back}z"/>', label=label)


def loss_map(trail: Trail, duration_s: float, *, block_s: float) -> str:
    """Return what never came, by packet, and what was made up, by block, as a figure.

    Args:
        trail: What happened.
        duration_s: Of the axis.
        block_s: How long a block is.
    """
    lost = trail.losses().astype(np.float64)
    sent_s = np.frombuffer(trail.sent_s, np.float64)
    packet_s = float(np.median(np.diff(sent_s))) if len(sent_s) > 1 else block_s
    made_up = np.frombuffer(trail.is_made_up, np.int8).astype(np.float64)
    at_s = np.frombuffer(trail.block, np.int64) * block_s
    above = _bars(sent_s - sent_s[:1], lost, packet_s, duration_s=duration_s, top=2)
    below = _bars(at_s, made_up, block_s, duration_s=duration_s, top=52)
    drawing = f'<path class="lost" d="{above}"/><path class="made" d="{below}"/>'
    caption = f"{_key('lost')} packets that never came, above; {_key('made')} sound made up, below"
    return _figure(caption, drawing, label="Packets lost, and sound made up", style="lanes")


def delay_chart(trail: Trail, duration_s: float, *, block_s: float) -> str:
    """Return delay and buffer over time as a figure.

    Args:
        trail: What happened.
        duration_s: Of the axis.
        block_s: How long a block is.
    """
    at_s = np.frombuffer(trail.block, np.int64) * block_s
    series: list[Values] = [
        np.frombuffer(values, np.float32).astype(np.float64)
        for values in (trail.heard_delay_ms, trail.buffered_ms, trail.target_ms)
    ]
    if not len(at_s) or duration_s <= 0.0:
        return ""
    at_s, *series = (_thinned(values) for values in (at_s, *series))
    delay, buffered, target = series
    highest = max(20.0, float(delay.max()), float(buffered.max()), float(target.max()))
    step = next((step for step in _STEPS_MS if highest / step <= _MOST_MARKS), _STEPS_MS[-1])
    top = step * math.ceil(highest / step)
    x = (at_s * WIDTH / duration_s).tolist()
    lines = [_points(x, 100.0 - 100.0 * values / top) for values in (delay, buffered, target)]
    first, last = f"{x[0]:.1f}", f"{x[-1]:.1f}"
    drawing = (
        f'<path class="buffer" d="M{first} 100L{lines[1]}L{last} 100z"/>'
        f'<path class="line target" d="M{lines[2]}"/><path class="line delay" d="M{lines[0]}"/>'
    )
    ticks = "".join(tick(mark / top, f"{mark}") for mark in range(0, top + 1, step))
    caption = (
        f"{_key('delay')} delay from mouth to ear, {_key('target')} what the buffer aims at, "
        f"{_key('buffer')} what waits in it; ms"
    )
    return _figure(caption, drawing, label="Delay and buffer over time, in ms", ticks=ticks)


def _figure(
    caption: str, drawing: str, *, label: str, style: str = "chart", ticks: str = ""
) -> str:
    return (
        f'<figure><figcaption>{caption}</figcaption><div class="plot {style}">'
        f'<svg viewBox="0 0 {WIDTH} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{drawing}</svg>{ticks}</div></figure>'
    )


def _key(style: str) -> str:
    return (
        f'<svg class="key" aria-hidden="true"><rect class="{style}" width="99" height="99"/></svg>'
    )


def _bars(at_s: Values, marks: Values, each_s: float, *, duration_s: float, top: int) -> str:
    """Return bars 46 high where something is marked; fainter ones are narrower."""
    if not len(marks) or duration_s <= 0.0:
        return ""
    n_columns = min(_MOST_COLUMNS, max(1, round(duration_s / each_s)))
    columns = np.minimum((at_s / duration_s * n_columns).astype(np.int64), n_columns - 1)
    totals = np.bincount(columns, minlength=n_columns)
    found = np.bincount(columns, weights=marks, minlength=n_columns)
    step = WIDTH / n_columns
    return "".join(
        f"M{column * step:.2f} {top}h{step * found[column] / totals[column]:.2f}v46"
        f"H{column * step:.2f}z"
        for column in np.flatnonzero(found).tolist()
    )


def _thinned(values: Values) -> Values:
    """Return a bounded number of values: means of neighbours."""
    n_each = -(-len(values) // _MOST_COLUMNS)
    if n_each <= 1:
        return values
    starts = np.arange(0, len(values), n_each)
    lengths = np.minimum(n_each, len(values) - starts)
    thinned: Values = np.add.reduceat(values, starts) / lengths
    return thinned


def _points(x: list[float], y: Values) -> str:
    return "L".join(f"{left:.1f} {height:.1f}" for left, height in zip(x, y.tolist(), strict=True))
