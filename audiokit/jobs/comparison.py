"""A recording before and after, and what lies between, heard in step."""

from __future__ import annotations

from contextlib import ExitStack
from io import BytesIO
from typing import Literal

import numpy as np

from audiokit.files.write import WriteSettings, open_writer
from audiokit.jobs.overview import Overview
from audiokit.loudness.level import LevelMeter, LevelReport
from audiokit.stage import Block, Meter, StreamFormat

__all__ = ["Comparison", "Excerpt", "Side"]

# Of FLAC; more go into WAV.
_MOST_CHANNELS = 8
# An excerpt of stereo at 48 kHz may last as long as was asked for; more rates or channels
# make it shorter.
_FULL_LENGTH_VALUES_PER_S = 2 * 48_000


class Excerpt:
    """The beginning of a stream, 16 bits, encoded as it comes.

    Args:
        fmt: Format of the stream.
        listen_s: How much of it to keep, in s.

    Attributes:
        media_type: Of the encoded bytes.
        n_samples: How many samples it holds.
    """

    def __init__(self, fmt: StreamFormat, listen_s: float) -> None:
        container: Literal["wav", "flac"] = "flac" if fmt.channels <= _MOST_CHANNELS else "wav"
        self.media_type = f"audio/{container}"
        values_per_s = fmt.sample_rate * fmt.channels
        share = min(1.0, _FULL_LENGTH_VALUES_PER_S / values_per_s)
        self._most_samples = int(listen_s * share * fmt.sample_rate)
        self.n_samples = 0
        self._stream = BytesIO()
        settings = WriteSettings(container=container, bit_depth=16)
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(open_writer(self._stream, fmt, settings))

    def update(self, block: Block) -> None:
        """Take the next block."""
        kept = block[: self._most_samples - self.n_samples]
        self.n_samples += len(kept)
        if len(kept):
            self._writer.write(kept)

    def encoded(self) -> bytes:
        """End the excerpt; return its bytes."""
        self._stack.close()
        return self._stream.getvalue()


class Side:
    """One side of a comparison.

    Args:
        fmt: Format of the stream.
        listen_s: How much of it can be listened to, in s.

    Attributes:
        overview: Spectrum and level over time.
        excerpt: What can be listened to.
    """

    def __init__(self, fmt: StreamFormat, listen_s: float) -> None:
        self.overview = Overview(fmt)
        self.excerpt = Excerpt(fmt, listen_s)
        self._meter = LevelMeter(fmt)

    def update(self, block: Block) -> None:
        """Take the next block."""
        self.overview.update(block)
        self.excerpt.update(block)
        self._meter.update(block)

    def levels(self) -> LevelReport:
        """Return the levels of all of it."""
        return self._meter.result()


class Comparison(Meter[dict[str, Side]]):
    """Hear a source and its result side by side, though the result comes late.

    `update` takes the source, `compare` the result; no more of the source is held than the
    stages between hold back.

    Args:
        fmt: Format of both.
        listen_s: How much of each side can be listened to, in s.
        gives_removed: Whether the result is what was taken away, not what was left.
    """

    def __init__(self, fmt: StreamFormat, *, listen_s: float, gives_removed: bool) -> None:
        self.fmt = fmt
        self._listen_s, self._gives_removed = listen_s, gives_removed
        self.reset()

    def reset(self) -> None:
        names = ("before", "after", "removed")
        self._sides = {name: Side(self.fmt, self._listen_s) for name in names}
        self._waiting = self.fmt.silence(0)
        self.n_samples = 0

    def update(self, block: Block) -> None:
        self._waiting = np.concatenate([self._waiting, block])

    def compare(self, block: Block) -> None:
        """Take the next block of the result: as many samples of the source meet it."""
        source, self._waiting = self._waiting[: len(block)], self._waiting[len(block) :]
        other = source - block
        after, removed = (other, block) if self._gives_removed else (block, other)
        self.n_samples += len(block)
        for name, heard in (("before", source), ("after", after), ("removed", removed)):
            self._sides[name].update(heard)

    def result(self) -> dict[str, Side]:
        """Return the sides: ``before``, ``after``, ``removed``."""
        return self._sides
