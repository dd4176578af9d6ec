"""The E-model: what delay and loss cost, on one scale of 0 to 100.

Conventions: all that is not an argument has the default of G.107, table 2, so that a perfect
connection rates 93.2. Letters in formulas are the Recommendation's.

References:
    ITU-T G.107 (06/2015), The E-model; ITU-T G.113 (11/2007), appendix I, table I.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from audiokit.ranges import check_range

__all__ = ["G711_CONCEALED", "G711_PLAIN", "Coding", "mean_opinion", "rating"]

_SLR, _RLR, _STMR, _LSTR, _TELR, _WEPL = 8.0, 2.0, 15.0, 18.0, 65.0, 110.0
_OLR = _SLR + _RLR
_DS, _PS, _PR, _NC, _NFOR, _QDU = 3.0, 35.0, 35.0, -70.0, -64.0, 1.0
_DELAY_SENSITIVITY, _LEAST_DELAY_MS = 1.0, 100.0  # sT and mT, table 1: the default class


@dataclass(frozen=True, slots=True)
class Coding:
    """What a codec costs, and how it bears losses.

    Args:
        impairment: Ie, 0 to 94: what it costs where nothing is lost.
        robustness: Bpl, 1 to 100: loss in percent that costs half of what all loss costs.

    Raises:
        SettingError: A value is out of range.
    """

    impairment: float
    robustness: float

    def __post_init__(self) -> None:
        check_range("impairment", self.impairment, 0.0, 94.0)
        check_range("robustness", self.robustness, 1.0, 100.0)


G711_CONCEALED = Coding(0.0, 25.1)
"""G.711 with its Appendix I, random loss."""
G711_PLAIN = Coding(0.0, 4.3)
"""G.711 with silence in place of what is lost."""


def rating(
    delay_ms: float,
    loss_percent: float,
    *,
    burst_ratio: float = 1.0,
    coding: Coding = G711_CONCEALED,
) -> float:
    """Return the transmission rating R, 0 to 93.3: the best is at 1 ms, not at none.

    Args:
        delay_ms: From mouth to ear, 0 or more.
        loss_percent: Share that is not heard as it was sent, 0 to 100.
        burst_ratio: Mean length of losses in a row, of what random loss of the same share
            has; 1 or more. What is less counts as 1.
        coding: The codec.

    Raises:
        SettingError: A value is out of range.

    References:
        G.107, equations 7-1 to 7-29.
    """
    check_range("delay_ms", delay_ms, 0.0, 1e6, unit="ms")
    check_range("loss_percent", loss_percent, 0.0, 100.0, unit="%")
    clear = _signal_to_noise() - _simultaneous(delay_ms)
    found = clear - _delay_impairment(delay_ms)
    found -= _loss_impairment(loss_percent, max(1.0, burst_ratio), coding)
    return max(0.0, found)


def mean_opinion(rating_r: float) -> float:
    """Return the mean opinion score that people would give, 1 to 4.5.

    References:
        G.107, annex B.
    """
    if rating_r <= 0.0:
        return 1.0
    if rating_r >= 100.0:
        return 4.5
    # The cubic dips below 1 for the lowest ratings.
    cubic = rating_r * (rating_r - 60.0) * (100.0 - rating_r) * 7e-6
    return max(1.0, 1.0 + 0.035 * rating_r + cubic)


def _loss_impairment(loss_percent: float, burst_ratio: float, coding: Coding) -> float:
    """Ie,eff of equation 7-29."""
    weight = loss_percent / (loss_percent / burst_ratio + coding.robustness)
    return coding.impairment + (95.0 - coding.impairment) * weight


def _root_of_powers(base: float, power: float) -> float:
    """Return ``(1 + base ** power) ** (1 / power)``, of which the model is fond."""
    return math.pow(1.0 + math.pow(base, power), 1.0 / power)


def _noise_dbm0p() -> float:
    """No of equations 7-3 to 7-7."""
    sender = _PS - _SLR - _DS - 100.0 + 0.004 * (_PS - _OLR - _DS - 14.0) ** 2
    effective = _PR + 10.0 * math.log10(1.0 + 10.0 ** ((10.0 - _LSTR) / 10.0))
    receiver = _RLR - 121.0 + effective + 0.008 * (effective - 35.0) ** 2
    levels = (_NC, sender, receiver, _NFOR + _RLR)
    return 10.0 * math.log10(sum(10.0 ** (level / 10.0) for level in levels))


def _signal_to_noise() -> float:
    """Ro of equation 7-2."""
    return 15.0 - 1.5 * (_SLR + _noise_dbm0p())


def _simultaneous(delay_ms: float) -> float:
    """Is of equations 7-8 to 7-17: loudness, sidetone, quantizing."""
    excess = _OLR + 0.2 * (64.0 + _noise_dbm0p() - _RLR)  # Xolr
    loudness = 20.0 * (_root_of_powers(excess / 8.0, 8.0) - excess / 8.0)
    echo = math.exp(-delay_ms / 4.0) * 10.0 ** (-_TELR / 10.0)
    masking = -10.0 * math.log10(10.0 ** (-_STMR / 10.0) + echo)  # STMRo
    sidetone = (
        12.0 * _root_of_powers((masking - 13.0) / 6.0, 8.0)
        - 28.0 * _root_of_powers((masking + 1.0) / 19.4, 35.0)
        - 13.0 * _root_of_powers((masking - 3.0) / 33.0, 13.0)
        + 29.0
    )
    quality = 37.0 - 15.0 * math.log10(_QDU)  # Q
    grade = 1.07 + 0.258 * quality + 0.0602 * quality**2  # G
    first = (_signal_to_noise() - 100.0) / 15.0 + 46.0 / 8.4 - grade / 9.0  # Y
    second = 46.0 / 30.0 - grade / 40.0  # Z
    quantizing = 15.0 * math.log10(1.0 + 10.0**first + 10.0**second)
    return loudness + sidetone + quantizing


def _delay_impairment(delay_ms: float) -> float:
    """Id of equations 7-18 to 7-28: echo to the talker, echo to the listener, delay itself."""
    return _talker_echo(delay_ms) + _listener_echo(2.0 * delay_ms) + _pure_delay(delay_ms)


def _talker_echo(delay_ms: float) -> float:
    if delay_ms < 1.0:
        return 0.0
    spread = (1.0 + delay_ms / 10.0) / (1.0 + delay_ms / 150.0)
    effective = _TELR - 40.0 * math.log10(spread) + 6.0 * math.exp(-0.3 * delay_ms**2)  # TERV
    echo = 80.0 + 2.5 * (effective - 14.0)  # Re
    half = (-1.5 * (_noise_dbm0p() - _RLR) - echo) / 2.0  # half of Roe - Re
    return (half + math.sqrt(half**2 + 100.0) - 1.0) * (1.0 - math.exp(-delay_ms))


def _listener_echo(round_trip_ms: float) -> float:
    echo = 10.5 * (_WEPL + 7.0) * math.pow(round_trip_ms + 1.0, -0.25)  # Rle
    half = (_signal_to_noise() - echo) / 2.0
    return half + math.sqrt(half**2 + 169.0)


def _pure_delay(delay_ms: float) -> float:
    if delay_ms <= _LEAST_DELAY_MS:
        return 0.0
    octaves = math.log2(delay_ms / _LEAST_DELAY_MS)  # X
    power = 6.0 * _DELAY_SENSITIVITY
    near, far = _root_of_powers(octaves, power), _root_of_powers(octaves / 3.0, power)
    return 25.0 * _DELAY_SENSITIVITY * (near - 3.0 * far + 2.0)
