"""Covers: carried from every container that holds one into every other, to the byte."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import ItemError
from audiokit.files.cover import Cover, cover_of
from audiokit.files.read import open_audio
from audiokit.files.write import WriteSettings, open_writer
from audiokit.stage import StreamFormat

FMT = StreamFormat(48_000, 2)
SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, (30_001, 2)).astype(np.float32)
TAGS = {"title": "Tïtle", "comment": "c"}
HOLDERS = ["flac", "ogg", "opus", "mp3", "m4a"]


def chunk(name, content):
    length, checksum = len(content), zlib.crc32(name + content)
    return struct.pack(">I", length) + name + content + struct.pack(">I", checksum)


def png(n_more_bytes=0):
    """Return one grey pixel, and so many bytes of noise behind its end."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    picture += chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
    return picture + np.random.default_rng(1).bytes(n_more_bytes)


SMALL, LARGE = Cover("image/png", png()), Cover("image/png", png(200_000))


def written(container, cover, tags=TAGS, target=None):
    buffer = io.BytesIO() if target is None else target
    options = WriteSettings(container=container)
    with open_writer(buffer, FMT, options, tags=tags, cover=cover) as writer:
        writer.write(SOUND)
    return buffer, writer


def opened(container, cover):
    return open_audio(io.BytesIO(written(container, cover)[0].getvalue()))


def pictures_by_ffmpeg(data):
    import av

    with av.open(io.BytesIO(data)) as container:
        streams = container.streams.video
        found = [bytes(packet) for packet in container.demux(*streams)] if streams else []
    return [picture for picture in found if picture]


@pytest.mark.parametrize("cover", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("container", HOLDERS)
def test_ffmpeg_finds_the_cover_to_the_byte(container, cover):
    data = written(container, cover)[0].getvalue()
    assert pictures_by_ffmpeg(data) == [cover.data]


@pytest.mark.parametrize("cover", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("container", HOLDERS)
def test_a_cover_comes_back_and_changes_no_sample(container, cover):
    with opened(container, cover) as reader:
        # Asked for in the middle: whoever decodes must not be moved.
        blocks = reader.blocks(4096)
        first = next(blocks)
        assert reader.cover() == cover
        samples = np.concatenate([first, *blocks])
    assert reader.info.tags == TAGS
    assert reader.warnings == []
    with opened(container, None) as plain:
        assert plain.cover() is None
        np.testing.assert_array_equal(samples, np.concatenate(list(plain.blocks(4096))))


@pytest.mark.parametrize("container", ["flac", "ogg"])
def test_a_cover_is_read_from_a_path_too(tmp_path, container):
    path = tmp_path / "take"
    path.write_bytes(written(container, LARGE)[0].getvalue())
    with open_audio(path) as reader:
        assert reader.cover() == LARGE
        assert sum(len(block) for block in reader.blocks(4096)) == len(SOUND)


@pytest.mark.parametrize("container", HOLDERS)
def test_the_same_cover_gives_the_same_bytes(container):
    first, second = (written(container, LARGE)[0].getvalue() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("container", ["mp3", "ogg", "opus"])
def test_a_pipe_carries_tags_and_cover(container):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation

    data = written(container, LARGE, target=Pipe())[0].getvalue()
    with open_audio(io.BytesIO(data)) as reader:
        assert (reader.cover(), reader.info.tags) == (LARGE, TAGS)
        assert reader.warnings == []


@pytest.mark.parametrize(
    ("container", "cover", "reason"),
    [
        ("wav", SMALL, "wav holds none"),
        ("m4a", Cover("image/gif", b"GIF89a"), "it is image/gif"),
        ("flac", Cover("image/png", png(2**24)), "bytes"),
    ],
)
def test_a_cover_that_cannot_be_kept_is_told(container, cover, reason):
    data, writer = written(container, cover)
    assert len(writer.warnings) == 1
    assert reason in writer.warnings[0]
    assert pictures_by_ffmpeg(data.getvalue()) == []


def test_what_is_no_picture_is_no_cover():
    assert cover_of(b"MZ not a picture") is None
    assert cover_of(b"\xff\xd8\xff\xe0") == Cover("image/jpeg", b"\xff\xd8\xff\xe0")


@pytest.mark.parametrize(
    ("codec", "suffix"), [("flac", "flac"), ("libmp3lame", "mp3"), ("aac", "m4a")]
)
def test_covers_that_ffmpeg_wrote_are_found(tmp_path, codec, suffix):
    picture = tmp_path / "cover.png"
    picture.write_bytes(SMALL.data)
    target = tmp_path / f"take.{suffix}"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=r=44100:d=0.3", "-i", picture,
               "-map", "0", "-map", "1", "-c:a", codec, "-c:v", "copy",
               "-disposition:v", "attached_pic", target]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("ffmpeg is not installed")
    with open_audio(target) as reader:
        assert reader.cover() == SMALL


DAMAGED = {name: written(name, SMALL)[0].getvalue() for name in ("flac", "ogg", "mp3", "m4a")}


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(DAMAGED)),
    places=st.lists(st.tuples(st.integers(42, 900), st.integers(0, 255)), max_size=8),
    length=st.integers(100, 9000),
)
def test_damage_never_raises_when_the_cover_is_asked_for(name, places, length):
    data = bytearray(DAMAGED[name])
    for place, value in places:
        data[place] = value
    try:
        with open_audio(io.BytesIO(bytes(data[:length]))) as reader:
            cover = reader.cover()
    except ItemError:
        return
    assert cover is None or len(cover.data) <= length
