"""``audiokit denoise``: what goes, who takes it, what is kept, and flags that mean nothing."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audiokit.cli.app import app
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16000, 1)


def noise(seconds, level, seed):
    samples = np.random.default_rng(seed).standard_normal((round(seconds * 16000), 1))
    return (samples * level).astype(np.float32)


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """Two noisy takes, one of them below, and a recording of the noise alone."""
    folder = tmp_path_factory.mktemp("takes")
    (folder / "in" / "deep").mkdir(parents=True)
    for name, seed in (("in/one.wav", 1), ("in/deep/two.wav", 2)):
        block = speechlike(FMT, 2.0) * 0.5 + noise(2.0, 0.02, seed)
        soundfile.write(folder / name, block, 16000, "FLOAT")
    soundfile.write(folder / "noise.wav", noise(2.0, 0.02, 7), 16000)
    soundfile.write(folder / "soft.wav", noise(2.0, 0.001, 7), 16000, "FLOAT")
    soundfile.write(folder / "silence.wav", np.zeros((16000, 1)), 16000)
    return folder


@pytest.fixture
def denoise(monkeypatch, tmp_path):
    """Run the command in this process; return its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(*arguments, env=None):
        return CliRunner().invoke(app, ["denoise", *map(str, arguments)], env=env)

    return run


def row_of(done):
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["rows"][0]


def samples_of(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def test_a_live_pipe_gives_the_samples_of_the_file(takes, tmp_path, audiokit):
    take = takes / "in" / "one.wav"
    piped = audiokit("denoise", "-", "-o", "-", stdin=take.read_bytes())
    assert piped.returncode == 0, piped.stderr
    assert audiokit("denoise", take, "-o", tmp_path / "file.wav").returncode == 0
    from_pipe, _ = soundfile.read(io.BytesIO(piped.stdout), dtype="float32", always_2d=True)
    np.testing.assert_array_equal(from_pipe, samples_of(tmp_path / "file.wav"))


def test_speech_and_noise_add_up_to_the_source(takes, tmp_path, denoise):
    take = takes / "in" / "one.wav"
    for kept in ("speech", "noise"):
        done = denoise(take, "-o", tmp_path / f"{kept}.wav", "--keep", kept)
        assert done.exit_code == 0, done.output
    speech, gone = samples_of(tmp_path / "speech.wav"), samples_of(tmp_path / "noise.wav")
    assert np.abs(gone).max() > 0.01
    np.testing.assert_allclose(speech + gone, samples_of(take), rtol=0, atol=2**-23)


def test_what_goes_goes_in_a_fixed_order(takes, tmp_path, denoise):
    for number, names in enumerate(("noise,clicks,hum", "hum, noise, clicks")):
        done = denoise(
            *(takes / "in" / "one.wav", "-o", tmp_path / f"{number}.wav"),
            "--remove",
            names,
            "--json",
        )
        uses = [name.partition("_")[0] for name in row_of(done)]
        found = [use for use in dict.fromkeys(uses) if use in {"hum", "clicks", "denoise"}]
        assert found == ["clicks", "hum", "denoise"]
    assert (tmp_path / "0.wav").read_bytes() == (tmp_path / "1.wav").read_bytes()


def test_everything_can_go(takes, tmp_path, denoise):
    done = denoise(takes / "in" / "one.wav", "-o", tmp_path / "a.wav", "--remove", "all", "--json")
    told = {name.partition("_")[0] for name in row_of(done)}
    assert told >= {"clipping", "clicks", "hum", "wind", "room", "denoise"}
    assert len(samples_of(tmp_path / "a.wav")) == 32000


@pytest.mark.parametrize("engine", ["network", "classic", "spectral"])
def test_an_engine_gives_as_many_samples(takes, tmp_path, denoise, engine):
    source = takes / "in" / "one.wav"
    done = denoise(source, "-o", tmp_path / "a.wav", "--engine", engine, "--strength", "0.9")
    assert done.exit_code == 0, done.output
    cleaned = samples_of(tmp_path / "a.wav")
    assert cleaned.shape == (32000, 1)
    assert np.abs(cleaned - samples_of(source)).max() > 0.01


def test_the_noise_that_is_told_or_learnt_is_what_goes(takes, tmp_path, denoise):
    powers = {}
    for name, told in (
        ("right", ("--noise-profile", takes / "noise.wav")),
        ("soft", ("--noise-profile", takes / "soft.wav")),
        ("learnt", ("--learn-noise",)),
    ):
        out = tmp_path / f"{name}.wav"
        own = ("--engine", "classic", "--noise", "stationary")
        done = denoise(takes / "in" / "one.wav", "-o", out, *own, *told)
        assert done.exit_code == 0, done.output
        # Between two syllables.
        powers[name] = np.mean(samples_of(out)[3200:4800] ** 2)
    assert powers["right"] < powers["soft"] / 10.0
    assert powers["learnt"] == pytest.approx(powers["right"], rel=0.3)


REFUSED = [
    (("--remove", "nois"), "Did you mean noise?"),
    (("--remove", ""), "noise, room, wind, hum, clicks, clipping"),
    (("--remove", "hum", "--strength", "0.5"), "strength is 0.5, expected nothing of it without"),
    (("--remove", "hum", "--engine", "classic"), "engine is 'classic', expected nothing of it"),
    (("--engine", "rnnoise", "--floor-db", "-9"), "nothing of it with --engine rnnoise"),
    (("--engine", "spectral", "--learn-noise"), "learn_noise is True, expected nothing of it"),
    (("--engine", "speex", "--noise-profile", "x"), "noise_profile is 'x', expected nothing"),
    (("--engine", "noisereduce", "--window-ms", "48"), "window_ms is 48.0, expected nothing"),
    (("--engine", "classic", "--learn-noise", "--noise-profile", "x"), "beside --noise-profile"),
    (("--engine", "classic", "--window-ms", "500"), "8 to 64 ms"),
]


@pytest.mark.parametrize(("flags", "sentence"), REFUSED)
def test_a_flag_that_would_do_nothing_is_refused(takes, tmp_path, denoise, flags, sentence):
    done = denoise(takes / "in" / "one.wav", "-o", tmp_path / "a.wav", *flags)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert sentence in done.stderr
    assert not (tmp_path / "a.wav").exists()


def test_the_file_of_defaults_speaks_where_it_means_something(takes, tmp_path, denoise):
    (tmp_path / "audiokit.toml").write_text("[denoise]\nwindow_ms = 48\n")
    command = (takes / "in" / "one.wav", "-o", tmp_path / "a.wav", "--engine", "spectral")
    assert denoise(*command).exit_code == 0
    refused = denoise(*command, "--overwrite", env={"AUDIOKIT_DENOISE_WINDOW_MS": "48"})
    assert (refused.exit_code, "window_ms is 48.0" in refused.stderr) == (2, True)


def test_a_recording_of_no_noise_is_no_profile(takes, tmp_path, denoise):
    done = denoise(
        *(takes / "in" / "one.wav", "-o", tmp_path / "a.wav", "--engine", "classic"),
        *("--noise-profile", takes / "silence.wav"),
    )
    assert (done.exit_code, "holds no noise" in done.stderr) == (1, True)


def test_a_page_lies_beside_each_file_and_its_name_is_in_the_row(takes, tmp_path, audiokit):
    done = audiokit("denoise", takes / "in", "-o", tmp_path / "out", "--report", "-j2", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert {(row["audio"], row["report"]) for row in rows} == {
        ("one.wav", "one.html"),
        ("deep/two.wav", "deep/two.html"),
    }
    manifest = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert {json.loads(line)["report"] for line in manifest} == {"one.html", "deep/two.html"}
    for row in rows:
        page = (tmp_path / "out" / row["report"]).read_text()
        assert page.count("<audio ") == 3


def test_one_file_has_its_page_and_does_not_replace_another(takes, tmp_path, denoise):
    command = (takes / "in" / "one.wav", "-o", tmp_path / "a.wav", "--report", "--json")
    assert row_of(denoise(*command))["report"] == str(tmp_path / "a.html")
    (tmp_path / "a.wav").unlink()
    refused = denoise(*command)
    assert (refused.exit_code, "a.html" in refused.stderr) == (2, True)
    assert denoise(*command, "--overwrite").exit_code == 0
    assert not list(tmp_path.glob(".*.part"))


def test_a_page_has_no_place_in_a_pipe(takes, denoise):
    done = denoise(takes / "in" / "one.wav", "-o", "-", "--report")
    assert (done.exit_code, "a file or a folder with --report" in done.stderr) == (2, True)


def test_a_page_needs_no_extra(takes, tmp_path, audiokit):
    (tmp_path / "broken" / "matplotlib").mkdir(parents=True)
    (tmp_path / "broken" / "matplotlib" / "__init__.py").write_text("raise ImportError('no')\n")
    command = ("denoise", takes / "in" / "one.wav", "-o", tmp_path / "a.wav", "--report")
    path = os.pathsep.join([str(tmp_path / "broken"), os.environ.get("PYTHONPATH", "")])
    done = audiokit(*command, env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert "data:image/png" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_noise_that_stays_the_same_must_be_told_or_learnt(takes, tmp_path, denoise):
    command = (takes / "in" / "one.wav", "-o", tmp_path / "a.wav", "--noise", "stationary")
    refused = denoise(*command)
    assert (refused.exit_code, "engine classic" in refused.stderr) == (2, True)
    assert denoise(*command, "--engine", "classic").exit_code == 0
    profile = ("--noise-profile", takes / "noise.wav")
    assert denoise(*command, *profile, "--overwrite").exit_code == 0
    told = " ".join(denoise("--help").stdout.replace("│", " ").split())
    assert "needs --engine classic or a profile" in told


def test_help_shows_the_command_at_work(denoise):
    shown = denoise("--help").stdout
    assert "Examples:" in shown
    assert "cat a.wav | audiokit denoise - -o - > b.wav" in " ".join(shown.split())
