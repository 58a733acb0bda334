"""Transcript segments: JSON or plain text to words that a model can read."""

from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from processors._content_type import parse_content_type
from processors.errors import DecodeError

__all__ = ["Segment", "Word", "decode_transcript"]

_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

Milliseconds = Annotated[int, Field(ge=0, le=2**53)]


class Word(BaseModel):
    """One word of a segment.

    Attributes:
        text: the word.
        start_ms: from the segment's start.
        end_ms: from the segment's start, exclusive.
    """

    model_config = _STRICT

    text: str
    start_ms: Milliseconds
    end_ms: Milliseconds

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end_ms < self.start_ms:
            raise ValueError(f"end_ms {self.end_ms} is before start_ms {self.start_ms}")
        return self


class Segment(BaseModel):
    """What was said in a piece of time.

    Attributes:
        text: the words, as one string.
        duration_ms: how long it took; None if the recogniser does not say.
        language: a BCP 47 tag, as the recogniser gives it.
        confidence: the recogniser's own, 0..1.
        speaker: a name or label.
        words: each with its time, where known.
    """

    model_config = _STRICT

    text: str
    duration_ms: Milliseconds | None = None
    language: str | None = None
    confidence: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    speaker: str | None = None
    words: tuple[Word, ...] = ()


def decode_transcript(payload: bytes, content_type: str | None) -> Segment:
    """Reads one segment. Pure and thread-safe.

    Args:
        payload: JSON or plain text, UTF-8.
        content_type: of the payload; None for a bare record, where a first `{` means JSON.

    Returns:
        The segment; of plain text only `text` is known, without white space around it.

    Raises:
        DecodeError: `transcript.format` (another content type), `transcript.encoding` (not UTF-8), or
            `transcript.schema` (JSON that is no segment; the message names the path, what was got and expected).
    """
    kind, parameters = parse_content_type(content_type)
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        raise DecodeError("transcript.encoding", f"charset {charset!r} is not read here; send transcripts as UTF-8")
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecodeError(
            "transcript.encoding", f"byte {error.start} of {len(payload)} is not UTF-8 ({error.reason}); send UTF-8"
        ) from error
    is_json = kind == "application/json" or kind.endswith("+json") or (not kind and text.lstrip().startswith("{"))
    if is_json:
        return _parse(text)
    if kind and not kind.startswith("text/"):
        raise DecodeError("transcript.format", f"{kind!r} is no transcript; expected application/json or text/plain")
    return Segment(text=text.strip())


def _parse(text: str) -> Segment:
    try:
        return Segment.model_validate_json(text)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        first = faults[0]
        raise DecodeError(
            "transcript.schema",
            f"not a transcript segment: at {_path(first['loc'])} {first['msg']}, got {_shown(first['input'])}{more}; "
            'expected {"text": string, "duration_ms"?, "language"?, "confidence"?, "speaker"?, "words"?}',
        ) from error


def _path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
