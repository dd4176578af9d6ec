"""Decode one file of Opus or G.711."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, cast

from audiokit.codec.ogg_reader import OggLink
from audiokit.codec.opus import OPUS_RATES, check_opus_format
from audiokit.codec.opus_binding import open_opus
from audiokit.codec.opus_stream import OpusStreamDecoder
from audiokit.errors import EmptyError, FormatError
from audiokit.files.raw import RawFormat
from audiokit.files.read import open_audio
from audiokit.files.source import open_source
from audiokit.files.write import WriteSettings, open_writer
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.coding import CodingJob, Row, coding_row
from audiokit.jobs.opus_source import OpusSource, open_opus_source
from audiokit.jobs.task import LengthGuard, Limits, ProcessTask
from audiokit.stage import StreamFormat

__all__ = ["DecodeJob", "DecodeSettings", "decode_file"]

# Bare G.711 is told by its name alone, and is of telephones.
_BARE = {"ul": "mulaw", "ulaw": "mulaw", "mulaw": "mulaw", "al": "alaw", "alaw": "alaw"}
_G711 = {"ulaw": "ulaw", "alaw": "alaw", "mulaw": "ulaw", "pcm_mulaw": "ulaw", "pcm_alaw": "alaw"}
_TELEPHONE_RATE = 8000


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """What to make of a file.

    Raises:
        SettingError: A value is outside its range.
    """

    sample_rate: int | None = None
    """Of Opus, in Hz: 8000, 12000, 16000, 24000 or 48000. None takes what was encoded, or
    48000 where Opus has no such rate."""
    write: WriteSettings = field(default_factory=WriteSettings)
    """Container, depth and dither of the result."""
    opus_library: str | None = None
    """The file of libopus; None takes the best there is."""

    def __post_init__(self) -> None:
        if self.sample_rate is not None:
            check_opus_format(StreamFormat(self.sample_rate))


@dataclass(frozen=True, slots=True)
class DecodeJob(CodingJob):
    """`decode_file` for a run over many files.

    Args:
        settings: What to make of each.
    """

    settings: DecodeSettings = field(default_factory=DecodeSettings)

    def run(self, task: ProcessTask) -> Row:
        return decode_file(task, self.settings, self.limits)


def decode_file(task: ProcessTask, settings: DecodeSettings, limits: Limits | None = None) -> Row:
    """Decode one file of Opus (Ogg, Matroska, WebM, MP4, CAF) or G.711 (WAV, AU, bare).

    What is lost or damaged is concealed, and told in the row.

    Args:
        task: The file, and where ``audio`` goes.
        settings: What to make of it.
        limits: What it must keep to.

    Returns:
        Duration, rate, channels, bit rate, packets and losses, under their Python names.

    Raises:
        ItemError: The file or the machine is at fault; nothing half-written stays.
        MissingDeviceError: libopus is not there.
    """
    with ExitStack() as stack:
        if task.raw is None:
            source = stack.enter_context(closing(open_source(task.source)))
            if source.suffix in _BARE and source.head[:4] not in (b"RIFF", b"OggS"):
                bare = RawFormat(_BARE[source.suffix], _TELEPHONE_RATE)
                return _decode_g711(replace(task, raw=bare), settings, limits or Limits())
            found = open_opus_source(source)
            if found is not None:
                with found:
                    return _decode_opus(task, found, settings, limits or Limits())
            # A pipe gives its beginning once, and that was looked at: what holds it goes on.
            task = task if source.is_seekable else replace(task, source=cast("BinaryIO", source))
            return _decode_g711(task, settings, limits or Limits())
        return _decode_g711(task, settings, limits or Limits())


def _decode_opus(
    task: ProcessTask, found: OpusSource, settings: DecodeSettings, limits: Limits
) -> Row:
    own = found.head.sample_rate if found.head.sample_rate in OPUS_RATES else OPUS_RATES[-1]
    fmt = StreamFormat(settings.sample_rate or own, found.head.channels)
    library = open_opus(settings.opus_library)
    decoder = OpusStreamDecoder(fmt, library=library)
    length = LengthGuard(task.name, fmt, limits)
    warnings: list[str] = []
    n_streams = 0
    with open_writer(task.outputs["audio"], fmt, settings.write, tags=found.tags) as writer:
        for item in found.items:
            if isinstance(item, OggLink):
                n_streams += 1
                if item.head.channels != fmt.channels:
                    said = f"a later stream has {item.head.channels} channels"
                    warnings.append(f"{said}; it is written with {fmt.channels}")
            block = decoder.push(item)
            length.count(len(block))
            writer.write(block)
        block = decoder.flush()
        length.count(len(block))
        writer.write(block)
        if not decoder.n_packets:
            raise EmptyError(task.name, "holds no packets", "Encode it again.")
        length.finish()
    if n_streams > 1:
        warnings.append(f"{n_streams} streams follow one another; all are written")
    if decoder.n_broken:
        warnings.append(f"{decoder.n_broken} packets did not decode, and were concealed")
    facts: dict[str, Any] = {
        "duration_s": round(length.duration_s, 6),
        "sample_rate": fmt.sample_rate,
        "channels": fmt.channels,
        "codec": "opus",
        "container": found.container,
        "bitrate_bps": round(8 * decoder.n_bytes / length.duration_s),
        "n_packets": decoder.n_packets,
        "payload_bytes": decoder.n_bytes,
        "pause_s": round(fmt.seconds(decoder.n_pause_samples), 6),
        "lost_s": round(fmt.seconds(decoder.n_lost_samples), 6),
        "recovered_s": round(fmt.seconds(decoder.n_recovered_samples), 6),
        "libopus_version": library.found.version,
    }
    return coding_row(facts, warnings=[*found.warnings, *warnings, *writer.warnings])


def _decode_g711(task: ProcessTask, settings: DecodeSettings, limits: Limits) -> Row:
    with open_audio(task.source, raw=task.raw) as reader:
        law = _G711.get(reader.info.codec)
        if law is None:
            problem = f"holds {reader.info.codec}, expected Opus or G.711"
            raise FormatError(task.name, problem, "Use audiokit convert")
        length = LengthGuard(task.name, reader.fmt, limits)
        target = task.outputs["audio"]
        with open_writer(target, reader.fmt, settings.write, tags=reader.info.tags) as writer:
            for block in reader.blocks(BLOCK_SAMPLES):
                length.count(len(block))
                writer.write(block)
            length.finish()
        facts: dict[str, Any] = {
            "duration_s": round(length.duration_s, 6),
            "sample_rate": reader.fmt.sample_rate,
            "channels": reader.fmt.channels,
            "codec": law,
            "container": reader.info.container,
            "bitrate_bps": 8 * reader.fmt.sample_rate * reader.fmt.channels,
            "n_packets": None,
            "payload_bytes": length.n_samples * reader.fmt.channels,
        }
    return coding_row(facts, warnings=[*reader.warnings, *writer.warnings])
