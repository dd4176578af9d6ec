"""How long to wait before the next try, so that a thousand clients do not come back at once."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from audiokit.ranges import check_range

__all__ = ["Backoff", "BackoffSettings"]


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """Bounds of the wait.

    Args:
        first_s: The first wait is at most this, 0.01 to 10 s.
        early_s: What the doubled bound stays at in the first minute, `first_s` to `longest_s`:
            most outages are short, and who comes back within one is heard within a second.
        longest_s: What it grows to after that minute, up to 300 s.
    """

    first_s: float = 0.2
    early_s: float = 1.0
    longest_s: float = 5.0

    def __post_init__(self) -> None:
        check_range("first_s", self.first_s, 0.01, 10.0, unit="s")
        check_range("longest_s", self.longest_s, self.first_s, 300.0, unit="s")
        check_range("early_s", self.early_s, self.first_s, self.longest_s, unit="s")


class Backoff:
    """One connection's waits.

    References:
        M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015: full jitter.

    Args:
        settings: Bounds.
        random: Where the jitter comes from.
    """

    EARLY_S = 60.0

    def __init__(self, settings: BackoffSettings, random: Random) -> None:
        self._settings, self._random = settings, random
        self.reset()

    def reset(self) -> None:
        """Begin anew: a connection was there."""
        self._bound_s = self._settings.first_s
        self._began_s: float | None = None

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next try.

        Args:
            now_s: Of a clock that only goes forward.
        """
        if self._began_s is None:
            self._began_s = now_s
        is_early = now_s - self._began_s < self.EARLY_S
        limit_s = self._settings.early_s if is_early else self._settings.longest_s
        bound_s = min(self._bound_s, limit_s)
        self._bound_s = min(2.0 * self._bound_s, limit_s)
        return self._random.uniform(0.0, bound_s)
