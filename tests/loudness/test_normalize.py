"""Two passes to a level: what comes out is measured again."""

from __future__ import annotations

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.loudness.gain import Gain, GainSettings
from audiokit.loudness.meter import LoudnessMeter
from audiokit.loudness.normalize import (
    ActiveLevelNormalizer,
    ActiveLevelSettings,
    AlbumNormalizer,
    AlbumSettings,
    LoudnessNormalizer,
    LoudnessSettings,
    PeakNormalizer,
    PeakSettings,
    RmsNormalizer,
    RmsSettings,
)
from audiokit.stage import StreamFormat
from audiokit.testing import measure, render, speechlike, split_at

FMT = StreamFormat(16000)


def settled(normalizer, block, as_decoded=lambda report: report):
    """Return the output that a stage was content with, what it heard of it, and the facts.

    Args:
        normalizer: The stage.
        block: The stream.
        as_decoded: What happens to the output before it is heard, told as a change of the
            report.
    """
    fmt = normalizer.fmt
    processor = normalizer.build(measure(normalizer.new_meter(fmt), [block]))
    while True:
        out = render(processor, [block])
        heard = as_decoded(measure(normalizer.new_meter(fmt), [out]))
        better = normalizer.correct(heard)
        if better is None:
            return out, heard, processor.facts()
        processor = better


def stretches(*levels_lufs):
    """Return 5 s of voice at each of these levels."""
    voice = speechlike(FMT, 5.0)
    level_lufs = measure(LoudnessMeter(FMT), [voice]).integrated_lufs
    gains = [np.float32(10 ** ((level - level_lufs) / 20)) for level in levels_lufs]
    return np.concatenate([voice * gain for gain in gains])


@pytest.mark.parametrize("fmt", [FMT, StreamFormat(44100, 2), StreamFormat(8000)])
def test_loudness_lands_on_the_target_by_one_gain(fmt):
    block = speechlike(fmt, 3.5) * np.float32(0.1)
    out, report, facts = settled(LoudnessNormalizer(fmt), block)
    assert report.integrated_lufs == pytest.approx(-23.0, abs=0.01)
    assert facts["mode"] == "linear"
    # One gain for every sample, and the row states it to 0.01 dB.
    gain = float(out.max() / block.max())
    np.testing.assert_allclose(out, block * gain, rtol=1e-6)
    assert facts["gain_db"] == round(20 * np.log10(gain), 2)
    assert facts["before_lufs"] == pytest.approx(-23.0 - facts["gain_db"], abs=0.011)


def test_where_the_ceiling_is_in_the_way_the_limiter_holds_it_and_says_so():
    settings = LoudnessSettings(target_lufs=-15.0, ceiling_dbtp=-2.0)
    _, report, facts = settled(LoudnessNormalizer(FMT, settings), speechlike(FMT, 3.5))
    assert facts["mode"] == "limited"
    assert facts["max_reduction_db"] > 0.5
    assert report.true_peak_dbtp < -2.0
    assert report.integrated_lufs == pytest.approx(-15.0, abs=0.06)


def test_a_scrap_goes_by_its_ungated_loudness():
    _, report, facts = settled(LoudnessNormalizer(FMT), speechlike(FMT, 0.3) * np.float32(0.1))
    assert facts["reason"] == "ungated"
    assert report.ungated_lufs == pytest.approx(-23.0, abs=0.01)


def test_silence_keeps_its_bits_and_says_why():
    for normalizer in (LoudnessNormalizer(FMT), RmsNormalizer(FMT), PeakNormalizer(FMT)):
        out, _, facts = settled(normalizer, FMT.silence(8000))
        assert not out.any()
        assert (facts["mode"], facts["reason"], facts["gain_db"]) == ("unchanged", "silence", 0.0)


def test_what_is_all_below_the_gate_stays_as_it_is():
    block = speechlike(FMT, 1.0) * np.float32(1e-3)
    out, _, facts = settled(LoudnessNormalizer(FMT), block)
    assert (facts["mode"], facts["reason"]) == ("unchanged", "silence")
    np.testing.assert_array_equal(out, block)


def test_hiss_is_not_raised_beyond_the_most_gain():
    block = speechlike(FMT, 1.0) * np.float32(3e-2)
    _, _, facts = settled(LoudnessNormalizer(FMT, LoudnessSettings(max_gain_db=20.0)), block)
    assert (facts["gain_db"], facts["reason"]) == (20.0, "max_gain")


def test_peak_and_rms_land_on_their_targets():
    block = speechlike(FMT, 1.0)
    _, peak, _ = settled(PeakNormalizer(FMT, PeakSettings(peak_dbfs=-3.0)), block)
    assert peak.sample_peak_dbfs == pytest.approx(-3.0, abs=1e-3)
    _, rms, facts = settled(RmsNormalizer(FMT, RmsSettings(rms_dbfs=-26.0)), block)
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


def test_a_gain_is_foreseen_as_it_is_then_heard():
    block = stretches(-40.0, -46.0, -36.0)
    normalizer = LoudnessNormalizer(FMT)
    _, heard, _ = settled(normalizer, block)
    foreseen = normalizer.foresee().to_row()
    for name, value in heard.to_row().items():
        assert foreseen[name] == pytest.approx(value, abs=0.01), name


def test_what_a_gain_lifts_above_the_gate_of_70_lufs_counts_before_it_is_applied():
    # Below the gate before, and loud enough to count after: the mean falls by 2.6 LU.
    block = stretches(-66.0, -74.0)
    before = measure(LoudnessMeter(FMT), [block])
    normalizer = LoudnessNormalizer(FMT, LoudnessSettings(target_lufs=-30.0))
    _, heard, facts = settled(normalizer, block)
    assert facts["gain_db"] > -30.0 - before.integrated_lufs + 2.0
    assert (facts["mode"], facts["reason"], facts["tries"]) == ("linear", None, 1)
    assert heard.integrated_lufs == pytest.approx(-30.0, abs=0.01)
    assert normalizer.foresee().integrated_lufs == pytest.approx(heard.integrated_lufs, abs=0.01)


@pytest.mark.parametrize("fmt", [FMT, StreamFormat(48000, 2)])
@pytest.mark.parametrize("target_active_dbov", [-36.0, -26.0, -16.0])
def test_speech_lands_on_its_active_level(fmt, target_active_dbov):
    # A third of silence: the level of the whole is another one.
    block = np.concatenate([speechlike(fmt, 4.0) * np.float32(0.2), fmt.silence(2 * 48000)])
    settings = ActiveLevelSettings(target_active_dbov=target_active_dbov)
    out, heard, facts = settled(ActiveLevelNormalizer(fmt, settings), block)
    speech = measure(ActiveLevelMeter(fmt), [out])
    assert speech.active_level_dbov == pytest.approx(target_active_dbov, abs=0.1)
    assert heard.loudness.true_peak_dbtp <= -1.0
    assert facts["before_active_dbov"] == pytest.approx(
        measure(ActiveLevelMeter(fmt), [block]).active_level_dbov, abs=0.01
    )
    assert speech.long_term_level_dbov < target_active_dbov - 1.0


@pytest.mark.parametrize(("gain_lu", "mode"), [(-3.0, "linear"), (3.0, "limited")])
def test_the_loudness_range_stays_where_only_peaks_are_in_the_way(gain_lu, mode):
    block = stretches(-24.0, -30.0, -36.0, -24.0, -30.0)
    # Clicks where it is loud.
    block[3000 : 5 * FMT.sample_rate : 40_000] = 0.8
    before = measure(LoudnessMeter(FMT), [block])
    settings = LoudnessSettings(target_lufs=before.integrated_lufs + gain_lu)
    _, heard, facts = settled(LoudnessNormalizer(FMT, settings), block)
    assert facts["mode"] == mode
    assert before.range_lu > 5.0
    assert heard.range_lu == pytest.approx(before.range_lu, abs=0.1)


def test_without_the_limiter_the_gain_stops_at_the_ceiling():
    settings = LoudnessSettings(target_lufs=-8.0, ceiling_dbtp=-3.0, limit=False)
    block = speechlike(FMT, 2.0)
    out, heard, facts = settled(LoudnessNormalizer(FMT, settings), block)
    assert (facts["mode"], facts["reason"]) == ("linear", "ceiling")
    assert -3.2 < heard.true_peak_dbtp <= -3.0
    np.testing.assert_allclose(out, block * (out.max() / block.max()), rtol=1e-6)


def as_encoded(level_db, peak_db):
    """Return what a lossy encoder would do: some level is lost, and peaks are added."""

    def heard(report):
        shifted = report.after_gain(level_db)
        return dataclasses.replace(shifted, true_peak_dbtp=shifted.true_peak_dbtp + peak_db)

    return heard


@pytest.mark.parametrize("level_db", [-0.5, 0.3])
@pytest.mark.parametrize("peak_db", [0.0, 1.5])
@pytest.mark.parametrize(("target_lufs", "mode"), [(-24.0, "linear"), (-15.0, "limited")])
def test_what_an_encoder_takes_and_adds_is_made_up_for(level_db, peak_db, target_lufs, mode):
    settings = LoudnessSettings(target_lufs=target_lufs)
    _, heard, facts = settled(
        LoudnessNormalizer(FMT, settings), speechlike(FMT, 2.0), as_encoded(level_db, peak_db)
    )
    assert heard.integrated_lufs == pytest.approx(target_lufs, abs=0.07)
    assert heard.true_peak_dbtp <= -1.0
    assert (facts["mode"], facts["reason"]) == (mode, None)
    assert 2 <= facts["tries"] <= 8


def test_peaks_that_an_encoder_adds_bring_the_limiter_in_where_one_gain_seemed_enough():
    block = speechlike(FMT, 2.0)
    peak_lu = measure(LoudnessMeter(FMT), [block])
    room_lu = -1.5 - (peak_lu.true_peak_dbtp - peak_lu.integrated_lufs)
    normalizer = LoudnessNormalizer(FMT, LoudnessSettings(target_lufs=room_lu))
    assert settled(normalizer, block)[2]["mode"] == "linear"
    _, heard, facts = settled(normalizer, block, as_encoded(0.0, 2.0))
    assert facts["mode"] == "limited"
    assert heard.true_peak_dbtp <= -1.0
    assert heard.integrated_lufs == pytest.approx(room_lu, abs=0.07)


def test_without_the_limiter_added_peaks_lower_the_gain():
    settings = LoudnessSettings(target_lufs=-8.0, limit=False)
    block = speechlike(FMT, 2.0)
    _, heard, facts = settled(LoudnessNormalizer(FMT, settings), block, as_encoded(0.0, 2.0))
    assert (facts["mode"], facts["reason"]) == ("linear", "ceiling")
    assert -1.2 < heard.true_peak_dbtp <= -1.0


def adding(peaks_db):
    """Return an encoder that adds to the peaks another amount for every other input."""
    added_db = iter(peaks_db)
    known_db = {}

    def heard(report):
        # The same samples in, the same samples out.
        key = (report.rms_dbfs, report.true_peak_dbtp)
        if key not in known_db:
            known_db[key] = next(added_db)
        true_peak_dbtp = report.true_peak_dbtp + known_db[key]
        return dataclasses.replace(report, true_peak_dbtp=true_peak_dbtp)

    return heard


@pytest.mark.parametrize("seed", range(4))
def test_an_encoder_need_not_add_the_same_each_time(seed):
    peaks_db = np.random.default_rng(seed).uniform(0.0, 1.2, 8).tolist()
    settings = LoudnessSettings(target_lufs=-14.0)
    block = speechlike(FMT, 2.0)
    _, heard, facts = settled(LoudnessNormalizer(FMT, settings), block, adding(peaks_db))
    assert heard.integrated_lufs == pytest.approx(-14.0, abs=0.07)
    assert heard.true_peak_dbtp <= -1.0
    assert facts["reason"] is None


def test_one_peak_out_of_the_ordinary_does_not_keep_the_others_low():
    # Seen of Opus: 3 dB on one try, and little on those before and after.
    peaks_db = [0.3, 0.3, 3.0, *[0.3] * 5]
    settings = LoudnessSettings(target_lufs=-13.5)
    block = speechlike(FMT, 2.0)
    _, heard, facts = settled(LoudnessNormalizer(FMT, settings), block, adding(peaks_db))
    assert heard.integrated_lufs == pytest.approx(-13.5, abs=0.1)
    assert heard.true_peak_dbtp <= -1.0
    assert facts["max_reduction_db"] < 15.0


def test_even_what_is_given_up_is_below_the_ceiling():
    settings = LoudnessSettings(target_lufs=-14.0)
    block = speechlike(FMT, 2.0)
    # Each try adds 0.3 dB more than the one before.
    encoder = adding(np.arange(8) * 0.3)
    _, heard, _ = settled(LoudnessNormalizer(FMT, settings), block, encoder)
    assert heard.true_peak_dbtp <= -1.0


def test_what_can_not_be_reached_ends_and_says_so():
    # Whatever goes in, the same comes out.
    def deaf(report):
        return dataclasses.replace(report, integrated_lufs=-22.0)

    _, _, facts = settled(LoudnessNormalizer(FMT), speechlike(FMT, 1.0), deaf)
    assert facts["reason"] == "not_reached"
    assert facts["tries"] <= 8


def click(fmt):
    block = fmt.silence(2 * fmt.sample_rate)
    block[fmt.sample_rate] = 0.9
    return block


def offset(fmt):
    return fmt.silence(2 * fmt.sample_rate) + np.float32(0.5)


@pytest.mark.parametrize("make", [click, offset])
@pytest.mark.parametrize("max_gain_db", [6.0, 40.0])
def test_the_most_gain_holds_where_every_gain_is_taken_back(make, max_gain_db):
    settings = LoudnessSettings(max_gain_db=max_gain_db)
    out, heard, facts = settled(LoudnessNormalizer(FMT, settings), make(FMT))
    assert facts["gain_db"] <= max_gain_db
    assert facts["reason"] in ("max_gain", "not_reached")
    assert facts["tries"] <= 8
    assert heard.true_peak_dbtp <= -1.0
    assert np.isfinite(out).all()


@pytest.mark.parametrize("gain_db", [-12.5, 0.0, 7.0])
def test_an_album_gives_each_recording_the_same_gain_whatever_its_level(gain_db):
    for level in (0.5, 0.01, 1e-4):
        block = speechlike(FMT, 1.0) * np.float32(level)
        out, _, facts = settled(AlbumNormalizer(FMT, AlbumSettings(gain_db=gain_db)), block)
        np.testing.assert_allclose(out, block * 10 ** (gain_db / 20), rtol=1e-6)
        assert (facts["gain_db"], facts["reason"]) == (gain_db, None)


def test_an_album_s_ceiling_is_held_by_a_limiter_and_not_by_another_gain():
    block = speechlike(FMT, 2.0)
    settings = AlbumSettings(gain_db=12.0, ceiling_dbtp=-2.0)
    _, heard, facts = settled(AlbumNormalizer(FMT, settings), block, as_encoded(-0.5, 1.0))
    assert (facts["mode"], facts["gain_db"]) == ("limited", 12.0)
    assert heard.true_peak_dbtp <= -2.0
    free = AlbumSettings(gain_db=12.0, ceiling_dbtp=None)
    out, _, facts = settled(AlbumNormalizer(FMT, free), block)
    assert facts["mode"] == "linear"
    np.testing.assert_allclose(out, block * 10**0.6, rtol=1e-6)


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(
    level_db=st.floats(-50.0, 6.0),
    target_lufs=st.floats(-45.0, -5.0),
    ceiling_dbtp=st.floats(-12.0, 0.0),
    max_gain_db=st.floats(0.0, 60.0),
    limit=st.booleans(),
)
def test_the_target_is_met_or_the_facts_say_why_not(
    level_db, target_lufs, ceiling_dbtp, max_gain_db, limit
):
    fmt = StreamFormat(8000)
    wanted = LoudnessSettings(target_lufs, ceiling_dbtp, limit, max_gain_db)
    block = speechlike(fmt, 1.0) * np.float32(10 ** (level_db / 20))
    _, heard, facts = settled(LoudnessNormalizer(fmt, wanted), block)
    assert heard.true_peak_dbtp <= ceiling_dbtp
    assert facts["gain_db"] <= max_gain_db + 0.005
    assert limit or facts["mode"] != "limited"
    if facts["reason"] is None:
        assert heard.integrated_lufs == pytest.approx(target_lufs, abs=0.07)
    else:
        assert facts["reason"] in {"max_gain", "ceiling", "not_reached"}
        assert heard.integrated_lufs < target_lufs + 0.05


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(level_db=st.floats(-40.0, 0.0), cuts=st.lists(st.integers(0, 8000), max_size=6))
def test_the_cutting_of_the_stream_changes_no_bit_of_the_result(level_db, cuts):
    fmt = StreamFormat(8000)
    block = speechlike(fmt, 1.0) * np.float32(10 ** (level_db / 20))
    results = []
    for blocks in ([block], split_at(block, cuts)):
        normalizer = LoudnessNormalizer(fmt, LoudnessSettings(target_lufs=-12.0))
        processor = normalizer.build(measure(normalizer.new_meter(fmt), blocks))
        results.append(render(processor, blocks))
    np.testing.assert_array_equal(*results)


def test_a_recording_after_a_hard_one_is_searched_for_anew():
    settings = LoudnessSettings(target_lufs=-14.0)
    reused = LoudnessNormalizer(FMT, settings)
    settled(reused, click(FMT))
    _, heard, facts = settled(reused, speechlike(FMT, 2.0))
    _, fresh, fresh_facts = settled(LoudnessNormalizer(FMT, settings), speechlike(FMT, 2.0))
    assert facts == fresh_facts
    assert heard == fresh


@pytest.mark.parametrize("max_gain_db", [4.0, 6.0])
def test_a_capped_gain_may_be_too_soft_and_never_too_loud(max_gain_db):
    settings = LoudnessSettings(target_lufs=-14.0, max_gain_db=max_gain_db)
    # An encoder that makes it louder than any gain allowed would.
    _, heard, _ = settled(
        LoudnessNormalizer(FMT, settings), speechlike(FMT, 2.0), as_encoded(6.0, 0.0)
    )
    assert heard.integrated_lufs <= -14.0 + 0.07
