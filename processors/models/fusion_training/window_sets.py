r"""Windows of composed scenes as a set to learn from, or to be judged by.

Written by

    python -m processors.models.fusion_training.window_sets --models models/ --cache features/ \
        --seeds 1000:1048 --lines training --out windows.npz
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from processors.datasets.windows import WindowItems, WindowSet, write_windows
from processors.models.fusion_training.scenes import EncodedScene, load_scene, packaged_clips
from processors.models.fusion_training.windows import cut_windows, pack_windows
from processors.models.local_encoders import Encoders
from processors.models.spec import CONTRIBUTION_ORDER, EVENT_CLASSES
from processors.scenes import LineShare

__all__ = ["gather_windows"]


def gather_windows(scenes: Mapping[str, EncodedScene]) -> WindowSet:
    """All whole windows of scenes; a class of which too little reaches into a window is not known there.

    Args:
        scenes: name -> scene.
    """
    cut = [(name, window) for name, scene in scenes.items() for window in cut_windows(scene)]
    arrays = [tensor.numpy() for tensor in pack_windows([window for _, window in cut])]
    labels = np.stack(
        [np.where(window.is_unclear, np.nan, window.evidence.any(axis=0)).astype(np.float32) for _, window in cut]
    )
    modalities = {}
    for row, modality in enumerate(CONTRIBUTION_ORDER):
        items, times, weights = arrays[3 * row : 3 * row + 3]
        longest = max(1, int((weights > 0).sum(axis=1).max()))
        modalities[modality] = WindowItems(items[:, :longest], times[:, :longest], weights[:, :longest])
    return WindowSet(
        classes=tuple(EVENT_CLASSES),
        recordings=np.array([name for name, _ in cut]),
        starts_ms=np.array([window.start_ms for _, window in cut], np.int64),
        labels=labels,
        modalities=modalities,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Compose, encode, cut and write."""
    parser = argparse.ArgumentParser(
        prog="python -m processors.models.fusion_training.window_sets",
        description="Write windows of composed scenes as .npz.",
    )
    parser.add_argument("--models", type=Path, required=True, help="repository made by `braid models build`")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the embeddings of scenes")
    parser.add_argument("--seeds", required=True, help="FIRST:LAST of the scenes; LAST is not part of it")
    parser.add_argument(
        "--lines", choices=[share.value for share in LineShare], required=True, help="which lines may be spoken"
    )
    parser.add_argument("--out", type=Path, required=True, help="the .npz")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    first, last = map(int, options.seeds.split(":"))
    encoders, lines = Encoders(options.models), LineShare(options.lines)
    clips = packaged_clips()
    scenes = {f"scene-{seed}": load_scene(seed, lines, clips, options.cache, encoders) for seed in range(first, last)}
    write_windows(gather_windows(scenes), options.out)


if __name__ == "__main__":
    main()
