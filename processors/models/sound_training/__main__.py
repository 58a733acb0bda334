"""Command line of the training: see the package's docstring for the exact command."""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

import torch

from processors.datasets.sounds import list_sounds, plain_name
from processors.models.sound_classifier import save_sound_classifier
from processors.models.sound_training.fitting import RECIPE_TRANSFER, TuningSettings, fit_classifier, measure_reach
from processors.models.sound_training.folds import FoldFigures, judge_folds
from processors.models.sound_training.views import VERSIONS, SoundViews, encode_views, read_clips
from processors.models.transfer import KINDS, Transfer

_log = logging.getLogger(__name__)

_FACTS_SCHEMA: Final = "braid.sounds.facts.v1"


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge the recipe by leaving folds out, then train on everything and write the weights."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    settings = TuningSettings(transfer=_read_transfer(options))
    reach = measure_reach(settings.transfer)
    _log.info("%s: %d of %d numbers below the heads learn", settings.transfer.kind, reach.learning, reach.total)
    folder = list_sounds(options.data)
    views = encode_views(
        folder,
        read_clips(folder),
        versions=options.versions,
        seed=options.views_seed,
        progress=_log.info,
        as_pictures=reach.needs_pictures,
    )
    _log.info(
        "%d clips in %d classes, %d views of each", *views.maps.shape[:1], len(views.classes), views.maps.shape[1]
    )
    figures = (
        []
        if options.skip_folds
        else [judge_folds(views, replace(settings, seed=seed), _log.info) for seed in options.seeds]
    )
    views = replace(views, classes=tuple(map(plain_name, views.classes)))
    network = fit_classifier(views, range(len(views.labels)), settings)
    if figures:
        network.sharpness.fill_(mean(one.sharpness for one in figures))
    options.out.mkdir(parents=True, exist_ok=True)
    save_sound_classifier(network, options.out / "audio.safetensors")
    facts = _facts(views, settings, options, figures)
    (options.out / "audio.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    _log.info("%s", json.dumps(facts, indent=2))


def _facts(
    views: SoundViews, settings: TuningSettings, options: argparse.Namespace, figures: Sequence[FoldFigures]
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "schema": _FACTS_SCHEMA,
        "classes": list(views.classes),
        "clips": len(views.labels),
        "views": views.maps.shape[1],
        "views_seed": options.views_seed,
        "settings": asdict(settings),
    }
    if figures:
        means = [one.mean for one in figures]
        facts["leave_one_fold_out"] = {
            "mean_over_seeds": round(mean(means), 4),
            "standard_deviation_over_seeds": round(stdev(means), 4) if len(means) > 1 else None,
            "runs": [one.as_json() for one in figures],
        }
    return facts


def _read_transfer(options: argparse.Namespace) -> Transfer:
    return Transfer(
        kind=options.transfer,
        last_n=options.last_n,
        rank=options.rank,
        alpha=options.alpha,
        dropout=options.lora_dropout,
        targets=tuple(options.targets),
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m processors.models.sound_training",
        description="Fine-tune the sound classifier on folders of sounds by class.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="one folder of sounds per class")
    parser.add_argument("--out", type=Path, required=True, help="folder for audio.safetensors and audio.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2), help="of the runs that leave folds out")
    parser.add_argument("--views-seed", type=int, default=0, help="of the versions drawn of each clip")
    parser.add_argument(
        "--versions", type=int, default=VERSIONS, help="changed versions of each clip, beside the plain views"
    )
    parser.add_argument("--skip-folds", action="store_true", help="do not judge the recipe first")
    recipe = RECIPE_TRANSFER
    parser.add_argument("--transfer", choices=KINDS, default=recipe.kind, help="how much of the network learns")
    parser.add_argument("--last-n", type=int, default=recipe.last_n, help="blocks that learn, with last_n")
    parser.add_argument("--rank", type=int, default=recipe.rank, help="of the adapters, with lora")
    parser.add_argument("--alpha", type=float, default=recipe.alpha, help="weight of the adapters, times the rank")
    parser.add_argument("--lora-dropout", type=float, default=recipe.dropout, help="share of inputs adapters miss")
    parser.add_argument(
        "--targets", nargs="*", default=(), help="layers that get adapters, or ends of their names; all where not given"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
