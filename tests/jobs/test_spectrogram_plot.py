"""The picture of a recording shows its wave, its bands and its pitch where they are."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import MissingExtraError
from audiokit.jobs.feature_spans import FrameTimes
from audiokit.jobs.spectrogram_plot import SpectrogramPlot, SpectrogramSettings
from audiokit.stage import StreamFormat

FMT = StreamFormat(16000)


@pytest.fixture(autouse=True)
def _needs_matplotlib():
    pytest.importorskip("matplotlib")


def tone(hz, seconds):
    times_s = np.arange(round(16000 * seconds)) / 16000
    return (0.5 * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)[:, None]


def drawn(tmp_path, audio, pitch_hz=None, name="p.png"):
    """Draw in blocks of 100 ms; return the picture as ``(height, width, 3)``, 0 to 1."""
    import matplotlib.image

    columns = ("energy_dbfs", "f0_hz") if pitch_hz is not None else ("energy_dbfs",)
    plot = SpectrogramPlot(
        FMT, tmp_path / name, title="a $take$", columns=columns, times=FrameTimes(0.0, 0.01)
    )
    n_frames = len(audio) // 160
    rows = np.zeros((n_frames, len(columns)), np.float32)
    if pitch_hz is not None:
        rows[:, 1] = pitch_hz
    for start in range(0, len(audio), 1600):
        first = start // 160
        plot.write(audio[start : start + 1600], rows[first : first + 10])
    plot.finish(rows[:0])
    return matplotlib.image.imread(tmp_path / name)[..., :3]


def is_line(picture):
    """Say which pixels have the colour of the pitch line."""
    return np.abs(picture - np.array([0.0, 229 / 255, 1.0])).max(axis=2) < 0.02


def test_a_picture_is_1200_pixels_wide_and_bright_where_the_sound_is(tmp_path):
    audio = np.concatenate([np.zeros((16000, 1), np.float32), tone(1000.0, 1.0)])
    picture = drawn(tmp_path, audio)
    assert picture.shape[1] == 1200
    bright = (picture.sum(axis=2) > 2.2)[160:500, 70:1050]
    assert bright[:, 500:].sum() > 3 * bright[:, :480].sum()


def test_a_line_shows_the_pitch_only_where_the_column_is_there(tmp_path):
    audio = tone(200.0, 1.0)
    pitch_hz = np.full(100, 200.0)
    pitch_hz[50:] = 0.0
    without, with_line = drawn(tmp_path, audio), drawn(tmp_path, audio, pitch_hz)
    assert not is_line(without).any()
    columns = np.flatnonzero(is_line(with_line).any(axis=0))
    # Half of the time has no voice: the line stops there.
    assert 40 <= columns[0] <= 80
    assert columns[-1] < 620


def test_a_long_recording_and_one_without_a_voice_are_drawn(tmp_path):
    long = np.tile(tone(200.0, 1.0), (150, 1))
    picture = drawn(tmp_path, long, np.full(15000, 120.0))
    assert is_line(picture).any()
    assert not is_line(drawn(tmp_path, tone(200.0, 0.2), np.zeros(20))).any()
    drawn(tmp_path, np.zeros((160, 1), np.float32), np.zeros(1))


def test_the_same_sound_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        drawn(tmp_path, tone(300.0, 0.5), np.full(50, 300.0), name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_missing_matplotlib_is_told_before_any_work(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.image", None)
    with pytest.raises(MissingExtraError, match=r"audiokit\[plot\]"):
        SpectrogramSettings().check_installed()
