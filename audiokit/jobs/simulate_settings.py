"""What a simulated call is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from audiokit.files.write import WriteSettings
from audiokit.jobs.simulate_codec import Codec, CodecSettings
from audiokit.jobs.simulate_link import NetworkSettings, Recorded
from audiokit.transit.jitter_settings import JitterSettings

__all__ = ["SimulateSettings"]


@dataclass(frozen=True, slots=True)
class SimulateSettings:
    """A sender, a network, a receiver."""

    codec: CodecSettings = field(default_factory=CodecSettings)
    """How the sender codes; how the receiver conceals."""
    captured_codec: Codec | None = None
    """What packets of a capture hold whose type is dynamic; None: Opus, if they look so."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    """What happens on the way."""
    recorded: Recorded | None = None
    """What a real network did, if that is to happen too."""
    jitter: JitterSettings = field(default_factory=JitterSettings)
    """How the receiver waits; packets are as long as the sender's."""
    has_quality: bool = False
    """Whether PESQ and STOI are measured: needs the extra "quality"."""
    write: WriteSettings = field(default_factory=lambda: WriteSettings("wav", dither=False))
    """How the result is written."""
