"""Choosing a device, one channel of it, and what its samples tell of its health."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import MissingDeviceError, SettingError
from audiokit.live.alsa import parse_cards, parse_rates
from audiokit.live.devices import Device, choose_device, is_respeaker
from audiokit.live.microphone import one_channel
from audiokit.live.pcm import PcmFormat
from audiokit.live.watch import SignalWatch, WatchSettings

# What alsa-utils 1.2.8 prints on a Raspberry Pi with a ReSpeaker 2-Mics Pi HAT.
LISTING = """**** List of CAPTURE Hardware Devices ****
card 1: seeed2micvoicec [seeed-2mic-voicecard], device 0: bcm2835-i2s-wm8960-hifi wm8960-hifi-0 [x]
  Subdevices: 1/1
  Subdevice #0: subdevice #0
card 2: Device [USB PnP Sound Device], device 0: USB Audio [USB Audio]
  Subdevices: 1/1
"""
DUMP = "FRAME_BITS: [16 64]\nCHANNELS: [1 2]\nRATE: [8000 48000]\nPERIOD_TIME: (666 2730667)\n"
DEVICES = [
    Device(0, "USB PnP Sound Device: USB Audio", "input", "alsa", "plughw:CARD=Device,DEV=0"),
    Device(1, "seeed-2mic-voicecard: wm8960", "input", "alsa", "plughw:CARD=seeed,DEV=0"),
    Device(2, "seeed-2mic-voicecard: wm8960", "output", "alsa", "plughw:CARD=seeed,DEV=0"),
    Device(3, "USB", "input", "alsa", "pulse", pulse_name="usb"),
]


def pcm(*values):
    return array("h", values).tobytes()


def test_cards_are_named_by_what_outlives_being_plugged_in_again():
    board, usb = parse_cards(LISTING, kind="input")
    assert (board.address, board.is_respeaker) == ("hw:CARD=seeed2micvoicec,DEV=0", True)
    assert (usb.name, usb.is_respeaker) == ("USB PnP Sound Device: USB Audio", False)


def test_rates_and_channels_come_from_the_devices_own_ranges():
    assert parse_rates(DUMP) == (2, (8000, 16000, 22050, 32000, 44100, 48000))
    assert parse_rates("CHANNELS: 6\nRATE: 16000\n") == (6, (16000,))
    assert parse_rates("arecord: main:831: audio open error: Device or resource busy") == (0, ())


@pytest.mark.parametrize(
    "name",
    ["seeed-4mic-voicecard", "ReSpeaker 4 Mic Array (UAC1.0)", "re-speaker lite", "ac108 codec"],
)
def test_boards_of_the_respeaker_family_are_known(name):
    assert is_respeaker(name)
    assert not is_respeaker("HDA Intel PCH")


@pytest.mark.parametrize(
    ("wanted", "index"), [("1", 1), ("SEEED", 1), ("pnp", 0), ("usb", 3), ("", 0)]
)
def test_a_device_is_chosen_by_index_or_part_of_its_name(wanted, index):
    assert choose_device(DEVICES, wanted, kind="input").index == index


def test_a_name_of_several_devices_is_refused_and_they_are_named():
    with pytest.raises(SettingError, match=r"0 USB PnP.*1 seeed"):
        choose_device(DEVICES, "e", kind="input")


@pytest.mark.parametrize("wanted", ["2", "nothing like it"])
def test_a_device_that_is_not_there_is_told_with_those_that_are(wanted):
    with pytest.raises(MissingDeviceError, match=r"not found among: 0 USB.*audiokit devices"):
        choose_device(DEVICES, wanted, kind="input")


@given(st.lists(st.tuples(*[st.integers(-32768, 32767)] * 3)))
def test_one_channel_is_that_channel_and_the_mix_is_their_rounded_mean(samples):
    whole = pcm(*(value for sample in samples for value in sample))
    assert one_channel(whole, 3, 1) == pcm(*(sample[1] for sample in samples))
    mixed = array("h", one_channel(whole, 3, "mix"))
    assert all(
        abs(3 * mean - sum(sample)) <= 1 for mean, sample in zip(mixed, samples, strict=True)
    )
    assert one_channel(whole, 3, "all") == whole


def words_of(watch, seconds, value, *, piece=160):
    words = []
    for start in range(0, round(seconds * 8000), piece):
        # A room's noise alternates by a bit; a dead microphone does not.
        words += watch.push(pcm(*(value(start + place) for place in range(piece))))
    return words


def test_a_microphone_of_one_value_is_dead_and_one_that_whispers_is_quiet():
    settings = WatchSettings(dead_s=1.0, quiet_s=2.0)
    watch = SignalWatch(PcmFormat(8000), settings)
    assert words_of(watch, 0.98, lambda _: 7) == []
    assert words_of(watch, 0.1, lambda _: 7) == ["dead"]
    assert watch.is_dead
    assert words_of(watch, 0.1, lambda n: n % 2 * 9000) == ["sound"]
    assert not watch.is_dead
    assert words_of(watch, 3.0, lambda n: n % 2) == ["quiet"]


def test_clipping_is_counted_for_each_value_and_said_once_in_a_while():
    watch = SignalWatch(PcmFormat(8000), WatchSettings(clipped_every_s=1.0))
    words = words_of(watch, 2.0, lambda n: 32767 if n % 160 == 0 else -32768 + n % 2 * 99)
    assert words == ["clipped", "clipped"]
    assert watch.n_clipped == 100 + 7900


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_counts_do_not_depend_on_how_the_stream_is_cut(sizes):
    values = [(-1) ** n * (32767 if n % 50 < 3 else n) for n in range(sum(sizes))]
    whole, pieces = SignalWatch(PcmFormat(8000)), SignalWatch(PcmFormat(8000))
    whole.push(pcm(*values))
    start = 0
    for size in sizes:
        pieces.push(pcm(*values[start : start + size]))
        start += size
    assert (pieces.n_samples, pieces.n_clipped) == (whole.n_samples, whole.n_clipped)
