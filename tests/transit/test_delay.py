"""Delay models against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.transit.delay import ConstantDelay, RandomDelay, SpikeDelay, SummedDelay

N = 60_000


def drawn_ms(model, n_packets=N, seed=5):
    delay_s = model.start(np.random.default_rng(seed))
    return 1000.0 * np.array([delay_s(index * 0.02) for index in range(n_packets)])


def correlation(values):
    return np.corrcoef(values[1:], values[:-1])[0, 1]


@pytest.mark.parametrize("distribution", ["normal", "pareto"])
@pytest.mark.parametrize("keep", [0.0, 0.8])
def test_jitter_has_the_mean_and_deviation_asked_for(distribution, keep):
    found = drawn_ms(RandomDelay(200.0, 20.0, keep, distribution), 4 * N)
    assert found.mean() == pytest.approx(200.0, abs=1.0)
    assert found.std() == pytest.approx(20.0, rel=0.2 if distribution == "pareto" else 0.03)


def test_neighbours_are_as_alike_as_asked_for():
    assert correlation(drawn_ms(RandomDelay(200.0, 20.0, 0.9))) == pytest.approx(0.9, abs=0.02)
    assert abs(correlation(drawn_ms(RandomDelay(200.0, 20.0)))) < 0.02


def test_the_tail_of_pareto_falls_with_its_shape():
    values = (drawn_ms(RandomDelay(500.0, 20.0, 0.0, "pareto"), 4 * N) - 500.0) / 20.0
    # Shape 3: P(X > x) = x**-3, mean 1.5, deviation sqrt(0.75).
    for level in (2.0, 5.0):
        expected = (1.5 + level * np.sqrt(0.75)) ** -3
        assert np.mean(values > level) == pytest.approx(expected, rel=0.15)


def test_no_delay_is_negative():
    assert drawn_ms(RandomDelay(5.0, 50.0)).min() == 0.0


def test_during_a_spike_all_arrive_together():
    found = drawn_ms(SpikeDelay(20.0, 100.0), 10 * N)
    arrivals = np.arange(len(found)) * 20.0 + found
    within = found[1:] > 20.0
    # Within one spike arrivals coincide; only where two overlap they move on.
    assert np.mean(np.diff(arrivals)[within] < 1e-6) > 0.7
    # A packet meets a spike still lasting d with probability 1 - exp(-rate * mean * e^(-d/mean)).
    expected = 1.0 - np.exp(-(20.0 / 60.0) * 0.1)
    assert np.mean(found > 0.0) == pytest.approx(expected, rel=0.1)


def test_no_spikes_are_no_delay():
    assert drawn_ms(SpikeDelay(0.0, 100.0), 10).max() == 0.0


def test_parts_add_up_and_draw_for_themselves():
    parts = (ConstantDelay(30.0), RandomDelay(50.0, 3.0), RandomDelay(50.0, 4.0))
    found = drawn_ms(SummedDelay(parts))
    assert found.mean() == pytest.approx(130.0, abs=0.1)
    assert found.std() == pytest.approx(5.0, rel=0.03)


def test_the_same_seed_gives_the_same_delays():
    model = SummedDelay((RandomDelay(50.0, 10.0), SpikeDelay(30.0, 100.0)))
    np.testing.assert_array_equal(drawn_ms(model, 500), drawn_ms(model, 500))
    assert (drawn_ms(model, 500) != drawn_ms(model, 500, seed=6)).any()


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: ConstantDelay(-1.0), "delay_ms"),
        (lambda: RandomDelay(1.0, -1.0), "jitter_ms"),
        (lambda: RandomDelay(1.0, 1.0, 1.0), "correlation"),
        (lambda: RandomDelay(1.0, 1.0, 0.0, "flat"), "distribution"),
        (lambda: SpikeDelay(-1.0, 1.0), "spikes_per_minute"),
        (lambda: SpikeDelay(1.0, float("nan")), "height_ms"),
    ],
)
def test_what_cannot_be_is_refused_by_name(build, name):
    with pytest.raises(SettingError, match=name):
        build()
