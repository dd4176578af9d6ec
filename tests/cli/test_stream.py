"""`stream` and `listen` as programs: two terminals, signals, and what goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audiokit.cli.app import app
from audiokit.live.decoding import SessionDecoder
from audiokit.live.encoding import PacketMaker
from audiokit.live.packets import decode_packet
from audiokit.live.pcm import PcmFormat, to_pcm
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

VOICE = to_pcm(speechlike(StreamFormat(16000), 1.5))
LIVE = Path(__file__).resolve().parents[1] / "live"
CERTIFICATE, KEY = LIVE / "localhost.crt", LIVE / "localhost.key"


@pytest.fixture
def voice(tmp_path):
    return write(tmp_path / "voice.wav", VOICE)


def write(path, pcm):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(pcm)
    return path


def samples_of(path):
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes())


def as_sent(pcm):
    maker = PacketMaker(PcmFormat())
    decoder = SessionDecoder(maker.format)
    packets = maker.push(pcm) + maker.finish()
    return b"".join(decoder.push(decode_packet(data)) for data in packets)


@pytest.fixture
def start(tmp_path):
    """Start ``audiokit`` beside the test; what still runs at its end is ended."""
    running = []

    def begin(*arguments, env=None, **pipes):
        clean = {name: v for name, v in os.environ.items() if not name.startswith("AUDIOKIT_")}
        clean |= {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_STATE_HOME": str(tmp_path / "s")}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | pipes
        process = subprocess.Popen(
            [sys.executable, "-m", "audiokit", *map(str, arguments)],
            cwd=tmp_path,
            env=clean | (env or {}),
            **options,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ready(listener):
    """Return the port of a listener that reports in JSON."""
    return json.loads(listener.stdout.readline())["port"]


def events(text):
    return [json.loads(line) for line in text.decode().splitlines()]


def free_port():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as sock:
        return sock.getsockname()[1]


def test_two_terminals_over_tls_give_the_decoded_original_sample_by_sample(start, tmp_path, voice):
    (tmp_path / "token").write_text("s3cret\n")
    secure = ("--token-file", "token")
    listener = start(
        "listen", "wss://127.0.0.1:0", "--certificate", CERTIFICATE, "--key", KEY, *secure,
        "-o", "got", "--sessions", "1", "--json",
    )  # fmt: skip
    url = f"wss://localhost:{ready(listener)}"
    client = start("stream", url, "-i", voice, *secure, "--ca-file", CERTIFICATE, "--name", "a b")
    out, said = client.communicate(timeout=30)
    assert (client.returncode, out) == (0, b""), said
    assert listener.wait(timeout=20) == 0
    (path,) = (tmp_path / "got").glob("*.wav")
    assert path.name.startswith("a-b-20")
    assert samples_of(path) == as_sent(VOICE)


def test_a_pipe_into_stream_comes_out_of_listen(start):
    port = free_port()
    listener = start("listen", f"ws://127.0.0.1:{port}", "-o", "-", "--sessions", "1")
    while b"listening" not in listener.stderr.readline():
        pass
    client = start("stream", f"ws://127.0.0.1:{port}", stdin=subprocess.PIPE)
    _, said = client.communicate(VOICE, timeout=30)
    assert client.returncode == 0, said
    pcm, _ = listener.communicate(timeout=20)
    assert listener.returncode == 0
    assert pcm == as_sent(VOICE)


def test_a_killed_listener_goes_on_where_it_was(start, tmp_path):
    long = write(tmp_path / "long.wav", VOICE * 3)
    port = free_port()
    arguments = ("listen", f"ws://127.0.0.1:{port}", "-o", "got", "--sessions", "1", "--json")
    first = start(*arguments)
    ready(first)
    client = start("stream", f"ws://127.0.0.1:{port}", "-i", long, "--json")
    while b"stream.connected" not in client.stdout.readline():
        pass
    time.sleep(0.5)
    first.kill()
    first.wait()
    second = start(*arguments)
    out, said = client.communicate(timeout=40)
    assert client.returncode == 0, said
    assert second.wait(timeout=20) == 0
    assert samples_of(next((tmp_path / "got").glob("*.wav"))) == as_sent(VOICE * 3)
    assert "stream.disconnected" in [event["event"] for event in events(out)]


def test_sigterm_sends_what_is_left_and_sighup_reads_the_token_again(start, tmp_path):
    (tmp_path / "token").write_text("old")
    long = write(tmp_path / "long.wav", VOICE * 20)
    listener = start("listen", "ws://127.0.0.1:0", "--token-file", "token", "--json", "-o", "got")
    url = f"ws://127.0.0.1:{ready(listener)}"
    client = start("stream", url, "-i", long, "--token-file", "token", "--json")
    for line in client.stdout:
        if json.loads(line).get("packets", 0) > 20:
            break
    (tmp_path / "token").write_text("new")
    listener.send_signal(signal.SIGHUP)
    for line in listener.stdout:
        if json.loads(line)["event"] == "listen.reloaded":
            break
    client.send_signal(signal.SIGHUP)
    for line in client.stdout:
        if json.loads(line)["event"] == "stream.connected":
            break
    client.send_signal(signal.SIGTERM)
    out, said = client.communicate(timeout=20)
    assert (client.returncode, said) == (0, b"")
    assert events(out)[-1]["waiting"] == 0
    listener.send_signal(signal.SIGTERM)
    assert listener.wait(timeout=20) == 0
    pcm = samples_of(next((tmp_path / "got").glob("*.wav")))
    assert 0 < len(pcm) < len(VOICE) * 20
    assert pcm[:20_000] == as_sent(VOICE * 20)[:20_000]


def test_a_listener_that_is_told_to_end_writes_what_it_has(start, tmp_path):
    listener = start("listen", "ws://127.0.0.1:0", "-o", "got", "--json")
    url = f"ws://127.0.0.1:{ready(listener)}"
    client = start("stream", url, "-i", write(tmp_path / "long.wav", VOICE * 20), "--json")
    for line in client.stdout:
        if json.loads(line).get("packets", 0) > 20:
            break
    listener.send_signal(signal.SIGTERM)
    out, _ = listener.communicate(timeout=20)
    assert listener.returncode == 0
    assert events(out)[-1]["is_complete"] is False
    assert len(samples_of(next((tmp_path / "got").glob("*.wav")))) > 10_000
    client.send_signal(signal.SIGKILL)


def test_ctrl_c_drains_and_says_so_by_its_code(start, tmp_path):
    listener = start("listen", "ws://127.0.0.1:0", "-o", "got", "--json")
    url = f"ws://127.0.0.1:{ready(listener)}"
    client = start("stream", url, "-i", write(tmp_path / "long.wav", VOICE * 20), "--json")
    for line in client.stdout:
        if json.loads(line)["event"] == "stream.connected":
            break
    client.send_signal(signal.SIGINT)
    out, said = client.communicate(timeout=20)
    assert (client.returncode, said) == (130, b"audiokit: interrupted.\n")
    assert events(out)[-1]["waiting"] == 0


def test_without_a_server_the_code_says_that_it_has_not_arrived(audiokit, voice):
    port = free_port()
    done = audiokit("stream", f"ws://127.0.0.1:{port}", "-i", voice, "--spool", "sp",
                    "--drain-s", "0.2")  # fmt: skip
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "cannot be reached" in lines[0]
    assert "26 packets have not arrived" in lines[-1]
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["stream", "http://x"], 2, "wss://host"),
        (["stream", "ws://192.0.2.1"], 2, "--insecure"),
        (["stream", "wss://me:pw@x"], 2, "--token-file"),
        (["stream", "ws://127.0.0.1", "-i", "none.wav"], 1, "none.wav"),
        (["stream", "ws://127.0.0.1", "--sample-rate", "44100"], 2, "Opus"),
        (["stream", "ws://127.0.0.1", "--packet-ms", "50"], 2, "packet_ms"),
        (["stream", "ws://127.0.0.1", "--recipe", "podcast"], 2, "run live"),
        (["stream", "ws://127.0.0.1", "--recipe", "nonesuch"], 2, "nonesuch"),
        (["stream", "ws://127.0.0.1", "--token-file", "nothing"], 2, "token_file"),
        (["stream", "wss://127.0.0.1", "--ca-file", "nothing"], 2, "ca_file"),
        (["stream", "ws://127.0.0.1", "--play", "-", "--json"], 2, "play"),
        (["stream", "ws://127.0.0.1", "--spool-mb", "0"], 2, "max_bytes"),
        (["listen", "ws://0.0.0.0:1"], 2, "wss://"),
        (["listen", "wss://127.0.0.1:1"], 2, "certificate"),
        (["listen", "ws://0.0.0.0:1", "--token-file", "nothing", "--insecure"], 2, "token_file"),
        (["listen", "-o", "-", "--json"], 2, "folder"),
    ],
)
def test_what_cannot_be_is_one_line_and_its_code(arguments, code, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_wrong_token_is_one_line_and_code_6(start, audiokit, voice):
    env = {"AUDIOKIT_TOKEN": "right"}
    listener = start("listen", "ws://127.0.0.1:0", "-o", "got", "--json", env=env)
    url = f"ws://127.0.0.1:{ready(listener)}"
    done = audiokit("stream", url, "-i", voice, env={"AUDIOKIT_TOKEN": "wrong"})
    assert done.returncode == 6
    assert "token" in done.stderr
    assert "wrong" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert audiokit("stream", url, "-i", voice, env=env).returncode == 0


def test_two_clients_do_not_share_a_spool(start, audiokit, voice):
    port = free_port()
    first = start("stream", f"ws://127.0.0.1:{port}", "--spool", "sp", stdin=subprocess.PIPE)
    while b"cannot be reached" not in first.stderr.readline():
        pass
    done = audiokit("stream", f"ws://127.0.0.1:{port}", "--spool", "sp", "-i", voice)
    assert done.returncode == 2
    assert "--spool" in done.stderr
