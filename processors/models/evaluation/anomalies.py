"""How well the normal of composed sources is learned: which kinds of anomalies are told from it, by which part."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from processors.errors import DatasetError
from processors.models.evaluation.anomaly_pictures import draw_sheet
from processors.models.evaluation.anomaly_run import (
    RecordingScorer,
    RunSettings,
    ScorerMaker,
    StreamScorer,
    judge_source,
)
from processors.models.evaluation.anomaly_scores import (
    Answer,
    JudgedFrame,
    false_alarms_per_hour,
    ks_distance,
    measure_auc,
)
from processors.models.evaluation.anomaly_windows import HOP_MS, WINDOW_MS, Observer
from processors.models.local_encoders import Encoders
from processors.scenes.anomalies import Kind, Source, read_hearings, read_places
from processors.scenes.settings import SceneError

__all__ = ["OURS", "STREAM", "AnomalyReport", "read_sources", "run_anomalies"]

OURS: Final = "braid"
STREAM: Final = "braid, as a stream"
_RECALL: Final = 0.9
_SEED_STEP: Final = 1000
"""Between the seeds of runs, so that no two sources of any runs have the same."""


@dataclass(frozen=True, slots=True, eq=False)
class AnomalyReport:
    """The answers of one scorer.

    Attributes:
        settings: how much was composed.
        runs: seed -> its answers.
    """

    settings: RunSettings
    runs: Mapping[int, list[JudgedFrame]]

    def auc(self, kind: Kind | None = None) -> list[float]:
        """Frame-level AUC of each run: of all kinds or of one."""
        return [measure_auc(frames, kind) for frames in self.runs.values()]

    @property
    def kinds(self) -> list[Kind]:
        """Those that befell any source."""
        held = {frame.kind for frames in self.runs.values() for frame in frames}
        return [kind for kind in Kind if kind in held]

    def as_json(self) -> dict[str, Any]:
        """The document that `--json` prints."""
        runs = self.runs.values()
        sources = list(dict.fromkeys(frame.source for frames in runs for frame in frames))
        normal_frames = [sum(not frame.is_anomalous for frame in frames) for frames in runs]
        return {
            "seeds": list(self.runs),
            "sources": sources,
            "window_ms": WINDOW_MS,
            "learned_s": self.settings.learned_s,
            "normal_s": _spread([count * HOP_MS / 1000 for count in normal_frames]),
            "anomalies": [_count_anomalies(frames) for frames in runs],
            "auc": _spread(self.auc()),
            "auc_by_source": {
                name: _spread([measure_auc([each for each in frames if each.source == name]) for frames in runs])
                for name in sources
            },
            "false_alarms_per_hour_at_90_percent_recall": _spread(
                [false_alarms_per_hour(frames, _RECALL, HOP_MS / 1000) for frames in runs]
            ),
            "kinds": {
                kind.value: {
                    "auc": _spread(self.auc(kind)),
                    "anomalies": [_count_anomalies(frames, kind) for frames in runs],
                    "auc_by_part": self._by_part(kind),
                }
                for kind in self.kinds
            },
            "p_values": self._p_values(),
        }

    def as_markdown(self) -> str:
        """The tables."""
        document = self.as_json()
        alarms = document["false_alarms_per_hour_at_90_percent_recall"]
        lines = [
            f"AUC over all kinds: {_show(document['auc'])}; false alarms an hour at 90 % recall: {_show(alarms)}",
            "",
            "| kind | AUC | anomalies | by the part |",
            "|---|---|---|---|",
        ]
        for name, figures in document["kinds"].items():
            parts = sorted(figures["auc_by_part"].items(), key=lambda part: -part[1])
            best = ", ".join(f"{part} {auc:.2f}" for part, auc in parts[:2])
            lines.append(f"| `{name}` | {_show(figures['auc'])} | {sum(figures['anomalies'])} | {best} |")
        lines += ["", "| source | AUC |", "|---|---|"]
        lines += [f"| {name} | {_show(auc)} |" for name, auc in document["auc_by_source"].items()]
        return "\n".join(lines)

    def _by_part(self, kind: Kind) -> dict[str, float]:
        """Median AUC of each part alone."""
        names = dict.fromkeys(part for frames in self.runs.values() for frame in frames for part in frame.answer.parts)
        found = {}
        for name in names:
            own = [measure_auc(frames, kind, _unlikelihood_of(name)) for frames in self.runs.values()]
            found[name] = round(statistics.median(own), 4)
        return found

    def _p_values(self) -> dict[str, Any]:
        """Of normal windows that do not overlap, all sources together."""
        step = math.ceil(WINDOW_MS / HOP_MS)
        runs = [
            np.array([each.answer.p for each in frames if each.kind is None and each.answer.p is not None][::step])
            for frames in self.runs.values()
        ]
        return {"windows": [len(run) for run in runs], "ks_distance": _spread([ks_distance(run) for run in runs])}


def _unlikelihood_of(part: str) -> Callable[[Answer], float]:
    return lambda answer: -answer.parts.get(part, 1.0)


def _count_anomalies(frames: Sequence[JudgedFrame], kind: Kind | None = None) -> int:
    return len({(each.source, each.stretch) for each in frames if each.is_anomalous and kind in {None, each.kind}})


def _spread(values: Sequence[float]) -> dict[str, Any]:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return {"median": None, "least": None, "greatest": None, "values": []}
    return {
        "median": round(statistics.median(known), 4),
        "least": round(min(known), 4),
        "greatest": round(max(known), 4),
        "values": [round(value, 4) for value in known],
    }


def _show(spread: Mapping[str, Any]) -> str:
    if spread["median"] is None:
        return "none"
    if spread["least"] == spread["greatest"]:
        return f"{spread['median']:.3f}"
    return f"{spread['median']:.3f} ({spread['least']:.3f} to {spread['greatest']:.3f})"


def read_sources(data: Path, most: int) -> list[Source]:
    """Make sources of the clips and sounds of a folder, for seed 0.

    Args:
        data: holds clips/ and esc10/.
        most: how many sources at most.

    Raises:
        DatasetError: clips or sounds cannot be used.
    """
    try:
        places = read_places(data / "clips", most)
    except SceneError as error:
        raise DatasetError(str(error)) from error
    hearings = read_hearings(data / "esc10", len(places))
    return [
        Source(place, hearing, number) for number, (place, hearing) in enumerate(zip(places, hearings, strict=True))
    ]


def run_anomalies(
    data: Path,
    repository: Callable[[], Path],
    *,
    seeds: Sequence[int],
    most_sources: int,
    settings: RunSettings,
    cache: Path | None,
    told: Callable[[str], None],
    makers: Mapping[str, ScorerMaker] | None = None,
    picture: Path | None = None,
) -> dict[str, AnomalyReport]:
    """Compose sources, let scorers learn their normal, and judge what is held out.

    Args:
        data: holds clips/ and esc10/.
        repository: gives the folder with the encoders, once the material is read: it may take a minute.
        seeds: one run of all sources for each.
        most_sources: how many clips become sources.
        settings: how much is composed of each.
        cache: folder that keeps what is encoded; None to keep nothing.
        told: is told how far it is.
        makers: who else learns and judges the same windows.
        picture: file to draw some anomalies and where they were seen into; None for none.

    Returns:
        Name of each scorer -> its report; `OURS` is the baseline as `braid score`
        learns it, `STREAM` as the worker does.

    Raises:
        DatasetError: clips or sounds cannot be used, or the picture cannot be written.
        ModelError: an encoder is missing.
    """
    cv2.setNumThreads(1)
    told("reading clips and sounds")
    sources = read_sources(data, most_sources)
    encoders = Encoders(repository())
    observer = Observer(encoders, encoders.version, cache)
    all_makers: dict[str, ScorerMaker] = {OURS: RecordingScorer, STREAM: StreamScorer, **(makers or {})}
    runs: dict[str, dict[int, list[JudgedFrame]]] = {name: {} for name in all_makers}
    for seed in seeds:
        for number, each in enumerate(sources):
            source = replace(each, seed=each.seed + _SEED_STEP * seed)
            for name, frames in judge_source(source, observer, all_makers, settings).items():
                runs[name].setdefault(seed, []).extend(frames)
            told(f"seed {seed}: {source.name} judged ({number + 1} of {len(sources)})")
    if picture is not None:
        told(f"drawing {picture}")
        draw_sheet(picture, sources, observer, settings)
    return {name: AnomalyReport(settings, own) for name, own in runs.items()}
