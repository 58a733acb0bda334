"""Which dead letters are meant."""

import pytest

from streams.dead_letters import DeadLetterFilter
from streams.errors import PoisonItem
from streams.records import DeadLetter, OriginRecord

RECORD = OriginRecord("braid.video", 2, 41, b"dock-1", b"", (), 5)
LETTER = DeadLetter.of(RECORD, PoisonItem("ends early", code="video.truncated", stage="decode"))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"ids": frozenset({"braid.video-2-41", "braid.video-2-42"})},
        {"code": "video.truncated"},
        {"code": "video"},
        {"stage": "decode"},
        {"source_id": "dock-1"},
        {"code": "video", "stage": "decode", "source_id": "dock-1"},
    ],
)
def test_a_letter_that_fits_everything_asked_for_is_meant(wanted):
    assert DeadLetterFilter(**wanted).matches(LETTER)


@pytest.mark.parametrize(
    "wanted",
    [
        {"ids": frozenset({"braid.video-2-4"})},
        {"code": "video.trunc"},
        {"code": "vid"},
        {"stage": "encode"},
        {"source_id": "dock"},
        {"code": "video", "source_id": "dock-2"},
    ],
)
def test_a_letter_that_misses_one_thing_is_not(wanted):
    assert not DeadLetterFilter(**wanted).matches(LETTER)
