"""Smaller and faster versions of a trained fusion model, as ONNX files beside a report."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.datasets.windows import WindowSet
from processors.errors import ModelError
from processors.models.compression.distillation import distil
from processors.models.compression.integers import quantise_layers
from processors.models.compression.pruning import prune, rank_units
from processors.models.compression.report import ExportReport, Variant
from processors.models.compression.speed import Speed, compare_speed, open_graph
from processors.models.compression.windows import answer_windows, feeds_of, inputs_of, score_answers, take_windows
from processors.models.export import check_export, export_model
from processors.models.fusion import Ensemble, FusionModel, ServedFusion, TrainedFusion, facts_of
from processors.models.packing import sample_evenly
from processors.models.precision import Precision
from processors.models.repository import GRAPH_NAME
from processors.models.served import ServedFacts
from processors.models.spec import EMBEDDING_DIMS, FUSION, ModelSpec

__all__ = ["FusionExport", "export_fusion"]

_RANKED: Final = 512
"""So many windows tell what units are worth, and which ranges activations take."""

_BATCH: Final = 16
_ROUNDS: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionExport:
    """How a model is made smaller.

    Attributes:
        precision: `int8` makes each version in eight-bit integers, too.
        share: of the hidden units that are pruned; None for no pruned version.
        epochs: passes in which the pruned model learns from the whole one.
        seed: of everything random.
    """

    precision: Precision = Precision.INT8
    share: float | None = None
    epochs: int = 10
    seed: int = 0


def export_fusion(
    trained: TrainedFusion,
    fitted_by: WindowSet,
    judged_by: WindowSet,
    target: Path,
    how: FusionExport,
    *,
    source: Path,
    told: Callable[[str], None],
) -> ExportReport:
    """Write each version as `target/VERSION/model.onnx`.

    Args:
        trained: the model.
        fitted_by: windows by which units are ranked, activations calibrated and the pruned model fine-tuned.
        judged_by: windows of other recordings.
        target: a folder, made if it is missing.
        how: which versions.
        source: the model's file, for errors.
        told: told each step.

    Raises:
        DatasetError: the windows do not fit the model, or nothing can be judged by them.
        ModelError: the model cannot be served or pruned, or a graph does not compute what its network does.
    """
    dims = {modality: trained.model.shape.modalities.get(modality, dim) for modality, dim in EMBEDDING_DIMS.items()}
    facts = facts_of(trained, dims, source)
    spec = facts.make_specs()[FUSION.name]
    some = take_windows(fitted_by, sample_evenly(len(fitted_by), _RANKED))
    networks: dict[str, FusionModel | Ensemble] = {"fp32": trained.model}
    if how.share is not None:
        if isinstance(trained.model, Ensemble):
            raise ModelError(f"{source} holds an ensemble, which is not pruned; leave out --prune, or name one member")
        told("ranking hidden units")
        pruned = prune(trained.model, rank_units(trained.model, inputs_of(some, trained.model.shape)), how.share)
        told(f"fine-tuning what is left, {how.epochs} passes")
        distil(
            trained.model,
            pruned,
            inputs_of(fitted_by, pruned.shape),
            epochs=how.epochs,
            seed=how.seed,
            told=lambda number: told(f"fine-tuned, pass {number} of {how.epochs}"),
        )
        networks["pruned"] = pruned
    graphs: dict[str, Path] = {}
    parameters: dict[str, int] = {}
    for name, network in networks.items():
        told(f"exporting {name}")
        graphs[name] = _write(network, spec, target / name)
        parameters[name] = sum(parameter.numel() for parameter in network.parameters())
        if how.precision is Precision.INT8:
            integers = "int8" if name == "fp32" else f"{name}-int8"
            told(f"exporting {integers}")
            graphs[integers] = _prepare(target / integers)
            quantise_layers(graphs[name], graphs[integers], feeds_of(some, spec))
            parameters[integers] = parameters[name]
    told("judging")
    answers = {name: answer_windows(open_graph(path), judged_by, spec) for name, path in graphs.items()}
    told("measuring speed")
    feed = next(feeds_of(judged_by, spec, _BATCH))
    speeds = compare_speed(graphs, _repeat(feed), rounds=_ROUNDS)
    variants = [
        _variant(name, path, parameters[name], answers, speeds[name], facts, judged_by) for name, path in graphs.items()
    ]
    return ExportReport(FUSION.name, _facts(trained, fitted_by, judged_by, how), variants)


def _write(model: FusionModel | Ensemble, spec: ModelSpec, folder: Path) -> Path:
    path = _prepare(folder)
    network = ServedFusion(copy.deepcopy(model)).eval()
    export_model(network, spec, path)
    check_export(network, spec, path)
    return path


def _prepare(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / GRAPH_NAME


def _repeat(feed: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, npt.NDArray[np.float32]]:
    """A full batch, whatever the number of windows."""
    return {name: np.resize(array, (_BATCH, *array.shape[1:])) for name, array in feed.items()}


def _variant(
    name: str,
    path: Path,
    parameters: int,
    answers: Mapping[str, npt.NDArray[np.float32]],
    speed: Speed,
    facts: ServedFacts,
    judged_by: WindowSet,
) -> Variant:
    classes = score_answers(answers[name], facts.classes, facts.thresholds, judged_by)
    columns = [facts.classes.index(event_class) for event_class in facts.thresholds]
    own, usual = answers[name][:, columns], next(iter(answers.values()))[:, columns]
    thresholds = np.array([facts.thresholds[event_class] for event_class in facts.thresholds])
    quality = {
        figure: float(np.mean([figures[figure] for figures in classes.values()]))
        for figure in ("f1", "average_precision")
    }
    quality["largest_change"] = float(np.abs(own - usual).max())
    quality["told_otherwise"] = float(((own >= thresholds) != (usual >= thresholds)).mean())
    return Variant(name, path.stat().st_size, parameters, quality, classes, speed)


def _facts(trained: TrainedFusion, fitted_by: WindowSet, judged_by: WindowSet, how: FusionExport) -> dict[str, str]:
    facts = {
        "kind": trained.kind,
        "fitted by": f"{len(fitted_by)} windows of {len(np.unique(fitted_by.recordings))} recordings",
        "judged by": f"{len(judged_by)} windows of {len(np.unique(judged_by.recordings))} other recordings",
        "seed": str(how.seed),
        "speed": f"batches of {_BATCH}, time of one thread, {_ROUNDS} rounds in turn",
    }
    if how.share is not None:
        facts["pruned"] = f"{how.share:.0%} of the hidden units, then {how.epochs} passes of fine-tuning"
    return facts
