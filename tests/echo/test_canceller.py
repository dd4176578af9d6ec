"""The canceller: the two-input contract, and echoes that are known because we made them."""

from __future__ import annotations

import pickle
from itertools import zip_longest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.echo.canceller import EchoCanceller, EchoSettings
from audiokit.echo.engines import ENGINES, open_canceller
from audiokit.echo.nlms import NlmsCanceller, NlmsSettings
from audiokit.echo.speex_canceller import SpeexCanceller, SpeexSettings
from audiokit.errors import MissingDeviceError, SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import FORMATS, speechlike, split_at

RATE = 8000
MONO = StreamFormat(RATE)


def far_end(seconds, rate=RATE, seed=1):
    """Return noise in syllables, as loud as speech, with a spectrum that falls like it."""
    rng = np.random.default_rng(seed)
    n_samples = round(seconds * rate)
    rough = np.convolve(rng.standard_normal(n_samples), 0.8 ** np.arange(20), "same")
    syllables = np.repeat(rng.random(n_samples * 5 // rate + 1), rate // 5)
    syllables = np.resize(syllables, n_samples)
    return (0.1 * rough * syllables)[:, np.newaxis].astype(np.float32)


def room(rate=RATE, seed=2, decay_s=0.03):
    """Return an impulse response that decays."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(0.15 * rate)) / rate
    response = rng.standard_normal(len(time_s)) * np.exp(-time_s / decay_s) * 0.05
    response[0] = 0.5
    return response


def echo_of(far, response, delay_samples):
    """Return the echo of a far end, as long as it."""
    size = 1 << (len(far) + len(response)).bit_length()
    spectrum = np.fft.rfft(far[:, 0], size) * np.fft.rfft(response, size)
    wet = np.fft.irfft(spectrum, size)[: len(far)]
    late = np.concatenate([np.zeros(delay_samples), wet])[: len(far)]
    return late[:, np.newaxis].astype(np.float32)


def cancel(canceller, near, far):
    return np.concatenate([canceller.process(near, far), canceller.flush()])


def level_db(block):
    return 10 * np.log10(float(np.mean(np.square(block, dtype=np.float64))) + 1e-20)


FAR = far_end(6.0)
ECHO = echo_of(FAR, room(), 1173)
NOISE = np.random.default_rng(7).standard_normal(ECHO.shape).astype(np.float32) * 1e-4
MIC = ECHO + NOISE


@pytest.fixture(scope="module")
def cancelled():
    canceller = EchoCanceller(MONO)
    return cancel(canceller, MIC, FAR), canceller.facts()


def test_echo_alone_falls_by_25_db_once_converged(cancelled):
    out, facts = cancelled
    assert level_db(MIC[2 * RATE :]) - level_db(out[2 * RATE :]) > 25
    assert facts["state"] == "converged"
    assert facts["erle_db"] > 15


@pytest.mark.parametrize("tail_ms", [64.0, 160.0, 1000.0])
def test_echo_falls_whether_the_filter_has_late_taps_or_none(tail_ms):
    out = cancel(EchoCanceller(MONO, EchoSettings(tail_ms=tail_ms)), MIC, FAR)
    assert level_db(MIC[2 * RATE :]) - level_db(out[2 * RATE :]) > (10 if tail_ms == 64.0 else 20)


def test_what_a_short_filter_misses_a_long_one_subtracts():
    far, lasting = far_end(10.0), room(decay_s=0.12)
    time_s = np.arange(round(0.4 * RATE)) / RATE
    tail = np.random.default_rng(5).standard_normal(len(time_s)) * np.exp(-time_s / 0.1) * 0.05
    tail[: len(lasting)] += lasting
    mic = echo_of(far, tail, 800) + NOISE[0]
    left = [
        level_db(
            cancel(EchoCanceller(MONO, EchoSettings(tail_ms=ms, suppress=False)), mic, far)[
                6 * RATE :
            ]
        )
        for ms in (64.0, 352.0)
    ]
    assert left[1] < left[0] - 6


def test_delay_is_found_to_the_sample(cancelled):
    assert cancelled[1]["delay_ms"] == pytest.approx(1000 * 1173 / RATE, abs=0.1)


def test_output_is_not_turned_down_below_the_noise_of_the_room(cancelled):
    out, _ = cancelled
    # The least power of a noise lies some dB below its mean.
    assert level_db(out[3 * RATE :]) > level_db(NOISE) - 10


def test_near_end_speech_survives_double_talk():
    speech = speechlike(MONO, 6.0)
    out = cancel(EchoCanceller(MONO), MIC + speech, FAR)
    part = slice(2 * RATE, None)
    clean, heard = speech[part, 0].astype(float), out[part, 0].astype(float)
    scaled = clean * (clean @ heard) / (clean @ clean)
    error_db = level_db(heard - scaled)
    assert level_db(scaled) - error_db > 7
    assert level_db(heard) == pytest.approx(level_db(clean), abs=2.5)


def test_microphone_without_echo_passes_untouched():
    speech = speechlike(MONO, 6.0)
    canceller = EchoCanceller(MONO)
    out = cancel(canceller, speech, FAR)
    np.testing.assert_allclose(out, speech, atol=1e-6)
    assert canceller.facts()["state"] == "no_echo_found"
    assert canceller.facts()["erle_db"] is None


def test_silent_far_end_leaves_the_microphone_as_it_is():
    speech = speechlike(MONO, 1.0)
    canceller = EchoCanceller(MONO)
    out = cancel(canceller, speech, np.zeros_like(speech))
    np.testing.assert_allclose(out, speech, atol=1e-6)
    assert canceller.facts()["state"] == "idle"


def test_another_path_is_learnt_within_a_second_and_a_half():
    far = far_end(8.0)
    first, second = echo_of(far, room(), 1173), echo_of(far, -room(seed=9), 1173)
    mic = np.where(np.arange(len(far))[:, np.newaxis] < 4 * RATE, first, second) + 0 * far
    mic = (mic + 1e-4 * np.random.default_rng(3).standard_normal(mic.shape)).astype(np.float32)
    out = cancel(EchoCanceller(MONO), mic, far)
    part = slice(round(5.5 * RATE), 7 * RATE)
    assert level_db(mic[part]) - level_db(out[part]) > 15


def test_longer_delay_is_followed():
    far = far_end(9.0)
    near_by, far_off = echo_of(far, room(), 400), echo_of(far, room(), 3200)
    mic = np.where(np.arange(len(far))[:, np.newaxis] < 4 * RATE, near_by, far_off)
    canceller = EchoCanceller(MONO)
    out = cancel(canceller, mic, far)
    assert level_db(mic[7 * RATE :]) - level_db(out[7 * RATE :]) > 20
    assert canceller.facts()["delay_ms"] == pytest.approx(400.0, abs=0.1)


@pytest.mark.parametrize("ppm", [-200, 300])
def test_drift_of_the_clocks_is_measured_and_survived(ppm):
    far = far_end(8.0)
    # The far end at eight times the rate, read where another clock would have taken it.
    fine = np.fft.irfft(np.fft.rfft(echo_of(far, room(), 400)[:, 0]), 8 * len(far)) * 8
    places = np.arange(len(far)) * (1 + ppm * 1e-6) * 8
    mic = np.interp(places, np.arange(len(fine)), fine)[:, np.newaxis].astype(np.float32)
    canceller = EchoCanceller(MONO)
    out = cancel(canceller, mic, far)
    assert canceller.facts()["drift_ppm"] == pytest.approx(-ppm, abs=25)
    assert level_db(mic[4 * RATE :]) - level_db(out[4 * RATE :]) > 15


def test_microphone_that_is_switched_off_stays_silent():
    mic = MIC.copy()
    mic[4 * RATE :] = 0.0
    out = cancel(EchoCanceller(MONO), mic, FAR)
    assert not out[4 * RATE + 256 :].any()


def test_channels_of_either_sign_are_cancelled_alike():
    stereo = np.concatenate([MIC, -MIC], axis=1)[: 4 * RATE]
    out = cancel(EchoCanceller(StreamFormat(RATE, 2)), stereo, FAR)
    np.testing.assert_array_equal(out[:, 0], -out[:, 1])
    assert level_db(stereo[2 * RATE :]) - level_db(out[2 * RATE :]) > 25


@pytest.mark.parametrize("rate", [16000, 44100, 96000])
def test_other_rates_are_worked_on_as_they_are(rate):
    far = far_end(2.5, rate)
    mic = echo_of(far, room(rate), rate // 10)
    canceller = EchoCanceller(StreamFormat(rate))
    out = cancel(canceller, mic, far)
    part = slice(round(1.5 * rate), None)
    assert level_db(mic[part]) - level_db(out[part]) > 15
    assert canceller.facts()["delay_ms"] == pytest.approx(100.0, abs=0.2)
    assert canceller.latency_samples <= 0.032 * rate


BUILDERS = {
    "audiokit": EchoCanceller,
    "audiokit without suppressor": lambda fmt: EchoCanceller(fmt, EchoSettings(suppress=False)),
    "nlms": lambda fmt: NlmsCanceller(fmt, NlmsSettings(taps=64)),
    "speex": lambda fmt: SpeexCanceller(fmt, SpeexSettings(tail_ms=100)),
}
# Long enough for our own to find the echo; the others begin at once.
N_SHORT = {"nlms": 2000, "speex": 3000}
N_LONGEST = 9000
PLACES = st.lists(st.integers(0, N_LONGEST), max_size=8)


def short(name):
    n_samples = N_SHORT.get(name, N_LONGEST)
    return MIC[:n_samples], FAR[:n_samples]


def build(name, fmt):
    try:
        return BUILDERS[name](fmt)
    except MissingDeviceError as absent:
        pytest.skip(str(absent))


@pytest.mark.parametrize("name", BUILDERS)
@settings(max_examples=5, deadline=None)
@given(near_cuts=PLACES, far_cuts=PLACES)
def test_result_does_not_depend_on_how_either_stream_is_cut(name, near_cuts, far_cuts):
    mic, far = short(name)
    whole = cancel(build(name, MONO), mic, far)
    canceller = build(name, MONO)
    nears = split_at(mic, [cut % (len(mic) + 1) for cut in near_cuts])
    fars = split_at(far, [cut % (len(mic) + 1) for cut in far_cuts])
    nothing = MONO.silence(0)
    pairs = zip_longest(nears, fars, fillvalue=nothing)
    pieces = [canceller.process(near, far) for near, far in pairs]
    np.testing.assert_array_equal(np.concatenate([*pieces, canceller.flush()]), whole)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_extremes_keep_length_and_stay_finite(name, fmt):
    n_samples = fmt.sample_rate // 10
    square = np.where(np.arange(n_samples) // 40 % 2 == 0, 1.0, -1.0).astype(np.float32)
    square = square[:, np.newaxis]
    shape = (n_samples, fmt.channels)
    cases = {
        "nothing": (fmt.silence(0), square[:0]),
        "one sample": (fmt.silence(1) + np.float32(0.5), square[:1]),
        "silence": (fmt.silence(n_samples), square),
        "DC": (fmt.silence(n_samples) + np.float32(0.7), square * 0 + np.float32(0.7)),
        "full scale": (np.broadcast_to(square, shape).copy(), square),
        "far end too short": (np.broadcast_to(square, shape).copy(), square[:100]),
        "far end too long": (np.broadcast_to(square[:100], (100, fmt.channels)).copy(), square),
    }
    for case, (near, far) in cases.items():
        out = cancel(build(name, fmt), near, far)
        assert out.shape == near.shape, case
        assert out.dtype == np.float32, case
        assert out.flags.c_contiguous, case
        assert np.isfinite(out).all(), case


@pytest.mark.parametrize("name", BUILDERS)
def test_reset_forgets_everything(name):
    canceller = build(name, MONO)
    mic, far = short(name)
    canceller.process(mic[::-1].copy(), far[::-1].copy())
    canceller.reset()
    fresh = build(name, MONO)
    np.testing.assert_array_equal(cancel(canceller, mic, far), cancel(fresh, mic, far))
    assert canceller.facts() == fresh.facts()


@pytest.mark.parametrize("name", ["audiokit", "nlms"])
def test_pickled_canceller_goes_on_where_it_was(name):
    canceller = BUILDERS[name](MONO)
    mic, far = short(name)
    place = len(mic) * 3 // 4
    canceller.process(mic[:place], far[: place + 100])
    twin = pickle.loads(pickle.dumps(canceller))
    rest = mic[place:], far[place + 100 :]
    np.testing.assert_array_equal(cancel(twin, *rest), cancel(canceller, *rest))


@pytest.mark.parametrize("name", BUILDERS)
def test_latency_is_never_exceeded(name):
    canceller = build(name, MONO)
    mic, far = short(name)
    n_out = 0
    for start in range(0, len(mic), 319):
        stop = min(len(mic), start + 319)
        n_out += len(canceller.process(mic[start:stop], far[start:stop]))
        assert 0 <= stop - n_out <= canceller.latency_samples


def test_far_end_that_stops_counts_as_silence():
    mic, far = MIC[:9000], FAR[:9000].copy()
    far[7000:] = 0.0
    np.testing.assert_array_equal(
        cancel(EchoCanceller(MONO), mic, far[:7000]), cancel(EchoCanceller(MONO), mic, far)
    )


def test_nlms_is_the_textbook_recursion():
    taps, step = 32, 0.5
    n_samples = 2000
    mic, far = MIC[:n_samples, 0].astype(float), FAR[:n_samples, 0].astype(float)
    weights, padded = np.zeros(taps), np.concatenate([np.zeros(taps - 1), far])
    expected = np.empty(n_samples)
    for n in range(n_samples):
        recent = padded[n : n + taps][::-1]
        expected[n] = mic[n] - weights @ recent
        weights += step * expected[n] * recent / (recent @ recent + 1e-8 * taps)
    canceller = NlmsCanceller(MONO, NlmsSettings(taps=taps, step=step))
    out = cancel(canceller, MIC[:n_samples], FAR[:n_samples])
    np.testing.assert_allclose(out[:, 0], expected, atol=1e-7)


def test_speex_takes_echo_away():
    canceller = build("speex", MONO)
    near = echo_of(FAR, room(), 160)
    out = cancel(canceller, near, FAR)
    assert level_db(near[3 * RATE :]) - level_db(out[3 * RATE :]) > 10


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_is_built_by_its_name(engine):
    if engine == "speex":
        build("speex", MONO)
    assert open_canceller(engine, MONO).fmt == MONO


def test_engine_that_nobody_knows_is_named():
    with pytest.raises(SettingError, match="engine is 'magic', expected one of audiokit, nlms"):
        open_canceller("magic", MONO)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: EchoSettings(max_delay_ms=5), "max_delay_ms"),
        (lambda: EchoSettings(tail_ms=5000), "tail_ms"),
        (lambda: NlmsSettings(taps=1), "taps"),
        (lambda: NlmsSettings(step=2.0), "step"),
        (lambda: SpeexSettings(tail_ms=1), "tail_ms"),
        (lambda: EchoCanceller(StreamFormat(4000)), "sample_rate"),
        (lambda: NlmsCanceller(StreamFormat(4000)), "sample_rate"),
        (lambda: SpeexCanceller(StreamFormat(192000)), "sample_rate"),
    ],
)
def test_settings_outside_their_range_are_refused(make, name):
    with pytest.raises(SettingError, match=f"{name} is"):
        make()


def test_recorded_near_end_passes_and_recorded_echo_falls(recordings):
    import soundfile

    def pair(name):
        parts = (
            soundfile.read(recordings / "aec" / f"{name}_{kind}.flac", dtype="float32")[0]
            for kind in ("mic", "ref")
        )
        return [part[: 6 * 16000, np.newaxis] for part in parts]

    wide = StreamFormat(16000)
    near, far = pair("aecc_real_nearend_st")
    np.testing.assert_allclose(cancel(EchoCanceller(wide), near, far), near, atol=1e-6)
    near, far = pair("aecc_real_farend_st")
    out = cancel(EchoCanceller(wide), near, far)
    assert level_db(near[32000:]) - level_db(out[32000:]) > 20
