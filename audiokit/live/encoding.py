"""From a source's samples to packets: a recipe's stages, Opus, level and speech flag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audiokit.codec.opus_pcm import OpusPcmEncoder
from audiokit.codec.opus_settings import OpusSettings
from audiokit.errors import SettingError
from audiokit.live.messages import MAX_PACKET_S, WireFormat
from audiokit.live.packets import SILENCE_DBOV, AudioPacket, encode_packet
from audiokit.live.pcm import PcmFormat, level_dbov, to_block, to_pcm

if TYPE_CHECKING:
    from audiokit.live.echo import PlayedEcho
    from audiokit.recipe import Recipe
    from audiokit.stage import Chain

__all__ = ["PacketMaker", "live_chain"]

# RFC 6716, 3.1: what is not sent in a pause (DTX) is a TOC byte and at most one more.
_PAUSE_BYTES = 2
# A noise that the encoder takes for a voice is none below this.
_QUIETEST_SPEECH_DBOV = -70


def live_chain(recipe: Recipe, fmt: PcmFormat) -> Chain | None:
    """Return a recipe's stages for a source, None where it has none.

    Args:
        recipe: What it writes does not matter here.
        fmt: The source's.

    Raises:
        SettingError: A stage does not run live, or a setting is out of its range.
        MissingExtraError: A stage needs a package that is not installed.
    """
    from audiokit.registry import STAGES
    from audiokit.stage import Chain, Processor, StreamFormat

    current = StreamFormat(fmt.sample_rate, fmt.channels)
    first = current
    stages = []
    for spec in recipe.stages:
        stage = spec.build(current) if STAGES[spec.use].runs_live else None
        if not isinstance(stage, Processor):
            raise SettingError(
                f"recipe {recipe.name}", spec.use, "stages that run live", "Try voice-live."
            )
        stages.append(stage)
        current = stage.out_fmt
    return Chain(first, stages) if stages else None


class PacketMaker:
    """A machine: samples in, packets out, the same however the samples are cut.

    Args:
        fmt: The source's.
        settings: How to encode.
        frames_per_packet: 1 to 40, together no more than 100 ms.
        chain: What the samples go through first; None for nothing.
        echo: What takes the client's own speaker out before that; None for nothing.

    Attributes:
        format: What its packets hold.
        next: The sequence number of the next packet.
        level_dbov: The last packet's level.
        is_speech: Whether a voice was heard in the last packet.

    Raises:
        SettingError: Opus has no such rate or channels, or a packet would be too long.
        MissingDeviceError: libopus is not there.
    """

    def __init__(
        self,
        fmt: PcmFormat,
        settings: OpusSettings | None = None,
        *,
        frames_per_packet: int = 3,
        chain: Chain | None = None,
        echo: PlayedEcho | None = None,
    ) -> None:
        self._fmt, self._chain, self._echo = fmt, chain, echo
        out = (
            fmt if chain is None else PcmFormat(chain.out_fmt.sample_rate, chain.out_fmt.channels)
        )
        self._encoder = OpusPcmEncoder(out.sample_rate, out.channels, settings)
        settings = self._encoder.settings
        longest = int(1000.0 * MAX_PACKET_S / settings.frame_ms + 1e-9)
        if not 1 <= frames_per_packet <= longest:
            rule = f"1 to {longest} frames of {settings.frame_ms:g} ms"
            raise SettingError("frames_per_packet", frames_per_packet, rule)
        self.format = WireFormat(
            out.sample_rate,
            out.channels,
            settings.frame_ms,
            frames_per_packet,
            self._encoder.lookahead_samples,
        )
        self._out = out
        self._frame_bytes = self._encoder.frame_samples * out.sample_bytes
        self._held = b""
        self._frames: list[bytes] = []
        self._heard: list[bytes] = []
        self._n_packed_frames = 0
        self.next = 0
        self.level_dbov, self.is_speech = SILENCE_DBOV, False

    def push(self, pcm: bytes) -> list[bytes]:
        """Take the next samples; return the packets that are full, as they go over the wire."""
        return self._take(self._processed(pcm))

    def heard(self, pcm: bytes) -> None:
        """Take what the speaker was given, for the echo canceller."""
        if self._echo is not None:
            self._echo.heard(pcm)

    def replace_chain(self, chain: Chain | None) -> list[bytes]:
        """Let what follows go through other stages; return the packets that this fills.

        Raises:
            SettingError: They give another format: a session has one.
        """
        out = (
            self._fmt
            if chain is None
            else PcmFormat(chain.out_fmt.sample_rate, chain.out_fmt.channels)
        )
        if out != self._out:
            raise SettingError(
                "recipe", out, f"one that gives {self._out}", "Start anew for that."
            )
        packets = [] if self._chain is None else self._take(to_pcm(self._chain.flush()))
        self._chain = chain
        return packets

    def finish(self) -> list[bytes]:
        """End the stream; return the packets that are left, the last of them marked so."""
        packets = self._take(self._tail())
        rest, self._held = self._held, b""
        self._heard.append(rest)
        self._frames += self._encoder.push(rest) + self._encoder.flush()
        encoder, n_frames = self._encoder, self._n_packed_frames + len(self._frames)
        # Decoded, everything comes the look-ahead late; what follows the last sample is padding.
        n_decoded = max(0, n_frames * encoder.frame_samples - encoder.lookahead_samples)
        packets.append(self._packet(is_end=True, padding_samples=n_decoded - encoder.n_samples))
        return packets

    def _processed(self, pcm: bytes) -> bytes:
        if self._chain is None and self._echo is None:
            return pcm
        block = to_block(pcm, self._fmt.channels)
        if self._echo is not None:
            block = self._echo.process(block)
        return to_pcm(block if self._chain is None else self._chain.process(block))

    def _tail(self) -> bytes:
        """Return what the stages held back."""
        if self._echo is None:
            return b"" if self._chain is None else to_pcm(self._chain.flush())
        rest = self._echo.flush()
        if self._chain is None:
            return to_pcm(rest)
        return to_pcm(self._chain.process(rest)) + to_pcm(self._chain.flush())

    def _take(self, pcm: bytes) -> list[bytes]:
        packets = []
        held, size = self._held + pcm, self._frame_bytes
        n_whole = len(held) - len(held) % size
        self._held = held[n_whole:]
        for start in range(0, n_whole, size):
            frame = held[start : start + size]
            self._heard.append(frame)
            self._frames += self._encoder.push(frame)
            if len(self._frames) == self.format.frames_per_packet:
                packets.append(self._packet())
        return packets

    def _packet(self, *, is_end: bool = False, padding_samples: int = 0) -> bytes:
        self.level_dbov = level_dbov(b"".join(self._heard))
        self.is_speech = self.level_dbov >= _QUIETEST_SPEECH_DBOV and any(
            len(frame) > _PAUSE_BYTES for frame in self._frames
        )
        packet = AudioPacket(
            self.next,
            tuple(self._frames),
            self.level_dbov,
            is_speech=self.is_speech,
            is_end=is_end,
            padding_samples=padding_samples,
        )
        self._n_packed_frames += len(self._frames)
        self._frames, self._heard = [], []
        self.next += 1
        return encode_packet(packet)
