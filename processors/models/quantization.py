"""Graphs in eight-bit integers, which a CPU runs twice as fast; calibrated once, on real frames.

Weights get seven bits, so that sums cannot overflow on a CPU without the VNNI instructions: a graph answers alike
wherever it runs. The first layers, which have few channels and lose most by rounding, stay in floats. So do the text
encoder, because scales that are computed at run time would make a text's embedding depend on the texts that happen to
be beside it, and the audio encoder, whose embeddings suffer too much.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from processors.errors import ModelError
from processors.models._quiet import quiet
from processors.models.spec import VIDEO_ENCODER, ModelSpec

__all__ = ["CALIBRATIONS", "CalibrationFeeds", "calibrate", "check_quantised", "quantise"]

CALIBRATIONS: Final[Mapping[str, Path]] = MappingProxyType(
    {VIDEO_ENCODER.name: Path(__file__).parent / "weights" / "video_encoder.calibration.json"}
)
"""Model -> the ranges of its activations, as ONNX Runtime keeps them; only these models are quantised."""

_FLOAT_CONVOLUTIONS: Final = 6
"""So many of the first are not quantised. With none the embeddings of frames agree by a mean cosine of 0.949, with 3 by
0.982, with 6 by 0.990 and with 12 by 0.992, at 2.3, 2.5, 2.0 and 1.5 times the speed of floats."""

_LEAST_COSINE: Final = 0.95
"""Between embeddings before and after: real frames come to 0.976 at least, noise and black pictures to 0.97."""


def quantise(graph: Path, target: Path, calibration: Path) -> None:
    """Write a graph in eight-bit integers.

    Args:
        graph: as `export_model` writes it.
        target: where to write.
        calibration: ranges as `calibrate` writes them, of the same graph.

    Raises:
        ModelError: the calibration is missing, or of another graph.
    """
    if not calibration.is_file():
        raise ModelError(
            f"the calibration {calibration} is missing; make it with `python -m processors.models.calibration`"
        )
    try:
        _quantise(graph, target, None, calibration)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the calibration {calibration} does not fit {graph.name}: {error!r}; make it again with `python -m "
            "processors.models.calibration`, or build with the precision fp32"
        ) from error


def calibrate(graph: Path, feeds: Iterable[Mapping[str, npt.NDArray[Any]]], calibration: Path) -> None:
    """Write down which range each activation of a graph takes.

    Args:
        graph: as `export_model` writes it.
        feeds: input name -> array with the batch dimension first, of the kind that the graph will see.
        calibration: where to write; replaced.
    """
    calibration.unlink(missing_ok=True)
    unwanted = graph.with_suffix(".int8.onnx")
    _quantise(graph, unwanted, CalibrationFeeds(feeds), calibration)
    unwanted.unlink()


def check_quantised(spec: ModelSpec, before: Path, after: Path) -> float:
    """Compare the embeddings of the two graphs on frames of noise and on black ones.

    Returns:
        The least cosine.

    Raises:
        ModelError: an output has another type or shape, is not finite, or the embeddings differ by too much.
    """
    random = np.random.default_rng(20)
    shape = (4, *spec.inputs[0].shape)
    least = 1.0
    for feed in (spec.sample(2), {spec.inputs[0].name: random.integers(0, 256, shape, dtype=np.uint8)}):
        expected, got = (_run(graph, feed) for graph in (before, after))
        for tensor, old, new in zip(spec.outputs, expected, got, strict=True):
            if old.shape != new.shape or old.dtype != new.dtype or not np.isfinite(new).all():
                raise ModelError(
                    f"{spec.name}: output `{tensor.name}` of the eight-bit graph is {new.dtype} {list(new.shape)}, "
                    f"expected finite {old.dtype} {list(old.shape)}"
                )
            if tensor.name == "embedding":
                least = min(least, float((old * new).sum(axis=1).min()))
    if least < _LEAST_COSINE:
        raise ModelError(
            f"{spec.name}: embeddings of the eight-bit graph agree with the float graph's by a cosine of {least:.3f}, "
            f"expected at least {_LEAST_COSINE}; calibrate again, or build with the precision fp32"
        )
    return least


def _quantise(graph: Path, target: Path, reader: CalibrationDataReader | None, calibration: Path) -> None:
    convolutions = [node.name for node in onnx.load(graph).graph.node if node.op_type == "Conv"]
    with quiet(None):  # it advises to optimise the graph first, which the exporter has done
        quantize_static(
            graph,
            target,
            reader,
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=convolutions[:_FLOAT_CONVOLUTIONS],
            calibration_cache_path=calibration,
        )


def _run(graph: Path, feed: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answer: list[npt.NDArray[Any]] = session.run(None, dict(feed))
    return answer


class CalibrationFeeds(CalibrationDataReader):
    """Feeds as ONNX Runtime's calibration reads them.

    Args:
        feeds: input name -> array with the batch dimension first.
    """

    def __init__(self, feeds: Iterable[Mapping[str, npt.NDArray[Any]]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """The next one, until there is none."""
        feed = next(self._feeds, None)
        return None if feed is None else dict(feed)
