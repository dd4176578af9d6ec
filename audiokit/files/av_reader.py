"""Decoding by FFmpeg (PyAV): what libsndfile does not know, video, and pipes.

FFmpeg only decodes here. It never changes the rate, and never the layout: its own
down-mix adds 3 dB to what both channels share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import CorruptError, EmptyError, FormatError, SourceError
from audiokit.files.cover import Cover, front_of
from audiokit.files.info import AudioInfo, Decoder, believable_format
from audiokit.files.mp4_end import Mp4End, without_padding
from audiokit.files.source import ByteSource
from audiokit.files.tags import clean_tags, has_damage
from audiokit.stage import Block

__all__ = ["open_with_av"]

_AGAIN = "Fetch or export the file again"
# Codecs in files without any header: only the name tells.
_HEADERLESS = {"g722": "g722", "gsm": "gsm", "g729": "g729"}
# These state no length; FFmpeg guesses one from the bit rate.
_LENGTH_IS_A_GUESS = frozenset({"aac", "ac3", "eac3", "amr", "g722", "gsm", "g729", "dts"})
# Containers round lengths to milliseconds and codecs to their frames.
_CLAIM_TOLERANCE_SAMPLES = 4096
_LOSSLESS = frozenset({"flac", "alac", "wavpack", "tta", "ape", "wmalossless", "tak", "shorten"})
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}
_DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


class _SequentialBytes:
    """Only `read`: PyAV takes any `seek` it finds for a working one."""

    def __init__(self, source: ByteSource) -> None:
        self.read = source.read


def open_with_av(source: ByteSource) -> Decoder | None:
    """Open a source's first audio stream and decode its first samples.

    Returns:
        The decoder, or None where FFmpeg does not know the format.

    Raises:
        SourceError: It knows the format, but nothing comes out.
    """
    container = _open(source)
    if container is None:
        return None
    try:
        return _start(source, container)
    except SourceError:
        container.close()
        raise


def _open(source: ByteSource) -> Any:
    import av

    source.rewind()
    try:
        return av.open(
            source if source.is_seekable else _SequentialBytes(source),
            mode="r",
            format=_HEADERLESS.get(source.suffix),
            metadata_errors="replace",
            # A playlist must not make us open other files or addresses.
            options={"protocol_whitelist": "none"},
        )
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return None


def _start(source: ByteSource, container: Any) -> Decoder:
    stream = _audio_stream(source, container)
    warnings: list[str] = []
    metadata = {**stream.metadata, **container.metadata}
    if has_damage(metadata):
        warnings.append("metadata is damaged")
    pictures = _pictures(container)
    end = Mp4End(container, stream) if _container_name(container) == "mp4" else None
    frames = _frames(_packets(container, stream, pictures, end), stream, warnings)
    first = next(frames, None)
    claimed = _claimed_samples(container, stream)
    if first is None:
        raise _nothing_came(source.path, claimed, is_damaged=bool(warnings))
    # By the first frame, not the header: parametric stereo and doubled rates show here.
    fmt = believable_format(source.path, first.sample_rate, first.layout.nb_channels)
    info = AudioInfo(
        path=source.path,
        container=_container_name(container),
        codec=stream.codec_context.name,
        sample_rate=fmt.sample_rate,
        channels=fmt.channels,
        n_samples=claimed,
        bit_depth=_bit_depth(stream.codec_context),
        bitrate_bps=_bitrate_bps(stream.codec_context),
        tags=clean_tags(metadata),
    )
    pieces = _pieces(first, frames, warnings)
    if end is not None:
        pieces = without_padding(pieces, end, first)
    cover = _front(pictures)
    return Decoder(info, pieces, warnings, container.close, _CLAIM_TOLERANCE_SAMPLES, cover)


def _audio_stream(source: ByteSource, container: Any) -> Any:
    if not container.streams.audio:
        raise FormatError(source.path, "holds no audio stream", "Name another file")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        problem = "holds audio in a codec that no reader here knows"
        raise FormatError(source.path, problem, "Export it as WAV or FLAC")
    # Several files are decoded at a time; each keeps to one thread.
    stream.codec_context.thread_count = 1
    return stream


def _nothing_came(path: str, claimed: int | None, *, is_damaged: bool) -> SourceError:
    if claimed:
        problem = f"claims {claimed} samples, none could be decoded"
        return CorruptError(path, problem, _AGAIN)
    if is_damaged:
        return CorruptError(path, "is damaged, nothing could be decoded", _AGAIN)
    return EmptyError(path, "holds no samples", _AGAIN)


def _claimed_samples(container: Any, stream: Any) -> int | None:
    if stream.duration is None or stream.duration < 0 or stream.time_base is None:
        return None
    if container.format.name in _LENGTH_IS_A_GUESS:
        return None
    n_samples = round(stream.duration * stream.time_base * stream.codec_context.sample_rate)
    # Zero is what a header says that was never completed.
    return n_samples or None


def _container_name(container: Any) -> str:
    names = container.format.name.split(",")
    return "mp4" if "mp4" in names else str(names[0])


def _bit_depth(codec: Any) -> int | None:
    pcm = re.fullmatch(r"pcm_[su](\d+).*", codec.name)
    if pcm:
        return int(pcm[1])
    if codec.name in _LOSSLESS and codec.format is not None:
        return int(codec.format.bits)
    return None


@dataclass(slots=True)
class _Picture:
    """A picture that the container holds as a stream of one packet."""

    stream: Any
    data: bytes = b""


def _pictures(container: Any) -> list[_Picture]:
    import av

    attached = av.stream.Disposition.attached_pic
    return [_Picture(each) for each in container.streams.video if each.disposition & attached]


def _front(pictures: list[_Picture]) -> Cover | None:
    # ID3v2's and FLAC's word; MP4 says nothing, and its first is the cover.
    return front_of(
        (each.stream.metadata.get("comment") == "Cover (front)", each.data) for each in pictures
    )


def _packets(
    container: Any, stream: Any, pictures: list[_Picture], end: Mp4End | None
) -> Iterator[Any]:
    """Yield the sound's packets; keep pictures, which FFmpeg gives before all else."""
    for packet in container.demux(stream, *(each.stream for each in pictures)):
        if packet.stream_index == stream.index:
            if end is not None:
                end.note(packet)
            yield packet
            continue
        for picture in pictures:
            if picture.stream.index == packet.stream_index and packet.size:
                picture.data = bytes(packet)


def _bitrate_bps(codec: Any) -> int | None:
    is_lossless = codec.name in _LOSSLESS or codec.name.startswith("pcm_")
    return None if is_lossless else codec.bit_rate or None


def _frames(packets: Iterator[Any], stream: Any, warnings: list[str]) -> Iterator[Any]:
    """Yield decoded frames; count damaged packets and say so once, at the end."""
    import av

    n_samples = n_damaged = 0
    first_damage_s = 0.0
    try:
        for packet in packets:
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                first_damage_s = first_damage_s if n_damaged else _position_s(stream, n_samples)
                n_damaged += 1
                continue
            for frame in frames:
                if frame.samples:
                    n_samples += frame.samples
                    yield frame
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        stopped_s = _position_s(stream, n_samples)
        warnings.append(f"decoding stopped at {stopped_s:.3f} s: the data is damaged")
    if n_damaged:
        plural = "packets were" if n_damaged > 1 else "packet was"
        warnings.append(
            f"{n_damaged} damaged {plural} skipped, the first at {first_damage_s:.3f} s"
        )


def _position_s(stream: Any, n_samples: int) -> float:
    return float(n_samples / max(stream.codec_context.sample_rate or 0, 1))


def _pieces(first: Any, rest: Iterator[Any], warnings: list[str]) -> Iterator[Block]:
    sample_rate, channels = first.sample_rate, first.layout.nb_channels
    n_read = first.samples
    yield _to_block(first)
    for frame in rest:
        if frame.sample_rate != sample_rate or frame.layout.nb_channels != channels:
            warnings.append(
                f"stopped at {n_read / sample_rate:.3f} s, where the format changes to "
                f"{frame.sample_rate} Hz with {frame.layout.nb_channels} channels"
            )
            return
        n_read += frame.samples
        yield _to_block(frame)


def _to_block(frame: Any) -> Block:
    """Return a frame as ``(samples, channels)``, integers divided by their full scale."""
    kind = frame.format.name.removesuffix("p")
    channels = frame.layout.nb_channels
    planes = [np.frombuffer(plane, _DTYPES[kind]) for plane in frame.planes]
    if frame.format.is_planar:
        # FFmpeg pads planes to its own alignment.
        samples: NDArray[Any] = np.stack([plane[: frame.samples] for plane in planes], axis=1)
    else:
        # A copy: the plane is FFmpeg's, and a block is the caller's own.
        samples = planes[0][: frame.samples * channels].reshape(-1, channels).copy()
    if kind in _FULL_SCALE:
        # Beyond 24 bits float32 rounds; in float64 the division itself is exact.
        wide = samples.astype(np.float32 if kind in {"u8", "s16"} else np.float64)
        samples = (wide - 128.0 if kind == "u8" else wide) / wide.dtype.type(_FULL_SCALE[kind])
    with np.errstate(over="ignore", invalid="ignore"):
        # A double beyond float32 becomes infinity, which the reader then refuses.
        return np.ascontiguousarray(samples, np.float32)
