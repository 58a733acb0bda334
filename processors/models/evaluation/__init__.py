"""How good a model is: figures that others can take again, as JSON, Markdown and HTML."""

from processors.models.evaluation.classification import ClassificationReport, report_classification

__all__ = ["ClassificationReport", "report_classification"]
