"""Reading: one door for every format, path, URL, file object and pipe.

libsndfile first; what it does not know, or fails on, goes to FFmpeg. Memory does not
depend on the length of the recording, nor on the length that its header claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, final

import numpy as np

from audiokit.errors import (
    CorruptError,
    EmptyError,
    FormatError,
    HeaderError,
    SampleError,
    SourceError,
    UnreadableError,
)
from audiokit.files.av_reader import open_with_av
from audiokit.files.cover import Cover
from audiokit.files.cover_reader import read_cover
from audiokit.files.info import AudioInfo, Decoder, believable_format
from audiokit.files.raw import RawFormat, open_raw, parse_raw_format
from audiokit.files.sniff import (
    container_of_bytes,
    is_mpeg_audio,
    must_go_back,
    wav_format_of,
)
from audiokit.files.soundfile_reader import open_with_soundfile
from audiokit.files.source import ByteSource, held, open_source
from audiokit.stage import MAX_MAGNITUDE, Block, StreamFormat

__all__ = ["AudioInfo", "AudioReader", "RawFormat", "open_audio", "parse_raw_format"]

# What libsndfile decodes, without a word of the pictures in it.
_HOLDS_COVER = (b"fLaC", b"OggS")
_HEADERLESS_SUFFIXES = frozenset({"raw", "pcm", "sln", "sln16", "ul", "al", "ulaw", "alaw"})


@final
class AudioReader:
    """A recording being read, once, from its start; a context manager.

    Attributes:
        fmt: Format of the blocks.
        info: What the recording says about itself.
        warnings: What is wrong with it though it can be read; grows while reading.
    """

    def __init__(self, source: ByteSource, decoder: Decoder) -> None:
        self.info = decoder.info
        self.fmt = StreamFormat(decoder.info.sample_rate, decoder.info.channels)
        self.warnings = decoder.warnings
        self._source, self._decoder = source, decoder

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file. The caller's own file objects stay open."""
        self._decoder.close()
        self._source.close()

    def cover(self) -> Cover | None:
        """Return the front cover of a FLAC, MP3, M4A, Ogg Vorbis or Ogg Opus recording.

        Looked for when it is asked for; of what comes through a pipe, only FFmpeg's
        decoders tell of one.

        Raises:
            UnreadableError: The file is gone.
        """
        if self._decoder.cover is not None or self._source.head[:4] not in _HOLDS_COVER:
            return self._decoder.cover
        with self._source.from_start() as source:
            return None if source is None else read_cover(source)

    def blocks(self, block_samples: int) -> Iterator[Block]:
        """Yield the recording.

        Args:
            block_samples: Length of every block but the last, 1 or more.

        Yields:
            ``(samples, channels)``, float32, full scale ±1.0; each is the caller's own.

        Raises:
            SampleError: A sample is NaN, infinite or beyond ±1e6.
            UnreadableError: The disk or the connection failed.
        """
        yield from self._checked(_reblocked(self._decoder.pieces, block_samples))

    def pieces(self) -> Iterator[Block]:
        """Yield the recording as its decoder gives it, without waiting for more; as `blocks`."""
        yield from self._checked(piece for piece in self._decoder.pieces if len(piece))

    def _checked(self, blocks: Iterator[Block]) -> Iterator[Block]:
        n_read = 0
        try:
            for block in blocks:
                self._check(block, n_read)
                n_read += len(block)
                yield block
        except OSError as error:
            problem = f"could not be read on ({error.strerror or error})"
            hint = "Check the disk or the connection"
            raise UnreadableError(self.info.path, problem, hint) from error
        claimed = self.info.n_samples
        if claimed is not None and abs(claimed - n_read) > self._decoder.claim_tolerance_samples:
            self.warnings.append(f"header claims {claimed} samples, {n_read} were decoded")

    def _check(self, block: Block, n_before: int) -> None:
        # Two passes without a temporary; NaN fails both comparisons.
        if block.max() <= MAX_MAGNITUDE and block.min() >= -MAX_MAGNITUDE:
            return
        position, channel = np.argwhere(~(np.abs(block) <= MAX_MAGNITUDE))[0]
        problem = (
            f"sample at {(n_before + position) / self.fmt.sample_rate:.6f} s in channel {channel} "
            f"is {block[position, channel]}, expected -{MAX_MAGNITUDE:g} to {MAX_MAGNITUDE:g}"
        )
        raise SampleError(self.info.path, problem, "Export the file again")


def open_audio(source: str | Path | BinaryIO, *, raw: RawFormat | None = None) -> AudioReader:
    """Open a recording and decode its first samples.

    Args:
        source: A path, an fsspec URL, or a binary file object, which may be a pipe and
            stays the caller's to close. WAV, AU and headerless samples are decoded as they
            come through a pipe; any other container is read to its end first.
        raw: What the bytes are, where they have no header.

    Raises:
        UnreadableError: Missing, a folder, not a regular file, or not ours to read.
        FormatError: Not audio, or a codec that no reader knows.
        HeaderError: It claims what cannot be true.
        CorruptError: It is audio, but nothing can be decoded.
        EmptyError: It holds no samples.
    """
    with ExitStack() as stack:
        opened = open_source(source)
        stack.callback(opened.close)
        if raw is None and not opened.is_seekable and must_go_back(opened.head):
            # As a file would be decoded: the same samples, in length and place.
            opened = held(opened)
            stack.callback(opened.close)
        reader = AudioReader(opened, _decoder_for(opened, raw))
        # From here on the reader closes it.
        stack.pop_all()
    return reader


def _decoder_for(source: ByteSource, raw: RawFormat | None) -> Decoder:
    if raw is not None:
        return open_raw(source, raw)
    is_known = container_of_bytes(source.head) is not None
    if not is_known and source.suffix in _HEADERLESS_SUFFIXES:
        raise _headerless(source)
    problems: list[SourceError] = []
    for opener in (open_with_soundfile, open_with_av):
        if opener is open_with_soundfile and not _is_for_soundfile(source):
            continue
        try:
            decoder = opener(source)
        except SourceError as problem:
            problems.append(problem)
            continue
        if decoder is not None:
            if problems and not isinstance(problems[0], FormatError):
                decoder.warnings.insert(0, "libsndfile could not decode it, FFmpeg could")
            return decoder
    raise _verdict(source, problems)


def _is_for_soundfile(source: ByteSource) -> bool:
    # libsndfile's MP3 decoder writes to stderr, on its own MP3 files too, where nobody
    # can stop it; FFmpeg's is silent and reads more damaged files.
    return source.is_seekable and not is_mpeg_audio(source.head)


def _verdict(source: ByteSource, problems: list[SourceError]) -> SourceError:
    """Return the most telling of the reasons why nobody could read it."""
    stated = wav_format_of(source.head)
    if stated is not None:
        try:
            believable_format(source.path, *stated)
        except HeaderError as problem:
            return problem
    for kind in (HeaderError, EmptyError, CorruptError, FormatError):
        for found in problems:
            if isinstance(found, kind):
                return found
    container = container_of_bytes(source.head)
    if container is not None:
        damage = f"is damaged {container} data, nothing could be decoded"
        return CorruptError(source.path, damage, "Fetch or export the file again")
    return FormatError(
        source.path,
        "format is unknown, expected an audio or video file",
        "If it is headerless PCM, give --raw-format s16le:16000:1 or the like",
    )


def _headerless(source: ByteSource) -> FormatError:
    return FormatError(
        source.path,
        "has no header, expected one or --raw-format",
        "Give --raw-format s16le:16000:1 or the like",
    )


def _reblocked(pieces: Iterator[Block], block_samples: int) -> Iterator[Block]:
    """Cut pieces of any length into blocks of one length, the last one shorter."""
    held: list[Block] = []
    n_held = 0
    for piece in pieces:
        start = 0
        while n_held + len(piece) - start >= block_samples:
            stop = start + block_samples - n_held
            held.append(piece[start:stop])
            # Pieces are nobody else's, so that a part of one may be given away.
            yield held[0] if len(held) == 1 else np.concatenate(held)
            held, n_held, start = [], 0, stop
        if start < len(piece):
            held.append(piece[start:])
            n_held += len(piece) - start
    if held:
        yield held[0] if len(held) == 1 else np.concatenate(held)
