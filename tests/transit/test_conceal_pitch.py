"""How voices, tones and pulses go on: closed forms, and the peer on real speech."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from audiokit.stage import StreamFormat
from audiokit.transit.conceal_period import find_repetition
from audiokit.transit.concealer import new_concealer

RATE = 16000
each_rate = pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
ours = pytest.mark.parametrize("name", ["pitch", "bridge"])


def played(name, sound, rate, *, gap, following=False):
    """Return a stream, ``(samples,)``, with samples ``gap[0]`` to ``gap[1]`` lost."""
    concealer = new_concealer(name, StreamFormat(rate))
    rows = np.ascontiguousarray(sound[:, np.newaxis], np.float32)
    begin, end = gap
    ahead = rows[end : 2 * end - begin] if following else None
    blocks = [
        concealer.received(rows[:begin]),
        concealer.lost(end - begin, ahead),
        concealer.received(rows[end:]),
    ]
    return np.concatenate(blocks)[:, 0]


def harmonics(rate, seconds, pitch_hz, glide=0.0):
    """A buzz, its pitch changing by a share of itself in a second, as loud at any rate."""
    time_s = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * pitch_hz * (time_s + 0.5 * glide * time_s**2)
    return 0.1 * sum(np.cos(k * phase) / k for k in range(1, 11))


def likeness(one, other):
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


@each_rate
@pytest.mark.parametrize("pitch_hz", [71.0, 103.7, 150.0, 222.2, 351.0])
def test_the_period_of_a_buzz_is_found_between_samples(rate, pitch_hz):
    found = find_repetition(harmonics(rate, 0.1, pitch_hz), rate)
    assert found.period_samples == pytest.approx(rate / pitch_hz, rel=0.004)
    assert found.strength > 0.97


@pytest.mark.parametrize("glide", [-1.0, 1.0])
def test_a_period_that_grows_or_shrinks_is_seen_to(glide):
    found = find_repetition(harmonics(RATE, 0.3, 150.0, glide)[: RATE // 10], RATE)
    # The pitch rises by glide a second, so the period shrinks; half of it is taken to go on.
    assert np.sign(found.slope) == -np.sign(glide)
    assert abs(found.slope) == pytest.approx(0.5 * abs(glide) / RATE, rel=0.5)


@pytest.mark.parametrize("kind", ["noise", "silence"])
def test_what_has_no_period_has_no_slope_and_little_strength(kind):
    sound = np.zeros(1600)
    if kind == "noise":
        sound = np.random.default_rng(3).standard_normal(1600)
    found = find_repetition(sound, RATE)
    assert found.strength < 0.6
    assert found.slope == 0.0


@each_rate
@pytest.mark.parametrize("tone_hz", [110.0, 205.3, 1000.0])
def test_a_tone_goes_on_in_phase_and_not_6_db_softer(rate, tone_hz):
    time_s = np.arange(round(0.3 * rate)) / rate
    turning = np.exp(2j * np.pi * tone_hz * time_s)
    begin, end = round(0.2 * rate), round(0.22 * rate)
    made = played("pitch", 0.3 * turning.real, rate, gap=(begin, end))
    # The last 10 ms of the gap against the tone as it went on: 1 were the tone itself.
    late = slice((begin + end) // 2, end)
    found = 2.0 * np.mean(made[late] * turning[late].conj()) / 0.3
    assert abs(np.angle(found)) < 0.1
    assert 0.5 < abs(found) < 1.15


@pytest.mark.parametrize("pitch_hz", [80.0, 125.0, 200.0])
def test_pulses_come_again_where_they_should(pitch_hz):
    period = RATE / pitch_hz
    train = np.zeros(4800)
    train[np.round(np.arange(20.0, 4780.0, period)).astype(int)] = 0.8
    made = played("pitch", train, RATE, gap=(3200, 3520))[3200:3520]
    due = np.round(np.arange(20.0, 4780.0, period)).astype(int)
    due = due[(due >= 3205) & (due < 3515)] - 3200
    for at in due:
        near = np.abs(made[at - 5 : at + 6])
        assert abs(int(np.argmax(near)) - 5) <= 1
        assert near.max() > 5.0 * np.median(np.abs(made))


@ours
@pytest.mark.parametrize("pitch_hz", [90.0, 140.0, 230.0])
@pytest.mark.parametrize("end", [3240, 3360, 3520, 3840])
def test_nothing_clicks_at_either_seam(name, pitch_hz, end):
    sound = harmonics(RATE, 0.4, pitch_hz)
    usual = np.abs(np.diff(sound)).max()
    made = played(name, sound, RATE, gap=(3200, end), following=name == "bridge")
    jumps = np.abs(np.diff(made))
    assert jumps[3190:3210].max() < 1.3 * usual
    assert jumps[end - 10 : end + 140].max() < 1.3 * usual


@pytest.mark.parametrize("glide", [-1.5, 1.5])
def test_a_gliding_voice_arrives_in_step_when_the_other_side_is_in_sight(glide):
    sound = harmonics(RATE, 0.4, 140.0, glide)
    lost = slice(3200, 3520)
    blind = played("pitch", sound, RATE, gap=(3200, 3520))[lost]
    seeing = played("bridge", sound, RATE, gap=(3200, 3520), following=True)[lost]
    assert likeness(seeing, sound[lost]) > 0.93
    assert likeness(seeing, sound[lost]) > likeness(blind, sound[lost])


def test_what_follows_a_bridge_is_played_as_it_is():
    sound = harmonics(RATE, 0.3, 140.0).astype(np.float32)
    made = played("bridge", sound, RATE, gap=(3200, 3520), following=True)
    np.testing.assert_array_equal(made[3520:], sound[3520:])


def test_without_sight_of_the_other_side_a_bridge_is_the_causal_method():
    sound = harmonics(RATE, 0.3, 140.0)
    np.testing.assert_array_equal(
        played("bridge", sound, RATE, gap=(3200, 3520)),
        played("pitch", sound, RATE, gap=(3200, 3520)),
    )


@ours
@pytest.mark.parametrize("gain", [2.0**-10, 2.0])
def test_how_loud_a_voice_is_changes_nothing_else(name, gain):
    sound = harmonics(RATE, 0.3, 140.0)
    usual, other = (
        played(name, loudness * sound, RATE, gap=(3200, 3520), following=True)
        for loudness in (1.0, gain)
    )
    np.testing.assert_allclose(other / gain, usual, atol=1e-4)


@ours
def test_channels_that_are_alike_stay_alike_but_for_their_noise(name):
    mono = harmonics(RATE, 0.3, 140.0).astype(np.float32)
    concealer = new_concealer(name, StreamFormat(RATE, 2))
    concealer.received(np.stack([mono[:3200]] * 2, axis=1))
    made = concealer.lost(320, np.stack([mono[3520:3840]] * 2, axis=1))
    assert likeness(made[:, 0], made[:, 1]) > 0.99


def test_a_silent_channel_stays_silent_beside_one_that_speaks():
    mono = harmonics(RATE, 0.3, 140.0).astype(np.float32)
    concealer = new_concealer("pitch", StreamFormat(RATE, 2))
    concealer.received(np.stack([mono[:3200], np.zeros(3200, np.float32)], axis=1))
    made = concealer.lost(320)
    assert np.abs(made[:, 0]).max() > 0.05
    assert np.abs(made[:, 1]).max() < 1e-6


@pytest.fixture(scope="module")
def bench():
    """The benchmark's own losses and peers, so that both say the same."""
    import sys

    folder = Path(__file__).parents[1] / "benchmarks"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("bench_conceal", folder / "bench_conceal.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def test_speech_with_losses_sounds_better_than_with_the_standard_method(recordings, bench):
    pytest.importorskip("pesq", reason="needs the extra quality")
    import soundfile

    scores = {"appendix I": [], "pitch": [], "bridge": []}
    for seed, name in enumerate(("libri_1688-142285-0000", "libri_2414-128291-0000")):
        speech, rate = soundfile.read(recordings / "speech" / f"{name}.flac", frames=6 * RATE)
        assert rate == RATE
        speech = (0.5 * speech / np.abs(speech).max()).astype(np.float32)
        speech = speech[: len(speech) // 320 * 320]
        for method, found in scores.items():
            found.append(bench.scored((method, speech, (0.10, 1), seed, RATE))[0])
    mean = {method: np.mean(found) for method, found in scores.items()}
    assert mean["pitch"] >= mean["appendix I"] + 0.10
    assert mean["bridge"] >= mean["appendix I"] + 0.40
