"""The drill program's gzip reader, run for real: whose members it takes, and what it does not believe."""

from __future__ import annotations

import gzip
import json
import resource
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from local.archive.gzip_member import compress
from local.archive.trailer import trailer
from local.drill_program import restored_file
from local.drill_program.errors import BackupWrongError
from local.drill_program.gunzip import ByteReader, MemberSizes, claimed_sizes, gunzip
from local.drill_program.restored_file import RestoredFile
from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work
from tests.support.drill_archives import (
    NOTHING_RECORDED,
    content_members,
    drilled,
    ending,
    ending_here,
    legacy,
    member,
    members,
    record_members,
    record_of,
    target_of,
    unrecorded,
    with_record,
)


def test_members_as_the_product_writes_them_pass(temp: Path, archive: Path, raw: bytes) -> None:
    content = b"".join(compress(raw[at : at + 100_000]) for at in range(0, len(raw), 100_000))
    record = record_of(raw)
    whole = content + b"".join(trailer(record, len(content)))
    payload = zlib.compress(json.dumps(record, sort_keys=True, separators=(",", ":")).encode(), 9)
    assert whole[len(content) :] == b"".join(record_members(payload, len(content)))
    assert drilled(temp, target_of(archive, whole, raw)).verdict == "passed"


def test_a_foreign_mix_of_members_passes(temp: Path, archive: Path, raw: bytes) -> None:
    ours = content_members(raw[70_000:300_000])
    content = gzip.compress(raw[:70_000]) + ours + gzip.compress(b"") + legacy(raw[300_000:])
    assert drilled(temp, target_of(archive, with_record(content, record_of(raw)), raw)).verdict == "passed"


@pytest.mark.parametrize("content", [gzip.compress(b""), member(b"")], ids=["foreign", "ours"])
def test_a_database_of_0_bytes_fails(temp: Path, archive: Path, raw: bytes, content: bytes) -> None:
    database = drilled(temp, unrecorded(target_of(archive, content, raw)))
    assert ending(database) == ("decompress", "failed")


@pytest.mark.parametrize(
    "content",
    [
        member(b"abc" * 9000, raw_size=26_999),
        member(b"abc" * 9000, raw_size=27_001),
        member(b"abc" * 9000, size=30),
        member(b"abc" * 9000, size=2**32 - 1),
        member(b"abc" * 9000, raw_size=2**32 - 1),
        member(b"abc" * 9000, size=3),
    ],
    ids=["too small", "too large", "cut", "huge", "huge raw", "tiny"],
)
def test_a_member_that_lies_about_its_size_fails(temp: Path, archive: Path, raw: bytes, content: bytes) -> None:
    assert ending(drilled(temp, unrecorded(target_of(archive, content, raw)))) == ("decompress", "failed")
    padded = content + members(bytes(100_000))
    assert ending(drilled(temp, unrecorded(target_of(archive, padded, raw)))) == ("decompress", "failed")


@pytest.mark.parametrize("flag", [0x02, 0x04, 0x08, 0x10])
def test_every_kind_of_gzip_header_is_read(temp: Path, archive: Path, raw: bytes, flag: int) -> None:
    plain = gzip.compress(raw, mtime=0)
    head = plain[:3] + bytes([flag]) + plain[4:10]
    extra = {
        0x02: struct.pack("<H", zlib.crc32(head) & 0xFFFF),
        0x04: struct.pack("<H", 6) + b"BC\x02\x00ab",
        0x08: b"name.db\x00",
        0x10: b"a comment\x00",
    }[flag]
    assert drilled(temp, unrecorded(target_of(archive, head + extra + plain[10:], raw))).verdict == "passed"


@pytest.mark.parametrize("form", [members, gzip.compress])
def test_a_gzip_bomb_stops_at_the_recorded_size(
    temp: Path, archive: Path, raw: bytes, form: Callable[[bytes], bytes]
) -> None:
    bomb = form(bytes(200_000_000))
    # More than this cannot be written, so the drill would end in another way if it went on.
    database = drilled(
        temp,
        target_of(archive, bomb, raw),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (len(raw), len(raw))),
    )
    assert ending(database) == ("decompress", "failed")
    assert f"more than the {len(raw)} bytes recorded" in database.steps[-1].detail


def test_bytes_are_read_across_the_pieces_they_come_in() -> None:
    reader = ByteReader(iter([b"ab", b"cde", b"f"]))
    assert bytes(reader.peek(4)) == b"abcd"
    assert bytes(reader.take(3)) == b"abc"
    reader.put_back(1)
    assert bytes(reader.take(9)) == b"cdef"
    assert bytes(reader.peek(1)) == b""


def test_only_a_member_of_ours_tells_its_sizes() -> None:
    ours = member(b"abc")
    assert claimed_sizes(ours[:24]) == MemberSizes(len(ours), 3)
    assert claimed_sizes(ours[:23]) is None
    assert claimed_sizes(gzip.compress(b"abc" * 99)[:24]) is None


@pytest.mark.parametrize("cores", [1, 4])
@pytest.mark.parametrize("job_bytes", [1, 1 << 20])
def test_the_first_thing_that_is_wrong_in_an_archive_is_told_however_many_are_at_work(
    tmp_path: Path, archive: Path, raw: bytes, monkeypatch: pytest.MonkeyPatch, cores: int, job_bytes: int
) -> None:
    monkeypatch.setattr(restored_file, "JOB_BYTES", job_bytes)
    sound = [member(raw[at : at + 20_000]) for at in range(0, len(raw), 20_000)]
    rotten = sound[2][:-8] + bytes(8)
    lying = member(bytes(30_000), raw_size=1 << 20)
    later: dict[str, list[bytes]] = {
        "lie": [lying],
        "garbage": [b"garbage"],
        "too much": sound * 2,
        "cut": [sound[3][:-1]],
        "foreign and damaged": [gzip.compress(raw)[:-8] + bytes(8)],
        "record": [content_members(b"") + record_members(b"no record", 7)[0]],
    }
    for name, parts in later.items():
        content = b"".join([*sound[:2], rotten, *sound[3:5], *parts])
        step, verdict, detail = ending_here(tmp_path, target_of(archive, content, raw), cores=cores)
        assert (step, verdict) == ("decompress", "failed"), name
        assert detail == "the gzip data is damaged: Error -3 while decompressing data: incorrect data check", name


def test_what_breaks_off_is_told_before_what_is_damaged_in_it(tmp_path: Path, raw: bytes) -> None:
    def pieces() -> Iterator[bytes]:
        yield content_members(raw)[:-8] + bytes(8)
        raise BackupWrongError("the store broke off")

    stop = Stop()
    room, progress = DiskShare(Disk(str(tmp_path)), stop), ProgressLines("tasks", watched=False)
    with ThreadPoolExecutor(1) as cores:
        work = Work(NOTHING_RECORDED, tmp_path / "restored.db", stop, room, progress, cores)
        with closing(RestoredFile(work)) as restored, pytest.raises(BackupWrongError, match="the store broke off"):
            gunzip(ByteReader(pieces()), restored)
