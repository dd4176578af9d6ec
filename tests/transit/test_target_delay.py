"""The delay that is aimed at."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.transit.target_delay import TargetDelay


def after(lateness_s, *, start_s=0.0, wire_s=5.0, target=None):
    """Return a target that saw packets every 20 ms, so late behind a wire's delay."""
    target = target or TargetDelay(least_s=0.04, most_s=0.2)
    for index, late_s in enumerate(lateness_s):
        target.note(start_s + index * 0.02 + late_s, wire_s + late_s)
    return target


def test_a_quiet_network_needs_the_least_and_a_rough_one_more():
    assert after(np.zeros(500)).target_s == pytest.approx(0.04)
    rng = np.random.default_rng(1)
    mild = after(rng.uniform(0.0, 0.08, 1000)).target_s
    rough = after(rng.uniform(0.0, 0.15, 1000)).target_s
    assert 0.05 < mild <= 0.085
    assert mild < rough <= 0.2


def test_the_target_stays_within_its_bounds_whatever_comes():
    target = TargetDelay(least_s=0.04, most_s=0.2)
    for late_s in (0.0, 3.0, 0.5, 100.0, 0.0, 2.0) * 50:
        target.note(late_s, late_s)
        assert 0.04 <= target.target_s <= 0.2


def test_one_spike_is_forgotten():
    lateness = np.zeros(2000)
    lateness[10:15] = 0.15
    assert after(lateness).target_s == pytest.approx(0.04)


def test_a_lasting_rise_becomes_the_new_base_within_seconds():
    target = after(np.zeros(500))
    assert target.base_s == pytest.approx(5.0)
    after(np.full(500, 0.3), start_s=10.0, target=target)
    assert target.base_s == pytest.approx(5.3)


def test_a_quicker_way_is_the_new_base_at_once():
    target = after(np.full(100, 0.3))
    target.note(2.0, 5.1)
    assert target.base_s == pytest.approx(5.1)


def test_drift_does_not_count_as_lateness():
    # 200 ppm for ten minutes are 120 ms.
    drift_s = np.arange(30_000) * 0.02 * 200e-6
    assert after(drift_s).target_s == pytest.approx(0.04)
    assert after(-drift_s).target_s == pytest.approx(0.04)
