"""The live machine and its gate: what they tell, when, and that it is what a file gets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render, split_at
from audiokit.vad.endpoint import (
    EndpointMachine,
    EndpointSettings,
    SpeechEnded,
    SpeechStarted,
    UtteranceEnded,
)
from audiokit.vad.energy_engine import EnergyScorer
from audiokit.vad.gate import SpeechGate
from audiokit.vad.hysteresis import Hysteresis
from audiokit.vad.scorer import SpeechScorer

SETTINGS = EndpointSettings(
    min_speech_ms=50.0, hangover_ms=100.0, end_of_utterance_ms=300.0, max_utterance_s=3600.0
)
# Stretches of equal probability: most below, between and above the thresholds.
RUNS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.45, 0.5, 0.9]), st.integers(1, 45)), max_size=30
)


def frames(*runs):
    """``(value, n_frames)`` one after the other."""
    return np.concatenate([np.zeros(0), *(np.full(n, v) for v, n in runs)]).astype(np.float32)


def told(probabilities, chosen=SETTINGS, *, look_ahead_s=0.01, cuts=()):
    machine = EndpointMachine(chosen, look_ahead_s=look_ahead_s)
    pieces = np.split(probabilities, sorted(cut % (len(probabilities) + 1) for cut in cuts))
    return [event for piece in pieces for event in machine.push(piece)] + machine.flush()


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def offline(probabilities, chosen):
    hysteresis = Hysteresis(
        upper=chosen.threshold,
        lower=max(chosen.threshold - chosen.release, chosen.threshold / 2),
        min_run=round(chosen.min_speech_ms / 10),
        min_pause=round(chosen.hangover_ms / 10),
    )
    runs = hysteresis.process(probabilities) + hysteresis.flush()
    return [(run.start, run.end) for run in runs]


def joined(runs, pause):
    found = []
    for start, end in runs:
        if found and start - found[-1][1] < pause:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def in_frames(pairs):
    return [(round(a * 100), round(b * 100)) for a, b in pairs]


def test_each_event_tells_where_and_after_how_much_was_heard():
    events = told(frames((0.0, 100), (0.9, 50), (0.0, 100)), look_ahead_s=0.08)
    assert events == [
        SpeechStarted(1.0, pytest.approx(1.04 + 0.08)),
        SpeechEnded(1.5, pytest.approx(1.59 + 0.08)),
        UtteranceEnded(1.0, 1.5, pytest.approx(1.79 + 0.08)),
    ]
    expected_ms = [40 + 80, 90 + 80, 290 + 80]
    assert [event.latency_s * 1000 for event in events] == pytest.approx(expected_ms)


def test_states_follow_the_stream():
    machine = EndpointMachine(SETTINGS)
    states = [machine.state]
    for value, n_frames in ((0.9, 3), (0.9, 3), (0.0, 5), (0.9, 1), (0.0, 10)):
        machine.push(frames((value, n_frames)))
        states.append(machine.state)
    assert states == ["idle", "maybe speech", "speech", "maybe end", "speech", "idle"]
    machine.push(frames((0.9, 2)))
    machine.push(frames((0.0, 10)))
    assert machine.state == "idle"
    machine.reset()
    assert machine.flush() == []


def test_a_click_is_not_told():
    assert told(frames((0.0, 50), (1.0, 4), (0.0, 50))) == []


def test_words_with_short_pauses_are_one_utterance():
    probabilities = frames((0.9, 20), (0.0, 25), (0.9, 20), (0.0, 30), (0.9, 20), (0.0, 100))
    events = told(probabilities)
    assert len(of(SpeechStarted, events)) == 3
    utterances = of(UtteranceEnded, events)
    assert [(u.start_s, u.at_s) for u in utterances] == [(0.0, 0.65), (0.95, 1.15)]


@settings(deadline=None)
@given(runs=RUNS)
def test_starts_and_ends_are_those_of_the_file_and_utterances_join_them(runs):
    probabilities = frames(*runs)
    events = told(probabilities)
    starts, ends = of(SpeechStarted, events), of(SpeechEnded, events)
    pairs = [(a.at_s, b.at_s) for a, b in zip(starts, ends, strict=True)]
    expected = offline(probabilities, SETTINGS)
    assert in_frames(pairs) == expected
    utterances = [(event.start_s, event.at_s) for event in of(UtteranceEnded, events)]
    assert in_frames(utterances) == joined(expected, 30)


@settings(deadline=None)
@given(runs=RUNS)
def test_with_one_pause_for_both_utterances_are_the_segments_of_the_file(runs):
    chosen = EndpointSettings(
        min_speech_ms=80.0, hangover_ms=200.0, end_of_utterance_ms=200.0, max_utterance_s=3600.0
    )
    probabilities = frames(*runs)
    events = of(UtteranceEnded, told(probabilities, chosen))
    utterances = [(event.start_s, event.at_s) for event in events]
    assert in_frames(utterances) == offline(probabilities, chosen)


@settings(deadline=None)
@given(runs=RUNS, cuts=st.lists(st.integers(0, 2000), max_size=8), most_s=st.sampled_from([1, 99]))
def test_the_cutting_of_the_stream_changes_no_event(runs, cuts, most_s):
    chosen = EndpointSettings(
        min_speech_ms=50.0, hangover_ms=100.0, end_of_utterance_ms=300.0, max_utterance_s=most_s
    )
    probabilities = frames(*runs)
    assert told(probabilities, chosen, cuts=cuts) == told(probabilities, chosen)


@settings(deadline=None)
@given(runs=RUNS)
def test_no_event_is_later_than_documented(runs):
    machine, look_ahead_s = EndpointMachine(SETTINGS, look_ahead_s=0.08), 0.08
    for event in machine.push(frames(*runs, (0.0, 100))):
        base_ms = {SpeechStarted: 40.0, SpeechEnded: 90.0, UtteranceEnded: 290.0}[type(event)]
        extra_ms = {SpeechStarted: 100.0, SpeechEnded: 0.0, UtteranceEnded: 150.0}[type(event)]
        late_ms = (event.latency_s - look_ahead_s) * 1000
        assert base_ms - 1e-6 <= late_ms <= base_ms + extra_ms + 1e-6


@settings(deadline=None)
@given(runs=RUNS)
def test_no_utterance_is_longer_than_allowed_and_no_speech_is_lost(runs):
    chosen = EndpointSettings(
        min_speech_ms=50.0, hangover_ms=100.0, end_of_utterance_ms=300.0, max_utterance_s=1.0
    )
    probabilities = frames(*runs)
    events = told(probabilities, chosen)
    utterances = in_frames([(event.start_s, event.at_s) for event in of(UtteranceEnded, events)])
    assert all(0 < end - start <= 100 for start, end in utterances)
    is_covered = np.zeros(len(probabilities), bool)
    for start, end in utterances:
        assert not is_covered[start:end].any()
        is_covered[start:end] = True
    lower, is_above = np.float32(chosen.threshold - chosen.release), False
    for start, end in offline(probabilities, chosen):
        for frame in range(start, end):
            is_above = probabilities[frame] >= (lower if is_above else chosen.threshold)
            assert is_covered[frame] or not is_above
        is_above = False


def test_endless_speech_is_cut_and_goes_on():
    chosen = EndpointSettings(max_utterance_s=2.0)
    events = of(UtteranceEnded, told(frames((0.9, 450)), chosen))
    times = [(event.start_s, event.at_s, event.reason) for event in events]
    assert times == [(0.0, 2.0, "length"), (2.0, 4.0, "length"), (4.0, 4.5, "end")]


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": 0.0},
        {"release": 1.5},
        {"min_speech_ms": -1.0},
        {"hangover_ms": 0.0},
        {"end_of_utterance_ms": 199.0},
        {"preroll_ms": math.nan},
        {"max_utterance_s": 0.5},
        {"max_utterance_s": 2.0, "min_speech_ms": 1900.0},
    ],
)
def test_settings_out_of_range_are_refused(values):
    with pytest.raises(SettingError):
        EndpointSettings(**values)


def test_an_engine_that_hears_all_first_cannot_be_live():
    with pytest.raises(SettingError, match="finite"):
        EndpointMachine(look_ahead_s=math.inf)


class Scripted(SpeechScorer):
    """Says what it was given, 60 ms late."""

    def __init__(self, fmt, probabilities):
        self.fmt, self.look_ahead_s = fmt, 0.07
        self._probabilities = probabilities
        self.reset()

    def reset(self):
        self._n_samples = self._n_given = 0

    def process(self, block):
        self._n_samples += len(block)
        return self._give(self._n_samples * 100 // self.fmt.sample_rate - 6)

    def flush(self):
        return self._give(-(-self._n_samples * 100 // self.fmt.sample_rate))

    def _give(self, n_frames):
        given = self._probabilities[self._n_given : max(self._n_given, n_frames)]
        self._n_given += len(given)
        return given


def gate(fmt, probabilities, **values):
    chosen = EndpointSettings(min_speech_ms=50.0, hangover_ms=100.0, **values)
    return SpeechGate(fmt, chosen, scorer=Scripted(fmt, probabilities))


def test_the_gate_passes_speech_with_its_preroll_and_nothing_else():
    fmt = StreamFormat(8000, 2)
    stage = gate(fmt, frames((0.0, 100), (0.9, 50), (0.0, 150)), preroll_ms=80.0)
    block = np.random.default_rng(1).standard_normal((24000, 2)).astype(np.float32)
    out = render(stage, [block])
    assert out.shape == block.shape
    # Open from 0.92 s to 1.60 s; the first 10 ms and the 10 ms after fade.
    np.testing.assert_array_equal(out[7440:12800], block[7440:12800])
    assert not out[:7360].any()
    assert not out[12880:].any()
    fade = np.arange(80, dtype=np.float32)[:, np.newaxis] / 80
    np.testing.assert_allclose(out[7360:7440], block[7360:7440] * fade, atol=1e-6)
    np.testing.assert_allclose(out[12800:12880], block[12800:12880] * (1 - fade), atol=1e-6)
    assert stage.facts()["open_s"] == pytest.approx(0.68)
    kinds = [type(event) for event in stage.events()]
    assert kinds == [SpeechStarted, SpeechEnded, UtteranceEnded]


@settings(deadline=None, max_examples=40)
@given(
    runs=RUNS,
    cuts=st.lists(st.integers(0, 30000), max_size=8),
    rate=st.sampled_from([8000, 11025]),
)
def test_the_gate_gives_the_same_live_and_offline(runs, cuts, rate):
    fmt = StreamFormat(rate)
    probabilities = frames(*runs, (0.0, 7))
    n_samples = len(probabilities) * rate // 100
    block = np.random.default_rng(1).uniform(0.5, 1.0, (n_samples, 1)).astype(np.float32)
    whole = render(gate(fmt, probabilities), [block])
    stage = gate(fmt, probabilities)
    pieces = render(stage, split_at(block, [cut % n_samples for cut in cuts]))
    np.testing.assert_array_equal(pieces, whole)
    assert len(whole) == n_samples


def test_the_gate_never_holds_more_than_its_latency():
    fmt = StreamFormat(11025)
    stage = gate(fmt, frames((0.0, 100), (0.9, 50), (0.0, 150)))
    n_in = n_out = 0
    for _ in range(400):
        n_in += 77
        n_out += len(stage.process(np.ones((77, 1), np.float32)))
        assert n_in - n_out <= stage.latency_samples


def test_the_gate_works_with_an_engine_and_as_new_after_reset():
    fmt = StreamFormat(16000)
    time_s = np.arange(48000) / 16000
    is_on = (time_s >= 1.0) & (time_s < 2.0)
    tone = 0.3 * np.sin(2 * np.pi * 300.0 * time_s) * is_on
    hiss = 0.003 * np.random.default_rng(1).standard_normal(48000)
    block = (tone + hiss).astype(np.float32)[:, np.newaxis]
    stage = SpeechGate(fmt, scorer=EnergyScorer(fmt))
    out = render(stage, [block])
    np.testing.assert_array_equal(out[15800:32000], block[15800:32000])
    assert not out[:12000].any()
    assert not out[40000:].any()
    stage.reset()
    np.testing.assert_array_equal(render(stage, [block]), out)
