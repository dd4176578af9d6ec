"""The clips of samples/ are what their manifest says."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "samples"
SCRIPT = "make_samples.py"
MANIFEST = "MANIFEST.csv"
with (FOLDER / MANIFEST).open(encoding="utf-8", newline="") as _file:
    ROWS = {row["path"]: row for row in csv.DictReader(_file)}

each_clip = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


def decode(path):
    """Return ``(samples, channels)`` and the rate, by a decoder that is not ours."""
    import av

    with av.open(path) as container:
        frames = list(container.decode(audio=0))
    channels = frames[0].layout.nb_channels
    planes = [
        frame.to_ndarray().reshape(channels, -1)
        if frame.format.is_planar
        else frame.to_ndarray().reshape(-1, channels).T
        for frame in frames
    ]
    signal = np.concatenate(planes, axis=1).T
    full_scale = float(-np.iinfo(signal.dtype).min) if signal.dtype.kind == "i" else 1.0
    return signal / full_scale, frames[0].sample_rate


def level_dbfs(signal):
    return 10 * np.log10(np.mean(np.square(signal)))


def test_every_clip_has_a_row_and_every_row_a_clip():
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} - {SCRIPT, MANIFEST} == set(
        ROWS
    )


def test_there_are_a_dozen_clips_in_less_than_1500_kb():
    assert len(ROWS) >= 12
    assert sum((FOLDER / name).stat().st_size for name in ROWS) < 1_500_000


def test_no_two_clips_would_share_an_output_name():
    assert len({Path(name).stem for name in ROWS}) == len(ROWS)


@each_clip
def test_every_column_is_filled(row):
    assert all(row.values()), row
    assert row["licence"] == "CC0-1.0"


@each_clip
def test_the_hash_is_that_of_the_file(row):
    assert hashlib.sha256((FOLDER / row["path"]).read_bytes()).hexdigest() == row["sha256"]


@each_clip
def test_duration_rate_and_channels_are_as_said(row):
    signal, sample_rate = decode(FOLDER / row["path"])
    assert sample_rate == int(row["sample_rate"])
    assert signal.shape[1] == int(row["channels"])
    # Decoders differ in what they do with the padding of a coded stream.
    coded_s = 0.05 if Path(row["path"]).suffix in {".m4a", ".ogg"} else 5e-5
    assert len(signal) / sample_rate == pytest.approx(float(row["duration_s"]), abs=coded_s)
    assert 1.0 <= len(signal) / sample_rate <= 6.0


def test_the_folder_covers_the_containers_rates_and_layouts_it_should():
    assert {Path(name).suffix for name in ROWS} >= {".wav", ".flac", ".ogg", ".m4a"}
    assert {int(row["sample_rate"]) for row in ROWS.values()} >= {8000, 16000, 44100, 48000}
    assert {row["channels"] for row in ROWS.values()} == {"1", "2"}
    assert len({row["language"][:2] for row in ROWS.values()}) >= 8


def test_the_quiet_clip_is_quiet_and_the_clipped_one_is_clipped():
    quiet, _ = decode(FOLDER / "quiet_sv.wav")
    assert level_dbfs(quiet) == pytest.approx(-53.0, abs=0.5)
    clipped, _ = decode(FOLDER / "clipped_pl.flac")
    assert np.mean(np.abs(clipped) > 0.999) > 0.01


def test_the_pauses_are_digital_silence():
    signal, sample_rate = decode(FOLDER / "pauses_nl.wav")
    assert not signal[: round(1.5 * sample_rate)].any()
    assert not signal[-sample_rate:].any()
    assert level_dbfs(signal[round(1.8 * sample_rate) : -round(1.3 * sample_rate)]) > -30


def test_the_telephone_clip_holds_its_band_only():
    signal, sample_rate = decode(FOLDER / "telephone_en_8k.wav")
    power = np.abs(np.fft.rfft(signal[:, 0])) ** 2
    frequency_hz = np.fft.rfftfreq(len(signal), 1 / sample_rate)
    in_band = (frequency_hz > 300) & (frequency_hz < 3400)
    assert power[in_band].sum() / power.sum() > 0.99
