"""The beginning of a stream, encoded for a player as it comes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO

from audiokit.dsp.channels import ChannelMixer
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.files.write import WriteSettings, open_writer
from audiokit.stage import Block, Processor, StreamFormat

__all__ = ["Excerpt", "Recorder", "SmallRecorder"]

# Of FLAC; more go into WAV.
_MOST_CHANNELS = 8
# What a player calls each container.
_MEDIA_TYPES = {"flac": "audio/flac", "wav": "audio/wav", "ogg": "audio/ogg"}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a stream, 16 bits unless a lossy container holds it.

    Args:
        media_type: Of the encoded bytes.
        encoded: What a player takes.
        n_samples: How many samples it holds.
    """

    media_type: str
    encoded: bytes
    n_samples: int


class Recorder:
    """Keep the beginning of a stream, encoded as it comes.

    Args:
        fmt: Format of the stream.
        most_samples: How much is kept.
        settings: How it is written; 16-bit FLAC, or WAV where FLAC has no room for so many
            channels, if not given.

    Attributes:
        fmt: Format of what is kept.
    """

    def __init__(
        self, fmt: StreamFormat, *, most_samples: int, settings: WriteSettings | None = None
    ) -> None:
        self.fmt = fmt
        lossless = WriteSettings("flac" if fmt.channels <= _MOST_CHANNELS else "wav")
        settings = settings or lossless
        self._media_type = _MEDIA_TYPES[settings.container]
        self._most_samples, self._n_samples = most_samples, 0
        self._stream = BytesIO()
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(open_writer(self._stream, fmt, settings))

    def update(self, block: Block) -> None:
        """Take the next block."""
        kept = block[: self._most_samples - self._n_samples]
        self._n_samples += len(kept)
        if len(kept):
            self._writer.write(kept)

    def finish(self) -> Excerpt:
        """End the stream and return what was kept."""
        self._stack.close()
        # Shared with the stream, not copied, while no one writes to it.
        return Excerpt(self._media_type, self._stream.getvalue(), self._n_samples)


class SmallRecorder:
    """Keep the beginning of a stream as Vorbis, in two channels at most.

    Args:
        fmt: Format of the stream.
        most_s: How much is kept, in s.
        highest_rate_hz: What has a higher rate is brought to this one.
        bps_per_channel: What it may weigh, in bit/s.

    Attributes:
        fmt: Format of what is kept.
    """

    def __init__(
        self, fmt: StreamFormat, *, most_s: float, highest_rate_hz: int, bps_per_channel: int
    ) -> None:
        self._stages: list[Processor] = [ChannelMixer(fmt)] if fmt.channels > 2 else []
        mixed = self._stages[-1].out_fmt if self._stages else fmt
        rate_hz = min(fmt.sample_rate, highest_rate_hz)
        self._stages.append(Resampler(mixed, ResampleSettings(rate_hz)))
        self.fmt = self._stages[-1].out_fmt
        self._recorder = Recorder(
            self.fmt,
            most_samples=int(most_s * rate_hz),
            settings=WriteSettings("ogg", bitrate_bps=bps_per_channel * mixed.channels),
        )

    def update(self, block: Block) -> None:
        """Take the next block."""
        for stage in self._stages:
            block = stage.process(block)
        self._recorder.update(block)

    def finish(self) -> Excerpt:
        """End the stream and return what was kept."""
        for place, stage in enumerate(self._stages):
            rest = stage.flush()
            for later in self._stages[place + 1 :]:
                rest = later.process(rest)
            self._recorder.update(rest)
        return self._recorder.finish()
