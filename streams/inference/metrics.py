"""What the way to Triton counts; names and labels are part of the worker's interface."""

from prometheus_client import Gauge

__all__ = ["CIRCUIT_OPEN"]

CIRCUIT_OPEN = Gauge("braid_circuit_open", "1 while calls fail at once because a dependency is away.", ["dependency"])
