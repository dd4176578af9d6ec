"""Real files, brought to a loudness by the command and measured by FFmpeg."""

from __future__ import annotations

import libavfilter
import numpy as np
import pytest
import soundfile
from normalized import PEAK_ROUNDING_DB, TOLERANCE_LU, normalize

CEILING_DBTP = -1.0
SPEECH = (
    *("1320_00000.mp3", "p240_00000.mp3", "silero_test.mp3", "silero_test.opus"),
    *("librosa_libri1.ogg", "german_speech_8000.wav", "spk2_snt2.wav", "jfk.flac"),
    *("p286_011.flac", "libri_2414-128291-0001.flac", "leopard_test_ja.flac", "ru.flac"),
)
N_PROMPTS = 15
EXCERPT_S = 6.0
# Level of the noise and seconds.
SCRAPS = {
    "10_ms.wav": (0.01, 0.01),
    "200_ms.wav": (0.01, 0.2),
    "399_ms.wav": (0.01, 0.399),
    "zeros.wav": (0.0, 2.0),
    "quiet.wav": (1e-5, 2.0),
    "short_zeros.wav": (0.0, 0.1),
}

pytestmark = pytest.mark.skipif(
    not libavfilter.can_read(), reason="this PyAV does not hand out what filters say"
)


def excerpt(path, folder):
    """Write the loudest seconds of a piece of music as FLAC: whole ones take minutes."""
    music, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    length = min(len(music), round(EXCERPT_S * sample_rate))
    loudest = int(np.argmax(np.abs(music).max(axis=1)))
    start = min(max(0, loudest - length // 2), len(music) - length)
    written = folder / f"{path.stem}.flac"
    soundfile.write(written, np.clip(music[start : start + length], -1.0, 1.0), sample_rate)
    return written


@pytest.fixture(scope="module")
def sources(recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("excerpts")
    prompts = sorted((recordings / "folder").rglob("*.wav"))
    step = len(prompts) // N_PROMPTS
    return [
        *(excerpt(path, folder) for path in sorted((recordings / "music").iterdir())),
        *(recordings / "speech" / name for name in SPEECH),
        *prompts[::step][:N_PROMPTS],
    ]


@pytest.fixture(scope="module", params=[-23.0, -16.0])
def outcomes(request, sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("level")
    done = normalize(sources, out, target_lufs=request.param, ceiling_dbtp=CEILING_DBTP)
    assert len(done) == len(sources)
    return request.param, done


def test_real_files_meet_the_target(outcomes):
    target_lufs, done = outcomes
    off = {
        outcome.name: outcome.integrated_lufs
        for outcome in done
        if not outcome.is_excused
        and outcome.integrated_lufs != pytest.approx(target_lufs, abs=TOLERANCE_LU)
    }
    assert off == {}


def test_no_real_file_passes_the_ceiling(outcomes):
    _, done = outcomes
    most_dbtp = CEILING_DBTP + PEAK_ROUNDING_DB
    above = {o.name: o.true_peak_dbtp for o in done if o.true_peak_dbtp > most_dbtp}
    assert above == {}


def test_few_real_files_are_excused(outcomes):
    _, done = outcomes
    assert {outcome.name for outcome in done if outcome.is_excused} <= {"silence__5.wav"}


@pytest.mark.parametrize(
    ("name", "target_lufs"),
    [("music/dubstep.flac", -7.0), ("speech/libri_2414-128291-0001.flac", -14.0)],
)
def test_what_reaches_up_to_half_the_rate_is_limited_too(recordings, tmp_path, name, target_lufs):
    # Their loudest peaks lie between samples, of a band where an interpolator fades out.
    (outcome,) = normalize([recordings / name], tmp_path / "out", target_lufs=target_lufs)
    assert outcome.row["loudness_mode"] == "limited"
    assert outcome.true_peak_dbtp <= CEILING_DBTP + PEAK_ROUNDING_DB


@pytest.fixture(scope="module")
def scraps(tmp_path_factory):
    """Normalize short and silent files in one run; return their folder, and each outcome."""
    folder = tmp_path_factory.mktemp("scraps")
    rng = np.random.default_rng(0)
    for name, (level, seconds) in SCRAPS.items():
        noise = level * rng.standard_normal(round(seconds * 16000))
        soundfile.write(folder / name, noise, 16000, subtype="PCM_24")
    done = normalize([folder], folder / "out", target_lufs=-23.0)
    return folder, {outcome.name: outcome for outcome in done}


@pytest.mark.parametrize("name", ["10_ms.wav", "200_ms.wav", "399_ms.wav"])
def test_less_than_400_ms_goes_by_its_loudness_without_gates(scraps, name):
    outcome = scraps[1][name]
    assert outcome.row["loudness_reason"] == "ungated"
    assert outcome.integrated_lufs == pytest.approx(-23.0, abs=TOLERANCE_LU)


@pytest.mark.parametrize("name", ["zeros.wav", "quiet.wav", "short_zeros.wav"])
def test_what_is_silent_stays_as_it_is(scraps, name):
    folder, outcomes = scraps
    assert outcomes[name].row["loudness_reason"] == "silence"
    before, _ = soundfile.read(folder / name)
    after, _ = soundfile.read(folder / "out" / name)
    np.testing.assert_array_equal(after, before)
