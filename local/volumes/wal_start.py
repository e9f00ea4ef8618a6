"""How much of a -wal stays as it is while its application only commits (https://www.sqlite.org/fileformat2.html#walformat).

After a checkpoint the -wal is not cut off: it begins anew, with other salts in its header, and overwrites what it held
before frame by frame. So what stands behind the last commit since then, old frames or none, changes with the next one.
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER = struct.Struct(">II I I 8s 8x")
_FRAME = struct.Struct(">I I 8s 8x")
_MAGIC = (0x377F0682, 0x377F0683)


def lasting_bytes(wal: Path) -> int:
    """The size of its header and of all frames up to the last commit; of all of it, where it has no such header."""
    size = wal.stat().st_size
    with wal.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return size
        magic, _, page_bytes, _, salts = _HEADER.unpack(header)
        if magic not in _MAGIC or not page_bytes:
            return size
        lasting = at = _HEADER.size
        while at + _FRAME.size + page_bytes <= size:
            file.seek(at)
            _, pages_after_commit, frame_salts = _FRAME.unpack(file.read(_FRAME.size))
            if frame_salts != salts:
                break
            at += _FRAME.size + page_bytes
            lasting = at if pages_after_commit else lasting
    return lasting
