"""`braid baseline show`: for people as lines, for programs as JSON."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import typer

from processors.errors import ModelError
from processors.normality import SourceBaseline
from streams.cli.clock import now_ms
from streams.cli.terminal import make_console
from streams.local import with_local_addresses
from streams.settings import Settings
from streams.store import Store, StoredBaseline, StoredLesson

__all__ = ["show_baseline"]


def show_baseline(settings: Settings, source_id: str, *, as_json: bool) -> bool:
    """Print what was learned of a source; False, and a note, when nothing was and nobody taught it anything."""
    stored, lessons = asyncio.run(_read(settings, source_id))
    lessons = [each for each in lessons if not each.lesson.undone]
    if stored is None and not lessons:
        make_console(stderr=True).print(f"Nothing was learned of {source_id}.")
        return False
    document = _document(source_id, stored, lessons)
    if as_json:
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return True
    console = make_console()
    for line in _lines(document):
        console.print(line)
    return True


def _document(source_id: str, stored: StoredBaseline | None, lessons: list[StoredLesson]) -> dict[str, Any]:
    about = {} if stored is None else stored.about.model_dump(mode="json", exclude={"taught", "lessons", "layout"})
    taken_up = {} if stored is None else stored.about.taught
    return {
        "source_id": source_id,
        "epoch": 0 if stored is None else stored.epoch,
        "state_bytes": 0 if stored is None else len(stored.state),
        **_warmth(stored),
        **about,
        "lessons": [
            {
                "id": each.window_id,
                "is_taken_up": taken_up.get(each.window_id.partition("/")[2]) == each.lesson.taught_as,
            }
            | each.lesson.model_dump(mode="json", exclude={"undone", "revision"})
            for each in lessons
        ],
    }


def _warmth(stored: StoredBaseline | None) -> dict[str, Any]:
    """Whether it judges, or what is missing; neither of a state that cannot be read."""
    baseline = SourceBaseline()
    if stored is not None and stored.state:
        try:
            baseline = SourceBaseline.from_bytes(stored.state)
        except ModelError as error:
            return {"is_warm": None, "windows_missing": None, "unreadable": str(error)}
    return {"is_warm": not baseline.windows_missing, "windows_missing": baseline.windows_missing}


def _warmth_line(document: dict[str, Any]) -> str:
    if "unreadable" in document:
        return f"  cannot be read, and begins anew with its worker: {document['unreadable']}"
    if document["is_warm"]:
        return "  warm: its windows are judged"
    return f"  warming up: at least {document['windows_missing']} more windows to learn before any is judged"


def _lines(document: dict[str, Any]) -> list[str]:
    lines = [f"{document['source_id']}: nothing was learned yet"]
    if "learned" in document:
        models = ", ".join(f"{name} {version}" for name, version in sorted(document["models"].items())) or "no encoder"
        stored = f"{document['state_bytes']} bytes, stored {_moment(document['written_ms'])}"
        lines = [
            f"{document['source_id']}: {document['learned']} windows learned, {_last(document['through_ms'])}",
            f"  version {document['version']}, {stored}, replaced {document['epoch']} times",
            f"  learned from {models}",
            _warmth_line(document),
        ]
    for lesson in document["lessons"]:
        author = f" by {lesson['author']}" if lesson["author"] else ""
        state = "" if lesson["is_taken_up"] else ", not taken up yet"
        lines.append(f"  {lesson['id']} taught as {lesson['taught_as']}{author} {_moment(lesson['at_ms'])}{state}")
    return lines


def _last(through_ms: int | None) -> str:
    return "none looked at" if through_ms is None else f"looked at up to the window of {_moment(through_ms)}"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")


async def _read(settings: Settings, source_id: str) -> tuple[StoredBaseline | None, list[StoredLesson]]:
    async with Store.connect(with_local_addresses(settings, needs={"redis"}), now_ms) as store:
        return await store.baselines.read(source_id), await store.baselines.lessons(source_id)
