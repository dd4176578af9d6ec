"""Telling a damaged recording from something that is no recording, by the first bytes."""

from __future__ import annotations

import struct

__all__ = ["container_of_bytes", "is_mpeg_audio", "must_go_back", "wav_claim_of", "wav_format_of"]

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"RIFF", "WAV"),
    (0, b"RIFX", "WAV"),
    (0, b"RF64", "WAV"),
    (0, b"FORM", "AIFF"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"MP+", "Musepack"),
    (0, b"MPCK", "Musepack"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "TTA"),
    (0, b"ADIF", "AAC"),
    (0, b"#!AMR", "AMR"),
    (0, b"NIST_1A", "SPHERE"),
    (0, b"Creative Voice File", "VOC"),
    (0, b"\x1aE\xdf\xa3", "Matroska"),
    (0, b"\x30\x26\xb2\x75", "ASF"),
    (4, b"ftyp", "MP4"),
)


_OPEN_SIZE = 0x7FFFF000


def container_of_bytes(head: bytes) -> str | None:
    """Return the container that the first bytes announce, or None."""
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    return "MP3" if is_mpeg_audio(head) else None


def is_mpeg_audio(head: bytes) -> bool:
    """Return whether this begins as MP3 (or MP1, MP2) does.

    ISO/IEC 11172-3, 2.4.1.3: eleven bits set, then version and layer, whose layer
    ``00`` is reserved and is how AAC in ADTS differs.
    """
    if head[:3] == b"ID3":
        return True
    return len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0


def must_go_back(head: bytes) -> bool:
    """Return whether a container can be decoded well only by who can go back in it.

    Its length, its delay, or even where its samples are, may stand at its end.
    """
    return container_of_bytes(head) not in (None, "WAV", "AU")


def wav_claim_of(head: bytes) -> int | None:
    """Return how many samples a WAV's header says there are; None where it does not know.

    Who writes to a pipe leaves the size open: all bits set, or nearly so.
    """
    place, fmt = head.find(b"data", 12), head.find(b"fmt ", 12)
    if head[:4] != b"RIFF" or not 0 < fmt < place or len(head) < place + 8:
        return None
    (data_bytes,) = struct.unpack_from("<I", head, place + 4)
    (frame_bytes,) = struct.unpack_from("<H", head, fmt + 20)
    if not frame_bytes or not 0 < data_bytes < _OPEN_SIZE:
        return None
    return int(data_bytes // frame_bytes)


def wav_format_of(head: bytes) -> tuple[int, int] | None:
    """Return the sample rate in Hz and the channels that a WAV's header states."""
    if head[:4] not in {b"RIFF", b"RF64"} or head[8:12] != b"WAVE":
        return None
    place = head.find(b"fmt ", 12)
    if place < 0 or len(head) < place + 16:
        return None
    channels, sample_rate = struct.unpack_from("<HI", head, place + 10)
    return sample_rate, channels
