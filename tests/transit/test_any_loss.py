"""Losses from several causes: all of them, and each as it would be alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audiokit.transit.any_loss import AnyLoss
from audiokit.transit.loss import Bernoulli, LossList, bursty_loss

LISTS = st.lists(st.booleans(), min_size=1, max_size=20)


def told(model, n_packets, seed=1):
    is_lost = model.start(np.random.default_rng(seed))
    return [is_lost(0.02 * number) for number in range(n_packets)]


@given(one=LISTS, other=LISTS)
def test_what_either_loses_is_lost_and_nothing_else(one, other):
    both = AnyLoss((LossList(tuple(one)), LossList(tuple(other))))
    expected = [a or b for a, b in zip(one * 20, other * 20, strict=False)]
    assert told(both, len(expected)) == expected


def test_the_share_is_that_of_independent_causes():
    both = AnyLoss((Bernoulli(10.0), bursty_loss(20.0, burst=3.0)))
    share = np.mean(told(both, 200_000))
    assert abs(share - (1.0 - 0.9 * 0.8)) < 0.006


def test_another_cause_leaves_the_losses_of_the_first():
    alone = told(AnyLoss((Bernoulli(10.0), Bernoulli(0.0))), 2000)
    both = told(AnyLoss((Bernoulli(10.0), Bernoulli(50.0))), 2000)
    assert all(now or not before for before, now in zip(alone, both, strict=True))
    assert sum(both) > sum(alone)
