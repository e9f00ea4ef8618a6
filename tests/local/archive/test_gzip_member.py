"""A chunk as a gzip member: readable by anybody, the same for the same bytes, and sure of its own size."""

from __future__ import annotations

import gzip
import os
import subprocess

from local.archive.gzip_member import compress, describe


def test_members_in_a_row_are_one_gzip_stream() -> None:
    parts = [b"a" * 5_000_000, os.urandom(100_000), b"x"]

    stream = b"".join(compress(part) for part in parts)

    assert gzip.decompress(stream) == b"".join(parts)
    assert subprocess.run(["gunzip", "-c"], input=stream, capture_output=True, check=True).stdout == b"".join(parts)


def test_the_same_chunk_gives_the_same_bytes() -> None:
    assert compress(b"abc" * 1000) == compress(b"abc" * 1000)


def test_the_header_holds_no_time_and_no_name() -> None:
    data = compress(b"abc")

    assert data[4:8] == bytes(4)
    assert data[3] == 4


def test_the_member_tells_its_own_sizes() -> None:
    data = compress(b"abc" * 1000)

    assert data[12:16] == b"P9\x08\x00"
    assert int.from_bytes(data[16:20], "little") == len(data)
    assert int.from_bytes(data[20:24], "little") == 3000


def test_the_tables_entry_tells_other_content_and_damage_apart() -> None:
    packed = compress(b"a" * 512)
    damaged = packed[:30] + bytes([packed[30] ^ 1]) + packed[31:]

    entry = describe(b"a" * 512, packed)

    assert describe(b"b" * 512, compress(b"b" * 512)).digest != entry.digest
    assert describe(b"a" * 512, damaged).crc != entry.crc
    assert (entry.raw_bytes, entry.gzip_bytes) == (512, len(packed))
