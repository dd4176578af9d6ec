"""Text messages: JSON in, messages out, and whatever else arrives is the peer's fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import PeerProtocolError
from audiokit.live.messages import (
    Ack,
    Clock,
    ClockReply,
    Gone,
    Hello,
    Play,
    Refusal,
    Resend,
    Selected,
    Welcome,
    WireFormat,
    decode_message,
    encode_message,
)

FORMAT = WireFormat(preskip_samples=104)
EXAMPLES = [
    Hello("a1-B_2", FORMAT, 17, 1.7e9, "kitchen"),
    Welcome(3, ((5, 9), (11, 12))),
    Ack(0),
    Gone(1, 2),
    Resend(0, 4),
    Clock(12.5),
    ClockReply(1.0, 2.0, 3.0),
    Play(FORMAT),
    Selected(is_selected=True),
    Refusal("busy", "Another client has this session."),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
words = st.sampled_from(
    [
        "hello", "welcome", "ack", "gone", "resend", "clock", "clock_reply", "play", "selected",
        "error",
    ]
)  # fmt: skip
fields = st.sampled_from(
    [
        "session", "format", "first", "time_base_s", "name", "version", "next", "have", "t1_s",
        "t2_s", "t3_s", "is_selected", "code", "message",
    ]
)  # fmt: skip


@pytest.mark.parametrize("message", EXAMPLES)
def test_a_message_comes_back_as_it_was(message):
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("message", EXAMPLES)
def test_a_field_more_is_left_for_a_later_version(message):
    fields = json.loads(encode_message(message)) | {"colour": "green"}
    assert decode_message(json.dumps(fields)) == message


@pytest.mark.parametrize("message", EXAMPLES)
def test_a_field_less_is_the_peers_fault(message):
    fields = json.loads(encode_message(message))
    for name in set(fields) - {"type"}:
        fewer = {key: value for key, value in fields.items() if key != name}
        with pytest.raises(PeerProtocolError, match=name):
            decode_message(json.dumps(fewer))


def test_a_message_of_a_later_version_is_ignored():
    assert decode_message('{"type":"subtitles","text":"hello"}') is None


@given(st.text(max_size=200))
def test_any_text_is_a_message_or_ignored_or_the_peers_fault(text):
    try:
        decode_message(text)
    except PeerProtocolError:
        return


@given(words, st.dictionaries(fields, json_values, max_size=6))
def test_any_object_is_a_message_or_the_peers_fault(word, values):
    try:
        message = decode_message(json.dumps({"type": word, **values}))
    except PeerProtocolError:
        return
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "17",
        '"hello"',
        '{"type":7}',
        "{}",
        "[" * 10_000,
        '{"type":"ack","have":[],"next":' + "9" * 5000 + "}",
        '{"type":"ack","have":[],"next":true}',
        '{"type":"ack","have":[],"next":-1}',
        '{"type":"ack","have":[[4,4]],"next":1}',
        '{"type":"ack","have":[[4]],"next":1}',
        '{"type":"ack","have":"xy","next":1}',
        '{"type":"clock","t1_s":NaN}',
        '{"type":"clock","t1_s":1e999}',
        json.dumps({"type": "error", "code": "busy", "message": "x" * 20_000}),
        json.dumps({"type": "error", "code": "a\nb", "message": ""}),
    ],
)
def test_what_is_no_message_is_the_peers_fault(text):
    with pytest.raises(PeerProtocolError):
        decode_message(text)


@pytest.mark.parametrize("name", ["../etc", "", "a b", "x" * 65, "ü", 7, None])
def test_a_session_that_could_not_name_a_file_is_refused(name):
    hello = json.loads(encode_message(Hello("x", FORMAT)))
    with pytest.raises(PeerProtocolError, match="session"):
        decode_message(json.dumps(hello | {"session": name}))


@pytest.mark.parametrize(
    "change",
    [
        {"sample_rate": 44100}, {"channels": 3}, {"frame_ms": 30}, {"frames_per_packet": 0},
        {"codec": "mp3"}, {"frame_ms": 60, "frames_per_packet": 3}, {"channels": True},
    ],
)  # fmt: skip
def test_a_format_that_opus_has_not_is_refused(change):
    hello = json.loads(encode_message(Hello("x", FORMAT)))
    hello["format"].update(change)
    with pytest.raises(PeerProtocolError, match="format"):
        decode_message(json.dumps(hello))
