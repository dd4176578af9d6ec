"""``audiokit devices``: what can be recorded from and played on."""

from __future__ import annotations

from typing import Any

from audiokit.cli.console import emit_rows
from audiokit.cli.live import BackendChoice
from audiokit.cli.options import RowOptions, command
from audiokit.errors import MissingDeviceError

EXAMPLES = ("audiokit devices", "audiokit devices --backend alsa --json")


@command
def devices(backend: BackendChoice = "auto", *, output: RowOptions) -> None:
    """List microphones and loudspeakers.

    A device is chosen by its index or by part of its name. Boards of the ReSpeaker family are
    marked. Where a PulseAudio or PipeWire server runs, its devices come behind the cards.
    """
    from audiokit.live.backends import Backends

    found = Backends(backend).devices()
    if not found:
        raise MissingDeviceError("no device: none was found. Plug one in, or try --backend.")
    rows: list[dict[str, Any]] = [
        {
            "index": device.index,
            "kind": device.kind,
            "name": device.name,
            "channels": device.channels or None,
            "sample_rates": list(device.sample_rates),
            "is_respeaker": device.is_respeaker,
            "backend": device.backend,
            "address": device.address,
        }
        for device in found
    ]
    emit_rows(rows, output, schema="audiokit.devices/1")
