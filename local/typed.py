"""JSON and plain values as typed ones, from any thread.

msgspec (0.22) learns a type's fields when it first decodes one, and keeps on the type what it has learnt so far: a
second thread that comes in the middle of that reads half of it, and the process ends with SIGSEGV. So a type is learnt
under a lock.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_learning = Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def from_json(content: bytes | str | msgspec.Raw, kind: type[T]) -> T:
    """The value in a JSON text; msgspec.DecodeError, UnicodeDecodeError or RecursionError where there is none."""
    found: T = _decoder(kind).decode(content)
    return found


def from_values(values: object, kind: type[T], *, strict: bool = True) -> T:
    """The value in what JSON, or metadata that is all text (`strict` False), holds; msgspec.ValidationError."""
    _decoder(kind)
    return msgspec.convert(values, kind, strict=strict)


def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    found = _decoders.get(kind)
    if found is None:
        with _learning:
            found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found
