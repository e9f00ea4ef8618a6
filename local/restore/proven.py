"""A backup that was fetched and proven: the private copy that a live database is restored from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProvenCopy:
    """A restored backup that passed the whole drill: a private file (0600, in a folder 0700) without sidecars.

    The journal mode in its header is the backup's, "delete" or "wal". `rows` were counted in it, by table;
    `database` is its name in the configuration, `backup_time` when it was taken, in RFC 3339; None where not known.
    """

    path: Path
    rows: Mapping[str, int]
    schema_sha256: str
    database: str | None = None
    backup_time: str | None = None
