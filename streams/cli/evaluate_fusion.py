"""`braid evaluate fusion` and `braid evaluate missing`: how good fusion is on files of ready features."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.evaluation import HtmlOption, JsonOption, mapped_errors, show_report, write_page
from streams.cli.terminal import spinning

if TYPE_CHECKING:
    from processors.models.evaluation.fusion import Comparison, OtherSetReport

__all__ = ["evaluate_fusion", "evaluate_missing"]

SeedsOption = Annotated[int, typer.Option("--seeds", min=1, max=100, help="How many trainings, from seed 0 on.")]


def evaluate_fusion(
    train: Annotated[Path, typer.Option(help="Utterances to learn from, as .npz (docs/reference/evaluation.md).")],
    test: Annotated[
        Path | None,
        typer.Option(help="Utterances to be judged by. Without it recordings of --train are held out in turn."),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="concat, weighted, attention, transformer, or ensemble for all of them.")
    ] = "ensemble",
    seeds: SeedsOption = 5,
    html: HtmlOption = None,
    is_json: JsonOption = False,
) -> None:
    """Train the recommended fusion of utterances, and score it. It looks back in a recording, never ahead."""
    with mapped_errors():
        from processors.datasets.features import read_utterances
        from processors.models.evaluation.fusion import compare_kinds, judge_by_other_set
        from processors.models.evaluation.html import render_html
        from processors.models.evaluation.spread_page import render_spreads

        learned, judged = read_utterances(train), None if test is None else read_utterances(test)
        facts = {"learned from": train.name, "kind": kind}
        report: OtherSetReport | Comparison
        with _progress() as told:
            if judged is None:
                report = compared = compare_kinds(learned, kind=kind, seeds=range(seeds), told=told)
                page = render_spreads("Fusion", compared.as_tables(), {**facts, "seeds": f"0 to {seeds - 1}"})
            else:
                report = by_other = judge_by_other_set(learned, judged, kind=kind, seeds=range(seeds), told=told)
                facts |= {"judged by": judged.path.name, "seeds": f"0 to {seeds - 1}, as one ensemble"}
                page = render_html("Fusion", by_other.report, facts)
    if html is not None:
        write_page(html, page)
    document = {"train": str(train), "test": None if test is None else str(test), **report.as_json()}
    show_report(report, document, is_json=is_json)


def evaluate_missing(
    data: Annotated[Path, typer.Option(help="Aligned sequences, as .npz (docs/reference/evaluation.md).")],
    kind: Annotated[
        str, typer.Option(help="concat, weighted, attention, transformer, or ensemble for all of them.")
    ] = "ensemble",
    seeds: SeedsOption = 5,
    html: HtmlOption = None,
    is_json: JsonOption = False,
) -> None:
    """Train where a modality is missing, and score with all modalities, with two and with one."""
    with mapped_errors():
        from processors.datasets.features import read_sequences
        from processors.models.evaluation.missing import measure_missing
        from processors.models.evaluation.spread_page import render_spreads

        sequences = read_sequences(data)
        with _progress() as told:
            report = measure_missing(sequences, kind=kind, seeds=range(seeds), told=told)
        facts = {"data": data.name, "kind": kind, "seeds": f"0 to {seeds - 1}"}
        if html is not None:
            write_page(html, render_spreads("Missing modalities", report.as_tables(), facts))
    show_report(report, {"data": str(data), **report.as_json()}, is_json=is_json)


@contextmanager
def _progress() -> Iterator[Any]:
    """Says on stderr what has been trained."""
    with spinning("training") as show:
        yield lambda what: show(f"trained {what}")
