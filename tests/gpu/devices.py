"""Whether there is a GPU, and whether ONNX Runtime can really use it."""

import ctypes

import onnxruntime
import pytest
from onnx import TensorProto, helper

__all__ = ["CUDA", "TENSORRT", "count_devices", "require"]

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
_NEEDS = {CUDA: "onnxruntime-gpu", TENSORRT: "onnxruntime-gpu and tensorrt"}


def count_devices() -> int:
    """How many CUDA devices the driver knows; 0 where there is no driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    is_known = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if is_known else 0


def require(provider: str) -> None:
    """Skips where there is no CUDA device; fails, naming what is missing, where the provider cannot use the one there.

    Args:
        provider: of ONNX Runtime.
    """
    devices = count_devices()
    if devices == 0:
        pytest.skip("no CUDA device: the driver is missing or knows none")
    available = onnxruntime.get_available_providers()
    if provider not in available:
        pytest.fail(
            f"{devices} CUDA device(s), but ONNX Runtime has {', '.join(available)}, not {provider}: install "
            f"{_NEEDS[provider]} in place of onnxruntime"
        )
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[provider])
    if provider not in session.get_providers():
        pytest.fail(
            f"{devices} CUDA device(s), but {provider} fell back to {', '.join(session.get_providers())}: its "
            f"libraries are missing; install {_NEEDS[provider]}"
        )
