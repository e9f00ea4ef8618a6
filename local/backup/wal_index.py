"""Whether a WAL database's `-wal` holds frames that no reader sees yet: a commit that is under way, or one cut short.

A commit is visible once it stands in the index (`-shm`), and its frames stand in the `-wal` before that, for as long as
the disk takes to sync them. A copy that was begun meanwhile lacks it, though no byte of the files changes any more.
The formats: https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

# Two copies of: version, unused, changes, whether it is initialized, byte order, page size, last committed frame,
# pages, checksum of that frame, salt, checksum of this header.
_INDEX_HEADER = struct.Struct("=IIIBBHII8s8s8s")
_VERSION = 3_007_000
_WAL_HEADER_BYTES = 32
# Page, size of the database after a commit, salt, checksum.
_FRAME_HEADER = struct.Struct(">II8s8s")
# 65,536 does not fit in 16 bits.
_LARGEST_PAGE = {1: 65_536}

# Open for good, by device and inode: closing any descriptor of a file drops the locks that another thread's connection
# has on it (POSIX).
_descriptors: dict[tuple[int, int], int] = {}


def is_all_committed(path: Path) -> bool:
    """Whether all that the `-wal` of a database holds is committed and visible; False also where that is not known.

    Frames of a former round have another salt, and those of a commit under way come right behind the last visible one.
    An index without a frame is that of a round that has not begun, or of another `-wal`.
    `path` is the database file, behind its symlinks.
    """
    wal = path.with_name(path.name + "-wal")
    try:
        if not wal.exists() or wal.stat().st_size == 0:
            return True
        header = _index_header(path.with_name(path.name + "-shm"))
        return header is not None and _ends_with_the_last(wal, *header)
    except (OSError, struct.error):
        return False


def _index_header(shm: Path) -> tuple[int, int, bytes] | None:
    """Page size, last committed frame and salt; None where the index is being written or is of no known format."""
    found = shm.stat()
    descriptor = _descriptors.get((found.st_dev, found.st_ino))
    if descriptor is None:
        descriptor = os.open(shm, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        opened = os.fstat(descriptor)
        _descriptors[opened.st_dev, opened.st_ino] = descriptor
    both = os.pread(descriptor, 2 * _INDEX_HEADER.size, 0)
    first, second = both[: _INDEX_HEADER.size], both[_INDEX_HEADER.size :]
    version, _, _, initialized, _, page_size, last_frame, _, _, salt, _ = _INDEX_HEADER.unpack(first)
    if first != second or version != _VERSION or not initialized:
        return None
    return _LARGEST_PAGE.get(page_size, page_size), last_frame, salt


def _ends_with_the_last(wal: Path, page_size: int, last_frame: int, salt: bytes) -> bool:
    """Whether the last visible frame is of this round, and the one behind it is not."""
    if last_frame == 0:
        return False
    frame_bytes = _FRAME_HEADER.size + page_size
    with wal.open("rb") as file:
        offset = _WAL_HEADER_BYTES + (last_frame - 1) * frame_bytes
        last, following = (_salt_at(file.fileno(), place) for place in (offset, offset + frame_bytes))
    return last == salt and following != salt


def _salt_at(wal: int, offset: int) -> bytes | None:
    header = os.pread(wal, _FRAME_HEADER.size, offset)
    return header[8:16] if len(header) == _FRAME_HEADER.size else None
