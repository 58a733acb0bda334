"""What the way to Triton counts; names and labels are part of the worker's interface."""

from prometheus_client import Counter, Gauge

__all__ = ["CIRCUIT_OPEN", "MODEL_RELOADS", "TRIALS"]

CIRCUIT_OPEN = Gauge("braid_circuit_open", "1 while calls fail at once because a dependency is away.", ["dependency"])
TRIALS = Counter("braid_trials", "Items or windows that were tried alone, by what came of it.", ["model", "verdict"])
MODEL_RELOADS = Counter("braid_model_reloads", "Models loaded again because their known-good sample failed.", ["model"])
