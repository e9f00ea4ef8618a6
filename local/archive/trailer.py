"""The record as it is written at an archive's end; `local.drill_program.record` says what it is, and reads it."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

from local.drill_program.record import (
    EMPTY_BODY,
    END,
    END_FIELD,
    EXTRA_BYTES_MAX,
    GZIP_WITH_EXTRA,
    HEADER,
    OS_UNKNOWN,
    PIECE_FIELD,
    SUBFIELD_HEADER_BYTES,
)


def trailer(record: dict[str, Any], offset: int) -> list[bytes]:
    """The members that follow `offset` bytes of an archive: the record's pieces, and the end mark last."""
    payload = zlib.compress(json.dumps(record, sort_keys=True, separators=(",", ":")).encode(), 9)
    step = EXTRA_BYTES_MAX - SUBFIELD_HEADER_BYTES
    pieces = [payload[at : at + step] for at in range(0, len(payload), step)]
    mark = END.pack(offset, len(payload), hashlib.sha256(payload).digest())
    return [*(empty_member(PIECE_FIELD, piece) for piece in pieces), empty_member(END_FIELD, mark)]


def empty_member(field: bytes, data: bytes) -> bytes:
    """A gzip member without content, whose extra field holds `data`."""
    size = SUBFIELD_HEADER_BYTES + len(data)
    return HEADER.pack(GZIP_WITH_EXTRA, 0, OS_UNKNOWN, size, field, len(data)) + data + EMPTY_BODY
