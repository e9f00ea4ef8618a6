"""A former archive of a content whose bytes are on this machine."""

from __future__ import annotations

from pathlib import Path

from local.archive.chunks import SMALL_BYTES
from local.archive.former import FormerArchive
from local.archive.gzip_member import Member, compress, describe


def chunks_of(content: bytes) -> list[bytes]:
    """As a first archive is cut."""
    return [content[at : at + SMALL_BYTES] for at in range(0, len(content), SMALL_BYTES)]


def members_of(content: bytes) -> tuple[Member, ...]:
    """The table of such an archive."""
    return tuple(describe(raw, compress(raw)) for raw in chunks_of(content))


def kept_archive_of(content: bytes, path: Path) -> FormerArchive:
    """The archive, written to `path`."""
    path.write_bytes(b"".join(map(compress, chunks_of(content))))
    return FormerArchive(members_of(content), path)
