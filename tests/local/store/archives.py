"""Archives of the length that a test can read, and the ways to put them into a store and to look at them there."""

from __future__ import annotations

from urllib.request import urlopen

from local.archive import gzip_member
from local.archive.gzip_member import Block
from local.store.interface import Entry, Store

NAME = "sqlite/2026-05-05/costs.db.gz"
NEXT_DAY = "sqlite/2026-05-06/costs.db.gz"
METADATA = {"sha256": "a" * 64, "taken": "2026-05-05T04:00:00.000Z"}
LATER = {"sha256": "b" * 64, "taken": "2026-05-05T08:00:00.000Z"}
RAW_BLOCKS = [bytes([number]) * 5000 for number in range(4)]
BLOCKS = [gzip_member.compress(raw) for raw in RAW_BLOCKS]


def put(store: Store, blocks: list[Block], metadata: dict[str, str], name: str = NAME) -> None:
    """Commit an archive of these blocks under `name`."""
    with store.upload(name, None) as upload:
        for block in blocks:
            upload.put(block.id, block.data)
        upload.commit(metadata)


def joined(blocks: list[Block]) -> bytes:
    """The archive that these blocks make."""
    return b"".join(block.data for block in blocks)


def content_of(store: Store, entry: Entry) -> bytes:
    """What a drill reads by the entry's link."""
    with urlopen(store.link(entry, 60)) as answer:
        content: bytes = answer.read()
    return content


def entries_by_version(store: Store) -> dict[str | None, Entry]:
    """Every content of NAME; None is the current one's version."""
    return {entry.version: entry for entry in store.entries("sqlite") if entry.name == NAME}


def current(store: Store, name: str = NAME) -> Entry:
    """The only current content of `name`."""
    (entry,) = (entry for entry in store.entries("sqlite") if entry.name == name and entry.version is None)
    return entry
