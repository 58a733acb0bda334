"""`braid evaluate`: how good the models are, on data of one's own."""

import typer

from streams.cli.evaluate_anomalies import evaluate_anomalies
from streams.cli.evaluate_composed import evaluate_composed
from streams.cli.evaluate_events import evaluate_events
from streams.cli.evaluate_fusion import evaluate_fusion, evaluate_missing
from streams.cli.evaluate_model import evaluate_model
from streams.cli.evaluate_normality import evaluate_budget, evaluate_pvalues
from streams.cli.evaluate_pretraining import evaluate_pretraining
from streams.cli.evaluate_sounds import evaluate_sounds

__all__ = ["register"]

evaluate = typer.Typer(no_args_is_help=True, help="Measure how good the models are. Needs `pip install braid[train]`.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    evaluate.command("model")(evaluate_model)
    evaluate.command("sounds")(evaluate_sounds)
    evaluate.command("fusion")(evaluate_fusion)
    evaluate.command("composed")(evaluate_composed)
    evaluate.command("missing")(evaluate_missing)
    evaluate.command("events")(evaluate_events)
    evaluate.command("pretraining")(evaluate_pretraining)
    evaluate.command("anomalies")(evaluate_anomalies)
    evaluate.command("budget")(evaluate_budget)
    evaluate.command("pvalues")(evaluate_pvalues)
    app.add_typer(evaluate, name="evaluate")
