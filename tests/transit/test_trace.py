"""Traces: read, written, followed."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import AudiokitError, EmptyError, FormatError, SettingError
from audiokit.transit.trace import (
    Opportunities,
    Trace,
    parse_opportunities,
    parse_trace,
    trace_text,
)

DELAYS = st.integers(0, 10**6).map(lambda us: us / 1e6) | st.just(math.inf)
RNG = np.random.default_rng(0)


@given(delays=st.lists(DELAYS, min_size=1, max_size=40))
def test_a_trace_comes_back_from_its_text(delays):
    trace = Trace(tuple(index * 0.02 for index in range(len(delays))), tuple(delays))
    back = parse_trace(trace_text(trace))
    assert back.sent_s == pytest.approx(trace.sent_s, abs=1e-6)
    assert back.delay_s == pytest.approx(trace.delay_s, abs=1e-6)
    assert trace_text(back) == trace_text(trace)


def test_a_packet_fares_as_the_last_one_sent_before_it_and_the_end_is_the_start():
    trace = Trace((0.0, 0.02, 0.05), (0.01, math.inf, 0.03))
    is_lost, delay_s = trace.losses().start(RNG), trace.delays().start(RNG)
    times_s = (0.0, 0.01, 0.02, 0.049, 0.05, trace.duration_s)
    assert [is_lost(at_s) for at_s in times_s] == [False, False, True, True, False, False]
    assert [delay_s(at_s) for at_s in times_s] == [0.01, 0.01, 0.01, 0.01, 0.03, 0.01]


def test_a_dump_of_roc_is_read_relative_to_its_quickest_packet():
    text = (
        "recv_time_ns,stream_timestamp_samples,jitter_ms_reported\n"
        "0,1000,0\n30000000,1441,1\n\n35000000,1882,1\n"
    )
    trace = parse_trace(text)
    # 441 samples of 44.1 kHz are 10 ms.
    assert trace.sent_s == pytest.approx((0.0, 0.01, 0.02))
    assert trace.delay_s == pytest.approx((0.0, 0.02, 0.015), abs=1e-9)


def test_opportunities_are_used_once_each_and_come_again():
    delay_s = parse_opportunities("5\n5\n20\n").start(RNG)
    assert [round(1000 * delay_s(0.0)) for _ in range(5)] == [5, 5, 20, 25, 25]
    assert round(1000 * delay_s(0.1)) == 5


@pytest.mark.parametrize(
    ("text", "kind", "problem"),
    [
        ("", FormatError, "begins with ''"),
        ("a,b\n1,2\n", FormatError, "begins with 'a,b'"),
        ("sent_s,delay_ms\n", EmptyError, "no packet"),
        ("sent_s,delay_ms\n0,1\nx,2\n", FormatError, "line 3 has 'x'"),
        ("sent_s,delay_ms\n0,1\n2,1\n1,1\n", FormatError, "line 4 is earlier"),
        ("sent_s,delay_ms\n0,-1\n", FormatError, "line 2 has a delay below 0"),
        ("sent_s,delay_ms\n0,nan\n", FormatError, "line 2 has 'nan'"),
        ("recv_time_ns,stream_timestamp_samples\n1\n", FormatError, "line 2 has no second"),
        ("recv_time_ns,stream_timestamp_samples\n", EmptyError, "no packet"),
    ],
)
def test_what_is_no_trace_is_refused_with_the_line(text, kind, problem):
    with pytest.raises(kind, match=problem):
        parse_trace(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("", EmptyError), ("0\n0\n", EmptyError), ("5\n4\n", FormatError), ("1.5\n", FormatError)],
)
def test_what_are_no_opportunities_is_refused(text, kind):
    with pytest.raises(kind, match="trace"):
        parse_opportunities(text)


@given(text=st.text(alphabet="0123456789.,-einf\n", max_size=40))
def test_any_text_is_a_trace_or_an_error(text):
    with contextlib.suppress(AudiokitError):
        assert parse_trace("sent_s,delay_ms\n" + text).sent_s
    with contextlib.suppress(AudiokitError):
        assert parse_opportunities(text).times_ms


@pytest.mark.parametrize(
    "build",
    [
        lambda: Trace((), ()),
        lambda: Trace((0.0, 1.0), (0.1,)),
        lambda: Trace((0.0, 2.0, 1.0), (0.1, 0.1, 0.1)),
        lambda: Trace((0.0,), (-0.1,)),
        lambda: Trace((0.0, 1.0), (0.1, 0.1)).window(5.0, 9.0),
        lambda: Opportunities((0,)),
        lambda: Opportunities((4, 3)),
    ],
)
def test_what_cannot_be_followed_is_refused(build):
    with pytest.raises(SettingError):
        build()


def test_the_shared_traces_are_as_long_as_their_manifest_says(recordings):
    folder = recordings / "trace"
    for name, seconds in (("roc_bad_wifi", 120), ("roc_ethernet", 60), ("roc_ether_spikes_A", 40)):
        trace = parse_trace((folder / f"{name}.csv").read_text(), name=name)
        assert trace.duration_s == pytest.approx(seconds, abs=0.1)
        assert 0.0 == min(trace.delay_s) < max(trace.delay_s) < 0.2
    times = parse_opportunities((folder / "mahimahi_Verizon-LTE-short.up.txt").read_text())
    assert times.times_ms[-1] == pytest.approx(60_000, abs=100)
