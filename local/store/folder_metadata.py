"""What is known of an archive in a folder: from the `.json` beside it if it is of this very content, else from the
archive's own record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.drill_program.record import END, RecordError
from local.store import archive_end, layout
from local.store.folder_names import METADATA_SUFFIX, SIDECAR_SUFFIX, beside
from local.store.interface import SMALL_BLOB_BYTES

# Names the content that the `.json` is of: the SHA-256 that the archive's end mark holds.
RECORD_KEY = "record_sha256"
# Metadata that agrees with nothing: what it stands for fails its drill by name, and stops no other.
UNREADABLE: Mapping[str, str] = {"sha256": "unreadable"}


def read(path: Path) -> Mapping[str, str]:
    """The metadata of the archive at `path`; empty for one of the former script without a digest beside it."""
    try:
        told = _read_json(beside(path, METADATA_SUFFIX))
        record = record_digest(path)
    except (OSError, ValueError, RecursionError):
        return UNREADABLE
    if record is None:
        return told or {}
    if told is not None and told.get(RECORD_KEY) == record:
        return {key: value for key, value in told.items() if key != RECORD_KEY}
    return _of_record(path)


def of_torn(path: Path, metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of an archive whose own record alone speaks, completed by the digest of the file; OSError.

    An archive of the former script has no record; its digest is the one in its sidecar, damaged or not.
    """
    if not metadata:
        told = layout.parse_sidecar(_read_or_nothing(beside(path, SIDECAR_SUFFIX)))
        return {"sha256": told} if told else {}
    return {**metadata, "sha256": digest_of(path)}


def encoded(path: Path, metadata: Mapping[str, str]) -> tuple[Path, bytes]:
    """The `.json` beside an archive, and what it is to hold."""
    record = record_digest(path)
    fields = {**metadata, RECORD_KEY: record} if record else dict(metadata)
    return beside(path, METADATA_SUFFIX), json.dumps(fields, indent=1).encode() + b"\n"


def record_digest(path: Path) -> str | None:
    """The SHA-256 of the archive's record, as its end mark says; None without one. OSError where it can't be read."""
    with path.open("rb") as file:
        mark = archive_end.read_end_mark(file, path.stat().st_size)
    return END.unpack(mark)[2].hex() if mark else None


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; OSError where it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_record(path: Path) -> Mapping[str, str]:
    try:
        with path.open("rb") as file:
            found = archive_end.read_record(file, path.stat().st_size)
        return layout.encode_metadata(layout.recorded_in(found.fields)) if found else UNREADABLE
    except (OSError, ValueError, RecordError):
        return UNREADABLE


def _read_or_nothing(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SMALL_BLOB_BYTES)
    except FileNotFoundError:
        return b""


def _read_json(path: Path) -> dict[str, str] | None:
    """The fields, all as text; None if there is no such file, ValueError if it is no mapping."""
    try:
        with path.open("rb") as file:
            content = file.read(SMALL_BLOB_BYTES + 1)
    except FileNotFoundError:
        return None
    fields: Any = json.loads(content) if len(content) <= SMALL_BLOB_BYTES else None
    if not isinstance(fields, dict):
        raise ValueError("no mapping")
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
