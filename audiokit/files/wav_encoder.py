"""WAV and headerless PCM, byte for byte ours.

libsndfile would put the time of day into the header of a float WAV; this writes the
same bytes every time, streams to a pipe, and becomes RF64 past 4 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audiokit.files.encoder import Encoder
from audiokit.files.output import Output, SeekableOutput
from audiokit.files.quantise import Quantiser
from audiokit.files.tags import Labels
from audiokit.files.wav_header import wav_header
from audiokit.stage import Block, StreamFormat

if TYPE_CHECKING:
    from audiokit.files.write import WriteSettings

__all__ = ["WavEncoder"]


class WavEncoder(Encoder):
    """Write WAV, or the bare samples of one.

    Args:
        output: Where to.
        fmt: Format of the stream.
        settings: Container ``wav`` or ``raw``, depth and dither.
        labels: Whose tags are written into a WAV's header.
    """

    def __init__(
        self,
        output: Output,
        fmt: StreamFormat,
        settings: WriteSettings,
        labels: Labels,
    ) -> None:
        self._output, self._fmt, self._tags = output, fmt, labels.tags
        self._is_wav = settings.container == "wav"
        self._is_float = settings.bit_depth == "float"
        self._bit_depth = 32 if settings.bit_depth == "float" else settings.bit_depth
        self._quantiser = Quantiser(
            self._bit_depth, dither=settings.dither, seed=settings.dither_seed
        )
        self._n_samples = 0
        if self._is_wav:
            output.write(self._header(0 if isinstance(output, SeekableOutput) else None))

    def encode(self, run: Block) -> None:
        self._n_samples += len(run)
        self._output.write(self._to_bytes(run))
        self.n_clipped = self._quantiser.n_clipped

    def finish(self) -> None:
        if not self._is_wav or not isinstance(self._output, SeekableOutput):
            return
        if self._n_samples * self._fmt.channels * self._bit_depth // 8 % 2:
            self._output.write(b"\0")
        end = self._output.tell()
        self._output.seek(0)
        self._output.write(self._header(self._n_samples))
        self._output.seek(end)

    def _header(self, n_samples: int | None) -> bytes:
        return wav_header(
            self._fmt,
            bit_depth=self._bit_depth,
            is_float=self._is_float,
            n_samples=n_samples,
            tags=self._tags,
        )

    def _to_bytes(self, run: Block) -> bytes:
        if self._is_float:
            return run.astype("<f4", copy=False).tobytes()
        values = self._quantiser.quantise(run)
        if self._bit_depth == 24:
            four = np.ascontiguousarray(values, "<i4").view(np.uint8).reshape(-1, 4)
            return four[:, :3].tobytes()
        return values.astype(f"<i{self._bit_depth // 8}", copy=False).tobytes()
