"""What is said of a recording beside its reference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ReferenceReport"]

# Decimals in a row: no measure is surer than that.
_DECIMALS = {
    "compared_s": 3,
    "delay_ms": 3,
    "drift_ppm": 1,
    "gain_db": 2,
    "si_sdr_db": 2,
    "snr_db": 2,
    "segmental_snr_db": 2,
    "log_spectral_distance_db": 2,
    "pesq": 3,
    "stoi": 4,
    "estoi": 4,
}


@dataclass(frozen=True, slots=True)
class ReferenceReport:
    """A recording beside its reference. Where a value is None, `reason` or a remark says why."""

    compared_s: float
    """How much of both was compared, in seconds."""
    delay_ms: float | None = None
    """How much later the recording is; negative: earlier."""
    drift_ppm: float | None = None
    """How much slower the recording runs, in parts per million; 0 where no drift shows."""
    is_inverted: bool | None = None
    """Whether its polarity is reversed; it is turned back before anything is measured."""
    gain_db: float | None = None
    """Level of the reference's part in the recording over that in the reference."""
    si_sdr_db: float | None = None
    """Scale-invariant signal-to-distortion ratio; 100 where nothing differs."""
    snr_db: float | None = None
    """Power of the reference over that of the difference; 100 where nothing differs."""
    segmental_snr_db: float | None = None
    """Mean over frames of 30 ms of the same ratio, each -10 to 35 dB."""
    log_spectral_distance_db: float | None = None
    """Mean distance of the short-time spectra; 0 is the same."""
    pesq: float | None = None
    """MOS-LQO of ITU-T P.862.1 or P.862.2, 1.0 to 4.6."""
    pesq_mode: str | None = None
    """``wb`` (16 kHz) or ``nb`` (8 kHz)."""
    stoi: float | None = None
    """Short-time objective intelligibility, about 0 to 1."""
    estoi: float | None = None
    """The same, extended for noise that moves."""
    reason: str | None = None
    """Why there are no numbers; None if there are."""
    remarks: tuple[str, ...] = ()
    """What is odd about the pair, a clause each."""

    def to_row(self) -> dict[str, Any]:
        """Return all fields by name, in a fixed order, rounded to read well."""
        return {name: _rounded(name, value) for name, value in asdict(self).items()}


def _rounded(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if value is None or name not in _DECIMALS:
        return value
    # Zero added: minus zero becomes zero.
    return round(value, _DECIMALS[name]) + 0.0
