"""Sessions that an earlier process could not deliver: sent beside the running one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from random import SystemRandom

from audiokit.errors import WireError
from audiokit.live.backoff import Backoff, BackoffSettings
from audiokit.live.link import Link
from audiokit.live.messages import Message
from audiokit.live.packets import AudioPacket, encode_packet, is_end
from audiokit.live.report import Report
from audiokit.live.sender import Sender, SenderSettings
from audiokit.live.store import SpooledSession
from audiokit.live.uplink import Uplink

__all__ = ["deliver_leftovers"]


class _Silent:
    """Hears what an uplink says, and says nothing."""

    def connected(self, next_sequence: int) -> None:
        """There is a connection."""

    def disconnected(self, reason: str) -> None:
        """There is none any more."""

    def unreachable(self, reason: str) -> None:
        """A try to connect has failed."""

    def received(self, item: Message | AudioPacket) -> None:
        """The server speaks: not to who has gone."""


async def deliver_leftovers(
    sessions: Iterable[SpooledSession],
    *,
    dial: Callable[[], Awaitable[Link]],
    settings: SenderSettings,
    report: Report,
) -> None:
    """Send each session, one after the other, and remove it when all of it has arrived.

    Args:
        sessions: The oldest first.
        dial: Opens a connection.
        settings: How fast.
        report: Is told of each.
    """
    for session in sessions:
        hello = session.hello
        sender = Sender(session.spool, packet_s=hello.format.packet_s, settings=settings)
        last = session.spool.read(sender.next - 1)
        if last is None or not is_end(last[1]):
            # Its process was killed: what it recorded ends here.
            sender.push(encode_packet(AudioPacket(sender.next, is_end=True)))
        n_waiting = sender.n_pending
        backoff = Backoff(BackoffSettings(first_s=1.0), SystemRandom())
        uplink = Uplink(hello, sender, dial=dial, backoff=backoff, observer=_Silent())
        uplink.finish()
        try:
            await uplink.run()
        except WireError as error:
            report("leftover.refused", session=hello.session, reason=str(error))
            continue
        session.remove()
        report("leftover.delivered", session=hello.session, packets=n_waiting)
