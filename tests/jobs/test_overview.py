"""A recording at a glance: true levels at true places, and no more memory for a longer one."""

from __future__ import annotations

import io

import numpy as np
import pytest

from audiokit.jobs.overview import (
    LOWEST_DB,
    N_ROWS,
    Overview,
    brightest_db,
    row_of_hz,
    spectrogram_png,
)
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike, split_at

FMT = StreamFormat(16000, 1)


def overview_of(fmt, blocks):
    overview = Overview(fmt)
    for block in blocks:
        overview.update(block)
    overview.finish()
    return overview


def sine(hz, seconds, amplitude=0.5):
    time_s = np.arange(round(seconds * 16000)) / 16000
    return (amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)[:, None]


@pytest.mark.parametrize("hz", [250, 1000, 5000])
def test_a_tone_is_brightest_at_its_own_frequency(hz):
    levels_db = overview_of(FMT, [sine(hz, 1.0)]).spectrogram_db()
    assert levels_db.shape[0] == N_ROWS
    brightest = (levels_db[:, 50].argmax() + 0.5) / N_ROWS
    # A bin of 31 Hz is four rows at the bottom.
    assert brightest == pytest.approx(row_of_hz(hz, 16000), abs=2.5 / N_ROWS)


def test_half_the_band_is_at_the_top():
    assert row_of_hz(8000.0, 16000) == 1.0
    assert row_of_hz(0.0, 16000) == 0.0


def test_the_level_of_a_sine_is_its_mean_power():
    levels_dbfs = overview_of(FMT, [sine(1000, 2.0, amplitude=0.1)]).level_dbfs()
    np.testing.assert_allclose(levels_dbfs[4:-4], -23.01, atol=0.05)


def test_a_step_in_level_stays_where_it_is_however_long_the_recording():
    for seconds in (2.0, 60.0):
        tone = sine(1000, seconds)
        tone[: len(tone) // 4] *= 0.01
        levels_dbfs = overview_of(FMT, [tone]).level_dbfs()
        step = np.flatnonzero(levels_dbfs > -20.0)[0] / len(levels_dbfs)
        assert step == pytest.approx(0.25, abs=0.02)


def test_ten_times_as_long_has_no_more_columns():
    short, long = (
        overview_of(FMT, [speechlike(FMT, 10.0)] * n).spectrogram_db().shape[1] for n in (1, 10)
    )
    assert 600 <= short <= 1201
    assert 600 <= long <= 1201


def test_the_cutting_of_the_stream_changes_no_column():
    block = speechlike(StreamFormat(44100, 2), 12.0)
    whole = overview_of(StreamFormat(44100, 2), [block])
    cut = overview_of(StreamFormat(44100, 2), split_at(block, [1, 7000, 7001, 300_000]))
    np.testing.assert_allclose(cut.spectrogram_db(), whole.spectrogram_db(), atol=1e-3)


@pytest.mark.parametrize("n_samples", [0, 1, 100])
def test_silence_is_dark_and_short(n_samples):
    overview = overview_of(FMT, [FMT.silence(n_samples)])
    np.testing.assert_allclose(overview.level_dbfs(), LOWEST_DB, atol=1e-3)
    assert overview.spectrogram_db().shape[1] >= 1


def brightness_of(levels_db, reference_db):
    """Return the mean of all colours of a picture, 0 to 1."""
    from matplotlib.image import imread

    picture = spectrogram_png(levels_db, highest_db=brightest_db(reference_db))
    return float(imread(io.BytesIO(picture))[..., :3].mean())


def test_silence_is_a_dark_picture_and_any_noise_is_not():
    pytest.importorskip("matplotlib")
    noise = np.random.default_rng(1).standard_normal((16000, 1)).astype(np.float32)
    silence = overview_of(FMT, [FMT.silence(16000)]).spectrogram_db()
    assert brightness_of(silence, silence) < 0.02
    for level in (0.1, 0.001):
        shown = overview_of(FMT, [noise * np.float32(level)]).spectrogram_db()
        assert brightness_of(shown, shown) > 0.5
        assert brightness_of(silence, shown) < 0.02


def test_a_click_does_not_darken_a_recording():
    levels_db = np.full((N_ROWS, 4000), -60.0, np.float32)
    levels_db[:, 500] = -10.0
    levels_db[:40, 700:800] = -40.0
    assert brightest_db(levels_db) == pytest.approx(-40.0)


def test_a_picture_has_a_pixel_for_each_value_and_no_version():
    levels_db = np.linspace(-100, 0, 160 * 40, dtype=np.float32).reshape(160, 40)
    picture = spectrogram_png(levels_db, highest_db=0.0)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert [int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")] == [
        40,
        160,
    ]
    assert b"Software" not in picture
