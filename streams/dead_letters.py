"""Find the dead letters that are on their topic now."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from streams.errors import ConfigurationError
from streams.kafka_ranges import KafkaRanges
from streams.records import DeadLetter, KafkaRecord
from streams.settings import Settings

__all__ = ["BuriedLetter", "DeadLetterFilter", "DeadLetters", "find_dead_letters", "read_whole"]

MOST_LETTERS = 100_000
"""How many are found at most, the newest: without their payloads they take about 200 MB."""


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters are meant; what is None, or empty, excludes none.

    Attributes:
        ids: of the letters.
        code: of the error; a family (`video`) stands for every code in it (`video.truncated`).
        stage: where it was found out.
        source_id: the record's key.
    """

    ids: frozenset[str] = frozenset()
    code: str | None = None
    stage: str | None = None
    source_id: str | None = None

    def matches(self, letter: DeadLetter) -> bool:
        """Whether the letter is meant."""
        return (
            (not self.ids or letter.id in self.ids)
            and (self.code is None or letter.code == self.code or letter.code.startswith(f"{self.code}."))
            and self.stage in (None, letter.stage)
            and (self.source_id is None or letter.key == self.source_id.encode())
        )


@dataclass(frozen=True, slots=True)
class BuriedLetter:
    """A dead letter and where it lies.

    Attributes:
        letter: without its payload; its latest copy.
        partition: of the dead-letter topic.
        offset: in that partition.
        buried_ms: Kafka timestamp of that copy, epoch milliseconds.
        copies: how often it was buried: a worker that takes over may bury again what its predecessor had buried.
        has_payload: whether that copy holds the payload.
    """

    letter: DeadLetter
    partition: int
    offset: int
    buried_ms: int
    copies: int
    has_payload: bool


@dataclass(slots=True)
class DeadLetters:
    """What was found.

    Attributes:
        letters: in the order in which they were buried.
        strangers: how many records of the topic are no dead letters.
        left_out: how many more are meant, older ones.
    """

    letters: list[BuriedLetter] = field(default_factory=list)
    strangers: int = 0
    left_out: int = 0


async def find_dead_letters(
    settings: Settings,
    wanted: DeadLetterFilter = DeadLetterFilter(),
    *,
    since_ms: int | None = None,
    limit: int = MOST_LETTERS,
) -> DeadLetters:
    """Read the topic from its beginning, or from a time on, up to the end that it has now.

    Args:
        settings: with `kafka.brokers` filled in.
        wanted: which ones.
        since_ms: only those buried then or later, epoch milliseconds; None takes all.
        limit: how many at most, the newest; never more than `MOST_LETTERS`.

    Raises:
        ConfigurationError: no broker is set, or the topic does not exist.
        DependencyUnavailable: Kafka does not answer.
    """
    topic, found = settings.kafka.topics.dead_letters, DeadLetters()
    by_id: dict[str, BuriedLetter] = {}
    async with KafkaRanges(settings, client_id="braid-dead-letters") as kafka:
        async for record in kafka.read(topic, await kafka.held(topic, since_ms)):
            letter = DeadLetter.parse(record)
            if letter is None:
                found.strangers += 1
            elif wanted.matches(letter):
                by_id[letter.id] = _latest(by_id.get(letter.id), letter, record)
                if len(by_id) == 2 * MOST_LETTERS:
                    by_id = {buried.letter.id: buried for buried in _newest(by_id, MOST_LETTERS)}
                    found.left_out += MOST_LETTERS
    found.letters = _newest(by_id, min(limit, MOST_LETTERS))
    found.left_out += len(by_id) - len(found.letters)
    return found


def _latest(earlier: BuriedLetter | None, letter: DeadLetter, record: KafkaRecord) -> BuriedLetter:
    copies = 1 if earlier is None else earlier.copies + 1
    if earlier is not None and earlier.buried_ms > record.timestamp:
        return replace(earlier, copies=copies)
    slim = letter.without_payload()
    return BuriedLetter(slim, record.partition, record.offset, record.timestamp, copies, has_payload=letter.is_whole)


def _newest(letters: Mapping[str, BuriedLetter], count: int) -> list[BuriedLetter]:
    """The last ones, in the order in which they were buried."""
    ordered = sorted(letters.values(), key=lambda buried: (buried.buried_ms, buried.partition, buried.offset))
    return ordered[-count:]


async def read_whole(kafka: KafkaRanges, settings: Settings, buried: BuriedLetter) -> DeadLetter | None:
    """The letter with its payload; where that was dropped, with the payload of the record itself.

    Args:
        kafka: connected.
        settings: in force.
        buried: where the letter lies.

    Returns:
        None when Kafka holds the payload in neither place any more.

    Raises:
        DependencyUnavailable: Kafka does not answer.
    """
    letter = buried.letter
    if buried.has_payload:
        topic, partition, offset = settings.kafka.topics.dead_letters, buried.partition, buried.offset
    else:
        topic, partition, offset = letter.topic, letter.partition, letter.offset
    try:
        held = await kafka.held(topic)
    except ConfigurationError:  # the topic itself is gone
        return None
    if offset in held.get(partition, range(0)):
        async for record in kafka.read(topic, {partition: range(offset, offset + 1)}):
            with suppress(ValueError):  # another record lies there: the topic was made anew
                return letter.with_payload(record.value or b"")
    return None
