"""``audiokit echo`` as its user runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

RATE = 8000
DELAY = 400


def far_end(seconds, rate=RATE):
    rng = np.random.default_rng(1)
    n_samples = round(seconds * rate)
    rough = np.convolve(rng.standard_normal(n_samples), 0.8 ** np.arange(20), "same")
    return 0.1 * rough * np.resize(np.repeat(rng.random(40), rate // 5), n_samples)


FAR = far_end(4.0)
ECHO = 0.5 * np.concatenate([np.zeros(DELAY), FAR[:-DELAY]])


@pytest.fixture
def pair(tmp_path):
    soundfile.write(tmp_path / "mic.wav", ECHO, RATE)
    soundfile.write(tmp_path / "far.wav", FAR, RATE)
    return tmp_path


def rows(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["rows"]


def reduction_db(before, after):
    part = slice(2 * RATE, None)
    return 10 * np.log10(np.mean(before[part] ** 2) / np.mean(after[part] ** 2))


def test_pair_of_files_loses_its_echo_and_the_row_tells_how(pair, audiokit):
    result = audiokit("echo", "mic.wav", "--reference", "far.wav", "-o", "out.wav", "--json")
    (row,) = rows(result)
    out, rate = soundfile.read(pair / "out.wav")
    assert (rate, len(out)) == (RATE, len(ECHO))
    assert reduction_db(ECHO, out) > 15
    assert row["engine"] == "audiokit"
    assert row["state"] == "converged"
    assert row["delay_ms"] == pytest.approx(50.0, abs=0.2)
    assert row["erle_db"] > 15
    assert "echo" in result.stderr


def test_reference_may_be_a_channel_of_the_microphones_file(pair, audiokit):
    soundfile.write(pair / "call.wav", np.stack([ECHO, FAR], axis=1), RATE)
    result = audiokit("echo", "call.wav", "--reference", "channel:1", "-o", "out.wav", "--json")
    (row,) = rows(result)
    out, _ = soundfile.read(pair / "out.wav")
    assert out.ndim == 1
    assert reduction_db(ECHO, out) > 15
    assert (row["channels"], row["reference"]) == (1, "channel:1")


def test_pipe_gives_what_the_file_gives(pair, audiokit):
    audiokit("echo", "mic.wav", "--reference", "far.wav", "-o", "out.wav")
    mic = (pair / "mic.wav").read_bytes()
    piped = audiokit("echo", "-", "--reference", "far.wav", "-o", "-", stdin=mic)
    assert piped.returncode == 0, piped.stderr
    (pair / "piped.wav").write_bytes(piped.stdout)
    np.testing.assert_array_equal(
        soundfile.read(pair / "piped.wav")[0], soundfile.read(pair / "out.wav")[0]
    )


@pytest.mark.parametrize("reference", ["fars", "fars/{stem}.flac"])
def test_folder_of_microphones_meets_its_references(pair, audiokit, reference):
    for folder in ("mics", "fars"):
        (pair / folder).mkdir()
    for name in ("a", "b"):
        soundfile.write(pair / "mics" / f"{name}.wav", ECHO, RATE)
        soundfile.write(pair / "fars" / f"{name}.flac", FAR, RATE)
    soundfile.write(pair / "mics" / "lonely.wav", ECHO, RATE)
    result = audiokit("echo", "mics", "--reference", reference, "-o", "out", "--json", "-j", 1)
    assert result.returncode == 1
    told = {row["source"]: row for row in json.loads(result.stdout)["rows"]}
    assert told["mics/a.wav"]["state"] == told["mics/b.wav"]["state"] == "converged"
    assert told["mics/lonely.wav"]["error"].startswith("reference fars/lonely.")
    assert sorted(path.name for path in (pair / "out").glob("*.wav")) == ["a.wav", "b.wav"]


def test_other_rate_and_short_reference_are_said(pair, audiokit):
    soundfile.write(pair / "far.wav", far_end(3.0, 16000), 16000)
    result = audiokit("echo", "mic.wav", "--reference", "far.wav", "-o", "out.wav", "--json")
    (row,) = rows(result)
    assert row["reference_sample_rate"] == 16000
    assert row["warnings"][:2] == [
        "reference resampled from 16000 to 8000 Hz",
        "reference ends at 3.00 s; silence follows",
    ]
    assert "reference ends at 3.00 s" in result.stderr


def test_wrong_reference_leaves_the_microphone_alone_with_a_warning(pair, audiokit):
    rng = np.random.default_rng(9)
    wrong = 0.1 * rng.standard_normal(6 * RATE)
    mic = np.concatenate([ECHO, ECHO[: 2 * RATE]])
    soundfile.write(pair / "mic.wav", mic, RATE)
    soundfile.write(pair / "far.wav", wrong, RATE)
    result = audiokit("echo", "mic.wav", "--reference", "far.wav", "-o", "out.wav", "--json")
    (row,) = rows(result)
    assert row["state"] == "no_echo_found"
    assert row["warnings"] == ["no echo of the reference was found; nothing was done"]
    np.testing.assert_allclose(soundfile.read(pair / "out.wav")[0], mic, atol=1e-4)


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("engine", ["nlms", "speex"])
def test_other_engines_work_on_the_same_pair(audiokit, engine):
    result = audiokit(
        *("echo", "mic.wav", "--reference", "far.wav", "-o", "out.wav"),
        *("--engine", engine, "--json"),
    )
    if result.returncode == 5:
        assert "libspeexdsp, which is not installed" in result.stderr
        pytest.skip("libspeexdsp is not installed")
    (row,) = rows(result)
    assert row["engine"] == engine
    assert row["erle_db"] > 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--reference", "gone.wav"), "reference gone.wav: "),
        (("--reference", "channel:3"), "reference is 'channel:3', expected a channel of 1"),
        (("--reference", "channel:x"), "reference is 'channel:x', expected channel:N"),
        (("--reference", "fars/{stem}.wav"), "expected a file for one source"),
    ],
)
def test_mistakes_give_one_sentence_and_no_file(pair, audiokit, arguments, sentence):
    result = audiokit("echo", "mic.wav", *arguments, "-o", "out.wav")
    assert result.returncode in (1, 2)
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not (pair / "out.wav").exists()
