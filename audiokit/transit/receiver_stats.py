"""What a jitter buffer did, under the names that browsers use.

References:
    W3C, Identifiers for WebRTC's Statistics API, sections 8.4 (received RTP streams) and 8.5
    (inbound RTP streams).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["ReceiverStats"]


@dataclass(frozen=True, slots=True)
class ReceiverStats:
    """Counts since the start. Samples are instants, at the decoder's rate.

    Args:
        packets_received: Packets that belong to the stream, duplicates aside.
        packets_lost: Packets that never came, or have not yet.
        packets_discarded: Packets that came, but too late to be played, or to make room.
        packets_duplicated: Packets that came again.
        packets_malformed: Packets that the decoder refused.
        packets_ignored: Packets of no or another stream, or of no audio.
        packets_repaired: Packets that never came, played from what the next one carried.
        jitter: Of arrivals, in s: RFC 3550, section 6.4.1.
        jitter_buffer_delay: Time in the buffer of all samples that left it, in s together.
        jitter_buffer_emitted_count: Samples that left it.
        jitter_buffer_target_delay: The delay aimed at of the same samples, in s together.
        total_samples_received: Samples played, those made up included.
        concealed_samples: Samples made up in place of what was lost or late.
        concealment_events: Stretches of such samples.
        comfort_samples: Samples made up where the sender was silent on purpose.
        inserted_samples_for_deceleration: Samples added by stretching.
        removed_samples_for_acceleration: Samples taken out by stretching.
        adjustments: How often sound was stretched, either way.
        restarts: How often the sender began anew.
    """

    packets_received: int = 0
    packets_lost: int = 0
    packets_discarded: int = 0
    packets_duplicated: int = 0
    packets_malformed: int = 0
    packets_ignored: int = 0
    packets_repaired: int = 0
    jitter: float = 0.0
    jitter_buffer_delay: float = 0.0
    jitter_buffer_emitted_count: int = 0
    jitter_buffer_target_delay: float = 0.0
    total_samples_received: int = 0
    concealed_samples: int = 0
    concealment_events: int = 0
    comfort_samples: int = 0
    inserted_samples_for_deceleration: int = 0
    removed_samples_for_acceleration: int = 0
    adjustments: int = 0
    restarts: int = 0

    @property
    def loss_percent(self) -> float:
        """Share of packets that never came."""
        expected = self.packets_received + self.packets_lost
        return 100.0 * self.packets_lost / expected if expected else 0.0

    @property
    def concealed_percent(self) -> float:
        """Share of the sound that was made up."""
        total = self.total_samples_received
        return 100.0 * self.concealed_samples / total if total else 0.0

    @property
    def stretched_percent(self) -> float:
        """Share of the sound that stretching added or took out."""
        total = self.total_samples_received
        changed = self.inserted_samples_for_deceleration + self.removed_samples_for_acceleration
        return 100.0 * changed / total if total else 0.0

    @property
    def mean_delay_ms(self) -> float:
        """Mean time of a sample in the buffer."""
        count = self.jitter_buffer_emitted_count
        return 1000.0 * self.jitter_buffer_delay / count if count else 0.0

    def as_webrtc(self) -> dict[str, float]:
        """Return the counts under the names of webrtc-stats, ours beside them likewise."""
        return {_camel(name): value for name, value in asdict(self).items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
