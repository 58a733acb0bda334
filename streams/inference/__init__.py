"""Triton: one gRPC channel per model, bounded micro-batches over all sources, and what to do when it fails."""

from streams.inference.batching import MicroBatcher
from streams.inference.breaker import CircuitBreaker
from streams.inference.client import Answer, ModelClient, check_models
from streams.inference.control import ServedVersion, TritonControl
from streams.inference.served import read_embedding_dims, read_served
from streams.inference.server import TritonServer
from streams.inference.trial import Line, Trial

__all__ = [
    "Answer",
    "CircuitBreaker",
    "Line",
    "MicroBatcher",
    "ModelClient",
    "ServedVersion",
    "Trial",
    "TritonControl",
    "TritonServer",
    "check_models",
    "read_embedding_dims",
    "read_served",
]
