"""The baseline of one source in a worker's memory: judges, learns and is taught. No I/O; belongs to one thread."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from processors.errors import ModelError
from processors.normality import Judgement, SourceBaseline
from streams.settings import BaselineSettings
from streams.store import BaselineAbout, Fence, PendingWindow, StoredBaseline, StoredLesson
from streams.worker.metrics import BASELINE_LESSONS, BASELINE_WINDOWS, BASELINES_BEGUN_ANEW
from streams.worker.observing import KeptFeatures

__all__ = ["Judged", "SourceNormal", "chained"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a baseline said of a window.

    Attributes:
        judgement: of the window.
        version: of the baseline.
    """

    judgement: Judgement
    version: int


@dataclass(slots=True, eq=False)
class SourceNormal:
    """A baseline and how far it is.

    Attributes:
        source_id: whose.
        fence: under which it is written.
        settings: of the source.
        epoch: of the import or reset that it goes on from.
        about: how far it is, as it will be written.
        baseline: what was learned.
        refused: starts of windows on which learning crashed.
        settled: windows whose features can be dropped, since it was last written.
        unsaved: changes since it was last written.
        unsaved_since_ms: clock of the first of them.
        state_bytes: size when it was last read or written.
    """

    source_id: str
    fence: Fence
    settings: BaselineSettings
    epoch: int
    about: BaselineAbout
    baseline: SourceBaseline
    refused: frozenset[int] = frozenset()
    settled: list[str] = field(default_factory=list)
    unsaved: int = 0
    unsaved_since_ms: int = 0
    state_bytes: int = 0
    learning: int | None = None

    def judge(self, kept: KeptFeatures) -> Judged:
        """Judge a window; before anything was learned of what its encoders answer, as one that warms up.

        Raises:
            ModelError: the features are none for this baseline.
        """
        is_known = not _differs(self.about.models, kept.models)
        baseline = self.baseline if is_known else _begin(self.settings)
        return Judged(baseline.judge(kept.features), self.about.version)

    def learn(self, windows: Sequence[PendingWindow]) -> None:
        """Go on over final windows, in order of start.

        A window that overlaps the last one learned is passed over: half of it was learned already, so it would look
        more usual than any window does when it is judged, which is before any of it was learned. It is told all the
        same, so what it tells is counted in the budget of alarms.
        """
        for window in windows:
            self.learning = window.start_ms
            outcome, is_unusual = self._learn(window)
            self.learning = None
            BASELINE_WINDOWS.labels(outcome).inc()
            update: dict[str, object] = {"through_ms": window.start_ms}
            if outcome == "learned":
                about = self.about
                update |= {"version": about.version + 1, "learned": about.learned + 1, "learned_to_ms": window.end_ms}
                update["digest"] = chained(about.digest, window.id)
            self.about = self.about.model_copy(update=update)
            if window.features and not is_unusual:
                self.settled.append(window.id)
            self.unsaved += 1

    def take_lessons(self, lessons: Sequence[StoredLesson]) -> None:
        """Take up what people said since, in order of start."""
        for stored in lessons:
            if stored.lesson.revision > self.about.lessons:
                self._take(stored)
        newest = max((stored.lesson.revision for stored in lessons), default=0)
        if newest > self.about.lessons:
            self.about = self.about.model_copy(update={"lessons": newest, "version": self.about.version + 1})
            self.unsaved += 1

    def to_store(self, now_ms: int) -> StoredBaseline:
        """As it is written."""
        self.about = self.about.model_copy(update={"written_ms": now_ms})
        state = self.baseline.to_bytes()
        self.state_bytes = len(state)
        return StoredBaseline(self.epoch, self.about, state)

    @classmethod
    def of_store(
        cls, source_id: str, fence: Fence, settings: BaselineSettings, stored: StoredBaseline | None
    ) -> "SourceNormal":
        """Go on where the store stands. What cannot be read is begun anew, and said."""
        if stored is None:
            return cls(source_id, fence, settings, 0, BaselineAbout(), _begin(settings))
        baseline, about = _begin(settings), stored.about
        if stored.state:
            try:
                baseline = _read(stored.state, settings)
            except ModelError as error:
                log.warning("baseline_unreadable", source_id=source_id, reason=str(error))
                BASELINES_BEGUN_ANEW.labels("unreadable").inc()
                about = BaselineAbout(through_ms=about.through_ms, version=about.version)
        return cls(source_id, fence, settings, stored.epoch, about, baseline, state_bytes=len(stored.state))

    def _learn(self, window: PendingWindow) -> tuple[str, bool]:
        """What became of a window, and whether it is unusual."""
        try:
            kept = self._readable(window)
            if isinstance(kept, str):
                return kept, False
            is_other = _differs(self.about.models, kept.models)
            if self.about.learned_to_ms is not None and window.start_ms < self.about.learned_to_ms:
                return "overlapping", not is_other and self.baseline.pass_over(kept.features).is_unusual
            if is_other:
                known = dict(self.about.models)
                log.warning(
                    "baseline_begun_anew", source_id=self.source_id, learned_from=known, models=dict(kept.models)
                )
                BASELINES_BEGUN_ANEW.labels("models").inc()
                self.baseline = _begin(self.settings)
                self.about = self.about.model_copy(update={"models": {}, "learned": 0, "digest": "", "taught": {}})
            judgement = self.baseline.learn(window.id, kept.features)
        except ModelError as error:
            log.warning("window_not_learned", window=window.id, reason=str(error))
            return "refused", False
        self.about = self.about.model_copy(update={"models": {**self.about.models, **kept.models}})
        return "learned", judgement.is_unusual

    def _readable(self, window: PendingWindow) -> KeptFeatures | str:
        """The features of a window, or why it is passed over."""
        if not window.is_final:
            return "given_up"
        if not window.features:
            return "no_features"
        if window.start_ms in self.refused:
            return "crashed"
        kept = KeptFeatures.from_bytes(window.features)
        if any("," in version for version in kept.models.values()):
            return "mixed_models"
        return kept

    def _take(self, stored: StoredLesson) -> None:
        member = stored.window_id.partition("/")[2]
        taught, lesson = dict(self.about.taught), stored.lesson
        try:
            features = KeptFeatures.from_bytes(stored.features).features
            before = taught.pop(member, None)
            if before is not None and (lesson.undone or before != lesson.taught_as):
                self.baseline.teach(stored.window_id, features, before, undo=True)
            if not lesson.undone and before != lesson.taught_as:
                self.baseline.teach(stored.window_id, features, lesson.taught_as)
            if not lesson.undone:
                taught[member] = lesson.taught_as
        except ModelError as error:
            log.warning("lesson_not_taken", window=stored.window_id, reason=str(error))
            BASELINE_LESSONS.labels("refused").inc()
            return
        BASELINE_LESSONS.labels("taken").inc()
        self.about = self.about.model_copy(update={"taught": taught})


def chained(digest: str, window_id: str) -> str:
    """The digest over windows learned, with one more."""
    return hashlib.sha256(f"{digest}\n{window_id}".encode()).hexdigest()


def _differs(known: Mapping[str, str], models: Mapping[str, str]) -> bool:
    """Whether an encoder answered in another version than what was learned comes from."""
    return any(known.get(name, version) != version for name, version in models.items())


def _begin(settings: BaselineSettings) -> SourceBaseline:
    return SourceBaseline(half_life=settings.half_life_windows, alarms_per_day=settings.alarms_per_day)


def _read(state: bytes, settings: BaselineSettings) -> SourceBaseline:
    return SourceBaseline.from_bytes(state, alarms_per_day=settings.alarms_per_day)
