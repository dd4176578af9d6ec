"""A recording beside its reference: what is measured, and what is refused a number."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from audiokit.errors import SettingError
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.quality.reference.pair import PairSettings, compare_pair
from audiokit.quality.reference.warp import read_at
from audiokit.stage import StreamFormat, run_blocks

RATE = 16000
PLAIN = PairSettings(has_pesq=False, has_stoi=False)
MEASURES = ("gain_db", "si_sdr_db", "snr_db", "segmental_snr_db", "pesq", "stoi", "estoi")


def resampler_from(rate):
    def resample(samples, to):
        stage = Resampler(StreamFormat(rate), ResampleSettings(to))
        return np.concatenate(list(run_blocks(stage, [samples[:, np.newaxis]])))[:, 0]

    return resample


def compare(reference, recording, rate=RATE, settings=PLAIN):
    pair = [each if each.ndim == 2 else each[:, np.newaxis] for each in (reference, recording)]
    return compare_pair(*pair, rate, resample=resampler_from(rate), settings=settings)


def has_no_numbers(report):
    return all(getattr(report, name) is None for name in MEASURES)


@pytest.fixture(scope="module")
def clean(samples):
    return soundfile.read(samples / "clean_en.wav", dtype="float32")[0]


@pytest.fixture(scope="module")
def noisy(clean):
    noise = np.random.default_rng(3).standard_normal(len(clean)).astype(np.float32)
    return clean + 0.3 * clean.std() * noise


@pytest.mark.parametrize("gain", [0.02, -0.5, 3.0])
@pytest.mark.parametrize("delay", [0.0, 1234.0, -0.43, 60.25])
def test_delay_level_and_polarity_cost_nothing(clean, noisy, gain, delay):
    straight = compare(clean, noisy)
    moved = np.float32(gain) * read_at(noisy, -delay, n_samples=len(noisy) + 3000)
    report = compare(clean, moved)
    assert report.si_sdr_db == pytest.approx(straight.si_sdr_db, abs=0.25)
    assert report.snr_db == pytest.approx(straight.snr_db, abs=0.25)
    assert report.delay_ms == pytest.approx(1000.0 * delay / RATE, abs=0.005)
    assert report.gain_db == pytest.approx(20 * np.log10(abs(gain)), abs=0.05)
    assert report.is_inverted is (gain < 0)
    assert ("polarity is reversed" in report.remarks) is (gain < 0)


def test_kept_level_counts_in_what_is_not_scale_invariant(clean):
    settings = PairSettings(is_level_matched=False, has_pesq=False, has_stoi=False)
    report = compare(clean, 0.5 * clean, settings=settings)
    assert report.snr_db == pytest.approx(6.02, abs=0.01)
    assert report.si_sdr_db == 100.0


def test_drift_is_taken_out_and_said(samples, clean):
    names = ("pauses_nl.wav", "quiet_sv.wav", "babble_es.wav")
    more = [soundfile.read(samples / name, dtype="float32")[0] for name in names]
    long = np.concatenate([clean, *more, clean[::-1]])
    slow = read_at(long, 0.0, n_samples=len(long), step=1.0 / (1.0 + 1e-4))
    report = compare(long, slow)
    assert report.drift_ppm == pytest.approx(100.0, abs=1.0)
    assert report.si_sdr_db > 30.0
    assert "the recording runs 100 ppm slower" in report.remarks


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda x: 0.0 * x, "the recording is silent"),
        (lambda x: 0.0 * x + 0.5, "the recording is silent"),
        (lambda x: x[:1600], "the recording is shorter than 0.5 s"),
        (lambda x: x[:0], "the recording is shorter than 0.5 s"),
        (lambda x: x[::-1].copy(), "another recording: nothing of the reference is found in it"),
        (
            lambda x: np.random.default_rng(1).standard_normal(len(x)).astype(np.float32),
            "another recording: nothing of the reference is found in it",
        ),
        (lambda x: np.stack([x, 0 * x], 1), "channel 1 of the recording is silent"),
        (
            lambda x: np.stack([x, -x], 1),
            "channels of the recording are in anti-phase: their mean is next to nothing",
        ),
        (lambda x: np.stack([x, -0.5 * x], 1), "channels of the recording are in anti-phase"),
    ],
)
def test_what_cannot_be_compared_has_a_reason_and_no_numbers(clean, spoil, reason):
    report = compare(clean, spoil(clean))
    assert report.reason == reason
    assert has_no_numbers(report)
    # The other way round it is the reference's fault, and no number either, but for one dead
    # channel: the other is a reference.
    report = compare(spoil(clean), clean)
    if reason.startswith("channel 1"):
        assert "channel 1 of the reference is silent" in report.remarks
    elif reason != "channels of the recording are in anti-phase":
        assert report.reason == reason.replace("the recording is", "the reference is").replace(
            "of the recording", "of the reference"
        )
        assert has_no_numbers(report)


def test_missing_part_is_said_and_gets_no_number(samples, clean):
    other = soundfile.read(samples / "pauses_nl.wav", dtype="float32")[0]
    long = np.concatenate([clean, other, clean[::-1]])
    report = compare(long, np.delete(long, slice(len(long) // 2, len(long) // 2 + 8000)))
    assert "parts are missing or added" in report.reason
    assert has_no_numbers(report)


def test_other_lengths_are_said_and_the_rest_is_compared(clean):
    report = compare(clean, clean[RATE:])
    assert report.remarks == ("1.00 s of the reference are not in the recording",)
    assert report.si_sdr_db == 100.0
    assert report.compared_s == pytest.approx(len(clean) / RATE - 1.0)


def test_offset_and_other_channels_are_said(clean):
    stereo = np.stack([clean, clean], axis=1) - clean.mean() + np.float32(0.1)
    report = compare(clean, stereo)
    assert report.remarks == (
        "the recording has an offset of 0.100, which is taken away",
        "reference and recording have 1 and 2 channels: means are compared",
    )
    assert report.si_sdr_db > 60.0


def test_tone_is_compared_with_itself_where_it_is():
    tone = np.sin(0.1 * np.arange(3 * RATE)).astype(np.float32)
    report = compare(tone, tone)
    assert (report.delay_ms, report.si_sdr_db) == (0.0, 100.0)


def test_sample_rate_that_is_no_audio_is_refused(clean):
    with pytest.raises(SettingError, match="sample_rate is 2000"):
        compare(clean, clean, rate=2000)


def test_noisy_pairs_match_their_own_partner_alone(recordings):
    with (recordings / "MANIFEST.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if "noisy_pair/" in next(iter(row.values()))]
    names = sorted(next(iter(row.values())) for row in rows)
    noisy_names = [name for name in names if "_noisy" in name and "dfn" not in name]
    pairs = []
    for name in noisy_names:
        partner = name.replace("_noisy", "_clean")
        pairs.append([soundfile.read(recordings / n, dtype="float32")[0] for n in (partner, name)])
    assert len(pairs) == 8
    for index, (reference, recording) in enumerate(pairs):
        report = compare(reference, recording)
        assert report.reason is None
        assert report.delay_ms == pytest.approx(0.0, abs=0.01)
        # Turned upside down, the same pair says so and measures the same.
        turned = compare(reference, -recording)
        assert turned.is_inverted is not report.is_inverted
        assert turned.si_sdr_db == pytest.approx(report.si_sdr_db, abs=1e-6)
        assert compare(reference, pairs[index - 1][1]).reason.startswith("another recording")
