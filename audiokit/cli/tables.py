"""What a table on the terminal shows; the other formats have every column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["columns_of", "compare_line", "details_of", "score_line", "simulate_line"]

Row = Mapping[str, Any]

_RESULT_COLUMNS = ("source", "status", "duration_s", "out_loudness_lufs", "audio", "error")
_TABLES = {
    "info": (
        *("source", "container", "codec", "sample_rate", "channels", "bit_depth", "duration_s"),
        *("integrated_lufs", "range_lu", "true_peak_dbtp", "error"),
    ),
    "levels": (
        *("source", "status", "duration_s", "integrated_lufs", "range_lu", "true_peak_dbtp"),
        "active_level_dbov",
    ),
    "measure": (
        *("source", "status", "integrated_lufs", "true_peak_dbtp", "active_level_dbov"),
        *("loudness_gain_db", "loudness_mode", "active_level_gain_db", "active_level_mode"),
        *("rms_gain_db", "rms_mode", "peak_gain_db", "peak_mode"),
    ),
    "segment": ("source", "duration_s", "n_segments", "speech_s", "speech_ratio", "error"),
    "encode": (
        *("source", "status", "duration_s", "sample_rate", "channels", "bitrate_bps"),
        *("n_packets", "audio", "error"),
    ),
    "decode": (
        *("source", "status", "duration_s", "sample_rate", "channels", "bitrate_bps"),
        *("n_packets", "lost_s", "audio", "error"),
    ),
    "features": ("source", "duration_s", "n_frames", "features", "error"),
}


# Faults that no score tells of, each counted under its name.
_COUNTED = {
    "dead_channels": "dead channel",
    "opposed_channels": "channel in anti-phase",
    "lost_packets": "lost packet",
    "dropouts": "drop-out",
}
# What a row holds that is a table of its own, where it is the only row.
_DETAILS = {"segment": "segments"}


def details_of(command: str) -> str | None:
    """Return the column that is shown, line by line, in place of a row that is alone."""
    return _DETAILS.get(command)


def columns_of(command: str) -> tuple[str, ...]:
    """Return the columns that a person wants to see of a command's rows."""
    return _TABLES.get(command, _RESULT_COLUMNS)


def score_line(row: Row) -> dict[str, Any]:
    """Return what a person wants to see of a row of scores, few enough for 80 columns.

    Args:
        row: Of ``audiokit score``.
    """
    line = {
        "source": row["source"],
        "overall": _banded(row, "score_overall", "score_overall_low", "score_overall_high"),
        "grade": row.get("score_grade"),
        "worst": row.get("score_worst"),
        "snr_db": _banded(row, "score_snr_db", "score_snr_low_db", "score_snr_high_db"),
    }
    if "dnsmos_overall" in row:
        line["dnsmos"] = row["dnsmos_overall"]
    reasons = _said(row, ("score_reason", "score_snr_reason"))
    # What stands before a colon says it in a word; the other formats have the rest.
    short = dict.fromkeys(reason.partition(":")[0] for reason in reasons)
    return line | {"remarks": "; ".join([*_said(row, ("error",)), *short, *_counted(row)])}


def compare_line(row: Row) -> dict[str, Any]:
    """Return what a person wants to see of a row of a pair, few enough for 80 columns.

    Args:
        row: Of ``audiokit compare``.
    """
    names = ("si_sdr_db", "pesq", "stoi", "delay_ms", "gain_db")
    line = {"source": row["source"]} | {name: row.get(name) for name in names}
    return line | {"remarks": "; ".join(_said(row, ("error", "reason", "remarks")))}


def simulate_line(row: Row) -> dict[str, Any]:
    """Return what a person wants to see of a row of a call, few enough for 80 columns.

    Args:
        row: Of ``audiokit simulate``.
    """
    names = ("loss_percent", "concealed_percent", "delay_ms", "mos", "pesq", "stoi")
    short = {"loss_percent": "loss_%", "concealed_percent": "made_up_%"}
    line = {"source": row["source"], "network": row.get("network")}
    line |= {short.get(name, name): row.get(name) for name in names}
    return line | {"remarks": "; ".join(_said(row, ("error",)))}


def _counted(row: Row) -> Iterator[str]:
    """Yield the faults that a row counts, where there are any."""
    for name, words in _COUNTED.items():
        count = row.get(f"score_{name}")
        if count:
            noun, _, rest = words.partition(" in ")
            plural = noun if count == 1 else f"{noun}s"
            yield f"{count} {plural} in {rest}" if rest else f"{count} {plural}"


def _banded(row: Row, name: str, low: str, high: str) -> str | None:
    """Return a value with how far, at most, its band reaches to either side."""
    value, ends = row.get(name), [row.get(low), row.get(high)]
    if value is None:
        return None
    reach = [abs(end - value) for end in ends if end is not None]
    # Whole numbers: no band is narrower.
    return f"{round(value)} ±{round(max(reach))}" if reach else f"{value:.1f}"


def _said(row: Row, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        said = row.get(name)
        if said:
            yield said if isinstance(said, str) else "; ".join(map(str, said))
