"""A file's chunks, read whole or not at all."""

from __future__ import annotations

import os

from local.archive.chunks import Chunk


def read_chunk(file: int, chunk: Chunk) -> bytes:
    """The chunk's bytes; OSError where the file is shorter."""
    offset, length = chunk
    data = os.pread(file, length, offset)
    if len(data) != length:
        raise OSError(f"the snapshot ended at byte {offset + len(data)}")
    return data
