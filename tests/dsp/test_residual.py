"""What was taken away: the difference, in step with its source."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.dsp.channels import ChannelMixer
from audiokit.dsp.filters import Highpass, HighpassSettings
from audiokit.dsp.residual import Residual
from audiokit.errors import SettingError
from audiokit.loudness.gain import Gain, GainSettings
from audiokit.stage import Chain, Processor, StreamFormat
from audiokit.testing import render, speechlike, split_at

FMT = StreamFormat(16000, 2)
SPEECH = speechlike(FMT, 1.5)


def test_what_stays_and_what_goes_add_up_to_the_source():
    cleaned = render(Denoiser(FMT), [SPEECH])
    removed = render(Residual(Denoiser(FMT)), [SPEECH])
    assert np.abs(removed).max() > 1e-3
    # One rounding in the subtraction and one in the sum, of values below 1.
    np.testing.assert_allclose(cleaned + removed, SPEECH, rtol=0, atol=2**-23)


def test_half_the_level_leaves_the_other_half():
    halved = Gain(FMT, GainSettings(20 * np.log10(0.5)))
    np.testing.assert_allclose(render(Residual(halved), [SPEECH]), SPEECH / 2, atol=1e-7)


def test_the_source_waits_for_a_stage_that_is_late():
    def build():
        return Chain(FMT, [Highpass(FMT, HighpassSettings(200.0)), Denoiser(FMT)])

    removed = Residual(build())
    assert removed.latency_samples == build().latency_samples > 0
    pieces = render(removed, split_at(SPEECH, [1, 1, 7, 500, 501, 9000]))
    np.testing.assert_array_equal(pieces, SPEECH - render(build(), [SPEECH]))


def test_a_stage_that_takes_nothing_leaves_silence():
    # The window's overlap is not exact to the last bit.
    removed = render(Residual(Denoiser(FMT, DenoiseSettings(strength=0.0))), [SPEECH])
    np.testing.assert_allclose(removed, 0.0, atol=1e-6)


def test_it_reports_what_the_stage_reports_and_begins_anew_when_told():
    removed = Residual(Denoiser(FMT))
    first = render(removed, [SPEECH])
    assert removed.facts()["mean_reduction_db"] > 0.0
    removed.reset()
    np.testing.assert_array_equal(render(removed, [SPEECH]), first)


class Rough(Processor):
    """A stage that passes its blocks on, and promises less than the same bits."""

    tolerance = 1e-6

    def __init__(self, fmt):
        self.fmt = fmt

    def process(self, block):
        return block

    def flush(self):
        return self.fmt.silence(0)

    def reset(self):
        pass


def test_it_promises_no_more_than_what_it_subtracts():
    assert Residual(Gain(FMT)).tolerance == 0.0
    assert Residual(Rough(FMT)).tolerance == 1e-6
    assert Residual(Chain(FMT, [Rough(FMT), Gain(FMT), Rough(FMT)])).tolerance == 2e-6


def test_another_format_cannot_be_subtracted():
    with pytest.raises(SettingError, match=r"ChannelMixer.*keeps rate and channels"):
        Residual(ChannelMixer(FMT))
