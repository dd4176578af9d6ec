"""Sound that waits to be heard, and may last a little longer or shorter than it did."""

from __future__ import annotations

import numpy as np

from audiokit.stage import Block, StreamFormat
from audiokit.transit.stretch import Stretcher

__all__ = ["ReadySound"]

# Where no likeness was found, there is hardly any one or two blocks later.
_RESTS = 2


class ReadySound:
    """Collect blocks of any length, stretch them on request, give them out in equal pieces.

    Args:
        fmt: Format of the blocks.

    Attributes:
        n_samples: How much is ready.
        longest_samples: Most that one stretching adds or takes out.
        n_inserted: Samples that stretching has added.
        n_removed: Samples that it has taken out.
        n_adjustments: How often it did either.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._stretcher = Stretcher(fmt)
        self.longest_samples = self._stretcher.longest_samples
        self._blocks: list[Block] = []
        self._before = self._last = fmt.silence(0)
        # What may be stretched now; below 0 while the last time is being made up for.
        self._credit = 0.0
        self._n_rests = 0
        self.n_samples = self.n_inserted = self.n_removed = self.n_adjustments = 0

    def add(self, block: Block) -> None:
        """Append what is to be heard next."""
        self._blocks.append(block)
        self.n_samples += len(block)

    def take(self, n_samples: int) -> Block:
        """Return the first samples, of which there must be enough."""
        blocks = self._blocks
        # Mostly there is just the one that is needed.
        block = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        blocks.clear()
        self.n_samples -= n_samples
        if self.n_samples:
            blocks.append(block[n_samples:])
            block = block[:n_samples]
        self._before, self._last = self._last, block
        return block

    def earn(self, n_samples: float, *, is_hurried: bool) -> bool:
        """Allow so much stretching more; return whether any is due by now.

        Args:
            n_samples: How much more.
            is_hurried: Whether to look for a likeness though just now there was none.
        """
        self._credit = min(self._credit + n_samples, float(self.longest_samples))
        if self._n_rests and not is_hurried:
            self._n_rests -= 1
            return False
        return self._credit >= 0.0

    def lengthen(self, *, likeness: float) -> None:
        """Have the last period that was heard again before the rest, if it is alike enough.

        Args:
            likeness: Least normalised correlation of what is joined, -1 to 1.
        """
        played = self._last
        if len(played) < self.longest_samples:
            played = np.concatenate([self._before, played])
        if min(len(played), self.n_samples) >= self.longest_samples:
            block = np.concatenate(self._blocks)
            self._replace(self._stretcher.lengthen(played, block, likeness=likeness))

    def shorten(self, *, likeness: float) -> None:
        """Fade the first two periods into one, if they are alike enough.

        Args:
            likeness: Least normalised correlation of what is joined, -1 to 1.
        """
        if self.n_samples >= 2 * self.longest_samples:
            block = np.concatenate(self._blocks)
            self._replace(self._stretcher.shorten(block, likeness=likeness))

    def _replace(self, block: Block | None) -> None:
        if block is None:
            self._n_rests = _RESTS
            return
        change = len(block) - self.n_samples
        self.n_inserted += max(0, change)
        self.n_removed += max(0, -change)
        self.n_adjustments += 1
        self._credit -= abs(change)
        self._blocks[:] = [block]
        self.n_samples = len(block)
