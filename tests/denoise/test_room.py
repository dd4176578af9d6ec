"""What the room stage does to rooms, and to recordings that have none."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.denoise.late import LateReverberation
from audiokit.denoise.room import RoomReducer, RoomSettings
from audiokit.denoise.wpe import WeightedPrediction
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import render, split_at

MONO, STEREO = StreamFormat(16000), StreamFormat(16000, 2)


def voice(sample_rate, seconds):
    """Noise that says nothing of its future, in syllables of 0.2 s and pauses of 0.3 s."""
    rng = np.random.default_rng(3)
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    excitation = rng.standard_normal(len(time_s))
    breath = excitation[::-1] * 3e-5
    return 0.1 * excitation * np.clip(8 * np.sin(2 * np.pi * time_s / 0.5) - 1, 0, 1) + breath


def response(sample_rate, rt60_s, seed=0):
    """A direct path of 1 and, 5 ms later, a tail of as much energy."""
    n_samples = round(rt60_s * sample_rate)
    tail = np.random.default_rng(seed).standard_normal(n_samples)
    tail *= 10.0 ** (-3.0 * np.arange(n_samples) / n_samples)
    tail[: sample_rate // 200] = 0.0
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def through(samples, *responses):
    """Return samples through impulse responses, a channel each."""
    n_fft = 1 << (len(samples) + len(responses[0])).bit_length()
    spectrum = np.fft.rfft(samples, n_fft)
    wet = [
        np.fft.irfft(spectrum * np.fft.rfft(h, n_fft), n_fft)[: len(samples)] for h in responses
    ]
    return np.ascontiguousarray(np.stack(wet, axis=1), np.float32)


def level_db(block):
    return 10 * np.log10(np.mean(np.square(block, dtype=np.float64)))


def si_sdr_db(reference, estimate):
    target = reference * (np.vdot(estimate, reference) / np.vdot(reference, reference))
    return level_db(target) - level_db(estimate - target)


def early(wet_response, sample_rate):
    """The response up to 50 ms."""
    first = wet_response.copy()
    first[sample_rate // 20 :] = 0.0
    return first


def complex_noise(n_frames, channels, n_bins, seed=0):
    parts = np.random.default_rng(seed).standard_normal((2, n_frames, channels, n_bins))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def recursive(excitation, coefficient, delay):
    """Each frame holds `coefficient` of the one `delay` before."""
    spectra = excitation.copy()
    for frame in range(delay, len(spectra)):
        spectra[frame] += coefficient * spectra[frame - delay]
    return spectra


def test_prediction_finds_the_coefficient_of_a_recursion():
    spectra = recursive(complex_noise(600, 1, 5), 0.7j, 3)
    prediction = WeightedPrediction(1, 5, taps=4, delay=2, forgetting=0.99)
    predicted = prediction.predict(spectra)[400:]
    expected = 0.7j * spectra[397:-3]
    error = np.mean(np.abs(predicted - expected) ** 2) / np.mean(np.abs(expected) ** 2)
    assert error < 0.05


def test_prediction_does_not_touch_what_is_sooner_than_its_delay():
    spectra = recursive(complex_noise(600, 1, 5), 0.7j, 1)
    prediction = WeightedPrediction(1, 5, taps=3, delay=4, forgetting=0.99)
    left = spectra - prediction.predict(spectra)
    # What four frames back tell is 0.7^4 of the amplitude, and no more.
    fall = np.mean(np.abs(left[300:]) ** 2) / np.mean(np.abs(spectra[300:]) ** 2)
    assert fall == pytest.approx(1.0 - 0.7**8, abs=0.05)


def test_prediction_takes_in_what_other_channels_heard():
    excitation = complex_noise(600, 2, 5)
    spectra = excitation.copy()
    spectra[3:, 1] += 0.9 * excitation[:-3, 0]
    prediction = WeightedPrediction(2, 5, taps=3, delay=2, forgetting=0.99)
    left = spectra - prediction.predict(spectra)
    power = np.mean(np.abs(left[300:]) ** 2, axis=(0, 2))
    np.testing.assert_allclose(power / 2.0, [1.0, 1.0], atol=0.1)


def test_prediction_does_not_depend_on_level():
    spectra = recursive(complex_noise(100, 1, 5), 0.7, 3)
    soft, loud = (
        WeightedPrediction(1, 5, taps=4, delay=2, forgetting=0.99).predict(spectra * level)
        for level in (1e-3, 1e3)
    )
    np.testing.assert_allclose(loud * 1e-6, soft, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("sample_rate", [8000, 44100])
def test_a_tail_falls_in_the_pauses_more_than_speech_does(sample_rate):
    speech = voice(sample_rate, 5.0)
    wet = through(speech, response(sample_rate, 0.7))
    out = render(RoomReducer(StreamFormat(sample_rate)), [wet])
    position = np.arange(len(speech)) % (sample_rate // 2)
    is_late = np.arange(len(speech)) >= 3 * sample_rate
    is_pause = is_late & (position > 0.37 * sample_rate)
    is_speech = is_late & (position < 0.2 * sample_rate)
    fall_db = level_db(wet[is_pause]) - level_db(out[is_pause])
    assert fall_db > 6.0
    assert level_db(wet[is_speech]) - level_db(out[is_speech]) < fall_db - 4.0


def test_prediction_alone_takes_less_than_both_steps():
    wet = through(voice(16000, 6.0), response(16000, 0.7))
    alone, both = RoomReducer(MONO, RoomSettings(floor_db=0.0)), RoomReducer(MONO)
    render(alone, [wet])
    render(both, [wet])
    assert 0.0 < alone.facts()["reduction_db"] < both.facts()["reduction_db"]


def test_two_channels_say_more_about_a_room_than_one():
    speech = voice(16000, 5.0)
    left, right = response(16000, 0.7), response(16000, 0.7, seed=1)
    wet = through(speech, left, right)
    only = RoomSettings(floor_db=0.0)
    jointly = render(RoomReducer(STEREO, only), [wet])[:, :1]
    singly = render(RoomReducer(MONO, only), [np.ascontiguousarray(wet[:, :1])])
    reference = through(speech, early(left, 16000))
    half = slice(48000, None)
    assert si_sdr_db(reference[half], jointly[half]) > si_sdr_db(reference[half], singly[half])


def test_dry_speech_stays_as_it_is():
    dry = voice(16000, 6.0)[:, np.newaxis].astype(np.float32)
    assert si_sdr_db(dry, render(RoomReducer(MONO), [dry])) > 25.0


def test_steady_noise_stays_as_it_is():
    noise = np.random.default_rng(0).standard_normal((96000, 1)).astype(np.float32) * 0.05
    out = render(RoomReducer(MONO), [noise])
    assert si_sdr_db(noise, out) > 25.0


def test_no_strength_changes_nothing():
    wet = through(voice(16000, 3.0), response(16000, 0.7))
    out = render(RoomReducer(MONO, RoomSettings(strength=0.0)), [wet])
    np.testing.assert_allclose(out, wet, rtol=0, atol=4e-7)


def test_facts_tell_a_wet_recording_from_a_dry_one_whatever_the_cutting():
    speech = voice(16000, 5.0)
    wet = through(speech, response(16000, 0.9))
    whole, cut, dry = RoomReducer(MONO), RoomReducer(MONO), RoomReducer(MONO)
    render(whole, [wet])
    render(cut, split_at(wet, range(0, len(wet), 777)))
    render(dry, [speech[:, np.newaxis].astype(np.float32)])
    assert whole.facts() == cut.facts()
    late_db = [stage.facts()["late_reverberation_db"] for stage in (dry, whole)]
    assert late_db[0] < late_db[1] - 6.0


def test_facts_of_silence_name_no_room():
    stage = RoomReducer(MONO)
    render(stage, [MONO.silence(16000)])
    assert stage.facts() == {"late_reverberation_db": None, "reduction_db": 0.0}


def test_the_level_of_a_tail_as_modelled_is_found():
    """Power that falls by 60 dB in 0.8 s between bursts is all tail."""
    n_bins, silence = 33, 1e-12
    late = LateReverberation(n_bins, hop_ms=16.0, bin_hz=250.0, silence=silence)
    frames = np.arange(1500) % 60
    power = np.repeat(10.0 ** (-6.0 * frames * 0.016 / 0.8)[:, np.newaxis], n_bins, axis=1)
    _, by_band_db = late.track(power.astype(np.float32))
    slower = LateReverberation(n_bins, hop_ms=16.0, bin_hz=250.0, silence=silence)
    _, drier_db = slower.track(np.square(power).astype(np.float32))
    assert by_band_db[-1].min() > -6.0
    assert drier_db[-1].max() < by_band_db[-1].min() - 6.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_same_in_both_channels_stays_the_same(sign):
    one = through(voice(16000, 2.0), response(16000, 0.7))
    out = render(RoomReducer(STEREO), [np.concatenate([one, np.float32(sign) * one], axis=1)])
    np.testing.assert_allclose(out[:, 1], sign * out[:, 0], rtol=0, atol=1e-5)


def test_many_channels_are_taken_in_groups():
    fmt = StreamFormat(8000, 9)
    wet = through(voice(8000, 1.0), *(response(8000, 0.6, seed=seed) for seed in range(9)))
    out = render(RoomReducer(fmt), [wet])
    assert out.shape == wet.shape
    assert np.isfinite(out).all()


@pytest.mark.parametrize("sample_rate", [8000, 96000])
def test_hard_input_stays_finite_and_bounded(sample_rate):
    fmt = StreamFormat(sample_rate)
    wet = through(voice(sample_rate, 1.0), response(sample_rate, 0.5))
    clipped = np.clip(wet * 100.0, -1.0, 1.0)
    hum = np.sin(np.arange(sample_rate) * (2 * np.pi * 50.0 / sample_rate))
    parts = [fmt.silence(sample_rate), clipped, wet * 1e-6, hum[:, np.newaxis], -clipped]
    block = np.concatenate(parts).astype(np.float32)
    out = render(RoomReducer(fmt), [block])
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 2.0
    assert not out[: sample_rate - sample_rate // 10].any()


@pytest.mark.parametrize(
    ("name", "value"),
    [("strength", 1.1), ("floor_db", 1.0), ("taps_ms", 8.0), ("delay_ms", 200.0)],
)
def test_a_setting_out_of_range_is_refused(name, value):
    with pytest.raises(SettingError, match=name):
        RoomSettings(**{name: value})


def test_a_rate_out_of_range_is_refused():
    with pytest.raises(SettingError, match="sample_rate"):
        RoomReducer(StreamFormat(4000))


def test_dry_speech_of_a_recording_stays_and_the_same_in_a_real_room_is_told_apart(recordings):
    soundfile = pytest.importorskip("soundfile")
    room, _ = soundfile.read(recordings / "rir" / "impulse_response_0.wav")
    speech, _ = soundfile.read(recordings / "speech" / "leopard_test_en.flac")
    late_db = []
    for block in (speech[:, np.newaxis].astype(np.float32), through(speech, room)):
        stage = RoomReducer(MONO)
        render(stage, [block])
        late_db.append(stage.facts()["late_reverberation_db"])
    assert late_db[0] < late_db[1] - 2.0
