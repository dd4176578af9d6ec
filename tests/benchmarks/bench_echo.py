"""Echo cancellation: pairs made from recordings by a seed, real pairs, and peers.

    python tests/benchmarks/bench_echo.py [--pairs 15] [--seed 1] [--rooms recorded|made] [--real]

A made pair lasts 16 s at 16 kHz: the far end talks throughout, the near end from 7 to 13 s.
The echo goes through an impulse response, 20 to 400 ms late, at an echo-to-near ratio of -6, 0
or 6 dB, in noise 45 dB below the near end; in turn it is plain, noisy (20 dB), distorted, from
clocks 100 ppm apart, or of another room from 4 s on. Rooms are recorded halls and chambers, or
made: decaying noise of 0.15 to 0.45 s behind a direct sound as strong as all of it, as between
a loudspeaker and a microphone on one desk.

- ERLE: microphone over output, far end alone, 3 to 7 s, from 5.5 s on where the room changed;
  windows of 100 ms without echo (20 dB below its mean) left out.
- PESQ-WB and SI-SDR: 7 to 13 s, against near end *and noise*, which is what a microphone
  without the echo would have heard: cancellers are no denoisers, and whoever turns the noise
  down pays for it here.
- Back: from the change of the room to the first of three windows of 100 ms in a row, pauses
  left out, in which ERLE is above 20 dB, or within 3 dB of its median in the old room or of
  that which it ends with in the new one, which may echo for longer.

Peers run in the same process: NLMS, libspeexdsp, WebRTC's AEC3 from the package
aec-audio-processing, and the prototype, which is told the delay; each where it is there.
What an engine delays speech by is measured without an echo, printed, and taken back. Time is
CPU time over duration, beside that of a bare pass through the same Fourier transforms. Of the
real pairs no clean near end is known: their ERLE is over everything, near-end speech
included, and only means something where the far end is alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

import numpy as np
from cost import print_table, recordings

from audiokit.dsp.stft import StftStream
from audiokit.echo.canceller import EchoCanceller, EchoSettings
from audiokit.echo.engines import open_canceller
from audiokit.errors import MissingDeviceError
from audiokit.stage import StreamFormat

RATE = 16000
FMT = StreamFormat(RATE)
N_SAMPLES = 16 * RATE
CHANGE = 4 * RATE
TALK = slice(7 * RATE, 13 * RATE)
RATIOS_DB = (0, 6, -6)
NEAR_RMS = 0.05
KINDS = ("plain", "noise", "distorted", "drift", "room")
FAR = (
    "libri_1688-142285-0000.flac",
    "libri_1998-15444-0000.flac",
    "libri_2414-128291-0002.flac",
    "librosa_libri1.ogg",
    "silero_test.flac",
)
NEAR = (
    "libri_2033-164914-0000.flac",
    "leopard_test_es.flac",
    "librosa_libri2.ogg",
    "leopard_test_it.flac",
    "libri_2033-164914-0002.flac",
    "leopard_test_fr.flac",
    "ru.flac",
)
ROOMS = ("impulse_response_0.wav", "rir_clap.flac", "rir48000.flac", "brir_clap.flac")
REAL = (
    *("aecc_QG4-P", "aecc_QLaGx", "aecc_real_doubletalk", "aecc_real_farend_st"),
    *("aecc_real_nearend_st", "nkf_src", "pyaec_xd"),
)


def load(path, rate=RATE):
    import soundfile
    import soxr

    samples, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    first = samples[:, 0]
    return first if own_rate == rate else soxr.resample(first, own_rate, rate)


def active_rms(samples):
    """Return the root of the mean power of what is within 30 dB of the loudest 20 ms."""
    power = np.square(samples[: len(samples) // 320 * 320].reshape(-1, 320)).mean(axis=1)
    return float(np.sqrt(power[power > power.max() * 1e-3].mean()))


def response(name):
    """Return an impulse response from its first sound on, of unit power."""
    taps = load(recordings() / "rir" / name)
    taps = taps[max(0, int(np.argmax(np.abs(taps))) - 8) :]
    return taps / np.sqrt(np.square(taps).sum())


def made_room(rng):
    """Return the response of a room that was made up, of unit power."""
    rt60_s = rng.uniform(0.15, 0.45)
    time_s = np.arange(int(rt60_s * RATE)) / RATE
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / rt60_s)
    taps = tail / np.sqrt(np.square(tail).sum())
    taps[0] += 1
    return taps / np.sqrt(np.square(taps).sum())


def through(source, taps):
    size = 1 << (len(source) + len(taps)).bit_length()
    return np.fft.irfft(np.fft.rfft(source, size) * np.fft.rfft(taps, size), size)[: len(source)]


def drifted(samples, ppm):
    fine = np.fft.irfft(np.fft.rfft(samples), 8 * len(samples)) * 8
    return np.interp(np.arange(len(samples)) * (1 + ppm * 1e-6) * 8, np.arange(len(fine)), fine)


class Pair(NamedTuple):
    """A made pair.

    Args:
        kind: One of `KINDS`.
        mic: The microphone.
        far: The far end.
        near: What the microphone would have heard without the echo.
        echo: The echo alone.
        delay: Of the echo, in samples.
    """

    kind: str
    mic: np.ndarray
    far: np.ndarray
    near: np.ndarray
    echo: np.ndarray
    delay: int


def mixed(kind, far, talk, rooms, *, ratio_db, rng):
    """Return the pair of two talkers and two rooms, the second for after the change."""
    far = np.resize(far, N_SAMPLES)
    far = far * (0.1 * 10 ** (rng.uniform(-6, 3) / 20) / active_rms(far))
    near = np.zeros(N_SAMPLES)
    talk = np.resize(talk, TALK.stop - TALK.start)
    near[TALK] = talk * (NEAR_RMS / active_rms(talk))
    played = 0.25 * np.tanh(far / 0.25) if kind == "distorted" else far
    played = drifted(played, 100.0) if kind == "drift" else played
    delay = int(rng.uniform(0.02, 0.4) * RATE)
    played = np.concatenate([np.zeros(delay), played])[:N_SAMPLES]
    echo = through(played, rooms[0])
    if kind == "room":
        echo[CHANGE:] = through(played, rooms[1])[CHANGE:]
    echo *= NEAR_RMS * 10 ** (ratio_db / 20) / active_rms(echo)
    snr_db = 20 if kind == "noise" else 45
    near += rng.standard_normal(N_SAMPLES) * NEAR_RMS * 10 ** (-snr_db / 20)
    parts = (part.astype(np.float32) for part in (near + echo, far, near, echo))
    return Pair(kind, *parts, delay)


def make_pair(number, seed, rooms):
    """Return a pair: scenes, levels and rooms in turn, levels and delays by the seed."""
    rng = np.random.default_rng((seed, number))
    speech = recordings() / "speech"
    if rooms == "made":
        responses = [made_room(rng) for _ in range(2)]
    else:
        responses = [response(ROOMS[(number + change) % len(ROOMS)]) for change in (0, 1)]
    return mixed(
        KINDS[number % len(KINDS)],
        load(speech / FAR[(number + seed) % len(FAR)]),
        load(speech / NEAR[(number + seed) % len(NEAR)]),
        responses,
        # Every scene meets every level.
        ratio_db=RATIOS_DB[number % len(RATIOS_DB)],
        rng=rng,
    )


def through_canceller(build):
    def run(near, far, rate, _delay):
        canceller = build(StreamFormat(rate))
        out = canceller.process(near[:, np.newaxis], far[:, np.newaxis])
        return np.concatenate([out, canceller.flush()])[:, 0]

    return run


def aec3(near, far, rate, _delay):
    from aec_audio_processing import AudioProcessor

    processor = AudioProcessor(enable_aec=True, enable_ns=False, enable_agc=False)
    processor.set_stream_format(rate, 1)
    processor.set_reverse_stream_format(rate, 1)
    frame = rate // 100
    n_frames = len(near) // frame
    parts = [
        np.clip(part[: n_frames * frame] * 32768, -32768, 32767).astype(np.int16)
        for part in (near, far)
    ]
    out = []
    for start in range(0, n_frames * frame, frame):
        processor.process_reverse_stream(parts[1][start : start + frame].tobytes())
        heard = processor.process_stream(parts[0][start : start + frame].tobytes())
        out.append(np.frombuffer(heard, np.int16))
    out = np.concatenate(out).astype(np.float32) / 32768
    return np.pad(out, (0, len(near) - len(out)))


def prototype():
    """Return the sketch whose figures are the aim, where it is there."""
    folder = recordings().parent / "prototypes"
    if not (folder / "sketches.py").exists():
        return None
    sys.path.append(str(folder))
    import sketches

    def run(near, far, _rate, delay):
        return sketches.tfkf_res(np.concatenate([np.zeros(delay, np.float32), far]), near)

    return run


def peers():
    """Return every canceller that is there, by name."""
    found = {
        "audiokit": through_canceller(EchoCanceller),
        "audiokit, subtraction alone": through_canceller(
            lambda fmt: EchoCanceller(fmt, EchoSettings(suppress=False))
        ),
        "nlms": through_canceller(lambda fmt: open_canceller("nlms", fmt)),
    }
    try:
        open_canceller("speex", FMT)
        found["speex"] = through_canceller(lambda fmt: open_canceller("speex", fmt))
    except MissingDeviceError as absent:
        print(absent)
    try:
        import aec_audio_processing  # noqa: F401  is it there?

        found["webrtc aec3"] = aec3
    except ImportError:
        print("aec-audio-processing is not installed.")
    if sketch := prototype():
        found["prototype, told the delay"] = sketch
    return found


def own_delay(run):
    """Return by how many samples an engine delays speech when there is no echo."""
    speech = load(recordings() / "speech" / NEAR[0])[: 4 * RATE]
    out = run(speech, np.zeros_like(speech), RATE, 0)
    size = 1 << (2 * len(speech)).bit_length()
    product = np.fft.rfft(out, size) * np.fft.rfft(speech, size).conj()
    return int(np.argmax(np.fft.irfft(product, size)[: RATE // 5]))


def level_db(samples):
    return 10 * np.log10(np.square(samples, dtype=np.float64).sum() + 1e-12)


def si_sdr(clean, heard):
    clean, heard = clean.astype(float), heard.astype(float)
    scaled = clean * ((clean @ heard) / (clean @ clean))
    return level_db(scaled) - level_db(heard - scaled)


def erle_db(pair, out):
    """Return ERLE in windows of 100 ms until the near end talks; NaN where no echo is."""
    window = RATE // 10
    n_windows = TALK.start // window

    def powers(samples):
        rows = samples[: n_windows * window].reshape(-1, window)
        return np.square(rows, dtype=float).sum(axis=1) + 1e-12

    echo = powers(pair.echo)
    return np.where(
        echo > 1e-2 * echo.mean(), 10 * np.log10(powers(pair.mic) / powers(out)), np.nan
    )


def alone_db(pair, out):
    """Return ERLE of the far end alone, pauses left out."""
    window = RATE // 10
    start = 55 if pair.kind == "room" else 30
    heard = start + np.flatnonzero(np.isfinite(erle_db(pair, out)[start:]))
    parts = [slice(index * window, (index + 1) * window) for index in heard]
    before, after = (
        sum(np.square(x[p], dtype=float).sum() for p in parts) for x in (pair.mic, out)
    )
    return 10 * np.log10((before + 1e-12) / (after + 1e-12))


def back_s(pair, out):
    """Return how long after the change of the room the echo was down again, at most 3 s."""
    erle, change = erle_db(pair, out), 10 * CHANGE // RATE
    settled = [np.nanmedian(erle[end - 15 : end]) - 3.0 for end in (change, len(erle))]
    goal = min(20.0, *settled)
    heard = change + np.flatnonzero(np.isfinite(erle[change:]))
    for first, second, third in zip(heard, heard[1:], heard[2:], strict=False):
        if min(erle[[first, second, third]]) > goal:
            return (first - change) / 10
    return (len(erle) - change) / 10


def judge(pair, out):
    """Return ERLE, PESQ and SI-SDR of the double talk, and the time to come back."""
    from pesq import pesq

    try:
        quality = pesq(RATE, pair.near[TALK], out[TALK], "wb")
    except Exception:  # noqa: BLE001  the package's own, where it finds no speech
        quality = np.nan
    back = back_s(pair, out) if pair.kind == "room" else np.nan
    return alone_db(pair, out), quality, si_sdr(pair.near[TALK], out[TALK]), back


def timed(run, *arguments):
    begin_s = time.process_time()
    out = run(*arguments)
    return out, time.process_time() - begin_s


def bare_pass(near):
    stream = StftStream(FMT, window_samples=512, hop_samples=256)
    stream.process(near[:, np.newaxis], lambda spectra: spectra)


def made_tables(found, pairs):
    """Judge every engine on every pair, and print what it got and what it took."""
    scores = {name: {kind: [] for kind in KINDS} for name in found}
    bare = "bare Fourier pass"
    cpu_s = dict.fromkeys([*found, bare], 0.0)
    delays = {name: own_delay(run) for name, run in found.items()}
    duration_s = 0.0
    for pair in pairs:
        duration_s += N_SAMPLES / RATE
        cpu_s[bare] += timed(bare_pass, pair.mic)[1]
        for name, run in found.items():
            out, took_s = timed(run, pair.mic, pair.far, RATE, pair.delay)
            cpu_s[name] += took_s
            aligned = np.pad(out[delays[name] :], (0, delays[name]))
            scores[name][pair.kind].append(judge(pair, aligned))
    rows = []
    for name, kinds in scores.items():
        for kind in ("all", *KINDS):
            heard = [one for k, each in kinds.items() for one in each if kind in ("all", k)]
            if heard:
                erle, quality, sdr = np.nanmean([score[:3] for score in heard], axis=0)
                back = ", ".join(f"{score[3]:.1f}" for score in heard) if kind == "room" else ""
                row = (f"{erle:.1f}", f"{quality:.2f}", f"{sdr:.1f}", back, len(heard))
                rows.append((f"{name}: {kind}", *row))
    header = ("", "ERLE dB", "PESQ-WB", "SI-SDR dB", "back s", "pairs")
    print_table("Echo, made pairs: far end alone, and double talk", header, rows)
    rows = [
        (
            name,
            f"{1000 * delays[name] / RATE:.1f}" if name in delays else "",
            f"{took_s / duration_s:.4f}",
            f"{took_s / cpu_s[bare]:.0f}",
        )
        for name, took_s in cpu_s.items()
    ]
    header = ("", "delay ms", "RTF", "times the bare pass")
    print_table("Echo: CPU time over duration, 16 kHz", header, rows)


def real_table(found):
    from pesq import pesq

    rows = []
    for pair in REAL:
        paths = [recordings() / "aec" / f"{pair}_{part}.flac" for part in ("mic", "ref")]
        rate = 8000 if pair == "pyaec_xd" else RATE
        near, far = (load(path, rate) for path in paths)
        far = np.pad(far, (0, max(0, len(near) - len(far))))[: len(near)]
        row = [pair]
        for name, run in found.items():
            if "told" in name:
                continue
            out = run(near, far, rate, 0)
            row.append(f"{level_db(near) - level_db(out):.1f}")
            if "nearend" in pair:
                row[-1] += f" (PESQ {pesq(rate, near, out, 'wb'):.2f})"
        rows.append(row)
    header = ("", *(name for name in found if "told" not in name))
    print_table("Echo, real pairs: ERLE over everything, dB", header, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pairs", type=int, default=15, help="15 hold every scene at every level."
    )
    parser.add_argument("--seed", type=int, default=1, help="Of talkers, levels and delays.")
    parser.add_argument("--rooms", choices=("recorded", "made"), default="recorded")
    parser.add_argument("--real", action="store_true", help="The real pairs alone: seconds.")
    arguments = parser.parse_args()
    found = peers()
    real_table(found)
    if not arguments.real:
        numbers = range(arguments.pairs)
        pairs = (make_pair(n, arguments.seed, arguments.rooms) for n in numbers)
        made_tables(found, pairs)


if __name__ == "__main__":
    main()
