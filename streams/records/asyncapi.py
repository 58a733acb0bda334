"""The AsyncAPI document of Braid's topics, made from the types of this room.

python -m streams.records.asyncapi > docs/reference/asyncapi.yaml
"""

import sys
from typing import Any, Final

import yaml
from pydantic.json_schema import models_json_schema

from processors.modality import Modality
from processors.transcript import Segment
from streams.records.dead_letters import DROPPED_PAYLOAD_HEADERS, LETTER_HEADERS
from streams.records.detections import DETECTION_SCHEMA, Detection
from streams.records.items import ITEM_TYPES, MAX_SOURCE_ID_CHARS
from streams.records.source_states import SOURCE_STATE_SCHEMA, SourceState

__all__ = ["render_asyncapi"]

_HEAD = "# Made by `python -m streams.records.asyncapi`; a test compares.\n"
_KEY_NOTE: Final = (
    "Partition by murmur2 over the key, as Java's clients do; librdkafka needs `partitioner=murmur2_random`. The three "
    "media topics have equal numbers of partitions, so a source's frames, sound and words meet in one worker."
)
_BARE_NOTE: Final = (
    "A record without `ce_` headers is taken, too: its event time is its Kafka timestamp, its type the topic's, its "
    "format the payload's first bytes. An empty payload is a heartbeat: it moves the watermark and carries nothing."
)
_MEDIA: Final[dict[Modality, dict[str, Any]]] = {
    Modality.VIDEO: {
        "name": "videoFrame",
        "title": "One frame",
        "contentType": "image/jpeg",
        "payload": {"type": "string", "format": "binary", "description": "A whole JPEG, PNG or WebP file."},
    },
    Modality.AUDIO: {
        "name": "audioChunk",
        "title": "One chunk of sound",
        "contentType": "audio/pcm",
        "payload": {
            "type": "string",
            "format": "binary",
            "description": "Raw 16-bit samples (`audio/pcm` little-endian, `audio/L16` big-endian; with "
            "ce_samplerate), or a whole WAV or FLAC file.",
        },
    },
    Modality.TRANSCRIPT: {
        "name": "transcriptSegment",
        "title": "One transcript segment",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/Segment"},
    },
}


def render_asyncapi() -> str:
    """The document as YAML."""
    return _HEAD + yaml.safe_dump(_document(), sort_keys=False, allow_unicode=True, width=120)


def _document() -> dict[str, Any]:
    channels = {
        **{
            modality.value: _channel(f"braid.{modality}", [_MEDIA[modality]["name"]], "Read by workers.")
            for modality in Modality
        },
        "detections": _channel("braid.detections", ["detection", "sourceState"], "Told, for everyone who listens."),
        "deadLetters": _channel("braid.dead-letters", ["deadLetter"], "What could not be processed, with the reason."),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Braid",
            "version": "1",
            "description": "What Braid reads from Kafka and what it tells there. Addresses are the defaults of "
            "`kafka.topics`. The number is that of the record types, `v1`.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            name: {
                "action": "receive" if name in _media_names() else "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in channel["messages"]],
            }
            for name, channel in channels.items()
        },
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _media_names() -> set[str]:
    return {modality.value for modality in Modality}


def _channel(address: str, messages: list[str], description: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _messages() -> dict[str, Any]:
    media = {
        own["name"]: {
            **own,
            "description": _BARE_NOTE,
            "headers": {"$ref": f"#/components/schemas/{own['name']}Headers"},
            "bindings": _bindings("SourceId"),
        }
        for own in _MEDIA.values()
    }
    told = {
        "detection": {
            "name": DETECTION_SCHEMA,
            "title": "The model's answer for one revision of one window",
            "contentType": "application/json",
            "payload": {"$ref": "#/components/schemas/Detection"},
            "bindings": _bindings("GroupOrSource"),
        },
        "sourceState": {
            "name": SOURCE_STATE_SCHEMA,
            "title": "A modality of a source became awaited, live, idle or gone",
            "contentType": "application/json",
            "payload": {"$ref": "#/components/schemas/SourceState"},
            "bindings": _bindings("GroupOrSource"),
        },
        "deadLetter": {
            "name": "deadLetter",
            "title": "A record that could not be processed",
            "description": "Key and payload are the record's own. Its own headers come first, in order; those named "
            "here follow them, in this order, and are told from them by their place.",
            "contentType": "application/octet-stream",
            "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
            "payload": {
                "type": "string",
                "format": "binary",
                "description": "Empty where Kafka refused it as too large.",
            },
            "bindings": _bindings("AnyKey"),
        },
    }
    return media | told


def _bindings(key: str) -> dict[str, Any]:
    return {"kafka": {"key": {"$ref": f"#/components/schemas/{key}"}, "bindingVersion": "0.5.0"}}


def _schemas() -> dict[str, Any]:
    keys = {
        "SourceId": {
            "type": "string",
            "pattern": rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_SOURCE_ID_CHARS - 1}}}$",
            "description": f"Source id. {_KEY_NOTE}",
        },
        "GroupOrSource": {"type": "string", "description": "The source's group, or the source where it has none."},
        "AnyKey": {"type": "string", "description": "The record's own key; it may be missing or illegal."},
    }
    headers = {f"{own['name']}Headers": _event_headers(modality) for modality, own in _MEDIA.items()}
    return keys | headers | {"DeadLetterHeaders": _letter_headers()} | _models()


def _event_headers(modality: Modality) -> dict[str, Any]:
    """CloudEvents Kafka binding 1.0, binary mode. Headers are UTF-8 text."""
    number = {"type": "string", "pattern": "^[0-9]+$"}
    extensions = {
        Modality.VIDEO: {},
        Modality.AUDIO: {
            "ce_durationms": number | {"description": "Length; without it the payload's own."},
            "ce_samplerate": number | {"description": "Of raw samples, in hertz."},
            "ce_channels": number | {"description": "Of raw samples, interleaved; 1 when it is missing."},
        },
        Modality.TRANSCRIPT: {"ce_durationms": number | {"description": "Length; without it the payload's own."}},
    }
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": {
                "type": "string",
                "minLength": 1,
                "description": "Unique with ce_source; the same when sent again.",
            },
            "ce_source": {"type": "string", "minLength": 1},
            "ce_type": {"type": "string", "const": ITEM_TYPES[modality]},
            "ce_time": {
                "type": "string",
                "format": "date-time",
                "description": "Start of the item; without it the record's Kafka timestamp.",
            },
            "content-type": {"type": "string", "description": "Of the payload; without it told by its first bytes."},
            **extensions[modality],
        },
    }


def _letter_headers() -> dict[str, Any]:
    meanings = (
        "Stable code of the error.",
        "Where it was found out: header, decode, align, encode or fuse.",
        "What was wrong, for people.",
        "Topic that the record came by.",
        "Its partition.",
        "Its offset. Topic, partition and offset are the letter's identity, TOPIC-PARTITION-OFFSET.",
        "Its Kafka timestamp, epoch milliseconds.",
        "Only without payload: its size.",
        "Only without payload: its SHA-256, hex.",
    )
    names = (*LETTER_HEADERS, *DROPPED_PAYLOAD_HEADERS)
    return {
        "type": "object",
        "required": list(LETTER_HEADERS),
        "properties": {
            name: {"type": "string", "description": meaning} for name, meaning in zip(names, meanings, strict=True)
        },
    }


def _models() -> dict[str, Any]:
    _, document = models_json_schema(
        [(Detection, "serialization"), (SourceState, "serialization"), (Segment, "validation")],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
    )
    return {name: _described(schema) for name, schema in sorted(document["$defs"].items())}


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """With the first line of the docstring for a description: the fields have their own page."""
    description = schema.get("description")
    return schema | {"description": description.splitlines()[0]} if description else schema


if __name__ == "__main__":
    sys.stdout.write(render_asyncapi())
