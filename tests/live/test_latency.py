"""What is measured of delay, against delays that are known."""

from __future__ import annotations

import asyncio
from array import array

import pytest

from audiokit.errors import MissingDeviceError
from audiokit.live.latency import Delay, measure_capture, measure_codec, measure_loop
from audiokit.live.pcm import PcmFormat


class Cable:
    """A speaker, and a microphone that hears it so many seconds later."""

    fmt = PcmFormat(8000)
    n_overruns = 0
    may_return = False

    def __init__(self, delay_s=0.0):
        self._pieces, self._delay_s = asyncio.Queue(), delay_s

    async def open(self):
        pass

    async def write(self, pcm):
        loop = asyncio.get_running_loop()
        loop.call_later(self._delay_s, self._pieces.put_nowait, pcm)

    async def read(self):
        return await self._pieces.get()

    async def close(self):
        pass


class Clocked(Cable):
    """A microphone that gives a piece of 20 ms each 20 ms, but for one that is 30 ms late."""

    async def open(self):
        self._n, self._begin = 0, asyncio.get_running_loop().time()

    async def read(self):
        self._n += 1
        due = self._begin + 0.02 * self._n + (0.03 if self._n == 5 else 0.0)
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        return array("h", [5] * 160).tobytes()


def test_a_loop_is_as_late_as_its_cable():
    async def loop_of(delay_s):
        cable = Cable(delay_s)
        return await measure_loop(cable, cable, 2)

    delay = asyncio.run(loop_of(0.1))
    assert len(delay.times_s) == 2
    # A piece that is read begins its length of 20 ms before.
    assert delay.quantile_ms(0.0) == pytest.approx(80, abs=15)


def test_a_microphone_that_hears_nothing_is_told_so():
    class Deaf(Cable):
        async def read(self):
            await super().read()
            return bytes(320)

    async def run():
        cable = Deaf()
        await measure_loop(cable, cable, 1)

    with pytest.raises(MissingDeviceError, match="none of 1 clicks"):
        asyncio.run(run())


def test_capture_is_the_length_of_a_piece_and_its_lateness():
    async def run():
        return await measure_capture(Clocked(), 10)

    delay = asyncio.run(run())
    assert delay.quantile_ms(0.0) == pytest.approx(20, abs=1)
    assert delay.quantile_ms(1.0) >= 49


def test_quantiles_are_of_the_measurements_themselves():
    delay = Delay("encode", [n / 1000 for n in range(100, 0, -1)])
    assert (delay.quantile_ms(0.5), delay.quantile_ms(0.95), delay.budget_ms) == (51, 96, 10)


def test_each_frame_is_encoded_and_decoded():
    encode, decode = measure_codec(5)
    assert (encode.stage, decode.stage) == ("encode", "decode")
    assert len(encode.times_s) == len(decode.times_s) == 5
    assert min(*encode.times_s, *decode.times_s) > 0
