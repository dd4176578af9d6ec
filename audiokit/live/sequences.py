"""Sets of sequence numbers as the few ranges that they are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

__all__ = ["SequenceSet"]


class SequenceSet:
    """Numbers, kept as ranges: a session of hours is one or two of them.

    Args:
        ranges: Pairs ``(first, next)``: from `first`, up to but without `next`.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._nexts: list[int] = []
        for first, following in ranges:
            self.add_range(first, following)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number < self._nexts[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._nexts, strict=True)

    def __len__(self) -> int:
        return sum(following - first for first, following in self)

    def add(self, number: int) -> None:
        """Take in one number."""
        self.add_range(number, number + 1)

    def add_range(self, first: int, following: int) -> None:
        """Take in the numbers from `first`, up to but without `following`."""
        if following <= first:
            return
        low = bisect_right(self._firsts, first)
        if low and self._nexts[low - 1] >= first:
            low -= 1
            first = self._firsts[low]
        high = low
        while high < len(self._firsts) and self._firsts[high] <= following:
            following = max(following, self._nexts[high])
            high += 1
        self._firsts[low:high] = [first]
        self._nexts[low:high] = [following]

    def drop_below(self, number: int) -> None:
        """Forget every number below this one."""
        keep = bisect_right(self._nexts, number)
        del self._firsts[:keep], self._nexts[:keep]
        if self._firsts:
            self._firsts[0] = max(self._firsts[0], number)

    def first_missing(self, number: int) -> int:
        """Return the lowest number that is not in the set, from `number` on."""
        at = bisect_right(self._firsts, number) - 1
        return self._nexts[at] if number in self else number

    def missing(self, first: int, following: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges between two numbers that are not in the set."""
        for begin, end in self:
            if begin >= following:
                break
            if begin > first:
                yield first, begin
            first = max(first, end)
        if first < following:
            yield first, following
