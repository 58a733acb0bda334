"""How things stand: which versions there are, which are loaded, which one answers, and how its shadow differs."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from streams.inference import ServedVersion
from streams.store import Comparison, DifferingWindow, ModelVersions

__all__ = ["ComparedVersions", "ModelOverview", "VersionOverview", "overview_of"]


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class VersionOverview(_Shown):
    """One version of a model.

    Attributes:
        version: its number.
        in_repository: whether its folder is there; None where the repository is not within reach.
        loaded: whether Triton answers with it.
        state: in Triton's words; empty where it does not know the version.
        reason: why it is not ready.
        role: what it does for the group's answers; None for nothing.
        thresholds: event class -> probability from which it counts as an event, where they are not those of the
            repository; else None.
    """

    version: int
    in_repository: bool | None
    loaded: bool
    state: str
    reason: str
    role: str | None
    thresholds: Mapping[str, float] | None = None


class ComparedVersions(_Shown):
    """How the answers of the shadow differ from the live version's.

    Attributes:
        live: version whose answers are compared.
        shadow: version that answered beside it.
        answers: compared, revisions included.
        mean_difference: mean absolute difference of a probability; None before the first answer.
        max_difference: the largest one; None before the first answer.
        most_different: id of the window with that difference; None where there is no difference.
        other_event_share: share of answers with another event; None before the first answer.
        failed: windows on which the shadow failed.
        skipped: windows it was not asked about, because it was too far behind.
        differences: windows with another event first, then by how far the probabilities are apart; a bounded number.
    """

    live: int
    shadow: int
    answers: int
    mean_difference: float | None
    max_difference: float | None
    most_different: str | None
    other_event_share: float | None
    failed: int
    skipped: int
    differences: tuple[DifferingWindow, ...] = ()

    @classmethod
    def of(cls, live: int, shadow: int, total: Comparison) -> "ComparedVersions":
        """Of what all workers counted."""
        answers = total.answers
        return cls(
            live=live,
            shadow=shadow,
            answers=answers,
            mean_difference=total.difference_sum / answers if answers else None,
            max_difference=total.difference_max if answers else None,
            most_different=total.most_different or None,
            other_event_share=total.other_event / answers if answers else None,
            failed=total.failed,
            skipped=total.skipped,
            differences=total.differing,
        )


class ModelOverview(_Shown):
    """One model.

    Attributes:
        name: in the repository.
        swappable: whether its live version can be changed while workers run.
        versions: in order.
        comparison: of the shadow with the live version; None without a shadow.
    """

    name: str
    swappable: bool
    versions: tuple[VersionOverview, ...]
    comparison: ComparedVersions | None = None


def overview_of(
    name: str,
    in_repository: Sequence[int] | None,
    served: Sequence[ServedVersion],
    versions: ModelVersions | None,
    comparison: ComparedVersions | None,
    usual: Mapping[str, float],
    *,
    swappable: bool,
) -> ModelOverview:
    """Put what the repository, Triton and the store say of one model side by side.

    Args:
        name: of the model.
        in_repository: versions with a folder; None where the repository is not within reach.
        served: the index's entries of this model.
        versions: as the store keeps them; None where it has nothing on this model.
        comparison: of the shadow with the live version.
        usual: thresholds of the repository.
        swappable: whether its live version can be changed while workers run.
    """
    entries = {entry.version: entry for entry in served if entry.version is not None}
    roles = _roles(versions)
    own = {} if versions is None else versions.thresholds
    # Until it restarts, Triton goes on listing versions that were removed.
    listed = entries if in_repository is None else [version for version, entry in entries.items() if entry.is_ready]
    shown = [
        VersionOverview(
            version=version,
            in_repository=None if in_repository is None else version in in_repository,
            loaded=version in entries and entries[version].is_ready,
            state=entries[version].state if version in entries else "",
            reason=entries[version].reason if version in entries else "",
            role=roles.get(version),
            thresholds=None if own.get(version) == usual else own.get(version),
        )
        for version in sorted({*(in_repository or ()), *listed, *roles})
    ]
    return ModelOverview(name=name, swappable=swappable, versions=tuple(shown), comparison=comparison)


def _roles(versions: ModelVersions | None) -> Mapping[int, str]:
    if versions is None:
        return {}
    roles = dict.fromkeys(versions.before[-1:], "previous")
    if versions.shadow is not None:
        roles[versions.shadow] = "shadow"
    return {**roles, versions.live: "live"}
