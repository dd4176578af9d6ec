"""All faults together: any cutting, any input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hearing import heard
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import AudiokitError, SettingError
from audiokit.files.read import open_audio
from audiokit.quality.faults import FaultReport, Faults
from audiokit.quality.frames import Stretcher
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike, split_at

RATE = 16000


FMT = StreamFormat(RATE, 2)


def _holed(seconds=3.3):
    """Return speech-like noise with clipping, an offset, hum, lost packets and a drop-out."""
    block = speechlike(FMT, seconds)
    time_s = np.arange(len(block)) / RATE
    block += (0.01 + 0.005 * np.sin(2 * np.pi * 50 * time_s)).astype(np.float32)[:, np.newaxis]
    block = np.clip(block, -0.3, 0.3)
    for start in (16000, 24000, 24640, 40000):
        block[start : start + 320] = 0.0
    block[32000:32123] = block[32000]
    block[45000:45320] = block[44680:45000]
    return block


HOLED = _holed()


def _report(pieces, fmt=FMT):
    faults, stretcher = Faults(fmt), Stretcher(fmt)
    for piece in pieces:
        for stretch in stretcher.push(piece):
            faults.add(stretch)
    for stretch in stretcher.rest():
        faults.add(stretch)
    return faults.report()


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, len(HOLED)), max_size=8))
def test_no_report_depends_on_how_the_stream_is_cut(cuts):
    whole, pieces = _report([HOLED]), _report(split_at(HOLED, cuts))
    np.testing.assert_array_equal(pieces.spectrum.power, whole.spectrum.power)
    for name in set(FaultReport.__dataclass_fields__) - {"spectrum"}:
        assert getattr(pieces, name) == getattr(whole, name), name


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_what_never_moves_is_no_fault_but_its_offset(rate, channels):
    lengths, values = (0, 1, 2, 300, 5000, 50_000), (0.0, 0.7, 1.0, -1.0)
    for n_samples, value in itertools.product(lengths, values):
        report = heard(np.full((n_samples, channels), value), rate)
        assert report.gaps.n_lost == report.gaps.n_dropouts == report.clipping.n_runs == 0
        expected = value if n_samples else 0.0
        assert report.peaks.dc_offset == pytest.approx(expected, rel=1e-5)
        assert report.codec.codec is None
        assert report.tone.thd_db is None
        assert report.room.c50_db is None
        assert report.channels.opposed == report.channels.dead == ()
        assert not report.hum.hum_db


def test_a_rate_that_no_speech_fits_in_is_refused():
    with pytest.raises(SettingError, match="sample_rate is 3999, expected 4000 Hz or more"):
        Faults(StreamFormat(3999))


def test_sound_far_beyond_full_scale_or_below_rounding_is_measured():
    noise = np.random.default_rng(1).standard_normal((40_000, 2))
    for size in (1e-25, 1e-9, 1e5):
        assert heard(size * noise).clipping.n_samples == 0


def test_asking_for_a_report_changes_nothing():
    faults, stretcher = Faults(FMT), Stretcher(FMT)
    for stretch in stretcher.push(HOLED):
        faults.add(stretch)
        first, second = faults.report(), faults.report()
        assert first.gaps == second.gaps
        assert first.clipping == second.clipping


def test_memory_is_bounded_in_a_recording_of_nothing_but_holes():
    block = speechlike(StreamFormat(RATE), 60.0)
    block.reshape(-1, 100)[:, 50:] = 0.0
    holes = heard(np.tile(block, (3, 1)))
    assert not holes.gaps.is_complete
    assert len(holes.gaps.dropouts) <= 1000


def test_every_file_that_opens_is_measured(recordings):
    n_measured = 0
    for path in sorted((recordings / "hostile").iterdir()):
        try:
            with open_audio(path) as audio:
                blocks = list(itertools.islice(audio.blocks(65536), 8))
        except AudiokitError:
            continue
        if audio.fmt.sample_rate < 4000:
            continue
        report = _report(blocks, audio.fmt)
        assert 0.0 <= report.clipping.ratio <= 1.0, path.name
        n_measured += 1
    assert n_measured > 100
