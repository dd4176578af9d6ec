"""What the columns of rows are called where people read them, and in which unit."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNITS", "Column", "band_of", "column_of", "in_words", "reason_of"]

UNITS = {
    "db": "dB", "dbfs": "dBFS", "dbov": "dBov", "dbtp": "dBTP", "lufs": "LUFS", "lu": "LU",
    "hz": "Hz", "s": "s", "ms": "ms", "percent": "%", "bps": "bit/s", "samples": "samples",
}  # fmt: skip
"""How a name ends, and the unit that it says."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is shown.

    Args:
        title: Its name for people.
        unit: What stands behind a number; empty for none.
        decimals: Of a number, once it is scaled.
        scale: What a number is multiplied with to be in `unit`.
        about: What it says, in a sentence; empty where the title does.
    """

    title: str
    unit: str = ""
    decimals: int = 1
    scale: float = 1.0
    about: str = ""


# Whatever is not here gets its title and unit from its name.
_COLUMNS = {
    "name": Column("Recording"),
    "overall": Column("Overall", decimals=0, about="All components together, 0 to 100."),
    "grade": Column("Grade", about="A is best."),
    "component": Column("Costs most", about="The component that takes most points."),
    "cost": Column("Points lost", decimals=0, about="What that component takes."),
    "reason": Column("Reason"),
    "processed": Column("Processed", about="Whether it sounds denoised or coded before."),
    "snr_db": Column("SNR", "dB", about="Speech above noise, estimated without a reference."),
    "wada_snr_db": Column("SNR, WADA", "dB", about="A second estimate, to compare."),
    "histogram_snr_db": Column("SNR, histogram", "dB", about="A third estimate, to compare."),
    "clarity": Column("Clarity", decimals=2, about="Share of the marks of clear speech, 0 to 1."),
    "consistency": Column(
        "Consistency", decimals=2, about="Evenness of the speech level, 0 to 1."
    ),
    "active_level_dbfs": Column("Speech level", "dBFS", about="Of the frames with speech."),
    "active_level_dbov": Column("Speech level, P.56", "dBov"),
    "noise_floor_dbfs": Column("Noise floor", "dBFS"),
    "peak_dbfs": Column("Peak", "dBFS"),
    "loudness_lufs": Column("Loudness", "LUFS"),
    "bandwidth_hz": Column("Bandwidth", "kHz", scale=1e-3, about="Highest frequency in use."),
    "clipping_ratio": Column("Clipped", "%", 3, 100.0, "Share of the samples."),
    "silence_ratio": Column("Silence", "%", 0, 100.0, "Share of the frames."),
    "speech_ratio": Column("Speech", "%", 0, 100.0, "Share of the time."),
    "dc_offset": Column("DC offset", decimals=4),
    "duration_s": Column("Duration", "s"),
    "sample_rate": Column("Sample rate", "kHz", decimals=2, scale=1e-3),
    "channels": Column("Channels", decimals=0),
    "codec": Column("Codec"),
    "heard_codec": Column("Traces of a codec"),
    "pesq_like": Column("PESQ, guessed", decimals=2, about="What PESQ would say, 1 to 4.6."),
    "dnsmos_like": Column("DNSMOS, guessed", decimals=2, about="What DNSMOS would say, 1 to 5."),
    "speech_probability": Column("Speech", "%", 0, 100.0, "How likely somebody speaks."),
    "processed_probability": Column("Processed", "%", 0, 100.0, "How likely it was denoised."),
    "modulation_db": Column("Modulation", "dB", about="Of the envelope, at 2 to 8 Hz."),
    "telephone_ratio": Column("In the telephone band", "%", 0, 100.0, "Share of the energy."),
    "flatness": Column("Spectral flatness", decimals=3),
    "c50_db": Column("Room, C50", "dB", about="The first 50 ms against what comes later."),
    "lost_packets": Column("Lost packets", decimals=0),
    "dropouts": Column("Holes", decimals=0, about="Amid speech, other than lost packets."),
    "dropout_s": Column("Holes, together", "s", 2),
    "thd_percent": Column("Distortion", "%", 2, about="Of a tone."),
    "dead_channels": Column("Dead channels", decimals=0),
    "opposed_channels": Column("Channels in anti-phase", decimals=0),
    "mains_hz": Column("Mains", "Hz", 0),
    "remarks": Column("Remarks"),
    "container": Column("Container"),
    "warnings": Column("Warnings"),
}
_WORDS = {"snr": "SNR", "dc": "DC", "thd": "THD", "drr": "DRR", "srmr": "SRMR", "n": "number of"}
_SIDES = {"before_": "{}, before", "change_": "{}, change"}


def column_of(name: str) -> Column:
    """Return how a column is shown.

    Args:
        name: As rows have it, without ``score_``; ``before_`` and ``change_`` may lead.
    """
    for lead, pattern in _SIDES.items():
        own = _COLUMNS.get(name.removeprefix(lead))
        if name.startswith(lead) and own is not None:
            # A point of a score is much for a change.
            return Column(pattern.format(own.title), own.unit, max(own.decimals, 1), own.scale)
    if name in _COLUMNS:
        return _COLUMNS[name]
    if name.endswith("_ratio"):
        words, _ = in_words(name.removesuffix("_ratio"))
        return Column(_title(words), "%", 2, 100.0)
    words, unit = in_words(name)
    decimals = 0 if words.startswith(("n ", "number ")) or unit in ("Hz", "samples") else 1
    return Column(_title(words), unit, decimals if unit or not decimals else 2)


def in_words(name: str) -> tuple[str, str]:
    """Return a Python name as words, and the unit that it ends in; empty for none."""
    words, _, unit = name.rpartition("_")
    if not words or unit not in UNITS:
        return name.replace("_", " "), ""
    return words.replace("_", " "), UNITS[unit]


def band_of(name: str) -> tuple[str, str]:
    """Return what the ends of a value's band of uncertainty are called: low, then high."""
    words, _, unit = name.rpartition("_")
    if words and unit in UNITS:
        return f"{words}_low_{unit}", f"{words}_high_{unit}"
    return f"{name}_low", f"{name}_high"


def reason_of(name: str) -> str:
    """Return what the column is called that says why a value does not apply."""
    words, _, unit = name.rpartition("_")
    return f"{words}_reason" if words and unit in UNITS else f"{name}_reason"


def _title(words: str) -> str:
    said = " ".join(_WORDS.get(word, word) for word in words.split())
    return said[:1].upper() + said[1:]
