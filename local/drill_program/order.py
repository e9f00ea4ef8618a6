"""What a drill is told to do: the one form that the order has, here where it is read and where it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

CHECK_SECONDS = 60.0


@dataclass(frozen=True)
class BackupOrder:
    """One backup to drill: where it is read and what was recorded of it (None: nothing).

    `url` and the `headers` that go with it are secrets. Sizes are bytes; `database_bytes` is that of the content, once
    it is unpacked. `sha256` pairs where a digest of the archive stands with the digest; `sidecar_problem` is why a
    restore by hand would refuse the backup; `etag` is which content of the blob is meant; `facts` what else the
    metadata tells of the content, by its names. `keep` is where the restored content stays if it passes: a path in a
    folder of this machine that the caller removes, never given to another machine.

    `SOURCE` is what the backup is of, as its record says; `RECORD_FIELDS` the fields by the names that they have in the
    record and in the metadata.
    """

    SOURCE: ClassVar[str]
    RECORD_FIELDS: ClassVar[Mapping[str, str]]

    name: str
    url: str = field(repr=False)
    gzip_bytes: int
    database_bytes: int | None
    sha256: Sequence[Sequence[str]]
    sidecar_problem: str | None
    raw_sha256: str | None
    etag: str | None
    facts: Mapping[str, int | str]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    keep: str | None = None


@dataclass(frozen=True)
class DatabaseOrder(BackupOrder):
    """One database's backup to drill.

    `tables` has the rows by table, `minimum` the floor by table. `checks` is SQL by name, each for at most
    `check_seconds`; `backup_time` is when the snapshot was taken, in RFC 3339.
    """

    SOURCE: ClassVar[str] = "database"
    RECORD_FIELDS: ClassVar[Mapping[str, str]] = {
        "raw_sha256": "raw_sha256",
        "raw_bytes": "database_bytes",
        "schema_sha256": "schema",
        "rows": "tables",
    }

    schema: str | None = None
    tables: Mapping[str, int] | None = None
    minimum: Mapping[str, int] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    check_seconds: float = CHECK_SECONDS
    backup_time: str | None = None


@dataclass(frozen=True)
class VolumeOrder(BackupOrder):
    """One volume's backup to drill: a tar.

    `files` and `file_bytes` are what `FileList` counts in it, `list_sha256` is its digest. What only the archive's own
    record tells: `outward`, the paths of the symlinks that lead out of the volume, and `databases`, by the path of each
    database in it its `raw_sha256`, `schema_sha256` and `rows` by table.
    """

    SOURCE: ClassVar[str] = "volume"
    RECORD_FIELDS: ClassVar[Mapping[str, str]] = {
        "raw_sha256": "raw_sha256",
        "raw_bytes": "database_bytes",
        "files": "files",
        "file_bytes": "file_bytes",
        "list_sha256": "list_sha256",
        "outward": "outward",
        "databases": "databases",
    }

    files: int | None = None
    file_bytes: int | None = None
    list_sha256: str | None = None
    outward: Sequence[str] | None = None
    databases: Mapping[str, Mapping[str, Any]] | None = None


def counts_of_files(files: int | None, file_bytes: int | None) -> dict[str, int] | None:
    """What is known of a volume's files, by the names that a result gives to the counts; None where that is nothing."""
    return None if files is None or file_bytes is None else {"files": files, "bytes": file_bytes}


@dataclass(frozen=True)
class DrillOrder:
    """The backups to drill within `deadline_seconds`.

    The line with the result has at most `line_characters`, its end included (None: as many as it takes). With
    `progress` the drill tells on stderr how far it is. `zlib_ng` is the file of that extension module on the
    machine that drills, which inflates faster than the standard library; never given to another machine.
    """

    nonce: str
    deadline_seconds: float
    line_characters: int | None
    progress: bool
    databases: Sequence[DatabaseOrder]
    volumes: Sequence[VolumeOrder] = ()
    zlib_ng: str | None = None


@dataclass(frozen=True)
class FetchOrder:
    """The part of an earlier answer that is to be printed, and the one after it.

    After the `last` nothing is kept of it, nor of the answer that it was made for instead (`superseded`, its nonce).
    """

    nonce: str
    part: int
    line_characters: int
    last: bool
    superseded: str | None = None


@dataclass(frozen=True)
class HandInOrder:
    """The earlier answer (`kept`, its nonce) that is to be put into the store by `url`, a secret link.

    Once it is there nothing is kept of it, nor of the shorter one that was made beside it (`superseded`). What came of
    it is an answer by itself, under `nonce`.
    """

    nonce: str
    kept: str
    url: str = field(repr=False)
    line_characters: int
    superseded: str | None = None
