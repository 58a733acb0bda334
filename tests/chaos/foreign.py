"""Producers that are not ours: librdkafka by its Python client, and kcat, a process for each frame."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from processors.modality import Modality
from streams.local.process import Command, run_to_end
from streams.settings import TopicSettings
from tests.chaos.producers import Planned
from tests.chaos.schedule import Scenario
from tests.chaos.sent import Pace, Sent, steps

__all__ = ["missing_clients", "send_by_kcat", "send_by_librdkafka"]

_PARTITIONER = "murmur2_random"
_WITHIN_S = 30.0


def missing_clients(scenario: Scenario) -> list[str]:
    """What a person should know about producers that are not installed here."""
    names = [plan.name for plan in scenario.sources if plan.client == "kcat"]
    if not names or _kcat() is not None:
        return []
    told = f"the frames of {', '.join(names)} are sent by librdkafka instead, and what kcat sends is not tested"
    return [f"kcat is not installed (Debian's package kcat): {told}"]


async def send_by_librdkafka(
    planned: Sequence[Planned], brokers: str, topics: TopicSettings, pace: Pace, sent: Sent
) -> None:
    """Send records and wait for their delivery reports, step by step."""
    producer = _Librdkafka(brokers, topics, sent)
    for entries in steps(planned):
        for entry in entries:
            await pace.wait_for(entry)
            producer.hand_over(entry)
        await producer.flush()


async def send_by_kcat(planned: Sequence[Planned], brokers: str, topics: TopicSettings, pace: Pace, sent: Sent) -> None:
    """Send what are frames by one kcat each, if it is installed, and everything else by librdkafka."""
    program = _kcat()
    if program is None:
        return await send_by_librdkafka(planned, brokers, topics, pace, sent)
    rest = _Librdkafka(brokers, topics, sent)
    with tempfile.TemporaryDirectory(prefix="braid-kcat-") as home:
        frames = _Kcat(program, brokers, topics, Path(home), sent)
        for entries in steps(planned):
            for entry in entries:
                await pace.wait_for(entry)
                if entry.modality is Modality.VIDEO and entry.record.value:
                    await frames.send(entry)
                else:
                    rest.hand_over(entry)
            await rest.flush()
    return None


class _Librdkafka:
    def __init__(self, brokers: str, topics: TopicSettings, sent: Sent) -> None:
        self._topics = topics
        self._sent = sent
        self._errors: list[str] = []
        self._producer = Producer(
            {"bootstrap.servers": brokers, "partitioner": _PARTITIONER, "enable.idempotence": True, "linger.ms": 5}
        )

    def hand_over(self, entry: Planned) -> None:
        """Does not block; what came of it is known after `flush`."""

        def note(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._errors.append(f"{message.topic()}: {error}")
            else:
                self._sent.acknowledged[message.topic(), message.partition(), message.offset()] = entry

        record = entry.record
        self._producer.produce(
            self._topics.of(entry.modality),
            record.value,
            key=record.key,
            headers=list(record.headers),
            timestamp=entry.timestamp_ms,
            on_delivery=note,
        )

    async def flush(self) -> None:
        """Wait for all delivery reports; they are taken in the thread that waits."""
        left = await asyncio.to_thread(self._producer.flush, _WITHIN_S)
        if left or self._errors:
            raise RuntimeError(f"librdkafka did not deliver {left} records within {_WITHIN_S:g} s; {self._errors[:3]}")


class _Kcat:
    def __init__(self, program: str, brokers: str, topics: TopicSettings, home: Path, sent: Sent) -> None:
        self._base = (
            program,
            "-P",
            "-b",
            brokers,
            "-X",
            f"partitioner={_PARTITIONER}",
            "-X",
            "enable.idempotence=true",
        )
        self._topics = topics
        self._home = home
        self._sent = sent

    async def send(self, entry: Planned) -> None:
        """Run one kcat to its end. Where its record is, it does not say."""
        record = entry.record
        topic = self._topics.of(entry.modality)
        headers = [part for name, value in record.headers for part in ("-H", f"{name}={value.decode()}")]
        command = (*self._base, "-t", topic, "-k", record.key.decode(), *headers, str(self._file_of(record.value)))
        await run_to_end("kcat", Command(command), self._home / "kcat.log", _WITHIN_S)
        self._sent.untold[topic, record.key, record.value] += 1

    def _file_of(self, payload: bytes) -> Path:
        path = self._home / sha256(payload).hexdigest()
        if not path.exists():
            path.write_bytes(payload)
        return path


def _kcat() -> str | None:
    return shutil.which("kcat")
