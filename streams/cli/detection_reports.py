"""Detections on the terminal: for people as lines, for programs as JSON."""

import asyncio
import contextlib

import typer

from streams.cli.clock import now_ms
from streams.cli.detection_lines import detection_line, parse_moment
from streams.cli.terminal import make_console
from streams.detections import follow_detections
from streams.local import with_local_addresses
from streams.records import Detection
from streams.settings import Settings
from streams.store import Store

__all__ = ["follow", "print_one", "print_stored"]


def follow(settings: Settings, source_id: str | None, *, as_json: bool, final_only: bool) -> None:
    """Print new detections until interrupted.

    Args:
        settings: in force.
        source_id: only this source's; None follows all.
        as_json: one JSON object a line.
        final_only: leave out answers that may still change.

    Raises:
        KeyboardInterrupt: a person ended it.
    """
    settings = with_local_addresses(settings, needs={"kafka"})
    out, notes = make_console(), make_console(stderr=True)

    def say_ready() -> None:
        notes.print(f"Following {settings.kafka.topics.detections}; Ctrl+C ends.", style="dim")

    async def run() -> None:
        async with contextlib.aclosing(follow_detections(settings, source_id, on_ready=say_ready)) as detections:
            async for detection in detections:
                if final_only and not detection.final:
                    continue
                if as_json:
                    typer.echo(detection.to_json())
                else:
                    out.print(detection_line(detection))

    asyncio.run(run())


def print_stored(
    settings: Settings, source_id: str, span: tuple[str | None, str | None], limit: int, *, as_json: bool
) -> None:
    """Print a source's stored detections, in order of start.

    Args:
        settings: in force.
        source_id: whose.
        span: earliest start and exclusive latest start, as a person wrote them; None is unbounded.
        limit: how many at most: the first after the earliest start or, where that is None, the newest.
        as_json: one array.

    Raises:
        ConfigurationError: a time cannot be read.
    """
    from_ms, to_ms = (None if text is None else parse_moment(text, now_ms()) for text in span)
    settings = with_local_addresses(settings, needs={"redis"})

    async def read() -> tuple[list[Detection], list[str]]:
        async with Store.connect(settings, now_ms) as store:
            found = await store.list_detections(source_id, from_ms, to_ms, limit, newest=from_ms is None)
            return found, [] if found else list(await store.sources())

    found, others = asyncio.run(read())
    if as_json:
        typer.echo("[" + ",\n".join(detection.to_json().decode() for detection in found) + "]")
    elif found:
        out = make_console()
        for detection in found:
            out.print(detection_line(detection))
    else:
        known = f"Sources with detections: {', '.join(others)}" if others else "No source has any"
        make_console(stderr=True).print(f"No detections of {source_id} in that span. {known}.")


def print_one(settings: Settings, detection_id: str, *, as_json: bool) -> bool:
    """Print one stored detection; False, and a note, when it is not stored.

    Raises:
        ConfigurationError: the id is malformed.
    """
    settings = with_local_addresses(settings, needs={"redis"})

    async def read() -> Detection | None:
        async with Store.connect(settings, now_ms) as store:
            return await store.get(detection_id)

    detection = asyncio.run(read())
    if detection is None:
        make_console(stderr=True).print(f"No detection {detection_id} is stored.")
        return False
    if as_json:
        typer.echo(detection.to_json())
    else:
        out = make_console()
        out.print(detection_line(detection))
        out.print_json(detection.model_dump_json(by_alias=True, exclude={"embedding", "text_embedding"}))
    return True
