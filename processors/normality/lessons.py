"""What people said of windows: laid over what was learned, so that it can be taken back without a trace."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.features import Part
from processors.teaching import MAX_LESSONS, TaughtAs

__all__ = ["WHOLE", "Lesson", "Lessons", "Sample"]

_MOST_VALUES: Final = 2_500
"""Numbers of two bytes in all lessons together; a word counts as two."""
WHOLE: Final = -1
"""The place of a mean over all places."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Vectors of one part of a taught window.

    Attributes:
        vectors: float32 [N, d] as the part's bank compares them, in float16's precision.
        places: intp [N]; `WHOLE` for the mean over all places.
        radius: how near a vector must come to be like these, in the unit of ratios.
    """

    vectors: Floats
    places: npt.NDArray[np.intp]
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One window and what a person said of it.

    Attributes:
        window_id: of its detection.
        taught_as: what it is.
        samples: of a normal window what was unusual in it; of an anomalous one what makes it so.
        words: hashes of its words; of an anomalous one those that make it so, where its words do.
        states: names of what is wrong in it and is normal all the same; none of an anomalous one.
    """

    window_id: str
    taught_as: TaughtAs
    samples: Mapping[Part, Sample]
    words: frozenset[int] = frozenset()
    states: tuple[str, ...] = ()


class Lessons:
    """The latest 32 lessons, or fewer where they are large; the oldest go first."""

    def __init__(self) -> None:
        self._lessons: dict[str, Lesson] = {}

    def __len__(self) -> int:
        return len(self._lessons)

    def of(self, taught_as: TaughtAs) -> list[Lesson]:
        """Those of one kind, the oldest first."""
        return [lesson for lesson in self._lessons.values() if lesson.taught_as == taught_as]

    def get(self, window_id: str) -> Lesson | None:
        """What was said of a window."""
        return self._lessons.get(window_id)

    def add(self, lesson: Lesson) -> None:
        """Take a lesson; a second one on the same window replaces the first."""
        self._lessons.pop(lesson.window_id, None)
        self._lessons[lesson.window_id] = lesson
        while len(self._lessons) > MAX_LESSONS or (len(self._lessons) > 1 and self._values() > _MOST_VALUES):
            del self._lessons[next(iter(self._lessons))]

    def remove(self, window_id: str) -> None:
        """Take back what was said of a window, if anything."""
        self._lessons.pop(window_id, None)

    def about(self, source: str) -> list[list[str]]:
        """What JSON can say of the lessons; the source's own name is left out of ids."""
        return [[_shorten(each.window_id, source), each.taught_as, *each.states] for each in self._lessons.values()]

    def state(self, parts: Sequence[Part]) -> dict[str, npt.NDArray[np.generic]]:
        """Their vectors and words.

        Args:
            parts: by whose order parts are numbered.
        """
        lessons = list(self._lessons.values())
        owned = [(number, part, sample) for number, each in enumerate(lessons) for part, sample in each.samples.items()]
        samples = [sample for _, _, sample in owned]
        words = [sorted(each.words) for each in lessons]
        rows = [(number, parts.index(part), *sample.vectors.shape) for number, part, sample in owned]
        return {
            "rows": np.array(rows, np.int16).reshape(-1, 4),
            "values": np.concatenate([np.zeros(0), *(sample.vectors.ravel() for sample in samples)]).astype(np.float16),
            "places": np.concatenate([np.zeros(0), *(sample.places for sample in samples)]).astype(np.int16),
            "radii": np.array([sample.radius for sample in samples], np.float32),
            "word_counts": np.array([len(each) for each in words], np.uint8),
            "words": np.array([word for each in words for word in each], np.uint32),
        }

    @classmethod
    def from_state(
        cls,
        about: Sequence[Sequence[str]],
        state: Mapping[str, npt.NDArray[Any]],
        *,
        source: str,
        parts: Sequence[Part],
    ) -> Self:
        """Take up what `about` and `state` gave.

        Raises:
            ModelError: they don't fit together.
        """
        lessons = cls()
        try:
            samples: list[dict[Part, Sample]] = [{} for _ in about]
            for number, part, sample in _read_samples(state):
                samples[number][parts[part]] = sample
            words = np.split(state["words"], np.cumsum(state["word_counts"])[:-1]) if len(about) else []
            for (short_id, kind, *states), its_samples, its_words in zip(about, samples, words, strict=True):
                window_id = f"{source}{short_id}" if short_id.startswith("/") else short_id
                taught_as: TaughtAs = "normal" if kind == "normal" else "anomalous"
                lessons._lessons[window_id] = Lesson(
                    window_id, taught_as, its_samples, frozenset(its_words.tolist()), tuple(states)
                )
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise ModelError(f"the lessons of a baseline don't fit together: {error}") from error
        return lessons

    def _values(self) -> int:
        vectors = sum(sample.vectors.size for lesson in self._lessons.values() for sample in lesson.samples.values())
        return vectors + sum(2 * len(lesson.words) for lesson in self._lessons.values())


def _read_samples(state: Mapping[str, npt.NDArray[Any]]) -> Iterator[tuple[int, int, Sample]]:
    at = place_at = 0
    for (number, part, count, dim), radius in zip(state["rows"].tolist(), state["radii"].tolist(), strict=True):
        vectors = state["values"][at : at + count * dim].reshape(count, dim).astype(np.float32)
        yield number, part, Sample(vectors, state["places"][place_at : place_at + count].astype(np.intp), radius)
        at, place_at = at + count * dim, place_at + count


def _shorten(window_id: str, source: str) -> str:
    """Without the source, where it is that one: `dock-1` is not the beginning of `dock-10/…`."""
    return window_id.removeprefix(source) if window_id.startswith(f"{source}/") else window_id
