"""Writing: every container behind one writer, whole files or none, the same bytes always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, final, get_args

import numpy as np

from audiokit.errors import SettingError
from audiokit.files.atomic import output_to
from audiokit.files.av_encoder import AvEncoder
from audiokit.files.cover import LARGEST_BLOCK_BYTES, Cover, picture_block
from audiokit.files.encoder import RUN_SAMPLES, Encoder
from audiokit.files.output import Output
from audiokit.files.soundfile_encoder import SoundfileEncoder
from audiokit.files.tags import Labels, clean_tags
from audiokit.files.wav_encoder import WavEncoder
from audiokit.stage import Block, StreamFormat

__all__ = [
    "AudioWriter",
    "BitDepth",
    "WriteSettings",
    "bitrate_within",
    "container_of",
    "is_lossy",
    "open_writer",
]

Container = Literal["wav", "flac", "ogg", "opus", "mp3", "m4a", "raw"]
BitDepth = Literal[16, 24, 32, "float"]

_ENCODERS: dict[str, Callable[..., Encoder]] = {
    "wav": WavEncoder,
    "raw": WavEncoder,
    "flac": SoundfileEncoder,
    "ogg": SoundfileEncoder,
    "opus": SoundfileEncoder,
    "mp3": AvEncoder,
    "m4a": AvEncoder,
}
_SUFFIXES: dict[str, Container] = {
    "wav": "wav",
    "wave": "wav",
    "flac": "flac",
    "ogg": "ogg",
    "oga": "ogg",
    "opus": "opus",
    "mp3": "mp3",
    "m4a": "m4a",
    "mp4": "m4a",
    "raw": "raw",
    "pcm": "raw",
}
_MPEG_2_5_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_RATES = {
    "opus": (8000, 12000, 16000, 24000, 48000),
    "mp3": _MPEG_2_5_RATES,
    "m4a": (7350, *_MPEG_2_5_RATES, 64000, 88200, 96000),
}
# Vorbis at 200 kHz and more, and FLAC past what its header can state, are refused.
_HIGHEST_RATES = {"ogg": 192_000, "flac": 655_350}
_MOST_CHANNELS = {"flac": 8, "ogg": 8, "opus": 2, "mp3": 2, "m4a": 2}
_LOWEST_BPS, _HIGHEST_BPS = 6_000, 512_000
_LOSSY = frozenset({"ogg", "opus", "mp3", "m4a"})
_NEEDS_SEEK = frozenset({"flac", "m4a"})


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """How to write a file.

    Args:
        container: ``wav``, ``flac``, ``ogg`` (Vorbis), ``opus``, ``mp3``, ``m4a`` (AAC) or
            ``raw`` (little-endian PCM without a header).
        bit_depth: 16, 24, 32 or ``float`` for wav and raw; 16 or 24 for flac; the
            others have none and ignore it.
        dither: Whether to add triangular dither where 16 or 24 bits cannot hold a
            sample. Digital silence stays silent.
        dither_seed: The dither's; 0 or more.
        bitrate_bps: Of ogg, opus, mp3 and m4a, in bit/s, all channels together; None for
            the container's own default. Ogg takes the quality nearest to it.

    Raises:
        SettingError: One of them is not so.
    """

    container: Container = "wav"
    bit_depth: BitDepth = 16
    dither: bool = True
    dither_seed: int = 0
    bitrate_bps: int | None = None

    def __post_init__(self) -> None:
        for name, choices in (("container", Container), ("bit_depth", BitDepth)):
            if getattr(self, name) not in get_args(choices):
                expected = ", ".join(str(choice) for choice in get_args(choices))
                raise SettingError(name, getattr(self, name), f"one of {expected}")
        if self.dither_seed < 0:
            raise SettingError("dither_seed", self.dither_seed, "0 or more")
        if self.bitrate_bps is not None and not _LOWEST_BPS <= self.bitrate_bps <= _HIGHEST_BPS:
            raise SettingError("bitrate_bps", self.bitrate_bps, "6000 to 512000 bit/s")


def container_of(target: Path) -> Container:
    """Return the container that a file's name asks for.

    Raises:
        SettingError: Its ending is none that can be written.
    """
    suffix = target.suffix.lower().removeprefix(".")
    if suffix not in _SUFFIXES:
        expected = f"a name ending in {', '.join('.' + known for known in _SUFFIXES)}"
        raise SettingError("out", str(target), expected)
    return _SUFFIXES[suffix]


@final
class AudioWriter:
    """A recording being written; a context manager.

    A file appears under its name when the context ends well, and not at all when it ends
    in an error.

    Args:
        target: A path, or a binary file object, which stays the caller's to close.
        fmt: Format of the blocks.
        settings: How to write.
        labels: Tags, of which names that are not in `audiokit.files.tags.TAG_NAMES` are
            left out, and the cover.

    Attributes:
        n_samples: How many were written so far.
        warnings: What could not be kept; complete once the writer is closed.
    """

    def __init__(
        self,
        target: Path | BinaryIO,
        fmt: StreamFormat,
        settings: WriteSettings,
        labels: Labels,
    ) -> None:
        self.fmt, self.settings = fmt, settings
        self.n_samples = 0
        obstacle = _cover_obstacle(labels.cover, settings.container)
        self.warnings = [] if obstacle is None else [f"the cover is left out: {obstacle}"]
        cover = labels.cover if obstacle is None else None
        self._target, self._labels = target, Labels(clean_tags(labels.tags), cover)
        self._held: list[Block] = []
        self._n_held = 0
        self._stack = ExitStack()
        self._output: Output
        self._encoder: Encoder

    @property
    def n_clipped(self) -> int:
        """Samples beyond full scale, counted over channels; float files keep them."""
        return self._encoder.n_clipped

    def __enter__(self) -> AudioWriter:
        with ExitStack() as stack:
            self._output = stack.enter_context(output_to(self._target))
            encoder = _ENCODERS[self.settings.container]
            self._encoder = encoder(self._output, self.fmt, self.settings, self._labels)
            self._stack = stack.pop_all()
        return self

    def write(self, block: Block) -> None:
        """Take the next block.

        Args:
            block: ``(samples, channels)`` of `fmt`.

        Raises:
            ResourceError: The disk is full, or the place may not be written.
        """
        self.n_samples += len(block)
        start = 0
        while self._n_held + len(block) - start >= RUN_SAMPLES:
            stop = start + RUN_SAMPLES - self._n_held
            self._encode([*self._held, block[start:stop]])
            self._held, self._n_held, start = [], 0, stop
        if start < len(block):
            # A copy: the caller may reuse its block.
            self._held.append(block[start:].copy())
            self._n_held += len(block) - start

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        with self._stack, ExitStack() as unfinished:
            unfinished.callback(self._encoder.abandon)
            if error is not None:
                raise error
            if self._held:
                self._encode(self._held)
            self._encoder.finish()
            self._output.finish()
            unfinished.pop_all()
        if self.n_clipped:
            self.warnings.append("samples beyond full scale were clipped")

    def _encode(self, parts: list[Block]) -> None:
        self._encoder.encode(parts[0] if len(parts) == 1 else np.concatenate(parts))
        self._output.check()


def bitrate_within(bitrate_bps: int) -> int:
    """Return the nearest bit rate that `WriteSettings` takes."""
    return min(max(bitrate_bps, _LOWEST_BPS), _HIGHEST_BPS)


def is_lossy(container: str) -> bool:
    """Return whether what is read back from a container is not what was written."""
    return container in _LOSSY


def open_writer(
    target: Path | BinaryIO,
    fmt: StreamFormat,
    settings: WriteSettings | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    cover: Cover | None = None,
) -> AudioWriter:
    """Return a writer, to be used as a context manager.

    Args:
        target: A path, or a binary file object. To a pipe go ``wav`` (with unknown
            sizes in its header), ``raw``, ``ogg``, ``opus`` and ``mp3``.
        fmt: Format of the blocks.
        settings: How to write.
        tags: Title, artist and the like.
        cover: The front cover; where the container holds none, a warning says so.

    Raises:
        SettingError: The container cannot hold such a stream, or not in a pipe.
    """
    settings = settings or WriteSettings()
    _check(fmt, settings)
    if (
        settings.container in _NEEDS_SEEK
        and not isinstance(target, Path)
        and not target.seekable()
    ):
        expected = "wav, raw, ogg, opus or mp3 for a pipe"
        raise SettingError("container", settings.container, expected)
    return AudioWriter(target, fmt, settings, Labels(tags or {}, cover))


def _cover_obstacle(cover: Cover | None, container: str) -> str | None:
    """Return why a container cannot hold a cover; None where it can, or there is none."""
    if cover is None:
        return None
    if container in {"wav", "raw"}:
        return f"{container} holds none"
    if container == "m4a" and cover.mime_type not in {"image/jpeg", "image/png"}:
        return f"it is {cover.mime_type}, and m4a holds JPEG and PNG"
    if len(picture_block(cover)) > LARGEST_BLOCK_BYTES:
        return f"it has {len(cover.data)} bytes"
    return None


def _check(fmt: StreamFormat, settings: WriteSettings) -> None:
    container = settings.container
    most_channels = _MOST_CHANNELS.get(container)
    if most_channels is not None and fmt.channels > most_channels:
        expected = f"1 to {most_channels} for {container}"
        raise SettingError("channels", fmt.channels, expected, "Mix down, or write wav.")
    rates = _RATES.get(container)
    if rates is not None and fmt.sample_rate not in rates:
        expected = f"{', '.join(map(str, rates))} Hz for {container}"
        nearest = min(
            rates, key=lambda rate: (rate < fmt.sample_rate, abs(rate - fmt.sample_rate))
        )
        hint = f"Resample to {nearest} Hz first, as convert --sample-rate {nearest} does."
        raise SettingError("sample_rate", fmt.sample_rate, expected, hint)
    highest = _HIGHEST_RATES.get(container)
    if highest is not None and fmt.sample_rate > highest:
        expected = f"1 to {highest} Hz for {container}"
        raise SettingError("sample_rate", fmt.sample_rate, expected, "Resample it, or write wav.")
    if container == "flac" and settings.bit_depth not in (16, 24):
        raise SettingError("bit_depth", settings.bit_depth, "16 or 24 for flac", "Or write wav.")
