"""Text messages: JSON objects with a ``type``, as frozen classes.

Unknown types and unknown fields are left for a later version to mean something; a known message
with a missing or impossible field is the peer's protocol error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from audiokit.errors import PeerProtocolError
from audiokit.live.packets import MAX_SEQUENCE, VERSION

__all__ = [
    "MAX_PACKET_S",
    "MAX_RANGES",
    "MAX_TEXT_BYTES",
    "SUBPROTOCOL",
    "Ack",
    "Clock",
    "ClockReply",
    "Gone",
    "Hello",
    "Message",
    "Play",
    "Refusal",
    "Resend",
    "Selected",
    "Welcome",
    "WireFormat",
    "decode_message",
    "encode_message",
]

SUBPROTOCOL = "audiokit.v1"
"""What both ends name when the WebSocket is opened (RFC 6455, 1.9)."""
MAX_TEXT_BYTES = 16384
MAX_PACKET_S = 0.1
MAX_RANGES = 64
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_NOTE = 500
_FRAME_MS = (2.5, 5.0, 10.0, 20.0, 40.0, 60.0)
_SAMPLE_RATES = (8000, 12000, 16000, 24000, 48000)

Ranges: TypeAlias = tuple[tuple[int, int], ...]
Check: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class WireFormat:
    """What the packets of one direction hold.

    Args:
        sample_rate: 8000, 12000, 16000, 24000 or 48000 Hz.
        channels: 1 or 2.
        frame_ms: How long a frame lasts: 2.5, 5, 10, 20, 40 or 60 ms.
        frames_per_packet: 1 to 40; together with `frame_ms` no more than 100 ms. The last
            packet may have more.
        preskip_samples: How many decoded samples come before the first one recorded.
        codec: ``opus`` is the only one.
    """

    sample_rate: int = 16000
    channels: int = 1
    frame_ms: float = 20.0
    frames_per_packet: int = 3
    preskip_samples: int = 0
    codec: str = "opus"

    @property
    def frame_samples(self) -> int:
        """Samples in a frame."""
        return round(self.sample_rate * self.frame_ms / 1000.0)

    @property
    def packet_samples(self) -> int:
        """Samples in a packet."""
        return self.frame_samples * self.frames_per_packet

    @property
    def packet_s(self) -> float:
        """Seconds that a packet lasts."""
        return self.frames_per_packet * self.frame_ms / 1000.0


@dataclass(frozen=True, slots=True)
class Hello:
    """The client's first message.

    Args:
        session: The session's name: letters, digits, ``_`` and ``-``, up to 64.
        format: What its packets hold.
        first: The oldest packet that the client still has.
        time_base_s: When packet 0 began, in seconds of Unix time.
        name: Whose microphone it is, for people.
        version: Of the protocol.
    """

    TYPE: ClassVar[str] = "hello"
    session: str
    format: WireFormat
    first: int = 0
    time_base_s: float = 0.0
    name: str = ""
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's answer: what it needs next.

    Args:
        next: It has every packet below this one.
        have: Ranges ``(first, next)`` above, which it has too.
    """

    TYPE: ClassVar[str] = "welcome"
    next: int
    have: Ranges = ()


@dataclass(frozen=True, slots=True)
class Ack:
    """What the server has by now; as `Welcome`, about once a second."""

    TYPE: ClassVar[str] = "ack"
    next: int
    have: Ranges = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """Packets from `first`, up to but without `next`, that the client has no more."""

    TYPE: ClassVar[str] = "gone"
    first: int
    next: int


@dataclass(frozen=True, slots=True)
class Resend:
    """Packets from `first`, up to but without `next`, that the server asks for again."""

    TYPE: ClassVar[str] = "resend"
    first: int
    next: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A question for the other end's clock; `t1_s` is when it was sent."""

    TYPE: ClassVar[str] = "clock"
    t1_s: float


@dataclass(frozen=True, slots=True)
class ClockReply:
    """The answer: when the question came, and when this was sent."""

    TYPE: ClassVar[str] = "clock_reply"
    t1_s: float
    t2_s: float
    t3_s: float


@dataclass(frozen=True, slots=True)
class Play:
    """Packets of a reply follow, numbered from 0, to be played; the last one says so."""

    TYPE: ClassVar[str] = "play"
    format: WireFormat


@dataclass(frozen=True, slots=True)
class Selected:
    """Whether the server listens to this microphone among those that hear the same voice."""

    TYPE: ClassVar[str] = "selected"
    is_selected: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one end is about to close.

    Args:
        code: ``version``, ``busy``, ``full``, ``storage``, ``format`` or ``protocol``.
        message: The same for people.
    """

    TYPE: ClassVar[str] = "error"
    code: str
    message: str = ""


Message: TypeAlias = (
    Hello | Welcome | Ack | Gone | Resend | Clock | ClockReply | Play | Selected | Refusal
)


def encode_message(message: Message) -> str:
    """Return a message as it goes over the wire."""
    return json.dumps({"type": message.TYPE, **asdict(message)}, separators=(",", ":"))


def decode_message(text: str) -> Message | None:
    """Return the message that a text stands for; None for one of a later version.

    Raises:
        PeerProtocolError: It stands for none, or for an impossible one.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise PeerProtocolError(
            "message", f"is {len(text)} characters long, expected {MAX_TEXT_BYTES} or fewer"
        )
    try:
        fields = json.loads(text)
    # Numbers of thousands of digits and brackets within brackets are hostile, not JSON.
    except (ValueError, RecursionError) as error:
        raise PeerProtocolError("message", "is no JSON") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise PeerProtocolError("message", "is no object with a type")
    kind = _KINDS.get(fields["type"])
    if kind is None:
        return None
    message: Message = kind(**_checked(fields, _FIELDS[kind], str(kind.TYPE)))
    return message


def _checked(fields: Mapping[str, Any], checks: Mapping[str, Check], where: str) -> dict[str, Any]:
    values = {}
    for name, check in checks.items():
        if name not in fields:
            raise PeerProtocolError(f"message {where}", f"has no {name}")
        try:
            values[name] = check(fields[name])
        except (TypeError, ValueError, OverflowError) as error:
            shown = repr(fields[name])[:60]
            raise PeerProtocolError(f"message {where}", f"has {name} {shown}") from error
    return values


def _whole(lowest: int, highest: int) -> Check:
    def check(value: Any) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError
        return value

    return check


def _one_of(*choices: float | str) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, bool) or value not in choices:
            raise ValueError
        return value

    return check


def _text(longest: int) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise ValueError
        return value

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError
    return float(value)


def _session(value: Any) -> str:
    # It names files at the other end.
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError
    return value


def _ranges(value: Any) -> Ranges:
    if not isinstance(value, list) or len(value) > MAX_RANGES:
        raise ValueError
    ranges = tuple((_SEQUENCE(first), _SEQUENCE(following)) for first, following in value)
    if any(first >= following for first, following in ranges):
        raise ValueError
    return ranges


def _format(value: Any) -> WireFormat:
    if not isinstance(value, dict):
        raise TypeError
    fmt = WireFormat(**_checked(value, _FORMAT_FIELDS, "format"))
    if fmt.packet_s > MAX_PACKET_S + 1e-9:
        raise ValueError
    return fmt


# One more than the last packet: what follows it.
_SEQUENCE = _whole(0, MAX_SEQUENCE + 1)
_FORMAT_FIELDS: Mapping[str, Check] = {
    "sample_rate": _one_of(*_SAMPLE_RATES),
    "channels": _one_of(1, 2),
    "frame_ms": _one_of(*_FRAME_MS),
    "frames_per_packet": _whole(1, 40),
    "preskip_samples": _whole(0, 2**16 - 1),
    "codec": _one_of("opus"),
}
_FIELDS: Mapping[type[Any], Mapping[str, Check]] = {
    Hello: {
        "session": _session,
        "format": _format,
        "first": _SEQUENCE,
        "time_base_s": _seconds,
        "name": _text(64),
        "version": _whole(1, 2**31),
    },
    Welcome: {"next": _SEQUENCE, "have": _ranges},
    Ack: {"next": _SEQUENCE, "have": _ranges},
    Gone: {"first": _SEQUENCE, "next": _SEQUENCE},
    Resend: {"first": _SEQUENCE, "next": _SEQUENCE},
    Clock: {"t1_s": _seconds},
    ClockReply: {"t1_s": _seconds, "t2_s": _seconds, "t3_s": _seconds},
    Play: {"format": _format},
    Selected: {"is_selected": _flag},
    Refusal: {"code": _text(64), "message": _text(_MAX_NOTE)},
}
_KINDS: Mapping[str, type[Any]] = {kind.TYPE: kind for kind in _FIELDS}
