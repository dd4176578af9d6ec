"""One page to see the segments of a recording and to hear each at a click."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.jobs.envelope import Envelope
from audiokit.jobs.excerpt import Excerpt, Recorder, SmallRecorder
from audiokit.jobs.page_parts import (
    data_url_pieces,
    excerpt_words,
    filled,
    format_words,
    player,
    time_labels,
)
from audiokit.jobs.segment_lanes import Lane, Wave, highest_of, lanes_of, summary_of, waves_of
from audiokit.jobs.segment_sink import SegmentView
from audiokit.jobs.segmentation import SegmentReport
from audiokit.stage import Block, StreamFormat
from audiokit.vad.segments import Segment, total_s

__all__ = ["SegmentPage", "SegmentPageSettings"]

_TEMPLATE = Path(__file__).with_suffix(".html")
# Held without loss: a minute of stereo at 48 kHz, six minutes of mono at 16 kHz. What is
# longer is held as Vorbis, a tenth of Opus' work, so that an hour weighs some 25 MB.
_LOSSLESS_VALUES = 60 * 2 * 48_000
_HIGHEST_RATE_HZ = 16_000
_BPS_PER_CHANNEL = 24_000
_LOWEST_PEAK = 1e-3
# Stands for the sound until the page is written: no name of a file holds it.
_SOUND = "\0"
_WIDTH = 1000.0
_MOST_POINTS = 1200
_NONE, _TRIANGLE = "\N{EN DASH}", "\N{BLACK RIGHT-POINTING TRIANGLE}"


@dataclass(frozen=True, slots=True)
class SegmentPageSettings:
    """What a page holds.

    Raises:
        SettingError: A value is outside its range.
    """

    listen_s: float = 7200.0
    """How much of the recording can be listened to, from its start, in s, 1 to 14400."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.listen_s <= 14_400.0:
            raise SettingError("listen_s", self.listen_s, "1 to 14400 s")


class SegmentPage(SegmentView):
    """Gather what a page shows of a stream; write it once the segments are known.

    Args:
        fmt: Format of the stream.
        settings: What the page holds.
        target: Where to.
        title: What the recording is called.
        claimed_samples: How long the source says it is; None where it says nothing.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        settings: SegmentPageSettings,
        *,
        target: Path,
        title: str,
        claimed_samples: int | None,
    ) -> None:
        self._target, self._title = target, title
        self._envelope = Envelope(fmt)
        self._sound = _recorder(fmt, settings.listen_s, claimed_samples)

    def write(self, block: Block) -> None:
        self._envelope.update(block)
        self._sound.update(block)

    def finish(self, report: SegmentReport) -> None:
        excerpt = self._sound.finish()
        head, _, tail = self._text(report, excerpt).partition(_SOUND)
        # A file name need not be text; what is not is written as an escape.
        with self._target.open("w", encoding="utf-8", errors="backslashreplace") as page:
            page.write(head)
            page.writelines(data_url_pieces(excerpt))
            page.write(tail)

    def _text(self, report: SegmentReport, excerpt: Excerpt) -> str:
        fmt = self._envelope.fmt
        duration_s = fmt.seconds(self._envelope.n_samples)
        heard_s = self._sound.fmt.seconds(excerpt.n_samples)
        lanes = lanes_of(report.segments)
        return filled(
            _TEMPLATE,
            title=html.escape(self._title),
            lead=html.escape(_lead(report.segments, duration_s, lanes)),
            format=html.escape(format_words(fmt, duration_s)),
            player=player(_SOUND, labelled_by="recording"),
            excerpt=excerpt_words(excerpt, self._sound.fmt, duration_s),
            plots="\n".join(_plots(self._envelope, lanes, report, duration_s)),
            segments=_table(report.segments, lanes, heard_s),
            length_s=f"{duration_s:.6f}",
        )


def _recorder(
    fmt: StreamFormat, listen_s: float, claimed_samples: int | None
) -> Recorder | SmallRecorder:
    """Return what keeps the sound to listen to: as it is while that is short, else as Vorbis."""
    if claimed_samples is None or claimed_samples * fmt.channels > _LOSSLESS_VALUES:
        return SmallRecorder(
            fmt,
            most_s=listen_s,
            highest_rate_hz=_HIGHEST_RATE_HZ,
            bps_per_channel=_BPS_PER_CHANNEL,
        )
    # A header may claim less than there is.
    most_s = min(listen_s, _LOSSLESS_VALUES / (fmt.sample_rate * fmt.channels))
    return Recorder(fmt, most_samples=int(most_s * fmt.sample_rate))


def _lead(segments: Sequence[Segment], duration_s: float, lanes: Sequence[Lane]) -> str:
    said = summary_of(segments, duration_s)
    if len(lanes) > 1:
        shares = [f"{lane.name} {total_s(s for _, s in lane.segments):.1f} s" for lane in lanes]
        said += f"; {', '.join(shares)}"
    return f"{said[0].upper()}{said[1:]}."


def _plots(
    envelope: Envelope, lanes: Sequence[Lane], report: SegmentReport, duration_s: float
) -> Iterator[str]:
    for wave in waves_of(envelope, lanes):
        shown = [
            lane for lane in lanes if wave.channel is None or lane.channel in {wave.channel, None}
        ]
        name = "Waveform" if wave.channel is None else f"Waveform, channel {wave.channel + 1}"
        share = envelope.column_s / duration_s if duration_s else 1.0
        yield _figure(
            name,
            f'{_spans(shown, duration_s)}<path class="wave" d="{_outline(wave, share)}"/>',
            label=f"{name}, with its segments",
        )
    if len(lanes) > 1:
        yield _figure(_keys(lanes), _lanes(lanes, duration_s), style="lanes", label="Who when")
    levels = highest_of(report.probabilities, _MOST_POINTS)
    if len(levels):
        yield _figure(
            "Probability of speech",
            f'<path class="speech" d="{_area(levels)}"/>',
            style="strip",
            label="Probability of speech over time",
        )
    yield f'<div class="times">{"".join(time_labels(duration_s))}</div>'


def _figure(caption: str, drawing: str, *, label: str, style: str = "waveform") -> str:
    return (
        f'<figure><figcaption>{caption}</figcaption><div class="plot {style}">'
        f'<svg viewBox="0 0 {_WIDTH:.0f} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{drawing}</svg></div></figure>'
    )


def _keys(lanes: Sequence[Lane]) -> str:
    return " ".join(
        f'<span class="name"><svg class="key" aria-hidden="true"><rect width="99" height="99" '
        f'fill="{lane.colour}"/></svg> {html.escape(lane.name)}</span>'
        for lane in lanes
    )


def _spans(lanes: Sequence[Lane], duration_s: float) -> str:
    return "".join(_rects(lane, duration_s, top=0.0, height=100.0) for lane in lanes)


def _lanes(lanes: Sequence[Lane], duration_s: float) -> str:
    height = 100.0 / len(lanes)
    return "".join(
        _rects(lane, duration_s, top=place * height + 0.1 * height, height=0.8 * height)
        for place, lane in enumerate(lanes)
    )


def _rects(lane: Lane, duration_s: float, *, top: float, height: float) -> str:
    scale = _WIDTH / duration_s if duration_s else 0.0
    return "".join(
        f'<rect data-n="{number}" x="{segment.start_s * scale:.3f}" y="{top:.2f}" '
        f'width="{segment.duration_s * scale:.3f}" height="{height:.2f}" fill="{lane.colour}"/>'
        for number, segment in lane.segments
    )


def _outline(wave: Wave, share: float) -> str:
    """Return the outline of a wave: its upper edge from left to right, its lower one back."""
    peak = max(_LOWEST_PEAK, float(-wave.lows.min()), float(wave.highs.max()))
    step = _WIDTH * share
    ends = np.minimum(np.arange(1, len(wave.lows) + 1) * step, _WIDTH)
    # A line of silence is still a line.
    tops = 49.7 - 47.0 * wave.highs / peak
    bottoms = 50.3 - 47.0 * wave.lows / peak
    there = "".join(f"V{y:.1f}H{x:.2f}" for x, y in zip(ends.tolist(), tops.tolist(), strict=True))
    starts = np.concatenate([[0.0], ends[:-1]])
    back = "".join(
        f"V{y:.1f}H{x:.2f}"
        for x, y in zip(starts[::-1].tolist(), bottoms[::-1].tolist(), strict=True)
    )
    return f"M0 50{there}{back}z"


def _area(levels: NDArray[np.float32]) -> str:
    step = _WIDTH / len(levels)
    steps = "".join(f"V{100.0 - 100.0 * level:.1f}h{step:.4f}" for level in levels.tolist())
    return f"M0 100{steps}V100z"


def _table(segments: Sequence[Segment], lanes: Sequence[Lane], heard_s: float) -> str:
    if not segments:
        return '<p class="soft">There is none.</p>'
    colours = {number: lane.colour for lane in lanes for number, _ in lane.segments}
    has_channels = any(segment.channel is not None for segment in segments)
    heads = ["Segment", "Start, s", "End, s", "Length, s", "Label"]
    heads += [*(["Channel"] if has_channels else []), "Confidence"]
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    rows = "".join(
        _row(number, segment, colours[number], heard_s=heard_s, has_channel=has_channels)
        for number, segment in enumerate(segments)
    )
    return f'<table id="segments"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(number: int, segment: Segment, colour: str, *, heard_s: float, has_channel: bool) -> str:
    label = html.escape(" ".join(segment.label.split()))
    is_heard = segment.start_s < heard_s
    off = "" if is_heard else ' disabled title="beyond what can be listened to"'
    said = f"Play segment {number + 1}, {label}, {segment.start_s:.2f} to {segment.end_s:.2f} s"
    cells = [f"{time_s:.3f}" for time_s in (segment.start_s, segment.end_s, segment.duration_s)]
    cells.append(f'<span class="dot" style="background:{colour}"></span>{label}')
    if has_channel:
        cells.append("all" if segment.channel is None else str(segment.channel + 1))
    cells.append(_NONE if segment.confidence is None else f"{segment.confidence:.2f}")
    button = f'<button type="button" aria-label="{said}"{off}>{_TRIANGLE}</button>'
    return (
        f'<tr data-start="{segment.start_s:.6f}" data-end="{segment.end_s:.6f}">'
        f'<th scope="row">{button} {number + 1}</th>'
        f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    )
