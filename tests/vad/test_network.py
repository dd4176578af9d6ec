"""The detector's network: what it hears, and that NumPy computes what torch trained."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike, split_at
from audiokit.vad.bands import ABSENT_DB, N_BANDS, N_TELEPHONE_BANDS, BandLevels
from audiokit.vad.inputs import N_INPUTS, SpeechInputs
from audiokit.vad.network import LOOK_AHEAD_FRAMES, NetworkScorer

MONO = StreamFormat(16000)


def noise(seconds, fmt=MONO, seed=1):
    rng = np.random.default_rng(seed)
    samples = 0.1 * rng.standard_normal((int(seconds * fmt.sample_rate), fmt.channels))
    return samples.astype(np.float32)


def heard(block, fmt=MONO):
    inputs = SpeechInputs(fmt)
    return np.concatenate([inputs.process(block)[0], inputs.flush()[0]])


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 44100])
def test_white_noise_is_even_in_all_bands_that_the_rate_carries(sample_rate):
    fmt = StreamFormat(sample_rate)
    levels = BandLevels(fmt).process(noise(20, fmt))
    power_db = 10.0 * np.log10(np.mean(10.0 ** (levels[:, :N_BANDS] / 10.0), axis=0))
    n_carried = {8000: N_TELEPHONE_BANDS, 11025: N_TELEPHONE_BANDS + 2}.get(sample_rate, N_BANDS)
    np.testing.assert_allclose(power_db[:n_carried], -20.0, atol=0.6)
    assert (levels[:, n_carried:N_BANDS] == ABSENT_DB).all()


def buzz(pitch_hz, seconds=1.0):
    time_s = np.arange(round(seconds * 16000)) / 16000
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 20))
    return 0.1 * voice[:, np.newaxis].astype(np.float32)


@pytest.mark.parametrize("pitch_hz", [80, 100, 200, 350])
def test_a_voice_is_periodic_however_low_and_noise_is_not(pitch_hz):
    periodicity = BandLevels(MONO).process(buzz(pitch_hz))[:, N_BANDS]
    assert periodicity[5:-5].min() > 0.5
    assert periodicity[5:-5].max() < 1.1
    assert np.mean(BandLevels(MONO).process(noise(5))[:, N_BANDS]) < 0.2


def test_rumble_far_above_the_voice_changes_no_band():
    voice = buzz(200)
    time_s = np.arange(len(voice))[:, np.newaxis] / 16000
    rumble = 2.0 * np.sin(2 * np.pi * 12.0 * time_s) + 0.5 * np.sin(2 * np.pi * 25.0 * time_s)
    alone, both = (BandLevels(MONO).process(x) for x in (voice, voice + np.float32(rumble)))
    # Bands that hold a harmonic; the first lies below the voice.
    np.testing.assert_allclose(both[5:-5, 1:8], alone[5:-5, 1:8], atol=0.2)
    np.testing.assert_allclose(both[5:-5, N_BANDS], alone[5:-5, N_BANDS], atol=0.05)


def test_steady_noise_does_not_rise_above_its_floor_and_a_voice_does():
    block = noise(6)
    block[48000:64000] += 3.0 * buzz(200)
    rises = heard(block)[:, N_BANDS : 2 * N_BANDS]
    assert np.median(rises[200:300]) < 0.5
    assert np.median(rises[320:380, 1:8]) > 1.0


def test_what_is_heard_does_not_depend_on_level():
    block = speechlike(MONO, 3.0, seed=2)
    np.testing.assert_allclose(heard(block), heard(np.float32(0.1) * block), atol=0.02)


def test_the_inputs_are_the_same_for_every_cutting():
    block = speechlike(MONO, 2.0, seed=2)
    for step in (1, 160, 333):
        inputs = SpeechInputs(MONO)
        parts = [inputs.process(piece)[0] for piece in split_at(block, range(0, 9000, step))]
        together = np.concatenate([*parts, inputs.flush()[0]])
        np.testing.assert_array_equal(together, heard(block))


@pytest.mark.parametrize("n_samples", [0, 1, 159, 160, 161, 16000])
def test_every_frame_that_the_stream_begins_has_a_probability(n_samples):
    scores = analyze(NetworkScorer(MONO), [noise(2)[:n_samples]])
    assert scores.shape == (-(-n_samples // 160),)
    assert scores.dtype == np.float32
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def test_a_probability_is_there_when_the_look_ahead_says():
    block = noise(3)
    whole = analyze(NetworkScorer(MONO), [block])
    for n_samples in (8000, 8123, 20000):
        early = NetworkScorer(MONO).process(block[:n_samples])
        wait_samples = round(NetworkScorer.look_ahead_s * 16000)
        assert len(early) >= (n_samples - wait_samples) // 160
        np.testing.assert_array_equal(early, whole[: len(early)])


def test_the_last_frames_are_as_if_nothing_changed():
    block = speechlike(MONO, 1.0, seed=4)
    assert len(NetworkScorer(MONO).process(block)) <= 100 - LOOK_AHEAD_FRAMES
    assert len(analyze(NetworkScorer(MONO), [block])) == 100


def test_rates_below_telephone_are_refused():
    with pytest.raises(SettingError, match="sample_rate is 6000"):
        NetworkScorer(StreamFormat(6000))


def test_the_weights_are_small():
    path = resources.files("audiokit.vad") / "detector.npz"
    assert len(path.read_bytes()) <= 20_480


def test_numpy_computes_what_torch_trained():
    torch = pytest.importorskip("torch", reason="needs the extra training")
    from audiokit.training.detector_model import DetectorModel

    with np.load(str(resources.files("audiokit.vad") / "detector.npz")) as file:
        stored = {name: file[name] for name in file.files}
    model = DetectorModel(len(stored["entry_bias"]), len(stored["from_state"]))
    model.begin_with(stored)
    block = speechlike(MONO, 4.0, seed=5)
    inputs = heard(block)
    last = np.repeat(inputs[-1:], LOOK_AHEAD_FRAMES, axis=0)
    with torch.no_grad():
        logits = model(torch.from_numpy(np.concatenate([inputs, last])[:, np.newaxis]))
    expected = torch.sigmoid(logits[LOOK_AHEAD_FRAMES:, 0]).numpy()
    np.testing.assert_allclose(analyze(NetworkScorer(MONO), [block]), expected, atol=2e-5)
    assert inputs.shape[1] == N_INPUTS
