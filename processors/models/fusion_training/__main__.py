"""Command line of the training: see the package's docstring for the exact command."""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from safetensors.torch import save

from processors.models.fusion import FusionNetwork, load_fusion
from processors.models.fusion_training.fitting import FitSettings, count_parameters, fit, predict
from processors.models.fusion_training.recordings import (
    FOOTAGE_SUFFIXES,
    find_recordings,
    load_recording,
    pair_recordings,
)
from processors.models.fusion_training.scenes import EncodedScene, load_scene, packaged_clips
from processors.models.fusion_training.scoring import choose_thresholds, score_network, score_recordings
from processors.models.fusion_training.windows import HOP_MS, Window, cut_windows
from processors.models.local_encoders import Encoders
from processors.scenes import LineShare

_log = logging.getLogger(__name__)

_FACTS_SCHEMA: Final = "braid.fusion.facts.v1"
_PAIR_ROUNDS: Final = 2
_PHASES_MS: Final = (0, 700, 1300)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the training seeds, choose thresholds on the validation seeds, score on the test seeds."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    source = _Source(options.cache, Encoders(options.models))
    training_recordings = source.load_recordings(options.recordings)
    footage = [path for path in find_recordings(options.recordings) if path.suffix in FOOTAGE_SUFFIXES]
    held_footage = [path for path in find_recordings(options.validation_footage) if path.suffix in FOOTAGE_SUFFIXES]
    scenes = source.load_scenes(options.training_seeds, LineShare.TRAINING, footage, varied=True)
    scenes += training_recordings + pair_recordings(training_recordings, np.random.default_rng(0), _PAIR_ROUNDS)
    training = [window for scene in scenes for phase_ms in _PHASES_MS for window in cut_windows(scene, phase_ms)]
    validation_scenes = source.load_scenes(options.validation_seeds, LineShare.HELD_OUT, held_footage, varied=True)
    validation = _cut_each(validation_scenes, options.validation_seeds)
    test_scenes = source.load_scenes(options.test_seeds, LineShare.HELD_OUT, packaged_clips())
    test = _cut_each(test_scenes, options.test_seeds)
    harmless = source.load_recordings([*options.test_recordings, *packaged_clips()])
    harmless += pair_recordings(harmless, np.random.default_rng(1), 1)
    quiet = [window for scene in harmless for window in cut_windows(scene)]
    settings = FitSettings()
    network = fit(training, validation, settings)
    options.out.mkdir(parents=True, exist_ok=True)
    weights = options.out / "fusion.safetensors"
    _save(network, weights)
    # Judged as it will be loaded: after the rounding to half precision.
    network = load_fusion(weights)
    thresholds = choose_thresholds(validation, predict(network, validation))
    facts = {
        "schema": _FACTS_SCHEMA,
        "thresholds": thresholds,
        "seeds": {
            "training": _span(options.training_seeds),
            "validation": _span(options.validation_seeds),
            "test": _span(options.test_seeds),
            "fit": settings.seed,
        },
        "parameters": count_parameters(network),
        "training_windows": len(training),
        "test": score_network(network, test, thresholds),
        "recordings": {
            "training": len(training_recordings),
            "test": score_recordings(network, quiet, thresholds),
        },
    }
    (options.out / "fusion.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    _log.info("%s", json.dumps({"test": facts["test"], "recordings": facts["recordings"]}, indent=2))


@dataclass(frozen=True, slots=True)
class _Source:
    """Where encoded scenes come from."""

    cache: Path
    encoders: Encoders

    def load_scenes(
        self, seeds: range, lines: LineShare, clips: Sequence[Path], *, varied: bool = False
    ) -> list[EncodedScene]:
        scenes = []
        for seed in seeds:
            scenes.append(load_scene(seed, lines, clips, self.cache, self.encoders, varied=varied))
            _log.info("scene %d of seeds %d to %d", seed, seeds.start, seeds.stop - 1)
        return scenes

    def load_recordings(self, paths: Sequence[Path]) -> list[EncodedScene]:
        return [load_recording(path, self.cache, self.encoders) for path in find_recordings(paths)]


def _cut_each(scenes: Sequence[EncodedScene], seeds: range) -> list[Window]:
    """The windows of each scene, the grid beginning somewhere else in each, as streams begin when they like."""
    phases = (int(np.random.default_rng((seed, 19)).integers(HOP_MS)) for seed in seeds)
    return [window for scene, phase_ms in zip(scenes, phases, strict=True) for window in cut_windows(scene, phase_ms)]


def _save(network: FusionNetwork, path: Path) -> None:
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    path.write_bytes(save(tensors, metadata={"format": "pt"}))


def _span(seeds: range) -> str:
    return f"{seeds.start}:{seeds.stop}"


def _seeds(text: str) -> range:
    first, _, last = text.partition(":")
    try:
        seeds = range(int(first), int(last))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST:LAST, such as 1000:1010") from None
    if not seeds or seeds.start < 0:
        raise argparse.ArgumentTypeError(f"{text!r} names no seeds; expected FIRST below LAST, neither negative")
    return seeds


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m processors.models.fusion_training",
        description="Train the fusion network on composed scenes. LAST of a span of seeds is not part of it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--models", type=Path, required=True, help="repository made by `braid models build`")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the embeddings of scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder for fusion.safetensors and fusion.json")
    parser.add_argument(
        "--recordings", type=Path, nargs="+", required=True, help="real media without events; footage among them"
    )
    parser.add_argument(
        "--validation-footage", type=Path, nargs="+", required=True, help="clips under the scenes of validation"
    )
    parser.add_argument(
        "--test-recordings", type=Path, nargs="*", default=(), help="real media for the test, beside the packaged clips"
    )
    parser.add_argument("--training-seeds", type=_seeds, default="1000:1128", help="FIRST:LAST")
    parser.add_argument("--validation-seeds", type=_seeds, default="2000:2016", help="FIRST:LAST")
    parser.add_argument("--test-seeds", type=_seeds, default="3000:3024", help="FIRST:LAST")
    options = parser.parse_args(arguments)
    spans = [options.training_seeds, options.validation_seeds, options.test_seeds]
    if any(set(one) & set(other) for index, one in enumerate(spans) for other in spans[index + 1 :]):
        parser.error("the seeds of training, validation and test overlap; they must be disjoint")
    return options


if __name__ == "__main__":
    main()
