"""Ready features of utterances and of aligned sequences, in `.npz` files. Nothing is unpickled.

Utterances: `text`, `audio`, `video` [N, D]; `y` [N], 0 or 1; `vid` [N], the recording; `utt` [N], the place in it;
`transcript` [N], the words, may be missing; other arrays are ignored.

Sequences, per part of the set (`train`, `valid`): `MODALITY_PART` or `MODALITY_PART_emb` [N, T, D] and `y_PART`: [N]
scores from 1 to 5, or [N, C] with a single 1 in each row. A part may lack a modality.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.datasets._npz import NpzFile
from processors.errors import DatasetError

__all__ = ["SEQUENCE_PARTS", "SequencePart", "SequenceSet", "UtteranceSet", "read_sequences", "read_utterances"]

MODALITIES: Final = ("text", "audio", "video")
SEQUENCE_PARTS: Final = ("train", "valid")

_SCORES: Final = (1.0, 5.0)
_POSITIVE_FROM: Final = 3.5
"""From this score on, of 1 to 5, an opinion is positive."""


@dataclass(frozen=True, slots=True)
class UtteranceSet:
    """Utterances of recordings, each with one item per modality.

    Attributes:
        path: the file.
        items: modality -> float32 [N, D].
        labels: int64 [N], the place in `classes`.
        classes: what the labels are called.
        recordings: name of each utterance's recording.
        places: int64 [N], the order inside a recording; no two alike in one.
        transcripts: the words of each utterance, where the file has them.
    """

    path: Path
    items: Mapping[str, npt.NDArray[np.float32]]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    recordings: npt.NDArray[np.str_]
    places: npt.NDArray[np.int64]
    transcripts: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class SequencePart:
    """One part of a set of sequences.

    Attributes:
        items: modality -> float32 [N, T, D]; without those that the part lacks. A step of zeros is padding.
        labels: int64 [N], the place in the set's `classes`.
    """

    items: Mapping[str, npt.NDArray[np.float32]]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Aligned sequences, one per recording.

    Attributes:
        path: the file.
        classes: what the labels are called.
        parts: by name, in the order of `SEQUENCE_PARTS`.
    """

    path: Path
    classes: tuple[str, ...]
    parts: Mapping[str, SequencePart]

    @property
    def dims(self) -> dict[str, int]:
        """Modality -> length of an item, of every modality that any part has."""
        return {
            modality: part.items[modality].shape[2]
            for modality in MODALITIES
            for part in self.parts.values()
            if modality in part.items
        }


def read_utterances(path: Path) -> UtteranceSet:
    """Read a file of utterances.

    Raises:
        DatasetError: the file is missing or no such file, an array is missing, pickled, of another length or shape, has
            NaN or infinity, a modality is zero throughout, a label is neither 0 nor 1, or a place is taken twice.
    """
    file = NpzFile(path)
    labels = file.read("y", ndim=1)
    count = len(labels)
    if not count:
        raise DatasetError(f"{path}: no utterance in it; expected at least one row in `y`")
    unknown = np.flatnonzero(~np.isin(labels, (0, 1)))
    if unknown.size:
        raise DatasetError(
            f"{path}: `y` row {unknown[0]} is {labels[unknown[0]]} ({unknown.size} such rows); "
            "expected 0 (negative) or 1 (positive)"
        )
    items = {modality: file.read_numbers(modality, ndim=2, rows=count) for modality in MODALITIES}
    for modality, array in items.items():
        if not array.any():
            raise DatasetError(
                f"{path}: `{modality}` is 0 in all {count} rows, so the modality is absent from the whole set; "
                "give the features, or use a set in which they exist"
            )
    recordings = file.read("vid", ndim=1, rows=count).astype(np.str_)
    places = file.read_integers("utt", rows=count)
    _refuse_repeated_places(path, recordings, places)
    transcripts = file.read("transcript", ndim=1, rows=count) if file.has_readable("transcript") else None
    return UtteranceSet(
        path=path,
        items=items,
        labels=labels.astype(np.int64),
        classes=("negative", "positive"),
        recordings=recordings,
        places=places,
        transcripts=None if transcripts is None else tuple(map(str, transcripts)),
    )


def read_sequences(path: Path) -> SequenceSet:
    """Read a file of aligned sequences.

    Raises:
        DatasetError: the file is missing or no such file, a part lacks its labels or every modality, an array is
            pickled, of another length or shape or has NaN or infinity, a modality is nowhere, or a label is unknown.
    """
    file = NpzFile(path)
    parts: dict[str, SequencePart] = {}
    classes: set[tuple[str, ...]] = set()
    for name in SEQUENCE_PARTS:
        labels, own_classes = _read_classes(path, f"y_{name}", file.read(f"y_{name}"))
        items = {
            modality: file.read_numbers(key, ndim=3, rows=len(labels))
            for modality in MODALITIES
            for key in (f"{modality}_{name}", f"{modality}_{name}_emb")
            if key in file.names
        }
        items = {modality: array for modality, array in items.items() if array.any()}
        if not items:
            raise DatasetError(
                f"{path}: part `{name}` has no modality; expected at least one of "
                f"{', '.join(f'`{modality}_{name}`' for modality in MODALITIES)}, but it holds {file.listing}"
            )
        parts[name] = SequencePart(items, labels)
        classes.add(own_classes)
    if len(classes) > 1:
        raise DatasetError(f"{path}: the labels of its parts have different shapes; expected the same classes in all")
    _refuse_unlike_parts(path, parts, file)
    return SequenceSet(path, classes.pop(), parts)


def _refuse_repeated_places(path: Path, recordings: npt.NDArray[np.str_], places: npt.NDArray[np.int64]) -> None:
    first: dict[tuple[str, int], int] = {}
    for row, key in enumerate(zip(recordings.tolist(), places.tolist(), strict=True)):
        if key in first:
            raise DatasetError(
                f"{path}: rows {first[key]} and {row} are both utterance {key[1]} of {key[0]!r}; "
                "expected each `utt` once in a `vid`"
            )
        first[key] = row


def _refuse_unlike_parts(path: Path, parts: Mapping[str, SequencePart], file: NpzFile) -> None:
    for modality in MODALITIES:
        lengths = {part.items[modality].shape[2] for part in parts.values() if modality in part.items}
        if not lengths:
            raise DatasetError(
                f"{path}: `{modality}` is absent from the whole set, or 0 throughout; expected it in at least one of "
                f"the parts {', '.join(SEQUENCE_PARTS)}; the file holds {file.listing}"
            )
        if len(lengths) > 1:
            raise DatasetError(
                f"{path}: items of `{modality}` have lengths {sorted(lengths)} in different parts; expected one length"
            )


def _read_classes(path: Path, name: str, values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    if not len(values):
        raise DatasetError(f"{path}: no sequence in it; expected at least one row in `{name}`")
    if values.ndim == 1:
        low, high = _SCORES
        bad = np.flatnonzero(~((values >= low) & (values <= high)))
        expected = f"a score from {low:g} to {high:g}"
        classes: tuple[str, ...] = ("negative", "positive")
        labels = (values >= _POSITIVE_FROM).astype(np.int64)
    elif values.ndim == 2 and values.shape[1] >= 2:
        bad = np.flatnonzero(~(np.isin(values, (0, 1)).all(axis=1) & (values.sum(axis=1) == 1)))
        expected, classes = "a single 1, else 0", tuple(f"class {number}" for number in range(values.shape[1]))
        labels = values.argmax(axis=1).astype(np.int64)
    else:
        raise DatasetError(f"{path}: `{name}` has shape {list(values.shape)}; expected [N] scores or [N, C] classes")
    if bad.size:
        raise DatasetError(f"{path}: `{name}` row {bad[0]} is {values[bad[0]]}; expected {expected}")
    return labels, classes
