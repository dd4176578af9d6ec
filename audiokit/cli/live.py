"""What `stream` and `listen` share: signals, events as they happen, tokens."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer

from audiokit.cli.console import emit_event, say, show_status
from audiokit.cli.options import OutputOptions
from audiokit.errors import SettingError

if TYPE_CHECKING:
    from audiokit.live.microphone import Channel
    from audiokit.live.monitor import Monitor

__all__ = [
    "BackendChoice",
    "DeviceName",
    "Insecure",
    "LiveJob",
    "MetricsPlace",
    "TokenFile",
    "channel_of",
    "reporter",
    "run_live",
    "token_of",
]

TokenFile = Annotated[
    Path | None,
    typer.Option(help="A file that holds the token alone; else AUDIOKIT_TOKEN is taken."),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Let ws:// cross a network: anyone on it can listen.")
]

BackendChoice = Annotated[
    Literal["auto", "alsa", "portaudio"],
    typer.Option(help="What reaches devices; auto: arecord on a small computer, else PortAudio."),
]
DeviceName = Annotated[
    str | None,
    typer.Option("--device", "-d", help="A microphone's index or part of its name."),
]
MetricsPlace = Annotated[
    str | None,
    typer.Option("--metrics", help="For Prometheus: :9110, host:port, or a file to write."),
]

_SENTENCES = {
    "stream.connected": "connected; {waiting} packets waited.",
    "stream.disconnected": "the connection is gone: {reason}. Recording goes on.",
    "stream.reloaded": "settings read again.",
    "stream.selected": "selected: {is_selected}.",
    "spool.dropped": "the spool is full: the oldest {packets} packets are lost.",
    "spool.unsafe": "the spool may not survive a power cut: {reason}",
    "source.failed": "the source failed: {reason} It is tried again.",
    "source.back": "the source is back.",
    "source.clipped": "the microphone clips: {clipped} samples so far. Turn its gain down.",
    "source.quiet": "the microphone hears next to nothing.",
    "source.dead": "the microphone gives digital silence: is it muted, or unplugged?",
    "source.sound": "the microphone hears something again.",
    "source.overrun": "{pieces} pieces of sound were lost: this machine is too busy.",
    "metrics.ready": "metrics at http://{host}:{port}/metrics",
    "metrics.unwritten": "metrics could not be written: {reason}",
    "record.unsafe": "the recording may not survive a power cut: {reason}",
    "speaker.failed": "the speaker failed: {reason} It is tried again.",
    "leftover.delivered": "an earlier session was delivered: {packets} packets.",
    "leftover.refused": "an earlier session was refused: {reason}",
    "listen.ready": "listening at {url}",
    "listen.connected": "{name} has come ({session}, from packet {next} on).",
    "listen.refused": "{peer} was refused: wrong token.",
    "listen.fault": "{peer} broke the protocol: {reason}",
    "listen.stuck": "{peer} was sent away: {reason}",
    "listen.gone": "{session} has lost packets from {first} on.",
    "listen.written": "{path}: {packets} packets, {lost} lost.",
    "listen.unwritten": "{session} could not be written: {reason}",
}
_STATUS = {
    "stream.status": (
        "{state}  {level_dbov:4d} dBov  {packets} packets  {waiting} waiting  "
        "{dropped} lost  RTT {round_trip_ms} ms  {cpu_percent} % CPU  {memory_mb} MB"
    ),
    "record.status": (
        "{recorded_s:.0f} s  peak {peak_dbfs} dBFS  {overruns} overruns  {clipped} clipped  "
        "{cpu_percent} % CPU  {memory_mb} MB"
    ),
}


def reporter(output: OutputOptions) -> Callable[..., None]:
    """Return what takes events: lines of JSON on stdout, or sentences on stderr."""
    unreachable = ""

    def report(event: str, /, **facts: Any) -> None:
        nonlocal unreachable
        if output.json:
            emit_event({"event": event, **facts})
        elif event in _STATUS:
            show_status(_STATUS[event].format(**facts), output)
        elif event == "stream.unreachable":
            # The same reason is said once, not with each try.
            if facts["reason"] != unreachable:
                say(f"{facts['reason']} Recording goes on.", output)
            unreachable = facts["reason"]
        elif event in _SENTENCES:
            unreachable = ""
            say(_SENTENCES[event].format(**facts), output)

    return report


def token_of(token_file: Path | None) -> str | None:
    """Return the token of the file, or of the environment."""
    from audiokit.live.connect import read_token

    return read_token(token_file, os.environ.get("AUDIOKIT_TOKEN"))


def channel_of(text: str) -> Channel:
    """Return what ``--channel`` says.

    Raises:
        SettingError: Neither a number nor one of the words.
    """
    if text in {"all", "mix"}:
        return text  # type: ignore[return-value]  # one of its words
    if not text.isdecimal():
        raise SettingError("channel", text, "a number from 0, mix or all")
    return int(text)


class LiveJob(Protocol):
    """What runs until it is told to end."""

    async def run(self) -> None:
        """Do it."""
        ...

    async def drain(self) -> None:
        """Bring it to its end; `run` then returns."""
        ...

    def reload(self) -> None:
        """Read settings again."""
        ...


def run_live(job: LiveJob, monitor: Monitor | None = None) -> None:
    """Run until the job is done; SIGTERM and Ctrl-C drain it, once more ends it, SIGHUP reloads.

    Args:
        job: What to do.
        monitor: Is served beside it.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, and the job has come to its end.
    """
    # What was imported stays: it need not be looked at again and again.
    gc.collect()
    gc.freeze()
    if asyncio.run(_watched(job, monitor)):
        raise KeyboardInterrupt


async def _watched(job: LiveJob, monitor: Monitor | None) -> bool:
    if monitor is None:
        return await _with_signals(job)
    async with monitor.serving():
        return await _with_signals(job)


async def _with_signals(job: LiveJob) -> bool:
    """Run a job; return whether Ctrl-C ended it."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job.run())
    received: list[int] = []
    draining: set[asyncio.Future[None]] = set()

    def end(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            task.cancel()
        else:
            draining.add(asyncio.ensure_future(job.drain()))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, job.reload)
    try:
        await task
    except asyncio.CancelledError:
        if not received:
            raise
    return signal.SIGINT in received
