"""Give a verdict on a stored window, once it is clear that it can be one."""

import re
from collections.abc import Collection, Mapping, Sequence

from streams.errors import ConfigurationError
from streams.records import Detection
from streams.store import Store, Verdict, split_detection_id

__all__ = ["NO_CLASS", "give_verdict"]

NO_CLASS = "none"
"""What a person says where no class happens."""
_ANSWERS_LOOKED_AT = 100
_MOST_AUTHOR_CHARS = 100
_CLASS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


async def give_verdict(
    store: Store, window_id: str, said: Sequence[str], *, author: str | None, at_ms: int, takes_new: bool = False
) -> Verdict:
    """Keep what a person says of a window, in place of what was said before.

    The verdict speaks of every class that the model knows which answered the window, and of every other one that a
    verdict on the source has spoken of: those that are not named do not happen in it.

    Args:
        store: holds the window.
        window_id: of its answer.
        said: event classes that happen in it, or `NO_CLASS` alone.
        author: who says it.
        at_ms: when, epoch milliseconds.
        takes_new: whether a class may be named that is not known yet, for a model to learn.

    Returns:
        What is kept.

    Raises:
        ConfigurationError: the window is not stored, no model has answered its source, a class is unknown or named
            twice, `NO_CLASS` stands beside others, or the author is no line of text.
        DependencyUnavailable: Redis does not answer.
    """
    if author is not None and not (author.isprintable() and 0 < len(author) <= _MOST_AUTHOR_CHARS):
        raise ConfigurationError(
            f"verdict: the author is {author[:_MOST_AUTHOR_CHARS]!r}; expected a name of 1 to {_MOST_AUTHOR_CHARS} "
            "characters on one line",
            code="configuration.verdict",
        )
    source_id, *_ = split_detection_id(window_id)
    earlier = await store.verdicts.of_source(source_id)
    spoken_of = (name for verdict in earlier.values() for name in verdict.asked)
    asked = tuple(dict.fromkeys([*await _model_classes(store, window_id, earlier), *spoken_of]))
    if takes_new:
        asked += tuple(dict.fromkeys(name for name in said if name not in asked and _may_name_class(name)))
    verdict = Verdict(classes=_read_classes(said, asked), asked=asked, author=author, at_ms=at_ms)
    if not await store.verdicts.keep(window_id, verdict):
        raise _not_stored(window_id)
    return verdict


async def _model_classes(store: Store, window_id: str, earlier: Mapping[str, Verdict]) -> tuple[str, ...]:
    """The classes of the model that answered the window; where it failed on it, of the source's latest answer."""
    source_id, *_ = split_detection_id(window_id)
    detection = await store.get(window_id)
    if detection is None:
        if window_id not in earlier:
            raise _not_stored(window_id)
        return earlier[window_id].asked
    if detection.probabilities:
        return tuple(detection.probabilities)
    latest = await store.list_detections(source_id, limit=_ANSWERS_LOOKED_AT, newest=True)
    return _latest_classes(latest, source_id)


def _may_name_class(name: str) -> bool:
    return name != NO_CLASS and _CLASS_NAME.fullmatch(name) is not None


def _latest_classes(answers: Sequence[Detection], source_id: str) -> tuple[str, ...]:
    for detection in reversed(answers):
        if detection.probabilities:
            return tuple(detection.probabilities)
    raise ConfigurationError(
        f"no model has answered any of the last {len(answers)} windows of {source_id} (their `failed` says why), so "
        "which classes there are is not known; mend the model, and label once it answers",
        code="configuration.verdict",
    )


def _read_classes(said: Sequence[str], asked: Collection[str]) -> tuple[str, ...]:
    """What happens, in the order of the model's classes."""
    expected = f"expected one or more of {', '.join(asked)}, or {NO_CLASS} alone"
    if list(said) == [NO_CLASS]:
        return ()
    unknown = [name for name in said if name not in asked]
    if not said or unknown or len(set(said)) != len(said):
        what = f"the model has no class {', '.join(unknown)}" if unknown else f"got {' '.join(said) or 'no class'}"
        mend = "; --new takes further ones, of letters, digits and . _ -, for a model to learn" if unknown else ""
        raise ConfigurationError(f"verdict: {what}; {expected}{mend}", code="configuration.verdict")
    return tuple(name for name in asked if name in said)


def _not_stored(window_id: str) -> ConfigurationError:
    return ConfigurationError(
        f"no window {window_id} is stored; expected the id of one, as `braid detections list --json` and `braid label "
        "suggest` show it: SOURCE/START_MS/SIZE_MS; it may have expired (retention.detections_s)",
        code="configuration.verdict",
    )
