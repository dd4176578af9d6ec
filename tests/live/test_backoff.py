"""Waits between tries, and the clock at the other end."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.live.backoff import Backoff, BackoffSettings
from audiokit.live.clock import ClockMeter
from audiokit.live.messages import ClockReply


class Highest(Random):
    """A die that always shows its highest face."""

    def uniform(self, a, b):
        return max(a, b)


def test_the_bound_doubles_to_a_second_and_after_a_minute_to_five():
    backoff = Backoff(BackoffSettings(), Highest())
    early = [backoff.wait_s(now) for now in (0.0, 0.2, 0.6, 1.4, 59.9)]
    late = [backoff.wait_s(now) for now in (60.1, 62.0, 66.0, 71.0)]
    assert early == [0.2, 0.4, 0.8, 1.0, 1.0]
    assert late == [1.0, 2.0, 4.0, 5.0]
    backoff.reset()
    assert backoff.wait_s(500.0) == 0.2


@given(st.integers(), st.lists(st.floats(0, 30), max_size=30))
def test_every_wait_is_between_nothing_and_the_bound(seed, pauses):
    backoff, now = Backoff(BackoffSettings(), Random(seed)), 0.0  # noqa: S311  seeded
    for pause in pauses:
        now += pause
        assert 0.0 <= backoff.wait_s(now) <= 5.0


def test_waits_of_two_clients_differ():
    dice = [Random(seed) for seed in range(20)]  # noqa: S311  seeded
    waits = {Backoff(BackoffSettings(), die).wait_s(0.0) for die in dice}
    assert len(waits) == 20


@pytest.mark.parametrize(
    "values", [{"first_s": 0.0}, {"longest_s": 0.1}, {"early_s": 9.0}, {"first_s": float("nan")}]
)
def test_bounds_that_cannot_be_are_refused(values):
    with pytest.raises(SettingError):
        BackoffSettings(**values)


def test_the_quickest_exchange_tells_offset_and_round_trip():
    meter = ClockMeter()
    assert meter.round_trip_s is None
    # Their clock is 100 s ahead; 10 ms each way, then 10 ms and 300 ms.
    meter.take(ClockReply(1.00, 101.01, 101.02), 1.03)
    meter.take(ClockReply(2.00, 102.01, 102.02), 2.32)
    assert meter.round_trip_s == pytest.approx(0.02)
    assert meter.offset_s == pytest.approx(100.0)


@pytest.mark.parametrize("reply", [ClockReply(5.0, 0.0, 9.0), ClockReply(-1e9, 0.0, 0.0)])
def test_an_exchange_that_cannot_be_is_passed_over(reply):
    meter = ClockMeter()
    meter.take(reply, 5.1)
    assert meter.round_trip_s is None
