"""The last part of a training, if it is wanted: encoders and network learn together from raw windows.

What was before it and what comes of it are judged alike, by the validation windows as the encoders' files encode them
and the network as its file holds it. The better one is what the training leaves.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from tempfile import TemporaryFile
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from processors.datasets.windows import WindowSet, read_windows, write_windows
from processors.modality import Modality
from processors.models.evaluation.model_report import LabelledRecordings
from processors.models.fusion import FusionModel, TrainedFusion, load_trained, save_trained
from processors.models.hub.encoders import load_encoder
from processors.models.hub.tuned import write_tuned
from processors.models.loop import LoopSettings, fit
from processors.models.training.calibration import held_out_logits
from processors.models.training.data import RecordingTools, Told, TrainingData, read_tuned
from processors.models.training.encoder_tuning import begin_tuning, open_tokenizer
from processors.models.training.folder import ModelFolder
from processors.models.training.item_store import ItemStore, store_items
from processors.models.training.joint_learner import JointLearner
from processors.models.training.learner import joined_loss
from processors.models.training.plan import TrainingPlan
from processors.models.training.raw_windows import RawItems, RawWindows
from processors.models.training.selection import Selection, select
from processors.models.training.split import Split
from processors.models.training.tuned_encoder import PartlyTuned
from processors.models.transfer import TunedEncoder

__all__ = ["learn_together"]

_OUTCOME: Final = "outcome.json"
_APART, _TOGETHER = "apart", "together"
_KNOWN_BEFORE: Final = ("model_type", "modality", "base", "base_sha256")

_Numbers = Mapping[Modality, npt.NDArray[np.int64]]


def learn_together(
    plan: TrainingPlan,
    data: TrainingData,
    split: Split,
    model: FusionModel,
    tools: RecordingTools,
    told: Told,
    *,
    is_shown: bool,
) -> tuple[TrainingData, FusionModel]:
    """Let encoders and network learn together, and put encoders and windows into the folder of the training.

    Called again after a crash, it goes on where it was, and ends with the same bytes.

    Args:
        plan: of the training.
        data: recordings, encoded by encoders that learned by themselves.
        split: of them; of the test recordings, items are encoded and nothing else.
        model: that learned from these windows; it stays as it is.
        tools: for recordings.
        told: is told what comes next.
        is_shown: whether a progress bar is drawn.

    Returns:
        The windows of what is kept, and the network that belongs to them, as its file will hold it.

    Raises:
        ModelError: the checkpoints do not fit.
    """
    folder, learning = data.folder, plan.encoders.learning
    outcome = folder.together.read(_OUTCOME)
    if outcome is None:
        _save(plan, model, folder.apart)
        is_finite = _learn(plan, data, split, tools, told, is_shown=is_shown)
        before = _judge(plan, folder.apart, split)
        after = _judge(plan, folder.together, split) if is_finite else None
        outcome = {
            "kept": _TOGETHER if after is not None and after < before else _APART,
            "validation_loss": {_APART: before, _TOGETHER: after},
        }
        folder.together.write(_OUTCOME, json.dumps(outcome, indent=2) + "\n")
    kept = folder.together if outcome["kept"] == _TOGETHER else folder.apart
    folder.take(kept, learning)
    windows = read_windows(folder.windows)
    return (
        replace(data, windows=windows, encoders=read_tuned(folder, learning), joint=outcome),
        cast("FusionModel", load_trained(kept.weights).model),
    )


def _learn(
    plan: TrainingPlan, data: TrainingData, split: Split, tools: RecordingTools, told: Told, *, is_shown: bool
) -> bool:
    """Whether numbers came of it that a file can hold."""
    folder, learning = data.folder, plan.encoders.learning
    source = cast("LabelledRecordings", data.source)
    with TemporaryFile(dir=folder.checkpoints) as file:
        store = ItemStore(file, learning)
        told(f"reading {' and '.join(learning)} to learn from together with the network")
        numbers = store_items(source.folder, plan.recordings, tools.read, store)
        encoders = {
            modality: begin_tuning(load_encoder(str(folder.apart.encoder(modality)), modality), own, plan.seed)
            for modality, own in learning.items()
        }
        raw = {modality: _as_inputs(plan, modality, encoder, store) for modality, encoder in encoders.items()}
        selection = select(data.windows, plan, str(plan.data))
        model = cast("FusionModel", load_trained(folder.apart.weights).model)
        learned, held = (
            RawWindows(selection.examples.take(rows), {each: numbers[each][rows] for each in raw}, raw, store)
            for rows in (split.rows(part, selection.recordings) for part in ("training", "validation"))
        )
        told(f"training {' and '.join(learning)} together with the network on {len(learned)} windows")
        learner = JointLearner(model, encoders, {modality: own.inputs for modality, own in raw.items()}, plan)
        fit(
            learner,
            learned,
            held,
            LoopSettings(
                folder=folder.checkpoints / "joint",
                epochs=plan.joint.epochs,
                batch_size=plan.joint.batch_size,
                seed=plan.seed,
                is_shown=is_shown,
            ),
        )
        if not all(parameter.half().isfinite().all() for parameter in learner.parameters()):
            return False
        _save(plan, model, folder.together)
        _write_encoders(plan, folder.apart, folder.together, encoders)
        told("encoding by what they became")
        _encode(plan, data.windows, numbers, store, folder.together, tools)
    return True


def _as_inputs(plan: TrainingPlan, modality: Modality, encoder: TunedEncoder, store: ItemStore) -> RawItems:
    is_text = modality is Modality.TRANSCRIPT
    tokenizer = open_tokenizer(encoder.encoder, plan.encoders.learning[modality].checkpoint) if is_text else None
    return RawItems.of(modality, store, tokenizer)


def _save(plan: TrainingPlan, model: FusionModel, folder: ModelFolder) -> None:
    folder.path.mkdir(parents=True, exist_ok=True)
    part = folder.weights.with_suffix(".part")
    save_trained(TrainedFusion(plan.network.each[0].kind, model, {}), part)
    part.replace(folder.weights)


def _write_encoders(
    plan: TrainingPlan, apart: ModelFolder, together: ModelFolder, encoders: Mapping[Modality, TunedEncoder]
) -> None:
    """As checkpoints over the same encoders as before: the same tensors have changed, once more."""
    for modality, about in read_tuned(apart, encoders).items():
        encoders[modality].merge()
        facts: dict[str, Any] = {key: value for key, value in about.items() if key not in _KNOWN_BEFORE}
        facts["joint"] = plan.joint.model_dump(mode="json")
        folder = together.encoder(modality)
        write_tuned(folder, encoders[modality], modality, about["base"], about["base_sha256"], facts)


def _encode(
    plan: TrainingPlan,
    windows: WindowSet,
    numbers: _Numbers,
    store: ItemStore,
    together: ModelFolder,
    tools: RecordingTools,
) -> None:
    """All windows anew, in what learned; the rest is as it was."""
    learning = plan.encoders.learning
    checkpoints = {modality: together.encoder(modality) for modality in learning}
    encoder = PartlyTuned(tools.open_encoder(plan.recordings.models), checkpoints)
    modalities = dict(windows.modalities)
    for modality in learning:
        items = store.encode(modality, numbers[modality], encoder)
        modalities[modality] = replace(modalities[modality], items=items)
    part = together.path / "part.npz"
    write_windows(replace(windows, modalities=modalities), part)
    together.keep_windows(part, {"joint": plan.joint.model_dump(mode="json")})


def _judge(plan: TrainingPlan, folder: ModelFolder, split: Split) -> float:
    """The loss of a network over the validation windows that belong to it, to six digits."""
    selection: Selection = select(read_windows(folder.windows), plan, str(plan.data))
    validation = selection.parts(split)["validation"]
    model = cast("FusionModel", load_trained(folder.weights).model)
    weights = {name: task.weight for name, task in plan.tasks.items()}
    loss = joined_loss(held_out_logits(model, validation), validation.labels, model.shape, weights)
    return round(float(loss), 6)
