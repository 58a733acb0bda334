"""How good fusion is where modalities are missing, in training or when it is asked."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from processors.datasets.features import SEQUENCE_PARTS, SequenceSet
from processors.models.evaluation.classification import ClassificationReport, report_classification
from processors.models.evaluation.spread import Spread
from processors.models.evaluation.spread_page import SpreadTables
from processors.models.feature_fusion.examples import pad_sequences
from processors.models.feature_fusion.recipe import find_kinds, train_recipe
from processors.models.feature_fusion.training import TrainingSettings
from processors.models.fusion import Ensemble
from processors.models.training.examples import Examples, judge

__all__ = ["MissingReport", "measure_missing"]

_FOLDS: Final = 5
_SETTINGS: Final = TrainingSettings(width=32, epochs=20, batch_size=32, absent_share=0.3)

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class MissingReport:
    """Figures by what was learned from, and by what was there when the model was asked.

    Attributes:
        kind: of fusion.
        seeds: of the trainings.
        majority_share: share of the judged sequences that are of the most frequent class.
        rows: learned from -> there when asked -> one report per seed.
    """

    kind: str
    seeds: tuple[int, ...]
    majority_share: float
    rows: Mapping[str, Mapping[tuple[str, ...], tuple[ClassificationReport, ...]]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "seeds": list(self.seeds),
            "majority_share": round(self.majority_share, 4),
            "rows": [
                {
                    "learned_from": learned,
                    "asked_with": list(asked),
                    "accuracy": _spread(reports, "accuracy").as_json(),
                    "macro_f1": _spread(reports, "macro_f1").as_json(),
                }
                for learned, row in self.rows.items()
                for asked, reports in row.items()
            ],
        }

    def as_tables(self) -> SpreadTables:
        """For a page."""
        asked = next(iter(self.rows.values()))
        return {
            title: {
                ", ".join(subset): {learned: _spread(row[subset], figure) for learned, row in self.rows.items()}
                for subset in asked
            }
            for title, figure in (("Accuracy by what was asked with", "accuracy"), ("Macro F1", "macro_f1"))
        }

    def as_markdown(self) -> str:
        """One table: mean and standard deviation over the seeds."""
        lines = ["| learned from | asked with | accuracy % | macro F1 % |", "|---|---|---|---|"]
        lines += [
            f"| {learned} | {', '.join(asked)} | {_spread(reports, 'accuracy').as_percent()} "
            f"| {_spread(reports, 'macro_f1').as_percent()} |"
            for learned, row in self.rows.items()
            for asked, reports in row.items()
        ]
        lines += ["", f"The most frequent class has {100 * self.majority_share:.1f} %."]
        return "\n".join(lines) + "\n"


def measure_missing(
    sequences: SequenceSet,
    *,
    kind: str,
    seeds: Sequence[int],
    told: Told,
    settings: TrainingSettings = _SETTINGS,
) -> MissingReport:
    """Train on what the first part has, then also on sequences of the second, and ask with every subset.

    The second part is judged in five folds, so that a sequence is never judged by a model that learned from it; models
    of the first part alone judge all of it.

    Args:
        sequences: the set; a sequence is a recording.
        kind: name of a kind, or `ENSEMBLE`.
        seeds: of the trainings and the folds.
        told: is told what has been trained.
        settings: how it is trained.

    Raises:
        DatasetError: there are too few sequences.
        ModelError: there is no such kind.
    """
    find_kinds(kind)

    def fit(examples: Examples, seed: int) -> Ensemble:
        names = np.arange(len(examples)).astype(np.str_)
        return train_recipe(examples, names, sequences.classes, kind=kind, seed=seed, settings=settings, told=told)

    first, second = (sequences.parts[name] for name in SEQUENCE_PARTS)
    base, extra = (pad_sequences(part, sequences.dims) for part in (first, second))
    subsets = [
        subset
        for count in range(len(sequences.dims), 0, -1)
        for subset in itertools.combinations(sequences.dims, count)
        if set(subset) <= set(second.items)
    ]
    folds = min(_FOLDS, len(extra))
    alone = ", ".join(modality for modality in sequences.dims if modality in first.items)
    rows: dict[str, dict[tuple[str, ...], list[ClassificationReport]]] = {
        alone: {subset: [] for subset in subsets},
        f"{alone}; {len(extra) * (folds - 1) // folds} of {len(base) + len(extra)} with {', '.join(second.items)}": {
            subset: [] for subset in subsets
        },
    }
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(extra))
        fitted = fit(base, seed)
        answers = [{subset: judge(fitted, extra.keep(frozenset(subset))) for subset in subsets}]
        answers.append({subset: np.zeros_like(answer) for subset, answer in answers[0].items()})
        for fold in range(folds):
            held = np.sort(order[fold::folds])
            learned = np.setdiff1d(order, held)
            fitted = fit(base.join(extra.take(learned)), seed)
            for subset in subsets:
                answers[1][subset][held] = judge(fitted, extra.take(held).keep(frozenset(subset)))
        for row, answer in zip(rows.values(), answers, strict=True):
            for subset in subsets:
                row[subset].append(report_classification(second.labels, answer[subset], sequences.classes))
    counts = np.bincount(second.labels)
    return MissingReport(
        kind=kind,
        seeds=tuple(seeds),
        majority_share=float(counts.max() / counts.sum()),
        rows={learned: {key: tuple(each) for key, each in row.items()} for learned, row in rows.items()},
    )


def _spread(reports: Sequence[ClassificationReport], figure: str) -> Spread:
    return Spread.of([getattr(report, figure) for report in reports])
