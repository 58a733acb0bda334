"""The laws of reading transcript segments."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.errors import DecodeError
from processors.transcript import Segment, Word, decode_transcript

few = settings(max_examples=40)
CODES = {"transcript.format", "transcript.encoding", "transcript.schema"}


def fault_of(payload: bytes, content_type: str | None = "application/json") -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode_transcript(payload, content_type)
    return caught.value


def test_a_full_segment_is_read() -> None:
    record = {
        "text": "gate two",
        "duration_ms": 900,
        "language": "en-GB",
        "confidence": 1,
        "speaker": "guard",
        "words": [{"text": "gate", "start_ms": 0, "end_ms": 400}, {"text": "two", "start_ms": 400, "end_ms": 900}],
    }

    segment = decode_transcript(json.dumps(record).encode(), "application/json; charset=UTF-8")

    assert segment == Segment(
        text="gate two",
        duration_ms=900,
        language="en-GB",
        confidence=1.0,
        speaker="guard",
        words=(Word(text="gate", start_ms=0, end_ms=400), Word(text="two", start_ms=400, end_ms=900)),
    )


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents+json", "APPLICATION/JSON", None])
def test_json_is_known_by_its_type_or_its_first_brace(content_type: str | None) -> None:
    assert decode_transcript(b' {"text": "hello"}', content_type).text == "hello"


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=utf-8", None, ""])
def test_plain_text_is_a_segment_without_length(content_type: str | None) -> None:
    segment = decode_transcript("  grüß Gott\n".encode(), content_type)

    assert segment == Segment(text="grüß Gott")


def test_braces_in_plain_text_are_words() -> None:
    assert decode_transcript(b"{hello}", "text/plain").text == "{hello}"


def test_a_byte_order_mark_is_no_word() -> None:
    assert decode_transcript(b'\xef\xbb\xbf{"text": "a"}', "application/json").text == "a"


@pytest.mark.parametrize(
    ("payload", "path", "expected"),
    [
        (b"{}", "$.text", "required"),
        (b'{"text": 1}', "$.text", "string"),
        (b"[]", "$", "object"),
        (b'"hello"', "$", "object"),
        (b'{"text": "a"', "$", "JSON"),
        (b'{"text": "a", "duration_ms": "9"}', "$.duration_ms", "integer"),
        (b'{"text": "a", "duration_ms": true}', "$.duration_ms", "integer"),
        (b'{"text": "a", "duration_ms": -1}', "$.duration_ms", "greater"),
        (b'{"text": "a", "confidence": 1.5}', "$.confidence", "less"),
        (b'{"text": "a", "confidence": NaN}', "$.confidence", "finite"),
        (b'{"text": "a", "durationms": 5}', "$.durationms", "not permitted"),
        (b'{"text": "a", "words": [{"text": "a"}]}', "$.words[0].start_ms", "required"),
        (b'{"text": "a", "words": [{"text": "a", "start_ms": 5, "end_ms": 4}]}', "$.words[0]", "before start_ms"),
        (b'{"text": ' + b"[" * 100_000, "$", "JSON"),
    ],
)
def test_json_that_is_no_transcript_is_told_by_path_and_expectation(payload: bytes, path: str, expected: str) -> None:
    fault = fault_of(payload)

    assert fault.code == "transcript.schema"
    assert f"at {path} " in str(fault)
    assert expected in str(fault)
    assert len(str(fault)) < 400


def test_bytes_that_are_not_utf8_are_told_by_their_place() -> None:
    fault = fault_of(b"ole\xe9", None)

    assert fault.code == "transcript.encoding"
    assert "byte 3" in str(fault)


def test_another_charset_is_not_guessed() -> None:
    assert fault_of(b"hello", "text/plain; charset=latin-1").code == "transcript.encoding"


def test_another_content_type_is_no_transcript() -> None:
    assert fault_of(b"hello", "image/png").code == "transcript.format"


@few
@given(
    payload=st.binary(max_size=100)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "words", "x"]), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    content_type=st.sampled_from([None, "application/json", "text/plain", "a", ";", "text/plain; charset"]),
)
def test_no_payload_raises_anything_but_decode_errors(payload: bytes, content_type: str | None) -> None:
    try:
        answer: str = decode_transcript(payload, content_type).text
    except DecodeError as error:
        answer = error.code
        known = answer in CODES
    else:
        known = True

    assert known, answer
