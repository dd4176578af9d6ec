"""The jitter buffer, case by case."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.transit.jitter_buffer import JitterBuffer
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.packet import COMFORT_NOISE, TELEPHONE_EVENT, Packet

PACKET_S = 0.02


def arrivals(decoder, numbers, delay_s=None, **fields):
    """Return ``(arrival_s, packet)``, each sent when it is whole and so long under way."""
    delay_s = delay_s or {}
    return [
        ((number + 1) * PACKET_S + delay_s.get(number, 0.0), decoder.packet(number, **fields))
        for number in numbers
    ]


@pytest.fixture(params=[10, 20])
def settings(request):
    """Both lengths of blocks."""
    return JitterSettings(pull_ms=request.param)


@pytest.fixture
def machine(numbered, settings):
    """A decoder, and the buffer that plays it."""
    decoder = numbered()
    return decoder, JitterBuffer(decoder, clock_hz=8000, settings=settings)


def test_a_clean_stream_is_played_as_it_is(machine, play):
    decoder, buffer = machine
    blocks = play(buffer, arrivals(decoder, range(200)), until_s=4.0)
    stats = buffer.stats()
    assert decoder.decoded == list(range(len(decoder.decoded)))
    assert len(decoder.decoded) > 190
    assert (stats.packets_lost, stats.concealed_samples, stats.packets_discarded) == (0, 0, 0)
    assert {len(block) for block in blocks} == {80 * buffer.settings.pull_ms // 10}
    assert stats.mean_delay_ms < 80.0
    # Nothing was there to be stretched but the first wait, which is longer than it need be.
    assert stats.adjustments <= 8


def test_an_untouched_packet_is_given_sample_for_sample(numbered, play):
    decoder = numbered()
    buffer = JitterBuffer(decoder, clock_hz=8000, settings=JitterSettings(max_delay_ms=60))
    heard = np.concatenate(play(buffer, arrivals(decoder, range(1, 300)), until_s=5.9))[:, 0]
    numbers = heard[heard > 0.0] * 2**20
    late = numbers[len(numbers) // 2 :]
    changes = np.diff(late)
    assert set(np.unique(changes)) <= {0.0, 1.0}


def test_no_packet_at_all_is_silence(machine):
    _, buffer = machine
    assert not buffer.pull(0.0).any()
    assert not buffer.is_playing
    assert buffer.stats().total_samples_received == 0


def test_numbers_wrap_without_a_trace(machine, play):
    decoder, buffer = machine
    numbers = range(65_500, 65_700)
    packets = [(at_s - 65_500 * PACKET_S, packet) for at_s, packet in arrivals(decoder, numbers)]
    play(buffer, packets, until_s=4.0)
    assert decoder.decoded == list(range(65_500, 65_500 + len(decoder.decoded)))
    assert buffer.stats().concealed_samples == 0


def test_packets_out_of_order_are_put_in_order(machine, play):
    decoder, buffer = machine
    packets = arrivals(decoder, range(100), {10: 0.025, 40: 0.03, 70: 0.022})
    play(buffer, packets)
    assert decoder.decoded == list(range(100))


def test_what_comes_twice_is_played_once(machine, play):
    decoder, buffer = machine
    packets = arrivals(decoder, range(50))
    play(buffer, [*packets, *[(at_s + 0.03, packet) for at_s, packet in packets]])
    assert decoder.decoded == list(range(50))
    assert buffer.stats().packets_duplicated == 50


def test_a_lost_packet_is_concealed_for_just_its_length(machine, play):
    decoder, buffer = machine
    play(buffer, arrivals(decoder, [n for n in range(100) if n not in {30, 60}]), until_s=2.0)
    stats = buffer.stats()
    assert stats.packets_lost == 2
    assert stats.concealed_samples == 2 * 160
    assert stats.concealment_events == 2
    assert stats.packets_repaired == 0


def test_where_the_delay_is_to_fall_a_gap_is_made_up_in_part(machine, play):
    decoder, buffer = machine
    # After a spike the delay is long, and of the packets that it held up some are lost.
    delay_s = {900 + k: 0.2 - k * PACKET_S for k in range(10)}
    lost = {903, 905, 907}
    numbers = [n for n in range(1000) if n not in lost]
    before = JitterBuffer(decoder, clock_hz=8000, settings=buffer.settings)
    play(before, arrivals(decoder, range(1000), delay_s), until_s=20.0)
    play(buffer, arrivals(decoder, numbers, delay_s), until_s=20.0)
    made_up = buffer.stats().concealed_samples - before.stats().concealed_samples
    assert 80 <= made_up < 3 * 160


@pytest.mark.parametrize("percent", [1, 10, 30])
def test_losses_alone_do_not_stretch_the_sound(machine, play, percent):
    decoder, buffer = machine
    lost = np.random.default_rng(percent).random(1500) < percent / 100.0
    play(buffer, arrivals(decoder, [n for n in range(1500) if not lost[n]]), until_s=30.0)
    stats = buffer.stats()
    assert stats.adjustments == 0
    assert stats.concealed_samples == stats.packets_lost * 160


def test_a_lost_packet_is_repaired_from_the_next_where_that_carries_it(numbered, play, settings):
    decoder = numbered(carries_last=True)
    buffer = JitterBuffer(decoder, clock_hz=8000, settings=settings)
    play(buffer, arrivals(decoder, [n for n in range(100) if n not in {30, 60, 61}]), until_s=2.0)
    stats = buffer.stats()
    assert decoder.recovered == [30, 61]
    assert stats.packets_repaired == 2
    assert 80 <= stats.concealed_samples <= 160


def test_a_late_packet_is_waited_for_and_played(machine, play):
    decoder, buffer = machine
    # All that follows waits behind it, as on a real link.
    delay_s = {50 + k: 0.3 - k * PACKET_S for k in range(15)}
    play(buffer, arrivals(decoder, range(200), delay_s), until_s=4.02)
    stats = buffer.stats()
    assert stats.packets_lost == 0
    assert 0 < stats.concealed_samples * PACKET_S / 160 < 0.3
    assert decoder.decoded == sorted(set(decoder.decoded))
    assert stats.packets_discarded <= 8


def test_a_delay_does_not_stick_after_a_spike(machine, play):
    decoder, buffer = machine
    delay_s = {50 + k: 0.2 - k * PACKET_S for k in range(10)}
    packets = arrivals(decoder, range(600), delay_s)
    play(buffer, packets, until_s=12.0)
    delay_at_end_s = 12.0 - buffer.settings.pull_ms / 1000.0 - buffer.stream_s
    assert delay_at_end_s < PACKET_S + 0.08


@pytest.mark.parametrize("n_samples", [20, 40, 80, 160, 480])
def test_no_delay_sticks_at_any_length_of_packets(numbered, play, settings, n_samples):
    decoder = numbered()
    buffer = JitterBuffer(decoder, clock_hz=8000, settings=settings)
    packet_s = n_samples / 8000
    n_packets = round(8.0 / packet_s)
    packets = [
        ((number + 1) * packet_s, decoder.packet(number, n_samples))
        for number in range(n_packets)
        if number != n_packets // 4
    ]
    play(buffer, packets, until_s=7.5)
    stats = buffer.stats()
    assert stats.concealed_samples == pytest.approx(n_samples, abs=n_samples)
    assert 7.5 - buffer.stream_s < packet_s + 0.1


def test_a_lasting_rise_costs_once_and_is_then_followed(machine, play):
    decoder, buffer = machine
    # For ten seconds all is well, then each packet takes 300 ms longer, for ever.
    packets = arrivals(decoder, range(2000), dict.fromkeys(range(500, 2000), 0.3))
    play(buffer, packets, until_s=40.0)
    stats = buffer.stats()
    rate = 8000
    assert stats.concealed_samples / rate < 0.45
    changed = stats.inserted_samples_for_deceleration + stats.removed_samples_for_acceleration
    assert changed / rate < 0.6
    assert stats.packets_discarded <= 10


@pytest.mark.parametrize("ppm", [-300.0, 300.0])
def test_drift_is_followed_for_a_quarter_of_an_hour(numbered, play, ppm):
    decoder = numbered()
    buffer = JitterBuffer(decoder, clock_hz=8000)
    packets = [
        (at_s / (1.0 + ppm * 1e-6), packet) for at_s, packet in arrivals(decoder, range(45_000))
    ]
    play(buffer, packets, until_s=packets[-1][0])
    stats = buffer.stats()
    changed = stats.removed_samples_for_acceleration - stats.inserted_samples_for_deceleration
    # 300 ppm of 900 s are 270 ms.
    assert changed / 8000 == pytest.approx(ppm * 1e-6 * 900.0, abs=0.06)
    assert stats.concealed_samples < 8000 * 0.1
    assert stats.packets_discarded == 0


def test_a_new_sender_is_recognised_and_the_decoder_told(machine, play):
    decoder, buffer = machine
    first = arrivals(decoder, range(50), ssrc=1)
    second = [
        (at_s, decoder.packet(number, sequence=30_000 + number, timestamp=number * 160, ssrc=2))
        for number, (at_s, _) in enumerate(arrivals(decoder, range(50, 100)))
    ]
    play(buffer, [*first, *second])
    stats = buffer.stats()
    assert decoder.n_resets == 1
    assert decoder.decoded == [*range(50), *range(50)]
    assert (stats.restarts, stats.packets_lost) == (1, 0)


def test_a_pause_of_the_sender_is_no_loss(machine, play):
    decoder, buffer = machine
    # Numbers go on, timestamps jump: nothing was sent for a second.
    talk = arrivals(decoder, range(50))
    more = [
        (at_s + 1.0, decoder.packet(number, timestamp=(number + 50) * 160))
        for number, (at_s, _) in enumerate(arrivals(decoder, range(50, 100)), 50)
    ]
    play(buffer, [*talk, *more])
    stats = buffer.stats()
    assert decoder.decoded == list(range(100))
    assert stats.packets_lost == 0
    assert stats.comfort_samples == pytest.approx(8000, abs=800)
    # The end of the stream was waited at too, in vain.
    assert stats.concealed_samples <= 8000


def test_comfort_noise_and_tones_are_not_taken_for_sound(machine, play):
    decoder, buffer = machine
    packets = arrivals(decoder, range(100))
    for number, kind in ((30, COMFORT_NOISE), (60, TELEPHONE_EVENT), (80, 8)):
        at_s, packet = packets[number]
        other = Packet(packet.sequence, packet.timestamp, b"abcdef", payload_type=kind)
        packets[number] = (at_s, other)
    play(buffer, packets, until_s=2.0)
    stats = buffer.stats()
    assert not {30, 60, 80} & set(decoder.decoded)
    assert (stats.packets_lost, stats.packets_ignored) == (0, 3)
    assert stats.concealed_samples == 0


def test_a_broken_payload_is_a_gap(machine, play):
    decoder, buffer = machine
    packets = arrivals(decoder, range(60))
    packets[30] = (packets[30][0], Packet(30, 30 * 160, b"broken!"))
    play(buffer, packets, until_s=1.2)
    stats = buffer.stats()
    assert stats.packets_malformed == 1
    assert stats.concealed_samples == 160
    assert 30 not in decoder.decoded


def test_a_burst_that_fills_the_buffer_drops_the_oldest(machine, play):
    decoder, buffer = machine
    # Nothing for 2 s but the start; then 100 packets at once.
    delay_s = {number: (110 - number) * PACKET_S for number in range(10, 110)}
    play(buffer, arrivals(decoder, range(150), delay_s))
    stats = buffer.stats()
    assert decoder.decoded[-1] == 149
    assert decoder.decoded == sorted(decoder.decoded)
    assert 80 < stats.packets_discarded < 100
    assert len(decoder.decoded) + stats.packets_discarded == 150


def test_a_sender_that_stopped_is_waited_for_in_silence(machine, play):
    decoder, buffer = machine
    later = [(at_s + 60.0, packet) for at_s, packet in arrivals(decoder, range(50, 100))]
    play(buffer, [*arrivals(decoder, range(50)), *later])
    stats = buffer.stats()
    assert decoder.decoded == list(range(100))
    assert stats.total_samples_received < 8000 * 8


def test_100_000_packets_out_of_order_take_no_memory(machine):
    decoder, buffer = machine
    order = np.random.default_rng(0).permutation(100_000).tolist()
    tracemalloc.start()
    for place, number in enumerate(order):
        buffer.push(decoder.packet(number), place * 1e-4)
        if place % 1000 == 0:
            buffer.pull(place * 1e-4)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 3e6
    assert len(buffer.pull(10.0)) > 0


def test_an_outage_longer_than_numbers_reach_is_survived(machine, play):
    decoder, buffer = machine
    packets = [*arrivals(decoder, range(50)), *arrivals(decoder, range(2500, 2600))]
    play(buffer, packets)
    assert decoder.decoded[-1] == 2599
    assert len(decoder.decoded) >= 140


def test_metrics_have_the_names_of_browsers(machine, play):
    decoder, buffer = machine
    play(buffer, arrivals(decoder, [n for n in range(100) if n != 50]), until_s=2.02)
    named = buffer.stats().as_webrtc()
    # W3C webrtc-stats, 8.4 and 8.5.
    assert set(named) >= {
        *("jitter", "packetsLost", "packetsReceived", "packetsDiscarded", "concealedSamples"),
        *("concealmentEvents", "jitterBufferDelay", "jitterBufferEmittedCount"),
        *("insertedSamplesForDeceleration", "removedSamplesForAcceleration"),
        *("totalSamplesReceived", "jitterBufferTargetDelay"),
    }
    assert (named["packetsLost"], named["packetsReceived"]) == (1, 99)
    assert buffer.stats().loss_percent == pytest.approx(1.0)


def test_jitter_is_that_of_rfc_3550(machine):
    decoder, buffer = machine
    delays_s = [0.0, 0.016, 0.0, 0.008]
    for number, delay_s in enumerate(delays_s):
        buffer.push(decoder.packet(number), (number + 1) * PACKET_S + delay_s)
    expected_s = 0.0
    for change_s in (0.016, 0.016, 0.008):
        expected_s += (change_s - expected_s) / 16.0
    assert buffer.stats().jitter == pytest.approx(expected_s)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"pull_ms": 15}, "pull_ms"),
        ({"min_delay_ms": -1.0}, "min_delay_ms"),
        ({"min_delay_ms": 90.0, "max_delay_ms": 80.0}, "max_delay_ms"),
        ({"min_delay_ms": 0.0, "packet_ms": 60.0, "max_delay_ms": 50.0}, "max_delay_ms"),
        ({"packet_ms": 1.0}, "packet_ms"),
        ({"payload_type": 128}, "payload_type"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(options, name):
    with pytest.raises(SettingError, match=name):
        JitterSettings(**options)


def test_a_clock_that_cannot_be_is_refused(numbered):
    with pytest.raises(SettingError, match="clock_hz"):
        JitterBuffer(numbered(), clock_hz=0)
