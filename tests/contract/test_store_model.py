"""Any history of puts, finalises, new owners and flushed scripts, against a dictionary that is obviously right."""

import asyncio
import itertools
import uuid
from dataclasses import dataclass

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from streams.records import Detection
from streams.settings import Settings
from streams.store import Finalise, Put, Status, Store

SOURCES = ("dock-1", "dock-2")
PARTITION_OF = {"dock-1": 0, "dock-2": 1}
STARTS_MS = (0, 2000, 4000)
SIZE_MS = 4000
COUNTERS = ("video_items", "audio_items", "audio_samples", "audio_covered_ms", "transcript_items")

sources = st.sampled_from(SOURCES)
starts_ms = st.sampled_from(STARTS_MS)
counters = st.lists(st.integers(0, 2), min_size=5, max_size=5)
items = st.frozensets(st.sampled_from("abc"), min_size=1)
reasons = st.sampled_from(["watermark", "vanished", "memory"])


@dataclass
class Record:
    detection: Detection
    counters: list[int]


class Model:
    """The rules of the store over a dictionary."""

    def __init__(self):
        self.records: dict[str, Record] = {}
        self.final_through_ms: dict[str, int] = {}
        self.tokens: dict[int, int] = {}

    def put(self, detection, counts, fence, stored_ms):
        if self.tokens[fence.partition] != fence.token:
            return Status.FENCED, None
        old = self.records.get(detection.id)
        if old is None:
            revision = 0
        elif old.detection.final:
            return Status.FINAL, old.detection
        elif old.detection.digest == detection.digest:
            return Status.SAME, old.detection
        elif any(new < kept for new, kept in zip(counts, old.counters, strict=True)):
            return Status.SMALLER, old.detection
        else:
            revision = old.detection.revision + 1
        stored = detection.model_copy(update={"revision": revision, "stored_ms": stored_ms})
        self.records[detection.id] = Record(stored, counts)
        return Status.STORED, stored

    def finalise(self, detection_id, source_id, sealed_by, fence):
        if self.tokens[fence.partition] != fence.token:
            return Status.FENCED, None
        record = self.records.get(detection_id)
        if record is None:
            return Status.ABSENT, None
        if not record.detection.final:
            record.detection = record.detection.model_copy(update={"final": True, "sealed_by": sealed_by})
        through = self.final_through_ms.get(source_id, record.detection.end_ms)
        self.final_through_ms[source_id] = max(through, record.detection.end_ms)
        return Status.FINAL, record.detection


def machine(url, make_detection):
    class StoreHistory(RuleBasedStateMachine):
        fences = Bundle("fences")

        def __init__(self):
            super().__init__()
            self.runner = asyncio.Runner()
            self.model = Model()
            self.ticks = itertools.count(1000)
            self.stamped: list[int] = []
            self.store = Store.connect(
                Settings(redis={"url": url}), self.clock_ms, key_prefix=f"test-{uuid.uuid4().hex}:"
            )

        def clock_ms(self):
            self.stamped.append(next(self.ticks))
            return self.stamped[-1]

        def teardown(self):
            self.runner.run(self.store.close())
            self.runner.close()

        def take(self, partition):
            fence = self.runner.run(self.store.take_token("braid", partition))
            assert fence.token > self.model.tokens.get(partition, 0)
            self.model.tokens[partition] = fence.token
            return fence

        @initialize(target=fences)
        def first_owner(self):
            return {partition: self.take(partition) for partition in PARTITION_OF.values()}

        @rule(target=fences, old=fences, partition=st.sampled_from([0, 1]))
        def new_owner(self, old, partition):
            return old | {partition: self.take(partition)}

        @rule(fence=fences, puts=st.lists(st.tuples(sources, starts_ms, items, counters), min_size=1, max_size=4))
        def put(self, fence, puts):
            asked = [
                (
                    make_detection(
                        start_ms, source_id=source, items=tuple(names), **dict(zip(COUNTERS, counts, strict=True))
                    ),
                    counts,
                    fence[PARTITION_OF[source]],
                )
                for source, start_ms, names, counts in puts
            ]
            self.stamped.clear()
            answers = self.runner.run(self.store.put_many([Put(detection, owner) for detection, _, owner in asked]))
            expected = [self.model.put(*one, ms) for one, ms in zip(asked, self.stamped, strict=True)]
            assert [(answer.status, answer.detection) for answer in answers] == expected

        @rule(fence=fences, windows=st.lists(st.tuples(sources, starts_ms, reasons), min_size=1, max_size=3))
        def finalise(self, fence, windows):
            asked = [
                (f"{source}/{start_ms}/{SIZE_MS}", source, reason, fence[PARTITION_OF[source]])
                for source, start_ms, reason in windows
            ]
            answers = self.runner.run(
                self.store.finalise_many([Finalise(key, reason, owner) for key, _, reason, owner in asked])
            )
            assert [(a.status, a.detection) for a in answers] == [self.model.finalise(*one) for one in asked]

        @rule()
        def flush_scripts(self):
            with redis.Redis.from_url(url) as client:
                client.script_flush()

        @invariant()
        def everything_reads_back(self):
            for source in SOURCES:
                expected = [r.detection for r in self.model.records.values() if r.detection.source_id == source]
                stored = self.runner.run(self.store.list_detections(source))
                assert stored == sorted(expected, key=lambda detection: detection.start_ms)
            through = self.runner.run(self.store.final_through_ms(SOURCES))
            assert through == self.model.final_through_ms
            seen = self.runner.run(self.store.sources())
            assert set(seen) == {r.detection.source_id for r in self.model.records.values()}

    return StoreHistory


def test_the_store_keeps_its_rules_through_any_history(redis_server, make_detection):
    run_state_machine_as_test(
        machine(redis_server.url, make_detection),
        settings=settings(max_examples=25, stateful_step_count=20, suppress_health_check=[HealthCheck.too_slow]),
    )
