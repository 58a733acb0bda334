"""The AsyncAPI document says what the code does."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from processors.modality import Modality
from processors.transcript import decode_transcript
from streams.errors import PoisonItem
from streams.records import (
    DeadLetter,
    Detection,
    OriginRecord,
    SourceState,
    encode_audio_chunk,
    encode_transcript_segment,
    encode_video_frame,
    source_id_of_key,
)
from streams.records.asyncapi import render_asyncapi
from streams.settings import TopicSettings

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "docs/reference/asyncapi.yaml"
DOCUMENT = yaml.safe_load(render_asyncapi())
SCHEMAS = DOCUMENT["components"]["schemas"]


def check(name, instance):
    """Against one of the document's schemas."""
    jsonschema.Draft7Validator(DOCUMENT | {"$ref": f"#/components/schemas/{name}"}).validate(instance)


def text_of(headers):
    return {name: value.decode() for name, value in headers}


def test_the_committed_document_is_the_rendered_one():
    command = "python -m streams.records.asyncapi > docs/reference/asyncapi.yaml"
    assert COMMITTED.read_text() == render_asyncapi(), f"run: {command}"


def test_every_reference_leads_somewhere():
    for reference in re.findall(r"\$ref: '#/([^']+)'", COMMITTED.read_text()):
        place = DOCUMENT
        for part in reference.split("/"):
            place = place[part]


def test_the_channels_are_the_topics_by_their_defaults():
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == set(
        TopicSettings().model_dump().values()
    )
    assert DOCUMENT["operations"].keys() == DOCUMENT["channels"].keys()


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_a_schema(name):
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("videoFrame", encode_video_frame("dock-1", "1", 5, b"jpeg")),
        ("audioChunk", encode_audio_chunk("dock-1", "1", 5, bytes(32), sample_rate_hz=16_000)),
        ("transcriptSegment", encode_transcript_segment("dock-1", "1", 5, b'{"text": "hi"}', duration_ms=900)),
    ],
)
def test_our_own_records_fit(name, record):
    message = DOCUMENT["components"]["messages"][name]
    headers = text_of(record.headers)
    check(f"{name}Headers", headers)
    check("SourceId", record.key.decode())
    assert headers["content-type"] == message["contentType"]
    assert headers.keys() <= SCHEMAS[f"{name}Headers"]["properties"].keys()
    with pytest.raises(jsonschema.ValidationError):
        check(f"{name}Headers", headers | {"ce_type": "braid.other.v1"})


def test_the_documented_detection_and_a_state_fit():
    page = (ROOT / "docs/reference/detection.md").read_text()
    [example] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    check("Detection", json.loads(Detection.from_json(example).to_json()))
    state = SourceState(source_id="dock-1", modality=Modality.AUDIO, state="gone", since_ms=1, at_ms=2)
    check("SourceState", json.loads(state.to_json()))
    with pytest.raises(jsonschema.ValidationError):
        check("SourceState", json.loads(state.to_json()) | {"state": "asleep"})


def test_a_dead_letters_headers_fit():
    record = OriginRecord("braid.video", 2, 41, b"dock-1", b"payload", (), 1_700_000_000_000)
    letter = DeadLetter.of(record, PoisonItem("ends early", code="video.truncated", stage="decode"))
    for sent in (letter, letter.without_payload()):
        check("DeadLetterHeaders", text_of(sent.encode()))
    assert SCHEMAS["DeadLetterHeaders"]["properties"].keys() == text_of(letter.without_payload().encode()).keys()


@pytest.mark.parametrize(
    "segment", [{"text": "hi"}, {"text": "hi", "words": [{"text": "h", "start_ms": 0, "end_ms": 9}]}]
)
def test_a_segment_that_fits_is_read(segment):
    check("Segment", segment)
    assert decode_transcript(json.dumps(segment).encode(), "application/json").text == "hi"


@given(st.one_of(st.from_regex(r"[A-Za-z0-9._ -]{1,130}", fullmatch=True), st.text(min_size=1, max_size=5)))
def test_the_key_pattern_is_the_one_in_force(key):
    try:
        source_id_of_key(key.encode())
        is_legal = True
    except PoisonItem:
        is_legal = False
    assert bool(re.fullmatch(SCHEMAS["SourceId"]["pattern"].strip("^$"), key, re.ASCII)) is is_legal
