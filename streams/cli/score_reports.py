"""The work behind `braid score`: encoders, progress on stderr, and lines on stdout."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

from processors.models.observing import ItemEncoders
from streams.cli.evaluation import find_or_build_models, mapped_errors
from streams.cli.terminal import headed, make_console, spinning
from streams.inference.triton_encoders import TritonEncoders
from streams.scoring.clips import Clip, find_clips
from streams.scoring.run import ScoredWindow, Scoring, Told, score_clips
from streams.settings import Settings

__all__ = ["ScoreRequest", "score_and_print"]

_COLUMNS: Final = ("clip", "start_ms", "end_ms", "score", "anomaly_p", "parts", "states", "words")
_FEW: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """What a person asked for.

    Attributes:
        normal: paths of normal recordings.
        clips: paths of recordings to score.
        window_ms: length of a window.
        hop_ms: from the start of one to the next.
        fps: as given; None: the usual.
        models: repository with the encoders; None: that of the settings.
        triton: address of the Triton to ask; None: encoders in this process.
        learns: whether scored windows are learned.
        as_json: JSON lines instead of CSV.
        explains_all: whether usual windows are explained, too.
    """

    normal: list[Path]
    clips: list[Path]
    window_ms: int
    hop_ms: int
    fps: Fraction | None
    models: Path | None
    triton: str | None
    learns: bool
    as_json: bool
    explains_all: bool


def score_and_print(settings: Settings, request: ScoreRequest) -> None:
    """Score, and print a line for each window as soon as it has a score.

    Raises:
        ConfigurationError: paths, models or normal recordings cannot be used.
        MediaError: a recording cannot be read.
        DependencyUnavailable: Triton does not answer.
    """
    cv2.setNumThreads(1)
    threadpool_limits(1, "blas")
    normal, clips = find_clips(request.normal, request.fps), find_clips(request.clips, request.fps)
    make_console(stderr=True).print(f"learning from {_counted(normal)}, scoring {_counted(clips)}")
    scoring = Scoring(request.window_ms, request.hop_ms, request.learns, request.explains_all)
    write = _json_line if request.as_json else _csv_line()
    windows, unscored = 0, 0
    with mapped_errors(), _encoders(settings, request) as encoders, _progress() as told:
        for scored in score_clips(normal, clips, encoders, scoring, told):
            write(scored)
            windows += 1
            unscored += scored.judgement is None
    if unscored:
        make_console(stderr=True).print(
            headed(
                f"{unscored} of {windows} windows have no score",
                "an encoder answered something that is no number; build the models again, or look at these windows",
                "yellow",
            )
        )


def _counted(clips: Sequence[Clip]) -> str:
    """How many, so that a clip that was taken for a normal recording is seen at once; and which, if they are few."""
    names = f" ({', '.join(clip.name for clip in clips)})" if len(clips) <= _FEW else ""
    return f"{len(clips)} recording{'' if len(clips) == 1 else 's'}{names}"


@contextmanager
def _encoders(settings: Settings, request: ScoreRequest) -> Iterator[ItemEncoders]:
    if request.triton is not None:
        names = settings.models
        bounds = settings.triton
        models = (names.video_encoder, names.audio_encoder, names.text_encoder, names.fusion)
        with TritonEncoders(request.triton, models, max_batch=bounds.max_batch, timeout_s=bounds.timeout_s) as encoders:
            yield encoders
        return
    from processors.models.local_encoders import Encoders

    yield Encoders(_find_models(settings, request.models))


def _find_models(settings: Settings, chosen: Path | None) -> Path:
    with spinning("finding the models") as show:
        return find_or_build_models(settings, chosen, lambda step: show(f"building the models: {step}"))


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar per kind of work; without a terminal on stderr, nothing."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    notes = make_console(stderr=True)
    with Progress(*columns, console=notes, disable=not notes.is_terminal, redirect_stdout=False) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, made: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], advance=made)

        yield told


def _json_line(scored: ScoredWindow) -> None:
    sys.stdout.write(json.dumps(scored.as_json()) + "\n")
    sys.stdout.flush()


def _csv_line() -> Callable[[ScoredWindow], None]:
    """The header at once, then lines."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)

    def write(scored: ScoredWindow) -> None:
        line = scored.as_json()
        is_scored = scored.judgement is not None
        writer.writerow(
            [
                line["clip"],
                line["start_ms"],
                line["end_ms"],
                f"{line['score']:.4f}" if is_scored else "",
                f"{line['anomaly_p']:.3g}" if is_scored else "",
                " ".join(f"{part}={p:.3g}" for part, p in line["parts"].items()),
                " ".join(line.get("states", ())),
                " ".join(line.get("words", ())),
            ]
        )
        sys.stdout.flush()

    return write
