"""The laws of the solo trial, against a scripted Triton on a clock turned by hand."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import ContractBroken, DependencyUnavailable, ModelFailed, PoisonItem
from streams.inference import Line, Trial
from streams.inference.breaker import UNSENT
from streams.inference.server import TrialGate
from streams.inference.trial import TIMED_OUT

GOOD = ("good", -1)
FULL_BATCH = 8
TIMEOUT_S = 10.0
BAD = ("fails", "kills the server", "ends the model", "is slow", "holds the model up", "is refused")


class Triton:
    """One server with two models. A row is (what it does, a number); the answer to a good one is its number.

    Args:
        outage: the server goes away, for no row's fault, at its nth call that is not the sample's.
        slow: (from, to): the calls between which no answer comes in time.
        largest_in_time: rows of the largest batch that is answered in time.
        turns: of the event loop that a call takes.
    """

    def __init__(self, outage=None, slow=(0, 0), largest_in_time=FULL_BATCH, turns=lambda: 2):
        self.now_s = 0.0
        self.calls = 0
        self.batches = Counter()
        self.reloads = 0
        self._outage = outage
        self._slow = slow
        self._turns = turns
        self._calls_of_rows = 0
        self._largest_in_time = largest_in_time
        self._away_until_s = 0.0
        self._crashes = 0
        self._dead = set()
        self._busy_until_s = Counter()

    def trial(self, model="one", gate=None, **other):
        async def ask(rows):
            return await self._answer(model, rows)

        async def reload():
            self.reloads += 1
            self._dead.discard(model)

        line = {
            "model": model,
            "stage": "encode",
            "ask": ask,
            "good": GOOD,
            "full_batch": FULL_BATCH,
            "until_available": self._until_available,
            "reload": reload,
            "gate": gate or TrialGate(),
        }
        return Trial(Line(**(line | other)))

    async def _until_available(self, call):
        while True:
            try:
                return await call()
            except DependencyUnavailable:
                self.now_s += 1.0
                await asyncio.sleep(0)

    async def _answer(self, model, rows):
        self.calls += 1
        for row in set(rows):
            self.batches[row] += 1
        assert self.calls < 5_000, "it never ends"
        self._calls_of_rows += rows[0] != GOOD
        call, calls_of_rows, crashes = self.calls, self._calls_of_rows, self._crashes
        for _ in range(self._turns()):
            await asyncio.sleep(0)
        if self.now_s < self._away_until_s or self._crashes > crashes:
            raise DependencyUnavailable("connection lost")
        deeds = {deed for deed, _ in rows}
        if (rows[0] != GOOD and calls_of_rows == self._outage) or "kills the server" in deeds:
            self._crashes += 1
            self._away_until_s = self.now_s + 3.0
            self._dead.clear()
            raise DependencyUnavailable("connection lost")
        if model in self._dead or "ends the model" in deeds:
            self._dead.add(model)
            raise ModelFailed("stub process is not healthy")
        if "holds the model up" in deeds:
            self._busy_until_s[model] = self.now_s + 2.5 * TIMEOUT_S
        long = "is long" in deeds and len(rows) > 2
        late = long or self._slow[0] <= call < self._slow[1] or len(rows) > self._largest_in_time
        if late or "is slow" in deeds or self.now_s < self._busy_until_s[model]:
            self.now_s += TIMEOUT_S
            raise DependencyUnavailable("deadline exceeded", code=TIMED_OUT)
        if "is refused" in deeds:
            raise PoisonItem("wrong shape", code="encode.refused", stage="encode")
        if "fails" in deeds:
            raise ModelFailed("division by zero")
        return [number for _, number in rows]


def good(*numbers):
    return [("good", number) for number in numbers]


def verdicts(answers):
    return [answer.code if isinstance(answer, PoisonItem) else answer for answer in answers]


async def test_a_batch_that_is_answered_costs_one_request():
    triton = Triton()
    assert await triton.trial().answer(good(1, 2)) == [1, 2]
    assert triton.calls == 1


@pytest.mark.parametrize("deed", BAD)
async def test_the_bad_row_alone_is_condemned_and_its_neighbours_are_answered(deed):
    triton = Triton()
    answers = await triton.trial().answer([*good(1), (deed, 2), *good(3)])
    code = "encode.refused" if deed == "is refused" else "encode.failed"
    assert verdicts(answers) == [1, code, 3]


@pytest.mark.parametrize(
    ("deed", "requests"),
    [
        ("is refused", 2),
        ("fails", 4),
        ("kills the server", 4),
        ("ends the model", 4),
        ("is slow", 4),
        ("holds the model up", 6),
    ],
)
async def test_a_condemned_row_costs_a_bounded_number_of_requests(deed, requests):
    triton = Triton()
    await triton.trial().answer([*good(1), (deed, 2)])
    assert triton.batches[deed, 2] == requests


async def test_the_reason_of_the_server_is_passed_on():
    (condemned,) = await Triton().trial(stage="fuse").answer([("fails", 1)])
    assert (condemned.code, condemned.stage) == ("fuse.failed", "fuse")
    assert "division by zero" in str(condemned)


async def test_a_restart_under_way_condemns_nobody_and_is_retried_as_a_whole():
    triton = Triton(outage=1)
    assert await triton.trial().answer(good(1, 2, 3)) == [1, 2, 3]
    assert triton.batches["good", 1] == 2


UNMADE = DependencyUnavailable("circuit open", code=UNSENT)


@pytest.mark.parametrize(
    "errors",
    [[UNMADE] * 9, [ModelFailed("failed")] * 2 + [UNMADE] * 9],
    ids=["of a batch", "of a trial"],
)
async def test_a_call_that_was_not_made_is_held_against_nobody(errors):
    left = iter(errors)

    async def ask(rows):
        if rows[0] != GOOD and (error := next(left, None)):
            raise error
        return [number for _, number in rows]

    assert await Triton().trial(ask=ask).answer(good(1)) == [1]


async def test_a_batch_that_was_not_sent_stays_whole():
    left, sizes = iter([UNMADE] * 9), []

    async def ask(rows):
        if rows[0] != GOOD:
            sizes.append(len(rows))
            if error := next(left, None):
                raise error
        return [number for _, number in rows]

    assert await Triton().trial(ask=ask).answer(good(1, 2)) == [1, 2]
    assert set(sizes) == {2}


async def test_while_the_sample_fails_everything_waits_and_nobody_is_condemned():
    triton = Triton(slow=(1, 200))
    assert await triton.trial().answer(good(1, 2)) == [1, 2]


async def test_a_model_whose_sample_is_answered_with_errors_is_loaded_again_ever_more_rarely():
    triton, calls_to_reload = Triton(), 20
    triton._dead.add("one")

    async def reload():
        triton.reloads += 1
        if triton.calls > calls_to_reload:
            triton._dead.clear()

    assert await triton.trial(reload=reload).answer(good(1)) == [1]
    assert triton.reloads == 5  # at the 2nd, 4th, 8th, 16th and 32nd error


async def test_a_server_that_is_away_is_not_asked_to_load_anything():
    triton = Triton(outage=1)
    await triton.trial().answer(good(1))
    assert triton.reloads == 0


async def test_a_batch_too_large_to_be_answered_in_time_is_answered_row_by_row():
    triton = Triton(largest_in_time=2)
    assert await triton.trial().answer(good(1, 2, 3, 4)) == [1, 2, 3, 4]


async def test_a_server_too_slow_for_a_full_batch_still_condemns_what_fails():
    triton = Triton(largest_in_time=2)
    assert verdicts(await triton.trial().answer([("fails", 1), *good(2)])) == ["encode.failed", 2]


async def test_a_row_longer_than_the_sample_is_not_condemned_for_the_slowness_of_its_copies():
    triton = Triton(outage=5)  # the long row's first call alone
    assert verdicts(await triton.trial().answer([("fails", 1), ("is long", 2)])) == ["encode.failed", 2]
    assert triton.batches["is long", 2] > 3


async def test_the_last_trial_leaves_no_room_for_anybody_elses_row():
    triton, sizes = Triton(), []
    ask = triton.trial()._line.ask

    async def noted(rows):
        sizes.append(len(rows))
        return await ask(rows)

    await triton.trial(ask=noted).answer([("fails", 1)])
    assert sizes[-3:] == [FULL_BATCH, FULL_BATCH, 1]


async def test_a_model_that_refuses_its_own_sample_breaks_its_contract():
    async def ask(rows):
        raise PoisonItem("wrong shape", code="encode.refused", stage="encode")

    with pytest.raises(ContractBroken, match="refuses its own known-good sample"):
        await Triton().trial(ask=ask).answer(good(1, 2))


async def test_no_batch_is_under_way_while_a_row_is_on_trial():
    gate, inside = TrialGate(), []

    async def enter(kind):
        async with kind():
            inside.append(kind.__name__)
            assert inside == ["alone"] or "alone" not in inside
            await asyncio.sleep(0)
            inside.remove(kind.__name__)

    await asyncio.gather(*(enter(gate.alone if number % 3 == 0 else gate.together) for number in range(30)))


@st.composite
def batches(draw):
    """Batches of two models; numbers are unique, so that each row's own answer is known."""
    deed = st.sampled_from(("good", "good", "kills the server", *BAD))
    deeds = draw(st.lists(st.lists(deed, min_size=1, max_size=5), max_size=5))
    numbers = iter(range(100))
    return [[(deed, next(numbers)) for deed in batch] for batch in deeds]


@settings(max_examples=300)
@given(
    todo=batches(),
    outage=st.one_of(st.none(), st.integers(1, 12)),
    slow_from=st.integers(1, 60),
    slow_calls=st.integers(0, 30),
    rng=st.randoms(use_true_random=False),
)
def test_exactly_the_bad_rows_are_condemned(todo, outage, slow_from, slow_calls, rng):
    """Of any batches under way at once, whatever the server suffers once for another reason."""

    async def run():
        triton = Triton(outage, (slow_from, slow_from + slow_calls), turns=lambda: rng.randint(1, 4))
        gate = TrialGate()
        trials = [triton.trial(model, gate) for model in ("one", "two")]
        return await asyncio.gather(*(trials[index % 2].answer(batch) for index, batch in enumerate(todo)))

    for batch, answers in zip(todo, asyncio.run(run()), strict=True):
        for (deed, number), answer in zip(batch, verdicts(answers), strict=True):
            expected = {"good": number, "is refused": "encode.refused"}.get(deed, "encode.failed")
            assert answer == expected, (deed, number)
