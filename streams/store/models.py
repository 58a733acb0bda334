"""Which version of a model makes a group's answers, and how another one differs, as the store keeps it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal

from pydantic import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from streams.errors import ConfigurationError
from streams.store.documents import DocumentPart, StoredDocument

__all__ = [
    "DIFFERING_AT_MOST",
    "Comparison",
    "DifferingWindow",
    "LiveModels",
    "ModelVersions",
    "add_up",
]

_REMEMBERED = 16

DIFFERING_AT_MOST: Final = 20
"""Windows that a comparison lists: what a person looks at in one sitting, some kilobytes for each worker."""


class ModelVersions(DocumentPart):
    """The versions of one model.

    Attributes:
        live: makes the answers.
        before: those that were live before it, the last one last: where a rollback leads.
        shadow: answers the same windows beside the live one, without being acted upon; None when none does.
        highest: highest number that was ever given out; none is given out twice, so that a detection's `models` stays
            true.
        thresholds: version -> its own thresholds, by event class: the probability from which it counts as an event. A
            version that is not in it has those of the repository.
    """

    live: PositiveInt
    before: tuple[PositiveInt, ...] = ()
    shadow: PositiveInt | None = None
    highest: PositiveInt
    thresholds: Mapping[PositiveInt, Mapping[str, float]] = {}

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a word of thresholds where there are none: a document from before them keeps its bytes."""
        written: dict[str, Any] = write(self)
        if not self.thresholds:
            del written["thresholds"]
        return written

    def promoted(self, version: int) -> "ModelVersions":
        """With another live version."""
        if version == self.live:
            return self
        return self.model_copy(
            update={
                "live": version,
                "before": (*self.before, self.live)[-_REMEMBERED:],
                "shadow": None if self.shadow == version else self.shadow,
                "highest": max(self.highest, version),
            }
        )

    def rolled_back(self) -> "ModelVersions":
        """With the version that was live before.

        Raises:
            ConfigurationError: there is none.
        """
        if not self.before:
            raise ConfigurationError(
                f"version {self.live} is live, and none was live before it; name one with `braid models promote`",
                code="configuration.model_version",
            )
        *before, live = self.before
        shadow = None if self.shadow == live else self.shadow
        return self.model_copy(update={"live": live, "before": tuple(before), "shadow": shadow})

    def shadowed(self, version: int | None) -> "ModelVersions":
        """With another shadow, or without one.

        Raises:
            ConfigurationError: the version is live.
        """
        if version == self.live:
            raise ConfigurationError(
                f"version {version} is live: it cannot be its own shadow", code="configuration.model_version"
            )
        return self.model_copy(update={"shadow": version, "highest": max(self.highest, version or 0)})

    def deployed(self, version: int, thresholds: Mapping[str, float] | None = None) -> "ModelVersions":
        """With one more version to choose from, and its own thresholds if it has any."""
        return self.with_thresholds(version, thresholds).model_copy(update={"highest": max(self.highest, version)})

    def among(self, there: Iterable[int]) -> "ModelVersions":
        """Without the thresholds of versions that are neither there any more nor have a part in the answers."""
        kept = {*there, self.live, self.shadow, *self.before}
        return self.model_copy(
            update={"thresholds": {number: own for number, own in self.thresholds.items() if number in kept}}
        )

    def with_thresholds(self, version: int, thresholds: Mapping[str, float] | None) -> "ModelVersions":
        """With a version's own thresholds, or with those of the repository for it."""
        others = {number: own for number, own in self.thresholds.items() if number != version}
        return self.model_copy(update={"thresholds": others if thresholds is None else {**others, version: thresholds}})

    def without(self, version: int) -> "ModelVersions":
        """Without a version that is to be removed.

        Raises:
            ConfigurationError: it is live, a shadow, or where a rollback leads.
        """
        role = {self.live: "live", self.shadow: "the shadow"}.get(version)
        if role is None and version in self.before[-1:]:
            role = "where `braid models rollback` leads"
        if role is not None:
            raise ConfigurationError(
                f"version {version} is {role}: it is not removed", code="configuration.model_version"
            )
        before = tuple(each for each in self.before if each != version)
        return self.with_thresholds(version, None).model_copy(update={"before": before})


class LiveModels(StoredDocument):
    """What all workers of a group go by.

    Attributes:
        layout: of this document.
        revision: grows with each change; a lower one than was seen before means that the store went back.
        models: name in the repository -> its versions; models that are not swapped while workers run are not in it.
    """

    means: ClassVar[str] = "the live models of a group"
    code: ClassVar[str] = "contract.models"

    layout: Literal[1] = 1
    revision: NonNegativeInt = 0
    models: Mapping[str, ModelVersions] = {}

    def changed(self, name: str, versions: ModelVersions) -> "LiveModels":
        """With other versions of one model; the same document where nothing changes."""
        if self.models.get(name) == versions:
            return self
        return LiveModels(revision=self.revision + 1, models={**self.models, name: versions})


class DifferingWindow(DocumentPart):
    """A window that two versions answered differently.

    Attributes:
        window_id: of it.
        event_class: the class whose probability differs most; where the events differ, of those two.
        live_probability: of that class, as the live version has it.
        shadow_probability: of that class, as the shadow has it.
        live_event: what the live version told; None for no event.
        shadow_event: what the shadow would have told.
    """

    window_id: str
    event_class: str
    live_probability: float
    shadow_probability: float
    live_event: str | None
    shadow_event: str | None

    @property
    def rank(self) -> tuple[bool, float, str, str]:
        """Larger for what a person should look at first: another event, then probabilities far apart."""
        apart = abs(self.live_probability - self.shadow_probability)
        return (self.live_event != self.shadow_event, apart, self.window_id, self.model_dump_json())


class Comparison(StoredDocument):
    """How the answers of a shadow version differ from those of the live one. Revisions are answers of their own.

    Attributes:
        answers: compared.
        other_event: answers whose event is another one, or none where the live one has one, or the reverse.
        difference_sum: over the answers, of the mean absolute difference of their probabilities.
        difference_max: largest absolute difference of a probability.
        most_different: id of the window with that difference.
        failed: windows on which the shadow failed.
        skipped: windows it was not asked about, because it was too far behind.
        differing: windows with the largest differences, the most telling first, each once: of several answers to one,
            the one that differs most. The same windows in whatever order, and however often, leave the same.
    """

    means: ClassVar[str] = "a comparison of two versions"
    code: ClassVar[str] = "contract.models"

    answers: NonNegativeInt = 0
    other_event: NonNegativeInt = 0
    difference_sum: NonNegativeFloat = 0.0
    difference_max: NonNegativeFloat = 0.0
    most_different: str = ""
    failed: NonNegativeInt = 0
    skipped: NonNegativeInt = 0
    differing: tuple[DifferingWindow, ...] = ()

    def plus(self, other: "Comparison") -> "Comparison":
        """Both together."""
        larger = other if other.difference_max > self.difference_max else self
        return Comparison(
            answers=self.answers + other.answers,
            other_event=self.other_event + other.other_event,
            difference_sum=self.difference_sum + other.difference_sum,
            difference_max=larger.difference_max,
            most_different=larger.most_different,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            differing=_most_telling((*self.differing, *other.differing)),
        )


def _most_telling(windows: Iterable[DifferingWindow]) -> tuple[DifferingWindow, ...]:
    by_id: dict[str, DifferingWindow] = {}
    for window in sorted(windows, key=lambda each: each.rank):
        by_id[window.window_id] = window
    return tuple(sorted(by_id.values(), key=lambda each: each.rank, reverse=True)[:DIFFERING_AT_MOST])


def add_up(comparisons: Iterable[Comparison]) -> Comparison:
    """What several workers compared."""
    total = Comparison()
    for comparison in comparisons:
        total = total.plus(comparison)
    return total
