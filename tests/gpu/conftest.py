"""What needs a CUDA device; without one, everything here is skipped and says so."""

from pathlib import Path

import onnxruntime
import pytest
from onnx import TensorProto, helper

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session")
def cuda() -> None:
    """Skips unless ONNX Runtime really computes on a CUDA device."""
    require(CUDA)


@pytest.fixture(scope="session", params=[CUDA, TENSORRT])
def provider(request: pytest.FixtureRequest) -> str:
    """Each of the providers that compute on a GPU."""
    require(request.param)
    return str(request.param)


def require(provider: str) -> None:
    available = onnxruntime.get_available_providers()
    if provider not in available:
        pytest.skip(f"no CUDA device: ONNX Runtime has {', '.join(available)}, not {provider}; install onnxruntime-gpu")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[provider])
    if provider not in session.get_providers():
        pytest.skip(f"no CUDA device: {provider} is installed, but fell back to {', '.join(session.get_providers())}")
