"""The single-purpose commands: files, folders, pipes, reports."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from audiokit.features import FeatureExtractor, FeatureSettings, whisper_input
from audiokit.loudness.meter import LoudnessMeter
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, measure, speechlike

FMT = StreamFormat(16000, 1)


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "take.wav"
    soundfile.write(path, speechlike(FMT, 3.0) * 0.1, 16000, subtype="PCM_24")
    return path


def loudness_of(path):
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return measure(LoudnessMeter(StreamFormat(rate, audio.shape[1])), [audio]).integrated_lufs


def rows_of(done):
    return json.loads(done.stdout)["rows"]


def test_normalize_brings_one_file_to_the_target(take, tmp_path, audiokit):
    done = audiokit("normalize", take, "-o", tmp_path / "level.flac", "--target-lufs", "-18")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert loudness_of(tmp_path / "level.flac") == pytest.approx(-18, abs=0.1)
    assert soundfile.info(tmp_path / "level.flac").subtype == "PCM_24"


def test_normalize_by_peak_and_by_rms(take, tmp_path, audiokit):
    audiokit("normalize", take, "-o", tmp_path / "peak.wav", "--peak-dbfs", "-6")
    peak, _ = soundfile.read(tmp_path / "peak.wav")
    assert 20 * np.log10(np.abs(peak).max()) == pytest.approx(-6, abs=0.01)
    audiokit("normalize", take, "-o", tmp_path / "rms.wav", "--rms-dbfs", "-30")
    rms, _ = soundfile.read(tmp_path / "rms.wav")
    assert 10 * np.log10(np.mean(rms**2)) == pytest.approx(-30, abs=0.01)


def test_an_existing_file_is_not_replaced_unasked(take, tmp_path, audiokit):
    target = tmp_path / "mine.wav"
    target.write_text("precious")
    done = audiokit("normalize", take, "-o", target)
    assert (done.returncode, target.read_text()) == (2, "precious")
    assert "--overwrite" in done.stderr
    assert audiokit("normalize", take, "-o", target, "--overwrite").returncode == 0
    assert soundfile.info(target).samplerate == 16000


def test_a_folder_keeps_its_kinds_of_file(take, tmp_path, audiokit):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(take, folder / "one.wav")
    audio, rate = soundfile.read(take)
    soundfile.write(folder / "two.flac", audio, rate)
    done = audiokit("denoise", folder, "-o", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    assert [row["audio"] for row in rows_of(done)] == ["one.wav", "two.flac"]
    assert soundfile.info(tmp_path / "out" / "two.flac").format == "FLAC"


@pytest.mark.parametrize("command", ["normalize", "denoise"])
def test_a_pipe_gives_the_samples_of_the_file(take, tmp_path, audiokit, command):
    piped = audiokit(command, "-", "-o", "-", stdin=take.read_bytes())
    assert piped.returncode == 0, piped.stderr
    audiokit(command, take, "-o", tmp_path / "file.wav", "--overwrite")
    from_pipe, rate = soundfile.read(io.BytesIO(piped.stdout))
    from_file, _ = soundfile.read(tmp_path / "file.wav")
    assert rate == 16000
    # The pipe is 16-bit, the file keeps the 24 bits of its source.
    np.testing.assert_allclose(from_pipe, from_file, rtol=0, atol=2 / 32768)


def test_raw_samples_on_stdin_need_their_format(take, audiokit):
    audio, _ = soundfile.read(take, dtype="int16")
    done = audiokit(
        "normalize", "-", "-o", "-", "--raw-format", "s16le:16000:1", stdin=audio.tobytes()
    )
    assert done.returncode == 0, done.stderr
    out, rate = soundfile.read(io.BytesIO(done.stdout))
    assert (len(out), rate) == (len(audio), 16000)


def test_segment_reports_without_writing(samples, audiokit, tmp_path):
    before = sorted(tmp_path.iterdir())
    done = audiokit("segment", samples / "clean_en.wav", "--json")
    row = rows_of(done)[0]
    assert row["n_segments"] == len(row["segments"]) > 0
    assert sorted(path for path in tmp_path.iterdir() if path.name != "config") == before


@pytest.mark.parametrize("kind", ["json", "csv", "rttm", "textgrid", "txt", "srt"])
def test_segment_writes_every_label_format(samples, audiokit, tmp_path, kind):
    source = samples / "clean_en.wav"
    done = audiokit("segment", source, "-o", tmp_path / "labels", "--format", kind)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "labels" / f"clean_en.{kind}").stat().st_size > 20


def test_features_are_named_and_timed(take, audiokit, tmp_path):
    done = audiokit("features", take, "-o", tmp_path / "f", "--families", "mel,energy")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "f" / "take.npz") as features:
        assert set(features) >= {"mel", "energy", "mel_columns", "hop_s", "first_frame_s"}
        assert len(features["mel"]) == len(features["energy"]) == 301
        assert float(features["hop_s"]) == 0.01


def test_pitch_is_told_in_a_range_and_a_wrong_engine_by_name(take, audiokit, tmp_path):
    asked = ("features", take, "-o", tmp_path / "f", "--families", "pitch,voice")
    done = audiokit(*asked, "--pitch-fmin-hz", "60", "--pitch-fmax-hz", "300")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "f" / "take.npz") as features:
        assert features["pitch_columns"].tolist() == ["f0_hz", "voicing", "harmonicity_db"]
        assert features["voice_columns"].tolist() == ["jitter_percent", "shimmer_db", "hnr_db"]
        assert len(features["pitch"]) == len(features["voice"]) == 301
        assert features["pitch"][:, 0].max() <= 300.0
    refused = audiokit(*asked, "--pitch-engine", "crepe")
    assert refused.returncode == 2
    assert "pitch_engine is 'crepe', expected 'ours' or 'pyin' or 'yin'" in refused.stderr


@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_whispers_features_are_ready_for_its_encoder(take, audiokit, tmp_path, form):
    done = audiokit(
        "features", take, "-o", tmp_path / "f", "--preset", "whisper", "--format", form
    )
    assert done.returncode == 0, done.stderr
    if form == "npz":
        with np.load(tmp_path / "f" / "take.npz") as features:
            mel = features["mel"]
    else:
        table = pq.read_table(tmp_path / "f" / "take.parquet")
        mel = np.stack([column.to_numpy() for column in table.columns[1:]], axis=1)
    extractor = FeatureExtractor(FMT, FeatureSettings(preset="whisper"))
    samples, _ = soundfile.read(take, dtype="float32", always_2d=True)
    rows = analyze(extractor, [samples])
    assert mel.shape == (300, 80)
    np.testing.assert_array_equal(mel, whisper_input(rows, loudest=float(rows.max())))


def test_a_recording_shorter_than_kaldis_frame_is_a_failed_row(audiokit, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.full(300, 0.1), 16000)
    done = audiokit("features", tmp_path / "short.wav", "-o", tmp_path / "f", "--preset", "kaldi")
    assert done.returncode == 1
    assert "shorter than a frame, expected 25 ms or more" in done.stderr


def test_an_unknown_family_is_answered_with_the_known_ones(take, audiokit, tmp_path):
    done = audiokit("features", take, "-o", tmp_path / "f", "--families", "mell")
    assert done.returncode == 2
    assert "mel" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_noisy_copy_scores_lower(samples, audiokit, tmp_path):
    take = samples / "telephone_en_8k.wav"
    audio, rate = soundfile.read(take)
    noise = np.random.default_rng(1).standard_normal(len(audio)) * 0.01
    soundfile.write(tmp_path / "noisy.wav", audio + noise, rate)
    clean, noisy = rows_of(audiokit("score", take, tmp_path / "noisy.wav", "--json"))
    assert clean["score_overall"] > noisy["score_overall"]
    assert clean["score_snr_db"] > noisy["score_snr_db"] + 6


def test_info_tells_what_a_file_is(take, audiokit):
    row = rows_of(audiokit("info", take, "--json"))[0]
    assert (row["sample_rate"], row["channels"], row["bit_depth"]) == (16000, 1, 24)
    assert row["duration_s"] == 3.0
    row = rows_of(audiokit("info", take, "--loudness", "--json"))[0]
    assert row["integrated_lufs"] == pytest.approx(loudness_of(take), abs=0.01)


def test_info_of_something_else_is_one_line_and_exit_code_1(audiokit, tmp_path):
    (tmp_path / "x.wav").write_text("no audio at all")
    done = audiokit("info", tmp_path / "x.wav", "--json")
    assert done.returncode == 1
    assert rows_of(done)[0]["status"] == "failed"
    assert "Traceback" not in done.stderr


def test_recipes_are_listed_and_shown_as_toml(audiokit):
    names = {row["recipe"] for row in rows_of(audiokit("recipes", "--json"))}
    assert names >= {"speech", "telephone", "asr", "podcast"}
    assert 'use = "denoise"' in audiokit("recipes", "speech").stdout


def test_config_tells_where_each_value_comes_from(audiokit, tmp_path):
    (tmp_path / "audiokit.toml").write_text(
        "[process]\njobs = 3\n[stage.denoise]\nstrength = 0.4\n"
    )
    env = {"AUDIOKIT_PROCESS_RETRIES": "5", "AUDIOKIT_PROCESS_SET": "loudness.target_lufs=-19"}
    rows = {row["setting"]: row for row in rows_of(audiokit("config", "--json", env=env))}
    told = {name: (row["value"], row["from"]) for name, row in rows.items()}
    assert told["jobs"] == (3, "audiokit.toml")
    assert told["retries"] == (5, "environment")
    assert told["backend"] == ("loky", "default")
    assert told["denoise.strength"] == (0.4, "audiokit.toml")
    assert told["highpass.cutoff_hz"] == (80, "recipe")
    assert told["loudness.target_lufs"] == ("-19", "environment")


def test_a_closed_pipe_ends_quietly(take):
    import subprocess
    import sys

    program = subprocess.Popen(
        [sys.executable, "-m", "audiokit", "info", str(take), "--format", "jsonl"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    program.stdout.close()
    stderr = program.stderr.read().decode()
    program.wait(timeout=60)
    program.stderr.close()
    assert (program.returncode, stderr.count("\n")) == (0, stderr.count("audiokit: "))


def test_a_dry_run_of_one_file_writes_nothing(take, tmp_path, audiokit):
    done = audiokit("denoise", take, "-o", tmp_path / "dry.wav", "--dry-run")
    assert (done.returncode, (tmp_path / "dry.wav").exists()) == (0, False)


def test_a_failed_single_file_is_a_row_too(tmp_path, audiokit):
    (tmp_path / "x.wav").write_text("no audio at all")
    done = audiokit("denoise", tmp_path / "x.wav", "-o", tmp_path / "y.wav", "--json")
    assert done.returncode == 1
    assert rows_of(done)[0]["status"] == "failed"
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[proces]\njobs = 1\n", "Did you mean process"),
        ("[process]\njob = 1\n", "Did you mean jobs"),
        ("process = 3\n", "expected a table"),
    ],
)
def test_a_mistake_in_audiokit_toml_is_exit_code_2(tmp_path, audiokit, text, message):
    (tmp_path / "audiokit.toml").write_text(text)
    done = audiokit("process", "x", "-o", "out")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert message in done.stderr


def test_audiokit_toml_is_keyed_by_flags(take, tmp_path, audiokit):
    (tmp_path / "audiokit.toml").write_text('[segment]\nformat = "rttm"\n')
    audiokit("segment", take, "-o", tmp_path / "labels")
    assert (tmp_path / "labels" / "take.rttm").exists()
