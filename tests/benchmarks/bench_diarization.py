"""Diarization: error rates on labelled recordings, overlap on meetings, and time.

    python tests/benchmarks/bench_diarization.py [--peer]

Every recording is diarized with the number of speakers known and unknown, from the speech that
the reference labels and from what our own detector finds. DER is given with a collar of 0.25 s
on each side of every reference boundary and without one, overlapping speech counted; "one" says
that all speech is one speaker's. `n` is how many speakers were found where their number is not
known, `!` the mark of low confidence. The peer, pyAudioAnalysis, knows the number; a package
that it imports and does not declare may keep it from running.

Overlap is scored per hundredth of a second within the reference's speech.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time

import numpy as np
import soundfile
from cost import print_table, recordings
from diarization_error import error_rate, one_speaker, read_rttm, read_segments

from audiokit.speakers.diarizer import Diarizer, SpeakerSettings
from audiokit.stage import StreamFormat
from audiokit.vad.detector import SpeechDetector
from audiokit.vad.segments import Segment

COLLARS_S = (0.25, 0.0)


def clips():
    """Yield name, samples, rate and reference of every labelled recording."""
    for path in sorted((recordings() / "diarization").glob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if path.with_suffix(".rttm").exists():
            yield path.stem, samples, rate, read_rttm(path.with_suffix(".rttm"))
        else:
            yield path.stem, samples, rate, read_segments(path.with_suffix(".segments"))


def speech_of(reference, duration_s):
    turns = one_speaker(reference)
    return [Segment(start, min(end, duration_s)) for start, end, _ in turns if start < duration_s]


def detected(samples, fmt):
    detector = SpeechDetector(fmt)
    return detector.process(samples) + detector.flush()


def diarized(samples, fmt, speech, **settings):
    diarizer = Diarizer(fmt, SpeakerSettings(**settings))
    diarizer.process(samples)
    return diarizer.finish(speech)


def turns(report):
    return [(s.start_s, s.end_s, s.label) for s in report.segments]


def peer_turns(samples, rate, n_speakers):
    """Return pyAudioAnalysis' turns, or nothing where it does not run."""
    try:
        import tempfile

        from pyAudioAnalysis import audioSegmentation

        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file.name, samples, rate)
            with contextlib.redirect_stdout(io.StringIO()):
                labels = audioSegmentation.speaker_diarization(file.name, n_speakers)
    except (ImportError, FileNotFoundError, TypeError, ValueError) as error:
        print(f"pyAudioAnalysis: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    labels, step_s = np.asarray(labels[0]), 0.1
    edges = np.flatnonzero(np.diff(np.concatenate([[-9], labels, [-9]])))
    return [(a * step_s, b * step_s, f"p{labels[a]}") for a, b in zip(edges[:-1], edges[1:])]  # noqa: B905,RUF007  pairs


def percent(reference, guess):
    return " ".join(f"{100 * error_rate(reference, guess, collar_s=c):5.1f}" for c in COLLARS_S)


def grid(turns_, n_frames):
    counts = np.zeros(n_frames, int)
    for start_s, end_s, *_ in turns_:
        counts[round(start_s * 100) : round(end_s * 100)] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run pyAudioAnalysis too")
    with_peer = parser.parse_args().peer
    rows, right, said, true, busy_s, heard_s = [], 0, 0, 0, 0.0, 0.0
    for name, samples, rate, reference in clips():
        fmt, duration_s = StreamFormat(rate), len(samples) / rate
        n_speakers = len({speaker for *_, speaker in reference})
        row = [name, str(n_speakers)]
        for speech in (speech_of(reference, duration_s), detected(samples, fmt)):
            known = diarized(samples, fmt, speech, speakers=n_speakers)
            started_s = time.process_time()
            unknown = diarized(samples, fmt, speech)
            busy_s, heard_s = busy_s + time.process_time() - started_s, heard_s + duration_s
            mark = "!" if unknown.is_low_confidence else " "
            alone = [(s.start_s, s.end_s, "one") for s in speech]
            row += [percent(reference, turns(known)), percent(reference, turns(unknown))]
            row += [f"{unknown.n_speakers}{mark}", percent(reference, alone)]
            if name.startswith("ami") and len(row) == 6:
                both = grid(reference, round(100 * duration_s)) > 1
                found = grid([(s.start_s, s.end_s) for s in unknown.overlaps], len(both)) > 0
                right, said, true = (
                    right + (both & found).sum(),
                    said + found.sum(),
                    true + both.sum(),
                )
        if with_peer:
            guess = peer_turns(samples, rate, n_speakers)
            row.append("-" if guess is None else percent(reference, guess))
        rows.append(row)
    head = ["recording", "speakers"]
    head += ["known", "unknown", "n", "one", "known, ours", "unknown, ours", "n", "one, ours"]
    title = "DER in percent, collar 0.25 s and 0"
    print_table(title, [*head, "pyAudioAnalysis"] if with_peer else head, rows)
    precision, recall = right / max(1, said), right / true
    print(f"overlap on AMI, {true / 100:.1f} s: precision {precision:.2f}, recall {recall:.2f}")
    print(f"time over duration, unknown number: {busy_s / heard_s:.4f}")


if __name__ == "__main__":
    main()
