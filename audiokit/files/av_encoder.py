"""MP3 and M4A (AAC) by FFmpeg (PyAV)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.errors import ResourceError, SettingError
from audiokit.files.cover import Cover
from audiokit.files.encoder import RUN_SAMPLES, Encoder
from audiokit.files.id3 import id3_tag
from audiokit.files.output import Output
from audiokit.files.tags import Labels
from audiokit.stage import Block, StreamFormat

if TYPE_CHECKING:
    from audiokit.files.write import WriteSettings

__all__ = ["AvEncoder"]

_KINDS = {"mp3": ("mp3", "libmp3lame"), "m4a": ("mp4", "aac")}
_DEFAULT_CHANNEL_BPS = 64_000
# What M4A holds, under FFmpeg's names.
_PICTURE_CODECS = {"image/jpeg": "mjpeg", "image/png": "png"}
# With fewer, LAME gives one frame: FFmpeg then loses the padding's length, and readers
# that look for two frames in a row find no MP3.
_SHORTEST_MP3_SAMPLES = 47


class AvEncoder(Encoder):
    """Write MP3 or M4A.

    The encoder's delay and the exact length are in the header (MP3's LAME tag, M4A's
    edit list), so decoders give the samples back in place. An MP3 of less than 47 samples
    is filled up with silence.

    Args:
        output: Where to; M4A needs one that can seek.
        fmt: Format of the stream, mono or stereo.
        settings: Container and bit rate.
        labels: Tags and cover, written as ID3v2 or iTunes atoms.
    """

    def __init__(
        self,
        output: Output,
        fmt: StreamFormat,
        settings: WriteSettings,
        labels: Labels,
    ) -> None:
        self._output, self._fmt = output, fmt
        self._layout = "stereo" if fmt.channels == 2 else "mono"
        self._n_samples = 0
        self._shortest = _SHORTEST_MP3_SAMPLES if settings.container == "mp3" else 0
        if settings.container == "mp3":
            output.write(id3_tag(labels))
            output.begin_here()
        self._open(settings)
        if settings.container == "m4a":
            self._container.metadata.update(labels.tags)
            if labels.cover is not None:
                self._add_cover(labels.cover)

    def _open(self, settings: WriteSettings) -> None:
        import av

        kind, codec = _KINDS[settings.container]
        # Bit-exact: no versions, no dates.
        options = {"fflags": "+bitexact"}
        if kind == "mp3":
            options["id3v2_version"] = "0"
        else:
            # The edit list is told in this unit; FFmpeg's own, 1 ms, would round the length.
            options |= {"brand": "M4A ", "movie_timescale": str(self._fmt.sample_rate)}
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

    def _add_cover(self, cover: Cover) -> None:
        import av

        # Sizes are not written, but FFmpeg wants some.
        picture: Any = self._container.add_mux_stream(
            _PICTURE_CODECS[cover.mime_type], width=1, height=1
        )
        picture.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet(cover.data)
        packet.stream, packet.pts, packet.dts = picture, 0, 0
        packet.is_keyframe = True
        self._put(packet)

    def encode(self, run: Block) -> None:
        import av

        planes = self.within_full_scale(run).T
        if self._n_samples == 0 and len(run) < self._shortest:
            planes = np.pad(planes, ((0, 0), (0, self._shortest - len(run))))
        for start in range(0, planes.shape[1], self._frame_samples):
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
            packets = self._stream.encode(frame)
        except (av.FFmpegError, OSError) as error:
            raise ResourceError(self._output.path, "could not be encoded", "Run again") from error
        for packet in packets:
            self._put(packet)

    def _put(self, packet: Any) -> None:
        import av

        try:
            self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            self._output.check()
            raise ResourceError(self._output.path, "could not be encoded", "Run again") from error
