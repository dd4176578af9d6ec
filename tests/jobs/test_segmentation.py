"""All that is found in one recording, on signals whose speech is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.jobs.segmentation import Segmentation, SegmentSettings
from audiokit.stage import StreamFormat
from audiokit.testing import split_at

MONO, STEREO = StreamFormat(16000), StreamFormat(16000, 2)


def bursts(*times_s, seconds=6.0, pitch_hz=140.0):
    """A buzz at some times, over a hiss 40 dB lower."""
    time_s = np.arange(int(seconds * 16000)) / 16000
    inside = [(time_s >= start_s) & (time_s < end_s) for start_s, end_s in times_s]
    is_on = np.any([np.zeros(len(time_s), bool), *inside], axis=0)
    buzz = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 25))
    hiss = np.random.default_rng(3).standard_normal(len(time_s))
    return (0.1 * buzz * is_on + 0.001 * hiss).astype(np.float32)[:, np.newaxis]


def report(block, fmt=MONO, cuts=(), **chosen):
    segmentation = Segmentation(fmt, SegmentSettings(**{"engine": "energy"} | chosen))
    for piece in split_at(block, cuts):
        segmentation.process(piece)
    return segmentation.finish()


def test_a_talker_in_each_channel_is_found_in_each():
    left, right = bursts((0.5, 2.0)), bursts((1.5, 3.0), (4.0, 5.0))
    found = report(np.concatenate([left, right], axis=1), STEREO, per_channel=True)
    assert [segment.channel for segment in found.segments] == [0, 1, 1]
    np.testing.assert_allclose(
        [(s.start_s, s.end_s) for s in found.segments],
        [(0.5, 2.0), (1.5, 3.0), (4.0, 5.0)],
        atol=0.1,
    )
    together = report(np.concatenate([left, right], axis=1), STEREO)
    assert [segment.channel for segment in together.segments] == [None, None]


def test_probabilities_cover_every_hundredth_of_a_second():
    found = report(bursts((1.0, 2.0))[: 16000 * 3 + 1])
    assert found.probabilities.shape == (301,)
    assert found.duration_s == pytest.approx(3.0 + 1 / 16000)
    assert found.probabilities[120:180].min() > 0.5 > found.probabilities[250:].max()


def test_utterances_are_joined_over_short_pauses_and_phrases_are_not():
    block = bursts((0.5, 1.5), (1.8, 2.8), (4.0, 5.0))
    utterances = report(block, level="utterance").segments
    phrases = report(block, level="phrase").segments
    assert [s.label for s in utterances] == ["utterance"] * 2
    assert [s.label for s in phrases] == ["phrase"] * 3
    assert phrases[0].end_s <= phrases[1].start_s


def test_speech_that_is_too_long_is_cut_where_it_is_quietest():
    block = bursts((0.2, 5.8))
    block[int(3.0 * 16000) : int(3.12 * 16000)] *= 0.05
    first, second = report(block, max_speech_s=4.0).segments
    assert first.end_s == second.start_s
    assert 3.0 <= first.end_s <= 3.12


@given(st.lists(st.integers(0, 96000), max_size=5))
@settings(max_examples=10, deadline=None)
def test_any_cutting_finds_the_same(cuts):
    block = bursts((0.5, 1.5), (1.8, 2.8), (4.0, 5.0))
    whole = report(block, level="phrase", max_speech_s=2.0)
    pieces = report(block, cuts=sorted(cuts), level="phrase", max_speech_s=2.0)
    assert pieces.segments == whole.segments
    np.testing.assert_array_equal(pieces.probabilities, whole.probabilities)


@pytest.mark.parametrize("n_samples", [0, 1, 800, 32000])
@pytest.mark.parametrize("chosen", [{}, {"level": "utterance"}, {"speakers": 0}])
def test_silence_of_any_length_holds_nothing_and_says_so(n_samples, chosen):
    found = report(MONO.silence(n_samples), engine="network", **chosen)
    assert found.segments == []
    assert found.warnings == ("no speech was found",)
    assert len(found.probabilities) == -(-n_samples // 160)


def test_two_voices_are_told_apart_by_number_and_name():
    low = [(0.2, 3.0), (6.4, 9.0)]
    high = [(3.3, 6.1), (9.3, 11.8)]
    block = bursts(*low, seconds=12, pitch_hz=95.0) + bursts(*high, seconds=12, pitch_hz=210.0)
    found = report(block, speakers=2)
    assert found.facts["n_speakers"] == 2
    assert len({segment.label for segment in found.segments}) == 2


@pytest.mark.parametrize(
    "chosen",
    [
        {"level": "word"},
        {"speakers": 21},
        {"overlap": "both"},
        {"speakers": 2, "per_channel": True},
        {"speakers": 0, "level": "phrase"},
        {"engine": "ear"},
        {"max_speech_s": 0.5},
    ],
)
def test_settings_that_do_not_go_together_are_refused(chosen):
    with pytest.raises(SettingError):
        SegmentSettings(**chosen)
