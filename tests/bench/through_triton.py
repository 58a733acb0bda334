"""Items a second through Triton: of what it serves, and of graphs that it is handed for the while."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from processors.models.config_pbtxt import render_config
from processors.models.spec import ModelSpec

__all__ = ["BATCH", "Feed", "handed_to_triton", "make_feed", "rates_through_triton"]

BATCH = 16
CALLS_AT_ONCE = 4
TIMEOUT_S = 60.0
TEXT = b"the delivery for this morning has arrived at the dock; the gate is up!"

Feed = Mapping[str, np.ndarray]


def make_feed(spec: ModelSpec, rows: int = BATCH) -> Feed:
    """Inputs of the kind that a model takes."""
    random = np.random.default_rng(5)
    feed = {}
    for tensor in spec.inputs:
        shape = (rows, *(16 if size < 0 else size for size in tensor.shape))
        if tensor.dtype == "BYTES":
            feed[tensor.name] = np.full(shape, TEXT, object)
        elif tensor.dtype == "FP32":
            feed[tensor.name] = random.uniform(0, 0.1, shape).astype(np.float32)
        else:
            high = {"attention_mask": 2}.get(tensor.name, 256)
            feed[tensor.name] = random.integers(1, high, shape).astype(tensor.numpy_dtype)
    return feed


def rates_through_triton(address: str, specs: Sequence[ModelSpec], rounds: int, calls: int) -> dict[str, list[float]]:
    """Model -> items a second in each round; the models take turns of `calls` batches, several at once."""
    rates: dict[str, list[float]] = {spec.name: [] for spec in specs}
    with triton.InferenceServerClient(address) as client, ThreadPoolExecutor(CALLS_AT_ONCE) as pool:

        def call(spec: ModelSpec, feed: Feed) -> None:
            inputs = []
            for tensor in spec.inputs:
                inputs.append(triton.InferInput(tensor.name, list(feed[tensor.name].shape), tensor.dtype))
                inputs[-1].set_data_from_numpy(feed[tensor.name])
            client.infer(spec.name, inputs, client_timeout=TIMEOUT_S)

        def call_often(spec: ModelSpec, times: int) -> float:
            feed = make_feed(spec)
            begun_s = time.perf_counter()
            list(pool.map(lambda _: call(spec, feed), range(times)))
            return time.perf_counter() - begun_s

        for spec in specs:
            call_often(spec, CALLS_AT_ONCE)
        for _ in range(rounds):
            for spec in specs:
                rates[spec.name].append(calls * BATCH / call_often(spec, calls))
    return rates


@contextmanager
def handed_to_triton(address: str, spec: ModelSpec, graphs: Mapping[str, Path]) -> Iterator[list[ModelSpec]]:
    """Several graphs of one model beside each other on the server, and in no repository.

    Args:
        address: `host:port` of its gRPC endpoint.
        spec: of the model.
        graphs: name to serve it by -> ONNX file.
    """
    specs = [replace(spec, name=name) for name in graphs]
    with triton.InferenceServerClient(address) as client:
        try:
            for each, graph in zip(specs, graphs.values(), strict=True):
                config = text_format.Parse(render_config(each), model_config_pb2.ModelConfig())
                client.load_model(
                    each.name,
                    config=json_format.MessageToJson(config, preserving_proto_field_name=True),
                    files={"file:1/model.onnx": graph.read_bytes()},
                    client_timeout=TIMEOUT_S,
                )
            yield specs
        finally:
            for each in specs:
                client.unload_model(each.name, client_timeout=TIMEOUT_S)
