"""How good fusion is on utterances: the recipe on another set, or every kind on recordings held out of one set."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from processors.datasets.features import UtteranceSet
from processors.models.evaluation.classification import ClassificationReport, report_classification
from processors.models.evaluation.spread import Spread
from processors.models.evaluation.spread_page import SpreadTables
from processors.models.feature_fusion.examples import swap_items
from processors.models.feature_fusion.recipe import (
    ENSEMBLE,
    RECIPE,
    SWAPPED_SHARES,
    find_kinds,
    gather_items,
    make_examples,
    split_recordings,
    train_recipe,
)
from processors.models.feature_fusion.training import TrainingSettings
from processors.models.training.examples import Examples, judge

__all__ = ["Comparison", "OtherSetReport", "compare_kinds", "judge_by_other_set"]

_SPLITS = 5
_ALONE_KIND = "concat"
_LOGISTIC_C = 1e-3

Told = Callable[[str], None]
_Answers = list[npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class OtherSetReport:
    """Learned from one file, judged by another.

    Attributes:
        kind: of fusion.
        modalities: that both files have.
        seeds: of the trainings.
        report: of all seeds' models as one ensemble: the recipe's answer.
        by_seed: of each seed's model.
        shared_recordings: names that are in both files; the figures flatter if they mean the same recordings.
    """

    kind: str
    modalities: tuple[str, ...]
    seeds: tuple[int, ...]
    report: ClassificationReport
    by_seed: tuple[ClassificationReport, ...]
    shared_recordings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "modalities": list(self.modalities),
            "seeds": list(self.seeds),
            **self.report.as_json(),
            "over_seeds": {
                "accuracy": self._spread("accuracy").as_json(),
                "macro_f1": self._spread("macro_f1").as_json(),
                "calibration_error": self._spread("calibration_error").as_json(),
            },
            "shared_recordings": list(self.shared_recordings),
        }

    def as_markdown(self) -> str:
        """Three tables."""
        own = self.report
        return (
            "| | accuracy % | macro F1 % | calibration error % |\n|---|---|---|---|\n"
            f"| all {len(self.seeds)} seeds as one | {100 * own.accuracy:.1f} | {100 * own.macro_f1:.1f} "
            f"| {100 * own.calibration_error:.1f} |\n"
            f"| one seed | {self._spread('accuracy').as_percent()} | {self._spread('macro_f1').as_percent()} "
            f"| {self._spread('calibration_error').as_percent()} |\n\n{own.as_markdown()}{self._warning()}"
        )

    def _warning(self) -> str:
        if not self.shared_recordings:
            return ""
        return (
            f"\n{len(self.shared_recordings)} recordings have names that are in both files, such as "
            f"{self.shared_recordings[0]!r}: if they are the same recordings, these figures flatter.\n"
        )

    def _spread(self, figure: str) -> Spread:
        return Spread.of([getattr(report, figure) for report in self.by_seed])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every kind, and each modality alone, on recordings held out of one set.

    Attributes:
        seeds: each holds out other recordings.
        rows: what was trained -> its figures as the features stand, and as on unseen recordings (swapped).
    """

    seeds: tuple[int, ...]
    rows: dict[str, tuple[tuple[ClassificationReport, ...], tuple[ClassificationReport, ...]]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "seeds": list(self.seeds),
            "swapped_shares": dict(SWAPPED_SHARES),
            "rows": {
                name: {
                    column: {
                        figure: Spread.of([getattr(report, figure) for report in reports]).as_json()
                        for figure in ("accuracy", "macro_f1", "calibration_error")
                    }
                    for column, reports in zip(("as_given", "as_unseen"), both, strict=True)
                }
                for name, both in self.rows.items()
            },
        }

    def as_tables(self) -> SpreadTables:
        """For a page."""
        columns = ("features as given", "as on unseen recordings")
        return {
            title: {
                name: {
                    column: Spread.of([getattr(report, figure) for report in reports])
                    for column, reports in zip(columns, both, strict=True)
                }
                for name, both in self.rows.items()
            }
            for title, figure in (
                ("Accuracy", "accuracy"),
                ("Macro F1", "macro_f1"),
                ("Calibration error", "calibration_error"),
            )
        }

    def as_markdown(self) -> str:
        """One table: mean and standard deviation over the seeds."""
        lines = [
            "| | accuracy % | macro F1 % | calibration error % | accuracy %, features as given |",
            "|---|---|---|---|---|",
        ]
        for name, (given, unseen) in self.rows.items():
            cells = [
                Spread.of([getattr(report, figure) for report in reports]).as_percent()
                for reports, figure in (
                    (unseen, "accuracy"),
                    (unseen, "macro_f1"),
                    (unseen, "calibration_error"),
                    (given, "accuracy"),
                )
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"


def judge_by_other_set(
    training: UtteranceSet,
    test: UtteranceSet,
    *,
    kind: str,
    seeds: Sequence[int],
    told: Told,
    settings: TrainingSettings = RECIPE,
) -> OtherSetReport:
    """Train the recipe on one set and judge it by another, which nothing is chosen by.

    Args:
        training: to learn from.
        test: to be judged by.
        kind: name of a kind, or `ENSEMBLE`.
        seeds: one model each.
        told: is told what has been trained.
        settings: how it is trained.

    Raises:
        DatasetError: the sets do not fit each other.
        ModelError: there is no such kind.
    """
    find_kinds(kind)
    learned_items, test_items = gather_items(training, test)
    examples, judged = make_examples(training, learned_items), make_examples(test, test_items)
    answers = []
    for seed in seeds:
        model = train_recipe(
            examples, training.recordings, training.classes, kind=kind, seed=seed, told=told, settings=settings
        )
        answers.append(judge(model, judged))
    return OtherSetReport(
        kind=kind,
        modalities=tuple(learned_items),
        seeds=tuple(seeds),
        report=report_classification(test.labels, np.mean(answers, axis=0), test.classes),
        by_seed=tuple(report_classification(test.labels, answer, test.classes) for answer in answers),
        shared_recordings=tuple(np.intersect1d(training.recordings, test.recordings).tolist()),
    )


def compare_kinds(
    utterances: UtteranceSet,
    *,
    kind: str,
    seeds: Sequence[int],
    told: Told,
    settings: TrainingSettings = RECIPE,
) -> Comparison:
    """Train kinds of fusion, and each modality alone, on four fifths of the recordings and judge them by the rest.

    Args:
        utterances: the set.
        kind: name of a kind, or `ENSEMBLE` for each of them and their ensemble.
        seeds: one split and one training each; five seeds from a multiple of five judge every recording once.
        told: is told what has been trained.
        settings: how it is trained.

    Raises:
        DatasetError: there are too few recordings.
        ModelError: there is no such kind.
    """
    names = find_kinds(kind)
    [items] = gather_items(utterances)
    examples = make_examples(utterances, items)
    rows: dict[str, tuple[list[ClassificationReport], list[ClassificationReport]]] = {}
    for seed in seeds:
        learned, held = split_recordings(utterances.recordings, _SPLITS, seed, seed // _SPLITS)
        trial = _Trial(examples.take(learned), utterances.recordings[learned], utterances.classes, seed, told, settings)
        for name, answers in trial.run(names, _views(examples.take(held), seed)):
            for column, answer in zip(rows.setdefault(name, ([], [])), answers, strict=True):
                column.append(report_classification(utterances.labels[held], answer, utterances.classes))
    return Comparison(tuple(seeds), {name: (tuple(given), tuple(unseen)) for name, (given, unseen) in rows.items()})


@dataclass(frozen=True, slots=True)
class _Trial:
    """All that one seed trains."""

    training: Examples
    recordings: npt.NDArray[np.str_]
    classes: tuple[str, ...]
    seed: int
    told: Told
    settings: TrainingSettings

    def run(self, kinds: Sequence[str], views: tuple[Examples, ...]) -> Iterator[tuple[str, _Answers]]:
        """What was trained, and what it answers to each view."""
        for modality in self.training.dims:
            yield f"{modality} alone, logistic", _logistic(self.training, views, modality)
        for modality in self.training.dims:
            yield f"{modality} alone", self._fuse(_ALONE_KIND, self.training.keep(frozenset({modality})), views)
        answers = {kind: self._fuse(kind, self.training, views) for kind in kinds}
        yield from answers.items()
        if len(answers) > 1:
            yield ENSEMBLE, [np.mean(column, axis=0) for column in zip(*answers.values(), strict=True)]

    def _fuse(self, kind: str, training: Examples, views: tuple[Examples, ...]) -> _Answers:
        model = train_recipe(
            training, self.recordings, self.classes, kind=kind, seed=self.seed, told=self.told, settings=self.settings
        )
        return [judge(model, view) for view in views]


def _views(held: Examples, seed: int) -> tuple[Examples, Examples]:
    """The same examples as they are, and with the recipe's share of items swapped among them."""
    generator = torch.Generator().manual_seed(seed)
    swapped = swap_items(held.inputs, held.dims, SWAPPED_SHARES, generator)
    return held, Examples(held.dims, swapped, held.labels)


def _logistic(training: Examples, views: tuple[Examples, ...], modality: str) -> _Answers:
    """The newest item alone, by logistic regression: what a modality tells without any network."""
    row = 3 * list(training.dims).index(modality)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_LOGISTIC_C, max_iter=1000))
    model.fit(training.inputs[row][:, -1].numpy(), training.labels.numpy())
    return [model.predict_proba(view.inputs[row][:, -1].numpy()) for view in views]
