"""The whole evaluation of composed streams: from folders to the document that `--json` prints."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2

from processors.errors import DatasetError, ModelError
from processors.models.composed.decoding import DecodeSettings
from processors.models.composed.material import find_own_material, load_composed
from processors.models.evaluation.composed import SNRS_DB, compose_set, judge_composed
from processors.models.evaluation.composed_spread import ComposedSpread
from processors.models.fusion import Ensemble, FusionModel
from processors.models.local_encoders import Encoders
from processors.scenes.real import read_clips, read_sound_bank
from processors.scenes.settings import SceneError

__all__ = ["run_composed"]


def run_composed(
    seeds: Sequence[int],
    *,
    data: Path,
    sounds: Path | None,
    clips: Path | None,
    repository: Callable[[], Path],
    streams: int,
    told: Callable[[str], None],
) -> tuple[dict[str, Any], ComposedSpread]:
    """Compose streams of material that training has not seen, and score the shipped model on them.

    Args:
        seeds: of the streams; each is composed and judged by itself.
        data: folder of data, for what is not given.
        sounds: one folder of sounds per class; None for the test part of `data`.
        clips: video files; None for the test part of `data`.
        repository: gives the folder with the encoders, once the material is read: it may take a minute.
        streams: how many of each seed.
        told: is told how far it is.

    Returns:
        The document, which is that of the seed where there is one, and the reports in it.

    Raises:
        DatasetError: sounds or clips cannot be used.
        ModelError: the shipped model or an encoder is missing or damaged, or they do not fit each other.
    """
    trained, facts = load_composed()
    seen = facts["seen"]
    try:
        material = find_own_material(
            data, sounds=sounds, clips=clips, seen_sounds=set(seen["sounds"]), seen_clips=set(seen["clips"])
        )
        bank = read_sound_bank(material.sounds)
        told(f"reading {len(material.clips)} clips")
        scenes = read_clips(material.clips)
    except SceneError as error:
        raise DatasetError(str(error)) from error
    told(f"{len(scenes.scenes)} scenes, {len(scenes.things)} things, {sum(map(len, bank.events.values()))} sounds")
    cv2.setNumThreads(1)
    encoders = Encoders(repository())
    _refuse_other_encoders(trained.model, encoders)
    reports = []
    for seed in seeds:
        told(f"seed {seed}")
        sets = compose_set(seed, streams, scenes, bank, encoders, snrs_db=SNRS_DB, told=told)
        reports.append(judge_composed(seed, sets, trained.model, DecodeSettings.of(facts["decode"])))
    spread = ComposedSpread(tuple(reports))
    used = {
        "sounds": {name: len(own) for name, own in bank.events.items()},
        "sounds_of_no_class": len(bank.harmless),
        "beds": len(bank.beds),
        "classes_without_sounds": [name for name in trained.model.shape.tasks[0].classes if name not in bank.events],
        "scenes": list(scenes.scenes),
        "things": {name: sum(thing.clip == name for thing in scenes.things) for name in scenes.scenes},
        "unreadable_clips": list(scenes.unreadable),
        "passed_over_as_seen_in_training": list(material.passed_over),
    }
    document = spread.as_json() if len(reports) > 1 else reports[0].as_json()
    return {**document, "used": used}, spread


def _refuse_other_encoders(model: FusionModel | Ensemble, encoders: Encoders) -> None:
    given = {modality.value: dim for modality, dim in encoders.dims.items()}
    if given != dict(model.shape.modalities):
        raise ModelError(
            f"the encoders give embeddings of {given}, the model of composed streams takes "
            f"{dict(model.shape.modalities)}; name a repository with the shipped encoders"
        )
