"""The meter against the EBU's signals, and against levels known in closed form."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.loudness.level import LevelMeter
from audiokit.loudness.meter import LoudnessMeter
from audiokit.loudness.true_peak import CrestFinder, Interpolator, TruePeakMeter
from audiokit.loudness.weighting import channel_weights, k_weighting
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike, split_at

RATES = [8000, 11025, 16000, 44100, 48000, 96000, 192000]


def tones(fmt, *steps, frequency_hz=1000.0):
    """Steps of (level in dBFS, seconds), one sine through all, alike in all channels."""
    levels = [np.full(round(s * fmt.sample_rate), 10 ** (db / 20)) for db, s in steps]
    envelope = np.concatenate(levels)
    phase = 2 * np.pi * frequency_hz * np.arange(len(envelope)) / fmt.sample_rate
    mono = (envelope * np.sin(phase)).astype(np.float32)
    return np.ascontiguousarray(np.repeat(mono[:, None], fmt.channels, axis=1))


def report_on(fmt, block):
    return measure(LoudnessMeter(fmt), [block])


# EBU Tech 3341 table 1 and Tech 3342 table 1; ITU-R BS.2217 for the gating file.
@pytest.mark.parametrize(
    ("name", "integrated_lufs", "range_lu"),
    [
        ("seq-3341-1-16bit", -23.0, None),
        ("seq-3341-3-16bit-v02", -23.0, None),
        ("seq-3341-5-16bit-v02", -23.0, None),
        ("seq-3341-7_seq-3342-5-16bit", -23.0, 5.0),
        ("seq-3342-1-16bit", None, 10.0),
        ("seq-3342-2-16bit", None, 5.0),
        ("seq-3342-3-16bit", None, 20.0),
        ("1770-2_Comp_RelGateTest", -10.0, None),
    ],
)
def test_ebu_and_itu_recordings_read_as_published(recordings, name, integrated_lufs, range_lu):
    import soundfile

    block, rate = soundfile.read(
        recordings / "loudness" / f"{name}.flac", dtype="float32", always_2d=True
    )
    report = report_on(StreamFormat(rate, block.shape[1]), block)
    if integrated_lufs is not None:
        assert report.integrated_lufs == pytest.approx(integrated_lufs, abs=0.1)
    if range_lu is not None:
        assert report.range_lu == pytest.approx(range_lu, abs=0.5)


@pytest.mark.parametrize("sample_rate", RATES)
def test_the_calibration_tone_reads_minus_3_01_at_any_rate(sample_rate):
    fmt = StreamFormat(sample_rate)
    report = report_on(fmt, tones(fmt, (0.0, 2.0), frequency_hz=997.0))
    assert report.integrated_lufs == pytest.approx(-3.01, abs=0.01)
    assert report.momentary_max_lufs == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
def test_a_stereo_tone_reads_its_level_in_every_window(sample_rate):
    fmt = StreamFormat(sample_rate, 2)
    report = report_on(fmt, tones(fmt, (-23.0, 5.0)))
    assert report.integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert report.momentary_max_lufs == pytest.approx(-23.0, abs=0.1)
    assert report.short_term_max_lufs == pytest.approx(-23.0, abs=0.1)
    assert report.range_lu == pytest.approx(0.0, abs=0.01)


def test_k_weighting_is_the_standards_own_table_at_48_khz():
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0],
        [1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48000).reshape(4, 3), table, atol=1e-9)


@pytest.mark.parametrize(
    ("sample_rate", "within_db"), [(8000, 0.06), (16000, 0.01), (96000, 0.01)]
)
def test_k_weighting_hears_alike_at_every_rate(sample_rate, within_db):
    frequency_hz = np.array([30.0, 100.0, 500.0, 1000.0, 2000.0, 3000.0, 3900.0])

    def response_db(rate):
        z = np.exp(-2j * np.pi * frequency_hz / rate)
        powers = np.array([np.ones_like(z), z, z * z])
        sections = k_weighting(rate)
        ratio = (sections[:, :3] @ powers) / (sections[:, 3:] @ powers)
        return 20 * np.log10(np.abs(ratio.prod(axis=0)))

    np.testing.assert_allclose(response_db(sample_rate), response_db(48000), atol=within_db)


def test_quiet_parts_are_gated_out():
    # EBU Tech 3341 case 4: 10 s at -72, 10 at -36, 60 at -23, and back (shortened by half).
    fmt = StreamFormat(16000, 2)
    block = tones(fmt, (-72.0, 5), (-36.0, 5), (-23.0, 30), (-36.0, 5), (-72.0, 5))
    assert report_on(fmt, block).integrated_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("start_s", [0.0, 0.02, 0.05, 0.18])
def test_a_400_ms_tone_is_caught_wherever_it_starts(start_s):
    # EBU Tech 3341 case 13.
    fmt = StreamFormat(48000, 2)
    block = tones(fmt, (-300.0, start_s), (-23.0, 0.4), (-300.0, 1.0))
    assert report_on(fmt, block).momentary_max_lufs == pytest.approx(-23.0, abs=0.1)


def test_surround_channels_weigh_1_41_and_the_subwoofer_nothing():
    fmt = StreamFormat(16000, 6)
    silent = fmt.silence(32000)
    tone = tones(StreamFormat(16000), (-20.0, 2.0))
    levels = []
    for channel in range(6):
        block = silent.copy()
        block[:, channel] = tone[:, 0]
        levels.append(report_on(fmt, block).integrated_lufs)
    assert levels[3] is None
    assert levels[0] == levels[1] == levels[2]
    assert levels[4] - levels[0] == pytest.approx(10 * math.log10(1.41), abs=1e-6)
    assert channel_weights(8)[-2:] == (1.41, 1.41)
    assert channel_weights(11) == (1.0,) * 11


@pytest.mark.parametrize("sample_rate", [16000, 48000, 96000])
@pytest.mark.parametrize(("divisor", "phase_degrees"), [(4, 0), (4, 45), (6, 60), (8, 67.5)])
def test_true_peak_between_the_samples_is_found(sample_rate, divisor, phase_degrees):
    # EBU Tech 3341 cases 15 to 18: -6 dBTP, +0.2/-0.4.
    time = np.arange(sample_rate)
    phase = 2 * np.pi * time / divisor + np.radians(phase_degrees)
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / (0.02 * sample_rate))
    block = (0.5 * fade * np.sin(phase)).astype(np.float32)[:, None]
    amplitude = measure(TruePeakMeter(StreamFormat(sample_rate)), [block])
    assert -0.4 < 20 * math.log10(amplitude) + 6.02 < 0.2


def test_true_peak_agrees_with_a_polyphase_resampler():
    from scipy.signal import resample_poly

    fmt = StreamFormat(16000, 2)
    block = speechlike(fmt, 1.0)
    peer = np.abs(resample_poly(block.astype(float), 4, 1, axis=0, window=("kaiser", 8.0))).max()
    ours = measure(TruePeakMeter(fmt), split_at(block, [100, 5000, 5001]))
    assert 20 * math.log10(ours / peer) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", ["noise", "speech", "alternating", "steps", "slope"])
def test_no_block_is_left_out_that_holds_a_larger_value(factor, shape):
    interpolator = Interpolator(factor)
    n_samples = 8 * interpolator.BLOCK_SAMPLES + interpolator.REACH
    time = np.arange(n_samples)
    mono = {
        "noise": np.random.default_rng(0).uniform(-1, 1, n_samples),
        "speech": speechlike(StreamFormat(16000), 0.3)[:n_samples, 0],
        # The worst that a windowed sinc can meet: signs that change with its taps.
        "alternating": np.where(time % 700 < 350, 1.0, -1.0) * (-1.0) ** time,
        "steps": np.sign(np.sin(time / 40)),
        "slope": np.linspace(-1, 1, n_samples),
    }[shape]
    samples = np.ascontiguousarray(mono[np.newaxis], dtype=np.float32)
    every = np.ones((1, 8), np.bool_)
    highest = interpolator.peaks(samples, every).max(axis=1)
    for limit in np.linspace(0.0, 1.1 * highest.max(), 40):
        wanted = interpolator.may_exceed(samples, float(limit))[0]
        assert (highest[~wanted] <= limit).all()
    assert interpolator.highest(samples, every) == highest.max()


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("shape", ["noise", "speech", "alternating"])
def test_no_block_is_left_out_that_holds_a_higher_crest(factor, shape):
    finder = CrestFinder(factor)
    n_samples = 8 * finder.BLOCK_SAMPLES + finder.REACH
    time = np.arange(n_samples)
    mono = {
        "noise": np.random.default_rng(0).uniform(-1, 1, n_samples),
        "speech": speechlike(StreamFormat(16000), 0.3)[:n_samples, 0],
        "alternating": np.where(time % 700 < 350, 1.0, -1.0) * (-1.0) ** time,
    }[shape]
    samples = np.ascontiguousarray(mono[np.newaxis], dtype=np.float32)
    highest = finder.crests(samples, np.ones((1, 8), np.bool_), n_samples=32).max(axis=1)
    for limit in np.linspace(0.0, 1.1 * highest.max(), 40):
        wanted = finder.may_exceed(samples, float(limit))[0]
        assert (highest[~wanted] <= limit).all()


@pytest.mark.parametrize("cycles_per_sample", [0.01, 0.11, 0.25, 0.37, 0.45])
@pytest.mark.parametrize("phase", [0.0, 0.4, 0.785, 1.1])
def test_a_crest_is_that_of_the_wave_and_not_of_a_grid(cycles_per_sample, phase):
    # A grid of four points overlooks up to 0.17 dB at a quarter of the rate, 0.5 at 0.45.
    finder = CrestFinder(4)
    time = np.arange(2 * finder.BLOCK_SAMPLES + finder.REACH)
    wave = np.cos(2 * np.pi * cycles_per_sample * time + phase).astype(np.float32)
    every = np.ones((1, 2), np.bool_)
    crests = finder.crests(np.ascontiguousarray(wave[np.newaxis]), every, n_samples=32)
    own_db = 20 * math.log10(crests.max())
    overlooked = 1 / math.cos(math.pi * cycles_per_sample / 4)
    assert -0.1 < own_db < 20 * math.log10(overlooked) + 0.05


@pytest.mark.parametrize("n_samples", [1, 4, 8, 16])
def test_crests_of_short_runs_are_those_of_long_ones_in_parts(n_samples):
    finder = CrestFinder(4)
    block = speechlike(StreamFormat(16000), 0.3)[: 5 * 512 + finder.REACH].T
    samples = np.ascontiguousarray(block)
    every = np.ones((1, 5), np.bool_)
    long = finder.crests(samples, every, n_samples=32)
    short = finder.crests(samples, every, n_samples=n_samples)
    np.testing.assert_array_equal(short.reshape(*long.shape, -1).max(axis=-1), long)


def test_most_of_speech_needs_no_interpolation():
    samples = np.ascontiguousarray(speechlike(StreamFormat(16000), 4.0)[: 120 * 512 + 47].T)
    wanted = Interpolator(4).may_exceed(samples, float(np.abs(samples).max()))
    assert 0 < np.count_nonzero(wanted) < 0.4 * wanted.size


@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
def test_an_offset_at_full_scale_does_not_move_the_loudness(sample_rate):
    fmt = StreamFormat(sample_rate)
    tone = tones(fmt, (-60.0, 5.0))
    plain = report_on(fmt, tone)
    # The offset fades in below 1 Hz: nothing to hear.
    time_s = np.arange(len(tone)) / sample_rate
    offset = (0.5 - 0.5 * np.cos(np.pi * np.minimum(1.0, time_s / 2.0))).astype(np.float32)
    moved = report_on(fmt, tone + offset[:, None])
    assert moved.short_term_max_lufs == pytest.approx(plain.short_term_max_lufs, abs=0.01)


def test_dc_is_reported_and_counts_in_the_rms():
    fmt = StreamFormat(192000)
    block = tones(fmt, (-40.0, 2.0)) + np.float32(0.5)
    report = report_on(fmt, block)
    assert report.dc == pytest.approx(0.5, abs=1e-4)
    assert report.rms_dbfs == pytest.approx(20 * math.log10(0.5), abs=0.01)


def test_plain_levels_follow_from_their_definitions():
    fmt = StreamFormat(8000, 2)
    block = tones(fmt, (-6.0, 2.0), frequency_hz=100.0)
    report = measure(LevelMeter(fmt), [block])
    assert report.duration_s == 2.0
    assert report.rms_dbfs == pytest.approx(-9.01, abs=0.01)
    assert report.sample_peak_dbfs == pytest.approx(-6.0, abs=0.01)
    assert report.dc == pytest.approx(0.0, abs=1e-6)


def test_only_runs_at_full_scale_count_as_clipped():
    fmt = StreamFormat(8000)
    block = fmt.silence(1000)
    block[10:12] = 1.0
    block[100:103] = 1.0
    block[500:507] = -1.0
    for pieces in ([block], split_at(block, [101, 102, 503]), split_at(block, range(1000))):
        assert measure(LevelMeter(fmt), pieces).clipped_samples == 10


def test_silence_and_scraps_have_no_loudness_but_a_report():
    fmt = StreamFormat(16000)
    silence = report_on(fmt, fmt.silence(64000))
    assert silence.integrated_lufs is None
    assert silence.ungated_lufs is None
    assert silence.true_peak_dbtp is None
    scrap = report_on(fmt, tones(fmt, (-20.0, 0.3)))
    assert scrap.integrated_lufs is None
    assert scrap.ungated_lufs == pytest.approx(-23.0, abs=0.1)
    assert report_on(fmt, fmt.silence(0)).duration_s == 0.0


def test_reports_merge_as_an_album():
    fmt = StreamFormat(16000)
    loud, quiet = report_on(fmt, tones(fmt, (-14.0, 4.0))), report_on(fmt, tones(fmt, (-20.0, 4)))
    album = pickle.loads(pickle.dumps(loud)).merged_with(quiet)
    mean_power = (10 ** (-1.4) + 10 ** (-2.0)) / 2
    expected_lufs = 10 * math.log10(mean_power) - 3.01
    assert album.integrated_lufs == pytest.approx(expected_lufs, abs=0.05)
    assert album.ungated_lufs == pytest.approx(expected_lufs, abs=0.05)
    assert album.range_lu == pytest.approx(6.0, abs=0.01)
    assert album.duration_s == 8.0
    assert album.sample_peak_dbfs == pytest.approx(-14.0, abs=0.01)
    assert album.rms_dbfs == pytest.approx(expected_lufs, abs=0.01)
    assert album.crest_db == pytest.approx(-14.0 - expected_lufs, abs=0.02)
    assert album.noise_floor_dbfs == pytest.approx(-23.01, abs=0.01)


def test_silence_adds_nothing_to_an_album_but_length():
    fmt = StreamFormat(16000)
    tone, silence = report_on(fmt, tones(fmt, (-20.0, 4))), report_on(fmt, fmt.silence(64000))
    album = silence.merged_with(tone)
    assert album.integrated_lufs == tone.integrated_lufs
    assert album.noise_floor_dbfs == tone.noise_floor_dbfs
    assert album.rms_dbfs == pytest.approx(tone.rms_dbfs - 3.01, abs=0.001)
    assert silence.merged_with(silence).integrated_lufs is None


@pytest.mark.parametrize("gain_db", [-30.0, -6.5, 0.0, 12.0, 39.0])
def test_a_report_knows_what_a_gain_would_make_of_it(gain_db):
    # At -66 and -90 some blocks cross the absolute gate on the way.
    fmt = StreamFormat(16000, 2)
    block = tones(fmt, (-66.0, 4), (-90.0, 4), (-40.0, 4), (-62.0, 5))
    foretold = report_on(fmt, block).after_gain(gain_db)
    measured = report_on(fmt, (block * 10 ** (gain_db / 20)).astype(np.float32))
    for name, value in measured.to_row().items():
        assert foretold.to_row()[name] == pytest.approx(value, abs=1e-4), name


def test_clipping_after_a_gain_is_none_unknown_or_as_it_was():
    fmt = StreamFormat(8000)
    report = report_on(fmt, np.ones((800, 1), np.float32))
    assert report.after_gain(0.0).clipped_samples == 800
    assert report.after_gain(-0.1).clipped_samples == 0
    assert report.after_gain(6.0).clipped_samples is None


@pytest.mark.parametrize("target_lufs", [-60.0, -40.0, -23.0, -14.0])
def test_the_gain_to_a_target_reaches_it_where_a_difference_does_not(target_lufs):
    fmt = StreamFormat(16000)
    # Raised, the quiet half passes the gate and takes 2.9 LU from the mean.
    report = report_on(fmt, tones(fmt, (-70.0, 8), (-64.0, 8)))
    gain_db = report.gain_to(target_lufs)
    assert report.after_gain(gain_db).integrated_lufs == pytest.approx(target_lufs, abs=1e-6)
    assert gain_db > target_lufs - report.integrated_lufs + 1.5


def test_nothing_takes_silence_to_a_target():
    fmt = StreamFormat(16000)
    assert report_on(fmt, fmt.silence(64000)).gain_to(-23.0) is None
    assert report_on(fmt, tones(fmt, (-80.0, 4))).gain_to(-23.0) is None


def test_a_row_holds_numbers_alone():
    fmt = StreamFormat(16000)
    row = report_on(fmt, tones(fmt, (-20.0, 4))).to_row()
    assert list(row)[:2] == ["duration_s", "sample_peak_dbfs"]
    assert all(value is None or isinstance(value, float | int) for value in row.values())


def test_crest_and_noise_floor_follow_from_their_definitions():
    fmt = StreamFormat(44100, 2)
    # A tenth and a bit of the sounding time at -60; digital silence does not count.
    block = tones(fmt, (-6.0, 4.0), (-60.0, 0.5), (-300.0, 2.0))
    block[-2 * 44100 :] = 0.0
    report = report_on(fmt, block)
    assert report.crest_db == pytest.approx(report.sample_peak_dbfs - report.rms_dbfs)
    assert report.noise_floor_dbfs == pytest.approx(-63.01, abs=0.02)
    tone = report_on(fmt, tones(fmt, (-6.0, 2.0)))
    assert tone.crest_db == pytest.approx(3.01, abs=0.01)
    assert tone.noise_floor_dbfs == pytest.approx(-9.01, abs=0.01)


def test_rates_too_low_for_the_weighting_are_refused():
    with pytest.raises(SettingError, match="4000 Hz or more"):
        LoudnessMeter(StreamFormat(3999))
