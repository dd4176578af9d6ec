"""WADA and histogram SNR where their assumptions hold, and where there is nothing to say."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.quality.frames import Stretcher
from audiokit.quality.histogram_snr import HistogramSnr
from audiokit.quality.wada import WadaSnr
from audiokit.stage import StreamFormat

FMT = StreamFormat(16000)


def _report(part, samples):
    stretcher = Stretcher(FMT)
    block = np.ascontiguousarray(samples[:, np.newaxis], np.float32)
    for stretch in [*stretcher.push(block), *stretcher.rest()]:
        part.add(stretch)
    return part.report()


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 20.0, 30.0])
def test_wada_finds_the_ratio_of_gamma_amplitudes_to_normal_ones(snr_db):
    rng = np.random.default_rng(3)
    # Kim and Stern 2008: speech has a gamma distribution of shape 0.4, its signs at random.
    speech = rng.gamma(0.4, 1.0, 40 * 16000) * rng.choice((-1.0, 1.0), 40 * 16000)
    noise = rng.standard_normal(len(speech)) * np.sqrt(0.56 / 10.0 ** (snr_db / 10.0))
    mixed = 0.01 * (speech + noise)
    assert _report(WadaSnr(FMT), mixed) == pytest.approx(snr_db, abs=1.0)
    assert _report(WadaSnr(FMT), mixed + 0.2) == pytest.approx(snr_db, abs=1.0)


@pytest.mark.parametrize("span_db", [10.0, 30.0, 50.0])
def test_histogram_snr_is_from_the_lower_mode_to_the_loud_frames(span_db):
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(12 * 16000) * 1e-3
    is_loud = np.arange(len(noise)) // 16000 % 2 == 1
    gains = np.where(is_loud, 10.0 ** (span_db / 20.0), 1.0)
    # Frames of 32 ms of white noise spread by 1 to 2 dB.
    assert _report(HistogramSnr(FMT), noise * gains) == pytest.approx(span_db, abs=2.5)


@pytest.mark.parametrize("part", [WadaSnr, HistogramSnr])
@pytest.mark.parametrize(
    "samples", [np.zeros(0), np.zeros(32000), np.ones(1), np.full(32000, 0.5)]
)
def test_of_silence_a_sample_or_an_offset_there_is_nothing_to_say(part, samples):
    assert _report(part(FMT), samples) is None


def test_wada_says_nothing_beyond_the_ends_of_its_table():
    rng = np.random.default_rng(4)
    # Emptied pauses, all but a trace: more peaked than any speech.
    peaked = rng.standard_normal(32000) * np.where(rng.random(32000) < 0.05, 0.3, 1e-5)
    assert _report(WadaSnr(FMT), peaked) is None
    # A square wave: flatter than noise.
    assert _report(WadaSnr(FMT), np.sign(np.sin(np.arange(32000) / 7.0)) * 0.3) is None
