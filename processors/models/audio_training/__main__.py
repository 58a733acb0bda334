"""Command line of the tuning: see the package's docstring for the exact command."""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean
from typing import Any, Final

import torch

from processors.datasets.sounds import SoundFolder, list_sounds, plain_name
from processors.errors import DatasetError
from processors.models.audio_training.chunks import measure
from processors.models.audio_training.encoding import encode_chunks
from processors.models.audio_training.fitting import EncoderSettings, tune_encoder
from processors.models.audio_training.probing import encode_probe, probe_encoder
from processors.models.audio_weights import AUDIO_ENCODER_WEIGHTS_PATH, save_tuned
from processors.models.encoders import AudioEncoder
from processors.models.sound_training.views import read_clips

_log = logging.getLogger(__name__)

_FACTS_SCHEMA: Final = "braid.audio_encoder.facts.v1"
_VERSIONS: Final = 40
_PROBE_SEED: Final = 7
_BEDS: Final = ("rain", "sea_waves")


def main(arguments: Sequence[str] | None = None) -> None:
    """Tune once per seed, judge each, and write the weights of the first."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    folder = list_sounds(options.data)
    learned, judged = _split(folder, options.groups)
    recordings = [
        measure(samples, clip.label, clip.group) for samples, clip in zip(read_clips(folder), folder.clips, strict=True)
    ]
    beds = [row for row, name in enumerate(folder.classes) if plain_name(name) in options.beds]
    probe = encode_probe(recordings, beds, _PROBE_SEED)
    figures = {"untuned": [probe_encoder(AudioEncoder(weights=None), probe, learned, judged, beds)], "tuned": []}
    _log.info("untuned: %s", figures["untuned"][0])
    chunks = encode_chunks(
        [recording for recording in recordings if recording.group in learned],
        len(folder.classes),
        versions=options.versions,
        seed=options.chunks_seed,
        progress=_log.info,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / AUDIO_ENCODER_WEIGHTS_PATH.name
    for number, seed in enumerate(options.seeds):
        encoder = tune_encoder(chunks, replace(EncoderSettings(), seed=seed))
        if not number:
            save_tuned(encoder.upper, path)
            # Judged as it will be loaded: after the rounding to half precision.
            encoder = AudioEncoder(weights=path)
        figures["tuned"].append(probe_encoder(encoder, probe, learned, judged, beds))
        _log.info("seed %d: %s", seed, figures["tuned"][-1])
    facts: dict[str, Any] = {
        "schema": _FACTS_SCHEMA,
        "classes": [plain_name(name) for name in folder.classes],
        "learned": learned,
        "judged": judged,
        "clips": sum(recording.group in learned for recording in recordings),
        "chunks": len(chunks.maps),
        "seeds": {"tuning": list(options.seeds), "chunks": options.chunks_seed, "probe": _PROBE_SEED},
        "settings": asdict(EncoderSettings(seed=options.seeds[0])),
        "probe": {name: _summarise(runs) for name, runs in figures.items()},
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    _log.info("%s", json.dumps(facts["probe"], indent=2))


def _split(folder: SoundFolder, learned: Sequence[str]) -> tuple[list[str], list[str]]:
    groups = sorted({clip.group for clip in folder.clips})
    strange = sorted(set(learned) - set(groups))
    if strange:
        raise DatasetError(
            f"{folder.path} holds no group {', '.join(map(repr, strange))}; it holds {', '.join(groups[:10])}"
        )
    judged = [group for group in groups if group not in learned]
    if not judged:
        raise DatasetError(f"{folder.path}: no group is left to judge the encoder by; name fewer with --groups")
    return sorted(learned), judged


def _summarise(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Mean over the seeds, and each of them; shares rounded to four digits."""
    return {
        name: {"mean": round(mean(run[name] for run in runs), 4), "runs": [round(run[name], 4) for run in runs]}
        for name in (runs[0] if runs else {})
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m processors.models.audio_training",
        description="Fine-tune the audio encoder on a folder of sounds by class.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="one folder of sounds per class")
    parser.add_argument("--groups", nargs="+", required=True, help="groups to learn from, such as 'fold 1'")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and the facts about them")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2), help="of the tuning; the first is kept")
    parser.add_argument("--chunks-seed", type=int, default=0, help="of the seconds drawn of each clip")
    parser.add_argument("--versions", type=int, default=_VERSIONS, help="seconds drawn of each clip")
    parser.add_argument("--beds", nargs="*", default=_BEDS, help="classes that lie under others when judging")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
