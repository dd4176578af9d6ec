"""The scores fall when the sound gets worse, and stay away where they mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.denoise.spectral_engine import SpectralEngine, SpectralSettings
from audiokit.errors import SettingError
from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.quality import QualityMeter, QualityReport, QualitySettings
from audiokit.quality.network import clipped_share
from audiokit.stage import StreamFormat
from audiokit.testing import measure, render, speechlike, split_at

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


def _score(mono, fmt=FMT, profile="default"):
    block = np.ascontiguousarray(mono, np.float32).reshape(-1, fmt.channels)
    return measure(QualityMeter(fmt, QualitySettings(profile=profile)), [block])


def _mix(speech, noise, snr_db):
    """Add noise so much below the active level of speech (ITU-T P.56)."""
    meter = ActiveLevelMeter(FMT)
    meter.update(np.ascontiguousarray(speech[:, np.newaxis], np.float32))
    noise = np.resize(noise, len(speech))
    wanted = 10.0 ** ((meter.result().active_level_dbov - snr_db) / 20.0)
    mixed = speech + wanted * noise / np.sqrt(np.mean(np.square(noise)))
    return mixed * (0.1 / np.sqrt(np.mean(np.square(mixed))))


def _low_passed(mono, top_hz, rate=16000):
    spectrum = np.fft.rfft(mono)
    spectrum[round(top_hz * len(mono) / rate) :] = 0.0
    return np.fft.irfft(spectrum, len(mono)).astype(np.float32)


@pytest.fixture(scope="module")
def spoken(samples):
    """A clip of the project: an English sentence, 16 kHz."""
    return _read(samples / "clean_en.wav")


@pytest.fixture(scope="module")
def takes(recordings):
    return [_read(recordings / name) for name in TALKERS]


@pytest.fixture(scope="module")
def mixes(takes, recordings):
    """Reports by true ratio in dB, for every talker in every noise.

    Some talkers were themselves recorded in noise: what is added must be the stronger by 6 dB.
    """
    noises = [_read(recordings / name) for name in NOISES]
    cleanest_db = [
        _score(take).active_level_dbfs - _score(take).noise_floor_dbfs for take in takes
    ]
    return {
        snr_db: [
            _score(_mix(take, noise, snr_db))
            for take, own_db in zip(takes, cleanest_db, strict=True)
            for noise in noises
            if own_db >= snr_db + 6.0
        ]
        for snr_db in (0, 10, 20, 30)
    }


def _told(mixes):
    """Return the true ratio and the report of all that have a ratio."""
    return [
        (true, report)
        for true, reports in mixes.items()
        for report in reports
        if report.snr_db is not None
    ]


def test_nearly_all_untouched_mixes_have_a_ratio(mixes):
    assert len(_told(mixes)) >= 0.9 * sum(map(len, mixes.values()))


def test_snr_of_unseen_talkers_in_unseen_noise_is_right_within_four_db(mixes):
    assert np.mean([abs(report.snr_db - true) for true, report in _told(mixes)]) <= 4.0


def test_the_band_of_the_snr_holds_the_true_ratio(mixes):
    inside = [report.snr_low_db <= true <= report.snr_high_db for true, report in _told(mixes)]
    assert np.mean(inside) >= 0.8


def test_snr_and_overall_rise_with_the_true_ratio(mixes):
    for name in ("snr_db", "overall"):
        means = [
            np.mean([getattr(report, name) for true, report in _told(mixes) if true == db])
            for db in mixes
        ]
        assert (np.diff(means) > 2.0).all(), f"{name}: {means}"


def test_noise_is_named_as_what_costs_most_where_there_is_much_of_it(mixes):
    named = [report.worst.startswith("noise: -") for report in mixes[0] if report.worst]
    assert np.mean(named) >= 0.8


def test_clipping_costs_and_is_named(takes):
    for take in takes:
        loud = take / np.abs(take).max() * 0.9
        clean, clipped = _score(loud), _score(np.clip(loud * 4.0, -0.9, 0.9))
        assert clean.clipping_ratio < 1e-4
        assert clipped.clipping_ratio > 1e-3
        assert clipped.clipping_penalty > 20.0
        assert clipped.overall < 0.9 * clean.overall


def test_where_a_fifth_of_all_samples_are_clipped_nothing_costs_more(spoken):
    loud = np.clip(spoken * 12.0 / np.abs(spoken).max(), -1.0, 1.0)
    report = _score(loud)
    assert report.clipping_ratio > 0.1
    assert report.worst.startswith("clipping: -")


def test_the_more_is_clipped_the_lower_the_score_and_a_millionth_costs_nothing(spoken):
    reports = [
        _score(np.clip(spoken, -limit, limit))
        for limit in np.abs(spoken).max() * np.array([1.0, 0.5, 0.25, 0.12])
    ]
    assert (np.diff([report.overall for report in reports]) < 0.0).all()
    assert clipped_share(1e-6) == clipped_share(0.0) == 0.0
    assert (np.diff(clipped_share(np.array([1e-3, 1e-2, 1e-1, 1.0]))) > 0.0).all()


def test_nothing_is_blamed_that_nothing_has_measured(spoken):
    for take in (spoken, np.tile(spoken, 2)[2000:]):
        report = _score(take)
        assert report.codec is None
        blamed = (report.worst or "").split(":")[0]
        assert blamed not in {"coding", "loss", "clipping", "reverberation", "processing"}


def test_the_clips_of_the_project_do_not_look_denoised_and_those_without_fault_score_best(samples):
    told = {
        path.name: _score(_read(path))
        for path in sorted([*samples.glob("*.wav"), *samples.glob("*.flac")])
    }
    assert not [name for name, report in told.items() if report.processed]
    for worse in ("white_noise_de.wav", "pink_noise_fr.flac", "babble_es.wav", "clipped_pl.flac"):
        assert told["clean_en.wav"].overall > told[worse].overall, worse


def test_a_narrow_band_costs_clarity(takes):
    for take in takes:
        wide, narrow = _score(take), _score(_low_passed(take, 3400.0))
        assert narrow.bandwidth_hz == pytest.approx(3400.0, rel=0.1)
        assert narrow.clarity < wide.clarity
        assert narrow.overall < wide.overall


def test_a_take_that_gets_quieter_by_a_lot_is_less_consistent(spoken):
    take = np.tile(spoken, 3)
    gains = np.where(np.arange(len(take)) < len(take) // 2, 1.0, 10.0 ** (-14 / 20))
    assert _score(take * gains).consistency < _score(take).consistency - 0.2


@pytest.mark.parametrize("profile", ["default", "seed"])
def test_gain_changes_no_score_but_that_of_the_level(spoken, profile):
    loud, soft = (_score(spoken * np.float32(gain), profile=profile) for gain in (1.0, 10**-0.6))
    # Levels are counted in whole decibels: this gain is one of twelve.
    assert soft.snr_score == pytest.approx(loud.snr_score, abs=3.0)
    assert soft.clarity_score == pytest.approx(loud.clarity_score, abs=0.1)
    if profile == "default":
        assert soft.overall == pytest.approx(loud.overall, abs=3.0)
    assert soft.active_level_dbfs == pytest.approx(loud.active_level_dbfs - 12.0, abs=0.1)


def test_an_offset_changes_nothing_but_the_offset(spoken):
    plain, shifted = _score(spoken), _score(spoken + np.float32(0.1))
    assert shifted.dc_offset == pytest.approx(plain.dc_offset + 0.1, abs=1e-4)
    assert shifted.overall == pytest.approx(plain.overall, abs=3.0)
    assert shifted.active_level_dbfs == pytest.approx(plain.active_level_dbfs, abs=0.1)
    assert shifted.processed_probability == pytest.approx(plain.processed_probability, abs=0.02)


def test_a_dead_channel_is_said_and_changes_no_score(spoken):
    alone = _score(spoken)
    beside = _score(np.stack([spoken, np.zeros_like(spoken)], axis=1), StreamFormat(16000, 2))
    assert (alone.dead_channels, beside.dead_channels) == (0, 1)
    assert beside.overall == pytest.approx(alone.overall, abs=3.0)
    assert beside.active_level_dbfs == pytest.approx(alone.active_level_dbfs, abs=0.1)


def test_a_dead_channel_takes_nothing_from_the_noise_floor(spoken):
    noisy = spoken + 1e-3 * np.random.default_rng(7).standard_normal(len(spoken))
    alone = _score(noisy)
    beside = _score(np.stack([noisy, np.zeros_like(noisy)], axis=1), StreamFormat(16000, 2))
    for name in ("noise_floor_dbfs", "noise_floor_low_dbfs", "noise_floor_high_dbfs"):
        assert getattr(beside, name) == pytest.approx(getattr(alone, name), abs=0.3)


def test_two_channels_in_anti_phase_are_said_and_scored_as_one(spoken):
    alone = _score(spoken)
    opposed = _score(np.stack([spoken, -spoken], axis=1), StreamFormat(16000, 2))
    assert opposed.opposed_channels == 1
    assert opposed.overall == pytest.approx(alone.overall, abs=0.5)


def test_active_level_leaves_the_pauses_out():
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(8 * 16000) * 0.1
    noise[4 * 16000 :] = rng.standard_normal(4 * 16000) * 1e-4
    report = _score(noise)
    assert report.active_level_dbfs == pytest.approx(-20.0, abs=0.4)
    assert report.noise_floor_dbfs == pytest.approx(-80.0, abs=0.6)
    assert report.silence_ratio == pytest.approx(0.5, abs=0.01)


def _tone(seconds):
    return np.sin(2 * np.pi * 1000 * np.arange(round(seconds * 16000)) / 16000) * 0.5


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0), "shorter than 0.5 s"),
        (speechlike(FMT, 0.4), "shorter than 0.5 s"),
        (np.zeros(32000), "silence"),
        (speechlike(FMT, 2.0) * 1e-4, "silence"),
        (np.full(32000, 0.5), "silence"),
        (np.random.default_rng(4).standard_normal(80000) * 0.1, "no speech"),
        (_tone(4.0), "no speech"),
    ],
    ids=["nothing", "0.4 s", "zeros", "soft", "an offset", "noise", "a tone"],
)
def test_where_scores_mean_nothing_there_are_none_and_a_reason(samples, reason):
    report = _score(samples)
    assert reason in report.reason
    assert reason in report.snr_reason
    assert report.overall is report.grade is report.worst is report.snr_db is None
    assert report.clarity is report.consistency is report.clipping_penalty is None
    assert report.overall_low is report.pesq_like is report.processed is None


def test_below_eight_thousand_hertz_the_reason_names_the_rate(spoken):
    import soxr

    report = _score(soxr.resample(spoken, 16000, 4000), StreamFormat(4000))
    assert "4000 Hz" in report.reason
    assert report.overall is None


def test_what_looks_denoised_has_a_probability_in_its_reason_and_no_ratio_at_all(
    takes, recordings
):
    noise = _read(recordings / NOISES[0])
    stage = SpectralEngine(FMT, SpectralSettings(over_subtraction=3.0, floor_db=-60.0))
    told = []
    for take in takes:
        noisy = _mix(take, noise, 5.0).astype(np.float32)[:, np.newaxis]
        report = _score(render(stage, [noisy]))
        if report.processed:
            told.append(report)
            assert report.snr_reason == (
                f"looks denoised (probability {report.processed_probability:.2f})"
            )
            assert report.snr_db is report.wada_snr_db is report.histogram_snr_db is None
    assert told


def test_overall_of_the_profile_seed_is_its_weighted_sum_less_the_penalty(spoken):
    report = _score(np.clip(spoken * 3.0 / np.abs(spoken).max(), -1.0, 1.0), profile="seed")
    expected = (
        0.3 * report.snr_score
        + 0.3 * report.clarity_score
        + 0.2 * report.level_score
        + 0.2 * report.consistency_score
        - report.clipping_penalty
    )
    assert report.overall == pytest.approx(max(0.0, expected))
    # Ten points per decade above one in 100,000, at most 40.
    wanted = min(40.0, 10 * np.log10(report.clipping_ratio / 1e-5))
    assert report.clipping_penalty == pytest.approx(wanted)
    assert wanted > 10.0


def test_without_two_seconds_of_speech_the_weight_of_consistency_goes_to_the_others(spoken):
    report = _score(spoken[:16000], profile="seed")
    assert report.consistency is None
    assert report.consistency_score is None
    expected = (
        0.3 * report.snr_score + 0.3 * report.clarity_score + 0.2 * report.level_score
    ) / 0.8 - report.clipping_penalty
    assert report.overall == pytest.approx(expected)


def test_a_row_holds_every_field_under_its_name(spoken):
    row = _score(spoken).to_row()
    assert list(row)[:5] == ["duration_s", "overall", "grade", "worst", "reason"]
    assert all(value is None or isinstance(value, (float, int, str)) for value in row.values())


def test_a_row_is_rounded_and_the_report_is_not():
    report = QualityReport(
        duration_s=3.00000049,
        overall=84.96,
        grade="B",
        snr_db=18.125001,
        clarity=0.84236,
        peak_dbfs=-1.5315,
        clipping_ratio=0.00016,
        silence_ratio=0.58718,
        dc_offset=-4.2e-7,
        bandwidth_hz=3937.6,
        snr_score=68.44,
        headroom_db=1.5315,
        lost_packets=2,
        lost_ratio=0.0123456789,
        dropouts=0,
        dropout_s=0.0,
        dead_channels=0,
        opposed_channels=0,
        mains_hz=50,
        processed=False,
        processed_probability=0.12345,
    )
    row = report.to_row()
    rounded = {
        "duration_s": 3.0,
        "overall": 85.0,
        "grade": "B",
        "snr_db": 18.13,
        "clarity": 0.8424,
        "peak_dbfs": -1.53,
        "clipping_ratio": 0.00016,
        "silence_ratio": 0.5872,
        "dc_offset": 0.0,
        "bandwidth_hz": 3938.0,
        "snr_score": 68.4,
        "lost_packets": 2,
        "lost_ratio": 0.012346,
        "mains_hz": 50,
        "processed": False,
        "processed_probability": 0.123,
        "consistency": None,
    }
    assert {name: row[name] for name in rounded} == rounded
    assert str(row["dc_offset"]) == "0.0"


def test_asking_half_way_changes_nothing():
    block = speechlike(FMT, 4.7)
    meter = QualityMeter(FMT)
    for piece in split_at(block, [1, 20000, 20001, 66000]):
        meter.update(piece)
        meter.result()
    assert meter.result() == measure(QualityMeter(FMT), [block])


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 40000), max_size=12))
def test_scores_do_not_depend_on_how_the_stream_is_cut(spoken, cuts):
    block = spoken[:40000, np.newaxis]
    pieces = split_at(block, cuts)
    assert measure(QualityMeter(FMT), pieces) == measure(QualityMeter(FMT), [block])


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_the_same_speech_at_another_rate_has_much_the_same_score(spoken, rate):
    import soxr

    # Telephone speech, so that every rate holds all of it.
    narrow = _low_passed(spoken, 3400.0)
    other = soxr.resample(narrow, 16000, rate)
    assert _score(other, StreamFormat(rate)).overall == pytest.approx(
        _score(narrow).overall, abs=8.0
    )


def test_an_unknown_profile_and_a_rate_below_speech_are_refused():
    with pytest.raises(SettingError, match="one of default, seed"):
        QualitySettings(profile="best")
    with pytest.raises(SettingError, match="4000 Hz or more"):
        QualityMeter(StreamFormat(2000))
