"""The backend `onnxruntime` for a Triton that has no native one: it serves the same repository through Python.

Triton finds this file as `BACKEND_DIRECTORY/onnxruntime/model.py` and uses it for each model whose configuration says
`backend: "onnxruntime"`. A joined batch is one ONNX Runtime call.

Environment:
    BRAID_SITE_PACKAGES: where numpy and onnxruntime are installed; Triton runs Python isolated from its environment.
    BRAID_TRITON_THREADS: threads of one ONNX Runtime call, 0 for one per core; the model's own parameter
        `intra_op_thread_count`, which the native backend knows too, goes before it.
"""

import json
import os
import site
from pathlib import Path
from typing import Any

if _site_packages := os.environ.get("BRAID_SITE_PACKAGES"):
    site.addsitedir(_site_packages)

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

__all__ = ["TritonPythonModel"]


class TritonPythonModel:
    """One instance of one ONNX model, in a process of its own. Triton calls it from one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads `model.onnx` of the version.

        Args:
            args: Triton's description of the instance.

        Raises:
            TritonModelException: the graph has other inputs or outputs than the configuration.
        """
        config = json.loads(args["model_config"])
        self._name = f"{args['model_name']}:{args['model_version']}"
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        path = Path(args["model_repository"], args["model_version"], "model.onnx")
        self._session = onnxruntime.InferenceSession(
            path, sess_options=_session_options(config.get("parameters", {})), providers=_providers(args, config)
        )
        self._check_names("inputs", self._inputs, self._session.get_inputs(), path)
        self._check_names("outputs", self._outputs, self._session.get_outputs(), path)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers a joined batch; where it fails as a whole, each request is tried alone.

        Args:
            requests: what the dynamic batcher put together.

        Returns:
            One response per request, in order; a failed request has an error and leaves the others unharmed.
        """
        try:
            return self._run(requests)
        except Exception as error:  # noqa: BLE001 - the outermost frame of a batch: what fails becomes a response
            if len(requests) > 1:
                return [response for request in requests for response in self.execute([request])]
            return [pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{self._name} failed: {error}"))]

    def _run(self, requests: list[Any]) -> list[Any]:
        columns = {
            name: [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for request in requests]
            for name in self._inputs
        }
        sizes = [len(array) for array in columns[self._inputs[0]]]
        feed = {name: arrays[0] if len(arrays) == 1 else np.concatenate(arrays) for name, arrays in columns.items()}
        # Frames are often encoded for their embedding alone: an output that nobody asked for is not even computed.
        asked = [set(request.requested_output_names()) or set(self._outputs) for request in requests]
        names = [name for name in self._outputs if any(name in wanted for wanted in asked)]
        results = dict(zip(names, self._session.run(names, feed), strict=True))
        responses = []
        stop = 0
        for size, wanted in zip(sizes, asked, strict=True):
            start, stop = stop, stop + size
            tensors = [pb_utils.Tensor(name, array[start:stop]) for name, array in results.items() if name in wanted]
            responses.append(pb_utils.InferenceResponse(output_tensors=tensors))
        return responses

    def _check_names(self, kind: str, expected: list[str], nodes: list[onnxruntime.NodeArg], path: Path) -> None:
        got = [node.name for node in nodes]
        if set(got) != set(expected):
            raise pb_utils.TritonModelException(
                f"{self._name}: {path} has the {kind} {got}, its config.pbtxt {expected}; build the repository again"
            )


def _providers(args: dict[str, str], config: dict[str, Any]) -> list[Any]:
    """Where an instance computes: on the GPU that Triton gave it, if this ONNX Runtime can use one, else on the CPU.

    By TensorRT where the configuration asks for it, as the native backend understands it; then CUDA takes the rest.
    """
    wanted = []
    if args["model_instance_kind"] == "GPU":
        accelerators = config.get("optimization", {}).get("execution_accelerators", {})
        names = [each["name"] for each in accelerators.get("gpu_execution_accelerator", [])]
        wanted = ["TensorrtExecutionProvider"] if "tensorrt" in names else []
        wanted.append("CUDAExecutionProvider")
    on_device = {"device_id": args["model_instance_device_id"]}
    usable = onnxruntime.get_available_providers()
    return [*((provider, on_device) for provider in wanted if provider in usable), "CPUExecutionProvider"]


def _session_options(parameters: dict[str, dict[str, str]]) -> onnxruntime.SessionOptions:
    own = parameters.get("intra_op_thread_count", {}).get("string_value")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(own or os.environ.get("BRAID_TRITON_THREADS") or 0)
    # Threads that wait by spinning take the cores from the other models and from everything else on the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
