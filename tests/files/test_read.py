"""Reading: every door gives the same samples, and every fault one sentence."""

from __future__ import annotations

import io
import os
import struct

import numpy as np
import pytest
import soundfile

from audiokit.errors import (
    CorruptError,
    EmptyError,
    FormatError,
    HeaderError,
    SampleError,
    SettingError,
    UnreadableError,
)
from audiokit.files.raw import ENCODINGS
from audiokit.files.read import RawFormat, open_audio, parse_raw_format
from audiokit.stage import StreamFormat

RATE = 16_000
RAMP = (np.arange(-20_000, 20_000, dtype=np.int16)).reshape(-1, 2)
EXACT = RAMP.astype(np.float32) / 32768


class Pipe(io.RawIOBase):
    """Bytes that come in small pieces and cannot be gone back to."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def seekable(self):
        return False

    def seek(self, *_):
        raise io.UnsupportedOperation

    def read(self, n_bytes=-1):
        return self._data.read(min(n_bytes, 777) if n_bytes >= 0 else n_bytes)


def encoded(container, subtype, samples=RAMP):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format=container, subtype=subtype)
    return buffer.getvalue()


def read_all(source, block_samples=4096, **options):
    with open_audio(source, **options) as reader:
        blocks = list(reader.blocks(block_samples))
    return np.concatenate(blocks), reader


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF", "CAF", "AU", "W64"])
def test_sixteen_bits_come_out_exactly(tmp_path, container):
    path = tmp_path / "take"
    path.write_bytes(encoded(container, "PCM_16"))
    samples, reader = read_all(path)
    np.testing.assert_array_equal(samples, EXACT)
    assert reader.fmt == StreamFormat(RATE, 2)
    assert (reader.info.n_samples, reader.info.bit_depth) == (20_000, 16)
    assert reader.warnings == []


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16")])
def test_a_pipe_gives_what_the_file_gives(container, subtype):
    samples, reader = read_all(Pipe(encoded(container, subtype)))
    np.testing.assert_array_equal(samples, EXACT)
    assert reader.warnings == []


@pytest.mark.parametrize(
    ("subtype", "scale"),
    [
        ("PCM_24", 2.0**23),
        ("PCM_32", 2.0**31),
        ("FLOAT", 1.0),
        ("DOUBLE", 1.0),
        ("PCM_U8", 2.0**7),
    ],
)
def test_both_decoders_agree_on_every_sample_format(subtype, scale):
    data = encoded("WAV", subtype, np.linspace(-0.999, 0.999, 3000))
    ours, _ = read_all(io.BytesIO(data))
    through_ffmpeg, _ = read_all(Pipe(data))
    # libsndfile rounds 32-bit integers to float32, FFmpeg's come by way of float64.
    np.testing.assert_allclose(through_ffmpeg, ours, rtol=0, atol=6e-8 if scale > 2**30 else 0)


def test_a_wav_of_unknown_length_in_a_pipe_is_read_to_its_end():
    data = bytearray(encoded("WAV", "PCM_16"))
    data[4:8] = data[40:44] = b"\xff" * 4
    samples, _ = read_all(Pipe(bytes(data)))
    np.testing.assert_array_equal(samples, EXACT)


@pytest.mark.parametrize("block_samples", [1, 999, 16_384, 20_000, 10**6])
def test_blocks_are_of_the_length_asked_for_whatever_the_decoder_gives(block_samples):
    data = encoded("FLAC", "PCM_16", RAMP[:5000])
    with open_audio(io.BytesIO(data)) as reader:
        blocks = list(reader.blocks(block_samples))
    assert {len(block) for block in blocks[:-1]} <= {block_samples}
    assert all(block.flags.c_contiguous and block.dtype == np.float32 for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks), EXACT[:5000])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("opened", [io.BytesIO, Pipe])
def test_a_block_may_be_written_to_and_no_other_changes(subtype, opened):
    data = encoded("WAV", subtype, EXACT)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    with open_audio(opened(data)) as reader:
        blocks = []
        for block in reader.blocks(3000):
            blocks.append(block.copy())
            block.fill(9.0)
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC"])
def test_every_sixteen_bit_value_is_what_libsndfile_makes_of_it(container):
    data = encoded(container, "PCM_16", np.arange(-(2**15), 2**15).astype(np.int16)[:, None])
    peer, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    np.testing.assert_array_equal(read_all(io.BytesIO(data))[0], peer)


def test_a_cut_off_file_gives_what_it_holds_and_says_so(tmp_path):
    path = tmp_path / "cut.flac"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 50_000)
    whole = encoded("FLAC", "PCM_16", noise)
    path.write_bytes(whole[: len(whole) // 2])
    samples, reader = read_all(path)
    assert 20_000 < len(samples) < 25_001
    np.testing.assert_allclose(samples[:20_000, 0], noise[:20_000], atol=2**-15)
    assert any("header claims 50000 samples" in warning for warning in reader.warnings)


def test_a_claim_of_hours_in_a_small_file_costs_nothing(tmp_path):
    path = tmp_path / "boast.wav"
    data = bytearray(encoded("WAV", "PCM_16", RAMP[:1000]))
    struct.pack_into("<I", data, 40, 0x7FFFFFF0)
    path.write_bytes(bytes(data))
    samples, _ = read_all(path)
    np.testing.assert_array_equal(samples, EXACT[:1000])


def test_the_callers_own_stream_starts_where_it_stands_and_stays_open():
    stream = io.BytesIO(b"prefix" + encoded("WAV", "PCM_16"))
    stream.seek(6)
    samples, _ = read_all(stream)
    np.testing.assert_array_equal(samples, EXACT)
    assert not stream.closed


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (b"", EmptyError, "is empty"),
        (b"These are words, and no sound at all. " * 40, FormatError, "format is unknown"),
        (encoded("WAV", "PCM_16", RAMP[:0]), EmptyError, "holds no samples"),
        (encoded("FLAC", "PCM_16")[:60], CorruptError, "header is damaged"),
        (b"OggS" + bytes(300), FormatError, "codec that no reader here knows"),
        (b"ID3" + bytes(300), CorruptError, "damaged MP3"),
    ],
    ids=["empty", "text", "no samples", "cut header", "unknown codec", "no frames"],
)
def test_what_is_no_recording_has_its_own_error(tmp_path, content, error, text):
    path = tmp_path / "thing.wav"
    path.write_bytes(content)
    with pytest.raises(error, match=text) as caught:
        open_audio(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("offset", "code", "value", "text"),
    [
        (22, "<H", 0, "number of channels is 0"),
        (22, "<H", 900, "number of channels is 900"),
        (24, "<I", 0, "sample rate is 0 Hz"),
        (24, "<I", 4_000_000, "sample rate is 4000000 Hz"),
    ],
)
def test_a_header_that_cannot_be_true_is_named(tmp_path, offset, code, value, text):
    data = bytearray(encoded("WAV", "PCM_16"))
    struct.pack_into(code, data, offset, value)
    path = tmp_path / "absurd.wav"
    path.write_bytes(bytes(data))
    with pytest.raises(HeaderError, match=text):
        open_audio(path)


def test_what_is_no_file_is_unreadable_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name, text in [("no.wav", "no such file"), ("", "is a folder"), ("fifo", "not a regular")]:
        with pytest.raises(UnreadableError, match=text):
            open_audio(tmp_path / name)
    with pytest.raises(UnreadableError, match="cannot be opened"):
        open_audio("nul\0.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e6, 1e300])
def test_a_sample_that_is_no_sound_is_named_by_time_and_channel(bad):
    samples = np.zeros((20_000, 2))
    samples[18_000, 1] = bad
    data = encoded("WAV", "DOUBLE", samples)
    for stream in (io.BytesIO(data), Pipe(data)):
        with pytest.raises(SampleError, match=r"1\.125000 s in channel 1"):
            read_all(stream)


def test_floats_scaled_like_integers_pass():
    samples, _ = read_all(io.BytesIO(encoded("WAV", "FLOAT", RAMP.astype(np.float32))))
    assert samples.max() == RAMP.max()


def test_tags_have_one_set_of_names_everywhere(tmp_path):
    for container in ("WAV", "FLAC", "OGG"):
        path = tmp_path / f"tagged.{container.lower()}"
        with soundfile.SoundFile(path, "w", RATE, 1, format=container) as file:
            file.title, file.tracknumber = "Tïtle", "7"
            file.write(EXACT[:, 0])
        with open_audio(path) as reader:
            assert reader.info.tags == {"title": "Tïtle", "track": "7"}


def test_bytes_without_a_header_ask_for_their_format(tmp_path):
    path = tmp_path / "call.raw"
    path.write_bytes(RAMP.astype("<i2").tobytes())
    with pytest.raises(FormatError, match="--raw-format"):
        open_audio(path)
    samples, reader = read_all(path, raw=parse_raw_format("s16le:16000:2"))
    np.testing.assert_array_equal(samples, EXACT)
    assert reader.warnings == []


@pytest.mark.parametrize(
    ("encoding", "subtype", "endian"),
    [
        ("u8", "PCM_U8", "FILE"),
        ("s8", "PCM_S8", "FILE"),
        ("s16be", "PCM_16", "BIG"),
        ("s24le", "PCM_24", "LITTLE"),
        ("s24be", "PCM_24", "BIG"),
        ("s32le", "PCM_32", "LITTLE"),
        ("s32be", "PCM_32", "BIG"),
        ("f32le", "FLOAT", "LITTLE"),
        ("f32be", "FLOAT", "BIG"),
        ("f64le", "DOUBLE", "LITTLE"),
        ("mulaw", "ULAW", "FILE"),
        ("alaw", "ALAW", "FILE"),
    ],
)
def test_headerless_audio_is_what_libsndfile_makes_of_it(encoding, subtype, endian):
    width = ENCODINGS[encoding][1]
    data = np.random.default_rng(2).integers(0, 256, 768 * width, dtype=np.uint8)
    if encoding[0] == "f":
        kind = f"{'<' if endian == 'LITTLE' else '>'}f{width}"
        data = np.linspace(-1, 1, 768).astype(kind).view(np.uint8)
    else:
        data[:256] = np.arange(256)
    options = {"samplerate": RATE, "channels": 2, "format": "RAW", "subtype": subtype}
    expected, _ = soundfile.read(
        io.BytesIO(data.tobytes()), dtype="float32", endian=endian, **options
    )
    samples, _ = read_all(Pipe(data.tobytes()), raw=RawFormat(encoding, RATE, 2))
    np.testing.assert_allclose(samples, expected, rtol=0, atol=6e-8)


def test_a_last_half_sample_is_left_out_and_said():
    samples, reader = read_all(io.BytesIO(bytes(1001)), raw=RawFormat("s16le", RATE, 1))
    assert len(samples) == 500
    assert "last 1 bytes" in reader.warnings[0]


@pytest.mark.parametrize("text", ["", "s16le", "s17le:8000", "s16le:0", "s16le:8000:x", "a:b:c:d"])
def test_a_raw_format_that_is_none_is_refused(text):
    with pytest.raises(SettingError):
        parse_raw_format(text)
