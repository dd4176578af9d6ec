"""How Opus encodes: settings, and an encoder's state that follows them. Needs no NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audiokit.codec.opus_binding import OpusBinding, OpusState
from audiokit.errors import SettingError
from audiokit.ranges import check_range

__all__ = ["OpusSettings", "new_encoder"]

_FRAMES_MS = (2.5, 5.0, 10.0, 20.0, 40.0, 60.0)
# libopus: OPUS_SIGNAL, OPUS_BANDWIDTH and OPUS_APPLICATION, by opuslib's names.
_APPLICATIONS = {"voip": "VOIP", "audio": "AUDIO", "lowdelay": "RESTRICTED_LOWDELAY"}
_BANDWIDTHS = {
    "narrow": "NARROWBAND",
    "medium": "MEDIUMBAND",
    "wide": "WIDEBAND",
    "superwide": "SUPERWIDEBAND",
    "full": "FULLBAND",
}


@dataclass(frozen=True, slots=True)
class OpusSettings:
    """How to encode. The defaults are those of the live client on a Raspberry Pi.

    Raises:
        SettingError: A value is outside its range.
    """

    application: Literal["voip", "audio", "lowdelay"] = "voip"
    """Speech to be understood, sound to be faithful, or the least delay (no speech modes)."""
    bitrate_bps: int = 24_000
    """All channels together, in bit/s, 6000 to 510000."""
    rate_control: Literal["vbr", "constrained", "cbr"] = "vbr"
    """Variable, variable within what a link at that rate carries, or all packets alike."""
    complexity: int = 5
    """Effort, 0 to 10."""
    bandwidth: Literal["auto", "narrow", "medium", "wide", "superwide", "full"] = "auto"
    """Up to 4, 6, 8, 12 or 20 kHz; auto: by rate and signal."""
    signal: Literal["auto", "voice", "music"] = "auto"
    """What it is, where that is known."""
    fec: bool = True
    """In-band FEC: a packet carries a coarse copy of the one before, at 10 ms and more."""
    expected_loss_percent: int = 10
    """Share of packets that the network is expected to lose, 0 to 100."""
    dtx: bool = True
    """Pauses take a byte or two."""
    frame_ms: float = 20.0
    """Length of a packet in ms: 2.5, 5, 10, 20, 40 or 60."""

    def __post_init__(self) -> None:
        for name, choices in (
            ("application", tuple(_APPLICATIONS)),
            ("rate_control", ("vbr", "constrained", "cbr")),
            ("bandwidth", ("auto", *_BANDWIDTHS)),
            ("signal", ("auto", "voice", "music")),
            ("frame_ms", _FRAMES_MS),
        ):
            if getattr(self, name) not in choices:
                expected = f"one of {', '.join(map(_said, choices))}"
                raise SettingError(name, getattr(self, name), expected)
        check_range("bitrate_bps", self.bitrate_bps, 6_000, 510_000, unit="bit/s")
        check_range("complexity", self.complexity, 0, 10)
        check_range("expected_loss_percent", self.expected_loss_percent, 0, 100, unit="%")


def new_encoder(
    library: OpusBinding, sample_rate: int, channels: int, settings: OpusSettings
) -> OpusState:
    """Return a new encoder's state that follows the settings.

    Raises:
        SettingError: libopus does not take one of them.
    """
    names = library.names
    application = getattr(names, f"APPLICATION_{_APPLICATIONS[settings.application]}")
    state = library.new_encoder(sample_rate, channels, application)
    bandwidth = names.AUTO
    if settings.bandwidth != "auto":
        bandwidth = getattr(names, f"BANDWIDTH_{_BANDWIDTHS[settings.bandwidth]}")
    signal = {"auto": names.AUTO, "voice": names.SIGNAL_VOICE, "music": names.SIGNAL_MUSIC}[
        settings.signal
    ]
    for name, value in (
        ("BITRATE", settings.bitrate_bps),
        ("VBR", int(settings.rate_control != "cbr")),
        ("VBR_CONSTRAINT", int(settings.rate_control == "constrained")),
        ("COMPLEXITY", settings.complexity),
        ("BANDWIDTH", bandwidth),
        ("SIGNAL", signal),
        ("INBAND_FEC", int(settings.fec)),
        ("PACKET_LOSS_PERC", settings.expected_loss_percent),
        ("DTX", int(settings.dtx)),
    ):
        code = state.set(getattr(names, f"SET_{name}_REQUEST"), value)
        if code < 0:
            expected = f"what libopus takes ({library.problem(code)})"
            raise SettingError(name.lower(), value, expected)
    return state


def _said(choice: object) -> str:
    return f"{choice:g}" if isinstance(choice, float) else str(choice)
