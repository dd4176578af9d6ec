"""From packets in order to samples: what was recorded, no more and no less."""

from __future__ import annotations

import wave
from pathlib import Path

from audiokit.codec.opus import OpusDecoder
from audiokit.errors import MalformedPacketError
from audiokit.live.messages import WireFormat
from audiokit.live.packets import AudioPacket
from audiokit.live.pcm import to_pcm
from audiokit.live.recording import Recording
from audiokit.stage import StreamFormat

__all__ = ["SessionDecoder", "write_wav"]

# Of a gap, so much is concealed; the rest is silence, as any concealment fades to.
_CONCEALED_PACKETS = 50


class SessionDecoder:
    """A machine: packets in, 16-bit samples out.

    Args:
        fmt: What the packets hold.

    Attributes:
        n_concealed_samples: Samples made up where packets were missing or broken.

    Raises:
        MissingDeviceError: libopus is not there.
    """

    def __init__(self, fmt: WireFormat) -> None:
        self._fmt = fmt
        self._decoder = OpusDecoder(StreamFormat(fmt.sample_rate, fmt.channels))
        self._n_to_skip = fmt.preskip_samples
        self.n_concealed_samples = 0

    def push(self, packet: AudioPacket) -> bytes:
        """Return the samples of the next packet."""
        pcm = b"".join(map(self._frame, packet.frames))
        n_bytes = len(pcm) - packet.padding_samples * 2 * self._fmt.channels
        return self._skipped(pcm[: max(0, n_bytes)])

    def miss(self, n_packets: int) -> bytes:
        """Return as many samples as so many packets have, in place of theirs."""
        n_made = min(n_packets, _CONCEALED_PACKETS)
        pcm = b"".join(self._concealed(self._fmt.packet_samples) for _ in range(n_made))
        n_silent = (n_packets - n_made) * self._fmt.packet_samples
        self.n_concealed_samples += n_silent
        return self._skipped(pcm + bytes(2 * self._fmt.channels * n_silent))

    def _frame(self, frame: bytes) -> bytes:
        if not frame:
            return self._concealed(self._fmt.frame_samples)
        try:
            pcm = to_pcm(self._decoder.decode(frame))
        except MalformedPacketError:
            return self._concealed(self._fmt.frame_samples)
        # What claims another length than the session's would shift all that follows.
        n_bytes = 2 * self._fmt.channels * self._fmt.frame_samples
        return pcm[:n_bytes].ljust(n_bytes, b"\0")

    def _concealed(self, n_samples: int) -> bytes:
        self.n_concealed_samples += n_samples
        return to_pcm(self._decoder.conceal(n_samples))

    def _skipped(self, pcm: bytes) -> bytes:
        n_bytes = min(len(pcm), 2 * self._fmt.channels * self._n_to_skip)
        self._n_to_skip -= n_bytes // (2 * self._fmt.channels)
        return pcm[n_bytes:]


def write_wav(recording: Recording, path: Path) -> None:
    """Write all that has arrived of a session, its gaps concealed.

    Args:
        recording: A session.
        path: The file; 16 bits.

    Raises:
        ItemError: The recording cannot be read.
        OSError: The file cannot be written.
    """
    fmt = recording.hello.format
    decoder = SessionDecoder(fmt)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(fmt.channels)
        file.setsampwidth(2)
        file.setframerate(fmt.sample_rate)
        for item in recording.packets():
            file.writeframesraw(
                decoder.miss(item) if isinstance(item, int) else decoder.push(item)
            )
