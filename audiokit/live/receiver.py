"""What has arrived of a session: a machine that finds duplicates, gaps and the end."""

from __future__ import annotations

from audiokit.errors import PeerProtocolError
from audiokit.live.messages import MAX_RANGES, Ack
from audiokit.live.sequences import SequenceSet

__all__ = ["Receiver"]


class Receiver:
    """Which packets of one session are here.

    Args:
        max_ahead: How far a packet may lie beyond the first missing one; what lies further
            is the peer's fault, for no client keeps that much.

    Attributes:
        next: Every packet below this one is here, or gone.
        n_received: Packets that came, each once.
        n_duplicates: Packets that came again.
        n_gone: Packets that the other end dropped.
        n_backfilled: Packets that came late, by their own flag.
        end: The sequence number of the last packet, once that is here.
    """

    def __init__(self, *, max_ahead: int = 10_000_000) -> None:
        self._max_ahead = max_ahead
        self._ahead = SequenceSet()
        self._gone = SequenceSet()
        self.next = 0
        self.n_received = self.n_duplicates = self.n_gone = self.n_backfilled = 0
        self.end: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the last packet and all before it are here."""
        return self.end is not None and self.next > self.end

    def start_at(self, first: int) -> None:
        """Leave out what the other end has no more; only before the first packet."""
        if first > self.next and not self.n_received:
            self._leave_out(self.next, first)

    def take(self, sequence: int, *, is_end: bool = False, is_backfill: bool = False) -> bool:
        """Note a packet that arrived; return whether it is new.

        Raises:
            PeerProtocolError: It lies behind the end, or absurdly far ahead.
        """
        if sequence - self.next > self._max_ahead or (
            self.end is not None and sequence > self.end
        ):
            raise PeerProtocolError("audio packet", f"has sequence {sequence}, beyond the session")
        if self.has(sequence):
            self.n_duplicates += 1
            return False
        self.n_received += 1
        self.n_backfilled += is_backfill
        if is_end:
            self.end = sequence
        self._ahead.add(sequence)
        self._advance()
        return True

    def has(self, sequence: int) -> bool:
        """Return whether a packet is here, or given up."""
        return sequence < self.next or sequence in self._ahead

    def give_up(self, first: int, following: int) -> None:
        """Wait no more for packets that the other end does not have.

        Raises:
            PeerProtocolError: The range lies absurdly far ahead.
        """
        if following - self.next > self._max_ahead:
            raise PeerProtocolError("message gone", f"ends at {following}, beyond the session")
        self._leave_out(max(first, self.next), following)

    def ack(self) -> Ack:
        """Return what to tell the other end."""
        # The last ranges, where there are too many: live packets are what it waits for.
        return Ack(self.next, tuple(self._ahead)[-MAX_RANGES:])

    def _leave_out(self, first: int, following: int) -> None:
        for begin, end in list(self._ahead.missing(first, following)):
            self.n_gone += end - begin
            self._ahead.add_range(begin, end)
        self._advance()

    def _advance(self) -> None:
        self.next = self._ahead.first_missing(self.next)
        self._ahead.drop_below(self.next)
