"""FLAC, Ogg Vorbis and Opus by libsndfile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import ResourceError, SettingError
from audiokit.files.cover import Cover
from audiokit.files.encoder import Encoder
from audiokit.files.flac_cover import FlacCoverOutput
from audiokit.files.ogg_serial import FixedSerialOutput
from audiokit.files.output import Output, SeekableOutput
from audiokit.files.quantise import Quantiser
from audiokit.files.tags import Labels
from audiokit.stage import Block, StreamFormat

if TYPE_CHECKING:
    from audiokit.files.write import WriteSettings

__all__ = ["SoundfileEncoder"]

# What libvorbis' qualities 0 to 1 come to, for stereo at 44.1 kHz, in bit/s.
_VORBIS_BPS = [64e3, 80e3, 96e3, 112e3, 128e3, 160e3, 192e3, 224e3, 256e3, 320e3, 500e3]
_VORBIS_DEFAULT_QUALITY = 0.5
# libsndfile maps its compression level, 1 to 0, to this range, per channel.
_OPUS_LOWEST_BPS, _OPUS_HIGHEST_BPS = 6e3, 256e3
_OPUS_DEFAULT_BPS = 32e3


class SoundfileEncoder(Encoder):
    """Write FLAC, Ogg Vorbis or Opus; decoding gives back as many samples as went in.

    Args:
        output: Where to; FLAC needs one that can seek.
        fmt: Format of the stream.
        settings: Container, depth, dither, bit rate.
        labels: Tags, written as Vorbis comments; the cover, as a picture block.
    """

    def __init__(
        self,
        output: Output,
        fmt: StreamFormat,
        settings: WriteSettings,
        labels: Labels,
    ) -> None:
        self._output = output
        self._quantiser: Quantiser | None = None
        if settings.container == "flac":
            self._quantiser = Quantiser(
                int(settings.bit_depth), dither=settings.dither, seed=settings.dither_seed
            )
        self._file = self._open(fmt, settings, labels.cover)
        for name, text in labels.tags.items():
            setattr(self._file, "tracknumber" if name == "track" else name, text)

    def _open(self, fmt: StreamFormat, settings: WriteSettings, cover: Cover | None) -> Any:
        import soundfile

        kinds = {"ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}
        container, codec = kinds.get(settings.container, ("FLAC", f"PCM_{settings.bit_depth}"))
        is_ogg = container == "OGG"
        output: Any = self._output
        if is_ogg:
            n_comment_packets = 2 if codec == "VORBIS" else 1
            output = FixedSerialOutput(output, n_comment_packets=n_comment_packets, cover=cover)
        elif cover is not None and isinstance(output, SeekableOutput):
            output = FlacCoverOutput(output, cover)
        try:
            return soundfile.SoundFile(
                output,
                "w",
                samplerate=fmt.sample_rate,
                channels=fmt.channels,
                format=container,
                subtype=codec,
                # FLAC stays at its default, level 5: level 3 saves 5 % of the time and takes
                # up to 3 % more space, level 2 saves 14 % and takes up to 17 % more.
                compression_level=_compression_level(fmt, settings) if is_ogg else None,
            )
        except soundfile.SoundFileError as error:
            self._output.check()
            expected = f"a stream that {settings.container} holds"
            raise SettingError("format", fmt, expected, "Write wav.") from error

    def encode(self, run: Block) -> None:
        import soundfile

        try:
            self._file.write(self._samples(run))
        except (soundfile.SoundFileError, AssertionError) as error:
            # soundfile asserts that libsndfile wrote all, which it does not on a full disk.
            self._output.check()
            raise ResourceError(self._output.path, "could not be encoded", "Run again") from error

    def _samples(self, run: Block) -> NDArray[Any]:
        """Return what libsndfile takes: floats within full scale, or integers."""
        if self._quantiser is None:
            return self.within_full_scale(run)
        samples = self._quantiser.quantise(run)
        self.n_clipped = self._quantiser.n_clipped
        # Of 32-bit integers libsndfile takes the upper 24 bits.
        return samples << 8 if samples.dtype == np.int32 else samples

    def finish(self) -> None:
        import soundfile

        try:
            self._file.close()
        except soundfile.SoundFileError as error:
            self._output.check()
            raise ResourceError(self._output.path, "could not be ended", "Run again") from error

    def abandon(self) -> None:
        import soundfile

        try:
            self._file.close()
        except soundfile.SoundFileError:
            # It is thrown away; that it could not be completed is why, or does not matter.
            return


def _compression_level(fmt: StreamFormat, settings: WriteSettings) -> float:
    """Return what libsndfile calls so, 0 (best) to 1, for the bit rate asked for."""
    bitrate_bps = settings.bitrate_bps
    if settings.container == "opus":
        channel_bps = _OPUS_DEFAULT_BPS if bitrate_bps is None else bitrate_bps / fmt.channels
        span_bps = _OPUS_HIGHEST_BPS - _OPUS_LOWEST_BPS
        return float(np.clip((_OPUS_HIGHEST_BPS - channel_bps) / span_bps, 0.0, 1.0))
    if bitrate_bps is None:
        return 1.0 - _VORBIS_DEFAULT_QUALITY
    like_stereo_bps = bitrate_bps * (44100 / fmt.sample_rate) * (2 / fmt.channels)
    return 1.0 - float(np.interp(like_stereo_bps, _VORBIS_BPS, np.linspace(0.0, 1.0, 11)))
