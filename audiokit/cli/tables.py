"""What a table on the terminal shows; the other formats have every column."""

from __future__ import annotations

__all__ = ["columns_of", "details_of"]

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
    "score": (
        *("source", "score_overall", "score_grade", "score_worst", "score_snr_db"),
        *("score_reason", "error"),
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


# What a row holds that is a table of its own, where it is the only row.
_DETAILS = {"segment": "segments"}


def details_of(command: str) -> str | None:
    """Return the column that is shown, line by line, in place of a row that is alone."""
    return _DETAILS.get(command)


def columns_of(command: str) -> tuple[str, ...]:
    """Return the columns that a person wants to see of a command's rows."""
    return _TABLES.get(command, _RESULT_COLUMNS)
