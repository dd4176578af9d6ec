"""A recording comes out around zero, its highest sample at 1."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.unit_peak import Extent, ExtentMeter, UnitPeak
from audiokit.stage import StreamFormat
from audiokit.testing import measure, render, speechlike, split_at

STEREO = StreamFormat(16000, 2)


def applied(block, fmt):
    stage = UnitPeak(fmt)
    return render(stage.build(measure(stage.new_meter(fmt), split_at(block, [17, 3000]))), [block])


def test_each_channels_mean_is_taken_off_and_one_number_divides_all():
    block = speechlike(STEREO, 1.0) * np.float32([1.0, 0.25]) + np.float32([0.3, -0.1])
    centred = block - block.mean(axis=0, dtype=np.float64)
    found = applied(block, STEREO)
    np.testing.assert_allclose(found, centred / np.abs(centred).max(), atol=1e-7)
    assert np.abs(found).max() == pytest.approx(1.0)
    assert np.abs(found.mean(axis=0, dtype=np.float64)).max() < 1e-8


def test_silence_and_a_constant_stay_at_zero():
    fmt = StreamFormat(8000)
    for level in (0.0, 0.5):
        found = applied(fmt.silence(5000) + np.float32(level), fmt)
        np.testing.assert_array_equal(found, 0.0)


def test_the_extent_of_a_stream_without_samples_is_none():
    assert measure(ExtentMeter(STEREO), [STEREO.silence(0)]) == Extent((0.0, 0.0), 0.0)
