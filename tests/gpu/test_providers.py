"""Every exported graph answers on a GPU, by CUDA and by TensorRT, as on the CPU."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from processors.models.build import build_repository
from processors.models.export import example_of
from processors.models.precision import Precision
from processors.models.spec import SPECS, ModelSpec

GRAPHS = [spec for spec in SPECS.values() if spec.backend == "onnxruntime"]
LEAST_COSINE = {Precision.FP32: 0.9999, Precision.FP16: 0.999}
MOST_APART = 0.01


@pytest.fixture(scope="session", params=list(LEAST_COSINE), ids=str)
def built(
    request: pytest.FixtureRequest, cuda: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Precision, Path]:
    del cuda
    repository = tmp_path_factory.mktemp("models") / request.param
    build_repository(repository, precision=request.param)
    return request.param, repository


@pytest.mark.parametrize("spec", GRAPHS, ids=lambda spec: spec.name)
def test_a_gpu_answers_as_the_cpu(provider: str, built: tuple[Precision, Path], spec: ModelSpec) -> None:
    precision, repository = built
    path = repository / spec.name / "1" / "model.onnx"
    feed = example_of(spec, 5)
    expected = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feed)
    session = onnxruntime.InferenceSession(path, providers=[provider, "CPUExecutionProvider"])
    assert session.get_providers()[0] == provider
    for tensor, one, other in zip(spec.outputs, expected, session.run(None, feed), strict=True):
        assert (other.dtype, other.shape) == (one.dtype, one.shape)
        assert np.isfinite(other).all()
        if tensor.name in {"embedding", "cells"}:
            assert least_cosine(one, other) >= LEAST_COSINE[precision]
        else:
            assert np.abs(one - other).max() <= MOST_APART


def least_cosine(one: np.ndarray, other: np.ndarray) -> float:
    one, other = (array.reshape(len(array), -1).astype(np.float64) for array in (one, other))
    return float(((one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)).min())
