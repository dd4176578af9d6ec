"""``audiokit decode``: whatever holds Opus or G.711, damaged or not."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from audiokit.codec.g711 import expand
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16_000, 1)
N_SAMPLES = 51_234


@pytest.fixture
def opus(tmp_path, audiokit):
    soundfile.write(tmp_path / "take.wav", speechlike(FMT, 4.0)[:N_SAMPLES] * 0.3, 16_000)
    assert audiokit("encode", "take.wav", "-o", "take.opus").returncode == 0
    return tmp_path / "take.opus"


def row_of(done):
    (row,) = json.loads(done.stdout)["rows"]
    return row


def test_as_many_samples_come_back_as_went_in(opus, tmp_path, audiokit):
    done = audiokit("decode", opus, "-o", "back.wav", "--json")
    assert done.returncode == 0, done.stderr
    info = soundfile.info(tmp_path / "back.wav")
    assert (info.frames, info.samplerate, info.subtype) == (N_SAMPLES, 16_000, "PCM_16")
    row = row_of(done)
    assert (row["container"], row["codec"], row["lost_s"]) == ("ogg", "opus", 0.0)
    assert row["duration_s"] == pytest.approx(N_SAMPLES / 16_000)
    assert row["n_packets"] == 161


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_another_rate_is_decoded_at_once(opus, tmp_path, audiokit, rate):
    done = audiokit("decode", opus, "-o", "back.flac", "--sample-rate", rate)
    assert done.returncode == 0, done.stderr
    info = soundfile.info(tmp_path / "back.flac")
    assert (info.samplerate, info.frames) == (rate, -(-N_SAMPLES * rate // 16_000))


@pytest.mark.parametrize("ending", ["mka", "webm", "mp4"])
def test_other_containers_give_the_same_samples(opus, tmp_path, audiokit, ending):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    other = tmp_path / f"other.{ending}"
    command = ["ffmpeg", "-v", "error", "-i", opus, "-map_metadata", "-1", "-c", "copy", other]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    audiokit("decode", opus, "-o", "ogg.wav")
    done = audiokit("decode", other, "-o", "other.wav")
    assert done.returncode == 0, done.stderr
    ours, theirs = (soundfile.read(tmp_path / name)[0] for name in ("ogg.wav", "other.wav"))
    np.testing.assert_array_equal(theirs, ours)


def test_a_pipe_gives_the_bytes_of_the_file(opus, tmp_path, audiokit):
    audiokit("decode", opus, "-o", "back.wav")
    done = audiokit("decode", "-", "-o", "-", stdin=opus.read_bytes())
    assert done.returncode == 0, done.stderr
    file, _ = soundfile.read(tmp_path / "back.wav", dtype="int16")
    assert done.stdout.endswith(file.tobytes())


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_is_expanded_by_the_table(tmp_path, audiokit, law):
    codes = np.arange(256).astype(np.uint8)
    expected = expand(codes, law)
    (tmp_path / f"codes.{law}").write_bytes(codes.tobytes())
    done = audiokit("decode", f"codes.{law}", "-o", "bare.wav")
    assert done.returncode == 0, done.stderr
    heard, rate = soundfile.read(tmp_path / "bare.wav", dtype="int16")
    np.testing.assert_array_equal(heard, expected)
    assert rate == 8000
    audiokit("encode", "bare.wav", "-o", "law.wav", "--codec", law)
    done = audiokit("decode", "law.wav", "-o", "again.wav", "--json")
    assert row_of(done)["codec"] == law
    again, _ = soundfile.read(tmp_path / "again.wav", dtype="int16")
    np.testing.assert_array_equal(again, expected)


def test_g711_in_wav_comes_through_a_pipe(opus, tmp_path, audiokit):
    assert opus.is_file()
    audiokit("encode", "take.wav", "-o", "law.wav", "--codec", "alaw")
    audiokit("decode", "law.wav", "-o", "file.wav")
    done = audiokit("decode", "-", "-o", "-", stdin=(tmp_path / "law.wav").read_bytes())
    assert done.returncode == 0, done.stderr
    heard, _ = soundfile.read(tmp_path / "file.wav", dtype="int16")
    assert done.stdout.endswith(heard.tobytes())


def test_damage_is_concealed_and_told(opus, tmp_path, audiokit):
    data = bytearray(opus.read_bytes())
    data[len(data) // 2] ^= 0x40
    (tmp_path / "damaged.opus").write_bytes(data)
    done = audiokit("decode", "damaged.opus", "-o", "back.wav", "--json")
    assert done.returncode == 0
    row = row_of(done)
    assert row["lost_s"] == pytest.approx(1.0)
    assert any("concealed" in warning for warning in row["warnings"])
    assert soundfile.info(tmp_path / "back.wav").frames == N_SAMPLES


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_cut_file_gives_what_there_is(opus, tmp_path, audiokit, share):
    data = opus.read_bytes()
    (tmp_path / "cut.opus").write_bytes(data[: int(share * len(data))])
    done = audiokit("decode", "cut.opus", "-o", "back.wav")
    assert done.returncode == 0, done.stderr
    assert "without its last page" in done.stderr
    assert 0 < soundfile.info(tmp_path / "back.wav").frames < N_SAMPLES


def test_what_is_neither_opus_nor_g711_is_named(tmp_path, audiokit):
    for name in ("take.wav", "song.ogg"):
        soundfile.write(tmp_path / name, np.zeros(4000), 16_000)
    cases = {
        "take.wav": "holds pcm_16, expected Opus or G.711. Use audiokit convert.",
        "song.ogg": "holds Vorbis, expected Opus. Use audiokit convert.",
    }
    for name, message in cases.items():
        done = audiokit("decode", name, "-o", "back.wav")
        assert done.returncode == 1
        assert message in done.stderr
        assert not (tmp_path / "back.wav").exists()


def test_a_folder_is_decoded_with_a_row_for_each(opus, tmp_path, audiokit):
    folder = tmp_path / "calls"
    folder.mkdir()
    shutil.copy(opus, folder / "one.opus")
    (folder / "two.ul").write_bytes(bytes(8000))
    (folder / "bad.opus").write_bytes(opus.read_bytes()[:20])
    done = audiokit("decode", folder, "-o", "out", "--format", "jsonl")
    assert done.returncode == 1
    rows = {
        row["source"].rpartition("/")[2]: row for row in map(json.loads, done.stdout.splitlines())
    }
    assert {name: row["status"] for name, row in rows.items()} == {
        "one.opus": "ok",
        "two.ul": "ok",
        "bad.opus": "failed",
    }
    assert rows["two.ul"]["duration_s"] == pytest.approx(1.0)
    assert soundfile.info(tmp_path / "out" / "one.wav").frames == N_SAMPLES


def test_real_opus_recordings_decode_to_the_length_that_libsndfile_finds(
    recordings, tmp_path, audiokit
):
    for path in sorted((recordings / "hostile").glob("*.opus")):
        done = audiokit("decode", path, "-o", "back.wav", "--overwrite", "--sample-rate", "48000")
        theirs = soundfile.info(path)
        if theirs.subtype != "OPUS":
            assert done.returncode == 1
            continue
        assert done.returncode == 0, done.stderr
        # It leaves out the last part of a sample at the rate of the source.
        n_beyond = soundfile.info(tmp_path / "back.wav").frames * theirs.samplerate
        assert 0 <= n_beyond - theirs.frames * 48_000 < 48_000, path.name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.mp3"], "expected a name ending in .wav, .flac or .raw"),
        (["-o", "x.wav", "--sample-rate", "44100"], "sample_rate is 44100"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(opus, audiokit, arguments, message):
    done = audiokit("decode", opus, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
