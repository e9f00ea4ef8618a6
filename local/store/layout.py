"""What stands in the store: blob names, the sidecar's line, and the metadata that a backup carries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from local import clock
from local.drill_program.tables import tables_record

# Azure keeps 8 KiB of metadata a blob, names and values together; the other fields need less than 1 KiB.
ROWS_LIMIT_BYTES = 6 * 1024
# The metadata of an archive whose upload has begun and has not come to its commit.
SEED_KEY = "seeded_from"
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, msgspec.Meta(ge=0)]


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a backup says of itself; None is what it does not say (the former script's backups say nothing).

    `taken` is the snapshot's time in UTC, sizes are bytes, `rows` is one of the forms of `tables.tables_record`,
    `added_bytes` what of the archive was not in the store before.
    """

    database: str | None = None
    taken: datetime | None = None
    sha256: Sha256 | None = None
    raw_sha256: Sha256 | None = None
    raw_bytes: Size | None = None
    page_size: Size | None = None
    page_count: Size | None = None
    user_version: int | None = None
    schema_sha256: Sha256 | None = None
    rows: dict[str, Any] | None = None
    row_total: Size | None = None
    added_bytes: Size | None = None
    sqlite: str | None = None
    tool: str | None = None


def data_name(prefix: str, day: date, database: str) -> str:
    """The blob of a database's backups of one UTC day."""
    return f"{prefix}/{day.isoformat()}/{database}.db.gz"


def sidecar_name(data: str) -> str:
    """The blob that holds the digest of `data`."""
    return f"{data}.sha256"


def parse_data_name(prefix: str, name: str) -> tuple[date, str] | None:
    """The UTC day and the database of a data blob's name; None for any other blob."""
    match = re.fullmatch(re.escape(prefix) + r"/(\d{4}-\d\d-\d\d)/([a-z0-9][a-z0-9._-]*)\.db\.gz", name)
    if not match:
        return None
    try:
        return date.fromisoformat(match[1]), match[2]
    except ValueError:
        return None


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


def rows_record(rows: Mapping[str, int]) -> dict[str, Any]:
    """Every table's count in the longest form that Azure's metadata has room for; each form compares every count."""
    return tables_record(dict(rows), ROWS_LIMIT_BYTES)


def encode_metadata(recorded: Recorded) -> dict[str, str]:
    """ASCII text by key, as blob metadata takes it."""
    fields = msgspec.to_builtins(recorded)
    if recorded.taken:
        fields["taken"] = clock.timestamp(recorded.taken)
    if recorded.rows is not None:
        fields["rows"] = json.dumps(recorded.rows, separators=(",", ":"))
    return {key: str(value) for key, value in fields.items()}


def decode_metadata(metadata: Mapping[str, str]) -> Recorded:
    """What the blob's metadata records; a field that does not read as it should is a contradiction, not absent.

    Raises ValueError with the field's name. Keys of others are left alone.
    """
    fields: dict[str, Any] = {key.lower(): value for key, value in metadata.items()}
    known = {key: fields[key] for key in Recorded.__struct_fields__ if key in fields}
    try:
        if "rows" in known:
            known["rows"] = json.loads(known["rows"])
        return msgspec.convert(known, Recorded, strict=False)
    except (msgspec.ValidationError, json.JSONDecodeError) as error:
        raise ValueError(f"the backup's metadata cannot be read: {error}") from error
