"""Two passes to a level: what comes out is measured again."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.loudness.gain import Gain, GainSettings
from audiokit.loudness.meter import LoudnessMeter
from audiokit.loudness.normalize import (
    LoudnessNormalizer,
    LoudnessSettings,
    PeakNormalizer,
    PeakSettings,
    RmsNormalizer,
    RmsSettings,
)
from audiokit.stage import StreamFormat
from audiokit.testing import measure, render, speechlike

FMT = StreamFormat(16000)


def normalized(normalizer, block):
    """Return the output, what the meter says of it, and the facts."""
    processor = normalizer.build(measure(normalizer.meter, [block]))
    out = render(processor, [block])
    return out, measure(LoudnessMeter(normalizer.fmt), [out]), processor.facts()


@pytest.mark.parametrize("fmt", [FMT, StreamFormat(44100, 2), StreamFormat(8000)])
def test_loudness_lands_on_the_target_by_one_gain(fmt):
    block = speechlike(fmt, 3.5) * np.float32(0.1)
    out, report, facts = normalized(LoudnessNormalizer(fmt), block)
    assert report.integrated_lufs == pytest.approx(-23.0, abs=0.01)
    assert facts["mode"] == "linear"
    # One gain for every sample, and the row states it to 0.01 dB.
    gain = float(out.max() / block.max())
    np.testing.assert_allclose(out, block * gain, rtol=1e-6)
    assert facts["gain_db"] == round(20 * np.log10(gain), 2)
    assert facts["before_lufs"] == pytest.approx(-23.0 - facts["gain_db"], abs=0.011)


def test_where_the_ceiling_is_in_the_way_the_limiter_holds_it_and_says_so():
    settings = LoudnessSettings(target_lufs=-15.0, ceiling_dbtp=-2.0)
    _, report, facts = normalized(LoudnessNormalizer(FMT, settings), speechlike(FMT, 3.5))
    assert facts["mode"] == "limited"
    assert facts["max_reduction_db"] > 0.5
    assert report.true_peak_dbtp < -2.0
    assert report.integrated_lufs == pytest.approx(-15.0, abs=1.5)


def test_a_scrap_goes_by_its_ungated_loudness():
    _, report, facts = normalized(LoudnessNormalizer(FMT), speechlike(FMT, 0.3) * np.float32(0.1))
    assert facts["reason"] == "ungated"
    assert report.ungated_lufs == pytest.approx(-23.0, abs=0.01)


def test_silence_keeps_its_bits_and_says_why():
    for normalizer in (LoudnessNormalizer(FMT), RmsNormalizer(FMT), PeakNormalizer(FMT)):
        out, _, facts = normalized(normalizer, FMT.silence(8000))
        assert not out.any()
        assert (facts["mode"], facts["reason"], facts["gain_db"]) == ("unchanged", "silence", 0.0)


def test_what_is_all_below_the_gate_stays_as_it_is():
    block = speechlike(FMT, 1.0) * np.float32(1e-3)
    out, _, facts = normalized(LoudnessNormalizer(FMT), block)
    assert (facts["mode"], facts["reason"]) == ("unchanged", "silence")
    np.testing.assert_array_equal(out, block)


def test_hiss_is_not_raised_beyond_the_most_gain():
    block = speechlike(FMT, 1.0) * np.float32(3e-2)
    _, _, facts = normalized(LoudnessNormalizer(FMT, LoudnessSettings(max_gain_db=20.0)), block)
    assert (facts["gain_db"], facts["reason"]) == (20.0, "max_gain")


def test_peak_and_rms_land_on_their_targets():
    block = speechlike(FMT, 1.0)
    _, peak, _ = normalized(PeakNormalizer(FMT, PeakSettings(peak_dbfs=-3.0)), block)
    assert peak.sample_peak_dbfs == pytest.approx(-3.0, abs=1e-3)
    _, rms, facts = normalized(RmsNormalizer(FMT, RmsSettings(rms_dbfs=-26.0)), block)
    assert rms.rms_dbfs == pytest.approx(-26.0, abs=1e-3)
    assert facts["mode"] == "linear"


def test_a_gain_of_6_02_db_doubles_and_of_0_db_keeps_the_bits():
    block = speechlike(FMT, 0.1)
    np.testing.assert_allclose(
        render(Gain(FMT, GainSettings(20 * np.log10(2))), [block]), block * 2, rtol=1e-6
    )
    np.testing.assert_array_equal(render(Gain(FMT), [block]), block)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: LoudnessSettings(target_lufs=1.0), "target_lufs"),
        (lambda: LoudnessSettings(max_gain_db=-1.0), "max_gain_db"),
        (lambda: PeakSettings(peak_dbfs=float("nan")), "peak_dbfs"),
        (lambda: RmsSettings(rms_dbfs=3.0), "rms_dbfs"),
        (lambda: GainSettings(float("inf")), "gain_db"),
    ],
)
def test_settings_out_of_range_are_refused(build, name):
    with pytest.raises(SettingError, match=name):
        build()
