"""A link as a user describes it: a few numbers, and a file of what a real network did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from audiokit.errors import EmptyError, FormatError, SettingError, UnreadableError
from audiokit.ranges import check_range
from audiokit.transit.any_loss import AnyLoss
from audiokit.transit.bandwidth import TokenBucketSettings
from audiokit.transit.delay import (
    ConstantDelay,
    DelayModel,
    RandomDelay,
    SpikeDelay,
    SummedDelay,
)
from audiokit.transit.link import LinkSettings
from audiokit.transit.loss import Bernoulli, LossList, LossModel, NoLoss, bursty_loss
from audiokit.transit.patterns import read_pattern
from audiokit.transit.trace import Opportunities, Trace, parse_opportunities, parse_trace

__all__ = ["NetworkSettings", "Recorded", "read_recorded"]

Recorded: TypeAlias = Trace | Opportunities | LossList
"""Delays and losses, times at which packets leave, or losses alone."""

_USUAL_DELAY_MS = 50.0
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What happens on the way.

    Raises:
        SettingError: A value is outside its range, or a loss and a burst do not fit.
    """

    loss_percent: float = 0.0
    """Share of packets lost, 0 to 100."""
    burst: float | None = None
    """Mean number of packets lost in a row, 1 or more; None: each by itself."""
    delay_ms: float | None = None
    """Mean time on the way, 0 to 60000; None: 50 ms, three times the jitter where that is
    more, or what the recorded network says."""
    jitter_ms: float = 0.0
    """Standard deviation of that time, 0 to 60000."""
    jitter_model: Literal["normal", "pareto"] = "normal"
    """How it is distributed; ``pareto``: some packets take very long."""
    jitter_correlation: float = 0.0
    """How much each packet's delay is like the last, 0 to below 1."""
    spikes_per_minute: float = 0.0
    """How often nothing gets through for a while, 0 to 6000."""
    spike_ms: float = 200.0
    """Mean length of such a while, 0 to 60000."""
    reorder_percent: float = 0.0
    """Packets that skip the delay, 0 to 100."""
    duplicate_percent: float = 0.0
    """Packets that are sent twice, 0 to 100."""
    is_in_order: bool = False
    """Whether packets never overtake."""
    bandwidth_kbps: float | None = None
    """What the link carries, headers included, 1 to 1000000; None: no limit."""
    queue_ms: float = 400.0
    """What would wait longer for its turn is dropped, 0 to 60000."""
    drift_ppm: float = 0.0
    """How much faster the sender's clock runs, -10000 to 10000."""
    seed: int = 0
    """Of everything that is left to chance, 0 or more."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SettingError("seed", self.seed, "0 or more")
        check_range("loss", self.loss_percent, 0.0, 100.0, unit="%")
        # The models know the rest.
        self.link(None)

    def link(
        self, recorded: Recorded | None, *, usual_delay_ms: float = _USUAL_DELAY_MS
    ) -> LinkSettings:
        """Return the link.

        Args:
            recorded: What a real network did: its losses and delays come on top.
            usual_delay_ms: Least delay where neither user nor recorded network says one.

        Raises:
            SettingError: A value is outside its range.
        """
        bandwidth = None
        if self.bandwidth_kbps is not None:
            bandwidth = TokenBucketSettings(self.bandwidth_kbps, queue_ms=self.queue_ms)
        return LinkSettings(
            loss=self._loss(recorded),
            delay=self._delay(recorded, usual_delay_ms),
            bandwidth=bandwidth,
            duplicate_percent=self.duplicate_percent,
            reorder_percent=self.reorder_percent,
            is_in_order=self.is_in_order,
            drift_ppm=self.drift_ppm,
        )

    def _loss(self, recorded: Recorded | None) -> LossModel:
        parts: list[LossModel] = []
        if self.burst is not None:
            parts.append(bursty_loss(self.loss_percent, burst=self.burst))
        elif self.loss_percent:
            parts.append(Bernoulli(self.loss_percent))
        if isinstance(recorded, Trace):
            parts.append(recorded.losses())
        elif isinstance(recorded, LossList):
            parts.append(recorded)
        if not parts:
            return NoLoss()
        return parts[0] if len(parts) == 1 else AnyLoss(tuple(parts))

    def _delay(self, recorded: Recorded | None, usual_delay_ms: float) -> DelayModel:
        is_recorded = isinstance(recorded, Trace | Opportunities)
        delay_ms = self.delay_ms
        if delay_ms is None:
            delay_ms = max(0.0 if is_recorded else usual_delay_ms, 3.0 * self.jitter_ms)
        parts: list[DelayModel] = []
        if self.jitter_ms:
            parts.append(
                RandomDelay(
                    delay_ms,
                    self.jitter_ms,
                    correlation=self.jitter_correlation,
                    distribution=self.jitter_model,
                )
            )
        else:
            parts.append(ConstantDelay(delay_ms))
        if self.spikes_per_minute:
            parts.append(SpikeDelay(self.spikes_per_minute, self.spike_ms))
        if isinstance(recorded, Trace):
            parts.append(recorded.delays())
        elif isinstance(recorded, Opportunities):
            parts.append(recorded)
        return parts[0] if len(parts) == 1 else SummedDelay(tuple(parts))


def read_recorded(path: Path) -> Recorded:
    """Read what a real network did, whatever of the known kinds it is.

    Delays as ``sent_s,delay_ms`` or as the Roc toolkit dumps them; one time in ms per line,
    as mahimahi has them; losses as 0 and 1, or as G.192 has them.

    Raises:
        UnreadableError: There is no such file, or it may not be read.
        EmptyError: It holds no packet.
        FormatError: It is none of these.
    """
    name = str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableError(name, f"cannot be read ({error.strerror})", "Check it") from error
    if len(data) > _MOST_BYTES:
        raise FormatError(name, f"is longer than {_MOST_BYTES >> 20} MB", "Cut it")
    if not data.strip():
        raise EmptyError(name, "holds no packet", "Name a trace that does")
    head = data[:200].lstrip()
    if head[:1].isalpha():
        return parse_trace(_text(data, name), name=name)
    first_line = head.split(b"\n", 1)[0].strip()
    if first_line.isdigit() and not set(first_line) <= set(b"01"):
        return parse_opportunities(_text(data, name), name=name)
    if first_line in (b"0", b"1") and set(data) - set(b"01 \t\r\n,#"):
        return parse_opportunities(_text(data, name), name=name)
    return LossList(read_pattern(data, name=name))


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(name, "is no text", "Name a trace that audiokit reads") from error
