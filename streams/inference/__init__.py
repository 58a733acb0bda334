"""Triton: one gRPC channel per model, bounded micro-batches over all sources."""

from streams.inference.batching import MicroBatcher
from streams.inference.breaker import CircuitBreaker
from streams.inference.client import Answer, ModelClient, check_models

__all__ = ["Answer", "CircuitBreaker", "MicroBatcher", "ModelClient", "check_models"]
