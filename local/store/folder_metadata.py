"""What is known of an archive in a folder: from the `.json` beside it if it is of this very content, else from the
archive's own record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from local.drill_program.record import END, RecordError
from local.store import archive_end, layout
from local.store.folder_names import METADATA_SUFFIX, SIDECAR_SUFFIX, beside
from local.store.interface import SMALL_BLOB_BYTES
from local.store.regular_file import open_regular

# Names the content that the `.json` is of: the SHA-256 that the archive's end mark holds.
RECORD_KEY = "record_sha256"
# Metadata that agrees with nothing: what it stands for fails its drill by name, and stops no other.
UNREADABLE: Mapping[str, str] = {"sha256": "unreadable"}


def read(path: Path, file: BinaryIO, size: int) -> Mapping[str, str]:
    """The metadata of the archive at `path`, opened as `file`; empty for the former script's; OSError.

    A `.json` that is damaged, or of another content, is as good as none where the archive has a record to speak for it.
    """
    mark = archive_end.read_end_mark(file, size)
    try:
        told = _read_json(beside(path, METADATA_SUFFIX))
    except (OSError, ValueError, RecursionError):
        return _of_record(file, size) if mark else UNREADABLE
    if mark is None:
        return told or {}
    if told is not None and told.get(RECORD_KEY) == _digest_in(mark):
        return {key: value for key, value in told.items() if key != RECORD_KEY}
    return _of_record(file, size)


def is_torn(metadata: Mapping[str, str]) -> bool:
    """Whether the archive's own record alone speaks, which holds all but the digest of the whole file."""
    return bool(metadata) and "sha256" not in metadata


def completed(path: Path, metadata: Mapping[str, str]) -> Mapping[str, str]:
    """The metadata with the archive's digest, a torn one's own, the former script's as its sidecar says; OSError.

    What says its digest already is believed, or a rotten file would be given the digest that it has now.
    """
    if is_torn(metadata):
        return {**metadata, "sha256": digest_of(path)}
    told = None if metadata else layout.parse_sidecar(_read_or_nothing(beside(path, SIDECAR_SUFFIX)))
    return {"sha256": told} if told else metadata


def encoded(path: Path, metadata: Mapping[str, str]) -> tuple[Path, bytes]:
    """The `.json` beside an archive, and what it is to hold; OSError."""
    with open_regular(path) as file:
        mark = archive_end.read_end_mark(file, path.stat().st_size)
    fields = layout.own_types(metadata)
    if mark:
        fields[RECORD_KEY] = _digest_in(mark)
    return beside(path, METADATA_SUFFIX), json.dumps(fields, indent=1).encode() + b"\n"


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; OSError where it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_in(mark: bytes) -> str:
    return str(END.unpack(mark)[2].hex())


def _of_record(file: BinaryIO, size: int) -> Mapping[str, str]:
    try:
        found = archive_end.read_record(file, size)
        return layout.encode_metadata(layout.recorded_in(found.fields)) if found else UNREADABLE
    except (ValueError, RecordError):
        return UNREADABLE


def _read_or_nothing(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(SMALL_BLOB_BYTES)
    except FileNotFoundError:
        return b""


def _read_json(path: Path) -> dict[str, str] | None:
    """The fields, all as text; None if there is no such file, ValueError if it is no mapping."""
    try:
        with open_regular(path) as file:
            content = file.read(SMALL_BLOB_BYTES + 1)
    except FileNotFoundError:
        return None
    fields: Any = json.loads(content) if len(content) <= SMALL_BLOB_BYTES else None
    if not isinstance(fields, dict):
        raise ValueError("no mapping")
    return {str(key): value if isinstance(value, str) else _text(value) for key, value in fields.items()}


def _text(value: object) -> str:
    """As metadata takes it."""
    return json.dumps(value, separators=(",", ":"))
