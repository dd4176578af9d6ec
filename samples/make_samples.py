"""Remake every clip of this folder, and MANIFEST.csv that says how.

    apt-get install espeak-ng
    python samples/make_samples.py

espeak-ng reads the lines, NumPy adds what spoils them, and each clip is written in the
container it stands for. The same espeak-ng, libsndfile and FFmpeg give the same bytes.
The clips are synthetic and dedicated to the public domain (CC0-1.0).
"""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Signal: TypeAlias = NDArray[np.float64]
"""``(samples, channels)``, full scale at 1."""
Treatment: TypeAlias = Callable[[Signal, int, np.random.Generator], Signal]

FOLDER = Path(__file__).resolve().parent
COLUMNS = (
    "path", "what", "how", "language", "text",
    "duration_s", "sample_rate", "channels", "licence", "sha256",
)  # fmt: skip
SEED = 1
SPEECH_DBFS = -23.0
GAP_S = 0.25


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence and who says it.

    Args:
        voice: Voice of espeak-ng; its language, and a variant behind a plus sign.
        text: What is said.
        words_per_minute: How fast.
    """

    voice: str
    text: str
    words_per_minute: int = 165

    @property
    def language(self) -> str:
        """The voice without its variant."""
        return self.voice.partition("+")[0]


@dataclass(frozen=True, slots=True)
class Clip:
    """One file of this folder.

    Args:
        path: Its name; the suffix chooses the container.
        what: What it is an example of.
        lines: What is said in it, in order.
        treat: What is done to the speech.
        sample_rate: In Hz.
        subtype: libsndfile's name of the sample format.
    """

    path: str
    what: str
    lines: tuple[Line, ...]
    treat: Treatment
    sample_rate: int = 16000
    subtype: str = "PCM_16"

    @property
    def how(self) -> str:
        """How the clip is made, in a phrase."""
        said = "; ".join(f"-v {line.voice} -s {line.words_per_minute}" for line in self.lines)
        done = str(self.treat.__doc__).strip().rstrip(".")
        done = done[0].lower() + done[1:]
        return f"espeak-ng {said}; soxr to {self.sample_rate} Hz; {done}; {self.subtype}"


def mix_at(speech: Signal, noise: Signal, snr_db: float) -> Signal:
    """Add noise to speech at a ratio of their mean powers."""
    gain = np.sqrt(np.mean(speech**2) / np.mean(noise**2)) * 10.0 ** (-snr_db / 20.0)
    return speech + gain * noise


def leave(speech: Signal, _rate: int, _rng: np.random.Generator) -> Signal:
    """Nothing added."""
    return speech


def add_white(speech: Signal, _rate: int, rng: np.random.Generator) -> Signal:
    """White noise at 10 dB SNR."""
    return mix_at(speech, rng.standard_normal(speech.shape), 10.0)


def add_pink(speech: Signal, _rate: int, rng: np.random.Generator) -> Signal:
    """Pink noise at 5 dB SNR."""
    spectrum = np.fft.rfft(rng.standard_normal(len(speech)))
    # Power falls as 1/f, so amplitude as its root; bin 0 would be infinite.
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    return mix_at(speech, np.fft.irfft(spectrum, len(speech))[:, None], 5.0)


def add_babble(speech: Signal, rate: int, rng: np.random.Generator) -> Signal:
    """Six other voices played backwards at 8 dB SNR."""
    texts = "One after the other they came in from the rain and sat down by the fire. "
    voices = ("en-us+f2", "en-gb+m3", "en-us+m7", "en-gb+f4", "en-us+m1", "en-gb+f1")
    crowd = [resample(speak(Line(voice, texts * 2)), rate)[::-1] for voice in voices]
    starts = rng.integers(0, min(map(len, crowd)) - len(speech), len(crowd))
    pieces = [
        voice[start : start + len(speech)] for voice, start in zip(crowd, starts, strict=True)
    ]
    return mix_at(speech, np.sum(pieces, axis=0), 8.0)


def add_hum(speech: Signal, rate: int, _rng: np.random.Generator) -> Signal:
    """Mains hum at 50 Hz with four harmonics at 6 dB SNR."""
    time_s = np.arange(len(speech))[:, None] / rate
    hum = sum(np.sin(2 * np.pi * 50.0 * k * time_s + k) / k for k in range(1, 6))
    return mix_at(speech, np.asarray(hum), 6.0)


def place_in_stereo(speech: Signal, rate: int, rng: np.random.Generator) -> Signal:
    """Left of the middle by 6 dB and 0.3 ms in a faintly noisy stereo room."""
    late = round(0.0003 * rate)
    right = 0.5 * np.concatenate([np.zeros((late, 1)), speech[: len(speech) - late]])
    stereo = np.concatenate([speech, right], axis=1)
    return mix_at(stereo, rng.standard_normal(stereo.shape), 40.0)


def narrow_to_telephone(speech: Signal, rate: int, rng: np.random.Generator) -> Signal:
    """Band of 300 to 3400 Hz and line noise at 30 dB SNR."""
    spectrum = np.fft.rfft(speech[:, 0])
    frequency_hz = np.fft.rfftfreq(len(speech), 1.0 / rate)
    # Raised-cosine edges 100 Hz wide: a brick wall would ring.
    ramp = np.clip(np.minimum(frequency_hz - 250.0, 3450.0 - frequency_hz) / 100.0, 0.0, 1.0)
    spectrum *= np.sin(0.5 * np.pi * ramp) ** 2
    narrow = np.fft.irfft(spectrum, len(speech))[:, None]
    return mix_at(narrow, rng.standard_normal(narrow.shape), 30.0)


def lower(speech: Signal, _rate: int, rng: np.random.Generator) -> Signal:
    """Lowered by 30 dB over a noise floor at 35 dB SNR."""
    return mix_at(speech, rng.standard_normal(speech.shape), 35.0) * 10.0 ** (-30.0 / 20.0)


def clip(speech: Signal, _rate: int, _rng: np.random.Generator) -> Signal:
    """Raised by 20 dB and clipped at full scale."""
    return np.clip(speech * 10.0 ** (20.0 / 20.0), -1.0, 1.0)


def surround_by_silence(speech: Signal, rate: int, _rng: np.random.Generator) -> Signal:
    """Digital silence of 1.5 s before and 1 s after."""
    return np.pad(speech, ((round(1.5 * rate), rate), (0, 0)))


CLIPS = (
    Clip(
        "clean_en.wav", "clean speech, 16 kHz mono",
        (Line("en-gb", "Please leave your coat by the door and follow the blue signs upstairs."),),
        leave,
    ),
    Clip(
        "white_noise_de.wav", "speech in white noise",
        (Line("de", "Der Zug nach Bremen fährt heute von Gleis sieben ab."),), add_white,
    ),
    Clip(
        "pink_noise_fr.flac", "speech in pink noise, FLAC",
        (Line("fr-fr+f2", "Nous avons fermé la fenêtre avant le début de l'orage."),), add_pink,
    ),
    Clip(
        "babble_es.wav", "speech among other voices",
        (Line("es", "La biblioteca abre a las nueve de la mañana.", 150),), add_babble,
    ),
    Clip(
        "hum_it.flac", "speech over mains hum",
        (Line("it", "Domani porteremo il pane fresco al mercato.", 150),), add_hum,
    ),
    Clip(
        "stereo_pt_44k.wav", "stereo at 44.1 kHz",
        (Line("pt-br+f3", "O barco volta hoje.", 180),), place_in_stereo, 44100,
    ),
    Clip(
        "telephone_en_8k.wav", "telephone band, 8 kHz mu-law",
        (Line("en-us", "Thank you for calling. To hear this message again, press four."),),
        narrow_to_telephone, 8000, "ULAW",
    ),
    Clip(
        "quiet_sv.wav", "much too quiet",
        (Line("sv", "Katten sover på den gröna stolen i köket."),), lower,
    ),
    Clip(
        "clipped_pl.flac", "clipped at full scale",
        (Line("pl", "Jutro rano pojedziemy nad morze pociągiem."),), clip,
    ),
    Clip(
        "pauses_nl.wav", "silence before and after",
        (Line("nl", "De winkel is op zondag gesloten."),), surround_by_silence,
    ),
    Clip(
        "two_voices_en.ogg", "two talkers in turn, Ogg Vorbis",
        (
            Line("en-gb+m3", "Did the parcel arrive this morning?"),
            Line("en-us+f3", "It did, and the glass was still in one piece."),
        ),
        leave, 22050, "VORBIS",
    ),
    Clip(
        "studio_fi_48k.flac", "48 kHz, 24 bits",
        (Line("fi", "Metsässä oli aivan hiljaista.", 150),), leave, 48000, "PCM_24",
    ),
    Clip(
        "memo_tr.m4a", "voice memo, AAC in MPEG-4",
        (Line("tr", "Akşam yemeği için biraz peynir ve domates al."),), leave, 44100, "AAC",
    ),
)  # fmt: skip


def speak(line: Line) -> Signal:
    """Return what espeak-ng says, ``(samples, 1)`` at 22050 Hz."""
    import soundfile

    wav = subprocess.run(
        [
            "espeak-ng", "--stdout", "-v", line.voice,
            "-s", str(line.words_per_minute), line.text,
        ],
        check=True,
        capture_output=True,
    ).stdout  # fmt: skip
    samples, rate = soundfile.read(io.BytesIO(wav), always_2d=True)
    if rate != 22050:
        raise SystemExit(f"espeak-ng speaks at {rate} Hz, expected 22050 Hz.")
    return np.asarray(samples)


def resample(speech: Signal, rate: int) -> Signal:
    """Return speech of espeak-ng at another rate."""
    import soxr

    return np.asarray(soxr.resample(speech, 22050, rate, quality="VHQ"))


def converse(clip: Clip) -> Signal:
    """Return the lines of a clip one after the other, at the level of the folder."""
    pause = np.zeros((round(GAP_S * clip.sample_rate), 1))
    turns = [pause]
    for line in clip.lines:
        turns += [resample(speak(line), clip.sample_rate), pause]
    speech = np.concatenate(turns)
    return speech * 10.0 ** (SPEECH_DBFS / 20.0) / np.sqrt(np.mean(speech**2))


def write_coded(path: Path, signal: Signal, rate: int, subtype: str) -> None:
    """Write one channel of AAC or Vorbis so that two runs give the same bytes."""
    if subtype == "AAC":
        encode_aac(path, signal, rate)
        return
    import av
    import soundfile

    coded = io.BytesIO()
    soundfile.write(coded, signal, rate, subtype, format="OGG")
    coded.seek(0)
    # libsndfile draws the stream's serial number; FFmpeg rewrites it as a fixed one.
    with (
        av.open(coded) as source,
        av.open(path, "w", options={"fflags": "bitexact"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)


def encode_aac(path: Path, signal: Signal, rate: int) -> None:
    """Write one channel of AAC in MPEG-4."""
    import av

    with av.open(path, "w", options={"fflags": "bitexact"}) as target:
        stream = target.add_stream("aac", rate=rate, layout="mono", bit_rate=64000)
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(signal.T, np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            target.mux(packet)


def write_clip(clip: Clip) -> Path:
    """Make a clip and write it beside this script."""
    import soundfile

    rng = np.random.default_rng(SEED)
    signal = clip.treat(converse(clip), clip.sample_rate, rng)
    path = FOLDER / clip.path
    if clip.subtype in ("AAC", "VORBIS"):
        write_coded(path, signal, clip.sample_rate, clip.subtype)
    else:
        soundfile.write(path, signal, clip.sample_rate, clip.subtype)
    return path


def measure(path: Path) -> tuple[int, int, int]:
    """Return samples, sample rate and channels of a file, by decoding it."""
    import av

    with av.open(path) as source:
        frames = list(source.decode(audio=0))
    channels = frames[0].layout.nb_channels
    return sum(frame.samples for frame in frames), frames[0].sample_rate, channels


def describe(clip: Clip, path: Path) -> dict[str, object]:
    """Return a clip's row of the manifest."""
    n_samples, sample_rate, channels = measure(path)
    return {
        "path": clip.path,
        "what": clip.what,
        "how": clip.how,
        "language": clip.lines[0].language,
        "text": " ".join(line.text for line in clip.lines),
        "duration_s": f"{n_samples / sample_rate:.4f}",
        "sample_rate": sample_rate,
        "channels": channels,
        "licence": "CC0-1.0",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def main() -> None:
    """Make all clips, then the manifest."""
    rows = [describe(clip, write_clip(clip)) for clip in CLIPS]
    with (FOLDER / "MANIFEST.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: str(row["path"])))


if __name__ == "__main__":
    main()
