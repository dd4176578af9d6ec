"""What holds of the jitter buffer whatever the network does."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.transit.jitter_buffer import JitterBuffer
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.packet import Packet

PACKET_S = 0.02
NETWORKS = st.lists(
    st.one_of(
        st.none(),  # lost
        st.integers(0, 20),
        st.integers(0, 250),  # delay in ms
    ),
    min_size=1,
    max_size=80,
)
COPIES = st.lists(st.tuples(st.integers(0, 79), st.integers(0, 100)), max_size=10)


def play_through(buffer, decoder, arrivals, until_s):
    """Return at which pull each packet was decoded; push and pull on one clock."""
    pull_s = buffer.settings.pull_ms / 1000.0
    heard_s, at = {}, 0
    for index in range(round(until_s / pull_s)):
        now_s = index * pull_s
        while at < len(arrivals) and arrivals[at][0] <= now_s:
            buffer.push(arrivals[at][1], arrivals[at][0])
            at += 1
        n_before = len(decoder.decoded)
        block = buffer.pull(now_s)
        assert len(block) == decoder.fmt.sample_rate * buffer.settings.pull_ms // 1000
        heard_s.update(dict.fromkeys(decoder.decoded[n_before:], now_s))
    return heard_s


@settings(deadline=None, max_examples=150)
@given(
    network=NETWORKS, copies=COPIES, pull_ms=st.sampled_from([10, 20]), first=st.integers(0, 99)
)
def test_nothing_is_played_twice_out_of_order_or_lost_while_it_was_in_time(
    numbered, network, copies, pull_ms, first
):
    decoder = numbered()
    # So roomy that nothing need be dropped to make room.
    wide = JitterSettings(pull_ms=pull_ms, max_delay_ms=5000.0)
    buffer = JitterBuffer(decoder, clock_hz=8000, settings=wide)
    # Numbers wrap within.
    arrived_s = {
        65_500 + first + index: (index + 1) * PACKET_S + delay_ms / 1000.0
        for index, delay_ms in enumerate(network)
        if delay_ms is not None
    }
    arrivals = [(at_s, decoder.packet(number)) for number, at_s in arrived_s.items()]
    for index, later_ms in copies:
        number = 65_500 + first + index
        if number in arrived_s:
            at_s = arrived_s[number] + later_ms / 1000.0
            arrivals.append((at_s, decoder.packet(number)))
    arrivals.sort(key=lambda pair: pair[0])
    heard_s = play_through(buffer, decoder, arrivals, len(network) * PACKET_S + 1.5)

    assert decoder.decoded == sorted(set(decoder.decoded))
    stats = buffer.stats()
    assert stats.packets_received == len(arrived_s)
    assert len(decoder.decoded) + stats.packets_discarded == len(arrived_s)
    for number in arrived_s.keys() - heard_s.keys():
        after = min(other for other in heard_s if other > number)
        before = max((other for other in heard_s if other < number), default=None)
        if before is None:
            # It came after the first packets had begun to play.
            assert arrived_s[number] > heard_s[after]
            continue
        # Its turn was over at the latest when that of the next one played came, less what
        # was made up for all that are missing in between.
        turn_s = heard_s[after] - (after - before) * PACKET_S
        assert arrived_s[number] > turn_s


@settings(deadline=None, max_examples=60)
@given(network=NETWORKS, pull_ms=st.sampled_from([10, 20]))
def test_every_sample_heard_is_accounted_for(numbered, network, pull_ms):
    decoder = numbered()
    buffer = JitterBuffer(decoder, clock_hz=8000, settings=JitterSettings(pull_ms=pull_ms))
    arrivals = [
        ((index + 1) * PACKET_S + delay_ms / 1000.0, decoder.packet(index))
        for index, delay_ms in enumerate(network)
        if delay_ms is not None
    ]
    arrivals.sort(key=lambda pair: pair[0])
    play_through(buffer, decoder, arrivals, len(network) * PACKET_S + 0.5)
    stats = buffer.stats()
    made = (
        stats.jitter_buffer_emitted_count
        + stats.concealed_samples
        + stats.comfort_samples
        + stats.inserted_samples_for_deceleration
        - stats.removed_samples_for_acceleration
    )
    # What was made ready beyond the last block waits to be heard.
    assert 0 <= made - stats.total_samples_received < 160 + 2 * 120
    assert decoder.n_concealed == stats.concealed_samples + stats.comfort_samples


FIELDS = st.tuples(
    st.integers(0, 0xFFFF) | st.integers(0, 30),
    st.integers(0, 0xFFFFFFFF) | st.integers(0, 30).map(lambda index: index * 160),
    st.binary(max_size=8) | st.integers(0, 30),
    st.sampled_from([0, 8, 13, 96, 101]),
    st.integers(0, 2),
)


@settings(deadline=None, max_examples=150)
@given(hostile=st.lists(FIELDS, max_size=60), pull_ms=st.sampled_from([10, 20]))
def test_whatever_arrives_the_buffer_goes_on(numbered, hostile, pull_ms):
    decoder = numbered()
    buffer = JitterBuffer(decoder, clock_hz=8000, settings=JitterSettings(pull_ms=pull_ms))
    for place, (sequence, timestamp, content, kind, ssrc) in enumerate(hostile):
        payload = content if isinstance(content, bytes) else decoder.payload(content)
        now_s = place * 0.01
        buffer.push(Packet(sequence, timestamp, payload, kind, ssrc=ssrc), now_s)
        block = buffer.pull(now_s)
        assert block.shape == (80 * pull_ms // 10, 1)
        assert np.isfinite(block).all()
    stats = buffer.stats()
    assert stats.packets_lost >= 0
    assert stats.concealed_samples <= stats.total_samples_received + 960


@settings(deadline=None, max_examples=20)
@given(network=NETWORKS)
def test_the_same_packets_give_the_same_sound(numbered, network):
    def heard():
        decoder = numbered()
        buffer = JitterBuffer(decoder, clock_hz=8000)
        arrivals = sorted(
            (
                ((index + 1) * PACKET_S + delay_ms / 1000.0, decoder.packet(index))
                for index, delay_ms in enumerate(network)
                if delay_ms is not None
            ),
            key=lambda pair: pair[0],
        )
        blocks, at = [], 0
        for index in range(100):
            while at < len(arrivals) and arrivals[at][0] <= index * PACKET_S:
                buffer.push(arrivals[at][1], arrivals[at][0])
                at += 1
            blocks.append(buffer.pull(index * PACKET_S))
        return np.concatenate(blocks).tobytes()

    assert heard() == heard()
