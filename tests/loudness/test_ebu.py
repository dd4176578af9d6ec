"""The meter on every signal of EBU Tech 3341 and 3342, and beside libebur128."""

from __future__ import annotations

import libebur128
import numpy as np
import own_meter
import pytest
import soundfile
from ebu_signals import CASES, RECORDED, SAMPLE_RATES, SIGNALS, tones
from normalized import band_limited

needs_libebur128 = pytest.mark.skipif(
    libebur128.find() is None, reason="libebur128 is not installed"
)
# One file in seven where a case has twenty; short-term loudness is slow to ask for.
COMPARED = [s for s in SIGNALS if s.part % 7 == 0 and s.case not in {"3341-2", "3341-11"}]


def signals_of(case):
    return [signal for signal in SIGNALS if signal.case == case]


def failures(checks, readings):
    """Return what was expected and what was read, for each check that is not met."""
    return [
        (check.quantity, check.expected, check.measured(readings))
        for check in checks
        if not check.passes(readings)
    ]


def read_recording(folder, name):
    return soundfile.read(folder / name, dtype="float32", always_2d=True)


def assert_agreement(ours, theirs, wanted, within):
    """Compare the readings that are wanted: maxima over time, or the one value."""
    for name in wanted:
        mine, peer = getattr(ours, name), getattr(theirs, name)
        if name in ("momentary_lufs", "short_term_lufs"):
            mine, peer = np.nanmax(mine), np.nanmax(peer)
        assert mine == pytest.approx(peer, abs=within), name


@pytest.mark.parametrize("sample_rate", SAMPLE_RATES)
@pytest.mark.parametrize("case", CASES)
def test_every_case_reads_as_published(case, sample_rate):
    for signal in signals_of(case):
        readings = own_meter.read([signal.render(sample_rate)], sample_rate)
        assert failures(signal.checks, readings) == []


def test_no_case_is_missing():
    # Cases 7 and 8 of Tech 3341 are film sound, as are 5 and 6 of Tech 3342.
    numbers = [*range(1, 7), *range(9, 24)]
    assert list(CASES) == [f"3341-{n}" for n in numbers] + [f"3342-{n}" for n in range(1, 5)]
    assert sum(len(signal.checks) for signal in SIGNALS) == 105


@pytest.mark.parametrize("name", RECORDED)
def test_the_published_recordings_read_as_published(recordings, name):
    block, sample_rate = read_recording(recordings, f"loudness/{name}.flac")
    assert failures(RECORDED[name], own_meter.read([block], sample_rate)) == []


def test_the_gating_recording_reads_exactly_minus_10(recordings):
    # ITU-R BS.2217 gives -10.0 LKFS; without the relative gate it would read -11 or less.
    block, rate = read_recording(recordings, "loudness/1770-2_Comp_RelGateTest.flac")
    assert round(own_meter.read([block], rate).integrated_lufs, 1) == -10.0


@pytest.mark.parametrize("case", ["3341-1", "3341-9", "3341-14", "3342-4"])
def test_the_report_has_the_maxima_of_the_trace(case):
    block = signals_of(case)[0].render(16000)
    readings = own_meter.read([block], 16000)
    report = own_meter.report([block], 16000)
    assert report.momentary_max_lufs == np.nanmax(readings.momentary_lufs)
    assert report.short_term_max_lufs == np.nanmax(readings.short_term_lufs)


@needs_libebur128
@pytest.mark.parametrize("signal", COMPARED, ids=lambda signal: f"{signal.case}.{signal.part}")
def test_every_case_reads_as_libebur128_reads_it(signal):
    wanted = {check.quantity for check in signal.checks}
    block = signal.render(48000)
    within = 0.2 if wanted == {"true_peak_dbtp"} else 0.05
    theirs = libebur128.read(block, 48000, wanted)
    assert_agreement(own_meter.read([block], 48000), theirs, wanted, within)


@needs_libebur128
@pytest.mark.parametrize(
    "name",
    [
        "loudness/seq-3341-7_seq-3342-5-16bit.flac",
        "music/dubstep.flac",
        "music/hiphop.mp3",
        "speech/jfk.flac",
        "speech/p286_011.flac",
        "speech/auditok_de_lead_trail_silence.flac",
    ],
)
def test_recordings_read_as_libebur128_reads_them(recordings, name):
    block, sample_rate = read_recording(recordings, name)
    # Its loudness range is taken once a second, ours ten times: short recordings differ.
    wanted = {"momentary_lufs", "short_term_lufs", "integrated_lufs"}
    theirs = libebur128.read(block, sample_rate, wanted)
    assert_agreement(own_meter.read([block], sample_rate), theirs, wanted, 0.05)


@needs_libebur128
@pytest.mark.parametrize(
    "name", ["german_speech_8000.wav", "silero_test.opus", "libri_2414-128291-0002.flac"]
)
def test_low_rates_read_as_libebur128_reads_them_at_high_ones(recordings, name):
    # At the low rate itself libebur128 reads up to 0.2 LU more: the bilinear transform.
    block, sample_rate = read_recording(recordings, f"speech/{name}")
    wanted = {"momentary_lufs", "integrated_lufs"}
    factor = -(-44100 // sample_rate)
    theirs = libebur128.read(band_limited(block, factor), factor * sample_rate, wanted)
    assert_agreement(own_meter.read([block], sample_rate), theirs, wanted, 0.05)


@needs_libebur128
def test_the_subwoofer_of_5_1_counts_for_nothing():
    levels_db = (-28.0, -28.0, -24.0, -300.0, -30.0, -30.0)
    with_bass = (*levels_db[:3], 0.0, *levels_db[4:])
    for block in (tones(48000, [(5, 0.0)], channels) for channels in (levels_db, with_bass)):
        ours = own_meter.read([block], 48000)
        theirs = libebur128.read(block, 48000, set())
        assert ours.integrated_lufs == pytest.approx(-23.0, abs=0.1)
        assert ours.integrated_lufs == pytest.approx(theirs.integrated_lufs, abs=0.01)


def dc_raised_slowly(sample_rate, seconds):
    """Return full scale after five seconds, so slowly that the offset itself is not heard."""
    time = np.minimum(np.arange(seconds * sample_rate) / (5.0 * sample_rate), 1.0)
    return np.repeat((0.5 - 0.5 * np.cos(np.pi * time)).astype(np.float32)[:, None], 2, axis=1)


@pytest.mark.parametrize("sample_rate", [8000, 48000, 96000, 192000])
def test_a_quiet_tone_on_dc_at_full_scale_reads_its_level(sample_rate):
    block = tones(sample_rate, [(20, -60.0)]) + dc_raised_slowly(sample_rate, 20)
    readings = own_meter.read(np.split(block, 20), sample_rate)
    assert readings.integrated_lufs == pytest.approx(-60.0, abs=0.05)
    assert np.nanmax(readings.momentary_lufs) == pytest.approx(-60.0, abs=0.1)


@pytest.mark.parametrize("sample_rate", [96000, 192000])
def test_dc_at_full_scale_alone_is_not_heard(sample_rate):
    # A recursive filter in float32 reads -66 LUFS at 96 kHz and -88 at 192 kHz.
    readings = own_meter.read([dc_raised_slowly(sample_rate, 10)], sample_rate)
    settled = readings.momentary_lufs[round(6.0 / readings.step_s) :]
    assert len(settled) == 40
    assert not (settled > -100.0).any()
