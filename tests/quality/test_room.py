"""Reverberation: rooms in order, and the recorded ones near their figure."""

from __future__ import annotations

import numpy as np
import pytest
from hearing import heard

RATE = 16000


def _in_room(speech, response):
    size = len(speech) + len(response)
    return np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(response, size), size)[
        : len(speech)
    ]


def _made_room(decay_s, direct_db):
    time_s = np.arange(round(1.2 * decay_s * RATE)) / RATE
    tail = np.random.default_rng(1).standard_normal(len(time_s)) * 10.0 ** (
        -3.0 * time_s / decay_s
    )
    tail *= 10.0 ** (-direct_db / 20.0) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _c50_db(response):
    bound = int(np.argmax(np.abs(response))) + RATE // 20
    return 10.0 * np.log10(np.sum(response[:bound] ** 2) / np.sum(response[bound:] ** 2))


@pytest.fixture(scope="module")
def talkers(recordings):
    soundfile = pytest.importorskip("soundfile")
    names = ("leopard_test_es.flac", "libri_2033-164914-0000.flac", "cmu_arctic_us_aew_a0001.flac")
    return [soundfile.read(recordings / "speech" / name)[0] for name in names]


def test_more_room_reads_as_less_clarity(talkers):
    rooms = [np.ones(1), _made_room(0.25, 6.0), _made_room(0.5, 0.0), _made_room(1.3, -5.0)]
    for talker in talkers:
        read = [heard(_in_room(talker, room)).room.c50_db for room in rooms]
        assert (np.diff(read) < -2.0).all(), read


def test_made_and_recorded_rooms_lie_within_the_band(talkers, recordings):
    soundfile, soxr = pytest.importorskip("soundfile"), pytest.importorskip("soxr")
    rooms = [_made_room(0.4, 0.0), _made_room(0.8, 3.0)]
    for path in sorted((recordings / "rir").iterdir()):
        response, rate = soundfile.read(path, always_2d=True)
        rooms.append(soxr.resample(response[:, 0], rate, RATE))
    n_right = 0
    for room in rooms:
        for talker in talkers:
            wet = _in_room(talker, room)
            report = heard(0.5 * wet / np.abs(wet).max()).room
            n_right += report.c50_low_db <= _c50_db(room) <= report.c50_high_db
    assert n_right >= 0.75 * len(rooms) * len(talkers)


def test_noise_and_short_recordings_have_no_room_and_say_why(talkers):
    assert heard(0.1 * np.random.default_rng(1).standard_normal(RATE * 4)).room.reason.startswith(
        "nothing lies 12 dB below"
    )
    assert heard(talkers[0][RATE : RATE + 8000]).room.reason
    assert heard(np.zeros(RATE)).room.reason == "digital silence"
