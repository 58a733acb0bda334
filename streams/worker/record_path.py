"""The way of a record from the consumer into its windows: read in step, parsed, tracked, aligned. No I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Protocol

from processors.modality import Modality
from streams.align import Aligner, AlignEvent, AlignSettings, Placement, counted_end_ms
from streams.errors import PoisonItem
from streams.records import Item, ItemLimits, KafkaRecord, parse_item
from streams.worker import metrics
from streams.worker.merge import PartitionMerge
from streams.worker.position import PartitionPosition
from streams.worker.read_clock import PartitionClock

__all__ = ["PartitionReader", "RecordOutcome", "RecordPath"]


class PartitionReader(Protocol):
    """What the consumer knows of one partition number."""

    def has_unread(self, topic: str) -> bool:
        """Whether the broker holds records of the topic that were not fetched, or may hold some."""

    def fetched_ms(self, topic: str) -> int:
        """When the latest fetch of the topic was answered, epoch milliseconds; the same for all topics of one fetch."""

    def is_caught_up(self) -> bool:
        """Whether fetches answered within the last second show that everything was fetched, in all topics."""

    def position(self, topic: str) -> int | None:
        """The offset that is fetched next; None while there is none."""

    def end(self, topic: str) -> int | None:
        """The offset after the last record that is to be had; None while it is not known."""


class RecordOutcome(Protocol):
    """What is done with what comes out; nobody waits for it."""

    def admit(self, source_id: str) -> None:
        """Let a source's item in.

        Raises:
            PoisonItem: the source is one too many.
        """

    def poison(self, record: KafkaRecord, error: PoisonItem) -> None:
        """A record cannot be aligned."""

    def placed(self, record: KafkaRecord, item: Item, windows: int) -> None:
        """An item went into so many windows."""

    def late(self, record: KafkaRecord, item: Item, late_for: int) -> None:
        """An item came when all its windows, so many, had been sealed."""

    def happened(self, event: AlignEvent[Item]) -> None:
        """A window, or a source, changed."""


class RecordPath:
    """Aligns the records of one partition number's three topics.

    Attributes:
        aligner: holds the windows.
    """

    def __init__(
        self,
        topics: Mapping[str, Modality],
        limits: ItemLimits,
        position: PartitionPosition,
        settings_for: Callable[[str], AlignSettings],
        outcome: RecordOutcome,
        *,
        remembered_sources: int,
        wall_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
    ) -> None:
        """Begin without a window.

        Args:
            topics: topic -> modality.
            limits: bounds beyond which a record is poison.
            position: told of every record, and of those that are done at once.
            settings_for: a source's settings; asked for each record.
            outcome: what is done with what comes out.
            remembered_sources: how many vanished sources the aligner remembers.
            wall_ms: the wall clock, epoch milliseconds.
            monotonic_ms: a clock that never jumps.
        """
        self.aligner: Aligner[Item] = Aligner(settings_for, remembered_sources=remembered_sources)
        self._topics = topics
        self._limits = limits
        self._position = position
        self._settings_for = settings_for
        self._outcome = outcome
        self._wall_ms = wall_ms
        self._monotonic_ms = monotonic_ms
        self._merge = PartitionMerge(topics)
        self._clock = PartitionClock()
        self._as_of_ms = 0

    @property
    def wanted_topics(self) -> Iterable[str]:
        """Topics of which more should be fetched now."""
        return self._merge.wanted

    def accept(self, topic: str, records: Sequence[KafkaRecord], fetched_ms: int) -> None:
        """Take a fetched batch of one topic, in partition order.

        Args:
            topic: of the records.
            records: as fetched.
            fetched_ms: as the reader said when they came. Another topic counts as fully read only as of a fetch that
                was answered no earlier: what came into it before these records must not be passed by.
        """
        self._as_of_ms = max(self._as_of_ms, fetched_ms)
        self._merge.extend(topic, records)

    def process(self, reader: PartitionReader, at_most: int) -> int:
        """Align up to `at_most` of the records taken, all three topics in step.

        To be called while nothing is being fetched: what the reader says must be as of the records taken.

        Returns:
            How many were processed; 0 when the next one must wait for another topic.
        """
        count = 0
        trackers = self._position.trackers

        def may_have_unread(topic: str) -> bool:
            return reader.has_unread(topic) or reader.fetched_ms(topic) < self._as_of_ms

        # Local names: the loop is taken once per record.
        topics, limits, outcome = self._topics, self._limits, self._outcome
        settings_for, observe, add = self._settings_for, self._clock.observe, self.aligner.add
        wall_ms = self._wall_ms()
        for record in islice(self._merge.pop_ready(may_have_unread), at_most):
            count += 1
            topic = record.topic
            tracker = trackers[topic]
            if not tracker.is_new(record.offset):
                continue
            clock = observe(record.timestamp, wall_ms=wall_ms)
            try:
                item = parse_item(record, topics[topic], limits)
                outcome.admit(item.source_id)
            except PoisonItem as error:
                tracker.add(record.offset)
                outcome.poison(record, error)
                continue
            watermark_ms = counted_end_ms(item) - settings_for(item.source_id).out_of_orderness_ms
            tracker.add(record.offset, item.source_id, watermark_ms)
            placement = add(item, clock)
            if placement.windows:
                outcome.placed(record, item, len(placement.windows))
            else:
                self._settle(record, item, placement)
        self._advance(reader)
        if self._merge.is_empty:
            self._note_read_through(reader)
        return count

    def _settle(self, record: KafkaRecord, item: Item, placement: Placement[Item]) -> None:
        """Finish an item that went into no window."""
        if placement.is_late:
            self._outcome.late(record, item, placement.late_for)
        else:
            if placement.is_duplicate:
                metrics.DUPLICATES.labels(item.modality).inc()
            self._position.trackers[record.topic].done(record.offset)

    def _advance(self, reader: PartitionReader) -> None:
        """Let time pass: close, revise and seal what is due."""
        caught_up = self._merge.is_empty and reader.is_caught_up()
        clock = self._clock.read(caught_up=caught_up, wall_ms=self._wall_ms(), monotonic_ms=self._monotonic_ms())
        if clock is not None:
            for event in self.aligner.advance(clock):
                self._outcome.happened(event)

    def _note_read_through(self, reader: PartitionReader) -> None:
        for topic, tracker in self._position.trackers.items():
            position = reader.position(topic)
            if position is not None:
                tracker.read_through(position)
