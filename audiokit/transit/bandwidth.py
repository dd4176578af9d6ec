"""A link that carries only so much a second."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.ranges import check_range

__all__ = ["TokenBucket", "TokenBucketSettings"]


@dataclass(frozen=True, slots=True)
class TokenBucketSettings:
    """What a token bucket lets through.

    Args:
        rate_kbps: In the long run, 1 to 1000000 (kbit/s).
        burst_bytes: At once after a pause, 1 to 100000000.
        queue_ms: What would have to wait longer is dropped; 0 to 60000.
        header_bytes: Added to each payload: IPv4, UDP and RTP by default; 0 to 1000.

    Raises:
        SettingError: A value is out of range.
    """

    rate_kbps: float
    burst_bytes: int = 3000
    queue_ms: float = 400.0
    header_bytes: int = 40

    def __post_init__(self) -> None:
        check_range("rate_kbps", self.rate_kbps, 1.0, 1e6, unit="kbit/s")
        check_range("burst_bytes", self.burst_bytes, 1, 1e8, unit="bytes")
        check_range("queue_ms", self.queue_ms, 0.0, 60_000.0, unit="ms")
        check_range("header_bytes", self.header_bytes, 0, 1000, unit="bytes")


class TokenBucket:
    """Say when each packet is through, as ``tc-tbf(8)`` does.

    Args:
        settings: What it lets through.
    """

    def __init__(self, settings: TokenBucketSettings) -> None:
        self._bytes_per_s = settings.rate_kbps * 125.0
        self._burst = float(settings.burst_bytes)
        self._header = settings.header_bytes
        self._queue_s = settings.queue_ms / 1000.0
        self._tokens = self._burst
        self._at_s = 0.0

    def leave_s(self, n_bytes: int, now_s: float) -> float | None:
        """Return when a payload that comes now has left, in s; None if it is dropped.

        Args:
            n_bytes: Length of the payload.
            now_s: Not before that of the call before.
        """
        need = n_bytes + self._header
        begin_s = max(now_s, self._at_s)
        tokens = min(self._burst, self._tokens + (begin_s - self._at_s) * self._bytes_per_s)
        # A packet larger than the bucket borrows: it takes as long as the rate says.
        end_s = begin_s + max(0.0, need - tokens) / self._bytes_per_s
        if end_s - now_s > self._queue_s:
            return None
        self._tokens = max(0.0, tokens - need)
        self._at_s = end_s
        return end_s
