"""The beginning of a stream, encoded for a player as it comes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO

from audiokit.files.write import WriteSettings, open_writer
from audiokit.stage import Block, StreamFormat

__all__ = ["Excerpt", "Recorder"]

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
    """

    def __init__(
        self, fmt: StreamFormat, *, most_samples: int, settings: WriteSettings | None = None
    ) -> None:
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
