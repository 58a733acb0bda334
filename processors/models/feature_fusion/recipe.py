"""What is recommended for utterances: a look back, doubt about extracted features, and an ensemble of all kinds.

The arrays `text` and `video` of CMU-MOSI come from networks that their makers trained on the labels of these very
utterances: on the training videos they tell more than they will tell of any other (`docs/reference/evaluation.md`
measures it). So training swaps a share of their items for those of other utterances. What is swapped often is trusted
little, stated probabilities stay honest, and what other modalities and earlier utterances say is learned too.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.datasets.features import UtteranceSet
from processors.errors import DatasetError
from processors.models.feature_fusion.examples import look_back
from processors.models.feature_fusion.training import TrainingSettings, train
from processors.models.feature_fusion.words import encode_transcripts
from processors.models.fusion import FUSION_KINDS, Ensemble
from processors.models.fusion.kinds import find_kind
from processors.models.training.examples import Examples

__all__ = [
    "ENSEMBLE",
    "RECIPE",
    "SWAPPED_SHARES",
    "find_kinds",
    "gather_items",
    "make_examples",
    "split_recordings",
    "train_recipe",
]

ENSEMBLE: Final = "ensemble"
"""The name of all kinds together, averaged."""

SWAPPED_SHARES: Final[Mapping[str, float]] = MappingProxyType({"text": 0.4, "video": 0.85})
"""Modality -> share of items to doubt: `text` alone is then right as often as an encoder of the words that never saw
the labels, `video` little more often than chance."""

RECIPE: Final = TrainingSettings(swapped_shares=SWAPPED_SHARES)

_REACH: Final = 12
_INNER_FOLDS: Final = 8


def gather_items(*sets: UtteranceSet) -> list[dict[str, npt.NDArray[np.float32]]]:
    """The items that all of the sets have, as one dict per set: features, and the encoded words where all have words.

    Raises:
        DatasetError: items of a modality differ in length between the sets.
    """
    gathered = [dict(each.items) for each in sets]
    for each, items in zip(sets, gathered, strict=True):
        for modality, array in items.items():
            expected = sets[0].items[modality].shape[1]
            if array.shape[1] != expected:
                raise DatasetError(
                    f"{each.path}: items of `{modality}` have length {array.shape[1]}; "
                    f"expected {expected}, as in {sets[0].path}"
                )
    for each, items in zip(sets, gathered, strict=True):
        if each.transcripts is not None and all(other.transcripts is not None for other in sets):
            items["transcript"] = encode_transcripts(each.transcripts)
    return gathered


def make_examples(utterances: UtteranceSet, items: Mapping[str, npt.NDArray[np.float32]]) -> Examples:
    """A window per utterance, as far back as the recipe looks."""
    return look_back(utterances, items, _REACH)


def split_recordings(
    recordings: npt.NDArray[np.str_], folds: int, fold: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows to learn from and rows of one fold, so that no recording is in both.

    Args:
        recordings: name of each row's recording.
        folds: how many; each recording is in one.
        fold: which.
        seed: of the recordings' order.

    Raises:
        DatasetError: there are fewer recordings than folds.
    """
    names = np.unique(recordings)
    if len(names) < folds:
        raise DatasetError(f"{len(names)} recordings cannot be split into {folds} parts; expected at least {folds}")
    np.random.default_rng(seed).shuffle(names)
    is_held = np.isin(recordings, names[fold % folds :: folds])
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def find_kinds(name: str) -> tuple[str, ...]:
    """The kinds that a name stands for: itself, or all of them where it is `ENSEMBLE`.

    Raises:
        ModelError: there is no such kind.
    """
    if name == ENSEMBLE:
        return tuple(FUSION_KINDS)
    find_kind(name)
    return (name,)


def train_recipe(
    examples: Examples,
    recordings: npt.NDArray[np.str_],
    classes: tuple[str, ...],
    *,
    kind: str,
    seed: int,
    settings: TrainingSettings = RECIPE,
    told: Callable[[str], None] | None = None,
) -> Ensemble:
    """Train one kind, or all of them as an ensemble; each stops early by recordings of its own choice.

    Args:
        examples: to learn from.
        recordings: name of each example's recording.
        classes: what the labels are called.
        kind: name of a kind, or `ENSEMBLE`.
        seed: of everything random.
        settings: how its members are trained.
        told: is told what has been trained.

    Raises:
        ModelError: there is no such kind.
        DatasetError: there is only one recording.
    """
    members = []
    names = list(FUSION_KINDS)
    folds = max(2, min(_INNER_FOLDS, len(np.unique(recordings))))
    for each in find_kinds(kind):
        learned, judged = split_recordings(recordings, folds, names.index(each), seed)
        members.append(train(each, examples.take(learned), examples.take(judged), classes, settings, seed))
        if told is not None:
            told(f"{each}, seed {seed}")
    return Ensemble(members).eval()
