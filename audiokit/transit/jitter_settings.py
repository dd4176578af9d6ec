"""What a user may ask of a jitter buffer."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.errors import SettingError
from audiokit.ranges import check_range

__all__ = ["JitterSettings"]


@dataclass(frozen=True, slots=True)
class JitterSettings:
    """How a jitter buffer waits and plays.

    Args:
        pull_ms: Length of each block that `pull` gives: 10 or 20.
        min_delay_ms: Least delay behind the quickest packets, 0 to 2000.
        max_delay_ms: Most, up to 5000; no less than the least, `pull_ms` or `packet_ms`.
        packet_ms: Length of the sender's packets, 2.5 to 120.
        payload_type: Of the packets that are decoded; None for that of the first one. Comfort
            noise (13) and telephone events (101) are never taken for audio.

    Raises:
        SettingError: A value is out of range.
    """

    pull_ms: int = 10
    min_delay_ms: float = 40.0
    max_delay_ms: float = 200.0
    packet_ms: float = 20.0
    payload_type: int | None = None

    def __post_init__(self) -> None:
        if self.pull_ms not in {10, 20}:
            raise SettingError("pull_ms", self.pull_ms, "10 or 20")
        check_range("packet_ms", self.packet_ms, 2.5, 120.0, unit="ms")
        check_range("min_delay_ms", self.min_delay_ms, 0.0, 2000.0, unit="ms")
        least_ms = max(self.min_delay_ms, self.pull_ms, self.packet_ms)
        check_range("max_delay_ms", self.max_delay_ms, least_ms, 5000.0, unit="ms")
        if self.payload_type is not None:
            check_range("payload_type", self.payload_type, 0, 127)
