"""The link: loss, delay, order, copies, bandwidth, drift together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.transit.bandwidth import TokenBucket, TokenBucketSettings
from audiokit.transit.delay import ConstantDelay, RandomDelay
from audiokit.transit.link import Link, LinkSettings
from audiokit.transit.loss import Bernoulli
from audiokit.transit.packet import Packet

N = 20_000


def sent_through(settings, n_packets=N, seed=3, size=160):
    """Return the link and ``(arrival_s, sequence)`` of what arrived, in that order."""
    link = Link(settings, np.random.default_rng(seed))
    found = []
    for index in range(n_packets):
        link.push(Packet(index, index * 160, bytes(size)), index * 0.02)
        found += link.pull(index * 0.02)
    found += link.pull(math.inf)
    return link, [(arrival_s, packet.sequence) for arrival_s, packet in found]


def test_a_perfect_link_delivers_everything_at_once_and_in_order():
    link, found = sent_through(LinkSettings(), 100)
    assert found == [(index * 0.02, index) for index in range(100)]
    assert link.next_arrival_s() is None


def test_nothing_arrives_before_its_time():
    link = Link(LinkSettings(delay=ConstantDelay(50.0)), np.random.default_rng(0))
    link.push(Packet(0, 0, b""), 1.0)
    assert link.next_arrival_s() == pytest.approx(1.05)
    assert link.pull(1.0499) == []
    assert [packet.sequence for _, packet in link.pull(1.05)] == [0]


def test_every_copy_is_accounted_for():
    settings = LinkSettings(
        loss=Bernoulli(10.0), delay=RandomDelay(60.0, 20.0), duplicate_percent=5.0
    )
    link, found = sent_through(settings)
    counts = link.counts
    assert counts.sent + counts.duplicated == len(found) + counts.lost + counts.dropped
    assert counts.duplicated == pytest.approx(0.05 * N, rel=0.15)
    assert counts.lost == pytest.approx(0.1 * (N + counts.duplicated), rel=0.1)


def test_jitter_overtakes_unless_order_is_kept():
    delay = RandomDelay(60.0, 20.0)
    numbers = [number for _, number in sent_through(LinkSettings(delay=delay))[1]]
    assert numbers != sorted(numbers)
    numbers = [
        number for _, number in sent_through(LinkSettings(delay=delay, is_in_order=True))[1]
    ]
    assert numbers == sorted(numbers)


def test_reordered_packets_skip_the_delay():
    settings = LinkSettings(delay=ConstantDelay(100.0), reorder_percent=25.0)
    link, found = sent_through(settings)
    early = [at_s - number * 0.02 < 0.05 for at_s, number in found]
    assert sum(early) == link.counts.reordered == pytest.approx(0.25 * N, rel=0.1)


def test_losses_stay_the_same_under_another_delay():
    def received(delay):
        settings = LinkSettings(loss=Bernoulli(10.0), delay=delay)
        return {number for _, number in sent_through(settings, 2000)[1]}

    assert received(ConstantDelay(0.0)) == received(RandomDelay(60.0, 20.0))


def test_the_same_seed_gives_the_same_arrivals():
    settings = LinkSettings(
        loss=Bernoulli(5.0), delay=RandomDelay(60.0, 20.0), duplicate_percent=2.0
    )
    assert sent_through(settings, 1000)[1] == sent_through(settings, 1000)[1]
    assert sent_through(settings, 1000)[1] != sent_through(settings, 1000, seed=4)[1]


def test_a_quick_clock_sends_early_by_its_drift():
    _, found = sent_through(LinkSettings(drift_ppm=100.0), 50_001)
    assert 1000.0 - found[-1][0] == pytest.approx(1000.0 * 100e-6, rel=1e-3)


def test_what_is_under_way_is_bounded():
    link = Link(
        LinkSettings(delay=ConstantDelay(60_000.0), limit_packets=10), np.random.default_rng(0)
    )
    for index in range(100):
        link.push(Packet(index, 0, b""), 0.0)
    assert link.counts.dropped == 90
    assert len(link.pull(math.inf)) == 10


def test_a_bucket_lets_its_rate_through_and_drops_what_would_wait_too_long():
    # 160 + 40 bytes each 20 ms are 80 kbit/s; half of that passes.
    settings = TokenBucketSettings(40.0, burst_bytes=2000, queue_ms=200.0)
    link, found = sent_through(LinkSettings(bandwidth=settings), 3000)
    assert len(found) * 200 * 8 / 60.0 == pytest.approx(40_000, rel=0.02)
    assert max(at_s - number * 0.02 for at_s, number in found) <= 0.2 + 1e-9
    assert link.counts.dropped == 3000 - len(found)


def test_a_bucket_saves_up_for_a_burst_and_no_more():
    bucket = TokenBucket(TokenBucketSettings(8.0, burst_bytes=1000, header_bytes=0))
    assert [bucket.leave_s(500, 0.0) for _ in range(2)] == [0.0, 0.0]
    assert bucket.leave_s(100, 0.0) == pytest.approx(0.1)
    assert [bucket.leave_s(500, 100.0) for _ in range(2)] == [100.0, 100.0]
    assert bucket.leave_s(100, 100.0) == pytest.approx(100.1)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: LinkSettings(duplicate_percent=101.0), "duplicate_percent"),
        (lambda: LinkSettings(reorder_percent=-1.0), "reorder_percent"),
        (lambda: LinkSettings(drift_ppm=1e5), "drift_ppm"),
        (lambda: LinkSettings(limit_packets=0), "limit_packets"),
        (lambda: TokenBucketSettings(0.0), "rate_kbps"),
    ],
)
def test_what_cannot_be_is_refused_by_name(build, name):
    with pytest.raises(SettingError, match=name):
        build()
