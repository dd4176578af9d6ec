"""The E-model against what is published of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.transit.e_model import G711_PLAIN, Coding, mean_opinion, rating


def test_a_perfect_connection_rates_93_2():
    # G.107, 7.7: with all defaults, R = 93.2; annex B: MOS 4.41.
    assert rating(0.0, 0.0) == pytest.approx(93.2, abs=0.05)
    assert mean_opinion(rating(0.0, 0.0)) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize("delay_ms", [50, 100, 150, 177, 250, 300])
def test_delay_costs_what_cole_and_rosenbluth_fitted(delay_ms):
    # R. Cole, J. Rosenbluth, "Voice over IP performance monitoring", ACM SIGCOMM CCR 31(2),
    # 2001: Id = 0.024 d + 0.11 (d - 177.3) H(d - 177.3), read off G.107's curve.
    fitted = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - 177.3)
    assert rating(0.0, 0.0) - rating(delay_ms, 0.0) == pytest.approx(fitted, abs=2.5)


def test_loss_costs_what_the_formula_of_ie_eff_says():
    # G.107, 7-29, with Ie 0 and Bpl 25.1 of G.113: 95 * 5 / (5 + 25.1).
    assert rating(0.0, 0.0) - rating(0.0, 5.0) == pytest.approx(95 * 5 / 30.1)
    worse = rating(0.0, 5.0, coding=G711_PLAIN)
    assert rating(0.0, 0.0) - worse == pytest.approx(95 * 5 / 9.3)
    bursty = rating(0.0, 5.0, burst_ratio=2.0)
    assert rating(0.0, 0.0) - bursty == pytest.approx(95 * 5 / 27.6)


@given(
    delay_ms=st.floats(0.0, 2000.0),
    loss=st.floats(0.0, 99.0),
    more=st.floats(0.0, 1.0),
)
def test_more_delay_or_loss_is_never_better(delay_ms, loss, more):
    here = rating(delay_ms, loss)
    assert 0.0 <= here <= 93.3
    assert rating(delay_ms, loss + more) <= here + 1e-9
    # Sidetone masks echo within the first tens of milliseconds a little.
    assert rating(delay_ms + 100.0 * more, loss) <= here + 0.5


@given(value=st.floats(-50.0, 150.0))
def test_opinions_stay_on_their_scale(value):
    assert 1.0 <= mean_opinion(value) <= 4.5


@pytest.mark.parametrize(
    "build",
    [
        lambda: rating(-1.0, 0.0),
        lambda: rating(0.0, 101.0),
        lambda: rating(float("nan"), 0.0),
        lambda: Coding(95.0, 10.0),
        lambda: Coding(0.0, 0.0),
    ],
)
def test_what_cannot_be_is_refused(build):
    with pytest.raises(SettingError):
        build()
