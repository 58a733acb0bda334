"""What was learned of sources, on a real Redis: written under a fence, replaced by people, and what is to learn."""

import pytest

from streams.errors import ContractBroken
from streams.store import (
    MAX_LESSONS,
    MAX_STATE_BYTES,
    BaselineAbout,
    BaselineWrite,
    Finalise,
    Lesson,
    PendingWindow,
    Put,
    StoredBaseline,
    StoredLesson,
)

SOURCE = "dock-1"
ABOUT = BaselineAbout(version=3, through_ms=4000, learned=2, digest="ab", models={"video_encoder": "1"}, written_ms=9)


@pytest.fixture
async def fence(store):
    return await store.take_token("braid", 0)


@pytest.fixture
def put_final(store, fence, make_detection):
    """Stores a final window of the source with features."""

    async def put(start_ms, features=b"features", **fields):
        detection = make_detection(start_ms, **fields)
        await store.put_many([Put(detection, fence, features)])
        await store.finalise_many([Finalise(detection.id, "watermark", fence)])
        return detection.id

    return put


def a_write(fence, learned=(), *, epoch=0, about=ABOUT, state=b"\x00state\xff"):
    return BaselineWrite(SOURCE, fence, StoredBaseline(epoch, about, state), learned)


async def test_a_baseline_reads_back_as_it_was_written(store, fence):
    assert await store.baselines.read(SOURCE) is None
    assert await store.baselines.write(a_write(fence)) == "written"
    assert await store.baselines.read(SOURCE) == StoredBaseline(0, ABOUT, b"\x00state\xff")


async def test_a_baseline_of_more_bytes_than_are_promised_is_not_stored(store, fence):
    most = bytes(MAX_STATE_BYTES)
    assert await store.baselines.write(a_write(fence, state=most)) == "written"
    with pytest.raises(ContractBroken, match=f"has {MAX_STATE_BYTES + 1} bytes, expected at most {MAX_STATE_BYTES}"):
        await store.baselines.write(a_write(fence, state=most + b"x"))
    with pytest.raises(ContractBroken, match=f"has {MAX_STATE_BYTES + 1} bytes, expected at most {MAX_STATE_BYTES}"):
        await store.baselines.replace(SOURCE, await store.baselines.read(SOURCE), ABOUT, most + b"x")
    assert (await store.baselines.read(SOURCE)).state == most


async def test_a_former_owner_writes_no_baseline(store, fence, put_final):
    window_id = await put_final(0)
    await store.take_token("braid", 0)
    assert await store.baselines.write(a_write(fence, [window_id])) == "fenced"
    assert await store.baselines.read(SOURCE) is None
    assert await store.baselines.features(window_id) == b"features"


async def test_a_store_that_went_back_takes_no_baseline(store, fence):
    fence.writes = 7
    assert await store.baselines.write(a_write(fence)) == "fenced"


async def test_writing_drops_the_features_that_were_learned_and_no_others(store, fence, put_final):
    first, second = await put_final(0), await put_final(4000)
    await store.baselines.write(a_write(fence, [first]))
    assert await store.baselines.features(first) == b""
    assert await store.baselines.features(second) == b"features"
    assert (await store.get(first)).final


async def test_more_features_than_one_script_drops_are_dropped_all_the_same(store, fence, put_final):
    window_id = await put_final(0)
    others = [f"{SOURCE}/{start_ms}/4000" for start_ms in range(4000, 4000 * 700, 4000)]
    await store.baselines.write(a_write(fence, [*others, window_id]))
    assert await store.baselines.features(window_id) == b""


async def test_a_revision_replaces_the_features_also_by_none(store, fence, make_detection):
    first = make_detection(0)
    await store.put_many([Put(first, fence, b"of one frame")])
    await store.put_many([Put(make_detection(0, items=("a", "b"), video_items=2), fence, b"of two")])
    assert await store.baselines.features(first.id) == b"of two"
    await store.put_many([Put(make_detection(0, items=("a", "b", "c"), video_items=3), fence)])
    assert await store.baselines.features(first.id) == b""


async def test_what_is_pending_ends_at_the_last_final_window_and_comes_in_order(
    store, fence, put_final, make_detection
):
    ids = [await put_final(start_ms, features) for start_ms, features in ((0, b"a"), (2000, b""), (4000, b"c"))]
    await store.put_many([Put(make_detection(6000), fence, b"open")])
    expected = [PendingWindow(ids[0], 0, 4000, True, b"a"), PendingWindow(ids[1], 2000, 6000, True, b"")]
    expected.append(PendingWindow(ids[2], 4000, 8000, True, b"c"))
    assert await store.baselines.pending({SOURCE: None, "lobby": None}, 10) == {SOURCE: expected}
    assert await store.baselines.pending({SOURCE: 0}, 10) == {SOURCE: expected[1:]}
    assert await store.baselines.pending({SOURCE: None}, 2) == {SOURCE: expected[:2]}
    assert await store.baselines.pending({SOURCE: 4000}, 10) == {}


async def test_a_window_that_was_given_up_does_not_hold_those_after_it(store, fence, put_final, make_detection):
    await store.put_many([Put(make_detection(0), fence, b"x")])
    last = await put_final(4000)
    pending = (await store.baselines.pending({SOURCE: None}, 10))[SOURCE]
    assert [(window.start_ms, window.is_final) for window in pending] == [(0, False), (4000, True)]
    assert pending[1].id == last


async def test_many_sources_are_read_in_several_round_trips(store, fence, put_final):
    names = [f"s{number}" for number in range(40)]
    for name in names:
        await put_final(0, source_id=name)
    found = await store.baselines.pending(dict.fromkeys(names), 10)
    assert [len(windows) for windows in found.values()] == [1] * 40


async def test_an_import_is_heard_of_and_refuses_the_owner_that_does_not_know_it(store, fence):
    await store.baselines.write(a_write(fence))
    seen = await store.baselines.read(SOURCE)
    _, before_ms = await store.baselines.changes(0)
    assert await store.baselines.replace(SOURCE, seen, BaselineAbout(), b"other")
    assert await store.baselines.replace(SOURCE, seen, BaselineAbout(), b"other"), "the same again has succeeded"
    assert not await store.baselines.replace(SOURCE, seen, BaselineAbout(), b"a third")
    changed, now_ms = await store.baselines.changes(before_ms)
    assert SOURCE in changed
    assert changed[SOURCE] <= now_ms
    assert await store.baselines.epoch(SOURCE) == 1
    assert await store.baselines.write(a_write(fence)) == "changed"
    assert (await store.baselines.read(SOURCE)).state == b"other"
    assert await store.baselines.write(a_write(fence, epoch=1)) == "written"


async def test_a_replacement_of_what_was_written_meanwhile_changes_nothing(store, fence):
    await store.baselines.write(a_write(fence))
    seen = await store.baselines.read(SOURCE)
    await store.baselines.write(a_write(fence, about=ABOUT.model_copy(update={"learned": 3})))
    assert not await store.baselines.replace(SOURCE, seen, BaselineAbout(), b"")


async def test_lessons_come_in_order_of_start_and_the_last_word_counts(store):
    normal, anomalous = Lesson(taught_as="normal", at_ms=1), Lesson(taught_as="anomalous", at_ms=2, author="shift")
    assert await store.baselines.lessons_revision(SOURCE) == 0
    assert await store.baselines.teach(f"{SOURCE}/4000/4000", normal, b"four") == "taught"
    assert await store.baselines.teach(f"{SOURCE}/0/4000", anomalous, b"zero") == "taught"
    assert await store.baselines.teach(f"{SOURCE}/4000/4000", anomalous, b"four") == "taught"
    revision = await store.baselines.lessons_revision(SOURCE)
    zero, four = await store.baselines.lessons(SOURCE)
    assert zero.lesson.revision < four.lesson.revision == revision
    expected = anomalous.model_copy(update={"revision": zero.lesson.revision})
    assert zero == StoredLesson(f"{SOURCE}/0/4000", expected, b"zero")
    assert (four.window_id, four.lesson.taught_as, four.features) == (f"{SOURCE}/4000/4000", "anomalous", b"four")
    assert SOURCE in (await store.baselines.changes(0))[0]


async def test_the_same_lesson_again_changes_nothing(store):
    lesson = Lesson(taught_as="normal", at_ms=1)
    await store.baselines.teach(f"{SOURCE}/0/4000", lesson, b"x")
    revision = await store.baselines.lessons_revision(SOURCE)
    assert await store.baselines.teach(f"{SOURCE}/0/4000", lesson, b"x") == "taught"
    assert await store.baselines.lessons_revision(SOURCE) == revision


async def test_a_lesson_that_is_taken_back_stays_for_the_owner_to_hear_of(store):
    undo = Lesson(taught_as="normal", undone=True, at_ms=2)
    assert await store.baselines.teach(f"{SOURCE}/0/4000", undo, b"") == "absent"
    await store.baselines.teach(f"{SOURCE}/0/4000", Lesson(taught_as="normal", at_ms=1), b"x")
    other = Lesson(taught_as="anomalous", undone=True, at_ms=2)
    assert await store.baselines.teach(f"{SOURCE}/0/4000", other, b"") == "absent"
    assert await store.baselines.teach(f"{SOURCE}/0/4000", undo, b"") == "taught"
    [stored] = await store.baselines.lessons(SOURCE)
    assert (stored.lesson.undone, stored.features) == (True, b"x")


async def test_lessons_are_bounded_in_number(store):
    lesson = Lesson(taught_as="normal", at_ms=1)
    for number in range(MAX_LESSONS):
        assert await store.baselines.teach(f"{SOURCE}/{number}/4000", lesson, b"x") == "taught"
    assert await store.baselines.teach(f"{SOURCE}/99/4000", lesson, b"x") == "full"
    undo = lesson.model_copy(update={"undone": True})
    for number in range(MAX_LESSONS):
        await store.baselines.teach(f"{SOURCE}/{number}/4000", undo, b"")
    for number in range(100, 100 + MAX_LESSONS):
        assert await store.baselines.teach(f"{SOURCE}/{number}/4000", lesson, b"x") == "taught"
        await store.baselines.teach(f"{SOURCE}/{number}/4000", undo, b"")
    assert len(await store.baselines.lessons(SOURCE)) <= MAX_LESSONS + 1


async def test_a_reset_may_forget_the_lessons(store):
    await store.baselines.teach(f"{SOURCE}/0/4000", Lesson(taught_as="normal", at_ms=1), b"x")
    assert await store.baselines.replace(SOURCE, None, BaselineAbout(), b"")
    assert len(await store.baselines.lessons(SOURCE)) == 1
    seen = await store.baselines.read(SOURCE)
    assert await store.baselines.replace(SOURCE, seen, BaselineAbout(), b"", forgets_lessons=True)
    assert await store.baselines.lessons(SOURCE) == []


async def test_what_is_learned_and_taught_expires(store, raw, fence, key_prefix):
    await store.baselines.write(a_write(fence))
    await store.baselines.teach(f"{SOURCE}/0/4000", Lesson(taught_as="normal", at_ms=1), b"x")
    for name, lifetime_s in (("baseline", 90 * 86_400), ("lessons", 7200)):
        left_s = await raw.ttl(f"{key_prefix}{{{SOURCE}}}:{name}")
        assert lifetime_s - 60 < left_s <= lifetime_s
