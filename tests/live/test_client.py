"""The client as a whole: a source in, a server at the other end, replies back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import wave

import numpy as np
import pytest
import rig

from audiokit.errors import MissingDeviceError, UndeliveredError, UntrustedError
from audiokit.live.answers import Answers
from audiokit.live.backoff import BackoffSettings
from audiokit.live.client import Client, ClientSettings, Devices
from audiokit.live.connect import Dialer, Endpoint
from audiokit.live.decoding import SessionDecoder, write_wav
from audiokit.live.encoding import PacketMaker
from audiokit.live.packets import decode_packet
from audiokit.live.pcm import PcmFormat, to_block, to_pcm
from audiokit.live.source import StreamSource, WavSource
from audiokit.live.store import SpoolStore
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

VOICE = to_pcm(speechlike(StreamFormat(16000), 2.0))
QUICK = BackoffSettings(first_s=0.05, early_s=0.2)


def as_sent(pcm):
    """Return what the samples are behind the codec, by the same packets."""
    maker = PacketMaker(PcmFormat())
    decoder = SessionDecoder(maker.format)
    return b"".join(decoder.push(decode_packet(data)) for data in maker.push(pcm) + maker.finish())


def write(path, pcm, sample_rate=16000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm)
    return path


class Ear:
    """A speaker that keeps what it was given."""

    fmt = PcmFormat()

    def __init__(self):
        self.heard, self.n_opened, self.fails = b"", 0, 0

    async def open(self):
        self.n_opened += 1

    async def write(self, pcm):
        if self.fails:
            self.fails -= 1
            raise MissingDeviceError("The speaker is gone.")
        self.heard += pcm

    async def close(self):
        pass


class Microphone:
    """A device that gives some sound and fails, again and again."""

    fmt, n_overruns, may_return = PcmFormat(), 0, True

    def __init__(self, spans):
        self._spans, self._pieces = list(spans), []

    async def open(self):
        span = self._spans.pop(0)
        if span is None:
            raise MissingDeviceError("No such device.")
        self._pieces = [VOICE[at : at + 640] for at in range(0, span, 640)]

    async def read(self):
        await asyncio.sleep(0.002)
        if self._pieces:
            return self._pieces.pop(0)
        if self._spans:
            raise MissingDeviceError("The device is gone.")
        return b""

    async def close(self):
        pass


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "shelf").mkdir()
    return rig.Shelf(tmp_path / "shelf")


@pytest.fixture
def voice(tmp_path):
    return write(tmp_path / "voice.wav", VOICE)


class Scene:
    """A client on this machine, and what it reported."""

    def __init__(self, tmp_path, port, source, *, speaker=None, endpoint=None, **settings):
        self.events = []
        self.place = SpoolStore(tmp_path / "spool")
        options = {"backoff": QUICK, "drain_s": 8.0, "name": "kitchen"} | settings
        scheme = "wss" if endpoint else "ws"
        self.client = Client(
            Devices(source, speaker),
            PacketMaker(source.fmt),
            self.place,
            dialer=Dialer(Endpoint(f"{scheme}://localhost:{port}", **(endpoint or {}))),
            settings=ClientSettings(**options),
            report=self.report,
        )

    def report(self, event, /, **facts):
        self.events.append((event, facts))

    async def run(self):
        try:
            await asyncio.wait_for(self.client.run(), 20)
        finally:
            self.place.close()

    @property
    def states(self):
        return [facts["state"] for event, facts in self.events if event == "stream.state"]


def received(shelf, tmp_path, number=0):
    write_wav(shelf.complete[number], tmp_path / "out.wav")
    with wave.open(str(tmp_path / "out.wav"), "rb") as file:
        return file.readframes(file.getnframes())


def test_what_is_received_is_what_was_encoded_sample_by_sample(tmp_path, shelf, voice):
    async def scene():
        async with rig.Server(shelf) as server:
            scene = Scene(tmp_path, server.port, WavSource(voice, is_paced=False))
            await scene.run()
        return scene

    scene = asyncio.run(scene())
    assert received(shelf, tmp_path) == as_sent(VOICE)
    offsets = [facts["clock_offset_ms"] for name, facts in scene.events if name == "stream.status"]
    # Both ends have the same clock here.
    assert offsets[-1] is None or abs(offsets[-1]) < 200
    assert scene.states[0] == "recording"
    assert scene.states[-2:] == ["processing", "idle"]
    assert shelf.complete[0].hello.name == "kitchen"
    # Nothing of it stays on the client's disk.
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["lock"]


def test_a_file_comes_at_the_pace_of_a_microphone(voice):
    async def scene():
        source = WavSource(voice)
        await source.open()
        began_s = asyncio.get_running_loop().time()
        n_bytes = 0
        while n_bytes < 32_000 * 0.4:
            n_bytes += len(await source.read())
        await source.close()
        return asyncio.get_running_loop().time() - began_s

    assert 0.4 <= asyncio.run(scene()) < 1.0


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_files_of_other_widths_become_16_bits(tmp_path, width):
    values = np.array([0, 1, -1, 100, -128, 127], np.int64) << 8 * (width - 1)
    data = values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    if width == 1:
        data = bytes(value ^ 0x80 for value in data)
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(16000)
        file.writeframes(data)

    async def scene():
        source = WavSource(tmp_path / "x.wav", is_paced=False)
        await source.open()
        return await source.read() + await source.read()

    pcm = np.frombuffer(asyncio.run(scene()), "<i2")
    assert pcm.tolist() == [0, 256, -256, 25600, -32768, 32512]


def test_samples_on_a_pipe_arrive_whole_however_they_are_written(tmp_path, shelf):
    async def scene():
        read_end, write_end = os.pipe()

        def speak():
            for at in range(0, len(VOICE), 777):
                os.write(write_end, VOICE[at : at + 777])
            os.close(write_end)

        with os.fdopen(read_end, "rb") as stream:
            source = StreamSource(stream, PcmFormat())
            async with rig.Server(shelf) as server:
                speaking = asyncio.get_running_loop().run_in_executor(None, speak)
                await Scene(tmp_path, server.port, source).run()
                await speaking

    asyncio.run(scene())
    assert received(shelf, tmp_path) == as_sent(VOICE)


def test_without_a_server_all_is_kept_and_the_next_client_delivers_it(tmp_path, shelf, voice):
    async def first():
        scene = Scene(tmp_path, 9, WavSource(voice, is_paced=False), drain_s=0.3)
        with pytest.raises(UndeliveredError, match="34 packets"):
            await scene.run()

    async def second():
        async with rig.Server(shelf) as server:
            scene = Scene(tmp_path, server.port, WavSource(voice), reply_wait_s=0.0)
            await scene.run()
        return scene

    asyncio.run(first())
    scene = asyncio.run(second())
    assert "leftover.delivered" in [event for event, _ in scene.events]
    assert len(shelf.complete) == 2
    assert len({item.hello.session for item in shelf.complete}) == 2
    assert received(shelf, tmp_path, 0) == as_sent(VOICE)
    assert received(shelf, tmp_path, 1) == as_sent(VOICE)


def test_a_short_stream_still_waits_for_what_an_earlier_one_left(tmp_path, shelf):
    long = write(tmp_path / "long.wav", VOICE * 10)
    short = write(tmp_path / "short.wav", VOICE[:6400])

    async def first():
        scene = Scene(tmp_path, 9, WavSource(long, is_paced=False), drain_s=0.1)
        with pytest.raises(UndeliveredError):
            await scene.run()

    async def second():
        async with rig.Server(shelf) as server:
            await Scene(tmp_path, server.port, WavSource(short)).run()

    asyncio.run(first())
    asyncio.run(second())
    assert received(shelf, tmp_path, 0) == as_sent(VOICE[:6400])
    assert received(shelf, tmp_path, 1) == as_sent(VOICE * 10)
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["lock"]


def test_what_a_killed_client_left_is_delivered_with_an_end(tmp_path, shelf, voice):
    async def first():
        scene = Scene(tmp_path, 9, WavSource(voice))
        task = asyncio.ensure_future(scene.client.run())
        await asyncio.sleep(1.0)
        # As far as the disk can tell: the process is gone.
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        scene.place.close()

    async def second():
        async with rig.Server(shelf) as server:
            await Scene(tmp_path, server.port, WavSource(voice)).run()

    asyncio.run(first())
    asyncio.run(second())
    found = received(shelf, tmp_path, 0)
    assert 0.6 * 32_000 < len(found) < 1.3 * 32_000
    assert found[:16_000] == as_sent(VOICE)[:16_000]


def test_a_server_that_will_not_have_us_ends_it_and_keeps_what_was_recorded(
    tmp_path, shelf, voice
):
    async def scene():
        async with rig.Server(shelf, tls=rig.server_tls()) as server:
            scene = Scene(tmp_path, server.port, WavSource(voice), endpoint={"ca_file": None})
            with pytest.raises(UntrustedError):
                await scene.run()

    asyncio.run(scene())
    assert list((tmp_path / "spool").glob("*/*.records"))


def test_a_device_that_fails_is_opened_again_and_time_is_not_lost(tmp_path, shelf):
    async def scene():
        async with rig.Server(shelf) as server:
            microphone = Microphone([32_000, None, 16_000])
            scene = Scene(tmp_path, server.port, microphone)
            began_s = asyncio.get_running_loop().time()
            await scene.run()
            return scene, asyncio.get_running_loop().time() - began_s

    scene, took_s = asyncio.run(scene())
    assert "error" in scene.states
    after = scene.states[scene.states.index("error") + 1 :]
    assert after[0] in {"recording", "streaming"}
    pcm = received(shelf, tmp_path)
    # What it did not give while it was away is there as silence; it gave faster than real time.
    assert 48_000 / 32_000 < len(pcm) / 32_000 < took_s + 0.5
    assert pcm[:20_000] == as_sent(VOICE)[:20_000]


async def with_answer(tmp_path, shelf, voice, **more):
    answers = Answers(voice)
    await answers.prepare()
    ear = Ear()
    quiet = write(tmp_path / "quiet.wav", VOICE[:32_000] + bytes(48_000))
    async with rig.Server(shelf, answers=answers) as server:
        scene = Scene(
            tmp_path, server.port, WavSource(quiet), speaker=ear, reply_wait_s=6.0, **more
        )
        await scene.run()
    return scene, ear


def test_a_reply_is_played_as_it_was_said(tmp_path, shelf, voice):
    scene, ear = asyncio.run(with_answer(tmp_path, shelf, voice))
    assert scene.states.index("receiving") < scene.states.index("playing")
    played, said = to_block(ear.heard, 1)[:, 0], to_block(as_sent(VOICE), 1)[:, 0]
    # Beside the jitter buffer's own silence before it, it is the same sound for as long.
    assert abs(len(played) - len(said)) < 16000 * 0.5
    lags = np.correlate(played, said[8000:16000], "valid")
    alike = lags.max() / (np.sum(said[8000:16000] ** 2))
    assert 0.85 < alike < 1.15


def test_a_speaker_that_fails_does_not_stop_the_recording(tmp_path, shelf, voice):
    async def scene():
        answers = Answers(voice)
        await answers.prepare()
        ear = Ear()
        ear.fails = 1
        async with rig.Server(shelf, answers=answers) as server:
            long = write(tmp_path / "long.wav", VOICE[:32_000] + bytes(32_000) + VOICE[:48_000])
            scene = Scene(tmp_path, server.port, WavSource(long), speaker=ear)
            await scene.run()
        return scene, ear

    scene, ear = asyncio.run(scene())
    assert "error" in scene.states
    assert scene.states[-1] == "idle"
    assert ear.n_opened == 2
    assert received(shelf, tmp_path) == as_sent(VOICE[:32_000] + bytes(32_000) + VOICE[:48_000])


def test_who_speaks_while_there_is_no_server_hears_the_cached_reply_once(tmp_path):
    talk = VOICE[:32_000] + bytes(32_000)
    twice = write(tmp_path / "talk.wav", talk * 2)
    word = write(tmp_path / "word.wav", VOICE[:16_000])
    ear = Ear()

    async def scene():
        scene = Scene(tmp_path, 9, WavSource(twice), speaker=ear, offline_reply=word, drain_s=0.1)
        with pytest.raises(UndeliveredError):
            await scene.run()
        return scene

    scene = asyncio.run(scene())
    assert ear.heard == VOICE[:16_000]
    assert scene.states.count("playing") == 1


def test_settings_that_are_read_again_hold_from_the_next_connection_on(tmp_path, shelf, voice):
    async def scene():
        async with rig.Server(shelf) as old, rig.Server(shelf) as new:
            scene = Scene(tmp_path, old.port, WavSource(voice))
            task = asyncio.ensure_future(scene.run())
            await asyncio.sleep(0.7)
            (recording,) = old.listener.recordings
            at_old = recording.receiver.n_received
            scene.client.reload(Dialer(Endpoint(f"ws://localhost:{new.port}")), None)
            await task
        return at_old

    assert asyncio.run(scene()) > 3
    assert received(shelf, tmp_path) == as_sent(VOICE)
