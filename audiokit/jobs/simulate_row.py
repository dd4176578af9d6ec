"""The row about a simulated call: what the link did, what the buffer made of it, what it costs."""

from __future__ import annotations

from typing import Any

from audiokit.jobs.call import Call
from audiokit.transit.e_model import mean_opinion, rating
from audiokit.transit.receiver_stats import ReceiverStats

__all__ = ["COLUMNS", "call_facts"]

COLUMNS = (
    *("duration_s", "bitrate_bps", "n_packets"),
    *("link_lost", "link_dropped", "link_duplicated", "link_reordered"),
    *("packets_received", "packets_lost", "packets_discarded", "packets_repaired"),
    *("packets_duplicated", "packets_malformed", "loss_percent", "concealed_percent"),
    *("concealment_events", "stretched_percent", "adjustments", "restarts"),
    *("delay_ms", "delay_p95_ms", "buffer_delay_ms", "jitter_ms", "rating_r", "mos"),
    *("pesq", "stoi", "estoi"),
)
"""What a gate may ask about a call."""


def call_facts(call: Call) -> dict[str, Any]:
    """Return what a call was like, under Python names; ``webrtc.`` before those of browsers."""
    counts, stats = call.counts, call.stats()
    delay_s, p95_s = call.mean_delay_s(), call.delay_below_s(0.95)
    rating_r = None
    if delay_s is not None:
        rating_r = rating(
            max(0.0, 1000.0 * delay_s),
            stats.concealed_percent,
            burst_ratio=_burst_ratio(stats, call.packet_samples),
        )
    return {
        "link_lost": counts.lost,
        "link_dropped": counts.dropped,
        "link_duplicated": counts.duplicated,
        "link_reordered": counts.reordered,
        "packets_received": stats.packets_received,
        "packets_lost": stats.packets_lost,
        "packets_discarded": stats.packets_discarded,
        "packets_repaired": stats.packets_repaired,
        "packets_duplicated": stats.packets_duplicated,
        "packets_malformed": stats.packets_malformed,
        "loss_percent": round(stats.loss_percent, 3),
        "concealed_percent": round(stats.concealed_percent, 3),
        "concealment_events": stats.concealment_events,
        "stretched_percent": round(stats.stretched_percent, 3),
        "adjustments": stats.adjustments,
        "restarts": stats.restarts,
        "delay_ms": _ms(delay_s),
        "delay_p95_ms": _ms(p95_s),
        "buffer_delay_ms": round(stats.mean_delay_ms, 2),
        "jitter_ms": round(1000.0 * stats.jitter, 3),
        "rating_r": None if rating_r is None else round(rating_r, 2),
        "mos": None if rating_r is None else round(mean_opinion(rating_r), 3),
        **{f"webrtc.{name}": value for name, value in stats.as_webrtc().items()},
    }


def _burst_ratio(stats: ReceiverStats, packet_samples: int) -> float:
    """Return how much longer gaps are than those of random loss (G.107, section 7.6)."""
    if not stats.concealment_events:
        return 1.0
    gap = stats.concealed_samples / stats.concealment_events / packet_samples
    return max(1.0, gap * (1.0 - stats.concealed_percent / 100.0))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000.0 * seconds, 2)
