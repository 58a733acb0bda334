"""The laws of event time over random histories, each example a seed that repeats it."""

import random
from itertools import islice

from align_bench import Bench
from align_histories import Reader, draw_settings, draw_topics, expect, without_listed
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.modality import Modality
from streams.align import AlignSettings, WindowClosed, WindowSealed

seeds = st.integers(0, 2**32)


@settings(max_examples=40)
@given(seed=seeds)
def test_with_nothing_idle_windows_and_latecomers_are_those_of_the_whole_list(seed):
    rng = random.Random(seed)
    topics, chosen = draw_topics(rng), draw_settings(rng)
    reader = Reader(topics, chosen)
    reader.read_all(rng)
    windows, late = expect(topics, chosen)
    assert reader.final == windows
    assert reader.late == late
    assert reader.aligner.open_windows == 0


@settings(max_examples=30)
@given(seed=seeds)
def test_how_topics_interleave_and_where_batches_end_changes_no_final_window(seed):
    rng = random.Random(seed)
    topics, chosen = draw_topics(rng), draw_settings(rng)
    readers = [Reader(topics, chosen) for _ in range(3)]
    for reader in readers:
        reader.read_all(rng)
    assert readers[0].final == readers[1].final == readers[2].final
    assert readers[0].late == readers[1].late == readers[2].late


@settings(max_examples=25)
@given(seed=seeds)
def test_losing_all_memory_at_any_moment_changes_no_final_window(seed):
    rng = random.Random(seed)
    topics, chosen = draw_topics(rng), draw_settings(rng)
    reader = Reader(topics, chosen)
    reader.read_all(rng, crash=rng.choice([0.02, 0.1, 0.3]))
    windows, late = expect(topics, chosen)
    assert reader.final == windows
    assert reader.left_out == without_listed(late, windows)


@settings(max_examples=15)
@given(seed=seeds, behind=st.sampled_from([0, 0, 3, 20]))
def test_a_crash_at_every_single_moment_of_a_history_changes_neither_windows_nor_latecomers(seed, behind):
    """After each record and after each event that was acted on, the rest of its batch not; the position may lag."""
    rng = random.Random(seed)
    topics, chosen = draw_topics(rng, length_ms=900), draw_settings(rng)
    undisturbed = Reader(topics, chosen)
    moments = sum(1 for _ in undisturbed.moments(random.Random(seed)))
    assert moments > 60
    for moment in range(1, moments + 1):
        reader = Reader(topics, chosen)
        for _ in islice(reader.moments(random.Random(seed)), moment):
            pass
        reader.restart(behind=behind)
        for _ in reader.moments(rng):
            pass
        assert reader.final == undisturbed.final, f"crash at moment {moment}"
        assert reader.left_out == undisturbed.left_out, f"crash at moment {moment}"


@settings(max_examples=10)
@given(seed=seeds)
def test_a_crash_around_a_change_of_the_windows_changes_neither_windows_nor_latecomers(seed):
    rng = random.Random(seed)
    topics, chosen = draw_topics(rng, length_ms=1_500), draw_settings(rng, changes=1)
    windows, late = expect(topics, chosen)
    reader = Reader(topics, chosen)
    reader.read_all(rng, crash=0.3)
    assert reader.final == windows
    assert reader.left_out == without_listed(late, windows)


@settings(max_examples=20)
@given(seed=seeds)
def test_windows_of_a_source_become_final_in_order_of_start(seed):
    rng = random.Random(seed)
    reader = Reader(draw_topics(rng), draw_settings(rng))
    reader.read_all(rng, crash=0.05)
    for source_id in {source_id for source_id, _ in reader.order}:
        starts = [start_ms for source, start_ms in reader.order if source == source_id]
        assert starts == sorted(set(starts))


class Restless:
    """Steps of a source in a world where clocks jump, modalities fall silent and memory runs out."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        roles = {modality: self.rng.choice(["required", "optional"]) for modality in Modality}
        self.bench = Bench(idle_timeout_ms=300, max_open_ms=1_500, allowed_lateness_ms=400, roles=roles)

    def steps(self, count):
        rng, bench = self.rng, self.bench
        for _ in range(count):
            bench.now_ms += rng.choice([0, 5, 40, 40, 350, -200, 2_000 if rng.random() < 0.1 else 0])
            bench.caught_up = bench.caught_up if rng.random() < 0.8 else not bench.caught_up
            start_ms = bench.now_ms + rng.choice([0, -100, -400, 300, -3_000])
            modality = rng.choice(list(Modality))
            length_ms, delay_ms = rng.choice([0, 200]), rng.choice([0, 50, -50])
            bench.add(modality, start_ms, start_ms + length_ms, timestamp_ms=start_ms + length_ms + delay_ms)
            if rng.random() < 0.05:
                bench.aligner.seal_oldest()
            yield


@settings(max_examples=30)
@given(seed=seeds)
def test_neither_watermark_goes_back_whatever_falls_silent_or_jumps(seed):
    restless = Restless(seed)
    bench, before = restless.bench, (-(10**18), -(10**18))
    for _ in restless.steps(120):
        now = tuple(-(10**18) if mark is None else mark for mark in (bench.source_ms, bench.seal_ms))
        assert now >= (before[0], now[1])
        assert now[1] >= before[1]
        assert now[1] <= now[0], "a window would be sealed before it is closed"
        before = now


@settings(max_examples=30)
@given(seed=seeds)
def test_every_window_is_closed_once_then_sealed_once_and_never_changes_again(seed):
    restless = Restless(seed)
    bench, closed, sealed = restless.bench, set(), {}
    opened = 0
    for number, _ in enumerate(restless.steps(150)):
        opened = max(opened, bench.aligner.open_windows)
        if number % 7 == 0:
            bench.advance()
            collect(bench.events, closed, sealed)
    bench.advance(bench.now_ms + 10**6)
    collect(bench.events, closed, sealed)
    assert opened > 0
    assert closed == set(sealed)
    assert bench.aligner.open_windows == 0
    assert all(window.items.keys() == item_ids for window, item_ids in sealed.values())


def collect(events, closed, sealed):
    for event in events:
        if isinstance(event, WindowClosed):
            assert event.window.id not in closed
            closed.add(event.window.id)
        elif isinstance(event, WindowSealed):
            assert event.window.id in closed
            assert event.window.id not in sealed
            sealed[event.window.id] = event.window, set(event.window.items)
        else:
            assert event.window.id in closed
            assert event.window.id not in sealed


def test_the_random_histories_hold_what_they_are_meant_to():
    rng = random.Random(1)
    topics = draw_topics(rng)
    chosen = AlignSettings(size_ms=400, hop_ms=200, out_of_orderness_ms=50, allowed_lateness_ms=100, max_open_ms=10**6)
    windows, late = expect(topics, chosen)
    items = [item for topic in topics.values() for item in topic]
    assert len(windows) > 30
    assert len(without_listed(late, windows)) > 3
    assert len(items) - len(set(items)) > 3, "no duplicates"
    assert any(item.is_heartbeat for item in items)
    assert any(item.end_ms > item.timestamp_ms for item in items), "no clock leaps ahead"
