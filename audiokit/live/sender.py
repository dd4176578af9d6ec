"""What has been recorded and has not arrived: a machine that neither reads a clock nor a socket.

Live packets go out at once and wait in memory for their acknowledgement. When the connection
breaks, they go to the spool, and so does what is recorded meanwhile. After the next connection
the spool is replayed beside the live packets, at a bounded multiple of real time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from audiokit.errors import LocalProtocolError, PeerProtocolError
from audiokit.live.messages import Ack, Gone, Welcome
from audiokit.live.packets import MAX_SEQUENCE, as_backfill, sequence_of
from audiokit.live.sequences import SequenceSet
from audiokit.live.spool import Spool
from audiokit.ranges import check_range

__all__ = ["Sender", "SenderSettings"]


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """How fast the spool is replayed, and how much waits in memory.

    Args:
        backfill_speed: Multiple of real time, 1 to 100.
        window_s: Seconds of packets that wait in memory for their acknowledgement, 1 to 3600;
            older ones go to the spool.
    """

    backfill_speed: float = 10.0
    window_s: float = 20.0

    def __post_init__(self) -> None:
        check_range("backfill_speed", self.backfill_speed, 1.0, 100.0, unit="times real time")
        check_range("window_s", self.window_s, 1.0, 3600.0, unit="s")


class Sender:
    """One session's packets on their way.

    Args:
        spool: Where they wait; may hold packets of the same session.
        packet_s: Seconds in a packet.
        settings: See there.

    Attributes:
        next: The sequence number that the next packet must have.
        arrived: The other end has every packet below this one.
        n_sent: Packets sent on any connection, those sent again included.
        n_backfilled: Those of them that had waited.
        n_gone: Packets that the spool dropped before they arrived.
    """

    def __init__(
        self, spool: Spool, *, packet_s: float, settings: SenderSettings | None = None
    ) -> None:
        settings = settings or SenderSettings()
        self._spool = spool
        self._packets_per_s = settings.backfill_speed / packet_s
        self._max_window = max(2, round(settings.window_s / packet_s))
        first, last = spool.first, spool.last
        self.next = 0 if last is None else last + 1
        self.arrived = 0 if first is None else first
        self._window: dict[int, bytes] = {}
        self._unsent: deque[int] = deque()
        self._backlog: deque[tuple[int, int]] = deque()
        self._have = SequenceSet()
        self._is_open = False
        self._credit = 0.0
        self._pulled_s = 0.0
        self.n_sent = self.n_backfilled = self.n_gone = 0

    @property
    def first(self) -> int:
        """The oldest packet that can still be sent."""
        candidates = [self.next, *list(self._window)[:1]]
        if self._spool.first is not None:
            candidates.append(self._spool.first)
        return min(candidates)

    @property
    def n_pending(self) -> int:
        """Packets that are not known to have arrived, those that were dropped not counted."""
        return len(self._window) + len(self._spool)

    @property
    def is_drained(self) -> bool:
        """Whether everything has arrived."""
        return self.arrived >= self.next

    @property
    def is_replaying(self) -> bool:
        """Whether packets that waited are still to be sent on this connection."""
        return self._is_open and bool(self._backlog)

    def push(self, data: bytes) -> None:
        """Take a newly recorded packet.

        Raises:
            LocalProtocolError: It is not the next one.
        """
        sequence = sequence_of(data)
        if sequence != self.next or sequence > MAX_SEQUENCE:
            raise LocalProtocolError("packet", f"sequence is {sequence}, expected {self.next}")
        self.next = sequence + 1
        if not self._is_open:
            self._spool.append(sequence, data)
            return
        self._window[sequence] = data
        self._unsent.append(sequence)
        if len(self._window) > self._max_window:
            self._spill()

    def open(self, welcome: Welcome, now_s: float) -> None:
        """Begin a connection with what the other end says it has.

        Raises:
            PeerProtocolError: It cannot have that.
        """
        self._acknowledge(welcome.next, welcome.have)
        self._is_open = True
        self._pulled_s, self._credit = now_s, 1.0
        self._backlog = deque(self._have.missing(self.arrived, self.next))

    def close(self) -> None:
        """End a connection: what may not have arrived goes to the spool."""
        for sequence, data in self._window.items():
            self._spool.append(sequence, data)
        self._window.clear()
        self._unsent.clear()
        self._backlog.clear()
        self._is_open = False

    def acknowledge(self, ack: Ack) -> None:
        """Take what the other end says it has by now.

        Raises:
            PeerProtocolError: It cannot have that.
        """
        self._acknowledge(ack.next, ack.have)

    def resend(self, first: int, following: int) -> None:
        """Send a range of packets again, before other ones that wait.

        Raises:
            PeerProtocolError: They have not been recorded yet.
        """
        if following > self.next:
            problem = f"asks for packet {following - 1}, expected one below {self.next}"
            raise PeerProtocolError("message resend", problem)
        if self._is_open and first < following:
            self._backlog.appendleft((max(first, self.arrived), following))

    def pull(self, now_s: float, *, has_room: bool = True) -> list[bytes | Gone]:
        """Return what shall be sent now: live packets first, then what waited.

        Args:
            now_s: Of a clock that only goes forward.
            has_room: Whether the connection takes more than live packets at present.
        """
        out: list[bytes | Gone] = [self._window[sequence] for sequence in self._unsent]
        self._unsent.clear()
        # No burst after a pause: a few packets' worth, then the rate.
        elapsed_s = max(0.0, now_s - self._pulled_s)
        self._credit = min(4.0, self._credit + elapsed_s * self._packets_per_s)
        self._pulled_s = now_s
        while has_room and self._credit >= 1.0 and self._backlog:
            item = self._next_waiting()
            if item is not None:
                out.append(item)
        self.n_sent += sum(isinstance(item, bytes) for item in out)
        return out

    def pause_s(self) -> float | None:
        """Return after how long `pull` has more of what waited; None when nothing waits."""
        if not self.is_replaying:
            return None
        return max(0.0, (1.0 - self._credit) / self._packets_per_s)

    def _next_waiting(self) -> bytes | Gone | None:
        """Return the next packet that waited, or word that there is none; None: look again."""
        first, following = self._backlog.popleft()
        first = self._have.first_missing(max(first, self.arrived))
        if first >= following:
            return None
        sequence, data = self._find(first, following)
        if sequence > first:
            # Those between are in no place: they were dropped, or have arrived after all.
            self._backlog.appendleft((sequence, following))
            self.n_gone += sequence - first
            return Gone(first, sequence)
        self._backlog.appendleft((first + 1, following))
        self._credit -= 1.0
        self.n_backfilled += 1
        return as_backfill(data)

    def _find(self, first: int, following: int) -> tuple[int, bytes]:
        """Return the first packet of a range that is anywhere; its end when none is."""
        if first in self._window:
            return first, self._window[first]
        found = self._spool.read(first)
        if found is not None and found[0] < following:
            return found
        in_window = [number for number in self._window if first <= number < following]
        if in_window:
            return in_window[0], self._window[in_window[0]]
        return following, b""

    def _acknowledge(self, following: int, have: tuple[tuple[int, int], ...]) -> None:
        if max([following, *(end for _, end in have)]) > self.next:
            raise PeerProtocolError(
                "message ack", f"says that packet {self.next} has arrived, which was never sent"
            )
        # Never backwards: what was said to have arrived has been forgotten here.
        self.arrived = max(self.arrived, following)
        self._have = SequenceSet(have)
        for number in [item for item in self._window if self._has_arrived(item)]:
            del self._window[number]
        self._unsent = deque(number for number in self._unsent if number in self._window)
        self._spool.trim(self.arrived)

    def _has_arrived(self, sequence: int) -> bool:
        return sequence < self.arrived or sequence in self._have

    def _spill(self) -> None:
        """Move the oldest packet in memory to the spool; unsent, it waits like any other."""
        sequence = next(iter(self._window))
        self._spool.append(sequence, self._window.pop(sequence))
        if self._unsent and self._unsent[0] == sequence:
            self._unsent.popleft()
            self._backlog.append((sequence, sequence + 1))
