"""The demonstration: a labelled scene and a real file through the whole system, and whether Braid was right."""

from streams.demo.run import DemoListener, DemoPlan, run_demo
from streams.demo.score import DemoReport, EventOutcome, SourceReport, score

__all__ = ["DemoListener", "DemoPlan", "DemoReport", "EventOutcome", "SourceReport", "run_demo", "score"]
