"""What a worker writes to Kafka besides its answers."""

import hashlib
from dataclasses import dataclass

from streams.errors import PoisonItem
from streams.settings import LimitSettings
from streams.worker.outbox import Outbox
from streams.worker.readiness import Readiness


@dataclass(frozen=True)
class Record:
    """A consumed record."""

    value: bytes
    key: bytes = b"dock-1"
    headers: tuple = (("ce_id", b"f-1"),)
    topic: str = "braid.video"
    partition: int = 2
    offset: int = 41
    timestamp: int = 1_700_000_000_000


async def test_a_payload_that_kafka_refuses_as_too_large_is_buried_by_size_and_digest(settings, dead_letters):
    record = Record(bytes(range(256)) * 800)
    small = settings.model_copy(update={"limits": LimitSettings(max_item_bytes=1_000)})
    async with Outbox(small, settings.kafka.brokers, Readiness(), client_id="test") as outbox:
        await outbox.bury(record, PoisonItem("too large", code="item.too_large", stage="header"))
    [letter] = await dead_letters(1)
    told = dict(letter.headers)
    assert letter.value == b""
    assert told["braid_payload_bytes"] == b"204800"
    assert told["braid_payload_sha256"].decode() == hashlib.sha256(record.value).hexdigest()
    assert told["braid_origin_offset"] == b"41"
    assert told["ce_id"] == b"f-1"
