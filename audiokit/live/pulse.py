"""The devices of a PulseAudio or PipeWire server, where one runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

from audiokit.live.devices import Device, Kind

__all__ = ["PULSE_VARIABLES", "list_pulse"]

PULSE_VARIABLES: dict[Kind, str] = {"input": "PULSE_SOURCE", "output": "PULSE_SINK"}
"""What tells a client of such a server which device to take."""

_SPECIFICATION = re.compile(r"(\d+)ch (\d+)Hz")
_TIMEOUT_S = 8.0


def list_pulse(backend: str, address: str) -> Iterator[Device]:
    """Yield the server's devices; nothing where there is no server.

    Args:
        backend: Who will open them.
        address: What that one calls the server.
    """
    if shutil.which("pactl") is None:
        return
    kinds: tuple[tuple[Kind, str], ...] = (("input", "sources"), ("output", "sinks"))
    for kind, word in kinds:
        try:
            listed = subprocess.run(  # noqa: S603  fixed words
                ["pactl", "list", "short", word],  # noqa: S607  wherever the system has it
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            return
        # Tab-separated: number, name, module, specification, state.
        for line in listed.stdout.splitlines():
            fields = line.split("\t")
            found = _SPECIFICATION.search(fields[3]) if len(fields) > 3 else None
            if found is not None:
                channels, rate = int(found[1]), int(found[2])
                yield Device(
                    0, fields[1], kind, backend, address, channels, (rate,), pulse_name=fields[1]
                )
