"""A gain, and a limiter behind it where the gain alone would pass the ceiling."""

from __future__ import annotations

from collections.abc import Mapping

from audiokit.loudness.gain import Gain, GainSettings
from audiokit.loudness.limiter import LimiterSettings, TruePeakLimiter
from audiokit.stage import Block, Fact, Processor, StreamFormat

__all__ = ["Leveler"]


class Leveler(Processor):
    """A gain, and a limiter behind it where one is asked for.

    Args:
        fmt: Format of the stream.
        gain_db: What to add.
        limiter: Settings of the limiter; None for none.
        noted: What else `facts` is to say; levels are rounded to 0.01 there.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        gain_db: float,
        *,
        limiter: LimiterSettings | None = None,
        noted: Mapping[str, Fact] | None = None,
    ) -> None:
        self.fmt = fmt
        self._gain = Gain(fmt, GainSettings(gain_db))
        self._limiter = TruePeakLimiter(fmt, limiter) if limiter else None
        self.latency_samples = self._limiter.latency_samples if self._limiter else 0
        self._noted = {name: _rounded(fact) for name, fact in (noted or {}).items()}

    def process(self, block: Block) -> Block:
        louder = self._gain.process(block)
        return self._limiter.process(louder) if self._limiter else louder

    def flush(self) -> Block:
        return self._limiter.flush() if self._limiter else self.fmt.silence(0)

    def reset(self) -> None:
        if self._limiter:
            self._limiter.reset()

    def note(self, name: str, fact: Fact) -> None:
        """Let `facts` say one more thing, or another one than before."""
        self._noted[name] = fact

    def facts(self) -> Mapping[str, Fact]:
        facts: dict[str, Fact] = {**self._gain.facts(), **self._noted}
        if self._limiter:
            facts |= self._limiter.facts()
        return facts


def _rounded(fact: Fact) -> Fact:
    return round(fact, 2) if isinstance(fact, float) else fact
