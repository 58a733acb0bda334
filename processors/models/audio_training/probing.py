"""How much an encoder's embeddings tell: a logistic regression on them, learned on some folds and judged on others.

Both learn and judge on seconds that are not silent, alone and over a bed of noise or of another clip. The regression
sees chunks of random signal-to-noise ratios, the judged ones have stated ratios.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from processors.models.audio_training.chunks import Recording, mix_at, noise_like, sounding_seconds
from processors.models.audio_training.fitting import embed_maps
from processors.models.encoders import AudioEncoder

__all__ = ["SNRS_DB", "ProbeChunks", "encode_probe", "probe_encoder"]

SNRS_DB: Final = (10.0, 0.0)
"""Ratios that are judged, beside chunks without a bed."""

_CLEAN, _DRAWN = np.inf, np.nan
_DRAWN_SNR_DB: Final = (0.0, 20.0)
_NOISE_SHARE: Final = 1 / 3
_STRENGTH: Final = 0.01
_LEAST_SPREAD: Final = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class ProbeChunks:
    """Seconds of recordings through the lower blocks, and what they are.

    Attributes:
        maps: float16 [N, 192, 4, 4].
        clips: int64 [N], number of the recording.
        labels: int64 [N].
        groups: [N] names.
        snrs_db: float64 [N]; infinite without a bed, not a number where the ratio was drawn.
    """

    maps: torch.Tensor
    clips: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]
    snrs_db: npt.NDArray[np.float64]


@torch.no_grad()
def encode_probe(recordings: Sequence[Recording], beds: Sequence[int], seed: int) -> ProbeChunks:
    """Cut and mix.

    Args:
        recordings: all clips.
        beds: classes whose clips lie under others of the same group.
        seed: of beds and ratios.
    """
    encoder = AudioEncoder(weights=None)
    maps, rows = [], []
    for number, recording in enumerate(recordings):
        rng = np.random.default_rng((seed, number))
        under = [
            other
            for other in recordings
            if other.group == recording.group and other.label in beds and other is not recording
        ]
        for chunk in sounding_seconds(recording):
            for snr_db in (_CLEAN, _DRAWN, _DRAWN, *SNRS_DB):
                ratio = rng.uniform(*_DRAWN_SNR_DB) if np.isnan(snr_db) else snr_db
                mixed = chunk if np.isinf(snr_db) else mix_at(chunk, _bed(under, rng), recording.loudest, ratio)
                samples = np.clip(mixed, -1.0, 1.0)
                maps.append(encoder.look(encoder.log_mel(torch.from_numpy(samples[None]))).half())
                rows.append((number, recording.label, recording.group, snr_db))
    clips, labels, groups, snrs = zip(*rows, strict=True)
    return ProbeChunks(torch.cat(maps), np.array(clips), np.array(labels), np.array(groups), np.array(snrs))


def probe_encoder(
    encoder: AudioEncoder, chunks: ProbeChunks, learned: Sequence[str], judged: Sequence[str], beds: Sequence[int]
) -> dict[str, float]:
    """Shares of right answers.

    Args:
        encoder: whose embeddings are judged.
        chunks: of all groups.
        learned: groups that the regression learns from.
        judged: groups that it is judged on.
        beds: classes that are not judged where they also lie under others.
    """
    embeddings = embed_maps(encoder, chunks.maps).numpy()
    learns = np.isin(chunks.groups, learned) & ~np.isin(chunks.snrs_db, SNRS_DB)
    centre, spread = embeddings[learns].mean(axis=0), embeddings[learns].std(axis=0) + _LEAST_SPREAD
    inputs = (embeddings - centre) / spread
    regression = LogisticRegression(C=_STRENGTH, max_iter=100, tol=1e-2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(inputs[learns], chunks.labels[learns])
    probabilities = regression.predict_proba(inputs)
    is_right = regression.classes_[probabilities.argmax(axis=1)] == chunks.labels
    is_judged = np.isin(chunks.groups, judged)
    clean = is_judged & np.isinf(chunks.snrs_db)
    clips = [np.flatnonzero(clean & (chunks.clips == clip)) for clip in np.unique(chunks.clips[clean])]
    named = [regression.classes_[probabilities[rows].mean(axis=0).argmax()] == chunks.labels[rows[0]] for rows in clips]
    figures = {"clips": float(np.mean(named)), "chunks": float(is_right[clean].mean())}
    for snr_db in SNRS_DB:
        mixed = is_judged & (chunks.snrs_db == snr_db) & ~np.isin(chunks.labels, beds)
        figures[f"chunks at {snr_db:.0f} dB"] = float(is_right[mixed].mean())
    return figures


def _bed(under: Sequence[Recording], rng: np.random.Generator) -> npt.NDArray[np.floating[Any]]:
    if not under or rng.random() < _NOISE_SHARE:
        return noise_like(rng)
    seconds = sounding_seconds(under[int(rng.integers(len(under)))])
    return seconds[int(rng.integers(len(seconds)))]
