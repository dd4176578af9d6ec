"""The limiter: never above the ceiling, by our meter and by others."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.loudness.limiter import LimiterSettings, TruePeakLimiter
from audiokit.stage import StreamFormat
from audiokit.testing import render, speechlike, split_at


def peak_dbtp(block, factor=4):
    from scipy.signal import resample_poly

    dense = resample_poly(block.astype(float), factor, 1, axis=0)
    return 20 * np.log10(max(np.abs(dense).max(), np.abs(block).max()))


def square(fmt):
    time_s = np.arange(fmt.sample_rate) / fmt.sample_rate
    fade = np.minimum(1.0, np.minimum(time_s, time_s[::-1]) * 50)
    mono = np.sign(np.sin(2 * np.pi * 217 * time_s)) * fade
    return np.ascontiguousarray(np.repeat(mono[:, None], fmt.channels, 1), dtype=np.float32)


@pytest.mark.parametrize("fmt", [StreamFormat(16000), StreamFormat(44100, 2), StreamFormat(8000)])
@pytest.mark.parametrize("ceiling_dbtp", [-1.0, -6.0])
def test_an_independent_meter_finds_no_peak_above_the_ceiling(fmt, ceiling_dbtp):
    for block in (speechlike(fmt, 1.0) * 6, square(fmt)):
        assert peak_dbtp(block) > 0.5
        out = render(TruePeakLimiter(fmt, LimiterSettings(ceiling_dbtp=ceiling_dbtp)), [block])
        assert ceiling_dbtp - 1.5 < peak_dbtp(out) < ceiling_dbtp + 0.1


def test_what_stays_below_the_ceiling_keeps_its_bits():
    fmt = StreamFormat(16000, 2)
    block = speechlike(fmt, 2.0)
    limiter = TruePeakLimiter(fmt)
    np.testing.assert_array_equal(render(limiter, [block]), block)
    assert limiter.facts() == {"max_reduction_db": 0.0, "limited_samples": 0}


def test_what_is_stated_in_db_is_stated_to_a_hundredth():
    fmt = StreamFormat(16000)
    limiter = TruePeakLimiter(fmt)
    render(limiter, [speechlike(fmt, 1.0) * 6])
    reduction_db = limiter.facts()["max_reduction_db"]
    assert reduction_db > 1.0
    assert reduction_db == round(reduction_db, 2)


def test_only_the_neighbourhood_of_a_peak_is_turned_down():
    fmt = StreamFormat(16000)
    block = speechlike(fmt, 4.0)
    block[32000] = 1.6
    limiter = TruePeakLimiter(fmt)
    out = render(limiter, [block])
    changed = np.flatnonzero((out != block).any(axis=1))
    assert changed.min() >= 32000 - 2 * 80 - 1
    # 50 ms to decay by 1/e: from about 0.5 to 0.00001 in 11 of them.
    assert changed.max() < 32000 + 12 * 800
    assert limiter.facts()["max_reduction_db"] == pytest.approx(5.2, abs=0.3)
    assert limiter.facts()["limited_samples"] >= len(changed)


def test_channels_share_one_gain():
    fmt = StreamFormat(16000, 2)
    block = speechlike(fmt, 1.0)
    block[:, 0] *= 6
    out = render(TruePeakLimiter(fmt), [block])
    gain = out / np.where(np.abs(block) > 1e-3, block, np.inf)
    both = (np.abs(block) > 1e-3).all(axis=1)
    np.testing.assert_allclose(gain[both, 0], gain[both, 1], rtol=1e-4)
    assert gain[both].min() < 0.6


@pytest.mark.parametrize("sample_rate", [16000, 192000])
def test_live_blocks_give_the_same_bits_while_limiting(sample_rate):
    fmt = StreamFormat(sample_rate)
    block = speechlike(fmt, 0.5) * 6
    whole = render(TruePeakLimiter(fmt), [block])
    step = sample_rate // 50
    pieces = split_at(block, [1, 2, 700, *range(701, len(block), step)])
    np.testing.assert_array_equal(render(TruePeakLimiter(fmt), pieces), whole)


@pytest.mark.parametrize(
    "wrong", [{"ceiling_dbtp": 0.1}, {"lookahead_ms": 0.0}, {"release_ms": float("nan")}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        LimiterSettings(**wrong)
