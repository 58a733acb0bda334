"""Verdicts and suggestions on the terminal: for people as lines, for programs as JSON."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
import typer
from rich.text import Text

from processors.models.served import shipped_facts
from streams.cli.clock import now_ms
from streams.cli.detection_lines import detection_line, parse_moment
from streams.cli.terminal import make_console
from streams.inference import TritonServer, read_served
from streams.labels.giving import NO_CLASS, give_verdict
from streams.labels.suggesting import SuggestedWindow, Suggestions, suggest_windows
from streams.local import with_local_addresses
from streams.settings import Settings
from streams.store import Store, Verdict, split_detection_id

__all__ = ["print_suggestions", "print_verdicts", "set_and_print", "unset_and_print"]

T = TypeVar("T")


def set_and_print(
    settings: Settings, window_id: str, classes: Sequence[str], author: str | None, *, takes_new: bool
) -> None:
    """Keep a verdict, and say what it says.

    Raises:
        ConfigurationError: the window or a class is unknown.
    """

    async def give(store: Store) -> Verdict:
        return await give_verdict(store, window_id, classes, author=author, at_ms=now_ms(), takes_new=takes_new)

    make_console().print(_verdict_line(window_id, _in_store(settings, give)))


def unset_and_print(settings: Settings, window_id: str) -> bool:
    """Take a verdict back; False, and a note, when there was none.

    Raises:
        ConfigurationError: the id is malformed.
    """
    if _in_store(settings, lambda store: store.verdicts.remove(window_id)):
        make_console().print(f"{window_id} has no verdict any more")
        return True
    make_console(stderr=True).print(f"No verdict on {window_id} is stored.")
    return False


def print_verdicts(settings: Settings, source_id: str | None, *, as_json: bool) -> None:
    """Print what was said, in order of source and start."""

    async def read(store: Store) -> dict[str, Verdict]:
        found: dict[str, Verdict] = {}
        for each in [source_id] if source_id is not None else await store.verdicts.sources():
            found |= await store.verdicts.of_source(each)
        return found

    found = _in_store(settings, read)
    if as_json:
        document = [_place(window_id) | verdict.model_dump(mode="json") for window_id, verdict in found.items()]
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return
    for window_id, verdict in found.items():
        make_console().print(_verdict_line(window_id, verdict))
    if not found:
        make_console(stderr=True).print("No verdicts.", style="dim")


def print_suggestions(
    settings: Settings, source_id: str | None, since: str | None, limit: int, *, as_json: bool
) -> None:
    """Print the windows that should be looked at next.

    Raises:
        ConfigurationError: the time cannot be read.
    """
    asked_ms = now_ms()
    since_ms = asked_ms - settings.retention.topics_s * 1000 if since is None else parse_moment(since, asked_ms)

    async def look(store: Store) -> Suggestions:
        return await suggest_windows(store, source_id, since_ms, limit, await _thresholds(settings, store))

    found = _in_store(settings, look)
    if as_json:
        document = {
            "windows": [_suggestion(window) for window in found.windows],
            "weighed": found.weighed,
            "judged": found.judged,
            "left_out": found.left_out,
        }
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return
    out, notes = make_console(), make_console(stderr=True)
    for window in found.windows:
        out.print(detection_line(window.detection))
        out.print(f"  {window.detection.id}", style="cyan")
        out.print(f"  {'; '.join(window.reasons)}")
    notes.print(
        f"{found.weighed} windows weighed, {found.judged} with a verdict, {found.left_out} left out (not final, not "
        "answered, or answered by other models than the newest)",
        style="dim",
    )


async def _thresholds(settings: Settings, store: Store) -> Mapping[str, float]:
    """The live version's own, else the served repository's; where no Triton is known, the shipped ones."""
    name = settings.models.fusion
    stored = await store.read_models(settings.kafka.group)
    if stored is not None and name in stored.models:
        versions = stored.models[name]
        if versions.live in versions.thresholds:
            return versions.thresholds[versions.live]
    settings = with_local_addresses(settings, needs=())
    if settings.triton.grpc is None:
        return shipped_facts().thresholds
    server = TritonServer(settings.triton.grpc)
    return (await read_served(server, name, timeout_s=settings.triton.timeout_s)).thresholds


def _suggestion(window: SuggestedWindow) -> dict[str, Any]:
    detection, ranked = window.detection, window.ranked
    classes = tuple(detection.probabilities)
    return _place(detection.id) | {
        "event": detection.event,
        "probabilities": detection.probabilities,
        "uncertainty": round(ranked.uncertainty, 4),
        "uncertain_class": classes[ranked.uncertain_class],
        "disagreement": round(ranked.disagreement, 4),
        "disputed_class": classes[ranked.disputed_class],
        "novelty": round(ranked.novelty, 4),
        "reasons": window.reasons,
    }


def _place(window_id: str) -> dict[str, Any]:
    source_id, start_ms, end_ms = split_detection_id(window_id)
    return {"id": window_id, "source_id": source_id, "start_ms": start_ms, "end_ms": end_ms}


def _verdict_line(window_id: str, verdict: Verdict) -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    line.append(f"{datetime.fromtimestamp(verdict.at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}  ", style="dim")
    line.append(f"{window_id}  ", style="cyan")
    line.append(" ".join(verdict.classes) or NO_CLASS, style="bold yellow" if verdict.classes else "")
    line.append(f"  of {', '.join(verdict.asked)}", style="dim")
    line.append("" if verdict.author is None else f"  by {verdict.author}")
    return line


def _in_store(settings: Settings, deed: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Store.connect(with_local_addresses(settings, needs={"redis"}), now_ms) as store:
            return await deed(store)

    return asyncio.run(run())
