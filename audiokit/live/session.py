"""The session machine: which states there are, and what leads from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from audiokit.errors import LocalProtocolError

__all__ = ["TABLE", "Event", "Session", "State"]


class State(Enum):
    """What a client is doing."""

    IDLE = "idle"
    """Nothing is captured."""
    RECORDING = "recording"
    """Audio is captured, and goes to the spool: there is no connection."""
    STREAMING = "streaming"
    """Audio is captured, and goes out."""
    PROCESSING = "processing"
    """The source has ended; what is left goes out, or an answer is awaited."""
    RECEIVING = "receiving"
    """A reply arrives, and waits for enough of it to be played without a gap."""
    PLAYING = "playing"
    """A reply is played; meanwhile audio is captured."""
    ERROR = "error"
    """The source or the speaker has failed, and is tried again."""


class Event(Enum):
    """What happens to a client."""

    START = "start"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FINISH = "finish"
    """The source has ended, or the user wants an end."""
    REPLY = "reply"
    """The server begins to speak."""
    BUFFERED = "buffered"
    """Enough of the reply is here."""
    CACHED = "cached"
    """There is no server: a reply from the disk is played."""
    PLAYED = "played"
    """The reply has ended."""
    FAIL = "fail"
    RECOVER = "recover"
    STOP = "stop"


TABLE: Mapping[State, Mapping[Event, State]] = {
    State.IDLE: {
        Event.START: State.RECORDING,
        Event.STOP: State.IDLE,
    },
    State.RECORDING: {
        Event.CONNECTED: State.STREAMING,
        Event.FINISH: State.PROCESSING,
        Event.CACHED: State.PLAYING,
        Event.FAIL: State.ERROR,
        Event.STOP: State.IDLE,
    },
    State.STREAMING: {
        Event.DISCONNECTED: State.RECORDING,
        Event.FINISH: State.PROCESSING,
        Event.REPLY: State.RECEIVING,
        Event.FAIL: State.ERROR,
        Event.STOP: State.IDLE,
    },
    State.PROCESSING: {
        Event.CONNECTED: State.PROCESSING,
        Event.DISCONNECTED: State.PROCESSING,
        Event.REPLY: State.RECEIVING,
        Event.CACHED: State.PLAYING,
        Event.FAIL: State.ERROR,
        Event.STOP: State.IDLE,
    },
    State.RECEIVING: {
        Event.CONNECTED: State.RECEIVING,
        Event.DISCONNECTED: State.RECEIVING,
        Event.FINISH: State.RECEIVING,
        Event.BUFFERED: State.PLAYING,
        # A reply of nothing, or one that broke off before it could be played.
        Event.PLAYED: State.RECORDING,
        Event.FAIL: State.ERROR,
        Event.STOP: State.IDLE,
    },
    State.PLAYING: {
        Event.CONNECTED: State.PLAYING,
        Event.DISCONNECTED: State.PLAYING,
        Event.FINISH: State.PLAYING,
        # The next reply waits behind this one.
        Event.REPLY: State.PLAYING,
        Event.PLAYED: State.RECORDING,
        Event.FAIL: State.ERROR,
        Event.STOP: State.IDLE,
    },
    State.ERROR: {
        Event.CONNECTED: State.ERROR,
        Event.DISCONNECTED: State.ERROR,
        Event.FINISH: State.ERROR,
        Event.FAIL: State.ERROR,
        Event.RECOVER: State.RECORDING,
        Event.STOP: State.IDLE,
    },
}
"""Every transition there is. `RECORDING` is where playing and failing lead back to: who drives
the machine then says again whether there is a connection, and whether the source has ended."""


class Session:
    """Where a client is in the table.

    Attributes:
        state: The present state.
    """

    def __init__(self) -> None:
        self.state = State.IDLE

    def may(self, event: Event) -> bool:
        """Return whether the table has a transition for this event."""
        return event in TABLE[self.state]

    def handle(self, event: Event) -> State:
        """Go where the event leads, and return where that is.

        Raises:
            LocalProtocolError: It leads nowhere from here; the state stays.
        """
        following = TABLE[self.state].get(event)
        if following is None:
            expected = " or ".join(item.value for item in TABLE[self.state])
            raise LocalProtocolError(
                "session", f"event is {event.value} while {self.state.value}, expected {expected}"
            )
        self.state = following
        return following
