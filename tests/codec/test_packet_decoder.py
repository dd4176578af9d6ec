"""The decoder is what a jitter buffer asks for, name by name."""

from __future__ import annotations

import inspect

import pytest

from audiokit.codec.opus import PI_FORMAT, OpusDecoder, OpusEncoder, OpusSettings
from audiokit.errors import MalformedPacketError
from audiokit.testing import speechlike

METHODS = ("n_samples", "decode", "recover", "conceal", "reset")


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_that_of_the_protocol(name):
    protocol = pytest.importorskip("audiokit.transit.decoder").PacketDecoder
    theirs = inspect.signature(getattr(protocol, name))
    assert inspect.signature(getattr(OpusDecoder, name)) == theirs


def test_a_payload_that_is_no_packet_is_refused_and_the_stream_goes_on():
    packets = OpusEncoder(PI_FORMAT, OpusSettings(dtx=False)).push(speechlike(PI_FORMAT, 0.2))
    decoder = OpusDecoder(PI_FORMAT)
    assert decoder.fmt == PI_FORMAT
    for payload in (b"", b"\x03", b"\x4b\x00", b"\x4b\x3f" + bytes(400)):
        for ask in (decoder.n_samples, decoder.decode):
            with pytest.raises(MalformedPacketError, match=r"Opus packet: .*, expected"):
                ask(payload)
    assert decoder.decode(packets[0]).shape == (320, 1)
