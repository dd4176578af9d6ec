"""What can be recorded from and played on: how a device is known, and how one is chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from audiokit.errors import MissingDeviceError, SettingError

__all__ = ["Device", "Kind", "choose_device", "is_respeaker"]

Kind = Literal["input", "output"]

# Seeed's boards call themselves so in ALSA, in PortAudio and in PulseAudio.
_RESPEAKER = re.compile(r"re-?speaker|seeed|\bac10[18]\b|usb 4 mic array", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone or a loudspeaker.

    Args:
        index: Its place in the list of its back end.
        name: What its maker calls it.
        kind: What it is for.
        backend: Who reaches it: ``alsa`` or ``portaudio``.
        address: What the back end calls it.
        channels: How many it has; 0 where nobody says.
        sample_rates: In Hz, those that it is said to have; empty where nobody says.
        pulse_name: What a PulseAudio or PipeWire server calls it; empty for one without.
    """

    index: int
    name: str
    kind: Kind
    backend: str
    address: str
    channels: int = 0
    sample_rates: tuple[int, ...] = ()
    pulse_name: str = ""

    @property
    def is_respeaker(self) -> bool:
        """Whether it is one of Seeed's microphone boards."""
        return is_respeaker(f"{self.name} {self.address} {self.pulse_name}")


def is_respeaker(name: str) -> bool:
    """Say whether a device of this name is one of Seeed's microphone boards."""
    return _RESPEAKER.search(name) is not None


def choose_device(devices: Sequence[Device], wanted: str, *, kind: Kind) -> Device:
    """Return the device with this index, this name, or this part of a name.

    Args:
        devices: Those there are.
        wanted: What the user said; empty for the first.
        kind: What it shall be for.

    Raises:
        MissingDeviceError: There is none.
        SettingError: There are several.
    """
    able = [device for device in devices if device.kind == kind]
    if wanted.isdecimal():
        found = [device for device in able if device.index == int(wanted)]
    else:
        word = wanted.casefold()
        names = [(device, _names(device)) for device in able]
        found = [device for device, words in names if word in words] or [
            device for device, words in names if any(word in text for text in words)
        ]
        found = found[:1] if not word else found
    if not found:
        there = ", ".join(f"{device.index} {device.name}" for device in able) or "none"
        asked = f"{kind} device {wanted!r}" if wanted else f"{kind} device"
        raise MissingDeviceError(f"{asked}: not found among: {there}. Run: audiokit devices")
    if len(found) > 1:
        matches = ", ".join(f"{device.index} {device.name}" for device in found)
        raise SettingError("device", wanted, f"part of one name, not of several: {matches}")
    return found[0]


def _names(device: Device) -> tuple[str, ...]:
    named = (device.name, device.address, device.pulse_name)
    return tuple(name.casefold() for name in named if name)
