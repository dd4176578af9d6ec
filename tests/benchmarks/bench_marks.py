"""Print how well the faults of recordings are found, beside plain rules.

    python tests/benchmarks/bench_marks.py [--quick]

Bandwidth: speech that was low-passed, resampled, or coded, and how often the bandwidth is right
within 10 %. Filters: 513 taps. The edge of a codec is measured on white noise coded with the same
settings: where its density is 10 dB below that of its middle. Peers: the rule of earlier versions
(the highest frequency within 60 dB of the strongest), and the 99 % roll-off of librosa.

Clipping: the share of samples, where it is found, at full scale and below; the peer counts samples
at the file's own highest value. "clean": files in which something is found before clipping.

Packet loss: the shared traces of lossy calls, and clean recordings with losses drawn by a seed.
Precision and recall count packets of 20 ms. The peer takes every 10 ms of zeros for a loss.

Drop-outs: one span of zeros or of a held sample in a loud part of each clip, at any length. Found:
both ends within 1 ms.

Cost: CPU of one minute of sound, for all measures beyond the shared transform.
"""

from __future__ import annotations

import argparse
import io
import time

import av
import numpy as np
import soundfile
import soxr
from cost import print_table, recordings
from mixes import CLEANEST_CLIPS, MAIN_CLIPS

from audiokit.quality.faults import Faults
from audiokit.quality.frames import Stretcher
from audiokit.stage import StreamFormat

WIDE_CLIPS = ("p286_011.flac", "auditok_de_lead_trail_silence.flac")
EDGES_HZ = (2500, 3400, 4000, 5000, 6000, 7000)
WIDE_EDGES_HZ = (8000, 10000, 12000, 16000)
FORMER_RATES = ((8000, 16000), (8000, 48000), (11025, 44100), (16000, 44100), (16000, 48000))
MP3_BPS = (24_000, 32_000, 48_000, 64_000)
AAC_BPS = (16_000, 24_000, 32_000, 48_000)
# By application and bit rate: narrow, medium, wide, super-wide and full band.
OPUS_CUT_OFFS_HZ = (4000, 6000, 8000, 12000)
OPUS_BPS = 24_000
TAPS = 513
WITHIN = 0.1
SHARES = (1e-4, 3e-4, 1e-3, 1e-2, 1e-1)
LEVELS = (1.0, 0.5, 0.1)
PACKET_S = 0.02
LOSS_SHARE = 0.05
DROPOUTS_MS = ((2.5, 9.5), (11.0, 60.0), (60.0, 400.0))
LOUD_QUANTILE = 0.7
EDGE_S = 0.001


def hear(samples, rate):
    """Return the faults of a recording, ``(samples,)``."""
    fmt = StreamFormat(rate)
    faults, stretcher = Faults(fmt), Stretcher(fmt)
    block = np.ascontiguousarray(samples[:, np.newaxis], np.float32)
    for stretch in [*stretcher.push(block), *stretcher.rest()]:
        faults.add(stretch)
    return faults.report()


def read(name, folder="speech"):
    """Return the first channel of a recording, at most 12 s of it, and its rate."""
    samples, rate = soundfile.read(recordings() / folder / name, dtype="float32", always_2d=True)
    samples = samples[: 12 * rate, 0]
    return 0.7 * samples / np.abs(samples).max(), rate


def rounded(samples):
    """Return samples as a file of 16 bits holds them."""
    return (np.round(samples * 32768.0).clip(-32768, 32767) / 32768.0).astype(np.float32)


def low_passed(samples, rate, edge_hz):
    """Return samples through a windowed sinc, whose edge is 6 dB down."""
    time = np.arange(TAPS) - TAPS // 2
    taps = np.sinc(2.0 * edge_hz / rate * time) * np.hamming(TAPS)
    return rounded(np.convolve(samples, taps / taps.sum(), "same"))


def coded(samples, rate, codec, **options):
    """Return samples after an encoder and its decoder, and the rate they came out at."""
    file = io.BytesIO()
    container = {"libmp3lame": "mp3", "aac": "adts", "libopus": "ogg"}[codec]
    kind = "s16p" if codec == "libmp3lame" else "fltp" if codec == "aac" else "flt"
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = options.pop("bit_rate")
        stream.options = {name: str(value) for name, value in options.items()}
        data = rounded(samples)
        if kind == "s16p":
            data = (data * 32767.0).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(data[np.newaxis], format=kind, layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    file.seek(0)
    with av.open(file) as back:
        resampler = av.AudioResampler(format="flt", layout="mono")
        pieces = [
            piece.to_ndarray()[0]
            for frame in back.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
        rate = back.streams.audio[0].codec_context.sample_rate
    return np.concatenate(pieces), rate


def true_edge_hz(rate, codec, **options):
    """Return the edge that a codec gives white noise."""
    noise = 0.1 * np.random.default_rng(1).standard_normal(10 * rate)
    out, rate = coded(noise, rate, codec, **options)
    n_fft = rate // 20
    frames = out[: len(out) // n_fft * n_fft].reshape(-1, n_fft) * np.hanning(n_fft)
    density_db = 10.0 * np.log10(np.square(np.abs(np.fft.rfft(frames))).mean(axis=0) + 1e-12)
    middle_db = np.median(density_db[25:100])
    return 20.0 * np.flatnonzero(density_db >= middle_db - 10.0)[-1]


def bandwidth_cases(quick):
    """Yield a kind of case, samples, rate, and the true edge in Hz."""
    # What came as MP3 has an edge of its own at 5.8 kHz.
    names = [name for name, _ in MAIN_CLIPS if not name.endswith(".mp3")]
    clips = [read(name) for name in dict.fromkeys(names)]
    clips = [clip for clip in clips if clip[1] == 16000][:: 4 if quick else 1]
    for samples, rate in clips:
        for edge_hz in EDGES_HZ:
            yield "low-passed, 16 kHz", low_passed(samples, rate, edge_hz), rate, edge_hz
        for former, latter in FORMER_RATES:
            narrow = soxr.resample(samples, rate, former)
            again = rounded(soxr.resample(narrow, former, latter))
            yield "resampled", again, latter, former / 2.0
    for name in WIDE_CLIPS:
        samples, rate = read(name)
        for edge_hz in WIDE_EDGES_HZ:
            yield "low-passed, 44.1 and 48 kHz", low_passed(samples, rate, edge_hz), rate, edge_hz
    yield from codec_cases(clips)


def codec_cases(clips):
    """Yield the same for codecs."""
    plans = [("MP3", "libmp3lame", {"bit_rate": bps}) for bps in MP3_BPS]
    plans += [("AAC", "aac", {"bit_rate": bps}) for bps in AAC_BPS]
    plans += [
        ("Opus", "libopus", {"bit_rate": OPUS_BPS, "application": "voip", "cutoff": edge_hz})
        for edge_hz in OPUS_CUT_OFFS_HZ[:3]
    ]
    for title, codec, options in plans:
        rate = 48000 if codec == "libopus" else 16000
        edge_hz = true_edge_hz(rate, codec, **options)
        if edge_hz > 7300:
            # Speech at 16 kHz has nothing there: its own end would be judged.
            edge_hz = None
        for samples, own_rate in clips:
            wide = soxr.resample(samples, own_rate, rate)
            out, out_rate = coded(wide, rate, codec, **options)
            if edge_hz is None and codec != "libopus":
                continue
            yield title, out, out_rate, edge_hz or 7800.0
    for name in WIDE_CLIPS:
        samples, rate = read(name)
        for title, codec, options in (
            ("MP3", "libmp3lame", {"bit_rate": 64_000}),
            ("MP3", "libmp3lame", {"bit_rate": 96_000}),
            ("AAC", "aac", {"bit_rate": 48_000}),
            ("AAC", "aac", {"bit_rate": 64_000}),
            ("Opus", "libopus", {"bit_rate": 32_000, "cutoff": 12000}),
            ("Opus", "libopus", {"bit_rate": 64_000, "cutoff": 20000}),
        ):
            wide = samples if codec != "libopus" else soxr.resample(samples, rate, 48000)
            coder_rate = rate if codec != "libopus" else 48000
            out, out_rate = coded(wide, coder_rate, codec, **options)
            yield title, out, out_rate, true_edge_hz(coder_rate, codec, **options)


def sixty_db_hz(spectrum):
    """Return the highest frequency within 60 dB of the strongest."""
    floor = spectrum.power.max() * 1e-6
    return float(spectrum.bins_hz[np.flatnonzero(spectrum.power >= floor)[-1]])


def bench_bandwidth(quick):
    """Print how often the bandwidth is right."""
    import librosa

    rows = {}
    for title, samples, rate, edge_hz in bandwidth_cases(quick):
        report = hear(samples, rate)
        roll_off = librosa.feature.spectral_rolloff(y=samples, sr=rate, roll_percent=0.99)
        found = (report.bandwidth.bandwidth_hz, sixty_db_hz(report.spectrum), np.median(roll_off))
        errors = [abs(each / edge_hz - 1.0) for each in found]
        is_in_band = report.bandwidth.low_hz <= edge_hz <= report.bandwidth.high_hz
        rows.setdefault(title, []).append((*errors, is_in_band))
    table = []
    for title, found in rows.items():
        errors = np.array(found, float)
        right = np.mean(errors[:, :3] <= WITHIN, axis=0)
        middle = f"{np.median(errors[:, 0]):.1%}"
        table.append(
            (
                title,
                len(errors),
                *(f"{each:.0%}" for each in right),
                middle,
                f"{errors[:, 3].mean():.0%}",
            )
        )
    header = ("", "files", "audiokit", "60 dB", "roll-off", "median error", "in its band")
    print_table("Bandwidth right within 10 %", header, table)


def bench_clipping(quick):
    """Print at which shares clipping is found, and in how many files that have none."""
    clips = [read(name) for name, _ in CLEANEST_CLIPS][:: 3 if quick else 1]
    table = []
    n_clean = sum(hear(rounded(samples), rate).clipping.n_samples > 0 for samples, rate in clips)
    for share in SHARES:
        for level in LEVELS:
            found, ratios, plain = [], [], []
            for samples, rate in clips:
                limit = np.sort(np.abs(samples))[-max(1, round(share * len(samples)))]
                clipped = rounded(np.clip(samples, -limit, limit) / limit * level)
                true = np.mean(np.abs(samples) >= limit)
                ratio = hear(clipped, rate).clipping.ratio
                found.append(ratio > 0.0)
                ratios.append(ratio / true)
                plain.append(np.mean(np.abs(clipped) >= 0.999) / true)
            table.append(
                (
                    f"{share:.2%} at {level:g}",
                    len(found),
                    f"{np.mean(found):.0%}",
                    f"{np.median(ratios):.2f}",
                    f"{np.median(plain):.2f}",
                )
            )
    header = ("share, level", "files", "found", "of the true share", "at full scale")
    print_table(f"Clipping; found in {n_clean} of {len(clips)} clean files", header, table)


def marked(spans, n_packets, rate):
    """Return which packets of 20 ms are marked for more than half."""
    packet = round(PACKET_S * rate)
    is_marked = np.zeros(n_packets * packet, bool)
    for start_s, end_s in spans:
        is_marked[round(start_s * rate) : round(end_s * rate)] = True
    return is_marked.reshape(n_packets, packet).mean(axis=1) > 0.5


def zero_spans(samples, rate):
    """Return spans of zeros of 10 ms and more: the peer."""
    bounds = np.flatnonzero(np.diff(samples == 0.0, prepend=False, append=False))
    spans = zip(bounds[::2] / rate, bounds[1::2] / rate, strict=True)
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= 0.01]


def loss_cases(quick):
    """Yield a name, samples, rate, and which packets were lost."""
    for path in sorted((recordings() / "trace").glob("plc_*_lossy.flac")):
        name = path.stem.removesuffix("_lossy")
        lost = np.loadtxt(path.with_name(f"{name}.loss.txt")).astype(bool)
        for kind in ("lossy", "clean"):
            samples, rate = soundfile.read(path.with_name(f"{name}_{kind}.flac"), dtype="float32")
            yield f"{name}, {kind}", samples, rate, lost & (kind == "lossy")
    rng = np.random.default_rng(11)
    for kind in ("zeros", "repeats", "zeros at -40 dBFS", "none"):
        for name, _ in MAIN_CLIPS[:: 4 if quick else 1]:
            samples, rate = read(name)
            packet = round(PACKET_S * rate)
            samples = rounded(samples * (0.01 if "dBFS" in kind else 1.0))
            packets = samples[: len(samples) // packet * packet].reshape(-1, packet).copy()
            lost = rng.random(len(packets)) < (LOSS_SHARE if kind != "none" else 0.0)
            lost[0] = False
            for index in np.flatnonzero(lost):
                packets[index] = packets[index - 1] if kind == "repeats" else 0.0
            yield f"drawn: {kind}", packets.ravel(), rate, lost


def bench_loss(quick):
    """Print precision and recall of the marks of lost packets."""
    rows = {}
    for title, samples, rate, lost in loss_cases(quick):
        gaps = hear(samples, rate).gaps
        ours = marked(gaps.lost_packets, len(lost), rate)
        plain = marked(zero_spans(samples, rate), len(lost), rate)
        counts = [np.count_nonzero(lost), gaps.n_dropouts]
        for found in (ours, plain):
            counts += [np.count_nonzero(found & lost), np.count_nonzero(found)]
        rows[title] = rows.get(title, 0) + np.array(counts)
    table = []
    for title, (n_lost, n_dropouts, *found) in rows.items():
        shares = []
        for n_right, n_found in (found[:2], found[2:]):
            precision = f"{n_right / n_found:.3f}" if n_found else "no marks"
            recall = f"{n_right / n_lost:.3f}" if n_lost else ""
            shares += [precision, recall]
        table.append((title, n_lost, *shares, n_dropouts))
    header = ("", "lost", "precision", "recall", "zeros: precision", "recall", "drop-outs")
    print_table("Marks of lost packets, of 20 ms", header, table)


def dropout_cases(quick):
    """Yield a kind, samples, rate, and the spans that were drawn, amid speech, in samples."""
    rng = np.random.default_rng(12)
    for kind in ("zeros", "held"):
        for low_ms, high_ms in DROPOUTS_MS:
            for name, _ in MAIN_CLIPS[:: 4 if quick else 1]:
                samples, rate = read(name)
                samples = rounded(samples)
                level = np.sqrt(np.convolve(samples**2, np.full(rate // 100, 100 / rate), "same"))
                loud = np.flatnonzero(level > np.quantile(level, LOUD_QUANTILE))
                start = int(rng.choice(loud[(loud > rate // 5) & (loud < len(samples) - rate)]))
                end = start + round(rng.uniform(low_ms, high_ms) * rate / 1000.0)
                samples[start:end] = 0.0 if kind == "zeros" else samples[start - 1]
                yield f"{kind}, {low_ms:g} to {high_ms:g} ms", samples, rate, (start, end)


def bench_dropouts(quick):
    """Print how many drawn holes are found, as a drop-out or a lost packet."""
    rows = {}
    for title, samples, rate, bounds in dropout_cases(quick):
        gaps = hear(samples, rate).gaps
        spans = np.array([*gaps.dropouts, *gaps.lost_packets]).reshape(-1, 2) * rate
        is_right = (np.abs(spans - bounds) <= EDGE_S * rate).all(axis=1)
        counts = [1, np.count_nonzero(is_right), len(spans)]
        rows[title] = rows.get(title, 0) + np.array(counts)
    table = [
        (title, n_drawn, f"{n_right / n_drawn:.0%}", n_found - n_right)
        for title, (n_drawn, n_right, n_found) in rows.items()
    ]
    print_table("Drop-outs of any length amid speech", ("", "drawn", "found", "false"), table)


def bench_cost():
    """Print the CPU of a minute of sound."""
    table = []
    speech = np.concatenate([read(name)[0] for name, _ in MAIN_CLIPS if read(name)[1] == 16000])
    minute = np.resize(speech, 60 * 16000)
    for rate in (8000, 16000, 48000):
        samples = rounded(soxr.resample(minute, 16000, rate))[:, np.newaxis]
        fmt = StreamFormat(rate)
        shared_s, faults_s = [], []
        for _ in range(5):
            begin_s = time.process_time()
            stretcher = Stretcher(fmt)
            stretches = [*stretcher.push(samples), *stretcher.rest()]
            middle_s = time.process_time()
            faults = Faults(fmt)
            for stretch in stretches:
                faults.add(stretch)
            faults.report()
            shared_s.append(middle_s - begin_s)
            faults_s.append(time.process_time() - middle_s)
        table.append((f"{rate} Hz", f"{1e3 * min(shared_s):.1f}", f"{1e3 * min(faults_s):.1f}"))
    print_table("CPU in ms per minute, mono", ("", "transform", "all faults"), table)


def main():
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the files")
    quick = parser.parse_args().quick
    bench_bandwidth(quick)
    bench_clipping(quick)
    bench_loss(quick)
    bench_dropouts(quick)
    bench_cost()


if __name__ == "__main__":
    main()
