"""Writing: exact lengths, the same bytes always, and whole files or none."""

from __future__ import annotations

import io
import subprocess
import zlib

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import DiskFullError, PermissionDeniedError, ResourceError, SettingError
from audiokit.files.atomic import replacing
from audiokit.files.quantise import Quantiser
from audiokit.files.read import open_audio
from audiokit.files.wav_header import wav_header
from audiokit.files.write import WriteSettings, container_of, open_writer
from audiokit.stage import StreamFormat

RATE = 16_000
MONO, STEREO = StreamFormat(RATE, 1), StreamFormat(RATE, 2)
CONTAINERS = ["wav", "flac", "ogg", "opus", "mp3", "m4a"]
TIMES = np.arange(40_001)[:, np.newaxis] / RATE
VOICE = (0.4 * np.sin(2 * np.pi * TIMES * [440, 660])).astype(np.float32)
TAGS = {
    "title": "Tïtle",
    "artist": "A",
    "album": "L",
    "date": "2020",
    "genre": "Speech",
    "comment": "c",
    "track": "3",
    "copyright": "me",
}


def written(container, blocks, fmt=STEREO, tags=None, **options):
    buffer = io.BytesIO()
    with open_writer(
        buffer, fmt, WriteSettings(container=container, **options), tags=tags
    ) as writer:
        for block in blocks:
            writer.write(block)
    return buffer.getvalue()


def read_back(data):
    with open_audio(io.BytesIO(data)) as reader:
        return np.concatenate(list(reader.blocks(8192))), reader


@pytest.mark.parametrize("container", CONTAINERS)
def test_decoding_gives_back_as_many_samples_in_place(container):
    samples, _ = read_back(written(container, [VOICE]))
    assert samples.shape == VOICE.shape
    # Lossy, but aligned: a shift of one sample of 660 Hz alone would leave 0.1.
    inner = slice(2000, -2000)
    assert np.sqrt(np.mean((samples[inner] - VOICE[inner]) ** 2)) < 0.02


@pytest.mark.parametrize("container", CONTAINERS)
def test_bytes_depend_neither_on_the_run_nor_on_the_cutting(container):
    whole = written(container, [VOICE], tags=TAGS)
    pieces = written(container, np.split(VOICE, [1, 500, 500, 18_432, 39_999]), tags=TAGS)
    assert pieces == whole


@pytest.mark.parametrize("container", CONTAINERS)
def test_tags_come_back_from_every_container(container):
    _, reader = read_back(written(container, [VOICE], tags={**TAGS, "encoder": "gone"}))
    assert reader.info.tags == TAGS
    assert reader.warnings == []


@pytest.mark.parametrize(
    ("container", "bit_depth"), [("wav", 16), ("wav", 24), ("wav", 32), ("flac", 16), ("flac", 24)]
)
def test_what_fits_the_depth_is_kept_to_the_bit(container, bit_depth):
    steps = np.random.default_rng(3).integers(-(2**15), 2**15, (9_000, 2))
    exact = (steps / 2**15).astype(np.float32)
    samples, reader = read_back(written(container, [exact], bit_depth=bit_depth))
    np.testing.assert_array_equal(samples, exact)
    assert reader.info.bit_depth == bit_depth


def test_a_float_wav_keeps_every_bit_and_what_is_beyond_full_scale():
    samples, _ = read_back(written("wav", [VOICE * 7], bit_depth="float"))
    np.testing.assert_array_equal(samples, VOICE * 7)


def test_dither_makes_the_error_noise_of_a_quarter_step_and_leaves_silence_silent():
    # TPDF of two steps has variance 1/6, rounding 1/12: together 1/4 of a step squared,
    # at every level of the signal (Lipshitz, Wannamaker, Vanderkooy 1992).
    level = np.full((200_000, 1), 0.3 / 32768, np.float32)
    steps = Quantiser(16, dither=True, seed=0).quantise(level)
    assert steps.mean() == pytest.approx(0.3, abs=0.01)
    assert np.var(steps - 0.3) == pytest.approx(0.25, abs=0.01)
    assert not Quantiser(16, dither=True, seed=0).quantise(np.zeros_like(level)).any()
    assert not Quantiser(16, dither=False, seed=0).quantise(level).any()


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 3000), max_size=8).map(sorted))
def test_dither_does_not_depend_on_the_cutting(cuts):
    block = VOICE[:3000]
    whole = Quantiser(16, dither=True, seed=5).quantise(block)
    quantiser = Quantiser(16, dither=True, seed=5)
    pieces = [quantiser.quantise(part) for part in np.split(block, cuts)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_clipped_samples_are_counted_and_never_wrap():
    loud = np.array([[1.0], [-1.0], [1.5], [-1.5]], np.float32)
    buffer = io.BytesIO()
    with open_writer(buffer, MONO) as writer:
        writer.write(loud)
    assert writer.n_clipped == 2
    samples, _ = read_back(buffer.getvalue())
    np.testing.assert_array_equal(samples[:, 0] * 32768, [32767, -32768, 32767, -32768])


@pytest.mark.parametrize("container", CONTAINERS)
def test_clipping_is_counted_and_told_once_whatever_the_container(container):
    buffer = io.BytesIO()
    with open_writer(buffer, STEREO, WriteSettings(container=container)) as writer:
        writer.write(VOICE)
        writer.write(VOICE * 10)
    assert writer.n_clipped == np.count_nonzero(np.abs(VOICE * 10) > 1)
    assert writer.warnings == ["samples beyond full scale were clipped"]


def test_a_float_wav_has_nothing_to_tell_of_clipping():
    with open_writer(io.BytesIO(), STEREO, WriteSettings(bit_depth="float")) as writer:
        writer.write(VOICE * 10)
    assert (writer.n_clipped, writer.warnings) == (0, [])


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("bit_depth", [16, 24, 32, "float"])
def test_libsndfile_reads_every_wav(channels, bit_depth):
    block = np.tile(VOICE[:3001, :1], channels)
    data = written("wav", [block], StreamFormat(RATE, channels), tags=TAGS, bit_depth=bit_depth)
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    assert rate == RATE
    np.testing.assert_allclose(samples, block, rtol=0, atol=2 / 32768)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


def test_a_wav_past_four_gigabytes_is_rf64(tmp_path):
    n_samples = 3 * 2**30
    header = wav_header(MONO, bit_depth=16, n_samples=n_samples, tags=TAGS)
    assert len(header) == len(wav_header(MONO, bit_depth=16, n_samples=0, tags=TAGS))
    path = tmp_path / "day.wav"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 2 * n_samples)  # sparse
    info = soundfile.info(path)
    assert (info.format, info.frames) == ("RF64", n_samples)


class PipeOut(io.RawIOBase):
    """A pipe: takes a part of what it is given, and cannot go back."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def seekable(self):
        return False

    def write(self, data):
        self.data += bytes(data[:1000])
        return min(len(data), 1000)


@pytest.mark.parametrize("container", ["wav", "ogg", "opus", "mp3"])
def test_a_pipe_takes_what_needs_no_going_back(container):
    pipe = PipeOut()
    with open_writer(pipe, STEREO, WriteSettings(container=container)) as writer:
        writer.write(VOICE)
    if container == "wav":
        assert pipe.data[4:8] == b"\xff" * 4
    with open_audio(io.BytesIO(pipe.data)) as reader:
        n_samples = sum(len(block) for block in reader.blocks(4096))
    # Without its LAME tag an MP3 keeps the encoder's delay.
    assert 0 <= n_samples - len(VOICE) <= (2400 if container == "mp3" else 0)


def test_raw_is_the_samples_alone():
    data = written("raw", [VOICE[:100]], bit_depth="float")
    assert data == VOICE[:100].astype("<f4").tobytes()


@pytest.mark.parametrize("container", ["flac", "m4a"])
def test_a_pipe_refuses_what_must_go_back(container):
    with pytest.raises(SettingError, match="for a pipe"):
        open_writer(PipeOut(), STEREO, WriteSettings(container=container))


@pytest.mark.parametrize(
    ("fmt", "options", "text"),
    [
        (
            StreamFormat(44_100),
            {"container": "opus"},
            "Resample to 48000 Hz first, as convert --sample-rate 48000 does.",
        ),
        (StreamFormat(11_000), {"container": "mp3"}, "Resample to 11025 Hz first"),
        (StreamFormat(RATE, 3), {"container": "mp3"}, "Mix down"),
        (MONO, {"container": "flac", "bit_depth": 32}, "16 or 24 for flac"),
    ],
)
def test_what_a_container_cannot_hold_is_refused_before_anything_is_written(fmt, options, text):
    with pytest.raises(SettingError, match=text):
        open_writer(io.BytesIO(), fmt, WriteSettings(**options))


@pytest.mark.parametrize("options", [{"container": "wma"}, {"bit_depth": 12}, {"bitrate_bps": 1}])
def test_settings_that_mean_nothing_are_refused(options):
    with pytest.raises(SettingError):
        WriteSettings(**options)


def test_a_name_tells_its_container(tmp_path):
    assert container_of(tmp_path / "a.b.OGA") == "ogg"
    with pytest.raises(SettingError, match="a name ending in"):
        container_of(tmp_path / "take.txt")


@pytest.mark.parametrize("container", CONTAINERS)
def test_an_error_leaves_nothing_and_keeps_what_was_there(tmp_path, container):
    target = tmp_path / "deep" / f"take.{container}"
    target.parent.mkdir()
    target.write_bytes(b"before")
    writer = open_writer(target, STEREO, WriteSettings(container=container))

    def fail():
        with writer:
            writer.write(VOICE)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"before"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, container, capfd):
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(tmp_path)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small tmpfs is not permitted here")
    try:
        noise = np.random.default_rng(4).uniform(-1, 1, (200_000, 2)).astype(np.float32)
        options = WriteSettings(container=container, bitrate_bps=160_000)
        with (
            pytest.raises(DiskFullError),
            open_writer(tmp_path / "take", STEREO, options) as writer,
        ):
            writer.write(noise)
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert capfd.readouterr() == ("", "")


def test_a_place_that_is_no_folder_is_a_resource_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError), open_writer(tmp_path / "file" / "take.wav", MONO):
        pass


def test_a_file_that_may_not_be_written_is_named(tmp_path):
    def fail():
        with replacing(tmp_path / "a") as temporary:
            temporary.touch()
            raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionDeniedError, match="may not be written"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_went_away_is_a_broken_pipe_and_nothing_else():
    class Gone(PipeOut):
        def write(self, _):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError), open_writer(Gone(), STEREO) as writer:
        writer.write(VOICE)


def test_a_name_as_long_as_the_disk_allows_can_be_written(tmp_path):
    target = tmp_path / ("ü" * 125 + ".wav")
    with open_writer(target, STEREO) as writer:
        writer.write(VOICE)
    assert soundfile.info(target).frames == len(VOICE)


def test_ogg_pages_have_right_checksums_and_one_serial():
    data = written("ogg", [VOICE])
    pages = data.split(b"OggS")[1:]
    assert {page[10:14] for page in pages} == {b"\1\0\0\0"}
    # FFmpeg drops pages whose checksum is wrong, and says so by decoding less.
    samples, _ = read_back(data)
    assert len(samples) == len(VOICE)
    assert zlib.crc32(data) == zlib.crc32(written("ogg", [VOICE]))
