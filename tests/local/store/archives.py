"""Archives of the length that a test can read, and the ways to put them into a store and to look at them there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from urllib.request import urlopen

from local.archive.gzip_member import compress
from local.archive.trailer import trailer
from local.store import layout
from local.store.azure_blocks import BLOCK_BYTES
from local.store.interface import Entry, Store
from local.store.layout import BackupRecord

NAME = "sqlite/2026-05-05/costs.db.gz"
NEXT_DAY = "sqlite/2026-05-06/costs.db.gz"
FIRST_TAKEN = datetime(2026, 5, 5, 4, tzinfo=UTC)
LATER_TAKEN = datetime(2026, 5, 5, 8, tzinfo=UTC)
LAST_TAKEN = datetime(2026, 5, 5, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Archive:
    """A whole archive: gzip members, the record of what is in them, the end mark; and the metadata of its point."""

    raw: bytes
    members: tuple[bytes, ...]
    recorded: BackupRecord

    @cached_property
    def end(self) -> bytes:
        """The record and the end mark."""
        return b"".join(trailer(layout.record_of(self.recorded), sum(map(len, self.members))))

    @cached_property
    def content(self) -> bytes:
        """All its bytes, as they stand in the store."""
        return b"".join((*self.members, self.end))

    @cached_property
    def sha256(self) -> str:
        """The digest of its bytes."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def metadata(self) -> Mapping[str, str]:
        """What the store keeps beside it."""
        return layout.encode_metadata(layout.changed(self.recorded, sha256=self.sha256))

    def at(self, taken: datetime) -> Mapping[str, str]:
        """The metadata of the same content as a point of another time."""
        return layout.encode_metadata(layout.changed(self.recorded, sha256=self.sha256, taken=taken))


def archive_of(raws: Sequence[bytes], taken: datetime) -> Archive:
    """Each of the raw parts is a member."""
    raw = b"".join(raws)
    recorded = BackupRecord(
        database="costs",
        taken=taken,
        content_since=taken,
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        raw_bytes=len(raw),
        rows={"runs": len(raws)},
        row_total=len(raws),
    )
    return Archive(raw, tuple(compress(part) for part in raws), recorded)


def random_parts(seed: int, count: int, size: int = BLOCK_BYTES) -> list[bytes]:
    """Parts that no compression makes smaller, so that each member is a block of its own in Azure."""
    source = random.Random(seed)
    return [source.randbytes(size) for _ in range(count)]


FIRST = archive_of([bytes([number]) * 5000 for number in range(2)], FIRST_TAKEN)
LATER = archive_of([bytes([number]) * 5000 for number in range(2, 4)], LATER_TAKEN)
LAST = archive_of([bytes([number]) * 5000 for number in range(4, 7)], LAST_TAKEN)


def put(store: Store, archive: Archive, name: str = NAME, base: Entry | None = None) -> None:
    """Commit the archive under `name`, every byte sent."""
    with store.upload(name, base) as upload:
        for member in archive.members:
            upload.send(member)
        upload.send(archive.end)
        upload.commit(archive.metadata)


def content_of(store: Store, entry: Entry) -> bytes:
    """What a drill reads by the entry's link."""
    with urlopen(store.link(entry, 60)) as answer:
        content: bytes = answer.read()
    return content


def entries_by_version(store: Store) -> dict[str | None, Entry]:
    """Every content of NAME; None is the current one's version."""
    return {entry.version: entry for entry in store.entries("sqlite") if entry.name == NAME}


def contents(store: Store) -> set[bytes]:
    """Every content of NAME, the former ones included."""
    return {content_of(store, entry) for entry in entries_by_version(store).values()}


def current(store: Store, name: str = NAME) -> Entry:
    """The only current content of `name`."""
    (entry,) = (entry for entry in store.entries("sqlite") if entry.name == name and entry.version is None)
    return entry


def former(store: Store) -> Entry:
    """The only former content of NAME."""
    (entry,) = (entry for version, entry in entries_by_version(store).items() if version)
    return entry
