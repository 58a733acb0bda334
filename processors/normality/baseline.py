"""The normal of one source: judges a window, and learns from it once it is final."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.budget import AlarmBudget
from processors.normality.calibration import Calibrator
from processors.normality.features import Part, PartFeatures, WindowFeatures
from processors.normality.fusing import fuse
from processors.normality.gate import ScoreGate
from processors.normality.heat import heat_of
from processors.normality.judgement import Judgement, Place
from processors.normality.lessons import Lesson, Lessons, TaughtAs
from processors.normality.part_normal import PartAnswer, PartNormal
from processors.normality.state_file import Groups, pack_state, unpack_state
from processors.normality.states import NormalState
from processors.normality.words_normal import WordsAnswer, WordsNormal

__all__ = ["SourceBaseline", "TaughtAs"]

_HALF_LIFE: Final = 5_000.0
_ALARMS_PER_DAY: Final = 3.0
_TAUGHT_P: Final = 1e-4
"""What a window that is like one taught anomalous has at most."""
_TAUGHT_SCORE: Final = 4.0
_UNUSUAL_P: Final = 0.05
_MOST_SIMILAR: Final = 3
_LEAST_P: Final = 1e-300
_VOUCHED_BEYOND: Final = 1.3
"""Of few windows, held out in turn: a part vouches for p-values a twentieth of the least that they have themselves."""
_LEAST_HEAT_P: Final = 1e-12
"""Below it the heat of a cell says no more."""
_NO_WINDOWS: Final = ""


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the parts that were ever learned say of a window; the words, where there is a transcript."""

    parts: dict[Part, PartAnswer]
    words: WordsAnswer | None


class SourceBaseline:
    """Bounded in bytes, updated in constant time per window.

    Args:
        models: name to version of the encoders whose embeddings it learns from.
        half_life: windows in which the weight of what was learned halves.
        alarms_per_day: how many a person can bear.
        capacity: how many times as many prototypes are held as fit into 64 KB.

    Attributes:
        version: grows with every window learned and lesson taken.
        learned_count: windows learned.
        learned_through_ms: start of the last of them; None before the first.
        learned_digest: of the ids of all windows learned, in their order.
    """

    def __init__(
        self,
        models: Mapping[str, str] | None = None,
        *,
        half_life: float = _HALF_LIFE,
        alarms_per_day: float = _ALARMS_PER_DAY,
        capacity: int = 1,
    ) -> None:
        self.models = dict(models or {})
        self.version = 0
        self.learned_count = 0
        self.learned_through_ms: int | None = None
        self.learned_digest = _NO_WINDOWS
        self._half_life = half_life
        self._capacity = capacity
        self._source = ""
        self._parts: dict[Part, PartNormal] = {}
        self._words = WordsNormal()
        self._states = NormalState()
        self._lessons = Lessons()
        self._fused = Calibrator()
        self._gate = ScoreGate()
        self._budget = AlarmBudget(alarms_per_day)
        self._vouched = math.inf

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
        # What a person called anomalous is not learned, however often it comes.
        if not self._is_taught_anomalous(answers):
            self._learn_parts(features, answers, trusted=trusted)
            self._states.learn(features, trusted=trusted)
            if self._warm(answers) and (self._gate.add(judgement.score) or trusted):
                self._fused.add(judgement.score)
        if not judgement.warming_up and not trusted:
            self._budget.observe(features.start_ms, judgement.anomaly_p)
        self.version += 1
        self.learned_count += 1
        self.learned_through_ms = features.start_ms
        self.learned_digest = hashlib.sha256(f"{self.learned_digest}\n{window_id}".encode()).hexdigest()[:32]
        self._source = window_id.split("/", maxsplit=1)[0]
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
                self.version += 1
            return
        answers = self._answer(features, without=window_id)
        sampling = PartNormal.sample_unusual if taught_as == "normal" else PartNormal.sample_top
        chosen = answers if taught_as == "normal" else _most_telling(answers)
        samples = {part: sampling(self._parts[part], answer) for part, answer in chosen.parts.items()}
        kept = {part: sample for part, sample in samples.items() if sample is not None}
        words: frozenset[int] = frozenset()
        if chosen.words is not None:
            words = chosen.words.rarest if taught_as == "normal" else chosen.words.waiting
        self._lessons.add(Lesson(window_id, taught_as, kept, words))
        self.version += 1

    def scores_of(self, features: WindowFeatures) -> Mapping[Part, float]:
        """How far each part of a window is from normal, before it is compared with other windows. Changes nothing.

        Raises:
            ModelError: as `judge` does.
        """
        answers = self._answer(features)
        scores = {part: answer.score for part, answer in answers.parts.items()}
        return scores if answers.words is None else {**scores, Part.VOCABULARY: answers.words.score}

    def calibrate(self, held_out: Sequence[Sequence[Mapping[Part, float]]]) -> None:
        """Replace all calibration by scores of windows that were judged by baselines that did not learn them.

        The score of a window over all its parts is made as `judge` makes it, from p-values under the other groups.

        Args:
            held_out: groups of windows, with what `scores_of` said of each; at least two groups.
        """
        whole = [scores for group in held_out for scores in group]
        self._vouched = math.log10(len(whole)) + _VOUCHED_BEYOND
        for part, calibrator in _calibrators_of(whole).items():
            if part is Part.VOCABULARY:
                self._words.calibrator = calibrator
            elif part in self._parts:
                self._parts[part].calibrator = calibrator
        fused = []
        for number, group in enumerate(held_out):
            others = _calibrators_of(
                [scores for other, group_of in enumerate(held_out) if other != number for scores in group_of]
            )
            for scores in group:
                p_values = {part: others[part].p_of(score) for part, score in scores.items() if part in others}
                fused.append(fuse(_above_zero(p_values), self._vouched))
        self._fused = Calibrator.of(fused)
        self.version += 1

    def to_bytes(self) -> bytes:
        """The whole state, at most 64 KB; equal states have equal bytes."""
        groups: dict[str, Mapping[str, npt.NDArray[Any]]] = {
            "words": self._words.state(),
            "lessons": self._lessons.state(list(self._parts)),
            "fused": self._fused.state(),
            "gate": self._gate.state(),
            "states": {name: array.astype(np.float16) for name, array in self._states.state().items()},
            "budget": self._budget.state(),
        }
        groups |= {f"part.{part}": normal.state() for part, normal in self._parts.items()}
        about = {
            "models": self.models,
            "version": self.version,
            "learned_count": self.learned_count,
            "learned_through_ms": self.learned_through_ms,
            "learned_digest": self.learned_digest,
            "half_life": self._half_life,
            "capacity": self._capacity,
            "source": self._source,
            "vouched": None if math.isinf(self._vouched) else self._vouched,
            "parts": list(self._parts),
            "lessons": self._lessons.about(self._source),
        }
        return pack_state(about, groups)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        models: Mapping[str, str] | None = None,
        *,
        relearn: bool = False,
        alarms_per_day: float = _ALARMS_PER_DAY,
    ) -> "SourceBaseline":
        """Read what `to_bytes` wrote.

        Args:
            data: the bytes.
            models: that are in use now; None does not compare.
            relearn: whether to begin anew, with nothing learned, where the models are others.
            alarms_per_day: how many a person can bear now.

        Raises:
            ModelError: the bytes are something else, truncated, of another layout, or of other models.
        """
        about, groups = unpack_state(data)
        try:
            baseline = cls(
                about["models"],
                half_life=float(about["half_life"]),
                alarms_per_day=alarms_per_day,
                capacity=int(about["capacity"]),
            )
            if models is not None and baseline.models != dict(models):
                if relearn:
                    return cls(models, half_life=baseline._half_life, alarms_per_day=alarms_per_day)
                _refuse(baseline.models, models)
            baseline._take_up(about, groups, alarms_per_day)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{len(data)} bytes are not the state of a baseline: {error!r}") from error
        return baseline

    def _take_up(self, about: Mapping[str, Any], groups: Groups, alarms_per_day: float) -> None:
        self.version = int(about["version"])
        self.learned_count = int(about["learned_count"])
        through_ms = about["learned_through_ms"]
        self.learned_through_ms = None if through_ms is None else int(through_ms)
        self._vouched = math.inf if about["vouched"] is None else float(about["vouched"])
        self.learned_digest, self._source = str(about["learned_digest"]), str(about["source"])
        self._words = WordsNormal.from_state(groups["words"])
        self._fused = Calibrator.from_state(groups["fused"])
        self._gate = ScoreGate.from_state(groups["gate"])
        self._states = NormalState.from_state(groups["states"])
        self._budget = AlarmBudget.from_state(groups["budget"], alarms_per_day)
        parts = [Part(part) for part in about["parts"]]
        self._parts = {
            part: PartNormal.from_state(part, groups[f"part.{part}"], self._half_life, self._capacity) for part in parts
        }
        self._lessons = Lessons.from_state(about["lessons"], groups["lessons"], source=self._source, parts=parts)

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
        if Part.WORDS not in features.parts:
            return _Answers(parts, None)
        taught = frozenset(word for lesson in lessons for word in lesson.words)
        return _Answers(parts, self._words.judge(features.words, taught))

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
        score = fuse(_above_zero({part: parts[part] for part in self._warm(answers)}), self._vouched)
        anomaly_p = self._fused.p_of(score)
        is_anomalous = self._budget.is_anomalous(anomaly_p)
        if self._fused.is_warm and self._is_taught_anomalous(answers):
            anomaly_p, score, is_anomalous = min(anomaly_p, _TAUGHT_P), max(score, _TAUGHT_SCORE), True
        return Judgement(
            anomaly_p,
            not self._fused.is_warm,
            parts,
            score,
            self._heat(features, answers.parts),
            self._seconds(features, answers.parts),
            () if answers.words is None else answers.words.unusual,
            self._states.name(features),
            similar=self._similar(features, answers.parts),
            is_anomalous=is_anomalous,
        )

    def _warm(self, answers: _Answers) -> list[Part]:
        """The parts of a window whose p-values are valid."""
        warm = [part for part in answers.parts if self._parts[part].calibrator.is_warm]
        return warm if answers.words is None or not self._words.calibrator.is_warm else [*warm, Part.VOCABULARY]

    def _heat(
        self, features: WindowFeatures, answers: Mapping[Part, PartAnswer]
    ) -> dict[Part, npt.NDArray[np.float32]]:
        heats = {}
        for part, answer in answers.items():
            p = np.maximum(self._parts[part].p_of(answer.ratios), _LEAST_HEAT_P)
            heat = heat_of(features.parts[part], np.abs(np.log10(p)))
            if heat is not None:
                heats[part] = heat
        return heats

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

    def _seconds(self, features: WindowFeatures, answers: Mapping[Part, PartAnswer]) -> tuple[Place, ...]:
        answer = answers.get(Part.SOUND)
        if answer is None:
            return ()
        p = self._parts[Part.SOUND].p_of(answer.ratios)
        return tuple(
            Place(start_ms, float(each))
            for start_ms, each in zip(features.parts[Part.SOUND].starts_ms, p, strict=False)
            if each < _UNUSUAL_P
        )

    def _similar(self, features: WindowFeatures, answers: Mapping[Part, PartAnswer]) -> tuple[str, ...]:
        """Windows that the nearest prototypes were last seen in: the more of this window's vectors, the nearer."""
        votes: defaultdict[int, float] = defaultdict(float)
        for answer in answers.values():
            for start_ms in answer.like_ms[answer.like_ms >= 0].tolist():
                votes[start_ms] += 1 / len(answer.like_ms)
        size_ms = features.end_ms - features.start_ms
        ranked = sorted(votes, key=lambda start_ms: (-votes[start_ms], -start_ms))
        return tuple(f"{self._source}/{start_ms}/{size_ms}" for start_ms in ranked[:_MOST_SIMILAR])


def _calibrators_of(windows: Sequence[Mapping[Part, float]]) -> dict[Part, Calibrator]:
    """One for each part that there is."""
    made = {}
    for part in sorted({part for scores in windows for part in scores}):
        scores = [each[part] for each in windows if part in each]
        if part is not Part.VOCABULARY and max(scores) < 1:
            # All as near as can be: which of them is nearest, as of a constant picture, is noise.
            scores = [1.0] * len(scores)
        made[part] = Calibrator.of(scores)
    return made


def _most_telling(answers: _Answers) -> _Answers:
    """The part that makes a window unusual, or all of them where none does; words only where they do."""
    told = {part: (answer.p, -answer.score) for part, answer in answers.parts.items()}
    words = answers.words
    if (
        words is not None
        and words.waiting
        and words.p <= _UNUSUAL_P
        and (words.p, 0.0) <= min(told.values(), default=(1.0, 0.0))
    ):
        return _Answers({}, words)
    if not told:
        return _Answers({}, None)
    part = min(told, key=lambda each: told[each])
    return _Answers({part: answers.parts[part]} if told[part][0] <= _UNUSUAL_P else answers.parts, None)


def _shape_of(features: PartFeatures) -> tuple[int, int]:
    rows, columns = features.grid or (1, 1)
    return rows * columns, features.vectors.shape[1]


def _above_zero(p_values: Mapping[Part, float]) -> dict[Part, float]:
    return {part: max(p, _LEAST_P) for part, p in p_values.items()}


def _refuse(learned: Mapping[str, str], used: Mapping[str, str]) -> NoReturn:
    raise ModelError(
        f"the baseline learned from the models {_told(learned)}, in use are {_told(used)}; reset it, or import it with "
        "--relearn to begin anew"
    )


def _told(models: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(models.items())) or "none"
