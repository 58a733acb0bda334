"""`braid evaluate`: how good the models are, on data of one's own."""

import typer

__all__ = ["register"]

evaluate = typer.Typer(no_args_is_help=True, help="Measure how good the models are. Needs `pip install braid[train]`.")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(evaluate, name="evaluate")
