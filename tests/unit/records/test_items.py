"""Reading a record into event time."""

import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.modality import Modality
from streams.errors import PoisonItem
from streams.records import ItemLimits, duration_of_samples_ms, encode_video_frame, parse_item

LIMITS = ItemLimits()
NOON_MS = 1_767_268_800_250  # 2026-01-01T12:00:00.250Z


@dataclass
class Record:
    """A consumed record."""

    key: bytes | None = b"dock-1"
    value: bytes | None = b"payload"
    headers: tuple = ()
    timestamp: int = NOON_MS
    topic: str = "braid.video"
    partition: int = 3
    offset: int = 17


@dataclass
class Headers:
    """CloudEvents headers with one thing changed."""

    changes: dict = field(default_factory=dict)

    def tuples(self):
        headers = {
            "ce_specversion": b"1.0",
            "ce_id": b"f-1",
            "ce_source": b"/cam",
            "ce_type": b"braid.video.frame.v1",
            "ce_time": b"2026-01-01T12:00:00.250Z",
        } | self.changes
        return tuple((name, value) for name, value in headers.items() if value is not None)


def code_of(record, limits=LIMITS, modality=Modality.VIDEO):
    with pytest.raises(PoisonItem) as caught:
        parse_item(record, modality, limits)
    assert caught.value.stage == "header"
    return caught.value.code


def test_a_cloud_event_takes_its_time_from_ce_time():
    item = parse_item(Record(headers=Headers().tuples(), timestamp=NOON_MS + 99), Modality.VIDEO, LIMITS)
    assert (item.start_ms, item.end_ms, item.timestamp_ms) == (NOON_MS, NOON_MS, NOON_MS + 99)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        (b"2026-01-01T12:00:00.250999Z", NOON_MS),
        (b"2026-01-01T13:00:00.25+01:00", NOON_MS),
        (b"2026-01-01T12:00:00Z", NOON_MS - 250),
    ],
)
def test_event_time_is_floored_to_milliseconds_in_utc(text, milliseconds):
    record = Record(headers=Headers({"ce_time": text}).tuples())
    assert parse_item(record, Modality.VIDEO, LIMITS).start_ms == milliseconds


def test_a_bare_record_takes_its_time_and_id_from_kafka():
    item = parse_item(Record(), Modality.VIDEO, LIMITS)
    assert (item.start_ms, item.item_id) == (NOON_MS, "braid.video-3-17")


def test_copies_of_a_cloud_event_share_an_id_wherever_they_lie():
    first, second = (
        parse_item(Record(headers=Headers().tuples(), offset=offset), Modality.VIDEO, LIMITS) for offset in (1, 2)
    )
    assert first.item_id == second.item_id


def test_events_that_differ_in_one_attribute_of_their_identity_differ_in_id():
    changed = [{}, {"ce_id": b"f-2"}, {"ce_source": b"/cam2"}, {"ce_time": b"2026-01-01T12:00:00.251Z"}]
    ids = {parse_item(Record(headers=Headers(change).tuples()), Modality.VIDEO, LIMITS).item_id for change in changed}
    assert len(ids) == len(changed)


def test_an_empty_payload_is_a_heartbeat():
    assert parse_item(Record(value=None), Modality.AUDIO, LIMITS).is_heartbeat
    assert not parse_item(Record(), Modality.AUDIO, LIMITS).is_heartbeat


def test_a_stated_duration_makes_a_span():
    record = Record(headers=Headers({"ce_durationms": b"1000"}).tuples())
    assert parse_item(record, Modality.VIDEO, LIMITS).end_ms == NOON_MS + 1000


def test_a_bare_transcript_takes_its_duration_from_its_json():
    record = Record(value=b'{"text": "hi", "duration_ms": 700}')
    assert parse_item(record, Modality.TRANSCRIPT, LIMITS).end_ms == NOON_MS + 700


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (Record(key=None), "key.empty"),
        (Record(key=b""), "key.empty"),
        (Record(key=b"-dock"), "key.illegal"),
        (Record(key=b"dock 1"), "key.illegal"),
        (Record(key="döck".encode()), "key.illegal"),
        (Record(key=b"a" * 129), "key.illegal"),
        (Record(value=b"x" * 11), "item.too_large"),
        (Record(timestamp=-1), "header.time"),
        (Record(headers=Headers({"ce_id": None}).tuples()), "header.missing"),
        (Record(headers=Headers({"ce_source": None}).tuples()), "header.missing"),
        (Record(headers=Headers({"ce_type": b"braid.audio.chunk.v1"}).tuples()), "header.type"),
        (Record(headers=Headers({"ce_time": b"noon"}).tuples()), "header.time"),
        (Record(headers=Headers({"ce_time": b"2026-01-01T12:00:00"}).tuples()), "header.time"),
        (Record(headers=Headers({"ce_time": b"2036-01-01T12:00:00Z"}).tuples()), "item.future"),
        (Record(headers=Headers({"ce_id": b"\xff"}).tuples()), "header.encoding"),
        (Record(headers=Headers({"ce_durationms": b"-5"}).tuples()), "header.number"),
        (Record(headers=Headers({"ce_channels": b"9" * 5_000}).tuples()), "header.number"),
        (Record(headers=Headers({"ce_durationms": b"60001"}).tuples()), "item.too_long"),
    ],
)
def test_a_record_that_breaks_a_rule_is_poison_with_its_code(record, code):
    assert code_of(record, ItemLimits(max_item_bytes=10)) == code


def test_the_longest_legal_key_is_taken():
    assert parse_item(Record(key=b"a" * 128), Modality.VIDEO, LIMITS).source_id == "a" * 128


@given(
    st.binary(max_size=200),
    st.one_of(st.none(), st.binary(max_size=20)),
    st.dictionaries(
        st.sampled_from(["ce_id", "ce_source", "ce_type", "ce_time", "ce_durationms", "ce_samplerate", "content-type"]),
        st.one_of(st.binary(max_size=30), st.text(string.printable, max_size=30).map(str.encode)),
    ),
    st.sampled_from(Modality),
    st.integers(-2, 2**45),
)
def test_whatever_arrives_is_an_item_or_poison(value, key, headers, modality, timestamp):
    record = Record(key=key, value=value, headers=tuple(headers.items()), timestamp=timestamp)
    try:
        item = parse_item(record, modality, LIMITS)
    except PoisonItem:
        return
    assert 0 <= item.start_ms <= item.end_ms


@given(
    st.datetimes(),
    st.timedeltas(timedelta(hours=-23), timedelta(hours=23)),
    st.sampled_from(["auto", "seconds", "milliseconds", "microseconds"]),
)
def test_event_time_is_the_whole_milliseconds_since_the_epoch_or_refused_before_it(moment, offset, precision):
    text = moment.replace(tzinfo=timezone(offset)).isoformat(timespec=precision)
    expected_ms = (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    record = Record(headers=Headers({"ce_time": text.encode()}).tuples(), timestamp=2**50)
    if expected_ms >= 0:
        item = parse_item(record, Modality.VIDEO, LIMITS)
        assert (item.start_ms, item.item_id) == (expected_ms, f"video|/cam|f-1|{text}")
    else:
        assert code_of(record) == "header.time"


def test_a_key_is_judged_alike_every_time():
    keys = [b"dock-1", b"-dock", b"dock-1", b"-dock", None, b"dock-2"]
    judged = []
    for key in keys:
        try:
            judged.append(parse_item(Record(key=key), Modality.VIDEO, LIMITS).source_id)
        except PoisonItem as error:
            judged.append(error.code)
    assert judged == ["dock-1", "key.illegal", "dock-1", "key.illegal", "key.empty", "dock-2"]


@given(st.integers(1, 200_000), st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]))
def test_a_chunk_ends_just_after_its_last_sample(samples, rate_hz):
    last_ms = (samples - 1) * 1000 // rate_hz
    assert duration_of_samples_ms(samples, rate_hz) == last_ms + 1


@given(st.integers(0, 4_000_000_000_000))
def test_what_a_producer_encodes_is_read_back(start_ms):
    encoded = encode_video_frame("dock-1", "f-9", start_ms, b"jpeg")
    record = Record(encoded.key, encoded.value, encoded.headers, timestamp=start_ms)
    item = parse_item(record, Modality.VIDEO, LIMITS)
    assert (item.source_id, item.start_ms, item.payload, item.content_type) == (
        "dock-1",
        start_ms,
        b"jpeg",
        "image/jpeg",
    )
