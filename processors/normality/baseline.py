"""The normal of one source: judges a window, and learns from it once it is final."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.calibration import Calibrator
from processors.normality.explaining import heats_of, seconds_of, similar_to
from processors.normality.features import Part, PartFeatures, WindowFeatures
from processors.normality.judgement import UNUSUAL_P, Judgement
from processors.normality.lessons import Lesson, Lessons
from processors.normality.named_share import NamedShare
from processors.normality.part_normal import PartAnswer, PartNormal
from processors.normality.part_scores import PART_WARM_UP
from processors.normality.state_file import Groups, pack_state, unpack_state
from processors.normality.states import NormalState
from processors.normality.whole import WholeNormal
from processors.normality.words_normal import WordsAnswer, WordsNormal
from processors.teaching import TaughtAs

__all__ = ["SourceBaseline", "TaughtAs"]

_HALF_LIFE: Final = 5_000.0
_ALARMS_PER_DAY: Final = 3.0
_TAUGHT_P: Final = 1e-4
"""What a window that is like one taught anomalous has at most."""
_TAUGHT_SCORE: Final = 4.0
_VOUCHED_BEYOND: Final = 1.3
"""Of few windows, held out in turn: a part vouches for p-values a twentieth of the least that they have themselves."""


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the parts that were ever learned say of a window; the words, where there is a transcript.

    Attributes:
        measured: by which states are named.
        states: names of what is wrong in it.
        named: 1 where one of them was not taught to be normal, else 0.
    """

    parts: dict[Part, PartAnswer]
    words: WordsAnswer | None
    measured: Mapping[str, float] = field(default_factory=dict)
    states: tuple[str, ...] = ()
    named: float = 0.0


class SourceBaseline:
    """Bounded in bytes, updated in constant time per window.

    Args:
        half_life: windows in which the weight of what was learned halves.
        alarms_per_day: how many a person can bear.
        capacity: how many times as many prototypes are held as fit into 64 KB.
    """

    def __init__(
        self,
        *,
        half_life: float = _HALF_LIFE,
        alarms_per_day: float = _ALARMS_PER_DAY,
        capacity: int = 1,
    ) -> None:
        self._half_life = half_life
        self._capacity = capacity
        self._source = ""
        self._size_ms = 0
        self._parts: dict[Part, PartNormal] = {}
        self._words = WordsNormal()
        self._states = NormalState()
        self._named = NamedShare()
        self._lessons = Lessons()
        self._whole = WholeNormal(alarms_per_day)

    @property
    def windows_missing(self) -> int:
        """How many windows it has to learn at least until it judges; 0 once it does."""
        if self._whole.is_warm:
            return 0
        parts = min((normal.windows_missing for normal in self._parts.values()), default=PART_WARM_UP)
        # The window with which the first part is calibrated counts for the whole, too.
        return max(parts - 1, 0) + self._whole.calibrator.missing

    def judge(self, features: WindowFeatures) -> Judgement:
        """Say how unusual a window is. Changes nothing.

        Raises:
            ModelError: a vector is not finite, or of another dimension or grid than those learned.
        """
        return self._judge(features, self._answer(features))

    def learn(self, window_id: str, features: WindowFeatures, *, trusted: bool = False) -> Judgement:
        """Judge a final window, then learn from it. Windows come in order of start, each once.

        Args:
            window_id: of the detection.
            features: of the window.
            trusted: whether somebody vouches that it is normal, as for recordings of a normal day: then what is rare in
                it is normal at once, instead of waiting.

        Returns:
            The judgement from before the learning.

        Raises:
            ModelError: a vector is not finite, or of another dimension or grid than those learned; nothing changes.
        """
        answers = self._answer(features)
        judgement = self._judge(features, answers)
        self._name_windows(window_id, features.end_ms - features.start_ms)
        # What a person called anomalous is not learned, however often it comes.
        if not self._is_taught_anomalous(answers):
            self._learn_parts(features, answers, trusted=trusted)
            self._states.learn(features, trusted=trusted, measured=answers.measured)
            self._named.learn(answers.named, trusted=trusted)
            if self._warm(answers):
                self._whole.learn(judgement.score, trusted=trusted)
        if not judgement.warming_up and not trusted:
            self._whole.charge(features.start_ms, judgement.anomaly_p)
        return judgement

    def pass_over(self, features: WindowFeatures) -> Judgement:
        """Judge a final window that is not to be learned, and count what it tells in the budget of alarms.

        Windows come in order of start with those that are learned, each once.

        Raises:
            ModelError: a vector is not finite, or of another dimension or grid than those learned; nothing changes.
        """
        judgement = self.judge(features)
        if not judgement.warming_up:
            self._whole.charge(features.start_ms, judgement.anomaly_p)
        return judgement

    def teach(self, window_id: str, features: WindowFeatures, taught_as: TaughtAs, *, undo: bool = False) -> None:
        """Take a person's word on a window; `undo` takes it back.

        Taught normal, what was unusual in the window is normal from now on. Taught anomalous, windows that are like it
        stay anomalous, and are not learned, however often they come. A later word on the same window replaces an
        earlier one. The latest 32 lessons are kept, fewer where they are large.

        Raises:
            ModelError: a vector is not finite, or of another dimension or grid than those learned; nothing changes.
        """
        if undo:
            lesson = self._lessons.get(window_id)
            if lesson is not None and lesson.taught_as == taught_as:
                self._lessons.remove(window_id)
            return
        answers = self._answer(features, without=window_id)
        sampling = PartNormal.sample_unusual if taught_as == "normal" else PartNormal.sample_top
        chosen = answers if taught_as == "normal" else _most_telling(answers)
        samples = {part: sampling(self._parts[part], answer) for part, answer in chosen.parts.items()}
        kept = {part: sample for part, sample in samples.items() if sample is not None}
        words: frozenset[int] = frozenset()
        if chosen.words is not None:
            words = chosen.words.rarest if taught_as == "normal" else chosen.words.waiting
        states = answers.states if taught_as == "normal" else ()
        self._lessons.add(Lesson(window_id, taught_as, kept, words, states))

    def scores_of(self, features: WindowFeatures) -> Mapping[Part, float]:
        """How far each part of a window is from normal, before it is compared with other windows. Changes nothing.

        Raises:
            ModelError: as `judge` does.
        """
        answers = self._answer(features)
        scores = {part: answer.score for part, answer in answers.parts.items()} | {Part.STATES: answers.named}
        return scores if answers.words is None else {**scores, Part.VOCABULARY: answers.words.score}

    def calibrate(self, held_out: Sequence[Sequence[Mapping[Part, float]]]) -> None:
        """Replace all calibration by scores of windows that were judged by baselines that did not learn them.

        The score of a window over all its parts is made as `judge` makes it, from p-values under the other groups.

        Args:
            held_out: groups of windows, with what `scores_of` said of each; at least two groups.
        """
        whole = [scores for group in held_out for scores in group]
        self._whole.vouched = math.log10(len(whole)) + _VOUCHED_BEYOND
        self._named = _named_of(whole)
        for part, calibrator in _calibrators_of(whole).items():
            if part is Part.VOCABULARY:
                self._words.calibrator = calibrator
            elif part in self._parts:
                self._parts[part].calibrator = calibrator
        fused = []
        for number, group in enumerate(held_out):
            rest = [scores for other, group_of in enumerate(held_out) if other != number for scores in group_of]
            others, named = _calibrators_of(rest), _named_of(rest)
            for scores in group:
                p_values = {part: others[part].p_of(score) for part, score in scores.items() if part in others}
                if scores[Part.STATES]:
                    p_values[Part.STATES] = named.p_of(scores[Part.STATES])
                fused.append(self._whole.fuse(p_values))
        self._whole.calibrator = Calibrator.of(fused)

    def to_bytes(self) -> bytes:
        """The whole state, at most 64 KB; equal states have equal bytes."""
        groups: dict[str, Mapping[str, npt.NDArray[Any]]] = {
            "words": self._words.state(),
            "lessons": self._lessons.state(list(self._parts)),
            "states": self._states.state(),
        }
        groups |= self._whole.state() | {"named": self._named.state()}
        groups |= {f"part.{part}": normal.state() for part, normal in self._parts.items()}
        about = {
            "half_life": self._half_life,
            "capacity": self._capacity,
            "source": self._source,
            "size_ms": self._size_ms,
            "vouched": None if math.isinf(self._whole.vouched) else self._whole.vouched,
            "parts": list(self._parts),
            "lessons": self._lessons.about(self._source),
        }
        return pack_state(about, groups)

    @classmethod
    def from_bytes(cls, data: bytes, *, alarms_per_day: float = _ALARMS_PER_DAY) -> Self:
        """Read what `to_bytes` wrote.

        Args:
            data: the bytes.
            alarms_per_day: how many a person can bear now.

        Raises:
            ModelError: the bytes are something else, truncated, or of another layout.
        """
        about, groups = unpack_state(data)
        try:
            half_life, capacity = float(about["half_life"]), int(about["capacity"])
            baseline = cls(half_life=half_life, alarms_per_day=alarms_per_day, capacity=capacity)
            baseline._take_up(about, groups, alarms_per_day)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{len(data)} bytes are not the state of a baseline: {error!r}") from error
        return baseline

    def _take_up(self, about: Mapping[str, Any], groups: Groups, alarms_per_day: float) -> None:
        self._whole.vouched = math.inf if about["vouched"] is None else float(about["vouched"])
        self._source, self._size_ms = str(about["source"]), int(about["size_ms"])
        self._words = WordsNormal.from_state(groups["words"])
        self._whole.take_up(groups, alarms_per_day)
        self._states = NormalState.from_state(groups["states"])
        self._named = NamedShare.from_state(groups["named"])
        parts = [Part(part) for part in about["parts"]]
        self._parts = {
            part: PartNormal.from_state(part, groups[f"part.{part}"], self._half_life, self._capacity) for part in parts
        }
        self._lessons = Lessons.from_state(about["lessons"], groups["lessons"], source=self._source, parts=parts)

    def _name_windows(self, window_id: str, size_ms: int) -> None:
        """Similar windows are told by what their ids have in common: those of another source or length are no more."""
        source = window_id.split("/", maxsplit=1)[0]
        if (source, size_ms) != (self._source, self._size_ms):
            for normal in self._parts.values():
                normal.bank.forget_windows()
        self._source, self._size_ms = source, size_ms

    def _learn_parts(self, features: WindowFeatures, answers: _Answers, *, trusted: bool) -> None:
        for part, each in features.parts.items():
            if part not in self._parts:
                self._parts[part] = PartNormal(part, *_shape_of(each), self._half_life, self._capacity)
                answers.parts[part] = self._parts[part].judge(part, each, features.start_ms, [])
            self._parts[part].learn(answers.parts[part], features.start_ms, trusted=trusted)
        if answers.words is not None:
            self._words.learn(answers.words, features.start_ms, trusted=trusted)

    def _answer(self, features: WindowFeatures, without: str | None = None) -> _Answers:
        """What the parts say; lessons count, but for one that is about to be replaced."""
        self._check(features)
        lessons = [each for each in self._lessons.of("normal") if each.window_id != without]
        parts = {
            part: self._parts[part].judge(part, each, features.start_ms, lessons)
            for part, each in features.parts.items()
            if part in self._parts
        }
        measured = self._states.measure(features)
        states = self._states.name(features, measured)
        named = float(not set(states).issubset(state for lesson in lessons for state in lesson.states))
        if Part.WORDS not in features.parts:
            return _Answers(parts, None, measured, states, named)
        taught = frozenset(word for lesson in lessons for word in lesson.words)
        return _Answers(parts, self._words.judge(features.words, taught), measured, states, named)

    def _check(self, features: WindowFeatures) -> None:
        for part, each in features.parts.items():
            if not np.isfinite(each.vectors).all():
                raise ModelError(
                    f"features of {part} in the window at {features.start_ms} ms are not finite; "
                    "expected numbers: look at the model that gave them"
                )
            if part not in self._parts:
                continue
            given, learned = _shape_of(each), self._parts[part].shape
            if given != learned:
                raise ModelError(
                    f"features of {part} in the window at {features.start_ms} ms have (places, dimensions) {given}, "
                    f"the baseline learned {learned}: of other models? Reset it, or let it relearn"
                )

    def _judge(self, features: WindowFeatures, answers: _Answers) -> Judgement:
        parts = dict.fromkeys(features.parts, 1.0) | {part: answer.p for part, answer in answers.parts.items()}
        if answers.words is not None:
            parts[Part.VOCABULARY] = answers.words.p
        if features.parts:
            parts[Part.STATES] = self._named.p_of(answers.named)
        verdict = self._whole.judge({part: parts[part] for part in self._warm(answers)})
        anomaly_p, score, is_anomalous = verdict.p, verdict.score, verdict.is_anomalous
        if self._whole.is_warm and self._is_taught_anomalous(answers):
            anomaly_p, score, is_anomalous = min(anomaly_p, _TAUGHT_P), max(score, _TAUGHT_SCORE), True
        return Judgement(
            anomaly_p,
            not self._whole.is_warm,
            parts,
            score,
            heats_of(features, self._parts, answers.parts),
            seconds_of(features, self._parts, answers.parts),
            () if answers.words is None else answers.words.unusual,
            answers.states,
            similar=similar_to(answers.parts, self._source, self._size_ms),
            is_anomalous=is_anomalous,
        )

    def _warm(self, answers: _Answers) -> list[Part]:
        """The parts of a window that are heard: their p-values are valid, and states have a name."""
        warm = [part for part in answers.parts if self._parts[part].calibrator.is_warm]
        if warm and answers.named:
            warm.append(Part.STATES)
        return warm if answers.words is None or not self._words.calibrator.is_warm else [*warm, Part.VOCABULARY]

    def _is_taught_anomalous(self, answers: _Answers) -> bool:
        """Whether a window is like one that a person called anomalous, in all parts that made it so."""
        return any(self._is_like(lesson, answers) for lesson in self._lessons.of("anomalous"))

    def _is_like(self, lesson: Lesson, answers: _Answers) -> bool:
        if lesson.words:
            return answers.words is not None and answers.words.is_like(lesson.words)
        return bool(lesson.samples) and all(
            part in answers.parts and self._parts[part].is_like(sample, answers.parts[part])
            for part, sample in lesson.samples.items()
        )


def _calibrators_of(windows: Sequence[Mapping[Part, float]]) -> dict[Part, Calibrator]:
    """One for each part that there is."""
    made = {}
    for part in sorted({part for scores in windows for part in scores} - {Part.STATES}):
        scores = [each[part] for each in windows if part in each]
        if part is not Part.VOCABULARY and max(scores) < 1:
            # All as near as can be: which of them is nearest, as of a constant picture, is noise.
            scores = [1.0] * len(scores)
        made[part] = Calibrator.of(scores)
    return made


def _named_of(windows: Sequence[Mapping[Part, float]]) -> NamedShare:
    return NamedShare.of([scores[Part.STATES] for scores in windows])


def _most_telling(answers: _Answers) -> _Answers:
    """The part that makes a window unusual, or all of them where none does; words only where they do."""
    told = {part: (answer.p, -answer.score) for part, answer in answers.parts.items()}
    words = answers.words
    if (
        words is not None
        and words.waiting
        and words.p <= UNUSUAL_P
        and (words.p, 0.0) <= min(told.values(), default=(1.0, 0.0))
    ):
        return _Answers({}, words)
    if not told:
        return _Answers({}, None)
    part = min(told, key=lambda each: told[each])
    return _Answers({part: answers.parts[part]} if told[part][0] <= UNUSUAL_P else answers.parts, None)


def _shape_of(features: PartFeatures) -> tuple[int, int]:
    rows, columns = features.grid or (1, 1)
    return rows * columns, features.vectors.shape[1]
