"""Loss models against their closed forms."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.transit.loss import (
    Bernoulli,
    FourState,
    GilbertElliott,
    LossList,
    NoLoss,
    bursty_loss,
)

N = 60_000


def drawn(model, n_packets=N, seed=5):
    """Return what becomes of so many packets, True where lost."""
    is_lost = model.start(np.random.default_rng(seed))
    return [is_lost(index * 0.02) for index in range(n_packets)]


def bursts(losses):
    """Return the length of each run of losses."""
    return [len(list(run)) for lost, run in groupby(losses) if lost]


@pytest.mark.parametrize("percent", [0.0, 1.0, 20.0, 100.0])
def test_random_loss_has_its_share_and_the_bursts_of_chance(percent):
    losses = drawn(Bernoulli(percent))
    share = percent / 100.0
    assert np.mean(losses) == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / N))
    if 0.0 < share < 1.0:
        assert np.mean(bursts(losses)) == pytest.approx(1 / (1 - share), rel=0.05)


@pytest.mark.parametrize(("percent", "burst"), [(1.0, 2.0), (10.0, 3.0), (30.0, 8.0), (10.0, 1.0)])
def test_bursty_loss_has_its_share_and_mean_burst(percent, burst):
    losses = drawn(bursty_loss(percent, burst=burst), 4 * N)
    # So many bursts were drawn: their mean length wavers by its root.
    wavers = 4.0 * burst / np.sqrt(len(losses) * percent / 100.0 / burst)
    assert np.mean(bursts(losses)) == pytest.approx(burst, abs=wavers + 1e-9)
    assert 100.0 * np.mean(losses) == pytest.approx(percent, rel=0.1)


def test_lengths_of_bursts_fall_off_geometrically():
    lengths = np.array(bursts(drawn(bursty_loss(10.0, burst=3.0), 4 * N)))
    for length in (1, 2, 3, 5):
        expected = (1 / 3) * (2 / 3) ** (length - 1)
        assert np.mean(lengths == length) == pytest.approx(expected, abs=0.02)


def test_both_states_of_gilbert_elliott_lose_what_they_should():
    model = GilbertElliott(0.02, 0.1, loss_in_bad=0.5, loss_in_good=0.01)
    # Steady state: 1/6 of the time bad.
    assert np.mean(drawn(model, 4 * N)) == pytest.approx(0.5 / 6 + 0.01 * 5 / 6, rel=0.08)


@pytest.mark.parametrize(
    "model",
    [
        FourState(0.02, 0.3, 0.2, 0.4, 0.01),
        FourState(0.0, p14=0.05),
        FourState(0.05, 0.5),
        FourState(0.1, 0.0, 0.0),
    ],
)
def test_four_states_lose_their_closed_form_share(model):
    assert 100.0 * np.mean(drawn(model, 4 * N)) == pytest.approx(model.loss_percent(), rel=0.08)


def test_four_states_reduce_to_gilberts_channel():
    gilbert, four = GilbertElliott(0.03, 0.4), FourState(0.03, 0.4)
    assert four.loss_percent() == pytest.approx(100.0 * 0.03 / 0.43)
    assert np.mean(bursts(drawn(four))) == pytest.approx(np.mean(bursts(drawn(gilbert))), rel=0.1)


@given(losses=st.lists(st.booleans(), min_size=1, max_size=20))
def test_a_list_is_followed_and_begins_again(losses):
    assert drawn(LossList(tuple(losses)), 2 * len(losses)) == losses * 2


def test_no_loss_loses_nothing():
    assert not any(drawn(NoLoss(), 100))


@pytest.mark.parametrize(
    "model", [Bernoulli(10.0), bursty_loss(10.0, burst=2.0), FourState(0.02, 0.3, 0.2, 0.4, 0.01)]
)
def test_the_same_seed_loses_the_same_packets(model):
    assert drawn(model, 2000) == drawn(model, 2000)
    assert drawn(model, 2000) != drawn(model, 2000, seed=6)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: Bernoulli(100.1), "loss_percent"),
        (lambda: Bernoulli(float("nan")), "loss_percent"),
        (lambda: bursty_loss(120.0, burst=2.0), "loss_percent"),
        (lambda: bursty_loss(10.0, burst=0.9), "burst"),
        (lambda: bursty_loss(80.0, burst=2.0), "burst is 2.0, expected 4"),
        (lambda: GilbertElliott(0.1, 1.1), "to_good"),
        (lambda: FourState(0.6, p14=0.5), "p13"),
        (lambda: LossList(()), "losses"),
    ],
)
def test_what_cannot_be_is_refused_by_name(build, name):
    with pytest.raises(SettingError, match=name):
        build()


def test_all_is_lost_at_100_percent_in_bursts_too():
    assert all(drawn(bursty_loss(100.0, burst=3.0), 100))
