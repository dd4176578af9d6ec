"""Decoding by libsndfile: WAV, AIFF, FLAC, Ogg and thirty more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import CorruptError, EmptyError, FormatError
from audiokit.files.info import AudioInfo, Decoder, believable_format
from audiokit.files.sniff import wav_claim_of
from audiokit.files.source import ByteSource
from audiokit.files.tags import clean_tags, has_damage
from audiokit.stage import Block

__all__ = ["open_with_soundfile"]

# Over all channels. After each read soundfile seeks to where it is, and in FLAC that
# costs a decoded frame: few, large reads.
_PIECE_VALUES = 131_072
_UNRECOGNISED = 1
# SF_ERR_UNSUPPORTED_ENCODING, and libsndfile's internal "unimplemented format".
_UNKNOWN_CODEC = frozenset({4, 18})
# What libsndfile says of a FLAC or MP3 stream that states no length.
_LENGTH_UNKNOWN = 2**63 - 1
# What a piece holds before it is read. The first can be a sample too: a damaged piece that
# ends in such samples loses them, and them alone.
_LOWEST_INTEGER, _NO_SAMPLE = -(2**15), np.float32(3e38)
_LOSSY = frozenset({"VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"})
_BIT_DEPTHS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_BIT_DEPTHS |= {f"ALAC_{depth}": depth for depth in (16, 20, 24, 32)}


def open_with_soundfile(source: ByteSource) -> Decoder | None:
    """Open a source and decode its first samples.

    Returns:
        The decoder, or None where libsndfile does not know the format.

    Raises:
        SourceError: It knows the format, but nothing comes out.
    """
    file = _open(source)
    if file is None:
        return None
    fmt = believable_format(source.path, file.samplerate, file.channels)
    metadata = file.copy_metadata()
    info = AudioInfo(
        path=source.path,
        container=file.format.lower(),
        codec=file.subtype.lower(),
        sample_rate=fmt.sample_rate,
        channels=fmt.channels,
        n_samples=_claimed_samples(source, file),
        bit_depth=_BIT_DEPTHS.get(file.subtype),
        bitrate_bps=_bitrate_bps(source, file),
        tags=clean_tags(metadata),
    )
    warnings = ["metadata is damaged"] if has_damage(metadata) else []
    pieces = _pieces(file, warnings)
    first = next(pieces, None)
    if first is None:
        file.close()
        raise _nothing_came(info)
    return Decoder(info, _chained(first, pieces), warnings, file.close)


def _open(source: ByteSource) -> Any:
    import soundfile

    source.rewind()
    descriptor = source.descriptor()
    # By descriptor where there is one: libsndfile then reads without calling Python.
    target = source if descriptor is None else descriptor
    try:
        return soundfile.SoundFile(target, closefd=False)
    except soundfile.LibsndfileError as error:
        if error.code == _UNRECOGNISED:
            return None
        # A FLAC file has one codec; there it is the header that makes no sense.
        if error.code in _UNKNOWN_CODEC and source.head[:4] != b"fLaC":
            problem = "holds audio in a codec that no reader here knows"
            raise FormatError(source.path, problem, "Export it as WAV or FLAC") from error
        raise CorruptError(source.path, "header is damaged", "Export the file again") from error
    except (ValueError, RuntimeError) as error:
        # soundfile passes a few absurd headers on to code of its own, which trips.
        raise CorruptError(source.path, "header is damaged", "Export the file again") from error


def _claimed_samples(source: ByteSource, file: Any) -> int | None:
    """Return what the header says; libsndfile itself believes the size of the file."""
    if not 0 <= file.frames < _LENGTH_UNKNOWN:
        return None
    claimed = wav_claim_of(source.head) if file.subtype.startswith("PCM") else None
    return int(file.frames) if claimed is None else claimed


def _bitrate_bps(source: ByteSource, file: Any) -> int | None:
    """Return the mean bit rate of a lossy file; headers and covers count, which is little."""
    descriptor = source.descriptor()
    if file.subtype not in _LOSSY or descriptor is None or not 0 < file.frames < _LENGTH_UNKNOWN:
        return None
    duration_s = float(file.frames / file.samplerate)
    return round(os.fstat(descriptor).st_size * 8 / duration_s)


def _nothing_came(info: AudioInfo) -> CorruptError | EmptyError:
    if info.n_samples:
        problem = f"claims {info.n_samples} samples, none could be decoded"
        return CorruptError(info.path, problem, "Fetch or export the file again")
    return EmptyError(info.path, "holds no samples", "Fetch or export the file again")


def _chained(first: Block, rest: Iterator[Block]) -> Iterator[Block]:
    yield first
    yield from rest


def _pieces(file: Any, warnings: list[str]) -> Iterator[Block]:
    import soundfile

    most_samples = max(_PIECE_VALUES // file.channels, 1)
    # NumPy scales integers faster than libsndfile, to the same bits; in FLAC, no faster.
    is_integer = file.subtype == "PCM_16" and file.format != "FLAC"
    n_read = 0
    # libsndfile never gives more than the length it knows, if it knows one.
    while n_read < file.frames:
        n_samples = min(most_samples, file.frames - n_read)
        # libsndfile does not say how far it got before an error. What it did not write
        # still holds this, so the good samples of a damaged piece are not lost.
        unwritten = _LOWEST_INTEGER if is_integer else _NO_SAMPLE
        dtype = np.int16 if is_integer else np.float32
        piece = np.full((n_samples, file.channels), unwritten, dtype)
        try:
            piece = file.read(out=piece)
        except (soundfile.SoundFileError, ValueError, RuntimeError):
            written = np.flatnonzero(piece[:, -1] != unwritten)
            piece = piece[: int(written[-1]) + 1 if written.size else 0]
            stopped_s = (n_read + len(piece)) / file.samplerate
            warnings.append(f"decoding stopped at {stopped_s:.3f} s: the data is damaged")
            if len(piece):
                yield _scaled(piece)
            return
        if not len(piece):
            return
        n_read += len(piece)
        yield _scaled(piece)


def _scaled(piece: NDArray[Any]) -> Block:
    if piece.dtype == np.float32:
        return piece
    scaled: Block = np.multiply(piece, np.float32(1.0 / 32768.0), dtype=np.float32)
    return scaled
