"""What is chosen on streams held out from training: calibration of the probabilities, and how events are told."""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from processors.modality import Modality
from processors.models.composed.answering import answer_stream
from processors.models.composed.decoding import DecodeSettings
from processors.models.composed.encoding import EncodedStream
from processors.models.composed.windows import evidence_at, window_starts_ms
from processors.models.evaluation.composed import score_streams
from processors.models.fusion import Ensemble, FusionModel

__all__ = ["calibrate_composed", "choose_decoding"]

_BEGINS: Final = (0.3, 0.4, 0.5, 0.6, 0.7)
_STAYS: Final = (0.2, 0.3, 0.4, 0.5)
_SHORTEST_MS: Final = (500, 1000, 1500)
_GAPS_MS: Final = (500, 1000, 1500)
_TINY: Final = 1e-6


def calibrate_composed(model: FusionModel, streams: Sequence[EncodedStream]) -> None:
    """Scale and shift each class's logits so that what is stated comes true, after Platt."""
    classes = model.shape.tasks[0].classes
    stated = np.concatenate([answer_stream(model, stream, [frozenset(Modality)])[0] for stream in streams])
    true = np.concatenate(
        [
            [evidence_at(stream, int(start), classes)[0].any(axis=0) for start in window_starts_ms(stream.duration_ms)]
            for stream in streams
        ]
    )
    scale, shift = np.ones(len(classes), np.float32), np.zeros(len(classes), np.float32)
    logits = np.log(np.clip(stated, _TINY, 1 - _TINY) / np.clip(1 - stated, _TINY, 1 - _TINY))
    for column in range(len(classes)):
        fitted = LogisticRegression(C=10.0).fit(logits[:, column : column + 1], true[:, column])
        scale[column], shift[column] = fitted.coef_[0, 0], fitted.intercept_[0]
    model.calibrate(torch.from_numpy(scale), torch.from_numpy(shift))


def choose_decoding(model: FusionModel | Ensemble, streams: Sequence[EncodedStream]) -> DecodeSettings:
    """The settings with the best sum of both F1, with all modalities and with each left out."""
    classes = model.shape.tasks[0].classes
    every = frozenset(Modality)
    views = [every, *(every - {each} for each in Modality)]
    answers = [answer_stream(model, stream, views) for stream in streams]
    candidates = [
        DecodeSettings(begin=begin, stay=stay, shortest_ms=shortest_ms, gap_ms=gap_ms)
        for begin, stay, shortest_ms, gap_ms in itertools.product(_BEGINS, _STAYS, _SHORTEST_MS, _GAPS_MS)
        if stay <= begin
    ]

    def worth(decode: DecodeSettings) -> float:
        scores = [score_streams(streams, view, classes, decode) for view in zip(*answers, strict=True)]
        return sum(each.segment.f1 + each.event.f1 for each in scores)

    return max(candidates, key=worth)
