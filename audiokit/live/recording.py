"""One session at the receiving end, on disk: what was acknowledged survives a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from audiokit.errors import CorruptError, PeerProtocolError, item_error_from_os
from audiokit.live.messages import Gone, Hello, decode_message, encode_message
from audiokit.live.packets import AudioPacket, decode_packet, encode_packet
from audiokit.live.receiver import Receiver
from audiokit.live.records import RecordFile

__all__ = ["Recording"]

# Packets begin with their version, text messages with a brace: both are records.
_BRACE = b"{"


class Recording:
    """A session's packets in a file, in the order in which they came.

    Args:
        path: The file; what an earlier process left in it is taken up.
        hello: Whose session it is; None to take it from the file.

    Attributes:
        hello: Whose session it is.
        receiver: What has arrived.

    Raises:
        ItemError: The file cannot be made or read.
        CorruptError: It does not say whose session it is, and `hello` does not either.
    """

    def __init__(self, path: Path, hello: Hello | None = None) -> None:
        self.path = path
        self.receiver = Receiver()
        found: Hello | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._records = RecordFile(path)
            for _, _, content in self._records.records():
                message = self._replay(content)
                found = message if isinstance(message, Hello) else found
            if found is None and hello is not None:
                self._records.append(0, encode_message(hello).encode())
        except OSError as error:
            raise item_error_from_os(error, str(path)) from error
        if found is None and hello is None:
            self._records.close()
            raise CorruptError(str(path), "does not say whose session it is", "Remove it.")
        self.hello: Hello = found or hello  # type: ignore[assignment]  # one of them is there
        if found is None:
            self.receiver.start_at(self.hello.first)

    def add(self, packet: AudioPacket) -> bool:
        """Keep a packet; return whether it is new.

        Raises:
            ItemError: The disk does not take it: what this object says has arrived is then
                not to be believed any more, but what a new one reads from the file.
            PeerProtocolError: It cannot belong to this session.
        """
        if not self.receiver.take(
            packet.sequence, is_end=packet.is_end, is_backfill=packet.is_backfill
        ):
            return False
        self._append(packet.sequence, encode_packet(packet))
        return True

    def give_up(self, gone: Gone) -> None:
        """Note packets that will not come.

        Raises:
            ItemError: The disk does not take it.
            PeerProtocolError: It cannot be.
        """
        self.receiver.give_up(gone.first, gone.next)
        self._append(0, encode_message(gone).encode())

    def sync_later(self) -> Callable[[], None]:
        """Return what brings all that was kept through a power cut; for another thread."""
        return self._records.sync_later()

    def packets(self) -> Iterator[AudioPacket | int]:
        """Yield the packets in order; where some are missing, how many.

        Raises:
            ItemError: The file cannot be read.
        """
        try:
            places = {
                sequence: offset
                for offset, sequence, content in self._records.records()
                if content[:1] != _BRACE
            }
            following = min(self.hello.first, min(places, default=0))
            for sequence in sorted(places):
                if sequence > following:
                    yield sequence - following
                yield decode_packet(self._records.read(places[sequence]))
                following = sequence + 1
        except OSError as error:
            raise item_error_from_os(error, str(self.path)) from error

    def close(self) -> None:
        """Let go of the file."""
        self._records.close()

    def _append(self, sequence: int, content: bytes) -> None:
        try:
            self._records.append(sequence, content)
        except OSError as error:
            raise item_error_from_os(error, str(self.path)) from error

    def _replay(self, content: bytes) -> object:
        """Note what a record of an earlier process says; return it if it is a message."""
        try:
            if content[:1] == _BRACE:
                message = decode_message(content.decode())
                if isinstance(message, Hello):
                    self.receiver.start_at(message.first)
                elif isinstance(message, Gone):
                    self.receiver.give_up(message.first, message.next)
                return message
            packet = decode_packet(content)
            self.receiver.take(packet.sequence, is_end=packet.is_end)
        except (PeerProtocolError, UnicodeDecodeError):
            # Its checksum is right: another version wrote it. What it held is asked for again.
            return None
        return None
