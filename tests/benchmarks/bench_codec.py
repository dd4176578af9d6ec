"""Codecs: G.711 against G.191 and real time, Opus against the same libopus called from C.

    python tests/benchmarks/bench_codec.py [--seconds 60] [--rounds 5]

The peer of Opus is `opus_peer.c`, compiled here (cc): it loads the same file, encodes the same
samples with the same settings, and must give the same packets. opuslib decodes the same packets
as its users call it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import numpy as np
from cost import print_table

PEER_SOURCE = Path(__file__).with_name("opus_peer.c")
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FRAMES_PER_S = 50


def voice(rate, seconds):
    """Return a voice of the project's own clips at a rate, over and over."""
    import soundfile
    import soxr

    name = "clean_en.wav" if rate == 16_000 else "studio_fi_48k.flac"
    audio, own = soundfile.read(SAMPLES / name, dtype="float32")
    audio = soxr.resample(audio, own, rate) if own != rate else audio
    return np.resize(audio, rate * seconds).astype(np.float32)[:, np.newaxis]


def least_s(action, rounds):
    """Return the least CPU seconds of several runs, and what the last gave."""
    best_s = np.inf
    for _ in range(rounds):
        begin_s = time.process_time()
        result = action()
        best_s = min(best_s, time.process_time() - begin_s)
    return best_s, result


def encode_all(fmt, block):
    """Return the packets of frames pushed one by one, as a live client does."""
    from audiokit.codec.opus import OpusEncoder

    encoder = OpusEncoder(fmt)
    frame = encoder.frame_samples
    packets = []
    for start in range(0, len(block), frame):
        packets += encoder.push(block[start : start + frame])
    return packets


def decode_all(fmt, packets):
    """Decode packets one by one, as a jitter buffer does."""
    from audiokit.codec.opus import OpusDecoder

    decoder = OpusDecoder(fmt)
    for packet in packets:
        decoder.decode(packet)


def decode_by_opuslib(fmt, packets):
    """Decode packets by opuslib, to floats."""
    import opuslib

    decoder = opuslib.Decoder(fmt.sample_rate, fmt.channels)
    for packet in packets:
        np.frombuffer(decoder.decode_float(packet, fmt.sample_rate * 120 // 1000), np.float32)


def compiled(folder):
    """Return the peer, compiled; None where there is no compiler."""
    if shutil.which("cc") is None:
        return None
    program = Path(folder, "opus_peer")
    subprocess.run(["cc", "-O2", PEER_SOURCE, "-ldl", "-o", program], check=True)
    return program


def by_c(program, folder, rate, block, path):
    """Return the peer's seconds of encoding and decoding, and its packets."""
    pcm, made = Path(folder, "pcm"), Path(folder, "packets")
    pcm.write_bytes(block.tobytes())
    command = [program, path, rate, rate // FRAMES_PER_S, pcm, made, 1]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    data, packets, place = made.read_bytes(), [], 0
    while place < len(data):
        (size,) = struct.unpack_from("<H", data, place)
        packets.append(data[place + 2 : place + 2 + size])
        place += 2 + size
    return (*map(float, done.stdout.split()), packets)


def opus_rows(rate, program, folder, options):
    """Return the two rows of a rate: encoding and decoding, in C, by us and by opuslib."""
    from audiokit.codec.opus_binding import open_opus
    from audiokit.stage import StreamFormat

    fmt, block, path = StreamFormat(rate), voice(rate, options.seconds), open_opus().found.path
    c_s = ours_s = np.array([np.inf, np.inf])
    opuslib_s = np.inf
    # In turn, so that a slow moment of the machine meets all of them.
    for _ in range(options.rounds):
        encode_s, packets = least_s(lambda: encode_all(fmt, block), 1)
        decode_s, _ = least_s(lambda packets=packets: decode_all(fmt, packets), 1)
        taken_s, _ = least_s(lambda packets=packets: decode_by_opuslib(fmt, packets), 1)
        ours_s, opuslib_s = np.minimum(ours_s, [encode_s, decode_s]), min(opuslib_s, taken_s)
        if program is not None:
            *taken, c_packets = by_c(program, folder, rate, block, path)
            assert packets == c_packets, "not the same packets as from C"
            c_s = np.minimum(c_s, taken)
    for index, name in enumerate(("encode", "decode")):
        ours = f"{1e6 * ours_s[index] / len(packets):.1f}"
        if program is None:
            yield f"{name} {rate // 1000} kHz", "no cc", ours, "-", "-"
            continue
        in_c = f"{1e6 * c_s[index] / len(packets):.1f}"
        opuslib = f"{opuslib_s / c_s[1]:.2f}" if name == "decode" else "-"
        yield (
            f"{name} {rate // 1000} kHz",
            in_c,
            ours,
            f"{ours_s[index] / c_s[index]:.2f}",
            opuslib,
        )


def bench_opus(options):
    """Print the table of Opus."""
    from audiokit.codec.opus_binding import open_opus

    found = open_opus().found
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(folder)
        rows = [
            row for rate in (16_000, 48_000) for row in opus_rows(rate, program, folder, options)
        ]
    header = ("", "C, µs a frame", "ours, µs a frame", "ours / C", "opuslib / C")
    title = f"Opus, libopus {found.version} ({Path(found.path).name}), 20 ms, settings of the Pi"
    print_table(title, header, rows)


def g191_code(sample, law):
    """Return the code of a sample by ITU-T G.191's program, step by step."""
    mirrored = ~sample if sample < 0 else sample
    if law == "ulaw":
        biased = min((mirrored >> 2) + 33, 0x1FFF)
        segment = (biased >> 6).bit_length() + 1
        code = (8 - segment) << 4 | (15 - (biased >> segment & 15))
        return code | 0x80 if sample >= 0 else code
    magnitude, exponent = mirrored >> 4, 1
    if magnitude > 15:
        while magnitude > 31:
            magnitude, exponent = magnitude >> 1, exponent + 1
        magnitude += (exponent << 4) - 16
    return (magnitude | (0x80 if sample >= 0 else 0)) ^ 0x55


def bench_g711(seconds, rounds):
    """Print the table of G.711."""
    from audiokit.codec.g711 import compress, decode_g711, encode_g711, expand

    samples = np.arange(-32768, 32768).astype(np.int16)
    noise = np.random.default_rng(0).normal(0, 3000, 8000 * seconds)
    pcm = np.clip(noise, -32768, 32767).astype(np.int16)
    block = (pcm / np.float32(32768)).astype(np.float32)[:, np.newaxis]
    size = 65_536  # what every command reads at a time
    rows = []
    for law in ("ulaw", "alaw"):
        expected = [g191_code(int(sample), law) for sample in samples]
        n_wrong = int(np.count_nonzero(compress(samples, law) != expected))
        codes = compress(pcm, law)
        ways = {
            "16 bits to codes": lambda at, law=law: compress(pcm[at : at + size], law),
            "codes to 16 bits": lambda at, law=law, c=codes: expand(c[at : at + size], law),
            "blocks to bytes": lambda at, law=law: encode_g711(block[at : at + size], law),
            "bytes to blocks": lambda at, law=law, c=codes: decode_g711(
                c[at : at + size].tobytes(), law
            ),
        }
        for name, way in ways.items():
            starts = range(0, len(pcm), size)
            taken_s, _ = least_s(lambda way=way, starts=starts: [way(at) for at in starts], rounds)
            rows.append((law, name, n_wrong, f"{seconds / taken_s:,.0f}"))
    title = "G.711: mismatches to G.191 over all 65,536 samples, and speed at 8 kHz"
    print_table(title, ("law", "way", "mismatches", "times real time"), rows)


def main():
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    bench_g711(10 * options.seconds, options.rounds)
    bench_opus(options)


if __name__ == "__main__":
    main()
