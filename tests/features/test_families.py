"""Each family gives librosa's numbers, and what its formula says of sounds that are known."""

from __future__ import annotations

import numpy as np
import pytest
from librosa_peer import librosa_rows

from audiokit.features import FAMILY_NAMES, FeatureExtractor, FeatureSettings
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike

FMT = StreamFormat(16000)
# Worst difference from librosa, as (absolute, relative).
TOLERANCES = {
    "spectrum": (1e-3, 0.0),
    "pcen": (1e-5, 1e-4),
    "chroma": (1e-5, 1e-4),
    "tonal": (1e-5, 0.0),
    "rms": (1e-5, 1e-5),
    "crossings": (1e-7, 0.0),
    "flux": (1e-3, 0.0),
}
TAKES = (
    "speech/aishell-BAC009S0724W0121.flac",
    "speech/jfk.flac",
    "speech/german_speech_8000.wav",
)


@pytest.fixture(scope="module", params=[16000, 44100, 8000, *TAKES])
def take(request):
    """Noise at a rate, or three seconds of a recording: ``(samples, channels)``, rate."""
    if isinstance(request.param, int):
        rng = np.random.default_rng(request.param)
        noise = rng.standard_normal((request.param + 77, 1)) * 0.1
        return noise.astype(np.float32), request.param
    import soundfile

    path = request.getfixturevalue("recordings") / request.param
    rate = soundfile.info(path).samplerate
    block, _ = soundfile.read(path, dtype="float32", always_2d=True, stop=3 * rate)
    return np.ascontiguousarray(block), rate


@pytest.fixture(scope="module")
def both(take):
    """Our table and librosa's, by family."""
    block, rate = take
    names = (*TOLERANCES, "contrast", "rhythm")
    extractor = FeatureExtractor(
        StreamFormat(rate, block.shape[1]), FeatureSettings(families=names)
    )
    table = analyze(extractor, [block])
    ours = {name: table[:, place] for name, place in extractor.families.items()}
    # In double precision, so that a bin far below another is not librosa's own rounding.
    theirs = librosa_rows(block.mean(axis=1).astype(np.float64), extractor.grid, names)
    return ours, theirs, extractor.grid


@pytest.mark.parametrize("name", TOLERANCES)
def test_a_family_is_librosas_to_the_edges(both, name):
    ours, theirs, grid = both
    atol, rtol = TOLERANCES[name]
    # An odd window lets librosa's own framing of samples end a frame earlier.
    n_frames = len(theirs[name])
    assert len(ours[name]) - n_frames in ((0, 1) if grid.window_samples % 2 else (0,))
    np.testing.assert_allclose(ours[name][:n_frames], theirs[name], rtol=rtol, atol=atol)


def test_contrast_is_librosas_where_its_limit_under_the_loudest_does_not_reach(both):
    ours, theirs, _ = both
    difference = np.abs(ours["contrast"] - theirs["contrast"])
    # The valleys of a near-silent frame may lie 80 dB (of magnitude) below the file's loudest.
    is_loud = ours["spectrum"].max(axis=1) > ours["spectrum"].max() - 100.0
    assert is_loud.mean() > 0.9
    assert difference[is_loud].max() < 1e-3


def test_the_tempo_of_each_frame_is_librosas(both):
    ours, theirs, _ = both
    np.testing.assert_allclose(ours["rhythm"][:, :1], theirs["rhythm"], rtol=1e-5)


def rows_of(block, *families, rate=16000, **settings):
    extractor = FeatureExtractor(
        StreamFormat(rate, block.shape[1]), FeatureSettings(families=families, **settings)
    )
    return analyze(extractor, [np.ascontiguousarray(block, dtype=np.float32)])


def tone(frequency_hz, seconds=1.0, rate=16000, amplitude=0.5):
    times_s = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2.0 * np.pi * frequency_hz * times_s))[:, None]


@pytest.mark.parametrize(("levels", "factor"), [("ln", np.log(10.0) / 10.0), ("log10", 0.1)])
def test_levels_in_another_unit_are_the_same_levels(levels, factor):
    speech = speechlike(FMT, 0.5)
    for family in ("mel", "spectrum"):
        in_db = rows_of(speech, family)
        np.testing.assert_allclose(
            rows_of(speech, family, levels=levels), in_db * factor, rtol=1e-5, atol=1e-4
        )
        power = rows_of(speech, family, levels="power")
        np.testing.assert_allclose(
            10.0 * np.log10(np.maximum(power, 1e-10)), in_db, rtol=0, atol=1e-4
        )


def test_the_unit_of_the_bands_leaves_the_cepstrum_alone():
    speech = speechlike(FMT, 0.5)
    np.testing.assert_array_equal(rows_of(speech, "mfcc"), rows_of(speech, "mfcc", levels="power"))


def test_each_unit_is_in_the_names_of_the_columns():
    settings = FeatureSettings(families=("mel", "spectrum"), levels="power")
    extractor = FeatureExtractor(FMT, settings)
    assert extractor.columns[0] == "mel_00_power"
    assert extractor.columns[-1] == "spectrum_0256_power"


def test_a_tones_power_lies_in_its_bin():
    # Bin 32 of 512 at 16 kHz; the sum of a periodic Hann window of 400 is 200.
    middle = rows_of(tone(1000.0), "spectrum", levels="power")[50]
    assert middle.argmax() == 32
    assert middle[32] == pytest.approx((0.5 * 200.0 / 2.0) ** 2, rel=1e-3)


@pytest.mark.parametrize(("frequency_hz", "place"), [(440.0, 9), (523.25, 0), (1174.66, 2)])
def test_a_tone_is_strongest_in_its_own_semitone(frequency_hz, place):
    chroma = rows_of(tone(frequency_hz), "chroma", window_ms=128.0)[50]
    assert chroma.argmax() == place
    assert chroma.max() == 1.0


def test_a_fifth_above_lies_a_seventh_of_the_circle_on():
    c, g = (
        rows_of(tone(frequency_hz), "tonal", window_ms=256.0)[50]
        for frequency_hz in (523.25, 783.99)
    )
    turn = np.angle(complex(g[1], g[0]) / complex(c[1], c[0]))
    # Seven semitones of 7/6 half turns each.
    assert np.cos(turn) == pytest.approx(np.cos(np.pi * 49.0 / 6.0), abs=0.05)


def test_rms_energy_and_its_logarithm_of_a_sine_are_those_of_the_formula():
    rms, energy, log_energy = rows_of(tone(1000.0), "rms")[50]
    assert rms == pytest.approx(0.5 / np.sqrt(2.0), rel=1e-5)
    assert energy == pytest.approx(400 * 0.125, rel=1e-5)
    assert log_energy == pytest.approx(np.log(50.0), rel=1e-5)


def test_pcen_of_a_steady_tone_forgets_how_loud_it_is():
    loud, soft = (
        rows_of(tone(1000.0, 3.0, amplitude=amplitude), "pcen")[-50:-5]
        for amplitude in (0.5, 0.05)
    )
    band = loud.mean(axis=0).argmax()
    # A gain of 0.98 leaves 2 % of 20 dB, and the root halves that.
    assert loud[:, band].mean() / soft[:, band].mean() < 1.1


def test_a_step_in_level_has_the_flux_of_its_height_and_no_flux_falling():
    speech = np.concatenate([tone(1000.0) * 0.01, tone(1000.0), tone(1000.0) * 0.01])
    flux = rows_of(speech, "flux")[:, 0]
    assert flux[0] == 0.0
    assert flux[97:104].sum() > 20.0
    assert flux[110:190].max() < 0.5


@pytest.mark.parametrize("interval_s", [0.5, 0.6])
def test_clicks_at_an_interval_have_its_tempo(interval_s):
    clicks = np.zeros((16000 * 12, 1))
    clicks[:: round(16000 * interval_s)] = 0.9
    tempo_bpm, strength = rows_of(clicks, "rhythm")[600]
    assert tempo_bpm == pytest.approx(60.0 / interval_s, rel=0.01)
    assert strength > 0.8


@pytest.mark.parametrize("interval_s", [2.4, 3.7])
def test_clicks_slower_than_any_likely_tempo_have_librosas(interval_s):
    clicks = np.zeros((16000 * 16, 1), np.float32)
    clicks[:: round(16000 * interval_s)] = 0.9
    extractor = FeatureExtractor(FMT, FeatureSettings(families=("rhythm",)))
    theirs = librosa_rows(clicks[:, 0].astype(np.float64), extractor.grid, ("rhythm",))
    ours = analyze(extractor, [clicks])
    np.testing.assert_allclose(ours[:, :1], theirs["rhythm"], rtol=1e-5)
    assert ours[800, 0] == pytest.approx(60.0 / interval_s, rel=0.01)


def test_silence_has_no_tempo():
    np.testing.assert_array_equal(rows_of(np.zeros((16000, 1)), "rhythm"), 0.0)


def test_a_row_of_rhythm_comes_four_seconds_late_and_brings_the_others_along():
    extractor = FeatureExtractor(FMT, FeatureSettings(families=("energy", "rhythm")))
    assert extractor.latency_s == pytest.approx(4.0, abs=0.05)
    assert len(extractor.process(speechlike(FMT, 5.0))) == pytest.approx(100, abs=2)


def test_an_envelope_that_rises_evenly_has_its_slope_and_one_that_falls_none():
    times_s = np.arange(16000) / 16000
    rising = np.sign(tone(1000.0 + 1e-3)) * 10.0 ** ((-80.0 + 60.0 * times_s[:, None]) / 20.0)
    rows = rows_of(np.concatenate([rising, rising[::-1]]), "temporal")
    np.testing.assert_allclose(rows[10:90, 1], 60.0, rtol=0.02)
    assert (rows[110:190, 1] == 0.0).all()
    assert rows[50, 0] == pytest.approx(-80.0 + 60.0 * (0.5 + 0.0125), abs=0.1)


def test_a_peak_over_a_floor_of_noise_has_more_contrast_than_noise():
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((16000, 1)) * 1e-3
    assert rows_of(noise + tone(1000.0), "contrast")[50, 3] > 20.0
    assert rows_of(noise, "contrast")[50, 3] < 12.0


def vowel(formants, pitch_hz=110.0, rate=16000):
    """Return a second of pulses through resonances ``[(Hz, bandwidth Hz)]``."""
    response = np.ones(rate // 2 + 1, np.complex128)
    turn = np.exp(-2j * np.pi * np.arange(rate // 2 + 1) / rate)
    for frequency_hz, bandwidth_hz in formants:
        pole = np.exp(np.pi / rate * (-bandwidth_hz + 2j * frequency_hz))
        response /= (1.0 - pole * turn) * (1.0 - pole.conjugate() * turn)
    pulses = np.zeros(rate)
    pulses[np.round(np.arange(0, rate - 1, rate / pitch_hz)).astype(int)] = 1.0
    # A glottis falls by 12 dB an octave, and lips lift by 6.
    voiced = np.fft.irfft(np.fft.rfft(pulses) * response / (1.0 - 0.97 * turn), rate)
    return (0.3 * voiced / np.abs(voiced).max())[:, None]


VOWELS = {
    "a": [(730.0, 80.0), (1090.0, 90.0), (2440.0, 120.0), (3500.0, 200.0)],
    "i": [(290.0, 60.0), (2290.0, 100.0), (3010.0, 120.0), (3700.0, 200.0)],
    "u": [(320.0, 60.0), (870.0, 90.0), (2240.0, 120.0), (3400.0, 200.0)],
}


@pytest.mark.parametrize("name", VOWELS)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_formants_of_a_vowel_are_those_it_was_made_with(name, rate):
    rows = rows_of(vowel(VOWELS[name], rate=rate), "formants", rate=rate)[10:90]
    assert (rows[:, 0] > 0.0).all()
    for place, (frequency_hz, _) in enumerate(VOWELS[name][:3]):
        # A pitch of 110 Hz samples the spectrum no finer.
        assert np.median(rows[:, 2 * place]) == pytest.approx(frequency_hz, abs=60.0)


def test_noise_and_silence_have_no_formants():
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((16000, 1)) * 0.1
    assert (rows_of(noise, "formants")[:, 0] > 0.0).mean() < 0.05
    assert not rows_of(np.zeros((16000, 1)), "formants").any()


def test_formants_are_in_order_and_have_a_bandwidth_where_they_are():
    rows = rows_of(np.concatenate([vowel(VOWELS["a"]), vowel(VOWELS["i"])]), "formants")
    frequency_hz, bandwidth_hz = rows[:, 0::2], rows[:, 1::2]
    assert ((frequency_hz > 0.0) == (bandwidth_hz > 0.0)).all()
    both = (frequency_hz[:, 1:] > 0.0) & (frequency_hz[:, :-1] > 0.0)
    assert (np.diff(frequency_hz, axis=1)[both] > 0.0).all()


def test_every_family_has_columns_of_its_own():
    columns = FeatureExtractor(FMT, FeatureSettings(families=FAMILY_NAMES)).columns
    assert len(set(columns)) == len(columns)
