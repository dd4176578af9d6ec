"""Delays as a real network made them.

Three kinds of text are read: ours (``sent_s,delay_ms``, the delay empty where the packet was
lost), dumps of the Roc toolkit's receiver (``recv_time_ns,stream_timestamp_samples,…``), and
mahimahi's delivery opportunities (one time in ms per line).
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from itertools import pairwise

from audiokit.errors import EmptyError, FormatError, SettingError
from audiokit.ranges import check_range
from audiokit.transit.delay import DelayModel, Delays
from audiokit.transit.draws import Rng
from audiokit.transit.loss import Losses, LossModel

__all__ = ["Opportunities", "Trace", "parse_opportunities", "parse_trace", "trace_text"]

_HEADER = "sent_s,delay_ms"
_ROC_HEADER = "recv_time_ns,stream_timestamp_samples"
_ROC_CLOCK_HZ = 44_100
_LONGEST_S = 1e7


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of packets at known times: a loss model and a delay model in one.

    A packet fares as the last one of the trace that was sent no later. After the end the
    trace begins again.

    Args:
        sent_s: When each packet was sent, ascending; the first at 0.
        delay_s: How long each took, 0 or more; infinity where it was lost.

    Raises:
        SettingError: Of different or no length, not ascending, or negative.
    """

    sent_s: tuple[float, ...]
    delay_s: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.sent_s or len(self.sent_s) != len(self.delay_s):
            lengths = f"{len(self.sent_s)} times and {len(self.delay_s)} delays"
            raise SettingError("trace", lengths, "one of each per packet, and one packet or more")
        if any(later < earlier for earlier, later in pairwise(self.sent_s)):
            raise SettingError("sent_s", "not ascending", "times in the order of sending")
        if self.sent_s[0] != 0.0 or not all(delay_s >= 0.0 for delay_s in self.delay_s):
            raise SettingError("trace", "negative", "times from 0 on, and delays of 0 or more")

    @property
    def duration_s(self) -> float:
        """How long it takes until it begins again: one step longer than from first to last."""
        if len(self.sent_s) == 1:
            return 1.0
        return max(self.sent_s[-1] * len(self.sent_s) / (len(self.sent_s) - 1), 1e-3)

    def window(self, begin_s: float, end_s: float) -> Trace:
        """Return the part of it between two times.

        Raises:
            SettingError: Nothing was sent then.
        """
        first = bisect.bisect_left(self.sent_s, begin_s)
        last = bisect.bisect_left(self.sent_s, end_s)
        if first >= last:
            asked = f"{begin_s:g} to {end_s:g} s"
            raise SettingError("window", asked, f"a part of 0 to {self.sent_s[-1]:g} s")
        start_s = self.sent_s[first]
        times = tuple(sent_s - start_s for sent_s in self.sent_s[first:last])
        return Trace(times, self.delay_s[first:last])

    def losses(self) -> TraceLosses:
        """Return its losses as a loss model."""
        return TraceLosses(self)

    def delays(self) -> TraceDelays:
        """Return its delays as a delay model; a lost packet's is that of the one before."""
        return TraceDelays(self)

    def at(self, sent_s: float) -> float:
        """Return the delay of a packet sent then, in s; infinity if it is lost."""
        index = bisect.bisect_right(self.sent_s, sent_s % self.duration_s) - 1
        return self.delay_s[max(0, index)]


@dataclass(frozen=True, slots=True)
class TraceLosses(LossModel):
    """The losses of a trace."""

    trace: Trace

    def start(self, rng: Rng) -> Losses:  # noqa: ARG002  nothing is random here
        at = self.trace.at
        return lambda sent_s: at(sent_s) == math.inf


@dataclass(frozen=True, slots=True)
class TraceDelays(DelayModel):
    """The delays of a trace."""

    trace: Trace

    def start(self, rng: Rng) -> Delays:  # noqa: ARG002  nothing is random here
        at = self.trace.at
        last_s = 0.0

        def delay_s(sent_s: float) -> float:
            nonlocal last_s
            found_s = at(sent_s)
            if found_s != math.inf:
                last_s = found_s
            return last_s

        return delay_s


@dataclass(frozen=True, slots=True)
class Opportunities(DelayModel):
    """Delay on a link that lets a packet go at certain times only.

    Each time is good for one packet; packets leave in order. After the last time, the first
    comes again.

    Args:
        times_ms: Ascending, from 0 on; the last is the length of the whole.

    Raises:
        SettingError: None, not ascending, or all at 0.
    """

    times_ms: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.times_ms or self.times_ms[-1] <= 0 or self.times_ms[0] < 0:
            raise SettingError("times_ms", self.times_ms[:3], "times of 0 or more, one above 0")
        if any(later < earlier for earlier, later in pairwise(self.times_ms)):
            raise SettingError("times_ms", "not ascending", "times in order")

    def start(self, rng: Rng) -> Delays:  # noqa: ARG002  nothing is random here
        times_s = [time_ms / 1000.0 for time_ms in self.times_ms]
        turn_s = times_s[-1]
        used = -1

        def delay_s(sent_s: float) -> float:
            nonlocal used
            turn, rest_s = divmod(sent_s, turn_s)
            first = int(turn) * len(times_s) + bisect.bisect_left(times_s, rest_s)
            used = max(used + 1, first)
            turns, index = divmod(used, len(times_s))
            return max(0.0, turns * turn_s + times_s[index] - sent_s)

        return delay_s


def parse_trace(text: str, *, name: str = "trace") -> Trace:
    """Read delays: ours, or the dump of a Roc receiver.

    Of the latter the quickest packet counts as taking no time: its clocks are not known to
    agree. Its rows are samples, so that none is taken for lost.

    Args:
        text: What the file holds.
        name: What to call it in errors.

    Raises:
        EmptyError: It holds no packet.
        FormatError: Its header is unknown, or a line is no packet; the line's number is said.
    """
    lines = text.splitlines()
    header = lines[0].strip() if lines else ""
    rows = [(number, line) for number, line in enumerate(lines[1:], 2) if line.strip()]
    if header.startswith(_ROC_HEADER):
        return _from_roc(rows, name)
    if header != _HEADER:
        raise FormatError(name, f"begins with {header[:40]!r}, expected {_HEADER!r}")
    sent_s, delay_s = [], []
    for number, line in rows:
        first, _, second = line.partition(",")
        sent_s.append(_number(first, number, name))
        lost = not second.strip()
        delay_s.append(math.inf if lost else _number(second, number, name) / 1000.0)
        if sent_s[-1] < sent_s[max(0, len(sent_s) - 2)]:
            raise FormatError(name, f"line {number} is earlier than the one before")
        if delay_s[-1] < 0.0:
            raise FormatError(name, f"line {number} has a delay below 0")
    if not sent_s:
        raise EmptyError(name, "holds no packet")
    return Trace(tuple(at_s - sent_s[0] for at_s in sent_s), tuple(delay_s))


def trace_text(trace: Trace) -> str:
    """Return a trace as `parse_trace` reads it, to the microsecond."""
    rows = [
        f"{sent_s:.6f}," + ("" if delay_s == math.inf else f"{1000.0 * delay_s:.3f}")
        for sent_s, delay_s in zip(trace.sent_s, trace.delay_s, strict=True)
    ]
    return "\n".join([_HEADER, *rows, ""])


def parse_opportunities(text: str, *, name: str = "trace") -> Opportunities:
    """Read mahimahi's packet delivery traces: one time in ms per line.

    Raises:
        EmptyError: It holds no time, or none above 0.
        FormatError: A line is no whole number, or less than the one before.
    """
    times: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        time_ms = _number(line, number, name)
        if not time_ms.is_integer() or time_ms < (times[-1] if times else 0):
            raise FormatError(name, f"line {number} is {line.strip()[:20]!r}, expected a later ms")
        times.append(int(time_ms))
    if not times or times[-1] == 0:
        raise EmptyError(name, "holds no time above 0")
    return Opportunities(tuple(times))


def _from_roc(rows: list[tuple[int, str]], name: str) -> Trace:
    pairs = []
    for number, line in rows:
        fields = line.split(",")
        if len(fields) < 2:
            raise FormatError(name, f"line {number} has no second field")
        arrival_s = _number(fields[0], number, name) * 1e-9
        pairs.append((_number(fields[1], number, name) / _ROC_CLOCK_HZ, arrival_s))
    if not pairs:
        raise EmptyError(name, "holds no packet")
    pairs.sort()
    quickest_s = min(arrival_s - stream_s for stream_s, arrival_s in pairs)
    first_s = pairs[0][0]
    return Trace(
        tuple(stream_s - first_s for stream_s, _ in pairs),
        tuple(arrival_s - stream_s - quickest_s for stream_s, arrival_s in pairs),
    )


def _number(text: str, line: int, name: str) -> float:
    try:
        value = float(text)
        check_range("value", value, -_LONGEST_S * 1e12, _LONGEST_S * 1e12)
    except ValueError as error:
        problem = f"line {line} has {text.strip()[:20]!r}, expected a number"
        raise FormatError(name, problem) from error
    return value
