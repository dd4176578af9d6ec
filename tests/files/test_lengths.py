"""Exact lengths and no shift in time, for every container that states what its encoder adds."""

from __future__ import annotations

import io
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest

from audiokit.files.read import open_audio
from audiokit.files.write import WriteSettings, open_writer
from audiokit.stage import StreamFormat

CONTAINERS = ["wav", "flac", "ogg", "opus", "mp3", "m4a"]
LENGTHS = [1, 100, 1023, 1024, 1025, 44_100]
RATES = [8_000, 16_000, 44_100, 48_000]
CASES = [
    (c, r, n) for c in CONTAINERS for r in RATES for n in (1, 2) if (c, r) != ("opus", 44_100)
]


def sound(n_samples, channels=1):
    """Return noise of the lower eighth of the band, which every codec keeps."""
    kernel = np.hanning(18)[1:-1]
    noise = np.random.default_rng(0).standard_normal((n_samples + 15, channels))
    smooth = [np.convolve(column, kernel / kernel.sum(), "valid") for column in noise.T]
    return (0.5 * np.stack(smooth, axis=1)).astype(np.float32)


def encoded(container, block, sample_rate):
    buffer = io.BytesIO()
    fmt = StreamFormat(sample_rate, block.shape[1])
    with open_writer(buffer, fmt, WriteSettings(container=container)) as writer:
        writer.write(block)
    return buffer.getvalue()


def decoded(source):
    with open_audio(source) as reader:
        samples = np.concatenate(list(reader.blocks(65_536)))
    assert reader.warnings == []
    return samples


def shift(later, earlier):
    """Return by how many samples one comes after the other, where they correlate best."""
    n = 16_384
    spectrum = np.fft.rfft(later[:8192, 0], n) * np.conj(np.fft.rfft(earlier[:8192, 0], n))
    best = int(np.argmax(np.fft.irfft(spectrum)))
    return best if best < n // 2 else best - n


def ffmpeg(*arguments, stdin=None):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


@pytest.mark.parametrize(("container", "sample_rate", "channels"), CASES)
def test_every_length_comes_back_in_place(container, sample_rate, channels):
    for n_samples in LENGTHS:
        block = sound(n_samples, channels)
        samples = decoded(io.BytesIO(encoded(container, block, sample_rate)))
        # LAME's shortest: a millisecond, filled up with silence.
        expected = max(n_samples, 47) if container == "mp3" else n_samples
        assert samples.shape == (expected, channels), n_samples
        if n_samples > 40_000:
            # Low rates of Opus are resampled in the decoder, within two samples.
            assert abs(shift(samples, block)) <= (2 if container == "opus" else 0), n_samples


@pytest.mark.parametrize("container", CONTAINERS)
def test_ffmpeg_decodes_as_many_samples_in_place(tmp_path, container):
    path = tmp_path / f"take.{container}"
    block = sound(100_001)
    path.write_bytes(encoded(container, block, 48_000))
    data = ffmpeg("-i", path, "-f", "f32le", "-")
    samples = np.frombuffer(data, "<f4")[:, np.newaxis]
    # FFmpeg's program decodes the padding of AAC's last frame, whatever the header says.
    assert 0 <= len(samples) - len(block) < (1024 if container == "m4a" else 1)
    assert shift(samples, block) == 0


@pytest.mark.parametrize("n_samples", [1, 1000, 1024, 44_101])
def test_the_edit_list_of_an_m4a_states_the_exact_length(n_samples):
    import av

    data = encoded("m4a", sound(n_samples), 44_100)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        assert stream.duration * stream.time_base == Fraction(n_samples, 44_100)
        assert stream.start_time == 0


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("aac", "m4a"), ("libmp3lame", "mp3"), ("libopus", "opus"), ("libvorbis", "ogg"),
     ("alac", "m4a"), ("libopus", "mp4")],
)  # fmt: skip
@pytest.mark.parametrize("n_samples", [2100, 48_000])
def test_what_ffmpeg_wrote_comes_back_in_length_and_place(tmp_path, codec, suffix, n_samples):
    path, block = tmp_path / f"take.{suffix}", sound(n_samples)
    raw = ["-f", "f32le", "-ar", 48_000, "-ac", 1, "-i", "-"]
    ffmpeg(*raw, "-c:a", codec, "-strict", -2, path, stdin=block.tobytes())
    samples = decoded(path)
    assert len(samples) == n_samples
    assert abs(shift(samples, block)) <= (2 if codec == "libopus" else 0)


def with_box(data, name, offset, values):
    """Return an MP4 whose box holds other 32-bit numbers."""
    place = data.index(name) + 4 + offset
    content = b"".join(value.to_bytes(4, "big") for value in values)
    return data[:place] + content + data[place + len(content) :]


def test_an_edit_list_that_ends_within_a_frame_ends_there():
    # As iTunes writes it: packets of full length, priming and end in the edit list alone.
    block = sound(10_240)
    whole = encoded("m4a", block, 48_000)
    # Version, flags, one entry; then its duration, in samples here, and its start.
    edited = with_box(whole, b"elst", 8, [9_000, 1_024 + 300])
    samples = decoded(io.BytesIO(edited))
    assert samples.shape == (9_000, 1)
    np.testing.assert_allclose(samples, decoded(io.BytesIO(whole))[300:9_300], atol=1e-6)


def test_the_length_in_itunes_tag_counts():
    import av

    whole = encoded("m4a", sound(10_240), 48_000)
    buffer = io.BytesIO()
    options = {"movflags": "use_metadata_tags"}
    with (
        av.open(io.BytesIO(whole)) as source,
        av.open(buffer, "w", format="mp4", options=options) as target,
    ):
        stream = source.streams.audio[0]
        target.metadata["iTunSMPB"] = " 00000000 00000400 00000154 00000000000026AC 00000000"
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    assert len(decoded(io.BytesIO(buffer.getvalue()))) == 0x26AC


def test_an_end_that_is_far_off_is_not_believed():
    whole = encoded("m4a", sound(30_000), 48_000)
    # The media's own duration, in a file without an edit list.
    lying = with_box(whole.replace(b"edts", b"free"), b"mdhd", 16, [10_000])
    with open_audio(io.BytesIO(lying)) as reader:
        n_samples = sum(len(block) for block in reader.blocks(8192))
    assert n_samples >= 30_000
