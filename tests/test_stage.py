"""The chain: formats, latency, bypass, timing, and the door."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import BlockError, SettingError
from audiokit.stage import Chain, Processor, StreamFormat, admit, run_blocks

FMT = StreamFormat(16000, 1)


class Late(Processor):
    """Holds back so many samples, and doubles what it lets go."""

    def __init__(self, fmt, held):
        self.fmt, self.latency_samples = fmt, held
        self.reset()

    def reset(self):
        self._held = self.fmt.silence(0)

    def process(self, block):
        self._held = np.concatenate([self._held, block])
        n_ready = max(0, len(self._held) - self.latency_samples)
        out, self._held = self._held[:n_ready] * np.float32(2), self._held[n_ready:]
        return out

    def flush(self):
        out, self._held = self._held * np.float32(2), self.fmt.silence(0)
        return out


class Halved(Late):
    """Claims half the rate at its output."""

    @property
    def out_fmt(self):
        return StreamFormat(self.fmt.sample_rate // 2, self.fmt.channels)


def ramp(n_samples):
    return np.linspace(-1, 1, n_samples, dtype=np.float32)[:, None]


def test_latency_is_the_sum_of_the_parts_at_the_rate_of_the_input():
    half = StreamFormat(8000, 1)
    chain = Chain(FMT, [Late(FMT, 100), Halved(FMT, 10), Late(half, 7)])
    assert chain.latency_samples == 100 + 10 + 14
    assert chain.out_fmt == half


def test_a_chain_gives_all_samples_through_all_stages():
    chain = Chain(FMT, [Late(FMT, 30), Late(FMT, 50)])
    out = np.concatenate(list(run_blocks(chain, np.split(ramp(1000), [10, 200]))))
    np.testing.assert_array_equal(out, ramp(1000) * 4)


def test_neighbours_must_agree_about_the_format():
    with pytest.raises(SettingError, match="Late is StreamFormat"):
        Chain(FMT, [Late(StreamFormat(8000, 1), 1)])


def test_bypass_loses_and_repeats_nothing():
    chain = Chain(FMT, [Late(FMT, 30), Late(FMT, 50)])
    first, second, third = np.split(ramp(900), 3)
    out = [chain.process(first), chain.bypass(1), chain.process(second)]
    out += [chain.bypass(1, bypassed=False), chain.process(third), chain.flush()]
    whole = np.concatenate(out)
    assert len(whole) == 900
    gains = whole[:, 0] / ramp(900)[:, 0]
    np.testing.assert_allclose(sorted(set(np.round(gains))), [2.0, 4.0])


def test_a_stage_that_changes_the_format_cannot_be_bypassed():
    with pytest.raises(SettingError, match="a stage that keeps the format"):
        Chain(FMT, [Halved(FMT, 1)]).bypass(0)


def test_a_chain_times_its_stages_by_the_clock_it_is_given():
    ticks = iter(range(100))
    chain = Chain(FMT, [Late(FMT, 1), Halved(FMT, 1)], clock=lambda: float(next(ticks)))
    chain.process(ramp(10))
    assert chain.busy_s() == {"Late": 1.0, "Halved": 1.0}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros((4, 1)), "has type float64"),
        (np.zeros(4, np.float32), r"has shape \(4,\)"),
        (np.zeros((4, 2), np.float32), r"has shape \(4, 2\)"),
        (np.zeros((1, 4), np.float32).T[::2], "is not C-contiguous"),
        (np.array([[0], [np.nan]], np.float32), "holds nan at sample 1, channel 0"),
        (np.array([[-np.inf]], np.float32), "holds -inf at sample 0"),
    ],
)
def test_the_door_says_what_is_wrong(block, message):
    with pytest.raises(BlockError, match=message):
        admit(FMT, block)


@pytest.mark.parametrize(
    ("rate", "channels"), [(0, 1), (-8000, 1), (10**6, 1), (8000, 0), (8000, 65)]
)
def test_impossible_formats_are_refused(rate, channels):
    with pytest.raises(SettingError):
        StreamFormat(rate, channels)
