"""The record of a dead letter as it goes to its topic again."""

from dataclasses import replace

import pytest

from processors.modality import Modality
from streams.errors import PoisonItem
from streams.records import DeadLetter, ItemLimits, OriginRecord, encode_audio_chunk, parse_item
from streams.worker.send_again import as_sent_again

LIMITS = ItemLimits()
CHUNK = encode_audio_chunk("dock-1", "1", 1_700_000_000_000, bytes(32_000), sample_rate_hz=16_000)
BARE = (("content-type", b"audio/pcm"), ("ce_samplerate", b"16000"), ("ce_durationms", b"1000"), ("braid_x", b"1"))


def letter_of(headers):
    record = OriginRecord("braid.audio", 2, 41, CHUNK.key, CHUNK.value, headers, 1_700_000_001_500)
    return DeadLetter.of(record, PoisonItem("too large", code="item.too_large", stage="header"))


def items_of(letter):
    """As it was, and as it is when it lies somewhere else after it was sent again."""
    before = parse_item(letter.origin, Modality.AUDIO, LIMITS)
    return before, parse_item(replace(as_sent_again(letter, before), offset=977), Modality.AUDIO, LIMITS)


def test_a_cloud_event_goes_as_it_was():
    letter = letter_of(CHUNK.headers)
    before, after = items_of(letter)
    assert as_sent_again(letter, before) == letter.origin
    assert before.item_id == after.item_id


@pytest.mark.parametrize("headers", [BARE, BARE[:2]])
def test_a_bare_record_keeps_everything_but_its_place_and_is_one_item_however_often_it_is_sent(headers):
    letter = letter_of(headers)
    before, after = items_of(letter)
    for name in ("source_id", "start_ms", "end_ms", "timestamp_ms", "content_type", "sample_rate_hz", "payload"):
        assert getattr(after, name) == getattr(before, name), name
    assert letter.id in after.item_id
    assert str(977) not in after.item_id
    assert as_sent_again(letter, before).headers[-len(headers) :] == headers
