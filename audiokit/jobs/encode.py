"""Encode one recording: Opus in Ogg, or G.711 in WAV or bare."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from audiokit.codec.opus import OpusSettings, check_opus_format
from audiokit.codec.opus_binding import open_opus
from audiokit.dsp.channels import ChannelMixer, ChannelSettings
from audiokit.errors import EmptyError, SettingError
from audiokit.files.atomic import output_to
from audiokit.files.read import AudioReader, open_audio
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.coding import CodingJob, Row, coding_row
from audiokit.jobs.encoded_files import EncodedFile, G711File, OpusFile
from audiokit.jobs.task import LengthGuard, Limits, ProcessTask
from audiokit.stage import Chain, Processor, StreamFormat, run_blocks

__all__ = ["EncodeJob", "EncodeSettings", "encode_file"]

# What bare codes are taken for.
_TELEPHONE = StreamFormat(8000, 1)
Codec: TypeAlias = Literal["opus", "ulaw", "alaw"]


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """What to make of a recording.

    Raises:
        SettingError: A value is outside its range.
    """

    codec: Codec = "opus"
    """Opus, or G.711 by μ-law or A-law."""
    is_raw: bool = False
    """G.711 without a header; in WAV otherwise."""
    resample: int | None = None
    """Sample rate in Hz to bring it to; None keeps its own."""
    channels: Literal["keep", "mono", "stereo"] = "keep"
    """As they are; their mean; or the first two, a single one twice."""
    opus: OpusSettings = field(default_factory=OpusSettings)
    """Of Opus alone."""
    opus_library: str | None = None
    """The file of libopus; None takes the best there is."""

    def __post_init__(self) -> None:
        if self.codec not in ("opus", "ulaw", "alaw"):
            raise SettingError("codec", self.codec, "opus, ulaw or alaw")
        if self.channels not in ("keep", "mono", "stereo"):
            raise SettingError("channels", self.channels, "keep, mono or stereo")
        if self.codec != "opus":
            self._refuse_settings_of_opus()
        if self.resample is not None:
            fmt = StreamFormat(self.resample)
            if self.codec == "opus":
                check_opus_format(fmt)

    def _refuse_settings_of_opus(self) -> None:
        usual = OpusSettings()
        for each in dataclasses.fields(usual):
            value = getattr(self.opus, each.name)
            if value != getattr(usual, each.name):
                raise SettingError(each.name, value, f"nothing with the codec {self.codec}")


@dataclass(frozen=True, slots=True)
class EncodeJob(CodingJob):
    """`encode_file` for a run over many files.

    Args:
        settings: What to make of each.
    """

    settings: EncodeSettings = field(default_factory=EncodeSettings)

    def run(self, task: ProcessTask) -> Row:
        return encode_file(task, self.settings, self.limits)


def encode_file(task: ProcessTask, settings: EncodeSettings, limits: Limits | None = None) -> Row:
    """Encode one recording.

    Args:
        task: The recording, and where ``audio`` goes.
        settings: What to make of it.
        limits: What it must keep to.

    Returns:
        Duration, rate, channels, bit rate, packets, under their Python names.

    Raises:
        ItemError: The recording or the machine is at fault; nothing half-written stays.
        SettingError: The codec has no such rate, or no so many channels.
        MissingDeviceError: libopus is not there.
    """
    with open_audio(task.source, raw=task.raw) as reader:
        chain = Chain(reader.fmt, _stages(reader.fmt, settings))
        if settings.codec == "opus":
            check_opus_format(chain.out_fmt)
        length = LengthGuard(task.name, reader.fmt, limits or Limits())
        with output_to(task.outputs["audio"]) as output:
            made = _open_file(output, chain.out_fmt, settings, reader)
            n_out = n_clipped = 0
            for block in run_blocks(chain, _counted(reader, length)):
                n_clipped += int(np.count_nonzero(np.abs(block) > 1.0))
                n_out += len(block)
                made.write(block)
                output.check()
            length.finish()
            if not n_out:
                problem = f"holds no samples at {chain.out_fmt.sample_rate} Hz"
                raise EmptyError(task.name, problem, "Record it again")
            made.finish()
            output.finish()
        warnings = list(reader.warnings)
        if n_clipped:
            warnings.append("samples beyond full scale were clipped")
        if settings.is_raw and chain.out_fmt != _TELEPHONE:
            fmt = chain.out_fmt
            name = "mulaw" if settings.codec == "ulaw" else "alaw"
            how = f"--raw-format {name}:{fmt.sample_rate}:{fmt.channels}"
            warnings.append(f"bare codes state no rate; {how} reads them")
        facts: dict[str, Any] = {
            "duration_s": round(length.duration_s, 6),
            "source_sample_rate": reader.fmt.sample_rate,
            "source_channels": reader.fmt.channels,
            "sample_rate": chain.out_fmt.sample_rate,
            "channels": chain.out_fmt.channels,
            "codec": settings.codec,
            **made.facts(),
            "clipped_samples": n_clipped,
        }
    return coding_row(facts, warnings=warnings)


def _stages(fmt: StreamFormat, settings: EncodeSettings) -> list[Processor]:
    stages: list[Processor] = []
    if settings.channels != "keep":
        stages.append(ChannelMixer(fmt, ChannelSettings(settings.channels)))
        fmt = stages[-1].out_fmt
    if settings.resample is not None:
        stages.append(Resampler(fmt, ResampleSettings(settings.resample)))
    return stages


def _counted(reader: AudioReader, length: LengthGuard) -> Any:
    for block in reader.blocks(BLOCK_SAMPLES):
        length.count(len(block))
        yield block


def _open_file(
    output: Any, fmt: StreamFormat, settings: EncodeSettings, reader: AudioReader
) -> EncodedFile:
    if settings.codec != "opus":
        return G711File(output, fmt, settings.codec, is_raw=settings.is_raw)
    return OpusFile(
        output,
        fmt,
        settings.opus,
        library=open_opus(settings.opus_library),
        tags=reader.info.tags,
        cover=reader.cover(),
    )
