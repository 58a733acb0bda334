"""What learning without labels is worth: the same training with labels, with it and without, at several shares."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import average_precision_score
from torch.utils.data import TensorDataset

from processors.datasets.windows import WindowSet
from processors.errors import DatasetError
from processors.models.evaluation.spread import Spread
from processors.models.evaluation.spread_page import SpreadTables
from processors.models.fusion import (
    FusionModel,
    FusionShape,
    Task,
    TrainedFusion,
    initialise_from,
    make_fusion,
    save_trained,
)
from processors.models.fusion.model import find_present
from processors.models.loop import MONITORED, LoopSettings, fit
from processors.models.self_supervision import PretrainingSettings, pretrain
from processors.models.self_supervision.inputs import make_inputs
from processors.models.training.learner import known_loss
from processors.models.training.steps import FusionLearner, leave_out

__all__ = ["SHARES", "PretrainingGain", "measure_pretraining"]

SHARES: Final = (0.05, 0.2, 1.0)
"""Of the recordings, whose labels are used."""

_STEPS: Final = 24
_BATCH: Final = 64
_RATE: Final = 1e-3
_DECAY: Final = 0.05
_ABSENT_SHARE: Final = 0.2
_WITHOUT, _WITH = "from_nothing", "pretrained"


@dataclass(frozen=True, slots=True)
class PretrainingGain:
    """Mean average precision over the classes, on windows of other recordings.

    Attributes:
        settings: of the pre-training; each seed has its own.
        recordings: share -> how many recordings' labels were used.
        figures: share -> beginning -> of each seed.
    """

    settings: PretrainingSettings
    recordings: dict[float, int]
    figures: dict[float, dict[str, Spread]]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.settings.kind,
            "figure": "mean average precision",
            "shares": [
                {
                    "share": share,
                    "recordings": self.recordings[share],
                    **{name: spread.as_json() for name, spread in beginnings.items()},
                    "gain": self._gain(share).as_json(),
                }
                for share, beginnings in self.figures.items()
            ],
        }

    def as_tables(self) -> SpreadTables:
        """For a page."""
        return {
            "Mean average precision by labelled recordings": {
                f"{self.recordings[share]} ({100 * share:.0f} %)": {
                    "from nothing": beginnings[_WITHOUT],
                    "pre-trained": beginnings[_WITH],
                }
                for share, beginnings in self.figures.items()
            }
        }

    def as_markdown(self) -> str:
        """One table; the gain is of each seed against itself."""
        lines = ["| labelled recordings | from nothing | pre-trained | gain |", "|---|---|---|---|"]
        for share, beginnings in self.figures.items():
            gain = self._gain(share)
            cells = f"{beginnings[_WITHOUT].as_percent()} | {beginnings[_WITH].as_percent()} | {gain.as_percent()}"
            lines.append(f"| {self.recordings[share]} ({100 * share:.0f} %) | {cells} |")
        return "\n".join(lines) + "\n"

    def _gain(self, share: float) -> Spread:
        pairs = zip(self.figures[share][_WITH].values, self.figures[share][_WITHOUT].values, strict=True)
        return Spread.of([after - before for after, before in pairs])


def measure_pretraining(
    training: WindowSet,
    test: WindowSet,
    settings: PretrainingSettings,
    *,
    seeds: Sequence[int],
    told: Callable[[str], None],
    shares: Sequence[float] = SHARES,
    passes: int = 10,
) -> PretrainingGain:
    """Pre-train on all training windows, then learn the labels of some recordings; and the same from nothing.

    Both take the same steps in the same order and nothing is chosen by the test windows. Each seed pre-trains anew and
    draws other recordings.

    Args:
        training: windows of which all are seen, and some recordings' labels.
        test: windows of other recordings, with labels.
        settings: of the pre-training; its seed is replaced.
        seeds: one run each.
        told: is told what has been measured.
        shares: of the recordings whose labels are used.
        passes: of each training with labels, 1,536 windows each.

    Raises:
        DatasetError: the sets differ in classes or items, share a recording, or cannot be used.
        ModelError: there is no such kind.
    """
    _check_pair(training, test)
    names = np.unique(training.recordings)
    recordings = {share: max(1, round(share * len(names))) for share in shares}
    figures: dict[float, dict[str, list[float]]] = {share: {_WITHOUT: [], _WITH: []} for share in shares}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pretrained.safetensors"
            done = pretrain(training, replace(settings, seed=seed), Path(folder) / "checkpoints")
            save_trained(TrainedFusion(settings.kind, done.model, {}), path)
            told(f"seed {seed}: pre-trained, {done.losses}")
            order = np.random.default_rng((seed, 1)).permutation(names)
            for share, count in recordings.items():
                labelled = np.flatnonzero(np.isin(training.recordings, order[:count]))
                for name, beginning in ((_WITHOUT, None), (_WITH, path)):
                    model = _learn_labels(training, labelled, replace(settings, seed=seed), passes, beginning)
                    figures[share][name].append(_score(model, test))
                    told(f"seed {seed}, {count} recordings, {name}: {figures[share][name][-1]:.3f}")
    spreads = {
        share: {name: Spread.of(values) for name, values in beginnings.items()} for share, beginnings in figures.items()
    }
    return PretrainingGain(settings, recordings, spreads)


def _check_pair(training: WindowSet, test: WindowSet) -> None:
    shapes = [(each.classes, make_inputs(each)[0]) for each in (training, test)]
    if shapes[0] != shapes[1]:
        raise DatasetError(
            f"the windows to be judged by have classes and items {shapes[1]}; expected, as those to learn from, "
            f"{shapes[0]}"
        )
    shared = np.intersect1d(training.recordings, test.recordings)
    if len(shared):
        raise DatasetError(
            f"{len(shared)} recordings, such as {shared[0]!r}, are in both sets; the figures would flatter"
        )


def _learn_labels(
    windows: WindowSet, rows: npt.NDArray[np.int64], settings: PretrainingSettings, passes: int, beginning: Path | None
) -> FusionModel:
    dims, inputs = make_inputs(windows)
    labelled = tuple(tensor[torch.from_numpy(rows)] for tensor in inputs)
    torch.manual_seed(settings.seed)
    tasks = (Task("event", windows.classes, is_exclusive=False),)
    model = make_fusion(
        settings.kind,
        FusionShape(
            modalities=dims, tasks=tasks, width=settings.width, dropout=settings.dropout, memory=settings.memory
        ),
    )
    model.standardise(labelled)
    if beginning is not None:
        initialise_from(model, beginning)
    # As many steps whatever the number of windows: each pass repeats them as often as it needs.
    taken = torch.from_numpy(np.resize(rows, _STEPS * _BATCH))
    data = TensorDataset(*(tensor[taken] for tensor in inputs), torch.from_numpy(windows.labels)[taken])
    with tempfile.TemporaryDirectory() as folder:
        fit(
            _Labels(model),
            data,
            TensorDataset(*(tensor[:1] for tensor in data.tensors)),
            LoopSettings(folder=Path(folder), epochs=passes, batch_size=_BATCH, seed=settings.seed),
        )
    return model


@torch.inference_mode()
def _score(model: FusionModel, test: WindowSet) -> float:
    """Mean average precision over the classes that the test windows have."""
    _, inputs = make_inputs(test)
    answers = torch.cat(
        [
            model(*(tensor[first : first + _BATCH] for tensor in inputs)).probabilities
            for first in range(0, len(test), _BATCH)
        ]
    ).numpy()
    precisions = []
    for column in range(len(test.classes)):
        truth = test.labels[:, column]
        is_known = ~np.isnan(truth)
        if truth[is_known].any():
            precisions.append(average_precision_score(truth[is_known], answers[is_known, column]))
    if not precisions:
        raise DatasetError("the windows to be judged by hold no event of any class")
    return float(np.mean(precisions))


class _Labels(FusionLearner):
    """Learns what is labelled; windows and classes of which nothing is known say nothing."""

    def __init__(self, model: FusionModel) -> None:
        super().__init__(model, learning_rate=_RATE, weight_decay=_DECAY)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        *inputs, labels = batch
        present = find_present(tuple(inputs), self.model.shape) * self.model.known
        logits, _embedding = self.model.judge(tuple(inputs), leave_out(present, _ABSENT_SHARE))
        [loss] = known_loss(logits, labels, self.model.shape)
        return loss

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        del batch
        # The last pass is kept: no label can be spared to choose one.
        self.log(MONITORED, -float(self.current_epoch))
