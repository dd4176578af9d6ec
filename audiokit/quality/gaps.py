"""Holes in speech: lost packets and drop-outs, with their times."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.quality.frames import Stretch
from audiokit.quality.repeats import Repeats
from audiokit.quality.standstill import ZERO, Span, Standstills
from audiokit.stage import StreamFormat
from audiokit.units import db_to_amplitude

__all__ = ["GapReport", "Gaps"]

# Packets hold multiples of 10 ms in nearly all codecs (RFC 3551, RFC 6716).
_PACKET_S = 0.01
# Samples beside the hole that happen to be zero too make it longer, never shorter.
_LONGER_S, _SHORTER_S = 0.0006, 0.0001
# Ringing takes up to a millisecond of a hole, and leaves less of an edge. Fades of pauses end
# in zeros too, but not most of them after the same time.
_RINGING_S, _SMOOTH_ABRUPT, _FEWEST_SMOOTH, _SMOOTH_SHARE = 0.0005, 0.03, 3, 0.5
_SHORTEST_LOSS_S, _LONGEST_LOSS_S = 0.008, 0.4
# Holes that editing left have any length; one in fifteen looks like packets by chance.
_LEAST_PACKET_SHARE, _LIKELY_SHARE = 1.0 / 3.0, 0.5
# Without the length of packets, a hole must lie between sounds as loud as speech.
_LOUD_MARGIN_DB = 25.0
_LONGEST_ODD_LOSS_S = 0.12
# A cut meets the wave at any phase: close to a zero crossing on one side, hardly on both.
_ABRUPT, _LEAST_ABRUPT = 0.35, 0.2
# Within a few steps of the quantiser, sounds stand still by themselves.
_FEWEST_STEPS = 2.5
# A held sample this near the highest of its surroundings was clipped.
_NEAR_PEAK = 0.98
_MOST_TIMES = 1000


@dataclass(frozen=True, slots=True)
class GapReport:
    """Holes in a recording. None is counted as both a lost packet and a drop-out.

    Times are ``(start_s, end_s)`` from the start of the stream, in order, of all channels
    together; where holes of two channels meet they are one.
    """

    lost_packets: tuple[tuple[float, float], ...]
    """Spans of zeros, or of the last packet again, as lost packets leave them; the first 1000."""
    n_lost: int
    """How many such spans there are; packets lost in a row make one."""
    lost_s: float
    """Their length together in seconds."""
    lost_ratio: float
    """Their share of the stream, 0 to 1."""
    dropouts: tuple[tuple[float, float], ...]
    """Other spans of 2 ms to 1 s of zeros or of a held sample amid speech; the first 1000."""
    n_dropouts: int
    """How many such spans there are."""
    dropout_s: float
    """Their length together in seconds."""
    is_complete: bool
    """False if there were more than 20,000 holes: what comes after them is not counted."""


class Gaps:
    """Find lost packets and drop-outs by what they leave in the samples.

    A lost packet is a span of zeros, cut off on both sides, whose length is a multiple of
    10 ms, or of up to 120 ms between sounds as loud as speech; or a span that repeats the one
    before it. Where a resampler has rung into the zeros, three and more that agree are found.
    A drop-out is any other span of zeros or of one held value amid speech.

    Pauses that a gate or a synthesizer filled with zeros fade in and out, and do not count.
    What a codec has smoothed, or a call's own concealment has filled, cannot be seen.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._fmt = fmt
        self._standstills = Standstills(fmt)
        self._repeats = Repeats(fmt)
        self._n_samples = 0

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        self._n_samples += len(stretch.samples)
        self._standstills.add(stretch)
        self._repeats.add(stretch)

    def report(self, active_dbfs: float | None) -> GapReport:
        """Return the holes so far.

        Args:
            active_dbfs: Level of speech in this stream; None if there is none, and no holes.
        """
        if active_dbfs is None:
            return GapReport((), 0, 0.0, 0.0, (), 0, 0.0, is_complete=True)
        loud = db_to_amplitude(active_dbfs - _LOUD_MARGIN_DB)
        spans = self._standstills.spans
        zeros = [span for span in spans if self._may_be_loss(span)]
        lost = self._lost([span for span in zeros if not span.is_smooth], loud)
        lost += self._resampled([span for span in zeros if span.is_smooth])
        sure = [span for span in spans if _is_sure(span) and _is_dropout(span, loud)]
        dropped = sorted(set(sure) - set(lost), key=lambda span: span.start_sample)
        lost_spans = _merged([*_bounds(lost), *self._repeats.spans])
        dropouts = _merged(_bounds(dropped))
        n_lost, n_dropped = (
            sum(end - start for start, end in each) for each in (lost_spans, dropouts)
        )
        return GapReport(
            lost_packets=self._times(lost_spans),
            n_lost=len(lost_spans),
            lost_s=self._fmt.seconds(n_lost),
            lost_ratio=n_lost / max(1, self._n_samples),
            dropouts=self._times(dropouts),
            n_dropouts=len(dropouts),
            dropout_s=self._fmt.seconds(n_dropped),
            is_complete=self._standstills.is_complete,
        )

    def _may_be_loss(self, span: Span) -> bool:
        length_s = self._fmt.seconds(span.n_samples)
        return abs(span.value) < ZERO and _SHORTEST_LOSS_S <= length_s <= _LONGEST_LOSS_S

    def _lost(self, zeros: list[Span], loud: float) -> list[Span]:
        sure = [span for span in zeros if _is_sure(span)]
        packets = [span for span in sure if self._has_packet_length(span)]
        odd = [span for span in sure if self._is_odd_loss(span, loud)]
        if len(packets) < _LEAST_PACKET_SHARE * len(sure):
            return odd
        # Two that are sure vouch for others, that lie in pauses or meet the wave near zero:
        # unless there, most have another length, as where coarse sound stands still by itself.
        others = [span for span in zeros if not _is_sure(span) and span.abruptness > _LEAST_ABRUPT]
        likely = [span for span in others if self._has_packet_length(span)]
        is_vouched = len(packets) > 1 and len(likely) >= _LIKELY_SHARE * len(others)
        return odd + packets + (likely if is_vouched else [])

    def _resampled(self, zeros: list[Span]) -> list[Span]:
        """Return holes that a resampler rings into: each may be a fade, so they must agree."""
        cut = [span for span in zeros if span.abruptness > _SMOOTH_ABRUPT]
        packets = [span for span in cut if self._has_packet_length(span, ringing_s=_RINGING_S)]
        is_sure = len(packets) >= max(_FEWEST_SMOOTH, _SMOOTH_SHARE * len(cut))
        return packets if is_sure else []

    def _has_packet_length(self, span: Span, *, ringing_s: float = 0.0) -> bool:
        length_s = self._fmt.seconds(span.n_samples) + ringing_s
        packets_s = max(1, round((length_s - _LONGER_S / 2.0) / _PACKET_S)) * _PACKET_S
        return -_SHORTER_S - ringing_s <= length_s - packets_s <= _LONGER_S

    def _is_odd_loss(self, span: Span, loud: float) -> bool:
        is_short = self._fmt.seconds(span.n_samples) <= _LONGEST_ODD_LOSS_S
        return is_short and min(span.before, span.after) >= loud

    def _times(self, spans: list[tuple[int, int]]) -> tuple[tuple[float, float], ...]:
        seconds = self._fmt.seconds
        return tuple((seconds(start), seconds(end)) for start, end in spans[:_MOST_TIMES])


def _is_sure(span: Span) -> bool:
    return not span.is_smooth and span.abruptness > _ABRUPT and span.n_steps > _FEWEST_STEPS


def _is_dropout(span: Span, loud: float) -> bool:
    is_clipped = abs(span.value) >= _NEAR_PEAK * span.peak
    return min(span.before, span.after) >= loud and not is_clipped


def _bounds(spans: list[Span]) -> list[tuple[int, int]]:
    return [(span.start_sample, span.end_sample) for span in spans]


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans in order, those that touch or overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
