"""The scores fall when the sound gets worse, and stay away where they mean nothing."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.quality import QualityMeter, QualityReport, QualitySettings
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike, split_at

FMT = StreamFormat(16000)
TALKERS = (
    "speech/cmu_arctic_us_aew_a0001.flac",
    "speech/libri_1998-15444-0000.flac",
    "speech/libri_2414-128291-0000.flac",
    "speech/leopard_test_es.flac",
    "speech/spk1_snt1.flac",
)
NOISES = ("noise/cafe_short.flac", "noise/exercise_bike.flac", "noise/doing_the_dishes.flac")


def _read(path):
    import soundfile
    import soxr

    block, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = block.mean(axis=1)
    if rate != 16000:
        mono = soxr.resample(mono, rate, 16000)
    return mono[: 10 * 16000].astype(np.float32)


def _score(mono, fmt=FMT):
    return measure(QualityMeter(fmt), [np.ascontiguousarray(mono, np.float32).reshape(-1, 1)])


def _mix(speech, noise, snr_db):
    """Add noise so much below the level of the loudest 20 ms stretches that hold speech."""
    stretches = np.square(speech[: len(speech) // 320 * 320].reshape(-1, 320)).mean(axis=1)
    active = stretches[stretches >= 0.03 * np.quantile(stretches, 0.95)].mean()
    noise = np.resize(noise, len(speech))
    gain = np.sqrt(active / np.mean(np.square(noise)) / 10.0 ** (snr_db / 10.0))
    mixed = speech + gain * noise
    return mixed * (0.1 / np.sqrt(np.mean(np.square(mixed))))


def _low_passed(mono, top_hz, rate=16000):
    spectrum = np.fft.rfft(mono)
    spectrum[round(top_hz * len(mono) / rate) :] = 0.0
    return np.fft.irfft(spectrum, len(mono)).astype(np.float32)


@pytest.fixture(scope="module")
def takes(recordings):
    return [_read(recordings / name) for name in TALKERS]


@pytest.fixture(scope="module")
def mixes(takes, recordings):
    """Reports by true ratio in dB, for every talker in every noise."""
    noises = [_read(recordings / name) for name in NOISES]
    return {
        snr_db: [_score(_mix(take, noise, snr_db)) for take in takes for noise in noises]
        for snr_db in (0, 10, 20, 30)
    }


def test_snr_of_unseen_talkers_in_unseen_noise_is_right_within_six_db(mixes):
    errors = [abs(report.snr_db - true) for true, reports in mixes.items() for report in reports]
    assert np.mean(errors) <= 6.0


def test_snr_and_overall_rise_with_the_true_ratio(mixes):
    for name in ("snr_db", "overall"):
        means = [np.mean([getattr(report, name) for report in mixes[db]]) for db in mixes]
        assert (np.diff(means) > 2.0).all(), f"{name}: {means}"


def test_noise_is_named_as_what_costs_most_where_there_is_much_of_it(mixes):
    named = [report.worst.startswith("noise: -") for report in mixes[0]]
    assert np.mean(named) >= 0.8


def test_clipping_costs_and_is_named(takes):
    for take in takes:
        loud = take / np.abs(take).max() * 0.9
        clean, clipped = _score(loud), _score(np.clip(loud * 4.0, -0.9, 0.9))
        assert clean.clipping_ratio < 1e-4
        assert clipped.clipping_ratio > 1e-3
        assert clipped.clipping_penalty > 20.0
        assert clipped.overall < clean.overall - 10.0


def test_a_narrow_band_costs_clarity(takes):
    for take in takes:
        wide, narrow = _score(take), _score(_low_passed(take, 3400.0))
        assert narrow.bandwidth_hz == pytest.approx(3400.0, rel=0.1)
        assert narrow.clarity < wide.clarity
        assert narrow.overall < wide.overall


def test_a_take_that_gets_quieter_by_a_lot_is_less_consistent(takes):
    take = np.tile(takes[1], 2)
    gains = np.where(np.arange(len(take)) < len(take) // 2, 1.0, 10.0 ** (-14 / 20))
    assert _score(take * gains).consistency < _score(take).consistency - 0.2


def test_levels_of_a_full_scale_sine_are_known():
    time_s = np.arange(5 * 16000) / 16000
    report = _score(np.sin(2 * np.pi * 1000 * time_s))
    assert report.active_level_dbfs == pytest.approx(-3.01, abs=0.15)
    assert report.noise_floor_dbfs == pytest.approx(-3.01, abs=0.15)
    assert report.peak_dbfs == pytest.approx(0.0, abs=0.01)
    assert report.silence_ratio == 0.0
    assert report.consistency == 1.0


def test_active_level_leaves_the_pauses_out():
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(8 * 16000) * 0.1
    noise[4 * 16000 :] = rng.standard_normal(4 * 16000) * 1e-4
    report = _score(noise)
    assert report.active_level_dbfs == pytest.approx(-20.0, abs=0.4)
    assert report.noise_floor_dbfs == pytest.approx(-80.0, abs=0.4)
    assert report.silence_ratio == pytest.approx(0.5, abs=0.01)


def test_steady_noise_has_no_good_ratio():
    rng = np.random.default_rng(4)
    assert _score(rng.standard_normal(80000) * 0.1).snr_db < 0.0


def test_dc_is_measured_per_channel():
    fmt = StreamFormat(16000, 2)
    block = speechlike(fmt, 2.0)
    block -= block.mean(axis=0, dtype=np.float64).astype(np.float32)
    block[:, 1] -= np.float32(0.05)
    assert measure(QualityMeter(fmt), [block]).dc_offset == pytest.approx(-0.05, abs=1e-4)


def test_every_clipped_sample_is_counted_at_full_scale_and_in_flat_tops():
    block = speechlike(FMT, 2.0)[:, 0]
    block[100:110] = 1.0
    block[5000:5004] = -0.7
    block[9000:9002] = 0.6
    assert _score(block).clipping_ratio == pytest.approx(14 / 32000)


def test_overall_is_the_seeds_weighted_sum_less_the_penalty():
    block = speechlike(FMT, 4.0)[:, 0]
    block[100:110] = 1.0
    report = _score(block)
    expected = (
        0.3 * report.snr_score
        + 0.3 * report.clarity_score
        + 0.2 * report.level_score
        + 0.2 * report.consistency_score
        - report.clipping_penalty
    )
    assert report.overall == pytest.approx(expected)
    # Ten points per decade above one in 100,000.
    assert report.clipping_penalty == pytest.approx(10 * np.log10(10 / 64000 / 1e-5))


def test_without_two_seconds_of_speech_the_weight_of_consistency_goes_to_the_others():
    report = _score(speechlike(FMT, 0.9))
    assert report.consistency is None
    assert report.consistency_score is None
    expected = (
        0.3 * report.snr_score + 0.3 * report.clarity_score + 0.2 * report.level_score
    ) / 0.8
    assert report.overall == pytest.approx(expected)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (FMT.silence(0), "shorter than 0.5 s"),
        (speechlike(FMT, 0.4), "shorter than 0.5 s"),
        (FMT.silence(32000), "silence"),
        (speechlike(FMT, 2.0) * np.float32(1e-4), "silence"),
        (FMT.silence(32000) + np.float32(0.5), "silence"),
    ],
)
def test_where_scores_mean_nothing_there_are_none_and_a_reason(block, reason):
    report = _score(block)
    assert reason in report.reason
    assert report.overall is report.grade is report.worst is report.snr_db is None
    assert report.clarity is report.consistency is report.clipping_penalty is None


def test_digital_zeros_between_takes_are_no_noise_floor():
    speech = speechlike(FMT, 4.0)[:, 0]
    padded = np.concatenate([speech, np.zeros(4 * 16000, np.float32)])
    assert _score(padded).noise_floor_dbfs == pytest.approx(_score(speech).noise_floor_dbfs, abs=2)


def test_a_row_holds_every_field_under_its_name():
    report = _score(speechlike(FMT, 3.0))
    row = report.to_row()
    assert list(row)[:5] == ["duration_s", "overall", "grade", "worst", "reason"]
    assert all(value is None or isinstance(value, (float, str)) for value in row.values())


def test_a_row_is_rounded_and_the_report_is_not():
    report = QualityReport(
        duration_s=3.00000049,
        overall=84.96,
        grade="B",
        worst="noise: -8",
        reason=None,
        snr_db=18.125001,
        clarity=0.84236,
        consistency=0.81394,
        active_level_dbfs=-22.8936,
        noise_floor_dbfs=-58.375001,
        peak_dbfs=-1.5315,
        clipping_ratio=0.00016,
        silence_ratio=0.58718,
        dc_offset=-4.2e-7,
        bandwidth_hz=3937.6,
        snr_score=68.44,
        clarity_score=84.236,
        level_score=100.0,
        consistency_score=81.394,
        clipping_penalty=12.04,
    )
    assert report.to_row() == {
        "duration_s": 3.0,
        "overall": 85.0,
        "grade": "B",
        "worst": "noise: -8",
        "reason": None,
        "snr_db": 18.13,
        "clarity": 0.8424,
        "consistency": 0.8139,
        "active_level_dbfs": -22.89,
        "noise_floor_dbfs": -58.38,
        "peak_dbfs": -1.53,
        "clipping_ratio": 0.00016,
        "silence_ratio": 0.5872,
        "dc_offset": 0.0,
        "bandwidth_hz": 3938.0,
        "snr_score": 68.4,
        "clarity_score": 84.2,
        "level_score": 100.0,
        "consistency_score": 81.4,
        "clipping_penalty": 12.0,
    }
    assert str(report.to_row()["dc_offset"]) == "0.0"


def test_a_row_without_scores_has_none_where_the_report_has():
    report = _score(FMT.silence(0))
    row = report.to_row()
    assert row["overall"] is None
    assert row["reason"] == report.reason
    assert row["duration_s"] == 0.0


def test_asking_half_way_changes_nothing():
    block = speechlike(FMT, 4.7)
    meter = QualityMeter(FMT)
    for piece in split_at(block, [1, 20000, 20001, 66000]):
        meter.update(piece)
        meter.result()
    assert meter.result() == measure(QualityMeter(FMT), [block])


@pytest.mark.parametrize("cut_samples", [320, 16077, 64000])
def test_many_stretches_at_once_count_as_they_do_one_by_one(cut_samples):
    block = speechlike(FMT, 10.0)
    pieces = split_at(block, range(0, len(block), cut_samples))
    assert measure(QualityMeter(FMT), pieces) == measure(QualityMeter(FMT), [block])


def test_an_unknown_profile_and_a_rate_below_speech_are_refused():
    with pytest.raises(SettingError, match="one of seed"):
        QualitySettings(profile="best")
    with pytest.raises(SettingError, match="4000 Hz or more"):
        QualityMeter(StreamFormat(2000))
