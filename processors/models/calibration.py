r"""Write down which ranges the frame encoder's activations take on real frames: what its quantisation needs.

The committed calibration comes from

    braid models build --target models/ --precision fp32
    python -m processors.models.calibration --models models/ $BRAID_DATA/clips/{bottle,car}-detection.mp4 \
        $BRAID_DATA/clips/grid
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.models.fusion_training.recordings import find_recordings, read_frames
from processors.models.packing import sample_evenly
from processors.models.quantization import CALIBRATIONS, calibrate
from processors.models.spec import VIDEO_ENCODER
from processors.video import decode_frame

__all__ = ["main"]

_FRAMES_EACH: Final = 25
_MAX_DECODED_BYTES: Final = 64 * 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Calibrate on frames evenly taken from each recording."""
    parser = argparse.ArgumentParser(
        prog="python -m processors.models.calibration", description="Calibrate the quantisation of the frame encoder."
    )
    parser.add_argument("--models", type=Path, required=True, help="repository built with --precision fp32")
    parser.add_argument("recordings", type=Path, nargs="+", help="videos, or folders of them")
    options = parser.parse_args(arguments)
    graph = options.models / VIDEO_ENCODER.name / "1" / "model.onnx"
    calibrate(graph, _feeds(options.recordings), CALIBRATIONS[VIDEO_ENCODER.name])


def _feeds(recordings: Sequence[Path]) -> Iterator[Mapping[str, npt.NDArray[np.uint8]]]:
    for path in find_recordings(recordings):
        _, jpegs = read_frames(path)
        for index in sample_evenly(len(jpegs), _FRAMES_EACH):
            frame = decode_frame(jpegs[index], max_decoded_bytes=_MAX_DECODED_BYTES)
            yield {VIDEO_ENCODER.inputs[0].name: frame.pixels[None]}


if __name__ == "__main__":
    main()
