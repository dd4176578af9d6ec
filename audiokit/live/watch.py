"""What a microphone's samples tell of its health: clipping, silence, death."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass

from audiokit.live.pcm import PcmFormat
from audiokit.ranges import check_range

__all__ = ["SignalWatch", "WatchSettings"]

_LOWEST, _HIGHEST = -32768, 32767


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """When something is worth a word.

    Args:
        quiet_dbfs: Peaks below this are silence, -96 to 0 dBFS.
        quiet_s: After so long of it, 0.1 to 3600 s.
        dead_s: After so long of one and the same value, which no room gives, 0.1 to 3600 s.
        clipped_every_s: Clipping is said again no sooner than this, 0 to 3600 s.
    """

    quiet_dbfs: float = -60.0
    quiet_s: float = 30.0
    dead_s: float = 3.0
    clipped_every_s: float = 5.0

    def __post_init__(self) -> None:
        check_range("quiet_dbfs", self.quiet_dbfs, -96.0, 0.0, unit="dBFS")
        check_range("quiet_s", self.quiet_s, 0.1, 3600.0, unit="s")
        check_range("dead_s", self.dead_s, 0.1, 3600.0, unit="s")
        check_range("clipped_every_s", self.clipped_every_s, 0.0, 3600.0, unit="s")


class SignalWatch:
    """A machine: samples in, words out when something changes.

    Words are ``clipped``, ``quiet`` and ``dead``, and ``sound`` when either of these is over.

    Args:
        fmt: Of the samples.
        settings: When something is worth a word.

    Attributes:
        n_samples: Seen so far.
        n_clipped: Values at either end of the range, of all channels.
        peak: Of the last push, 0 to 32768.
    """

    def __init__(self, fmt: PcmFormat, settings: WatchSettings | None = None) -> None:
        self._fmt, self._settings = fmt, settings or WatchSettings()
        self._quietest = 32768.0 * 10.0 ** (self._settings.quiet_dbfs / 20.0)
        self.n_samples = self.n_clipped = self.peak = 0
        self._value: int | None = None
        # Since which sample it has been so; None while it is not.
        self._same_since: int | None = None
        self._quiet_since: int | None = None
        self._said: set[str] = set()
        self._clipping_said_at: int | None = None

    @property
    def is_dead(self) -> bool:
        """Whether it has given nothing but one value for long."""
        return "dead" in self._said

    def push(self, pcm: bytes) -> list[str]:
        """Take the next samples, whole ones; return what there is to say."""
        values = array("h", pcm)
        if sys.byteorder == "big":
            values.byteswap()
        if not values:
            return []
        lowest, highest = min(values), max(values)
        start = self.n_samples
        self.n_samples += len(values) // self._fmt.channels
        self.peak = max(highest, -lowest)
        words = self._clipping(values) if highest == _HIGHEST or lowest == _LOWEST else []
        is_same = lowest == highest and self._value in {None, lowest}
        self._value = values[-1]
        self._same_since = self._since(self._same_since, start, holds=is_same)
        self._quiet_since = self._since(self._quiet_since, start, holds=self.peak < self._quietest)
        words += self._begun("dead", self._same_since, self._settings.dead_s)
        words += self._begun("quiet", self._quiet_since, self._settings.quiet_s)
        if self._said and self._same_since is None and self._quiet_since is None:
            self._said.clear()
            words.append("sound")
        return words

    def _clipping(self, values: array[int]) -> list[str]:
        self.n_clipped += values.count(_HIGHEST) + values.count(_LOWEST)
        wait = self._settings.clipped_every_s * self._fmt.sample_rate
        last = self._clipping_said_at
        if last is not None and self.n_samples - last < wait:
            return []
        self._clipping_said_at = self.n_samples
        return ["clipped"]

    @staticmethod
    def _since(since: int | None, start: int, *, holds: bool) -> int | None:
        if not holds:
            return None
        return start if since is None else since

    def _begun(self, word: str, since: int | None, after_s: float) -> list[str]:
        if since is None or word in self._said:
            return []
        if self.n_samples - since < after_s * self._fmt.sample_rate:
            return []
        self._said.add(word)
        return [word]
