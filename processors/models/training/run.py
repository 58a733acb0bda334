"""A training from its data to its reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from processors.modality import Modality
from processors.models.evaluation.model_report import JudgedWindows
from processors.models.fusion import (
    ENSEMBLE_KIND,
    Ensemble,
    FusionModel,
    FusionShape,
    TrainedFusion,
    initialise_from,
    make_fusion,
    save_trained,
)
from processors.models.loop import LoopSettings, fit
from processors.models.training.calibration import choose_thresholds, find_calibration, held_out_logits
from processors.models.training.data import RecordingTools, Told, load_data
from processors.models.training.examples import Examples, judge
from processors.models.training.joint import learn_together
from processors.models.training.learner import PlannedLearner
from processors.models.training.plan import TrainingPlan
from processors.models.training.reporting import TrainingReport, gather_facts, write_reports
from processors.models.training.selection import refuse_unlearnable, select

__all__ = ["Trained", "train"]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left.

    Attributes:
        weights: file of the model.
        encoders: folders of the encoders that were tuned, by modality.
        report: how good it is.
    """

    weights: Path
    encoders: Mapping[Modality, Path]
    report: TrainingReport


def train(plan: TrainingPlan, tools: RecordingTools, *, told: Told, is_shown: bool = False) -> Trained:
    """Train, calibrate, judge, and write all of it to the plan's folder.

    Called again for the same plan after a crash, it goes on where it was, and ends with the same bytes.

    Args:
        plan: what is wanted.
        tools: for recordings.
        told: is told what comes next.
        is_shown: whether a progress bar is drawn.

    Raises:
        DatasetError: the data cannot be read, or something in it cannot be learned.
        ModelError: the folder holds a training of something else, or the encoders are not there.
    """
    data = load_data(plan, tools, told, is_shown=is_shown)
    where = str(plan.data)
    selection = select(data.windows, plan, where)
    shape = selection.shape(plan)
    split = selection.split(plan)
    parts = selection.parts(split)
    refuse_unlearnable(parts, shape, where)
    data.folder.claim()
    members = []
    plans = _plan_members(plan)
    learned_from = f"on {len(parts['training'])} windows of {len(split.training)} recordings"
    for number, own_plan in enumerate(plans):
        which = f" (member {number + 1} of {len(plans)})" if len(plans) > 1 else ""
        told(f"training {own_plan.network.kind}{which} {learned_from}")
        checkpoints = data.folder.checkpoints / str(number) if which else data.folder.checkpoints
        model = _begin(own_plan, selection.shape(own_plan), parts["training"], told)
        members.append(_fit(model, own_plan, parts, checkpoints, is_shown=is_shown))
    if plan.joint.epochs:
        data, joined = learn_together(plan, data, split, members[0], tools, told, is_shown=is_shown)
        members, parts = [joined], select(data.windows, plan, where).parts(split)
    told("calibrating and judging")
    trained = _finish(plan, members, parts["validation"])
    part = data.folder.weights.with_suffix(".part")
    save_trained(trained, part)
    part.replace(data.folder.weights)
    facts = gather_facts(plan, data, split, parts, trained)
    rows = split.rows("test", selection.recordings)
    test = JudgedWindows(parts["test"], selection.recordings[rows], data.windows.starts_ms[rows], data.source)
    encoders = {modality: data.folder.encoder(modality) for modality in data.encoders}
    return Trained(data.folder.weights, encoders, write_reports(data, trained, test, facts))


def _plan_members(plan: TrainingPlan) -> list[TrainingPlan]:
    return [
        plan.model_copy(update={"seed": plan.seed + number, "network": network})
        for number, network in enumerate(plan.network.each)
    ]


def _finish(plan: TrainingPlan, members: Sequence[FusionModel], validation: Examples) -> TrainedFusion:
    """Calibrate each member, join them, and choose thresholds for what they say together."""
    for member in members:
        _calibrate(member, validation)
    network = plan.network
    is_one = len(members) == 1
    model = members[0] if is_one else Ensemble(members, network.rule, network.weights or None).eval()
    thresholds = choose_thresholds(judge(model, validation), validation.labels.numpy(), model.shape)
    return TrainedFusion(network.each[0].kind if is_one else ENSEMBLE_KIND, model, thresholds)


def _begin(plan: TrainingPlan, shape: FusionShape, training: Examples, told: Told) -> FusionModel:
    """The model before its first step."""
    torch.manual_seed(plan.seed)
    model = make_fusion(plan.network.kind, shape)
    model.standardise(training.inputs)
    if plan.network.pretrained is not None:
        done = initialise_from(model, plan.network.pretrained)
        told(f"{len(done.taken)} tensors of {plan.network.pretrained}; {len(done.untouched)} begin from nothing")
    return model


def _fit(
    model: FusionModel, plan: TrainingPlan, parts: Mapping[str, Examples], checkpoints: Path, *, is_shown: bool
) -> FusionModel:
    """The model as it was after its best pass."""
    learner = PlannedLearner(
        model,
        plan.loop,
        task_weights={name: task.weight for name, task in plan.tasks.items()},
        own_weights={each.value: plan.auxiliary.of(each) for each in plan.modalities},
    )
    fit(
        learner,
        TensorDataset(*parts["training"].inputs, parts["training"].labels),
        TensorDataset(*parts["validation"].inputs, parts["validation"].labels),
        LoopSettings(
            folder=checkpoints,
            epochs=plan.loop.epochs,
            batch_size=plan.loop.batch_size,
            patience=plan.loop.patience,
            seed=plan.seed,
            is_shown=is_shown,
        ),
    )
    return model


def _calibrate(model: FusionModel, validation: Examples) -> None:
    """Calibrate a model, rounded as its file will be."""
    _round(model)
    model.calibrate(*find_calibration(held_out_logits(model, validation), validation.labels, model.shape))
    _round(model)


def _round(model: FusionModel) -> None:
    """To float16: what is chosen and judged from here on is what will be served."""
    for tensor in model.state_dict().values():
        tensor.copy_(tensor.half())
