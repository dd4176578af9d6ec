"""Taking the room out of speech: PESQ-WB, STOI, SI-SDR and CPU time, per impulse response.

    python tests/benchmarks/bench_room.py [--rooms real|synthetic|both] [--talkers 6]

Dry speech is convolved with the first channel of each impulse response, at 16 kHz and at the
level of the dry speech. The reference of PESQ, STOI and SI-SDR is the dry speech, delayed by
the strongest path; "early SI-SDR" takes the speech through the first 50 ms after it instead,
since early reflections are not what is to be removed. Synthetic rooms (exponentially decaying
noise, reflections before it, 0.2 to 1.2 s) are convolved with the training speech: on them,
never on the real ones, the stage was tuned. The last table is dry speech, which must stay.

Peers: nara_wpe (single channel, 512 samples, hop 128, 10 taps, delay 3, 3 iterations offline).
Its online form starts from the first frame, as ours does. Who is not installed is named.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from cost import print_table, recordings

from audiokit.denoise.room import RoomReducer, RoomSettings
from audiokit.stage import StreamFormat
from audiokit.testing import render

RATE = 16000
EARLY_S = 0.05
WINDOW, HOP, TAPS, DELAY, FORGETTING = 512, 128, 10, 3, 0.9999
# Names chosen before anything was measured: several talkers and languages.
TALKERS = (
    "leopard_test_en.flac",
    "libri_1688-142285-0001.flac",
    "libri_2609-156975-0002.flac",
    "p286_011.flac",
    "leopard_test_fr.flac",
    "libri_2033-164914-0002.flac",
    "leopard_test_de.flac",
    "librosa_libri1.ogg",
)
HEADER = ("", "PESQ", "ΔPESQ", "STOI %", "SI-SDR dB", "early SI-SDR dB", "RTF")


def read_at_rate(path):
    """Return the first channel of a file at 16 kHz."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, always_2d=True)
    return soxr.resample(samples[:, 0], rate, RATE, quality="VHQ")


def at_level(samples, level_dbfs=-26.0):
    """Return samples at a mean level."""
    return samples * (10 ** (level_dbfs / 20) / np.sqrt(np.mean(samples**2)))


def convolved(samples, response):
    """Return as many samples through an impulse response."""
    n_fft = 1 << (len(samples) + len(response) - 1).bit_length()
    product = np.fft.rfft(samples, n_fft) * np.fft.rfft(response, n_fft)
    return np.fft.irfft(product, n_fft)[: len(samples)]


def synthetic_response(rng, rt60_s):
    """Return a direct path, a dozen reflections and a tail that dies away sooner on top."""
    n_samples = round(RATE * rt60_s * 1.1)
    time_s = np.arange(n_samples) / RATE
    spectrum = np.fft.rfft(rng.standard_normal(n_samples), 2 * n_samples)
    frequency_hz = np.fft.rfftfreq(2 * n_samples, 1 / RATE)
    tail = np.zeros(n_samples)
    for low_hz, high_hz, part in ((0, 300, 1.15), (300, 3000, 1.0), (3000, 8001, 0.65)):
        band = spectrum * ((frequency_hz >= low_hz) & (frequency_hz < high_hz))
        decay = 10.0 ** (-3.0 * time_s / (rt60_s * part))
        tail += np.fft.irfft(band, 2 * n_samples)[:n_samples] * decay
    response = np.roll(tail, round(rng.uniform(0.002, 0.012) * RATE))
    reflections = rng.integers(RATE // 500, RATE // 20, 12)
    response[reflections] += rng.choice([-0.2, 0.2], 12) * np.sqrt(np.sum(tail**2))
    direct_to_rest_db = rng.uniform(-8.0, 6.0)
    response *= 10 ** (-direct_to_rest_db / 20) / np.sqrt(np.sum(response**2))
    response[0] = 1.0
    return response


def real_cases(n_talkers):
    """Return name, dry speech and response of every case made from recordings."""
    folder = recordings()
    talkers = [read_at_rate(folder / "speech" / name) for name in TALKERS[:n_talkers]]
    return [
        (path.stem, talker, read_at_rate(path))
        for path in sorted((folder / "rir").iterdir())
        for talker in talkers
    ]


def synthetic_cases(n_talkers):
    """Return the same of made-up rooms and training speech."""
    paths = sorted((recordings() / "train" / "speech").glob("libri_*"))
    rng = np.random.default_rng(4)
    cases = []
    for rt60_s in (0.2, 0.35, 0.5, 0.7, 0.9, 1.2):
        for index in rng.permutation(len(paths))[:n_talkers]:
            talker = read_at_rate(paths[index])[: 10 * RATE]
            cases.append((f"RT60 {rt60_s} s", talker, synthetic_response(rng, rt60_s)))
    return cases


def signals(talker, response):
    """Return the reverberant speech and its references, dry and early."""
    dry = at_level(talker)
    direct = int(np.argmax(np.abs(response)))
    early = response.copy()
    early[direct + round(EARLY_S * RATE) :] = 0.0
    wet = convolved(dry, response)
    gain = np.sqrt(np.mean(dry**2) / np.mean(wet**2))
    delayed = np.concatenate([np.zeros(direct), dry])[: len(dry)]
    return (gain * wet).astype(np.float32), delayed, gain * convolved(dry, early)


def ours(**settings):
    """Return a function from samples to samples."""

    def run(samples):
        stage = RoomReducer(StreamFormat(RATE), RoomSettings(**settings))
        return render(stage, [samples[:, np.newaxis]])[:, 0]

    return run


def analysed(samples):
    """Return the spectra that the peer is given, ``(frames, bins)``."""
    window = np.sin(np.pi * np.arange(WINDOW) / WINDOW)
    padded = np.pad(samples, WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.fft.rfft(frames * window)


def synthesised(spectra, n_samples):
    """Return the samples of such spectra."""
    window = np.sin(np.pi * np.arange(WINDOW) / WINDOW) * (2 * HOP / WINDOW)
    out = np.zeros(n_samples + 2 * WINDOW + HOP)
    for index, frame in enumerate(np.fft.irfft(spectra, WINDOW) * window):
        out[index * HOP : index * HOP + WINDOW] += frame
    return out[WINDOW : WINDOW + n_samples].astype(np.float32)


def nara_offline(samples):
    """Return samples through nara_wpe, which hears the whole file three times."""
    from nara_wpe.wpe import wpe

    spectra = analysed(samples).T[:, np.newaxis]
    clean = wpe(spectra, taps=TAPS, delay=DELAY, iterations=3)
    return synthesised(clean[:, 0].T, len(samples))


def nara_online(samples):
    """Return samples through nara_wpe, frame by frame."""
    from nara_wpe.wpe import OnlineWPE

    spectra = analysed(samples)
    online = OnlineWPE(TAPS, DELAY, FORGETTING, channel=1, frequency_bins=spectra.shape[1])
    clean = [online.step_frame(frame[:, np.newaxis])[:, 0] for frame in spectra]
    return synthesised(np.array(clean), len(samples))


def si_sdr_db(reference, estimate):
    """Return the scale-invariant signal-to-distortion ratio."""
    target = reference * (np.vdot(estimate, reference) / np.vdot(reference, reference))
    # What did not change at all has no distortion: 120 dB stands for it.
    error = np.sum((estimate - target) ** 2) + 1e-12 * np.sum(target**2)
    return 10 * np.log10(np.sum(target**2) / error)


def scores(method, wet, dry, early):
    """Return PESQ, STOI, both SI-SDR and CPU time over duration."""
    from pesq import pesq
    from pystoi import stoi

    begin_s = time.process_time()
    out = method(wet)
    rtf = (time.process_time() - begin_s) * RATE / len(wet)
    quality = pesq(RATE, dry.astype(np.float32), out, "wb")
    heard = 100 * stoi(dry, out, RATE)
    return quality, heard, si_sdr_db(dry, out), si_sdr_db(early, out), rtf


def print_scores(title, names, table):
    """Print the rows of all methods; the change of PESQ is against the first."""
    base = table[0, 0]
    rows = [
        (
            name,
            f"{row[0]:.3f}",
            f"{row[0] - base:+.3f}",
            *map("{:.2f}".format, row[1:4]),
            f"{row[4]:.4f}",
        )
        for name, row in zip(names, table, strict=True)
    ]
    print_table(title, HEADER, rows)


def compare(title, cases, methods):
    """Print a table per room, and the mean."""
    results = np.array(
        [
            [scores(method, *signals(talker, response)) for method in methods.values()]
            for _, talker, response in cases
        ]
    )
    rooms = np.array([name for name, *_ in cases])
    for room in dict.fromkeys(rooms.tolist()):
        print_scores(f"{title}: {room}", methods, results[rooms == room].mean(axis=0))
    if len(set(rooms.tolist())) > 1:
        print_scores(f"{title}: mean", methods, results.mean(axis=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", choices=("real", "synthetic", "both"), default="real")
    parser.add_argument("--talkers", type=int, default=6)
    options = parser.parse_args()
    methods = {
        "reverberant": lambda samples: samples,
        "audiokit room": ours(),
        "audiokit room, prediction alone": ours(floor_db=0.0),
    }
    try:
        import nara_wpe  # noqa: F401  is it there?

        methods |= {"nara_wpe online": nara_online, "nara_wpe offline": nara_offline}
    except ImportError:
        print("Absent: nara_wpe")
    warnings.simplefilter("ignore")
    if options.rooms != "synthetic":
        compare("Shared responses", real_cases(options.talkers), methods)
    if options.rooms != "real":
        compare("Made-up rooms", synthetic_cases(options.talkers), methods)
    dry = [("dry", read_at_rate(recordings() / "speech" / name), np.ones(1)) for name in TALKERS]
    compare("No room", dry, methods)


if __name__ == "__main__":
    main()
