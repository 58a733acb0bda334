"""The state of a modality as it is told."""

import json

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from processors.modality import Modality
from streams.detections import _parse
from streams.records import SOURCE_STATE_SCHEMA, SourceState

STATE = SourceState(source_id="dock-1", modality=Modality.AUDIO, state="idle", since_ms=4_000, at_ms=9_500)


def test_a_state_is_read_back_as_it_was_told():
    assert SourceState.from_json(STATE.to_json()) == STATE


def test_the_json_has_the_documented_fields():
    assert json.loads(STATE.to_json()) == {
        "schema": SOURCE_STATE_SCHEMA,
        "source_id": "dock-1",
        "modality": "audio",
        "state": "idle",
        "since_ms": 4_000,
        "at_ms": 9_500,
    }


@pytest.mark.parametrize("change", [{"state": "asleep"}, {"schema": "braid.detection.v1"}, {"more": 1}])
def test_what_is_not_a_state_is_refused(change):
    with pytest.raises(ValidationError):
        SourceState.from_json(json.dumps(json.loads(STATE.to_json()) | change))


def test_who_follows_detections_passes_over_a_state_without_a_word():
    with capture_logs() as said:
        assert _parse(STATE.to_json(), "braid.detections", 0, 1) is None
        assert said == []
        assert _parse(b"{}", "braid.detections", 0, 2) is None
    assert [entry["event"] for entry in said] == ["detection.unknown_record"]
