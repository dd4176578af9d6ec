"""The picture of segments: there, of the size it says, and showing what was found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.jobs.envelope import Envelope
from audiokit.jobs.segment_lanes import highest_of, lanes_of, summary_of, waves_of
from audiokit.jobs.segment_plot import SegmentPlot
from audiokit.jobs.segmentation import SegmentReport
from audiokit.stage import StreamFormat
from audiokit.vad.segments import Segment

WHY = "no matplotlib to draw with"


def drawn(folder, audio, segments, probabilities, *, rate=8000, title="take.wav"):
    """Return the picture as ``(rows, columns, 3)``, 0 to 1."""
    image = pytest.importorskip("matplotlib.image", reason=WHY)
    fmt = StreamFormat(rate, audio.shape[1])
    path = folder / "a.png"
    plot = SegmentPlot(fmt, path, title=title)
    plot.write(audio.astype(np.float32))
    plot.finish(SegmentReport(segments, probabilities, len(audio) / rate))
    return image.imread(path)[..., :3]


def coloured(picture, colour, tolerance=0.02):
    """Return how many pixels have a colour."""
    wanted = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return int((np.abs(picture - wanted).max(axis=-1) < tolerance).sum())


@settings(deadline=None, max_examples=50)
@given(cuts=st.lists(st.integers(0, 5000), max_size=6))
def test_an_envelope_is_the_same_however_the_stream_comes(cuts):
    audio = np.random.default_rng(1).uniform(-1, 1, (5000, 2)).astype(np.float32)
    whole, pieces = Envelope(StreamFormat(8000, 2)), Envelope(StreamFormat(8000, 2))
    whole.update(audio)
    for block in np.split(audio, sorted(cuts)):
        pieces.update(block)
    for one, other in zip(whole.columns(), pieces.columns(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_samples", [1, 2399, 2400, 2401, 100_000])
def test_no_peak_is_lost_and_columns_are_few(n_samples):
    audio = np.zeros((n_samples, 1), np.float32)
    audio[-1] = -0.5
    if n_samples > 1:
        audio[n_samples // 2 - 1] = 0.75
    envelope = Envelope(StreamFormat(8000))
    envelope.update(audio)
    lows, highs = envelope.columns()
    assert len(lows) == len(highs) <= 2401
    assert lows.min() == -0.5
    assert highs.max() == audio.max()
    column = round(envelope.column_s * 8000)
    assert (len(highs) - 1) * column < n_samples <= len(highs) * column


def test_an_hour_takes_as_much_memory_as_a_minute():
    envelope = Envelope(StreamFormat(8000))
    block = np.zeros((65_536, 1), np.float32)
    for _ in range(440):
        envelope.update(block)
    assert len(envelope.columns()[0]) <= 2401
    assert envelope.column_s * 2400 >= 440 * 65_536 / 8000 / 2


def test_probabilities_keep_their_highest():
    levels = np.zeros(1001, np.float32)
    levels[1000] = 0.9
    shown = highest_of(levels, 100)
    assert len(shown) == 91
    assert shown[-1] == np.float32(0.9)
    assert len(highest_of(levels[:50], 100)) == 50


def test_a_label_has_its_colour_in_every_channel():
    segments = [
        Segment(0, 1, "anna", None, 1),
        Segment(1, 2, "ben", None, 0),
        Segment(2, 3, "anna", None, 0),
    ]
    lanes = {lane.name: lane for lane in lanes_of(segments)}
    assert list(lanes) == ["ben (channel 1)", "anna (channel 1)", "anna (channel 2)"]
    assert lanes["anna (channel 1)"].colour == lanes["anna (channel 2)"].colour
    assert lanes["anna (channel 1)"].colour != lanes["ben (channel 1)"].colour
    assert lanes["anna (channel 2)"].segments == ((0, segments[0]),)


def test_channels_are_drawn_apart_only_where_segments_have_one():
    envelope = Envelope(StreamFormat(8000, 2))
    envelope.update(np.array([[0.5, -0.25], [0.0, 0.125]], np.float32))
    (wave,) = waves_of(envelope, lanes_of([Segment(0, 1)]))
    assert (float(wave.lows.min()), float(wave.highs.max())) == (-0.25, 0.5)
    waves = waves_of(envelope, lanes_of([Segment(0, 1, channel=1)]))
    assert [(wave.channel, float(wave.highs.max())) for wave in waves] == [(0, 0.5), (1, 0.125)]


def test_speech_of_two_at_once_counts_once_in_words():
    found = [Segment(0.0, 2.0, "a"), Segment(1.0, 3.0, "b")]
    assert summary_of(found, 10.0) == "2 segments, 3.0 s of 10.0 s (30 %)"
    assert summary_of([], 10.0) == "no speech was found"


def test_it_is_1200_wide_and_marks_where_speech_is(tmp_path):
    audio = np.zeros((16000, 1))
    picture = drawn(tmp_path, audio, [Segment(0.5, 1.0)], np.ones(200, np.float32))
    assert picture.shape[1] == 1200
    # The lighter blue of a segment, behind a wave of silence: a quarter of the time.
    blue = np.abs(picture - np.array([0.7, 0.835, 0.91])).max(axis=-1) < 0.03
    columns = np.flatnonzero(blue.sum(axis=0) > 50)
    assert 0.2 < len(columns) / 1200 < 0.3
    assert 0.2 < columns[0] / 1200 < 0.35


def test_each_speaker_has_a_lane_in_a_colour(tmp_path):
    segments = [Segment(0.0, 1.0, "anna"), Segment(0.5, 1.5, "ben"), Segment(1.5, 2.0, "$x_1$")]
    picture = drawn(tmp_path, np.zeros((16000, 1)), segments, np.zeros(200, np.float32))
    assert all(coloured(picture, lane.colour) > 500 for lane in lanes_of(segments))


@pytest.mark.parametrize(
    ("audio", "segments"),
    [
        (np.zeros((8000, 1)), []),
        (np.full((1, 1), 0.5), []),
        (np.full((400, 3), 1.0), [Segment(0.0, 0.05)]),
        (np.sign(np.sin(np.arange(8000.0)))[:, np.newaxis], [Segment(0.0, 1.0)]),
    ],
    ids=["silence", "one sample", "50 ms, direct current", "full scale"],
)
def test_odd_recordings_are_drawn_too(tmp_path, audio, segments):
    picture = drawn(tmp_path, audio, segments, np.zeros(0, np.float32), title="\udcff 時 $")
    assert picture.shape[1] == 1200
    # Something dark is there: the wave, if only a line.
    assert coloured(picture, "#3b4252", 0.2) > 20


def test_the_same_recording_gives_the_same_picture(tmp_path):
    audio = np.random.default_rng(0).uniform(-1, 1, (8000, 1))
    levels = np.linspace(0, 1, 100, dtype=np.float32)
    first = drawn(tmp_path, audio, [Segment(0.2, 0.4)], levels)
    again = drawn(tmp_path, audio, [Segment(0.2, 0.4)], levels)
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    np.testing.assert_array_equal(first, again)
