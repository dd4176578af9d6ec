"""The speech level against the standard written out sample by sample, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.stage import StreamFormat
from audiokit.testing import measure, speechlike, split_at

RATES = [8000, 16000, 44100, 48000]


def report_on(block, sample_rate=16000):
    return measure(ActiveLevelMeter(StreamFormat(sample_rate, block.shape[1])), [block])


def reference(samples, sample_rate):
    """ITU-T P.56, method B, sample by sample; returns level, activity in %, mean level."""
    smoothing = math.exp(-1.0 / (sample_rate * 0.03))
    hangover_samples = math.ceil(sample_rate * 0.2)
    p = q = 0.0
    envelope = []
    for magnitude in np.abs(samples.astype(np.float64)).tolist():
        p = smoothing * p + (1.0 - smoothing) * magnitude
        q = smoothing * q + (1.0 - smoothing) * p
        envelope.append(q)
    envelope = np.array(envelope)
    position = np.arange(len(envelope))
    energy = float((samples.astype(np.float64) ** 2).sum())
    before = None
    for exponent in range(-15, 0):
        last_reached = np.where(envelope >= 2.0**exponent, position, -len(envelope) - 1e9)
        age = position - np.maximum.accumulate(last_reached)
        n_active = np.count_nonzero(age <= hangover_samples)
        level = 10 * math.log10(energy / n_active)
        excess = level - 20 * math.log10(2.0**exponent) - 15.9
        if excess <= 0:
            active_level = level + (before[0] - level) * excess / (excess - before[1])
            break
        before = level, excess
    long_term_level = 10 * math.log10(energy / len(envelope))
    return active_level, 100 * 10 ** ((long_term_level - active_level) / 10), long_term_level


def assert_like_the_reference(block, sample_rate):
    report = report_on(block, sample_rate)
    level, activity, long_term_level = reference(block[:, 0], sample_rate)
    assert report.active_level_dbov == pytest.approx(level, abs=0.02)
    assert report.activity_percent == pytest.approx(activity, abs=0.3)
    assert report.long_term_level_dbov == pytest.approx(long_term_level, abs=0.001)


def noise(seconds, level_dbov, sample_rate=16000, channels=1):
    rng = np.random.default_rng(56)
    shape = (round(seconds * sample_rate), channels)
    return (rng.standard_normal(shape) * 10 ** (level_dbov / 20)).astype(np.float32)


def mono_tone(seconds, sample_rate=16000):
    phase = 2 * np.pi * 440 * np.arange(round(seconds * sample_rate)) / sample_rate
    return np.sin(phase).astype(np.float32)[:, None]


@pytest.mark.parametrize("sample_rate", [*RATES, 11025, 192000])
def test_speech_reads_as_the_standard_written_out(sample_rate):
    fmt = StreamFormat(sample_rate)
    # A pause that the hang-over does not bridge, and one more at the end.
    block = np.concatenate([speechlike(fmt, 0.9), fmt.silence(sample_rate // 2)])
    assert_like_the_reference(np.concatenate([block, block]), sample_rate)


@pytest.mark.parametrize(
    ("name", "start_s"),
    [
        ("libri_2033-164914-0001.flac", 1.0),
        ("ru.flac", 0.0),
        ("jfk.flac", 2.0),
        ("sample1_48kHz.flac", 0.0),
        ("silero_aepyx_8k.flac", 5.0),
    ],
)
def test_recordings_read_as_the_standard_written_out(recordings, name, start_s):
    import soundfile

    block, sample_rate = soundfile.read(recordings / "speech" / name, dtype="float32")
    start = round(start_s * sample_rate)
    mono = block.reshape(len(block), -1)[start : start + 4 * sample_rate, :1]
    assert_like_the_reference(np.ascontiguousarray(mono), sample_rate)


# As the voltmeter of ITU-T G.191 reads these (its own interpolation stops within 0.5 dB).
@pytest.mark.parametrize(
    ("name", "active_level_dbov", "activity_percent"),
    [
        ("jfk.flac", -15.55, 72.4),
        ("leopard_test_de.flac", -22.10, 76.7),
        ("ru.flac", -32.62, 53.1),
        ("sample1_48kHz.flac", -17.52, 81.6),
        ("auditok_de_lead_trail_silence.flac", -27.77, 30.2),
    ],
)
def test_recordings_read_as_by_the_itu_s_own_voltmeter(
    recordings, name, active_level_dbov, activity_percent
):
    import soundfile

    block, sample_rate = soundfile.read(
        recordings / "speech" / name, dtype="float32", always_2d=True
    )
    report = report_on(np.ascontiguousarray(block[:, :1]), sample_rate)
    assert report.active_level_dbov == pytest.approx(active_level_dbov, abs=0.03)
    assert report.activity_percent == pytest.approx(activity_percent, abs=0.5)


@pytest.mark.parametrize("sample_rate", RATES)
def test_bursts_of_noise_read_their_own_level_but_for_the_hangover(sample_rate):
    # Four of 3 s, each followed by 2 s of silence.
    burst, pause_s, level_dbov = noise(3.0, -26.0, sample_rate), 2.0, -26.0
    cycle = np.concatenate([burst, np.zeros((round(pause_s * sample_rate), 1), np.float32)])
    report = report_on(np.concatenate([cycle] * 4), sample_rate)
    # The mean magnitude of noise is sqrt(2 / pi) of its RMS, and the threshold lies 15.9 dB
    # below the level. From there the envelope rises through (1 - (1 + t) exp(-t)) and falls
    # through (1 + t) exp(-t), t in units of 30 ms.
    ratio = 10 ** (-15.9 / 20) / math.sqrt(2 / math.pi)
    t = np.linspace(0.0, 10.0, 100_001)
    decay = (1 + t) * np.exp(-t)
    rise_s = 0.03 * t[np.argmin(np.abs(1 - decay - ratio))]
    fall_s = 0.03 * t[np.argmin(np.abs(decay - ratio))]
    active_s = 3.0 - rise_s + fall_s + 0.2
    assert report.activity_percent == pytest.approx(100 * active_s / 5.0, abs=0.5)
    lowered_db = 10 * math.log10(active_s / 3.0)
    assert report.active_level_dbov == pytest.approx(level_dbov - lowered_db, abs=0.05)
    assert report.active_level_dbov == pytest.approx(level_dbov, abs=0.4)
    assert report.long_term_level_dbov == pytest.approx(
        level_dbov + 10 * math.log10(0.6), abs=0.05
    )


def test_pauses_shorter_than_the_hangover_are_speech():
    burst = noise(0.3, -20.0)
    pieces = [burst, np.zeros((2400, 1), np.float32)] * 10
    report = report_on(np.concatenate(pieces))
    assert report.activity_percent > 99.0
    assert report.active_level_dbov == pytest.approx(report.long_term_level_dbov, abs=0.05)


@pytest.mark.parametrize("gain_db", [-60.0, -24.0, -10.0, -3.0, 5.0, 12.0])
def test_a_gain_moves_the_level_and_not_the_activity(gain_db):
    fmt = StreamFormat(16000)
    block = np.concatenate([speechlike(fmt, 1.2), fmt.silence(12000)] * 2)
    report = report_on(block)
    moved = report_on((block * 10 ** (gain_db / 20)).astype(np.float32))
    assert moved.active_level_dbov - report.active_level_dbov == pytest.approx(gain_db, abs=0.1)
    assert moved.activity_percent == pytest.approx(report.activity_percent, abs=2.0)


@pytest.mark.parametrize("sample_rate", RATES)
def test_a_sine_at_full_scale_reads_minus_3_01(sample_rate):
    report = report_on(mono_tone(4.0, sample_rate), sample_rate)
    assert report.active_level_dbov == pytest.approx(-3.01, abs=0.03)
    # The averages take 23 ms to rise to the threshold.
    assert report.activity_percent == pytest.approx(99.4, abs=0.1)


def test_a_square_wave_at_full_scale_reads_0_dbov():
    report = report_on(np.sign(mono_tone(4.0) + 1e-9).astype(np.float32))
    assert report.long_term_level_dbov == pytest.approx(0.0, abs=1e-6)
    assert report.active_level_dbov == pytest.approx(0.0, abs=0.03)


def test_alike_channels_read_as_one_whatever_their_polarity():
    mono = speechlike(StreamFormat(16000), 3.0)
    expected = report_on(mono)
    for other in (mono, -mono):
        report = report_on(np.ascontiguousarray(np.hstack([mono, other])))
        assert report.active_level_dbov == pytest.approx(expected.active_level_dbov, abs=1e-3)
        assert report.activity_percent == pytest.approx(expected.activity_percent, abs=1e-2)


def test_speech_in_one_of_two_channels_reads_half_the_power():
    mono = noise(4.0, -20.0)
    report = report_on(np.ascontiguousarray(np.hstack([mono, 0 * mono])))
    assert report.active_level_dbov == pytest.approx(-23.01, abs=0.05)


def test_an_offset_counts_as_speech():
    report = report_on(np.full((64000, 1), 0.5, np.float32))
    assert report.active_level_dbov == pytest.approx(-6.02, abs=0.03)
    assert report.activity_percent == pytest.approx(99.4, abs=0.2)


@pytest.mark.parametrize("n_samples", [0, 1, 160, 64000])
def test_silence_of_any_length_has_no_level(n_samples):
    report = report_on(np.zeros((n_samples, 1), np.float32))
    assert report.active_level_dbov is None
    assert report.activity_percent is None
    assert report.long_term_level_dbov is None


def test_a_lone_click_is_no_speech():
    block = np.zeros((16000, 1), np.float32)
    block[8000] = 1.0
    report = report_on(block)
    assert report.active_level_dbov is None
    assert report.activity_percent is None
    assert report.long_term_level_dbov == pytest.approx(-10 * math.log10(16000), abs=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_live_blocks_and_questions_in_between_change_nothing(channels):
    fmt = StreamFormat(44100, channels)
    block = speechlike(fmt, 4.0)
    whole = measure(ActiveLevelMeter(fmt), [block])
    meter = ActiveLevelMeter(fmt)
    for position, piece in enumerate(split_at(block, range(1, len(block), 882))):
        meter.update(piece)
        piece[:] = 9.0  # the caller owns its block
        if position % 20 == 0:
            meter.result()
    assert meter.result() == whole


def test_a_long_stream_reads_the_same_however_it_is_cut():
    fmt = StreamFormat(8000)
    block = speechlike(fmt, 20.0)
    whole = measure(ActiveLevelMeter(fmt), [block])
    for step in (1024, 3001, 100_000):
        pieces = split_at(block, range(step, len(block), step))
        assert measure(ActiveLevelMeter(fmt), pieces) == whole


def test_merged_reports_are_that_of_one_after_the_other():
    fmt = StreamFormat(16000)
    # Whole rows of samples, and silence for the hang-over to end in.
    loud = np.concatenate([speechlike(fmt, 2.0), fmt.silence(8000)])
    quiet = np.concatenate([noise(1.0, -35.0), fmt.silence(16000)])
    merged = report_on(loud).merged_with(report_on(quiet))
    together = report_on(np.concatenate([loud, quiet]))
    assert merged.to_row() == pytest.approx(together.to_row(), abs=0.001)
    assert merged.tally.duration_s == 4.5


def test_streams_of_two_rates_merge_by_their_time():
    merged = report_on(noise(3.0, -20.0), 16000).merged_with(
        report_on(noise(3.0, -20.0, 48000), 48000)
    )
    assert merged.long_term_level_dbov == pytest.approx(-20.0, abs=0.05)
    assert merged.active_level_dbov == pytest.approx(-20.0, abs=0.05)
    assert merged.activity_percent == pytest.approx(100.0, abs=1.0)


def test_a_row_holds_the_numbers_under_their_names():
    row = report_on(noise(1.0, -20.0)).to_row()
    assert list(row) == ["active_level_dbov", "activity_percent", "long_term_level_dbov"]
