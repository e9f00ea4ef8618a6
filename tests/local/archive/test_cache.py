from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from local.archive import gzip_member as member
from local.archive.cache import Cache


def remember(folder: Path, *chunks: bytes) -> list[bytes]:
    digests = [hashlib.sha256(chunk).digest() for chunk in chunks]
    with Cache(folder) as cache:
        for digest, chunk in zip(digests, chunks, strict=True):
            if cache.member(digest) is None:
                cache.add(digest, member.compress(chunk))
        cache.save(digests, {"sha256": "0" * 64})
    return digests


def read(folder: Path, digest: bytes) -> bytes | None:
    with Cache(folder) as cache:
        found = cache.member(digest)
        block = cache.block(found) if found else None
        return block.data if block else None


def test_a_member_is_remembered_by_the_digest_of_its_chunk(tmp_path: Path) -> None:
    (digest,) = remember(tmp_path / "c", b"one" * 999)

    assert read(tmp_path / "c", digest) == member.compress(b"one" * 999).data


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    with Cache(tmp_path / "c") as cache:
        assert cache.last is None


def test_a_damaged_member_is_not_used(tmp_path: Path) -> None:
    (digest,) = remember(tmp_path / "c", os.urandom(5000))
    (pack,) = (tmp_path / "c").glob("pack-*")
    content = bytearray(pack.read_bytes())
    content[2500] ^= 1
    pack.write_bytes(content)

    assert read(tmp_path / "c", digest) is None


@pytest.mark.parametrize("harm", ["truncate", "remove"])
def test_a_pack_that_lost_its_end_or_is_gone_gives_nothing(tmp_path: Path, harm: str) -> None:
    (digest,) = remember(tmp_path / "c", os.urandom(5000))
    (pack,) = (tmp_path / "c").glob("pack-*")
    if harm == "remove":
        pack.unlink()
    else:
        os.truncate(pack, 100)

    assert read(tmp_path / "c", digest) is None


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(32) + b"\x81"])
def test_a_damaged_index_is_not_used(tmp_path: Path, content: bytes) -> None:
    remember(tmp_path / "c", b"one" * 999)
    (tmp_path / "c" / "index").write_bytes(content)

    with Cache(tmp_path / "c") as cache:
        assert cache.last is None


def test_a_pack_that_is_mostly_waste_is_written_anew(tmp_path: Path) -> None:
    for _ in range(6):
        digests = remember(tmp_path / "c", b"kept" * 999, os.urandom(50_000))

    (pack,) = (tmp_path / "c").glob("pack-*")
    assert pack.stat().st_size < 3 * 51_000
    for digest in digests:
        assert read(tmp_path / "c", digest) is not None


def test_a_chunk_that_stands_twice_is_kept_once(tmp_path: Path) -> None:
    twice = os.urandom(9000)
    remember(tmp_path / "c", twice, twice)

    (pack,) = (tmp_path / "c").glob("pack-*")
    assert pack.stat().st_size < 10_000
