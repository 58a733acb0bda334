"""Command line of the training: see the package's docstring for the exact command."""

import argparse
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import cv2
import torch

from processors.models.composed.encoding import EncodedStream
from processors.models.composed.material import COMPOSED_WEIGHTS_PATH, Material, find_material
from processors.models.composed.windows import window_starts_ms
from processors.models.composed_training.choosing import calibrate_composed, choose_decoding
from processors.models.composed_training.fitting import FitSettings, StreamWindows, fit_composed
from processors.models.composed_training.streams import StreamSource
from processors.models.evaluation.composed import judge_composed
from processors.models.fusion import ENSEMBLE_KIND, Ensemble, TrainedFusion, load_trained, save_trained
from processors.scenes.real.words import LinePart

_log = logging.getLogger(__name__)

_FACTS_SCHEMA: Final = "braid.composed.facts.v1"
_TRAINING_SEEDS: Final = range(1000, 1160)
_VALIDATION_SEEDS: Final = range(2000, 2032)
_VERSIONS: Final = 2
_MEMBERS: Final = (
    FitSettings(),
    FitSettings(swapped_shares=(0.05, 0.2, 0.05)),
    FitSettings(swapped_shares=(0.05, 0.2, 0.05), seed=1),
)
"""They trust their modalities to a different degree."""
_DIGEST_LENGTH: Final = 16


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the training part, choose on the validation part, write both files."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    materials = {part: find_material(options.data, part) for part in ("training", "validation")}
    training = StreamSource.open("training", materials["training"], options.models, options.cache, LinePart.TRAINING)
    validation = StreamSource.open(
        "validation", materials["validation"], options.models, options.cache, LinePart.VALIDATION
    )
    learned = _make(training, _TRAINING_SEEDS, _VERSIONS)
    held = _make(validation, _VALIDATION_SEEDS, 1)
    classes = tuple(training.sounds.events)
    parts = (StreamWindows(learned, classes), StreamWindows(held, classes))
    material = digest_examples(*parts)
    members = []
    for number, settings in enumerate(_MEMBERS):
        _log.info("member %d of %d", number + 1, len(_MEMBERS))
        checkpoints = options.cache / "checkpoints" / name_checkpoints(number, settings, classes, material)
        members.append(fit_composed(*parts, classes, settings, checkpoints))
        calibrate_composed(members[-1], held)
    model = Ensemble(members).eval()
    decode = choose_decoding(model, held)
    weights = options.out / COMPOSED_WEIGHTS_PATH.name
    options.out.mkdir(parents=True, exist_ok=True)
    save_trained(TrainedFusion(ENSEMBLE_KIND, model, dict.fromkeys(classes, decode.begin)), weights)
    # Judged as it will be loaded: after the rounding to half precision.
    report = judge_composed(0, {10.0: held}, load_trained(weights).model, decode)
    facts = {
        "schema": _FACTS_SCHEMA,
        "decode": decode.as_json(),
        "training": {
            "streams": len(_TRAINING_SEEDS),
            "versions_of_sound": _VERSIONS,
            "windows": sum(len(window_starts_ms(stream.duration_ms)) for stream in learned),
            "things": len(training.clips.things),
            "members": len(_MEMBERS),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        },
        "validation": {
            "streams": len(_VALIDATION_SEEDS),
            "segment_f1": round(report.scores.segment.f1, 4),
            "event_f1": round(report.scores.event.f1, 4),
        },
        "seen": {
            "sounds": _names(tuple(materials.values()), "sounds"),
            "clips": _names(tuple(materials.values()), "clips"),
        },
    }
    (options.out / COMPOSED_WEIGHTS_PATH.with_suffix(".json").name).write_text(
        json.dumps(facts, indent=1) + "\n", encoding="utf-8"
    )
    _log.info("%s", report.as_markdown())


def digest_examples(*parts: StreamWindows) -> str:
    """SHA-256 over all that is learned from and chosen by, as the network is given it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} streams".encode())
        for number in range(len(part)):
            for tensor in part[number]:
                digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
                digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def name_checkpoints(number: int, settings: FitSettings, classes: Sequence[str], material: str) -> str:
    """A folder of its own for each training: one of other settings or streams does not go on with these checkpoints.

    Args:
        number: of the member.
        settings: its own.
        classes: in the order of the answers.
        material: digest of its examples.
    """
    made_of = json.dumps({"settings": asdict(settings), "classes": list(classes), "material": material})
    return f"{number}-{hashlib.sha256(made_of.encode()).hexdigest()[:_DIGEST_LENGTH]}"


def _make(source: StreamSource, seeds: range, versions: int) -> list[EncodedStream]:
    streams: list[EncodedStream] = []
    for seed in seeds:
        streams += source.make(seed, versions)
        _log.info("%s: stream %d of %d to %d", source.part, seed, seeds.start, seeds.stop - 1)
    return streams


def _names(materials: Sequence[Material], what: str) -> list[str]:
    if what == "sounds":
        return sorted(path.name for material in materials for _, path in material.sounds)
    return sorted(path.name for material in materials for path in material.clips)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m processors.models.composed_training",
        description="Train the model of composed event streams.",
    )
    parser.add_argument("--models", type=Path, required=True, help="repository made by `braid models build`")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds esc10/ and clips/")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the embeddings of streams")
    parser.add_argument("--out", type=Path, required=True, help="folder for composed.safetensors and composed.json")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
