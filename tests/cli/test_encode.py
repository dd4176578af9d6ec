"""``audiokit encode``: every setting, every container, folders, pipes, and what it refuses."""

from __future__ import annotations

import io
import json
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from audiokit.codec.g711 import compress
from audiokit.codec.opus_packet import parse_packet
from audiokit.files.ogg_pages import first_page, packets_of
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16_000, 1)


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "take.wav"
    soundfile.write(path, speechlike(FMT, 2.0)[:31_234] * 0.3, 16_000)
    return path


def row_of(done):
    (row,) = json.loads(done.stdout)["rows"]
    return row


def opus_packets(path):
    data, pages, begin = path.read_bytes(), [], 0
    while (found := first_page(data, begin)) is not None:
        page, begin = found
        pages.append(page)
    return packets_of(pages)[2:]


def test_a_file_becomes_opus_of_its_own_length(take, tmp_path, audiokit):
    done = audiokit("encode", take, "-o", "take.opus", "--json")
    assert done.returncode == 0, done.stderr
    row = row_of(done)
    assert row["duration_s"] == pytest.approx(31_234 / 16_000, abs=1e-6)
    packets = opus_packets(tmp_path / "take.opus")
    assert row["n_packets"] == len(packets) == -(-(31_234 + 104) // 320)
    assert row["payload_bytes"] == sum(map(len, packets))
    assert row["bitrate_bps"] == round(8 * row["payload_bytes"] / row["duration_s"])
    assert soundfile.info(tmp_path / "take.opus").frames == 31_234
    assert "take.opus: 1.95 s" in done.stderr


def test_opusinfo_and_ffprobe_accept_it(take, tmp_path, audiokit):
    if shutil.which("opusinfo") is None or shutil.which("ffprobe") is None:
        pytest.skip("opusinfo (Debian: opus-tools) or ffprobe (ffmpeg) is not installed")
    audiokit("encode", take, "-o", "take.opus")
    path = tmp_path / "take.opus"
    said = subprocess.run(["opusinfo", path], capture_output=True, text=True, check=True)
    assert "WARNING" not in (said.stdout + said.stderr).upper()
    command = ["ffprobe", "-v", "warning", "-show_entries", "stream=codec_name,channels"]
    said = subprocess.run([*command, path], capture_output=True, text=True, check=True)
    assert "codec_name=opus\nchannels=1" in said.stdout
    assert said.stderr == ""


def test_every_flag_is_found_in_the_packets(take, tmp_path, audiokit):
    flags = "--application audio --bitrate-bps 64000 --rate-control cbr --complexity 0 --no-dtx "
    flags += "--bandwidth full --signal music --frame-ms 10 --no-fec --expected-loss-percent 0 "
    flags += "--resample 48000 --channels stereo"
    done = audiokit("encode", take, "-o", "take.opus", *flags.split())
    assert done.returncode == 0, done.stderr
    packets = opus_packets(tmp_path / "take.opus")
    assert {len(packet) for packet in packets} == {80}
    told = parse_packet(packets[20])
    assert (told.mode, told.bandwidth, told.channels, told.frame_ms) == ("celt", "full", 2, 10.0)


def test_the_same_recording_gives_the_same_bytes_from_a_pipe_too(take, tmp_path, audiokit):
    audiokit("encode", take, "-o", "one.opus")
    audiokit("encode", take, "-o", "two.opus")
    piped = audiokit("encode", "-", "-o", "-", stdin=take.read_bytes())
    assert piped.returncode == 0, piped.stderr
    one = (tmp_path / "one.opus").read_bytes()
    assert (tmp_path / "two.opus").read_bytes() == one == piped.stdout


def test_a_folder_is_encoded_with_a_row_for_each_by_any_number_of_workers(tmp_path, audiokit):
    folder = tmp_path / "takes"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(["a.wav", "b.flac", "deep/c.wav"]):
        soundfile.write(folder / name, speechlike(FMT, 0.5, seed=number), 16_000)
    (folder / "bad.wav").write_bytes(b"RIFF")
    done = audiokit("encode", folder, "-o", "one", "--json", "--jobs", "1")
    assert done.returncode == 1
    rows = {row["source"].rpartition("takes/")[2]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["bad.wav"]["status"] == "failed"
    assert rows["deep/c.wav"]["audio"] == "deep/c.opus"
    assert [rows[name]["n_packets"] for name in ("a.wav", "b.flac", "deep/c.wav")] == [26] * 3
    audiokit("encode", folder, "-o", "two", "--jobs", "2")
    again = audiokit("encode", folder, "-o", "one", "--json")
    assert json.loads(again.stdout)["summary"]["resumed"] == 3
    for name in ("a.opus", "b.opus", "deep/c.opus"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_tags_come_along(tmp_path, audiokit):
    source = tmp_path / "tagged.flac"
    with soundfile.SoundFile(source, "w", 16_000, 1) as file:
        file.title, file.artist = "Größe", "nobody"
        file.write(speechlike(FMT, 0.3))
    audiokit("encode", source, "-o", "tagged.opus")
    with soundfile.SoundFile(tmp_path / "tagged.opus") as file:
        assert (file.title, file.artist) == ("Größe", "nobody")


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_in_wav_is_bit_exact_and_read_by_libsndfile(tmp_path, audiokit, law):
    pcm = np.arange(-32768, 32768).astype(np.int16)[:-1]
    soundfile.write(tmp_path / "all.wav", pcm, 8000)
    done = audiokit("encode", "all.wav", "-o", "law.wav", "--codec", law, "--json")
    assert done.returncode == 0, done.stderr
    codes = compress(pcm, law).tobytes()
    data = (tmp_path / "law.wav").read_bytes()
    assert data.endswith(codes + b"\0"), "an odd number of codes is padded"
    info = soundfile.info(tmp_path / "law.wav")
    assert (info.frames, info.subtype, info.samplerate) == (65_535, law.upper(), 8000)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    row = row_of(done)
    assert (row["bitrate_bps"], row["n_packets"]) == (64_000, None)


def test_bare_g711_is_told_by_its_name(take, tmp_path, audiokit):
    done = audiokit("encode", take, "-o", "take.ul", "--codec", "ulaw", "--resample", "8000")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "take.ul").stat().st_size == 31_234 // 2
    done = audiokit("encode", take, "-o", "take.al", "--codec", "alaw")
    assert "bare codes state no rate; --raw-format alaw:16000:1 reads them" in done.stderr
    piped = audiokit("encode", take, "-o", "-", "--codec", "ulaw", "--container", "raw", stdin=b"")
    assert len(piped.stdout) == 31_234


def test_g711_to_a_pipe_leaves_its_length_open(take, audiokit):
    done = audiokit("encode", take, "-o", "-", "--codec", "alaw", stdin=b"")
    assert done.stdout[4:8] == b"\xff" * 4
    assert len(soundfile.read(io.BytesIO(done.stdout))[0]) == 31_234


def test_a_rate_that_opus_lacks_is_named_with_the_flag_that_helps(tmp_path, audiokit):
    soundfile.write(tmp_path / "cd.wav", np.zeros((4410, 2)), 44_100)
    done = audiokit("encode", "cd.wav", "-o", "cd.opus")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "audiokit: cd.wav: sample_rate is 44100, expected 8000, 12000, 16000, 24000 or 48000 Hz "
        "for Opus. Add --resample 48000.\n"
    )
    assert not (tmp_path / "cd.opus").exists()
    done = audiokit("encode", "cd.wav", "-o", "cd.opus", "--resample", "48000", "--json")
    assert row_of(done)["sample_rate"] == 48_000
    assert soundfile.info(tmp_path / "cd.opus").frames == 4800


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.wav"], "out is 'x.wav', expected a name ending in .opus, .ogg, .oga for opus"),
        (["-o", "x.ul"], "Say --codec ulaw or alaw for G.711."),
        (["-o", "x.opus", "--codec", "ulaw"], "expected a name ending in .wav"),
        (["-o", "x.opus", "--container", "wav"], "container is 'wav', expected ogg for opus"),
        (["-o", "x.opus", "--bitrate-bps", "1"], "expected 6000 to 510000 bit/s"),
        (["-o", "x.ul", "--codec", "ulaw", "--no-fec"], "fec is False, expected nothing with the"),
        (["-o", "x.opus", "--resample", "11025"], "Add --resample 12000."),
        (["-o", "take.wav", "--codec", "ulaw"], "expected another file than the source"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(take, audiokit, arguments, message):
    before = take.read_bytes()
    done = audiokit("encode", "take.wav", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert take.read_bytes() == before


def test_an_empty_recording_fails_and_leaves_nothing(tmp_path, audiokit):
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 16_000)
    done = audiokit("encode", "empty.wav", "-o", "empty.opus")
    assert done.returncode == 1
    assert "holds no samples" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["empty.wav"]


def test_a_missing_library_exits_5(take, audiokit):
    done = audiokit("encode", take, "-o", "x.opus", "--opus-library", "nowhere.so")
    assert done.returncode == 5
    assert "nowhere.so is no libopus that loads" in done.stderr
    done = audiokit("encode", take.parent, "-o", "out", "--opus-library", "nowhere.so")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)


def test_an_existing_file_is_not_replaced_unasked(take, tmp_path, audiokit):
    (tmp_path / "x.opus").write_text("precious")
    assert audiokit("encode", take, "-o", "x.opus").returncode == 2
    assert (tmp_path / "x.opus").read_text() == "precious"
    assert audiokit("encode", take, "-o", "x.opus", "--overwrite").returncode == 0
