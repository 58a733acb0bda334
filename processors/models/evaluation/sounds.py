"""How well the shipped sound classifier names the sounds of a folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from processors.datasets.sounds import SoundFolder, list_sounds, plain_name, read_sound
from processors.errors import DatasetError
from processors.models.evaluation.classification import ClassificationReport, report_classification
from processors.models.sound_classifier import SoundClassifier, load_sound_classifier
from processors.models.spec import AUDIO_RATE_HZ

__all__ = ["judge_sounds", "match_classes"]

_TELL_EVERY: Final = 20


def judge_sounds(
    folder: Path, network: SoundClassifier | None = None, progress: Callable[[str], None] | None = None
) -> ClassificationReport:
    """Name each sound of a folder.

    Args:
        folder: holds one folder of sounds per class.
        network: who is judged; None for the shipped one.
        progress: told now and then how far it is.

    Returns:
        Figures over all classes that the network knows; means are over those that the folder holds.

    Raises:
        DatasetError: the folder cannot be used, or holds a class that the network does not know.
        ModelError: the shipped weights do not load.
    """
    found = list_sounds(folder)
    judged = network or load_sound_classifier()
    truth_of = match_classes(found, judged.classes)
    truth, probabilities = [], []
    for number, clip in enumerate(found.clips, start=1):
        truth.append(truth_of[clip.label])
        probabilities.append(judged.answer(read_sound(clip.path, AUDIO_RATE_HZ)))
        if progress and (number % _TELL_EVERY == 0 or number == len(found.clips)):
            progress(f"{number} of {len(found.clips)} sounds")
    report = report_classification(np.array(truth), np.stack(probabilities), judged.classes)
    held = [(each.precision, each.recall, each.f1) for each in report.classes.values() if each.support]
    precision, recall, f1 = np.mean(held, axis=0).tolist()
    return replace(report, macro_precision=precision, macro_recall=recall, macro_f1=f1)


def match_classes(folder: SoundFolder, known: tuple[str, ...]) -> list[int]:
    """Find the class that each class folder is: `001 - Dog bark`, `dog_bark` and `Dog-Bark` are the same.

    Args:
        folder: what was found.
        known: names of the network's classes.

    Returns:
        For each of the folder's classes its number in `known`.

    Raises:
        DatasetError: one of them is not known.
    """
    numbers = {plain_name(name): number for number, name in enumerate(known)}
    strange = [name for name in folder.classes if plain_name(name) not in numbers]
    if strange:
        raise DatasetError(
            f"{folder.path}: the sound model does not know {', '.join(map(repr, strange))}; it knows "
            f"{', '.join(sorted(numbers))}. Rename or remove those folders, or train on your own classes with "
            "`python -m processors.models.sound_training`"
        )
    return [numbers[plain_name(name)] for name in folder.classes]
