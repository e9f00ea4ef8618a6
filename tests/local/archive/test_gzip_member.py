from __future__ import annotations

import gzip
import os
import subprocess

from local.archive import gzip_member as member


def test_members_in_a_row_are_one_gzip_stream() -> None:
    parts = [b"a" * 5_000_000, os.urandom(100_000), b"x"]

    stream = b"".join(member.compress(part).data for part in parts)

    assert gzip.decompress(stream) == b"".join(parts)
    assert subprocess.run(["gunzip", "-c"], input=stream, capture_output=True, check=True).stdout == b"".join(parts)


def test_the_same_chunk_gives_the_same_bytes_and_the_same_name() -> None:
    assert member.compress(b"abc" * 1000) == member.compress(b"abc" * 1000)


def test_the_header_holds_no_time_and_no_name() -> None:
    data = member.compress(b"abc").data

    assert data[4:8] == bytes(4)
    assert data[3] == 4


def test_the_member_tells_its_own_sizes() -> None:
    block = member.compress(b"abc" * 1000)

    assert block.data[12:16] == b"P9\x08\x00"
    assert int.from_bytes(block.data[16:20], "little") == len(block.data)
    assert int.from_bytes(block.data[20:24], "little") == 3000


def test_the_name_tells_the_raw_size_and_a_foreign_name_nothing() -> None:
    block = member.compress(bytes(4096))

    assert member.raw_bytes_of(block.id) == 4096
    assert len(block.id) == 48
    assert member.raw_bytes_of("0" * 47) is None
    assert member.raw_bytes_of("z" * 48) is None


def test_another_content_has_another_name() -> None:
    assert member.compress(b"a" * 512).id != member.compress(b"b" * 512).id
