"""Where an archive's bytes go while it is written: into the store, into a copy on this machine, and into its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from local.archive.cache import ArchiveCopy
from local.archive.trailer import trailer
from local.store.interface import Upload


@dataclass(frozen=True)
class WholeArchive:
    """A finished archive: its SHA-256, its size, and what of it the former one did not hold; sizes in bytes."""

    sha256: str
    gzip_bytes: int
    added_bytes: int


class ArchiveSink:
    """One archive, from its first member to its end mark."""

    def __init__(self, upload: Upload, copy: ArchiveCopy) -> None:
        self._upload = upload
        self._copy = copy
        self._digest = hashlib.sha256()
        self._size = 0
        self._added = 0

    def send(self, data: bytes) -> None:
        """The next bytes, which the former archive does not hold."""
        self._upload.send(data)
        self._added += len(data)
        self._take(data)
        self._copy.write(data)

    def reuse(self, offset: int, data: bytes, *, is_read: bool) -> None:
        """The next bytes, which stand at `offset` of the former archive; `is_read` from this machine's copy of it.

        What was made anew although it stands there was damaged in that copy, so the next one has it anew too.
        """
        self._upload.reuse(offset, data)
        self._take(data)
        if is_read:
            self._copy.reuse(offset, data)
        else:
            self._copy.write(data)

    def finish(self, record: dict[str, Any]) -> WholeArchive:
        """The record and the end mark; nothing is committed yet."""
        for member in trailer(record, self._size):
            self.send(member)
        return WholeArchive(self._digest.hexdigest(), self._size, self._added)

    def _take(self, data: bytes) -> None:
        self._digest.update(data)
        self._size += len(data)
