"""MP3 and M4A (AAC) by FFmpeg (PyAV)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.errors import ResourceError, SettingError
from audiokit.files.encoder import RUN_SAMPLES, Encoder
from audiokit.files.output import Output
from audiokit.stage import Block, StreamFormat

if TYPE_CHECKING:
    from audiokit.files.write import WriteSettings

__all__ = ["AvEncoder"]

_KINDS = {"mp3": ("mp3", "libmp3lame"), "m4a": ("ipod", "aac")}
_DEFAULT_CHANNEL_BPS = 64_000


class AvEncoder(Encoder):
    """Write MP3 or M4A.

    The encoder's delay is in the header (MP3's LAME tag, M4A's edit list), so decoders
    give the samples back in place. MP3 keeps the exact length; M4A ends with the last
    frame's padding, at most 1023 samples of silence.

    Args:
        output: Where to; M4A needs one that can seek.
        fmt: Format of the stream, mono or stereo.
        settings: Container and bit rate.
        tags: Written as ID3v2 or iTunes atoms.
    """

    def __init__(
        self,
        output: Output,
        fmt: StreamFormat,
        settings: WriteSettings,
        tags: Mapping[str, str],
    ) -> None:
        self._output, self._fmt = output, fmt
        self._layout = "stereo" if fmt.channels == 2 else "mono"
        self._n_samples = 0
        self._open(settings)
        self._container.metadata.update(tags)

    def _open(self, settings: WriteSettings) -> None:
        import av

        kind, codec = _KINDS[settings.container]
        # Bit-exact: no versions, no dates.
        options = {"fflags": "+bitexact"}
        self._container: Any = av.open(self._output, "w", format=kind, options=options)
        self._stream: Any = self._container.add_stream(codec, rate=self._fmt.sample_rate)
        context: Any = self._stream.codec_context
        context.layout, context.format = self._layout, "fltp"
        context.bit_rate = settings.bitrate_bps or _DEFAULT_CHANNEL_BPS * self._fmt.channels
        context.thread_count = 1
        try:
            context.open()
        except av.FFmpegError as error:
            expected = f"what the {codec} encoder takes at {self._fmt.sample_rate} Hz"
            raise SettingError("bitrate_bps", settings.bitrate_bps, expected) from error
        self._frame_samples: int = context.frame_size
        if RUN_SAMPLES % self._frame_samples:
            problem = f"frames of {codec} are {self._frame_samples} samples, expected a known size"
            raise ResourceError(self._output.path, problem, "Write another container")

    def encode(self, run: Block) -> None:
        import av

        planes = np.clip(run.T, -1.0, 1.0)
        for start in range(0, len(run), self._frame_samples):
            plane = np.ascontiguousarray(planes[:, start : start + self._frame_samples])
            frame = av.AudioFrame.from_ndarray(plane, "fltp", self._layout)
            frame.sample_rate = self._fmt.sample_rate
            frame.time_base = Fraction(1, self._fmt.sample_rate)
            frame.pts = self._n_samples
            self._n_samples += plane.shape[1]
            self._mux(frame)

    def finish(self) -> None:
        import av

        self._mux(None)
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            self._output.check()
            raise ResourceError(self._output.path, "could not be ended", "Run again") from error

    def abandon(self) -> None:
        import av

        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            # It is thrown away; that it could not be completed is why, or does not matter.
            return

    def _mux(self, frame: Any) -> None:
        import av

        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            self._output.check()
            raise ResourceError(self._output.path, "could not be encoded", "Run again") from error
