"""`braid baseline teach`: a person's word on a window, with the window's features."""

import asyncio
from typing import Literal

from processors.normality import extract
from streams.align import Window
from streams.cli.clock import now_ms
from streams.cli.terminal import make_console
from streams.errors import ConfigurationError, PoisonItem
from streams.labels.training_set import open_items
from streams.local import with_local_addresses
from streams.records import Detection, Item
from streams.settings import Settings
from streams.store import MAX_LESSONS, Lesson, Store
from streams.worker.answer import encoders_of
from streams.worker.observing import KeptFeatures, observe
from streams.worker.stored_items import fill
from streams.worker.window_items import LostItems

__all__ = ["teach_and_print"]

_MOST_AUTHOR_CHARS = 100


def teach_and_print(
    settings: Settings,
    window_id: str,
    taught_as: Literal["normal", "anomalous"],
    *,
    undo: bool,
    author: str | None,
) -> bool:
    """Keep a lesson, or take it back, and say so.

    Returns:
        False, and a note, when there was nothing to take back.

    Raises:
        ConfigurationError: the id is malformed, the window is not stored, it cannot be had any more, or there are as
            many lessons as a source may have.
    """
    if author is not None and not (author.isprintable() and 0 < len(author) <= _MOST_AUTHOR_CHARS):
        raise ConfigurationError(
            f"lesson: the author is {author[:_MOST_AUTHOR_CHARS]!r}; expected a name of 1 to {_MOST_AUTHOR_CHARS} "
            "characters on one line",
            code="configuration.lesson",
        )
    lesson = Lesson(taught_as=taught_as, undone=undo, author=author, at_ms=now_ms())
    status = asyncio.run(_teach(settings, window_id, lesson))
    if status == "absent":
        make_console(stderr=True).print(f"{window_id} was not taught as {taught_as}.")
        return False
    if status == "full":
        source_id = window_id.partition("/")[0]
        raise ConfigurationError(
            f"{MAX_LESSONS} windows of {source_id} are taught already, which is as many as a source may have; take one "
            f"back first: `braid baseline show {source_id}` lists them",
            code="configuration.lesson",
        )
    said = f"{window_id} is no longer taught as {taught_as}" if undo else f"{window_id} is taught as {taught_as}"
    make_console().print(said)
    return True


async def _teach(settings: Settings, window_id: str, lesson: Lesson) -> str:
    async with Store.connect(with_local_addresses(settings, needs={"redis"}), now_ms) as store:
        features = b""
        if not lesson.undone:
            detection = await store.get(window_id)
            if detection is None:
                raise ConfigurationError(
                    f"no window {window_id} is stored; expected the id of one, as `braid detections list --json` shows "
                    "it: SOURCE/START_MS/SIZE_MS; it may have expired (retention.detections_s)",
                    code="configuration.lesson",
                )
            features = await store.baselines.features(window_id) or await _again(settings, detection)
        return await store.baselines.teach(window_id, lesson, features)


async def _again(settings: Settings, detection: Detection) -> bytes:
    """The features of a window whose own are not kept any longer, out of its records."""
    if not settings.for_source(detection.source_id).baseline.enabled:
        raise ConfigurationError(
            f"{detection.source_id} has no baseline (baseline.enabled is false)", code="configuration.lesson"
        )
    window: Window[Item] = Window(detection.source_id, detection.start_ms, detection.end_ms, first_seen_ms=0)
    async with open_items(with_local_addresses(settings)) as (stored_items, _):
        try:
            found = fill(window, await stored_items.of_window(detection) or [])
        except (LostItems, PoisonItem) as error:
            raise ConfigurationError(
                f"the features of {detection.id} are not kept any longer, and its records cannot be had again: {error}",
                code="configuration.lesson",
            ) from error
        models = encoders_of(found, stored_items.encoder_names)
    fps = settings.for_source(detection.source_id).baseline.fps
    return KeptFeatures(models, extract(observe(window, found, fps))).to_bytes()
