"""What Prometheus and systemd are told of a live program."""

from __future__ import annotations

import asyncio
import re
import socket
import urllib.error
import urllib.request

import pytest

from audiokit.errors import MissingDeviceError
from audiokit.live.metrics import Metrics
from audiokit.live.monitor import Monitor, Systemd

SAMPLE = re.compile(r'[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"\})? -?[0-9.e+]+')


class Told:
    def __init__(self):
        self.events = []

    def __call__(self, event, /, **facts):
        self.events.append((event, facts))

    def facts(self, event):
        return next(facts for name, facts in self.events if name == event)


def test_status_becomes_gauges_and_counters_and_events_are_counted():
    metrics = Metrics()
    metrics.take("stream.connected", next=0, waiting=0)
    metrics.take("stream.status", state="streaming", packets=12, level_dbov=-31, round_trip_ms=1.5)
    metrics.take(
        "stream.status", state="streaming", packets=13, level_dbov=-32, round_trip_ms=None
    )
    lines = metrics.text().splitlines()
    assert "# TYPE audiokit_stream_packets_total counter" in lines
    assert "audiokit_stream_packets_total 13" in lines
    assert "audiokit_stream_level_dbov -32" in lines
    assert 'audiokit_stream_state{state="streaming"} 1' in lines
    assert 'audiokit_events_total{event="stream.connected"} 1' in lines
    # What is not known is no number.
    assert not any("round_trip" in line for line in lines)


def test_every_line_is_of_the_exposition_format():
    metrics = Metrics()
    metrics.take("x.status", name='a "b" \\ c\nd', big=1e21, small=1e-9, yes=True)
    text = metrics.text()
    assert text.endswith("\n")
    bad = [
        line for line in text.splitlines()
        if not (line.startswith("# TYPE ") or SAMPLE.fullmatch(line.replace("e-", "e")))
    ]  # fmt: skip
    assert bad == []


def fetch(url, method="GET"):
    request = urllib.request.Request(url, method=method)  # noqa: S310  this machine
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310  likewise
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def test_prometheus_is_answered_and_others_are_sent_away():
    async def run():
        told = Told()
        monitor = Monitor(told, metrics=":0")
        async with monitor.serving():
            monitor("record.status", recorded_s=2.5)
            port = told.facts("metrics.ready")["port"]
            url = f"http://127.0.0.1:{port}"
            loop = asyncio.get_running_loop()
            status, kind, text = await loop.run_in_executor(None, fetch, f"{url}/metrics")
            assert (status, kind.split(";")[0]) == (200, "text/plain")
            assert "audiokit_record_recorded_s_total 2.5" in text
            assert float(re.search(r"^audiokit_record_memory_mb (\S+)", text, re.MULTILINE)[1]) > 5
            for path, method, code in (("/", "GET", 404), ("/metrics", "POST", 405)):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    await loop.run_in_executor(None, fetch, url + path, method)
                assert caught.value.code == code
                caught.value.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x" * 100_000)
            assert await reader.read() == b""
            writer.close()

    asyncio.run(run())


def test_metrics_in_a_file_are_always_whole(tmp_path):
    path = tmp_path / "audiokit.prom"
    monitor = Monitor(Told(), metrics=str(path))
    monitor("stream.status", packets=1)
    assert "audiokit_stream_packets_total 1\n" in path.read_text()
    assert list(tmp_path.iterdir()) == [path]


def test_metrics_that_cannot_be_written_are_told_once_and_end_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    told = Told()
    monitor = Monitor(told, metrics=str(tmp_path / "file" / "audiokit.prom"))
    for _ in range(2):
        monitor("stream.status", packets=1)
    assert [event for event, _ in told.events].count("metrics.unwritten") == 1


def test_a_port_that_is_taken_is_one_clear_error():
    async def run(port):
        async with Monitor(Told(), metrics=f"127.0.0.1:{port}").serving():
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MissingDeviceError, match=f"127.0.0.1:{port}: cannot be had"):
            asyncio.run(run(port))


def test_systemd_hears_of_the_start_of_each_status_and_of_the_end(tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(5)
        monitor = Monitor(Told(), systemd=Systemd({"NOTIFY_SOCKET": str(path)}))
        monitor("stream.started", session="a")
        monitor("stream.status", state="streaming")
        monitor("stream.ended", packets=3)
        said = [listener.recv(1000).decode() for _ in range(3)]
    assert said == ["READY=1", "WATCHDOG=1\nSTATUS=streaming", "STOPPING=1"]


def test_a_systemd_that_is_gone_ends_nothing(tmp_path):
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).tell("READY=1")
    Systemd({"NOTIFY_SOCKET": "@nobody-listens-here"}).tell("READY=1")
    Systemd({}).tell("READY=1")
