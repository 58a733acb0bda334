"""Whether there is a GPU that ONNX Runtime can really use."""

import onnxruntime
import pytest
from onnx import TensorProto, helper

__all__ = ["CUDA", "TENSORRT", "require"]

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"


def require(provider: str) -> None:
    """Skips, saying why, where the provider cannot compute."""
    available = onnxruntime.get_available_providers()
    if provider not in available:
        pytest.skip(f"no CUDA device: ONNX Runtime has {', '.join(available)}, not {provider}; install onnxruntime-gpu")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[provider])
    if provider not in session.get_providers():
        pytest.skip(f"no CUDA device: {provider} is installed, but fell back to {', '.join(session.get_providers())}")
