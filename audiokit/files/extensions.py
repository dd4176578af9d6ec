"""Which names look like audio, so that a folder can be searched without opening it all."""

from __future__ import annotations

__all__ = ["AUDIO_EXTENSIONS", "looks_like_audio"]

_EXTENSIONS = (
    # Uncompressed, and headerless.
    "wav wave bwf rf64 w64 aif aiff aifc afc au snd caf voc sph nist sd2 paf svx iff avr ircam "
    "raw pcm sln sln16 gsm vox al ul alaw ulaw mulaw "
    # Compressed without loss.
    "flac fla alac ape wv tta tak shn dsf dff mka "
    # Compressed with loss.
    "mp1 mp2 mp3 mpga m4a m4b m4r aac adts ac3 eac3 ec3 dts ogg oga opus spx wma asf amr awb "
    "3ga mpc mp+ mpp ra rm qcp g722 g729 "
    # Video, whose sound is taken.
    "mp4 m4v mov webm mkv weba avi flv f4a f4v mpg mpeg ts mts m2ts vob wmv 3gp 3g2 ogv"
)
AUDIO_EXTENSIONS = frozenset(_EXTENSIONS.split())
"""Lower-case, without the dot."""


def looks_like_audio(name: str) -> bool:
    """Return whether a file's name ends like audio or video; case does not matter."""
    return name.rpartition(".")[2].lower() in AUDIO_EXTENSIONS and "." in name
