"""Who learns and who judges: every fold in turn is judged by a network that learned from the others."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from processors.datasets.sounds import FOLD_GROUP, list_sounds
from processors.errors import DatasetError
from processors.models.evaluation import ClassificationReport, report_classification
from processors.models.sound_classifier import sharpen
from processors.models.sound_training.fitting import (
    RECIPE_TRANSFER,
    TuningSettings,
    answer_views,
    fit_classifier,
    measure_reach,
)
from processors.models.sound_training.views import VERSIONS, SoundViews, encode_views, read_clips
from processors.models.transfer import Transfer

__all__ = ["FoldFigures", "assign_folds", "find_sharpness", "judge_folds", "judge_sound_folds"]

_MADE_FOLDS: Final = 5
_SHARPNESSES: Final = tuple(np.linspace(0.5, 5.0, 91).tolist())


@dataclass(frozen=True, slots=True)
class FoldFigures:
    """What leaving one fold out after the other gave.

    Attributes:
        folds: name -> share of right answers.
        report: of all answers together, those of a fold sharpened as suits the others.
        seed: of the training.
        sharpness: what makes the stated probabilities of all folds the most likely.
        transfer: how much of the network learned.
        learning: how many numbers below the heads that is.
    """

    folds: dict[str, float]
    report: ClassificationReport
    seed: int
    sharpness: float
    transfer: Transfer
    learning: int

    @property
    def mean(self) -> float:
        """Mean accuracy over the folds."""
        return float(np.mean(list(self.folds.values())))

    @property
    def deviation(self) -> float:
        """Standard deviation of the accuracy over the folds, of a sample."""
        return float(np.std(list(self.folds.values()), ddof=1))

    def as_markdown(self) -> str:
        """The folds, their mean and deviation, and the figures of all answers together."""
        lines = ["| fold | accuracy |", "|---|---|"]
        lines += [f"| {name} | {accuracy:.3f} |" for name, accuracy in self.folds.items()]
        lines += [f"| mean ± standard deviation | {self.mean:.3f} ± {self.deviation:.3f} |", ""]
        lines += [f"Transfer `{self.transfer.kind}`: {self.learning:,} numbers below the heads learned.", ""]
        return "\n".join(lines) + "\n" + self.report.as_markdown()

    def as_json(self) -> dict[str, Any]:
        """For `--json`; shares rounded to four digits."""
        return {
            "seed": self.seed,
            "transfer": self.transfer.kind,
            "learning": self.learning,
            "folds": {name: round(accuracy, 4) for name, accuracy in self.folds.items()},
            "mean": round(self.mean, 4),
            "standard_deviation": round(self.deviation, 4),
            "sharpness": round(self.sharpness, 2),
            "together": self.report.as_json(),
        }


def assign_folds(labels: Sequence[int], groups: Sequence[str], classes: Sequence[str], seed: int) -> tuple[str, ...]:
    """The fold of each clip: its group where groups are folds, else one of five made of whole groups.

    Args:
        labels: of the clips.
        groups: of the clips.
        classes: names.
        seed: of the folds that are made.

    Raises:
        DatasetError: the clips cannot be split so that each class is in at least two folds.
    """
    folds = list(groups)
    if not all(group.startswith(FOLD_GROUP) for group in groups) and len(set(groups)) >= _MADE_FOLDS:
        splitter = StratifiedGroupKFold(_MADE_FOLDS, shuffle=True, random_state=seed)
        for number, (_, judged) in enumerate(splitter.split(labels, labels, groups), start=1):
            for clip in judged:
                folds[clip] = f"made fold {number}"
    for row, name in enumerate(classes):
        held = Counter(fold for fold, label in zip(folds, labels, strict=True) if label == row)
        if len(held) < 2:
            raise DatasetError(
                f"class {name!r} is in {len(held)} fold; leaving one fold out needs each class in at least two. Name "
                f"files FOLD-NUMBER.wav, such as 1-100032-A.wav, or bring at least {_MADE_FOLDS} of each class"
            )
    return tuple(folds)


def judge_sound_folds(
    folder: Path, *, seed: int, progress: Callable[[str], None], transfer: Transfer = RECIPE_TRANSFER
) -> FoldFigures:
    """Leave one fold of a folder of sounds out after the other, with the recipe of the shipped network.

    Args:
        folder: holds one folder of sounds per class; see `assign_folds` for the folds.
        seed: of each training.
        progress: told what is done.
        transfer: how much of the network learns.

    Raises:
        DatasetError: the folder cannot be used.
        ModelError: the transfer does not fit the network.
    """
    found = list_sounds(folder)
    assign_folds([clip.label for clip in found.clips], [clip.group for clip in found.clips], found.classes, seed)
    as_pictures = measure_reach(transfer).needs_pictures
    clips = read_clips(found)
    views = encode_views(found, clips, versions=VERSIONS, seed=0, progress=progress, as_pictures=as_pictures)
    return judge_folds(views, TuningSettings(seed=seed, transfer=transfer), progress)


def judge_folds(views: SoundViews, settings: TuningSettings, progress: Callable[[str], None]) -> FoldFigures:
    """Leave one fold out after the other.

    Args:
        views: of all clips.
        settings: of each training.
        progress: told the accuracy of each fold.

    Raises:
        DatasetError: as `assign_folds`.
    """
    labels = views.labels.numpy()
    folds = np.array(assign_folds(labels.tolist(), views.groups, views.classes, settings.seed))
    probabilities = np.zeros((len(labels), len(views.classes)), np.float32)
    accuracies: dict[str, float] = {}
    for number, fold in enumerate(sorted(set(folds))):
        learned, judged = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        # Seeds of the folds must differ, or all of them would draw the same versions in the same order.
        network = fit_classifier(views, learned.tolist(), replace(settings, seed=settings.seed * 100 + number))
        probabilities[judged] = answer_views(network, views, judged.tolist())
        accuracies[str(fold)] = float((probabilities[judged].argmax(axis=1) == labels[judged]).mean())
        progress(f"seed {settings.seed}, {fold}: {accuracies[str(fold)]:.3f}")
    sharpened = np.zeros_like(probabilities)
    for fold in set(folds):
        judged = folds == fold
        sharpened[judged] = sharpen(probabilities[judged], find_sharpness(probabilities[~judged], labels[~judged]))
    report = report_classification(labels, sharpened, views.classes)
    return FoldFigures(
        accuracies,
        report,
        settings.seed,
        find_sharpness(probabilities, labels),
        settings.transfer,
        measure_reach(settings.transfer).learning,
    )


def find_sharpness(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    """Under which the true classes are the most likely (Guo et al. 2017: temperature scaling)."""

    def surprise(sharpness: float) -> float:
        return -float(np.log(sharpen(probabilities, sharpness)[np.arange(len(labels)), labels]).mean())

    return float(min(_SHARPNESSES, key=surprise))
