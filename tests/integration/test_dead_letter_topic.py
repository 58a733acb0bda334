"""Finding dead letters on a real topic: bounded, each once, its latest copy."""

import pytest
from aiokafka import AIOKafkaProducer

from streams.dead_letters import DeadLetterFilter, find_dead_letters, read_whole
from streams.errors import ConfigurationError, DependencyUnavailable, PoisonItem
from streams.kafka_ranges import KafkaRanges
from streams.records import DeadLetter, OriginRecord
from streams.settings import KafkaSettings

BURIED_MS = 1_700_000_000_000


def letter_of(offset, code="late", value=b"payload", key=b"dock-1"):
    record = OriginRecord("gone.video", 2, offset, key, value, (("ce_id", b"f-1"),), 5)
    return DeadLetter.of(record, PoisonItem("something", code=code, stage="align"))


@pytest.fixture
async def bury(settings):
    """Writes letters into a partition, one second apart by their Kafka timestamps."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.brokers, max_request_size=20_000_000) as producer:

        async def bury(*letters, begin_s=0, partition=0):
            for second, letter in enumerate(letters, begin_s):
                await producer.send_and_wait(
                    settings.kafka.topics.dead_letters,
                    letter.value,
                    key=letter.key,
                    partition=partition,
                    headers=list(letter.encode()),
                    timestamp_ms=BURIED_MS + 1_000 * second,
                )

        yield bury


async def test_repeats_are_one_letter_its_latest_copy_wherever_they_lie(settings, bury):
    await bury(letter_of(1, "item.too_large"), letter_of(2), begin_s=5)
    await bury(letter_of(1, "video.corrupt"), letter_of(3), begin_s=7, partition=3)
    await bury(letter_of(1, "late"), begin_s=1, partition=3)
    found = await find_dead_letters(settings)
    assert [(buried.letter.offset, buried.copies, buried.letter.code) for buried in found.letters] == [
        (2, 1, "late"),
        (1, 3, "video.corrupt"),
        (3, 1, "late"),
    ]
    assert (found.strangers, found.left_out) == (0, 0)


async def test_a_time_a_filter_and_a_limit_narrow_it_and_say_what_they_left_out(settings, bury):
    await bury(*(letter_of(offset, key=b"dock-1" if offset % 2 else b"dock-2") for offset in range(10)))
    since = await find_dead_letters(settings, since_ms=BURIED_MS + 3_500)
    assert [buried.letter.offset for buried in since.letters] == [4, 5, 6, 7, 8, 9]
    own = await find_dead_letters(settings, DeadLetterFilter(source_id="dock-1"), limit=2)
    assert [buried.letter.offset for buried in own.letters] == [7, 9]
    assert own.left_out == 3
    assert (await find_dead_letters(settings, since_ms=BURIED_MS + 60_000)).letters == []


async def test_a_payload_is_read_only_when_asked_for_whatever_its_size(settings, bury):
    large = bytes(range(256)) * 36_000
    await bury(letter_of(1, value=large), letter_of(2, value=large).without_payload())
    whole, dropped = (await find_dead_letters(settings)).letters
    assert (whole.letter.value, dropped.letter.value) == (b"", b"")
    assert whole.letter.size_bytes == dropped.letter.size_bytes == len(large)
    async with KafkaRanges(settings, client_id="test") as kafka:
        assert await read_whole(kafka, settings, whole) == letter_of(1, value=large)
        assert await read_whole(kafka, settings, dropped) is None, "the topic that it came by is gone"


async def test_a_range_ends_where_it_is_told_to(settings, bury):
    await bury(*(letter_of(offset) for offset in range(20)))
    topic = settings.kafka.topics.dead_letters
    async with KafkaRanges(settings, client_id="test") as kafka:
        held = await kafka.held(topic)
        assert held == {0: range(20), 1: range(0), 2: range(0), 3: range(0)}
        assert [record.offset async for record in kafka.read(topic, {0: range(7, 12)})] == [7, 8, 9, 10, 11]
        assert [record.offset async for record in kafka.read(topic, held)] == list(range(20))
        with pytest.raises(DependencyUnavailable, match="OffsetOutOfRange"):
            [record async for record in kafka.read(topic, {0: range(30, 31)})]


async def test_a_topic_that_is_missing_is_said_with_the_mend(settings):
    topics = settings.kafka.topics.model_copy(update={"dead_letters": "nowhere"})
    kafka = KafkaSettings(**(settings.kafka.model_dump() | {"topics": topics}))
    with pytest.raises(ConfigurationError, match="no topic nowhere; create it with `braid topics create`"):
        await find_dead_letters(settings.model_copy(update={"kafka": kafka}))
