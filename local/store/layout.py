"""What stands beside an archive in the store: the sidecar's line, and the metadata that a backup carries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from local import clock
from local.typed import from_values

# Azure keeps 8 KiB of metadata a blob, names and values together; the other fields need less than 1 KiB. A longer list
# of tables stands in the archive's own record alone.
ROWS_LIMIT_BYTES = 6 * 1024
EPOCH = datetime.fromtimestamp(0, UTC)
CONTENT_TYPE = "application/gzip"
# The metadata of an archive whose upload has begun and has not come to its commit.
SEED_KEY = "seeded_from"
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_NUMBERS = (
    "raw_bytes",
    "page_size",
    "page_count",
    "user_version",
    "row_total",
    "added_bytes",
    "files",
    "file_bytes",
    "changing",
)
_TIMES = ("taken", "unchanged_until", "content_since")
# What is known of a point or of its archive as a whole, and so not of the content in it.
_NOT_IN_THE_RECORD = ("taken", "unchanged_until", "sha256", "added_bytes")


class BackupRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a backup says of itself; None is what it does not say (the former script's backups say nothing).

    Three times in UTC: `taken` is this point's snapshot, `unchanged_until` the newest run that found the content the
    same, `content_since` when this very archive was first made. Sizes are bytes, `rows` the count of each table,
    `added_bytes` what of the archive was not in the store before.

    A backup is of a `database` or of a `volume`; what it holds of a volume is a tar of `raw_bytes`, in which `files`
    have `file_bytes`, `list_sha256` is the digest of the list of them, and `changing` of them did not stand still.
    """

    database: str | None = None
    volume: str | None = None
    taken: Moment | None = None
    unchanged_until: Moment | None = None
    content_since: Moment | None = None
    sha256: Sha256 | None = None
    raw_sha256: Sha256 | None = None
    raw_bytes: Size | None = None
    page_size: Size | None = None
    page_count: Size | None = None
    user_version: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    schema_sha256: Sha256 | None = None
    rows: dict[str, Size] | None = None
    row_total: Size | None = None
    added_bytes: Size | None = None
    files: Size | None = None
    file_bytes: Size | None = None
    list_sha256: Sha256 | None = None
    changing: Size | None = None
    sqlite: str | None = None
    tool: str | None = None


def sidecar_name(data: str) -> str:
    """The blob that holds the digest of `data`."""
    return f"{data}.sha256"


def sidecar_line(sha256: str, data: str) -> bytes:
    """The sidecar's whole content, as `sha256sum` writes it and `sha256sum -c` reads it."""
    return f"{sha256}  {data.rpartition('/')[2]}\n".encode()


def parse_sidecar(content: bytes) -> str | None:
    """The digest in a sidecar, whatever file name stands behind it; None if its first line holds none.

    sha256sum starts the line with a backslash when it had to escape the name.
    """
    match = re.match(rb"\\?([0-9a-fA-F]{64}) [ *]\S", content)
    return match[1].decode().lower() if match else None


def is_unfinished(metadata: Mapping[str, str]) -> bool:
    """Whether this blob is an upload that never came to its commit, and so no backup."""
    return SEED_KEY in metadata


def encode_metadata(recorded: BackupRecord) -> dict[str, str]:
    """ASCII text by key, as blob metadata takes it."""
    fields = _fields(recorded)
    if recorded.rows is not None:
        fields["rows"] = json.dumps(recorded.rows, separators=(",", ":"))
        if len(fields["rows"]) > ROWS_LIMIT_BYTES:
            del fields["rows"]
    return {key: str(value) for key, value in fields.items()}


def own_types(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The same in JSON's own types: numbers, and the table of rows as an object; what does not read stays text."""
    return {key: _own_type(key, text) for key, text in metadata.items()}


def decode_metadata(metadata: Mapping[str, str]) -> BackupRecord:
    """What the blob's metadata records; a field that does not read as it should is a contradiction, not absent.

    Raises ValueError with the field's name. Keys of others are left alone.
    """
    fields: dict[str, Any] = {key.lower(): value for key, value in metadata.items()}
    known = {key: fields[key] for key in BackupRecord.__struct_fields__ if key in fields}
    try:
        if "rows" in known:
            known["rows"] = json.loads(known["rows"])
        return _refuse_untellable(from_values(known, BackupRecord, strict=False))
    except (ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"the backup's metadata cannot be read: {error}") from error


def record_of(recorded: BackupRecord) -> dict[str, Any]:
    """What the archive itself is to say of its content; neither its own digest nor when it was found again."""
    return {key: value for key, value in _fields(recorded).items() if key not in _NOT_IN_THE_RECORD}


def recorded_in(record: Mapping[str, Any]) -> BackupRecord:
    """What an archive's record says of the content, which was taken when the archive was made; ValueError."""
    fields = [key for key in BackupRecord.__struct_fields__ if key not in _NOT_IN_THE_RECORD]
    known = {key: record[key] for key in fields if key in record}
    try:
        recorded = _refuse_untellable(from_values(known, BackupRecord))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"the archive's record cannot be read: {error}") from error
    return changed(recorded, taken=recorded.content_since)


def changed(recorded: BackupRecord, **fields: Any) -> BackupRecord:
    """The same with other values in some fields."""
    return msgspec.structs.replace(recorded, **fields)


def _own_type(key: str, text: str) -> Any:
    if key in _NUMBERS and re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII):
        return int(text)
    if key == "rows":
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return text


def _refuse_untellable(recorded: BackupRecord) -> BackupRecord:
    """The same; ValueError or OverflowError where it could not be told again.

    That is half of a surrogate pair in a text, which UTF-8 has not, and a time that leaves the calendar in UTC.
    """
    for name in _TIMES:
        moment = getattr(recorded, name)
        if moment:
            clock.timestamp(moment)
    for text in (recorded.database, recorded.volume, recorded.sqlite, recorded.tool, *(recorded.rows or ())):
        (text or "").encode()
    return recorded


def _fields(recorded: BackupRecord) -> dict[str, Any]:
    """The fields that say something, times as RFC 3339 with milliseconds."""
    fields: dict[str, Any] = msgspec.to_builtins(recorded)
    for name in _TIMES:
        moment = getattr(recorded, name)
        if moment:
            fields[name] = clock.timestamp(moment)
    return fields
