"""The picture of loudness over time, against the steps it was made from."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.loudness.meter import LoudnessMeter
from audiokit.loudness.trace import TraceRecorder
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike, split_at


def tone(fmt, *steps):
    """Steps of (level in dBFS, seconds) of a 1 kHz sine."""
    level = np.concatenate(
        [np.full(round(s * fmt.sample_rate), 10 ** (db / 20)) for db, s in steps]
    )
    time_s = np.arange(len(level)) / fmt.sample_rate
    return (level * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32)[:, None]


def test_each_step_reads_the_window_that_ends_in_it():
    fmt = StreamFormat(16000)
    meter = LoudnessMeter(fmt)
    meter.update(tone(fmt, (-30.0, 5.0), (-20.0, 5.0)))
    trace = meter.trace()
    assert trace.step_s == 0.1
    assert len(trace.momentary_lufs) == len(trace.short_term_lufs) == 100
    assert np.isnan(trace.momentary_lufs[:3]).all()
    assert np.isnan(trace.short_term_lufs[:29]).all()
    np.testing.assert_allclose(trace.momentary_lufs[4:50], -33.0, atol=0.1)
    np.testing.assert_allclose(trace.momentary_lufs[54:], -23.0, atol=0.1)
    np.testing.assert_allclose(trace.short_term_lufs[30:50], -33.0, atol=0.1)
    np.testing.assert_allclose(trace.short_term_lufs[80:], -23.0, atol=0.1)
    assert (np.diff(trace.short_term_lufs[50:80]) > 0).all()


def test_silence_is_nan():
    fmt = StreamFormat(8000)
    meter = LoudnessMeter(fmt)
    assert meter.trace().momentary_lufs.size == 0
    meter.update(fmt.silence(32000))
    assert np.isnan(meter.trace().short_term_lufs).all()


def test_the_picture_does_not_depend_on_how_the_stream_is_cut():
    fmt = StreamFormat(8000)
    block = speechlike(fmt, 6.0)
    meter, other = LoudnessMeter(fmt), LoudnessMeter(fmt)
    meter.update(block)
    for piece in split_at(block, [1, 3000, 20001, 20002]):
        other.update(piece)
    np.testing.assert_array_equal(other.trace().momentary_lufs, meter.trace().momentary_lufs)


@pytest.mark.parametrize("n_hops", [40_960, 40_961, 200_000])
def test_a_long_stream_has_longer_steps_and_loses_no_moment(n_hops):
    rng = np.random.default_rng(1)
    powers = rng.uniform(0.1, 1.0, n_hops)
    recorder = TraceRecorder(hops_per_s=100)
    for start in range(0, n_hops, 777):
        piece = powers[start : start + 777]
        recorder.add(start + len(piece), piece, piece)
    trace = recorder.trace()
    step_hops = round(trace.step_s * 100)
    assert len(trace.momentary_lufs) == -(-n_hops // step_hops) <= 4096 < n_hops / step_hops * 2.1
    loudest = np.maximum.reduceat(powers, np.arange(0, n_hops, step_hops))
    np.testing.assert_allclose(trace.momentary_lufs, 10 * np.log10(loudest) - 0.691)
