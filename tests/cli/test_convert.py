"""``audiokit convert``: every figure of the format changes as asked, and nothing else."""

from __future__ import annotations

import io
import json
import subprocess

import numpy as np
import pytest
import soundfile

from audiokit.files.cover import Cover
from audiokit.files.read import open_audio
from audiokit.files.write import WriteSettings, open_writer
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(48_000, 2)
SOUND = speechlike(FMT, 1.5) * 0.5
COVER = Cover("image/jpeg", b"\xff\xd8\xff\xe0 and so on")


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "in" / "deep" / "take.flac"
    tags = {"title": "Tïtle"}
    options = WriteSettings(container="flac", bit_depth=24)
    with open_writer(path, FMT, options, tags=tags, cover=COVER) as writer:
        writer.write(SOUND)
    return path


def rows_of(done):
    return json.loads(done.stdout)["rows"]


def read(path):
    with open_audio(path) as reader:
        return np.concatenate(list(reader.blocks(65_536))), reader.info, reader.cover()


@pytest.mark.parametrize("container", ["flac", "ogg", "opus", "mp3", "m4a"])
def test_a_folder_becomes_another_kind_of_file_with_tags_and_cover(
    take, tmp_path, audiokit, container
):
    folder = take.parent.parent
    done = audiokit("convert", folder, "-o", "out", "--container", container, "--json")
    assert done.returncode == 0, done.stderr
    row = rows_of(done)[0]
    assert (row["audio"], row["warnings"]) == (f"deep/take.{container}", [])
    samples, info, cover = read(tmp_path / "out" / "deep" / f"take.{container}")
    assert samples.shape == SOUND.shape
    assert (info.tags, cover) == ({"title": "Tïtle"}, COVER)


def test_a_wav_says_that_it_holds_no_cover(take, tmp_path, audiokit):
    done = audiokit("convert", take, "-o", tmp_path / "take.wav")
    assert done.returncode == 0
    assert "the cover is left out: wav holds none" in done.stderr
    assert read(tmp_path / "take.wav")[1].bit_depth == 24


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("mono", SOUND.mean(axis=1, keepdims=True)),
        ("energy", SOUND.sum(axis=1, keepdims=True) / np.sqrt(2)),
        ("left", SOUND[:, :1]),
        ("pick:1", SOUND[:, 1:]),
        ("keep", SOUND),
    ],
)
def test_channels_are_mixed_or_picked_and_no_level_changes(
    take, tmp_path, audiokit, channels, expected
):
    target = tmp_path / "a.wav"
    done = audiokit("convert", take, "-o", target, "--channels", channels)
    assert done.returncode == 0, done.stderr
    # Source and result are dithered to 24 bits: each is off by 1.5 steps at most.
    np.testing.assert_allclose(read(target)[0], expected, rtol=0, atol=8 * 2**-24)


@pytest.mark.parametrize(("quality", "recipe"), [("quick", "QQ"), ("high", "HQ")])
def test_the_rate_changes_as_by_soxr(take, tmp_path, audiokit, quality, recipe):
    import soxr

    target = tmp_path / "a.wav"
    flags = ("--sample-rate", 16_000, "--quality", quality, "--bit-depth", "float")
    done = audiokit("convert", take, "-o", target, *flags)
    assert done.returncode == 0, done.stderr
    expected = soxr.resample(read(take)[0], 48_000, 16_000, quality=recipe)
    np.testing.assert_allclose(read(target)[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("depth", "subtype"), [("16", "PCM_16"), ("float", "FLOAT")])
def test_the_depth_is_the_one_asked_for(take, tmp_path, audiokit, depth, subtype):
    audiokit("convert", take, "-o", tmp_path / "a.wav", "--bit-depth", depth)
    assert soundfile.info(tmp_path / "a.wav").subtype == subtype


def test_dither_can_be_seeded_or_left_out(take, tmp_path, audiokit):
    def to_file(*flags):
        options = ("--bit-depth", 16, "--overwrite", *flags)
        audiokit("convert", take, "-o", tmp_path / "a.wav", *options)
        return read(tmp_path / "a.wav")[0] * 32768

    source = read(take)[0] * 32768
    np.testing.assert_array_equal(to_file("--no-dither"), np.rint(source))
    first, again, other = to_file(), to_file(), to_file("--dither-seed", 1)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert np.abs(first - source).max() < 1.5


def test_what_is_beyond_full_scale_is_counted_and_told(tmp_path, audiokit):
    loud = np.full((1000, 2), 0.25, np.float32)
    loud[100:103] = 1.5
    soundfile.write(tmp_path / "loud.wav", loud, 8000, subtype="FLOAT")
    done = audiokit("convert", "loud.wav", "-o", "a.flac", "--json")
    row = rows_of(done)[0]
    assert row["out_clipped_samples"] == 6
    assert row["warnings"] == ["samples beyond full scale were clipped"]
    done = audiokit("convert", "loud.wav", "-o", "b.wav", "--bit-depth", "float", "--json")
    assert (rows_of(done)[0]["out_clipped_samples"], rows_of(done)[0]["warnings"]) == (0, [])


def test_a_pipe_becomes_another_kind_of_file(take, audiokit):
    done = audiokit(
        "convert", "-", "-o", "-", "--container", "mp3", "--bitrate-bps", 64_000,
        stdin=take.read_bytes(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with open_audio(io.BytesIO(done.stdout)) as reader:
        assert (reader.info.codec, reader.info.tags) == ("mp3float", {"title": "Tïtle"})
        assert reader.cover() == COVER


def test_a_setting_that_a_recording_cannot_take_is_one_line_with_its_name(
    take, tmp_path, audiokit
):
    done = audiokit("convert", take, "-o", tmp_path / "a.wav", "--channels", "pick:9")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "take.flac" in done.stderr
    assert "expected 0 to 1" in done.stderr


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--channels", "pick"), "or pick:N"),
        (("--channels", "left:1"), "or pick:N"),
        (("--channels", "centre"), "or pick:N"),
        (("--bitrate-bps", "7"), "6000 to 512000"),
    ],
)
def test_a_flag_that_means_nothing_is_one_line_and_exit_code_2(
    take, tmp_path, audiokit, flags, text
):
    done = audiokit("convert", take, "-o", tmp_path / "a.wav", *flags)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert text in done.stderr
    assert not (tmp_path / "a.wav").exists()


def test_opus_names_the_flag_for_a_rate_that_it_takes(tmp_path, audiokit):
    soundfile.write(tmp_path / "cd.wav", SOUND[:1000], 44_100)
    done = audiokit("convert", "cd.wav", "-o", "cd.opus")
    assert done.returncode == 2
    assert "--sample-rate 48000" in done.stderr
    done = audiokit("convert", "cd.wav", "-o", "cd.opus", "--sample-rate", 48_000)
    assert done.returncode == 0, done.stderr
    assert len(read(tmp_path / "cd.opus")[0]) == round(1000 * 48_000 / 44_100)


@pytest.mark.parametrize("command", ["convert", "normalize"])
def test_bad_input_is_a_row_and_is_never_touched(tmp_path, audiokit, command):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, bad in enumerate((np.nan, np.inf, -np.inf)):
        samples = np.zeros(4000)
        samples[2000] = bad
        soundfile.write(folder / f"bad{number}.wav", samples, 8000, subtype="DOUBLE")
    soundfile.write(folder / "eight.wav", np.tile(SOUND[:8000, :1], 8), 192_000)
    soundfile.write(folder / "slow.wav", SOUND[:8000], 8_000)
    lying = bytearray((folder / "slow.wav").read_bytes())
    lying[40:44] = (0x7FFFFFF0).to_bytes(4, "little")
    (folder / "lying.wav").write_bytes(lying)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = audiokit(command, folder, "-o", "out", "--json")
    assert done.returncode == 1
    rows = {row["source"].rpartition("/")[2]: row for row in rows_of(done)}
    failed = {name for name, row in rows.items() if row["status"] == "failed"}
    assert failed == {"bad0.wav", "bad1.wav", "bad2.wav"}
    assert {rows[name]["error_type"] for name in failed} == {"SampleError"}
    assert soundfile.info(tmp_path / "out" / "eight.wav").channels == 8
    assert soundfile.info(tmp_path / "out" / "eight.wav").frames == 8000
    assert soundfile.info(tmp_path / "out" / "lying.wav").frames == 8000
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("options", ["size=60k", "ro"])
def test_a_place_that_takes_no_more_is_a_row_and_leaves_nothing(take, tmp_path, audiokit, options):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        done = audiokit("convert", take, "-o", disk / "take.wav", "--json")
        row = rows_of(done)[0]
        expected = "PermissionDeniedError" if options == "ro" else "DiskFullError"
        assert (done.returncode, row["error_type"]) == (1, expected)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
