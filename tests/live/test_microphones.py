"""Microphones of a real sound server: to the bit by both back ends, and back after a loss."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import wave
from array import array

import pytest
from sound_server import SoundServer, can_run, without_reason

pytestmark = pytest.mark.skipif(not can_run(), reason=without_reason())
NOISE = random.Random(9)  # noqa: S311  the same each time


def sound(seconds, channels=1, peak=9000):
    n_values = round(16000 * seconds) * channels
    return array("h", [NOISE.randint(-peak, peak) for _ in range(n_values)]).tobytes()


LEAD = sound(3.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with SoundServer(tmp_path_factory.mktemp("sound")) as running:
        yield running


@pytest.fixture
def start(server, tmp_path):
    running = []

    def begin(*words, path=None):
        before = os.environ.get("PYTHONPATH", "")
        chosen = {"PYTHONPATH": os.pathsep.join(filter(None, (str(path or ""), before)))}
        process = subprocess.Popen(
            [sys.executable, "-m", "audiokit", *map(str, words)],
            env=os.environ | server.env | chosen, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def portaudio_or_skip(backend):
    if backend == "portaudio":
        try:
            import sounddevice  # noqa: F401
        except (ImportError, OSError) as error:
            pytest.skip(f"no PortAudio: {error}")


def samples_of(path):
    with wave.open(str(path), "rb") as file:
        return file.readframes(file.getnframes())


def wait_for(process, event, timeout_s=20):
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        line = process.stdout.readline()
        if not line:
            break
        if json.loads(line)["event"] == event:
            return json.loads(line)
    raise AssertionError((event, process.stderr.read() if process.poll() is not None else ""))


@pytest.mark.parametrize("backend", ["alsa", "portaudio"])
def test_devices_lists_the_servers_and_knows_a_respeaker(backend, server, start):
    portaudio_or_skip(backend)
    server.microphone(f"listed-{backend}")
    done = start("devices", "--backend", backend, "--json")
    out, said = done.communicate(timeout=30)
    rows = {(row["name"], row["kind"]): row for row in json.loads(out)["rows"]}
    assert done.returncode == 0, said
    assert rows["seeed-2mic-voicecard", "output"]["is_respeaker"]
    assert rows[f"listed-{backend}", "input"]["sample_rates"] == [16000]


@pytest.mark.parametrize("backend", ["alsa", "portaudio"])
def test_two_microphones_at_once_are_recorded_to_the_bit(backend, server, start, tmp_path):
    portaudio_or_skip(backend)
    wanted = {f"{backend}{number}": sound(2.0) for number in (1, 2)}
    feeds = {name: server.microphone(name) for name in wanted}
    takes = {}
    for name in wanted:
        # It needs to hear something until it is there.
        takes[name] = start("record", f"{name}.wav", "-d", name, "--backend", backend, "--json")
        feeds[name].play(LEAD * 4)
    for name, pcm in wanted.items():
        wait_for(takes[name], "record.status")
        wait_for(takes[name], "record.status")
        feeds[name].then(pcm)
    for name, pcm in wanted.items():
        feeds[name].done()
        time.sleep(0.6)
        takes[name].terminate()
        out, said = takes[name].communicate(timeout=20)
        assert takes[name].returncode == 0, said
        ended = json.loads(out.splitlines()[-1])
        assert (ended["event"], ended["overruns"], ended["failures"]) == ("record.ended", 0, 0)
        assert pcm in samples_of(tmp_path / f"{name}.wav")


def test_one_channel_of_an_array_is_that_channel_to_the_bit(server, start, tmp_path):
    feed = server.microphone("array", channels=2)
    take = start(
        "record", "left.raw", "-d", "array", "--backend", "alsa", "--channels", "2",
        "--channel", "1", "--json",
    )  # fmt: skip
    feed.play(LEAD * 4)
    for _ in range(2):
        wait_for(take, "record.status")
    pcm = sound(0.5, channels=2)
    feed.then(pcm)
    feed.done()
    time.sleep(0.6)
    take.terminate()
    take.communicate(timeout=20)
    assert array("h", pcm)[1::2].tobytes() in (tmp_path / "left.raw").read_bytes()


def test_a_microphone_that_is_unplugged_and_back_is_recorded_on_within_five_seconds(
    server, start, tmp_path
):
    feed = server.microphone("lost")
    take = start("record", "lost.wav", "-d", "lost", "--backend", "alsa", "--json")
    feed.play(LEAD * 4)
    for _ in range(2):
        wait_for(take, "record.status")
    feed.stop()
    feed.unplug()
    gone = wait_for(take, "source.failed")
    assert "lost" in gone["reason"]
    time.sleep(0.5)
    server.microphone("lost").play(LEAD * 4)
    begin = time.monotonic()
    assert wait_for(take, "source.back")["failures"] >= 1
    assert time.monotonic() - begin < 5.0
    time.sleep(0.5)
    take.terminate()
    out, said = take.communicate(timeout=20)
    assert take.returncode == 0, said
    recorded_s = json.loads(out.splitlines()[-1])["recorded_s"]
    # Its absence is silence in the file, and the file is as long as the time that went by.
    assert bytes(2 * 16000) in samples_of(tmp_path / "lost.wav") or recorded_s > 3


def test_a_microphone_that_gives_nothing_is_said_to_be_dead(server, start):
    feed = server.microphone("dead")
    take = start("record", "dead.wav", "-d", "dead", "--backend", "alsa", "--json")
    feed.play(LEAD)
    assert "has given nothing for 2 s" in wait_for(take, "source.failed")["reason"]


def test_a_microphone_streams_to_a_listener_and_prometheus_sees_it(server, start, tmp_path):
    feed = server.microphone("live")
    listener = start("listen", "ws://127.0.0.1:0", "-o", "got", "--sessions", "1", "--json")
    port = wait_for(listener, "listen.ready")["port"]
    client = start(
        "stream", f"ws://127.0.0.1:{port}", "-d", "live", "--backend", "alsa", "--json",
        "--metrics", "live.prom", "--spool", "spool",
    )  # fmt: skip
    feed.play(LEAD * 4)
    wait_for(client, "stream.connected")
    time.sleep(2.0)
    client.terminate()
    _, said = client.communicate(timeout=20)
    assert client.returncode == 0, said
    assert wait_for(listener, "listen.written")["lost"] == 0
    assert listener.wait(timeout=20) == 0
    assert len(samples_of(next((tmp_path / "got").glob("*.wav")))) > 32_000
    assert "audiokit_stream_overruns_total 0\n" in (tmp_path / "live.prom").read_text()


@pytest.mark.parametrize("words", [("record", "x.wav"), ("stream", "ws://127.0.0.1:1")])
def test_arecord_needs_neither_numpy_nor_anything_heavy(words, server, start, tmp_path):
    name = f"light-{words[0]}"
    feed = server.microphone(name)
    code = (
        "import atexit, sys; from pathlib import Path\n"
        "atexit.register(lambda: Path('modules').write_text(' '.join(sys.modules)))\n"
    )
    (tmp_path / "sitecustomize.py").write_text(code)
    process = start(
        *words, "-d", name, "--backend", "alsa", "--json",
        *(("--spool", "spool", "--drain-s", "0") if words[0] == "stream" else ()),
        path=tmp_path,
    )  # fmt: skip
    feed.play(LEAD * 4)
    for _ in range(2):
        wait_for(process, f"{words[0]}.status")
    process.terminate()
    process.communicate(timeout=20)
    loaded = {name.partition(".")[0] for name in (tmp_path / "modules").read_text().split()}
    heavy = {"numpy", "scipy", "librosa", "numba", "soxr", "pandas", "soundfile", "av", "rich"}
    assert "audiokit" in loaded
    assert not loaded & heavy


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("-d", "nowhere"), 5, "input device 'nowhere': not found among"),
        (("-d", "e"), 2, "part of one name, not of several"),
        (("--channel", "7"), 2, "channel is 7, expected 0 to 0"),
        (("-i", "nothing.wav"), 1, "nothing.wav: No such file"),
    ],
)
def test_bad_input_is_one_line_and_its_exit_code(words, code, sentence, server, start, tmp_path):
    server.microphone(f"e{code}{len(sentence)}")
    done = start("record", "take.wav", "--backend", "alsa", *words)
    out, said = done.communicate(timeout=30)
    assert (done.returncode, out) == (code, "")
    assert sentence in said
    assert said.count("\n") == 1
    assert not (tmp_path / "take.wav").exists()
