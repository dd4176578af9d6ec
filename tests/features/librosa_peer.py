"""What librosa 0.11 says on the frames of an extractor, family by family.

Every part of librosa's that looks at the *whole* file is turned off (``top_db``), or fixed
(``tuning``); audiokit's documentation names each.
"""

from __future__ import annotations

import numpy as np


def librosa_rows(mono, grid, names):
    """Return the table of each family, ``(frames, columns)``, from one shared transform.

    Args:
        mono: ``(samples,)``; in float64, librosa computes in it.
        grid: The frame rule.
        names: Families.
    """
    shared = Shared(mono, grid)
    return {name: np.atleast_2d(ROWS[name](shared)).T for name in names}


class Shared:
    """What several families need, computed once each."""

    def __init__(self, mono, grid):
        import librosa

        self.feature, self.librosa = librosa.feature, librosa
        self.mono, self.rate, self.grid = mono, grid.sample_rate, grid
        self.frames = {"frame_length": grid.window_samples, "hop_length": grid.hop_samples}
        self.magnitude = np.abs(
            librosa.stft(
                mono,
                n_fft=grid.n_fft,
                hop_length=grid.hop_samples,
                win_length=grid.window_samples,
            )
        )
        self.power = self.magnitude**2
        self._known = {}

    def once(self, name, compute):
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    @property
    def mel(self):
        return self.once("mel", self._mel)

    def _mel(self):
        return self.feature.melspectrogram(
            S=self.power, sr=self.rate, n_fft=self.grid.n_fft, n_mels=80
        )

    @property
    def mel_db(self):
        return self.once("mel_db", lambda: self.librosa.power_to_db(self.mel, top_db=None))

    @property
    def chroma(self):
        return self.once("chroma", self._chroma)

    def _chroma(self):
        return self.feature.chroma_stft(
            S=self.power, sr=self.rate, n_fft=self.grid.n_fft, tuning=0.0
        )

    @property
    def onsets(self):
        return self.once("onsets", self._onsets)

    def _onsets(self):
        return self.librosa.onset.onset_strength(S=self.mel_db, sr=self.rate, center=False)

    @property
    def rms(self):
        return self.once("rms", lambda: self.feature.rms(y=self.mono, **self.frames))


def mfcc(shared):
    mfcc = shared.feature.mfcc(S=shared.mel_db, n_mfcc=20)
    slopes = [shared.feature.delta(mfcc, order=order) for order in (1, 2)]
    return np.concatenate([mfcc, *slopes])


def spectral(shared):
    feature, given = shared.feature, {"S": shared.magnitude, "sr": shared.rate}
    centroid = feature.spectral_centroid(**given)
    bandwidth = feature.spectral_bandwidth(**given, centroid=centroid)
    rolloff = feature.spectral_rolloff(**given)
    flatness = feature.spectral_flatness(S=shared.magnitude)
    return np.concatenate([centroid, bandwidth, rolloff, flatness])


def contrast(shared):
    n_bands = int(np.count_nonzero(200.0 * 2.0 ** np.arange(6) < shared.rate / 2.0))
    return shared.feature.spectral_contrast(S=shared.magnitude, sr=shared.rate, n_bands=n_bands)


def tempo(shared):
    envelope = {"onset_envelope": shared.onsets, "sr": shared.rate}
    return shared.feature.tempo(**envelope, hop_length=shared.grid.hop_samples, aggregate=None)


def rms(shared):
    energy = shared.rms**2 * shared.grid.window_samples
    return np.concatenate([shared.rms, energy, np.log(np.maximum(energy, 1e-10))])


ROWS = {
    "spectrum": lambda shared: shared.librosa.power_to_db(shared.power, top_db=None),
    "mel": lambda shared: shared.mel_db,
    "pcen": lambda shared: shared.librosa.pcen(
        shared.mel * 2.0**31, sr=shared.rate, hop_length=shared.grid.hop_samples
    ),
    "mfcc": mfcc,
    "chroma": lambda shared: shared.chroma,
    "tonal": lambda shared: shared.feature.tonnetz(chroma=shared.chroma),
    "energy": lambda shared: 20.0 * np.log10(np.maximum(shared.rms, 1e-5)),
    "rms": rms,
    "crossings": lambda shared: shared.feature.zero_crossing_rate(shared.mono, **shared.frames),
    "spectral": spectral,
    "contrast": contrast,
    "flux": lambda shared: shared.onsets,
    "rhythm": tempo,
}
"""By family; of ``rhythm``, the tempo alone."""
