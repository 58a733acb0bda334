"""Workers whose windows differ from their group's wait; with a moment, the windows change exactly there."""

import asyncio
import json
import time

import pytest

from processors.modality import Modality
from streams.errors import ConfigurationError
from streams.settings import LimitSettings
from streams.worker.replay import open_replayer
from streams.worker.window_change import cuts_of, lead_ms, next_change_ms

DEADLINE_S = 60.0
MAX_FUTURE_MS = 1_000
NEW = {"size_ms": 3_000, "hop_ms": 1_500}


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"limits": LimitSettings(max_future_ms=MAX_FUTURE_MS)})


@pytest.fixture
def changed(settings):
    def changed(from_ms=None):
        return settings.windows.model_copy(update=NEW | {"effective_from_ms": from_ms})

    return changed


def missing(worker):
    answer = worker.probe("/readyz")
    return None if answer is None else json.loads(answer[1])["missing"]


async def until(condition):
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.1)


def now_ms():
    return time.time_ns() // 10**6


def expected_across(source, before, after, change_ms):
    """(start, end) -> items of each modality: earlier windows that end by the change, later ones that begin there."""
    whole = {(start, start + w.size_ms): held for w in (before, after) for start, held in source.expected(w).items()}
    sizes = {before.size_ms: before, after.size_ms: after}
    return {
        (start, end): held
        for (start, end), held in whole.items()
        if (end <= change_ms if sizes[end - start] is before else start >= change_ms)
    }


async def test_a_worker_or_a_replay_with_other_windows_does_nothing_and_says_why(
    settings, start_worker, until_ready, changed
):
    first = start_worker()
    await until_ready(first)
    other = start_worker(windows=changed())
    await until(lambda: "windows" in (missing(other) or {}))
    assert other.probe("/readyz")[0] == 503
    assert other.probe("/livez")[0] == 200
    reason = missing(other)["windows"]
    assert "make windows of 3000 ms every 1500 ms" in reason
    assert f"group {settings.kafka.group} have agreed on 4000 ms every 2000 ms" in reason
    assert "windows.effective_from_ms" in reason
    assert missing(first) == {}
    assert other.stop() == 0, other.output
    with pytest.raises(ConfigurationError, match="give a replay the workers' settings"):
        async with open_replayer(settings.model_copy(update={"windows": changed()})):
            pass

    wrong = start_worker(windows=changed(from_ms=6_000))
    await until(lambda: wrong.process.poll() is not None)
    assert wrong.process.returncode == 2, wrong.output
    assert "windows.effective_from_ms is 6000" in wrong.output
    assert first.stop() == 0, first.output


async def test_windows_change_exactly_at_their_moment_through_a_change_of_workers_and_a_crash(
    settings, start_worker, scripted, send, until_ready, until_answered, store, changed, assert_no_dead_letters
):
    """The worker with the earlier settings runs until it is overtaken; the one with the new ones dies after the change.

    So around the change the windows are built by three workers, and what the last one reads again is of both cuts.
    """
    first = start_worker()
    await until_ready(first)
    before, after = settings.windows, changed()
    cuts = [cuts_of(settings.model_copy(update={"windows": windows})) for windows in (before, after)]
    start_ms = now_ms()
    change_ms = next_change_ms(*cuts, start_ms + lead_ms(cuts[0], MAX_FUTURE_MS) + 4_000)
    source = scripted("cam", start_ms, (change_ms - start_ms) // 1_000 + 12)
    sending = asyncio.create_task(send([source], speed=1.0))
    second = start_worker(windows=changed(change_ms))  # makes the change, while the first is at work
    await until_answered([source])
    await until(lambda: first.process.poll() is not None)
    assert first.process.returncode == 2, first.output
    assert "start it with the new settings and windows.effective_from_ms" in first.output
    assert now_ms() < change_ms - before.size_ms
    await until_ready(second)
    third = start_worker()
    await until(lambda: "windows" in (missing(third) or {}))
    assert "have agreed on 3000 ms every 1500 ms" in missing(third)["windows"]
    assert third.stop() == 0, third.output

    async with asyncio.timeout(DEADLINE_S):
        while not await store.list_detections(source.source_id, from_ms=change_ms, limit=1):
            await asyncio.sleep(0.05)
    second.process.kill()  # the first windows of the later cut are answered and not final
    fourth = start_worker(windows=changed())
    await sending
    expected = expected_across(source, before, after, change_ms)
    final = {}
    async with asyncio.timeout(DEADLINE_S):
        while final.keys() != expected.keys():
            stored = await store.list_detections(source.source_id, limit=1_000)
            assert {(each.start_ms, each.end_ms) for each in stored} <= expected.keys()
            final = {(each.start_ms, each.end_ms): each.coverage for each in stored if each.final}
            await asyncio.sleep(0.1)
    got = {
        span: {
            Modality.VIDEO: coverage.video.items,
            Modality.AUDIO: coverage.audio.items,
            Modality.TRANSCRIPT: coverage.transcript.items,
        }
        for span, coverage in final.items()
    }
    assert got == expected
    assert {end - start for start, end in got} == {3_000, 4_000}
    await assert_no_dead_letters()
    assert fourth.stop() == 0, fourth.output
