"""Sets of sequence numbers, against Python's own sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from audiokit.live.sequences import SequenceSet

ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12)


def plain(pairs):
    return {number for first, following in pairs for number in range(first, following)}


@given(ranges, st.integers(0, 45))
def test_the_set_holds_what_a_set_would(pairs, low):
    numbers, expected = SequenceSet(pairs), plain(pairs)
    numbers.drop_below(low)
    expected = {number for number in expected if number >= low}
    assert plain(numbers) == expected
    assert len(numbers) == len(expected)
    assert [number in numbers for number in range(50)] == [n in expected for n in range(50)]


@given(ranges)
def test_the_ranges_are_as_few_as_can_be(pairs):
    found = list(SequenceSet(pairs))
    assert all(first < following for first, following in found)
    assert all(left[1] < right[0] for left, right in pairwise(found))


@given(ranges, st.integers(0, 45), st.integers(0, 45))
def test_what_is_missing_is_what_is_not_there(pairs, first, following):
    numbers = SequenceSet(pairs)
    expected = set(range(first, following)) - plain(pairs)
    assert plain(numbers.missing(first, following)) == expected
    lowest = min(n for n in range(first, 200) if n not in plain(pairs))
    assert numbers.first_missing(first) == lowest
