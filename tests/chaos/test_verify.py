"""Whoever checks is checked: each broken promise is found, and nothing is found where all hold."""

import io
import wave
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from processors.modality import Modality
from processors.normality import Part, PartFeatures, SourceBaseline, WindowFeatures
from processors.normality.state_file import pack_state
from streams.records import (
    AudioCoverage,
    Coverage,
    Detection,
    ItemRange,
    TranscriptCoverage,
    VideoCoverage,
    encode_heartbeat,
    encode_video_frame,
)
from streams.store import items_digest
from streams.worker.source_normal import chained
from tests.chaos.folding import differences
from tests.chaos.footing import find_lost_footing
from tests.chaos.oracle import Expected, expect
from tests.chaos.producers import MARK, Kind, plan_records
from tests.chaos.reading import Held
from tests.chaos.scenarios import short_form
from tests.chaos.sent import Sent
from tests.chaos.stack import WINDOWS
from tests.chaos.verify import Seen, undisturbed_folds, verify

EPOCH_MS = 1_800_000_000_000


def held_of(planned) -> list[Held]:
    """As a broker with one partition would hold them."""
    logs = defaultdict(list)
    for entry in planned:
        log = logs[entry.modality.value]
        record = entry.record
        place = (entry.modality.value, 0, len(log))
        log.append(Held(*place, entry.timestamp_ms, record.key, record.value, dict(record.headers)))
    return [record for log in logs.values() for record in log]


@pytest.fixture(scope="module")
def expected() -> Expected:
    return expect(held_of(plan_records(short_form("join", 1), "p", EPOCH_MS)), WINDOWS)


def detection_of(expected: Expected, window: str) -> Detection:
    source_id, start_ms, size_ms = window.split("/")
    ids = expected.windows[window]
    first = {}
    for origin, item_id in expected.item_of.items():
        if item_id in ids:
            first.setdefault(item_id, origin)
    counts = {modality: sum(topic == modality for topic, _, _ in first.values()) for modality in Modality}
    return Detection(
        id=window,
        source_id=source_id,
        start_ms=int(start_ms),
        end_ms=int(start_ms) + int(size_ms),
        final=True,
        digest=items_digest(ids),
        closed_by="watermark",
        sealed_by="watermark",
        coverage=Coverage(
            video=VideoCoverage(items=counts[Modality.VIDEO]),
            audio=AudioCoverage(items=counts[Modality.AUDIO]),
            transcript=TranscriptCoverage(items=counts[Modality.TRANSCRIPT]),
        ),
        items=tuple(
            ItemRange(topic=topic, partition=partition, first_offset=offset, last_offset=offset)
            for topic, partition, offset in sorted(first.values())
        ),
        closed_ms=EPOCH_MS,
    )


def letter_of(expected: Expected, origin, code: str) -> Held:
    record = expected.records[origin]
    topic, partition, offset = origin
    headers = {
        "braid_error_code": code.encode(),
        "braid_error_message": b"",
        "braid_origin_topic": topic.encode(),
        "braid_origin_partition": str(partition).encode(),
        "braid_origin_offset": str(offset).encode(),
    }
    return Held("dead-letters", 0, 0, record.timestamp_ms, record.key, record.value, {**record.headers, **headers})


@pytest.fixture
def seen(expected) -> Seen:
    stored = {window: detection_of(expected, window) for window in expected.windows}
    due = dict.fromkeys(expected.late, "late") | expected.poison
    letters = [letter_of(expected, origin, code) for origin, code in due.items()]
    return Seen(stored, list(stored.values()), letters, {}, learned=undisturbed_folds(stored.values()))


def test_no_fault_is_found_where_all_promises_hold(expected, seen):
    assert expected.late
    assert expected.poison
    assert expected.duplicates
    assert verify(expected, seen, past_may_be_absent=False) == []


def a_window(expected: Expected) -> str:
    return sorted(expected.windows)[len(expected.windows) // 2]


def lose_a_window(expected, seen):
    seen.stored.pop(a_window(expected))


def forget_a_seal(expected, seen):
    window = a_window(expected)
    seen.stored[window] = seen.stored[window].model_copy(update={"final": False})


def make_a_window_of_nothing(expected, seen):
    detection = seen.stored[a_window(expected)]
    seen.stored["other/0/2000"] = detection.model_copy(update={"id": "other/0/2000"})


def store_less(expected, seen):
    window = a_window(expected)
    seen.stored[window] = seen.stored[window].model_copy(update={"items": seen.stored[window].items[1:]})


def store_a_late_item(expected, seen):
    window = a_window(expected)
    topic, partition, offset = min(expected.late)
    late = ItemRange(topic=topic, partition=partition, first_offset=offset, last_offset=offset)
    seen.stored[window] = seen.stored[window].model_copy(update={"items": (*seen.stored[window].items, late)})


def count_an_item_twice(expected, seen):
    window = a_window(expected)
    items = seen.stored[window].items
    seen.stored[window] = seen.stored[window].model_copy(update={"items": (*items, items[0])})


def tell_nothing(expected, seen):
    seen.told.remove(seen.stored[a_window(expected)])


def tell_otherwise(expected, seen):
    window = a_window(expected)
    seen.stored[window] = seen.stored[window].model_copy(update={"stored_ms": 1})


def tell_two_answers(expected, seen):
    seen.told.append(seen.stored[a_window(expected)].model_copy(update={"digest": "other"}))


def bury_nothing(expected, seen):
    seen.letters.clear()


def bury_for_another_reason(expected, seen):
    letter = seen.letters[0]
    seen.letters[0] = replace(letter, headers={**letter.headers, "braid_error_code": b"other"})


def bury_other_bytes(expected, seen):
    seen.letters[0] = replace(seen.letters[0], value=b"other")


def bury_a_good_item(expected, seen):
    good = min(expected.item_of.keys() - expected.late - expected.duplicates)
    seen.letters.append(letter_of(expected, good, "late"))


def hold_a_record(expected, seen):
    seen.lags = {"video[0]": 1}


def learn_a_window_twice(expected, seen):
    source_id, about = next(iter(seen.learned.items()))
    twice = {"learned": about.learned + 1, "digest": chained(about.digest, a_window(expected))}
    seen.learned[source_id] = about.model_copy(update=twice)


def skip_a_window(expected, seen):
    window = min(expected.windows)
    others = [detection for detection in seen.stored.values() if detection.id != window]
    seen.learned.update(undisturbed_folds(others))


def learn_out_of_order(expected, seen):
    [source_id, *_] = seen.learned
    ids = [detection.id for detection in seen.stored.values() if detection.source_id == source_id]
    digest = ""
    for window_id in reversed(ids):
        digest = chained(digest, window_id)
    seen.learned[source_id] = seen.learned[source_id].model_copy(update={"digest": digest})


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lose_a_window, "windows lost"),
        (forget_a_seal, "never became final"),
        (make_a_window_of_nothing, "that no item in time makes"),
        (store_less, "with less than their items"),
        (store_a_late_item, "with more than their items"),
        (count_an_item_twice, "counts twice"),
        (tell_nothing, "never told as final"),
        (tell_otherwise, "otherwise than they are stored"),
        (tell_two_answers, "with different items"),
        (bury_nothing, "without a dead letter"),
        (bury_for_another_reason, "another code"),
        (bury_other_bytes, "without the bytes"),
        (bury_a_good_item, "good items in the dead letters"),
        (hold_a_record, "whose end is not committed"),
        (learn_a_window_twice, "once each and in order"),
        (skip_a_window, "once each and in order"),
        (learn_out_of_order, "once each and in order"),
    ],
)
def test_a_broken_promise_is_found(expected, seen, damage, found):
    damage(expected, seen)
    faults = verify(expected, seen, past_may_be_absent=False)
    assert any(found in fault for fault in faults), faults


def state_after(starts_ms, *, size=1.0) -> bytes:
    baseline = SourceBaseline()
    for start_ms in starts_ms:
        vectors = np.full((4, 3), size * (1 + start_ms % 3), np.float32)
        features = WindowFeatures(start_ms, start_ms + 2_000, {Part.MOTION: PartFeatures(vectors, (2, 2))})
        baseline.learn(f"cam/{start_ms}/2000", features)
    return baseline.to_bytes()


def test_statistics_of_the_same_windows_are_near():
    starts_ms = range(0, 40_000, 2_000)
    assert differences(state_after(starts_ms), state_after(starts_ms)) == []


def test_statistics_of_other_windows_or_numbers_are_found():
    starts_ms = range(0, 40_000, 2_000)
    assert differences(state_after(starts_ms[:-4]), state_after(starts_ms))
    assert differences(state_after(starts_ms, size=1.5), state_after(starts_ms))


def packed(**arrays: np.ndarray) -> bytes:
    return pack_state({}, {"light": arrays})


@pytest.mark.parametrize("largest", [1e-3, 1.0, 1e6])
def test_a_statistic_may_be_off_by_a_share_of_its_own_size_and_not_more(largest):
    variance = np.array([0.1, 1.0]) * largest
    assert differences(packed(variance=variance * 1.01), packed(variance=variance)) == []
    assert differences(packed(variance=variance * 1.05), packed(variance=variance))


def test_counts_and_times_may_not_be_off_at_all():
    times_ms = np.array([EPOCH_MS, EPOCH_MS + 2_000])
    assert differences(packed(times_ms=times_ms), packed(times_ms=times_ms)) == []
    assert differences(packed(times_ms=times_ms + 2_000), packed(times_ms=times_ms))


def frame(event_id: str, at_ms: int, timestamp_ms: int, offset: int, kind: Kind = Kind.GOOD) -> Held:
    record = encode_video_frame("cam", event_id, at_ms, b"x")
    if kind is Kind.HEARTBEAT:
        record = encode_heartbeat(Modality.VIDEO, "cam", event_id, at_ms)
    headers = {**dict(record.headers), MARK: f"{kind}:".encode()}
    return Held("video", 0, offset, timestamp_ms, record.key, record.value, headers)


def test_an_item_is_late_for_exactly_the_windows_that_its_modality_has_passed_by_the_lateness():
    # The watermark is 6,000: windows that end at 4,000 or before are over.
    reached_ms = EPOCH_MS + 6_000 + WINDOWS.out_of_orderness_ms
    log = [
        frame("h", reached_ms, reached_ms, 0, Kind.HEARTBEAT),
        frame("partly", EPOCH_MS + 3_500, reached_ms, 1),
        frame("wholly", EPOCH_MS + 2_500, reached_ms, 2),
    ]
    expected = expect(log, WINDOWS)
    assert set(expected.windows) == {f"cam/{EPOCH_MS + 3_000}/2000"}
    assert expected.late == {("video", 0, 2)}


def test_a_clock_that_leaps_ahead_makes_nobody_late():
    log = [
        frame("leap", EPOCH_MS + 50_000, EPOCH_MS + 100, 0),
        frame("true", EPOCH_MS + 200, EPOCH_MS + 200, 1),
    ]
    assert not expect(log, WINDOWS).late


def test_a_second_item_with_an_id_counts_once():
    log = [frame("same", EPOCH_MS, EPOCH_MS, 0), frame("same", EPOCH_MS, EPOCH_MS + 10, 1)]
    expected = expect(log, WINDOWS)
    assert expected.duplicates == {("video", 0, 1)}
    assert all(len(items) == 1 for items in expected.windows.values())


def test_what_is_sent_is_the_same_for_the_same_seed():
    first, again, other = (plan_records(short_form("transactions", seed), "p", EPOCH_MS) for seed in (1, 1, 2))
    assert first == again != other


def bare(topic: str, at_ms: int, value: bytes, offset: int = 0, kind: Kind = Kind.GOOD) -> Held:
    return Held(topic, 0, offset, at_ms, b"cam", value, {MARK: f"{kind}:".encode()})


def wav_of(length_ms: int) -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(8_000)
            written.writeframes(bytes(2 * 8 * length_ms))
        return file.getvalue()


@pytest.mark.parametrize(
    ("topic", "value", "starts_ms"),
    [
        ("video", b"\xff\xd8", [2_000, 3_000]),
        ("audio", wav_of(1_500), [2_000, 3_000, 4_000, 5_000]),
        ("transcript", b'{"text": "x", "duration_ms": 401}', [2_000, 3_000, 4_000]),
        ("transcript", b'{"text": "x"}', [2_000, 3_000]),
    ],
)
def test_a_bare_item_begins_at_its_timestamp_and_lasts_as_long_as_it_says(topic, value, starts_ms):
    expected = expect([bare(topic, EPOCH_MS + 3_600, value)], WINDOWS)
    assert set(expected.windows) == {f"cam/{EPOCH_MS + start_ms}/2000" for start_ms in starts_ms}


def test_a_bare_item_that_is_sent_twice_counts_twice():
    expected = expect([bare("video", EPOCH_MS, b"x", offset) for offset in range(2)], WINDOWS)
    assert not expected.duplicates
    assert expected.windows[f"cam/{EPOCH_MS}/2000"] == {"video-0-0", "video-0-1"}


def test_a_bare_heartbeat_makes_what_follows_late():
    log = [bare("video", EPOCH_MS + 6_000, b"", 0, Kind.HEARTBEAT), bare("video", EPOCH_MS + 1_000, b"x", 1)]
    assert expect(log, WINDOWS).late == {("video", 0, 1)}


def test_a_bare_source_sends_no_header_but_the_mark_of_those_who_check():
    planned = plan_records(short_form("foreign", 1), "p", EPOCH_MS)
    names = {entry.record.key: set() for entry in planned}
    for entry in planned:
        names[entry.record.key] |= {name for name, _ in entry.record.headers}
    assert names[b"p-bare"] == names[b"p-kcat"] == {MARK}
    assert names[b"p-librdkafka"] == names[b"p-s0"] > {MARK, "ce_id", "ce_time"}


@pytest.fixture
def sent(expected) -> Sent:
    told = Sent(dict.fromkeys(expected.records))
    for origin in [origin for origin in expected.records if origin[0] == "video"]:
        del told.acknowledged[origin]
        record = expected.records[origin]
        told.untold[record.topic, record.key, record.value] += 1
    return told


def test_all_that_was_sent_is_where_it_belongs(expected, sent):
    assert find_lost_footing(sent, expected, partitions=1) == []


def lose_an_acknowledged_record(sent):
    sent.acknowledged["audio", 0, 1_000_000] = None


def lose_an_untold_record(sent):
    sent.untold["video", b"cam", b"lost"] += 1


def send_less_than_is_there(sent):
    sent.untold.popitem()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lose_an_acknowledged_record, "1 acknowledged records are not in Kafka's log"),
        (lose_an_untold_record, "1 are not in Kafka's log, and 0 are there"),
        (send_less_than_is_there, "0 are not in Kafka's log"),
    ],
)
def test_a_record_that_is_not_in_the_log_as_it_was_sent_is_found(expected, sent, damage, found):
    damage(sent)
    [fault] = find_lost_footing(sent, expected, partitions=1)
    assert found in fault


def test_records_in_another_partition_than_by_murmur2_are_found(expected, sent):
    [fault] = find_lost_footing(sent, expected, partitions=4)
    assert "not in the partition that murmur2" in fault
