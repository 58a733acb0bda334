"""Where anomalies were seen: frames with the heat of the baseline over them, in one sheet to be looked at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.errors import DatasetError
from processors.models.evaluation.anomaly_run import RecordingScorer, RunSettings, observe_learned
from processors.models.evaluation.anomaly_windows import Observer, cut_windows
from processors.normality import Judgement
from processors.scenes.anomalies import Kind, Source, can_befall, compose_held_out

__all__ = ["PICTURED", "draw_sheet"]

PICTURED: Final = (
    Kind.FOREIGN_THING,
    Kind.OBJECT_LEFT,
    Kind.OBJECT_REMOVED,
    Kind.WHERE_NOTHING_MOVES,
    Kind.BACKWARDS,
    Kind.SMOKE,
    Kind.GLARE,
    Kind.TURNED,
)
"""Kinds that a sheet shows, one row each."""

_TILE: Final = (192, 144)
_HOTTEST: Final = 3.0
"""-log10 of a cell's p from which on it is shown at full strength."""
_JPEG_QUALITY: Final = 82
_MARGIN_PX: Final = 4
_LABEL_PX: Final = 18


def draw_sheet(path: Path, sources: Sequence[Source], observer: Observer, settings: RunSettings) -> None:
    """Learn the normal of each source, and draw a row for each pictured kind: before, during, and where it is unusual.

    Args:
        path: of the picture; its ending tells the format.
        sources: take turns in the rows.
        observer: encodes.
        settings: how much is learned.

    Raises:
        DatasetError: the picture cannot be written.
    """
    scorers = {source.name: _learned(source, observer, settings) for source in sources}
    rows = []
    for number, kind in enumerate(PICTURED):
        able = [source for source in sources if can_befall(kind, source.place)]
        if able:
            source = able[number % len(able)]
            rows.append(_row(kind, source, scorers[source.name], observer))
    sheet = np.concatenate(rows)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    try:
        is_written = cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), parameters)
    except cv2.error as error:
        raise DatasetError(
            f"the picture {path} cannot be written: {error.err}; end its name in .png or .jpg"
        ) from error
    if not is_written:
        raise DatasetError(f"the picture {path} cannot be written; name a file in a folder that is there")


def _learned(source: Source, observer: Observer, settings: RunSettings) -> RecordingScorer:
    scorer = RecordingScorer()
    scorer.learn(observe_learned(source, observer, settings)[0])
    return scorer


def _row(kind: Kind, source: Source, scorer: RecordingScorer, observer: Observer) -> NDArray[np.uint8]:
    stretch = compose_held_out(source, kind, 0)
    frames = list(stretch.frames())
    judged = [
        (window, scorer.baseline.judge(scorer.features_of(window.observation)))
        for window in cut_windows(stretch, observer.observe(stretch), 0)
    ]
    middle_ms = sum(stretch.anomaly_ms) / 2
    during = [each for each in judged if each[0].is_anomalous]
    window, judgement = min(during, key=lambda each: abs(each[0].observation.frames[-1].at_ms - middle_ms))
    before = next(each for each in judged if each[0].is_counted and not each[0].is_anomalous)
    shown = [
        _frame_of(frames, stretch.frame_times_ms, each.observation.frames[-1].at_ms) for each in (before[0], window)
    ]
    tiles = [*shown, _heated(shown[0], before[1]), _heated(shown[1], judgement)]
    order = (tiles[0], tiles[2], tiles[1], tiles[3])
    texts = (source.name, f"p {before[1].anomaly_p:.2g}", kind.value, f"p {judgement.anomaly_p:.2g}")
    return np.concatenate([_tile(tile, text) for tile, text in zip(order, texts, strict=True)], axis=1)


def _frame_of(frames: list[NDArray[np.uint8]], times_ms: list[int], at_ms: int) -> NDArray[np.uint8]:
    return frames[times_ms.index(at_ms)]


def _heated(frame: NDArray[np.uint8], judgement: Judgement) -> NDArray[np.uint8]:
    """The frame in grey, with the hottest part of each cell in colour over it."""
    height, width = frame.shape[:2]
    heat = np.zeros((height, width), np.float32)
    for cells in judgement.heat.values():
        wide = cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        heat = np.maximum(heat, wide)
    strength = np.clip(heat / _HOTTEST, 0, 1)
    colours = cv2.cvtColor(
        cv2.applyColorMap((255 * strength).astype(np.uint8), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB
    )
    grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return (grey * 0.45 + colours * 0.55).astype(np.uint8)


def _tile(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    width, height = _TILE
    tile = np.full((height + _LABEL_PX + _MARGIN_PX, width + _MARGIN_PX, 3), 255, np.uint8)
    tile[_LABEL_PX : _LABEL_PX + height, :width] = cv2.resize(picture, _TILE, interpolation=cv2.INTER_AREA)
    cv2.putText(tile, text, (2, _LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return tile
