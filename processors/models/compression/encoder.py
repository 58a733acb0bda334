"""The frame encoder in eight-bit integers, calibrated on frames of one's own, beside a report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from processors.errors import DatasetError, DecodeError
from processors.models.compression.report import ExportReport, Variant
from processors.models.compression.speed import compare_speed, open_graph
from processors.models.export import check_export, export_model
from processors.models.fusion_training.recordings import FOOTAGE_SUFFIXES, read_frames
from processors.models.networks import load_network
from processors.models.packing import sample_evenly
from processors.models.quantization import calibrate, check_quantised, quantise
from processors.models.repository import GRAPH_NAME
from processors.models.spec import VIDEO_ENCODER
from processors.video import decode_frame

__all__ = ["CALIBRATION_NAME", "export_frame_encoder"]

CALIBRATION_NAME: Final = "calibration.json"
"""The ranges that were found, beside the graph that was made with them."""

_PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_FRAMES_EACH: Final = 25
_MOST_FRAMES: Final = 250
_MAX_DECODED_BYTES: Final = 256 * 1024 * 1024
_BATCH: Final = 16
_ROUNDS: Final = 15

Frames = npt.NDArray[np.uint8]


def export_frame_encoder(source: Path, target: Path, *, told: Callable[[str], None]) -> ExportReport:
    """Write `target/fp32/model.onnx` and `target/int8/model.onnx`.

    Every second file of the folder calibrates, the others judge: no frame does both, nor do two frames of one clip.

    Args:
        source: a folder of pictures and clips, with folders in it if you like.
        target: a folder, made if it is missing.
        told: told each step.

    Raises:
        DatasetError: there are fewer than two files, or one cannot be read.
        ModelError: a graph does not compute what its network does, or the eight-bit one differs by too much.
    """
    files = _find(source)
    told(f"reading {len(files)} pictures and clips")
    calibrated_by, judged_by = (_read(files[first::2]) for first in (0, 1))
    graphs = {name: target / name / GRAPH_NAME for name in ("fp32", "int8")}
    for path in graphs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    told("exporting fp32")
    network = load_network(VIDEO_ENCODER.name)
    export_model(network, VIDEO_ENCODER, graphs["fp32"])
    check_export(network, VIDEO_ENCODER, graphs["fp32"])
    told(f"calibrating on {len(calibrated_by)} frames")
    calibration = graphs["int8"].parent / CALIBRATION_NAME
    name = VIDEO_ENCODER.inputs[0].name
    calibrate(graphs["fp32"], ({name: frame[None]} for frame in calibrated_by), calibration)
    quantise(graphs["fp32"], graphs["int8"], calibration)
    check_quantised(VIDEO_ENCODER, graphs["fp32"], graphs["int8"])
    told(f"judging by {len(judged_by)} frames")
    embeddings = {name: _embed(path, judged_by) for name, path in graphs.items()}
    told("measuring speed")
    speeds = compare_speed(graphs, {name: np.resize(judged_by, (_BATCH, *judged_by.shape[1:]))}, rounds=_ROUNDS)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    variants = []
    for variant, path in graphs.items():
        cosines = (embeddings[variant] * embeddings["fp32"]).sum(axis=1)
        quality = {"mean_cosine": float(cosines.mean()), "least_cosine": float(cosines.min())}
        variants.append(Variant(variant, path.stat().st_size, parameters, quality, {}, speeds[variant]))
    facts = {
        "calibrated by": f"{len(calibrated_by)} frames of {len(files[0::2])} files",
        "judged by": f"{len(judged_by)} frames of {len(files[1::2])} other files",
        "speed": f"batches of {_BATCH}, time of one thread, {_ROUNDS} rounds in turn",
    }
    return ExportReport(VIDEO_ENCODER.name, facts, variants)


def _find(source: Path) -> list[Path]:
    wanted = _PICTURE_SUFFIXES | FOOTAGE_SUFFIXES
    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in wanted and path.is_file())
    if len(files) < 2:
        raise DatasetError(
            f"{source} holds {len(files)} pictures and clips ({', '.join(sorted(wanted))}); expected at least two, one "
            "to calibrate by and one to judge by, and better some dozens"
        )
    return files


def _read(files: Sequence[Path]) -> Frames:
    """Frames uint8 [N, 224, 224, 3], an even sample of each clip and of all."""
    chosen = [files[index] for index in sample_evenly(len(files), _MOST_FRAMES)]
    frames = [frame for path in chosen for frame in _frames_of(path)]
    return np.stack([frames[index] for index in sample_evenly(len(frames), _MOST_FRAMES)])


def _frames_of(path: Path) -> list[Frames]:
    try:
        payloads = [path.read_bytes()] if path.suffix.lower() in _PICTURE_SUFFIXES else read_frames(path)[1]
        chosen = [payloads[index] for index in sample_evenly(len(payloads), _FRAMES_EACH)]
        frames = [decode_frame(payload, max_decoded_bytes=_MAX_DECODED_BYTES).pixels for payload in chosen]
    except (OSError, DecodeError, av.FFmpegError) as error:
        raise DatasetError(f"{path} cannot be read: {error}; is it whole?") from error
    if not frames:
        raise DatasetError(f"{path} has no picture; take it out of the folder")
    return frames


def _embed(graph: Path, frames: Frames) -> npt.NDArray[np.float32]:
    session = open_graph(graph)
    name = VIDEO_ENCODER.inputs[0].name
    parts = [
        session.run(["embedding"], {name: frames[start : start + _BATCH]})[0] for start in range(0, len(frames), _BATCH)
    ]
    return np.concatenate(parts)
