"""A coreset of what is normal: a few prototypes per place, each with a weight, a time of day and a window to show.

After the memory banks of PatchCore (Roth et al., 2022), made online: the nearest prototype takes a vector up or, where
none is near, the vector becomes one in place of the lightest. How near is near follows from the place's own spread.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.co_occurrence import pointwise_mutual_information
from processors.normality.features import PartFeatures
from processors.normality.hours import DayHours, hour_of
from processors.normality.islands import find_islands, shares_up_to
from processors.normality.projection import project
from processors.normality.prototype_index import PrototypeIndex, index_of
from processors.normality.state_groups import grouped, joined
from processors.normality.usual_spread import UsualSpread
from processors.normality.waiting import GONE_MS, LASTING_SPELLS, RARE_SHARE, SPELL_MS

__all__ = ["BankShape", "Measured", "MemoryBank"]

_LINK: Final = 1.5
"""A prototype that is so many units near to a normal one is as normal."""
_APART: Final = 0.3
"""A pair's ratio grows by this power of how much rarer its sides are together than by chance."""
_NEAREST: Final = 0.05
"""Added to the ratio of a pair, which may lie at a prototype that is rare itself."""
_TRUSTED: Final = 255
_HALF_LIFE: Final = 5_000.0
_LONE_WORTH: Final = 8
"""A prototype with no other near it is given up only for that many times the weight of one that has."""
_SETTLED: Final = 64
_REVIEW: Final = 16
"""Windows from one review of what is normal to the next, once so many were learned."""

# Arrays, which are combined with others in half the time that a number of Python takes.
_SLOWEST_STEP: Final = np.array(1 / 64, np.float32)
_ZERO: Final = np.array(0, np.float32)
_ROUNDING: Final = np.array(0.51, np.float32)
"""Of a step of eight bits: half, and what float arithmetic adds."""
_STEPS: Final = np.array(127, np.float32)
"""Of eight bits, to either side."""
_LEAST_STEP: Final = np.finfo(np.float16).smallest_normal
"""With a smaller one, in fewer bits, the largest of a vector could be more than 127 steps."""
_FORGOTTEN_MS: Final = 2**32 - 1
"""Ages from here on, fifty days, are all one in a file."""
_AS_THEY_ARE: Final = ("weights", "spells")

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BankShape:
    """What a part's vectors look like, and how many are held.

    Attributes:
        places: cells of the grid; 1 where the places are moments.
        dim: length of a vector.
        slots: prototypes of each place at a capacity of 1.
        held_dim: to which longer vectors are projected.
        take_up: a prototype takes up vectors that are at most so many times the usual distance away.
        least_spread: deviation in each dimension that is never unusual.
        capacity: how many times as many prototypes are held.
        first_side: of vectors that are pairs, the length of the first of their two sides; 0 for others.
    """

    places: int
    dim: int
    slots: int
    held_dim: int
    take_up: float
    least_spread: float = 0.0
    capacity: int = 1
    first_side: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A part's vectors against its bank.

    Attributes:
        ratios: float32 [N], distance to the nearest normal prototype, in units of what is
            still usual at the place.
        like_ms: int64 [N], start of a window that the prototype is like; -1 where none can be named.
        distances: float32 [N, slots], to all prototypes of the place; infinite for free slots.
    """

    ratios: Floats
    like_ms: npt.NDArray[np.int64]
    distances: Floats


class MemoryBank:
    """The normal of one part of one source.

    What is rare is held but not normal: prototypes that together make up less than 6 % of a place wait, unless they
    came in six different hours. So a change that stays becomes normal after 0.09 half-lives, and what was seen in 5 %
    of the windows of the first hour does not.

    Args:
        shape: of the part.
        half_life: windows in which the weight of what was learned halves.
    """

    def __init__(self, shape: BankShape, half_life: float = _HALF_LIFE) -> None:
        self.shape = shape
        dim, slots = min(shape.dim, shape.held_dim), shape.slots * shape.capacity
        self._keep = np.array(0.5 ** (1 / half_life), np.float32)
        self._take_up = np.array(shape.take_up, np.float32)
        # As they come back from eight bits a dimension, in steps that half precision holds.
        self._prototypes = np.zeros((shape.places, slots, dim), np.float32)
        self._steps = np.zeros((shape.places, slots), np.float32)
        self._weights = np.zeros((shape.places, slots), np.float32)
        self._last_ms = np.full((shape.places, slots), -1, np.int64)
        self._spells = np.zeros((shape.places, slots), np.uint8)
        self._hours = DayHours((shape.places, slots))
        self._usual = UsualSpread(shape.places, dim, shape.least_spread)
        self._learned = 0
        self._normal = np.zeros((shape.places, slots), bool)
        self._alone = np.zeros((shape.places, slots), bool)
        self._shown = np.zeros((shape.places, slots), bool)

    @property
    def learned(self) -> int:
        """Windows learned."""
        return self._learned

    def prepare(self, features: PartFeatures) -> tuple[Floats, npt.NDArray[np.intp]]:
        """The part's vectors as the bank compares them, float32 [N, d], and their places: every cell in order, or 0."""
        vectors = project(features.vectors.astype(np.float32, copy=False), self.shape.held_dim)
        count = len(vectors)
        return vectors, np.arange(count) if self.shape.places > 1 else np.zeros(count, np.intp)

    def measure(self, vectors: Floats, places: npt.NDArray[np.intp], at_ms: int) -> Measured:
        """How far prepared vectors are from what is normal at their place at this hour. Changes nothing."""
        if not self._learned or not len(vectors):
            nowhere = np.full((len(vectors), self._weights.shape[1]), np.inf, np.float32)
            return Measured(np.zeros(len(vectors), np.float32), np.full(len(vectors), -1, np.int64), nowhere)
        normal = self._normal_at(hour_of(at_ms))
        distances = self._distances(vectors)
        to_normal = np.where(normal, distances, np.inf)
        nearest = index_of(places, to_normal.argmin(axis=1))
        ratios: Floats = np.minimum.reduce(to_normal, axis=1) / self._usual.unit
        if self.shape.first_side and normal[0].any():
            ratios = (ratios + _NEAREST) * np.exp(-_APART * self._mutual_information(vectors, normal[0]))
        like_ms = np.where(self._shown[nearest], self._last_ms[nearest], -1)
        return Measured(ratios, like_ms, distances)

    def ratios_between(self, vectors: Floats, others: Floats, places: npt.NDArray[np.intp]) -> Floats:
        """Distances of vectors [N, d] to others [N, d], in the unit of `measure`."""
        scaled = (vectors - others) / self._usual.deviation
        distances = np.sqrt(np.mean(scaled**2, axis=-1))
        ratios: Floats = (distances / self._usual.unit[places]).astype(np.float32)
        return ratios

    def learn(
        self,
        vectors: Floats,
        places: npt.NDArray[np.intp],
        at_ms: int,
        *,
        trusted: bool = False,
        distances: Floats | None = None,
    ) -> None:
        """Take the prepared vectors of a window as seen.

        Args:
            vectors: float32 [N, d].
            places: of the vectors.
            at_ms: start of the window.
            trusted: whether somebody vouches that all of it is normal, so that nothing waits.
            distances: of `measure`, where nothing was learned since; None to measure again.
        """
        self._weights *= self._keep
        if self._hours.begin(at_ms):
            self._spells *= self._last_ms >= at_ms - GONE_MS
            self._usual.begin_hour(self._learned)
        if len(vectors):
            known = self._distances(vectors) if distances is None else distances
            self._take(vectors, places, known, at_ms, trusted=trusted)
            self._learned += 1
        is_young = self._learned < _SETTLED and not trusted
        if is_young or self._learned % (_REVIEW * self.shape.capacity) == 0:
            self._review()

    def forget_windows(self) -> None:
        """Name none of the windows learned so far as one that another is like; all else stays."""
        self._shown[:] = False

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned."""
        arrays: dict[str, npt.NDArray[np.generic]] = {
            "learned": np.array([self._learned], np.int64),
            "marks": np.packbits([self._normal, self._alone, self._shown]),
            "latest_ms": self._last_ms.max(keepdims=True).reshape(1),
            "ages_ms": np.minimum(self._last_ms.max() - self._last_ms, _FORGOTTEN_MS).astype(np.uint32),
        }
        arrays |= {"codes": self._codes(), "steps": self._steps.astype(np.float16)}
        arrays |= {name: getattr(self, f"_{name}") for name in _AS_THEY_ARE}
        return arrays | joined({"spread": self._usual.state(), "hours": self._hours.state()})

    @classmethod
    def from_state(cls, shape: BankShape, state: Mapping[str, npt.NDArray[Any]], half_life: float = _HALF_LIFE) -> Self:
        """Take up a `state`: the same answers to the bit.

        Raises:
            ModelError: arrays are missing, or don't fit together.
        """
        bank = cls(shape, half_life)
        try:
            learned = int(state["learned"][0])
            empty = bank.state()
            for name in ("codes", "steps", *_AS_THEY_ARE):
                expected, given = empty[name], state[name]
                if expected.shape != given.shape or expected.dtype != given.dtype:
                    raise ModelError(
                        f"array {name} of a memory bank is {given.dtype} {given.shape}, "
                        f"expected {expected.dtype} {expected.shape}"
                    )
            for name in _AS_THEY_ARE:
                setattr(bank, f"_{name}", state[name].copy())
            bank._steps = state["steps"].astype(np.float32)
            bank._prototypes = state["codes"] * bank._steps[..., None]
            groups = grouped(state)
            ages_ms = state["ages_ms"].reshape(bank._last_ms.shape).astype(np.int64)
            bank._last_ms = np.where(ages_ms == _FORGOTTEN_MS, -1, state["latest_ms"][0] - ages_ms)
            marks = np.unpackbits(state["marks"], count=3 * bank._normal.size).astype(bool)
            bank._normal, bank._alone, bank._shown = marks.reshape(3, *bank._normal.shape)
            bank._hours = DayHours.from_state(groups["hours"], (len(bank._weights), bank._weights.shape[1]))
            places, dim = len(bank._weights), bank._prototypes.shape[-1]
            bank._usual = UsualSpread.from_state(groups["spread"], places, dim, shape.least_spread)
        except (KeyError, ValueError) as error:
            raise ModelError(f"the state of a memory bank has {sorted(state)}: {error}") from error
        bank._learned = learned
        return bank

    def _codes(self) -> npt.NDArray[np.int8]:
        """Of the prototypes, in their steps."""
        steps = np.maximum(self._steps, _LEAST_STEP)[..., None]
        return np.rint(self._prototypes / steps).astype(np.int8)

    def _normal_at(self, hour: int) -> npt.NDArray[np.bool_]:
        """Which prototypes are normal at an hour; a place that has none then is compared with all its hours."""
        usual = self._hours.usual(hour)
        if usual is None:
            return self._normal
        normal = self._normal & usual
        return np.where(normal.any(axis=1, keepdims=True), normal, self._normal)

    def _distances(self, vectors: Floats) -> Floats:
        """Of vectors [N, d] to the prototypes of their places: [N, slots], infinite for free slots."""
        away = np.abs(vectors[:, None] - self._prototypes)
        # What eight bits cannot tell apart is equal: a picture that never changes has no distance from itself.
        away -= _ROUNDING * self._steps[..., None]
        away = np.maximum(away, _ZERO, out=away)
        away /= self._usual.deviation
        distances = np.sqrt(np.einsum("nkd,nkd->nk", away, away) / away.shape[-1])
        return np.where(self._weights > 0, distances, np.inf)

    def _mutual_information(self, vectors: Floats, normal: npt.NDArray[np.bool_]) -> Floats:
        """Of the sides of pairs, by the normal prototypes of their one place."""
        squares = ((vectors[:, None] - self._prototypes) / self._usual.deviation) ** 2
        first, second = np.split(squares, [self.shape.first_side], axis=2)
        return pointwise_mutual_information(first.mean(axis=2), second.mean(axis=2), self._weights[0] * normal)

    def _take(
        self, vectors: Floats, places: npt.NDArray[np.intp], distances: Floats, at_ms: int, *, trusted: bool
    ) -> None:
        if self._learned:
            slots = distances.argmin(axis=1)
            nearest = np.minimum.reduce(distances, axis=1)
            near = nearest <= self._take_up * self._usual.reach
            self._usual.follow(vectors, vectors - self._prototypes[index_of(places, slots)], nearest, self._learned)
            (far,) = (~near).nonzero()
            if not len(far):
                self._join(vectors, places, slots, at_ms, trusted=trusted)
            elif len(far) < len(vectors):
                self._join(vectors[near], places[near], slots[near], at_ms, trusted=trusted)
        else:
            self._usual.begin(vectors)
            far = np.arange(len(vectors))
        for new in self._choose_new(vectors, far):
            self._begin(vectors[new], places[new], at_ms, trusted=trusted)

    def _choose_new(self, vectors: Floats, far: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
        """Which of the far vectors become prototypes: one of each cell; of moments two, far from each other.

        What else is far from all prototypes at this moment comes again, or is of no account.
        """
        if self.shape.places > 1 or len(far) < 2:
            return [far] if len(far) else []
        away = np.sum(((vectors[far] - vectors[far[0]]) / self._usual.deviation) ** 2, axis=1)
        second = int(away.argmax())
        return [far[:1]] if not away[second] else [far[:1], far[second : second + 1]]

    def _begin(self, vectors: Floats, places: npt.NDArray[np.intp], at_ms: int, *, trusted: bool) -> None:
        """Make vectors of different places prototypes."""
        at = index_of(places, self._make_room(places))
        self._hold(at, vectors)
        # Among things that come once each and wait, the place of the lightest keeps the weight of all.
        self._weights[at] = np.where(self._alone[at] & ~self._normal[at], self._weights[at], 0)
        self._spells[at], self._last_ms[at], self._normal[at], self._alone[at] = 0, -1, False, True
        self._hours.forget(at)
        self._weights[at] += 1
        self._note(at, at_ms, trusted=trusted)

    def _join(
        self,
        vectors: Floats,
        places: npt.NDArray[np.intp],
        slots: npt.NDArray[np.intp],
        at_ms: int,
        *,
        trusted: bool,
    ) -> None:
        """Let the nearest prototypes take vectors up; each moves towards the mean of those that are its own."""
        means: Floats = vectors
        counts: int | npt.NDArray[np.intp] = 1
        if self.shape.places == 1 and len(vectors) > 1:
            counts = np.bincount(slots, minlength=self._weights.shape[1])
            sums = np.zeros((len(counts), vectors.shape[1]), np.float32)
            np.add.at(sums, slots, vectors)
            (slots,) = counts.nonzero()
            places, counts = np.zeros_like(slots), counts[slots]
            means = sums[slots] / counts[:, None]
        at = index_of(places, slots)
        self._weights[at] += counts
        steps = np.maximum(np.divide(counts, self._weights[at], dtype=np.float64), _SLOWEST_STEP)[:, None]
        held = self._prototypes[at]
        self._hold(at, held + steps * np.subtract(means, held, dtype=np.float64))
        self._note(at, at_ms, trusted=trusted)

    def _note(self, at: PrototypeIndex, at_ms: int, *, trusted: bool) -> None:
        """Note when prototypes were seen."""
        again = self._last_ms[at] < at_ms // SPELL_MS * SPELL_MS
        if again.any():
            self._spells[at] += again & (self._spells[at] < _TRUSTED)
            self._hours.count(at, again)
        if trusted:
            self._spells[at] = _TRUSTED
            self._normal[at] = True
        self._last_ms[at] = at_ms
        self._shown[at] = True

    def _hold(self, at: PrototypeIndex, vectors: npt.NDArray[np.floating[Any]]) -> None:
        # Rounded to the nearest, so that what never changes is held without drifting.
        largest = np.maximum.reduce(np.abs(vectors), axis=-1)
        steps = np.maximum((largest / _STEPS).astype(np.float16), _LEAST_STEP).astype(np.float32)
        self._steps[at], steps = steps, steps[:, None]
        self._prototypes[at] = np.rint(vectors / steps) * steps

    def _make_room(self, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """The slot of each place that is free, or worth least."""
        worth = (self._weights[places] + self._spells[places]) * np.where(self._alone[places], _LONE_WORTH, 1)
        slots: npt.NDArray[np.intp] = worth.argmin(axis=1)
        return slots

    def _review(self) -> None:
        """Prototypes near each other are one; the rarest of these islands that make up 6 % of a place wait."""
        held = self._weights > 0
        islands = find_islands(self._prototypes / self._usual.deviation, _LINK * self._usual.unit, held)
        spells = (islands * self._spells[:, None]).max(axis=2)
        common = shares_up_to(islands, self._weights) > RARE_SHARE
        self._normal = (common | (spells >= LASTING_SPELLS)) & held
        self._alone = (islands.sum(axis=2) == 1) & held
