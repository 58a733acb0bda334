"""Names of the keys in Redis. A source's keys share its hash tag, a partition number's keys its own."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["DEFAULT_PREFIX", "Keys", "window_member"]

DEFAULT_PREFIX = "braid:"


def window_member(start_ms: int, end_ms: int) -> str:
    """How a window is named inside its source: `start_ms/size_ms`."""
    return f"{start_ms}/{end_ms - start_ms}"


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names under one prefix. Source ids have no `/`, so sources and partition numbers cannot collide."""

    prefix: str = DEFAULT_PREFIX

    def detection(self, source_id: str, start_ms: int, end_ms: int) -> str:
        """Hash: one window's answer."""
        return f"{self.prefix}{{{source_id}}}:detection:{window_member(start_ms, end_ms)}"

    def timeline(self, source_id: str) -> str:
        """Sorted set: the source's windows by start."""
        return f"{self.prefix}{{{source_id}}}:timeline"

    def expiry(self, source_id: str) -> str:
        """Sorted set: the source's windows by the time at which their detection expires."""
        return f"{self.prefix}{{{source_id}}}:expiry"

    def final_through(self, source_id: str) -> str:
        """String: end of the source's last final window."""
        return f"{self.prefix}{{{source_id}}}:final_through_ms"

    def verdicts(self, source_id: str) -> str:
        """Hash: what people said of the source's windows."""
        return f"{self.prefix}{{{source_id}}}:verdicts"

    def verdict_expiry(self, source_id: str) -> str:
        """Sorted set: the windows with a verdict by the time at which it expires."""
        return f"{self.prefix}{{{source_id}}}:verdict_expiry"

    def baseline(self, source_id: str) -> str:
        """Hash: what was learned of the source."""
        return f"{self.prefix}{{{source_id}}}:baseline"

    def lessons(self, source_id: str) -> str:
        """Hash: which windows people called normal or anomalous."""
        return f"{self.prefix}{{{source_id}}}:lessons"

    @property
    def baseline_changes(self) -> str:
        """Sorted set: ids of sources by the time at which a person last changed what was learned of them."""
        return f"{self.prefix}baseline_changes"

    @property
    def judged(self) -> str:
        """Sorted set: ids of sources with verdicts by the time at which the last of them expires."""
        return f"{self.prefix}judged"

    @property
    def sources(self) -> str:
        """Sorted set: source ids by the time at which something of theirs was last stored."""
        return f"{self.prefix}sources"

    @property
    def generation(self) -> str:
        """String: says that the store is whole since it was first used."""
        return f"{self.prefix}generation"

    def windows(self, group: str) -> str:
        """String: the window settings that the group's answers were made with."""
        return f"{self.prefix}{{{group}}}:windows"

    def models(self, group: str) -> str:
        """String: which version of a model the group's answers are made with."""
        return f"{self.prefix}{{{group}}}:models"

    def comparison(self, group: str, model: str, live: int, shadow: int) -> str:
        """Hash: how the answers of a shadow version differ from the live one's, by worker."""
        return f"{self.prefix}{{{group}}}:comparison:{model}/{live}/{shadow}"

    def fence(self, group: str, partition: int) -> str:
        """Hash: the fencing token in force, and how many writes were made under it."""
        return f"{self.prefix}{{{group}/{partition}}}:fence"

    def position(self, group: str, partition: int) -> str:
        """Hash: how far the work of the partition number is done."""
        return f"{self.prefix}{{{group}/{partition}}}:position"

    def final_through_all(self, source_ids: Sequence[str]) -> list[str]:
        """`final_through` of each source, in order."""
        return [self.final_through(source_id) for source_id in source_ids]
