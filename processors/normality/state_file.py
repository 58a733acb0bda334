"""A small versioned binary file: a header in JSON and groups of named arrays. The same state gives the same bytes.

Layout: the magic, the layout's number and the header's length as little-endian uint16 and uint32, the header, the
arrays one after another, and the first eight bytes of the SHA-256 of all before.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError

__all__ = ["LAYOUT", "Groups", "pack_state", "unpack_state"]

LAYOUT: Final = 4
"""Number of the layout; a file of another is refused."""

Groups = Mapping[str, Mapping[str, npt.NDArray[Any]]]
"""Arrays of one state each, by the state's name."""

_MAGIC: Final = b"BNRM"
_HEAD: Final = struct.Struct("<4sHI")
_CHECK_BYTES: Final = 8
_TYPES: Final = ("|u1", "|i1", "<f2", "<f4", "<f8", "<i2", "<i4", "<i8", "<u2", "<u4")


def pack_state(header: Mapping[str, Any], groups: Groups) -> bytes:
    """Write a state.

    Args:
        header: what JSON can say.
        groups: arrays of numbers, by group and name; any shape.
    """
    schemas: list[list[str]] = []
    index: dict[str, list[Any]] = {}
    body = b""
    for group, state in sorted(groups.items()):
        names = sorted(state)
        # Many groups have arrays of the same names, which would fill a tenth of a baseline.
        if names not in schemas:
            schemas.append(names)
        little = [state[name].astype(state[name].dtype.newbyteorder("<"), copy=False) for name in names]
        index[group] = [schemas.index(names), *(f"{each.dtype.str}{list(each.shape)}" for each in little)]
        body += b"".join(np.ascontiguousarray(each).tobytes() for each in little)
    about = {"about": header, "schemas": schemas, "groups": index}
    text = json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
    data = _HEAD.pack(_MAGIC, LAYOUT, len(text)) + text + body
    return data + hashlib.sha256(data).digest()[:_CHECK_BYTES]


def unpack_state(data: bytes) -> tuple[dict[str, Any], Groups]:
    """Read what `pack_state` wrote: the header and the groups.

    Raises:
        ModelError: the bytes are something else, damaged, truncated, or of another layout.
    """
    if len(data) < _HEAD.size + _CHECK_BYTES or data[: len(_MAGIC)] != _MAGIC:
        raise ModelError(
            f"{len(data)} bytes that begin with {data[:4]!r} are no baseline, which begins with {_MAGIC!r}"
        )
    _, layout, length = _HEAD.unpack_from(data)
    if layout != LAYOUT:
        raise ModelError(
            f"a baseline of layout {layout}; this version reads layout {LAYOUT}: reset it, and let it relearn"
        )
    content, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if hashlib.sha256(content).digest()[:_CHECK_BYTES] != check:
        raise ModelError(f"{len(data)} bytes of a baseline are truncated or damaged: their check sum differs")
    try:
        return _read(content[_HEAD.size :], length)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{len(data)} bytes are not the state of a baseline: {error}") from error


def _read(content: bytes, length: int) -> tuple[dict[str, Any], Groups]:
    text = json.loads(content[:length])
    at = length
    groups: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for group, (schema, *arrays) in sorted(text["groups"].items()):
        groups[group] = {}
        for name, told in zip(text["schemas"][schema], arrays, strict=True):
            kind, shape = told[:3], json.loads(told[3:])
            if kind not in _TYPES:
                raise ValueError(f"array {name} is of type {kind}, expected one of {', '.join(_TYPES)}")
            dtype = np.dtype(kind)
            count = int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(content, dtype, count, at).reshape(shape)
            groups[group][name] = array.astype(dtype.newbyteorder("="))
            at += dtype.itemsize * count
    if at != len(content):
        raise ValueError(f"{len(content) - at} bytes are left over")
    return text["about"], groups
