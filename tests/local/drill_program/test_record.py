"""The record at an archive's end: every way in which it can be cut, moved, forged out of shape or swollen."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import resource
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.drill_program.record import EXTRA_BYTES_MAX, RECORD_BYTES_MAX, RECORD_VALUES_MAX, RecordError, decode
from local.store.archive_end import read_record
from tests.support.drill_archives import (
    content_members,
    drilled,
    empty_member,
    end_mark,
    ending_here,
    legacy,
    make_database,
    member,
    members,
    packed,
    record_members,
    record_of,
    target_of,
    unrecorded,
    with_record,
)

PIECE_BYTES = 200


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of a few pages."""
    return make_database(tmp_path_factory.mktemp("small") / "s.db", tasks=60).read_bytes()


@pytest.fixture(scope="module")
def parts(small: bytes) -> list[bytes]:
    """The members of its archive: some of content, then several pieces of the record, then the end mark."""
    content = [member(small[at : at + 8192]) for at in range(0, len(small), 8192)]
    pieces = record_members(packed(record_of(small)), sum(map(len, content)), PIECE_BYTES)
    assert len(content) > 2
    assert len(pieces) > 2
    return [*content, *pieces]


def _ending(tmp_path: Path, archive: bytes, raw: bytes) -> tuple[str, str, str]:
    """How the drill of an archive ends of which nothing else is known: a file that somebody copied."""
    return ending_here(tmp_path, unrecorded(target_of(tmp_path / "a.gz", archive, raw), sha256=()))


def _read_here(archive: bytes) -> Any:
    """What a backup reads from the archive's end."""
    found = read_record(io.BytesIO(archive), len(archive))
    return found.fields if found else None


def test_a_record_in_several_pieces_is_read(tmp_path: Path, parts: list[bytes], small: bytes) -> None:
    archive = b"".join(parts)
    assert _ending(tmp_path, archive, small)[:2] == ("rows", "passed")
    assert _read_here(archive) == record_of(small)


def test_cut_at_any_member_it_fails_and_is_never_taken_for_the_former_scripts(
    tmp_path: Path, parts: list[bytes], small: bytes
) -> None:
    for count in range(len(parts)):
        archive = b"".join(parts[:count])
        assert _ending(tmp_path, archive, small)[1] == "failed", count
        recorded = target_of(tmp_path / "a.gz", archive, small)
        assert ending_here(tmp_path, recorded)[1] == "failed", count
        assert _read_here(archive) is None


def test_content_alone_fails_by_the_record_that_it_lacks(tmp_path: Path, small: bytes) -> None:
    step, verdict, detail = _ending(tmp_path, content_members(small), small)
    assert (step, verdict) == ("checksum", "failed")
    assert "record is missing" in detail


@pytest.mark.parametrize("zeros", [1, 8, 9, 4096, 1 << 20])
def test_zeros_behind_the_end_are_no_damage(tmp_path: Path, parts: list[bytes], small: bytes, zeros: int) -> None:
    archive = b"".join(parts) + bytes(zeros)
    assert _ending(tmp_path, archive, small)[1] == "passed"
    assert _read_here(archive) == record_of(small)
    assert _ending(tmp_path, legacy(small) + bytes(zeros), small)[1] == "passed"


def test_a_hundred_mebibytes_of_zeros_take_no_memory(
    temp: Path, archive: Path, parts: list[bytes], small: bytes
) -> None:
    target = unrecorded(target_of(archive, b"".join(parts) + bytes(100 << 20), small))
    database = drilled(temp, target, preexec_fn=_little_memory)
    assert database.verdict == "passed", database.steps


def _little_memory() -> None:
    """Enough for Python, its threads and the program's own buffers."""
    resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20))


def _mark(parts: list[bytes], payload: bytes, offset: int) -> list[bytes]:
    return [*parts[:-1], end_mark(payload, offset)]


def _offset(parts: list[bytes]) -> int:
    return sum(len(part) for part in parts if part[12:14] == b"P9")


def _payload(parts: list[bytes]) -> bytes:
    return b"".join(part[16:-10] for part in parts if part[12:14] == b"PR")


def _swapped(parts: list[bytes]) -> list[bytes]:
    return [*parts[:-3], parts[-2], parts[-3], parts[-1]]


WRONG: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a mark of an offset too low": lambda parts: _mark(parts, _payload(parts), _offset(parts) - 1),
    "a mark of the beginning": lambda parts: _mark(parts, _payload(parts), 0),
    "a mark of an offset too high": lambda parts: _mark(parts, _payload(parts), 2**64 - 1),
    "a mark of another length": lambda parts: [
        *parts[:-1],
        empty_member(b"PE", parts[-1][16:24] + b"\xff" * 8 + parts[-1][32:64]),
    ],
    "a mark of another digest": lambda parts: [*parts[:-1], empty_member(b"PE", parts[-1][16:32] + bytes(32))],
    "a mark that is short": lambda parts: [*parts[:-1], empty_member(b"PE", parts[-1][16:63])],
    "a mark that is long": lambda parts: [*parts[:-1], empty_member(b"PE", parts[-1][16:64] + b"x")],
    "two marks": lambda parts: [*parts, parts[-1]],
    "the mark twice in the middle": lambda parts: [*parts[:-2], parts[-1], *parts[-2:]],
    "the mark first": lambda parts: [parts[-1], *parts],
    "the mark before the record": lambda parts: [*parts[:-3], parts[-1], *parts[-3:-1]],
    "a mark alone": lambda parts: [part for part in parts if part[12:14] != b"PR"],
    "no mark": lambda parts: parts[:-1],
    "content of ours behind": lambda parts: [*parts, member(b"more")],
    "nothing of ours behind": lambda parts: [*parts, member(b"")],
    "content of others behind": lambda parts: [*parts, legacy(b"more")],
    "nothing of others behind": lambda parts: [*parts, legacy(b"")],
    "content within the record": lambda parts: [*parts[:-2], member(b""), *parts[-2:]],
    "pieces in another order": _swapped,
    "a piece twice": lambda parts: [*parts[:-2], parts[-2], *parts[-2:]],
    "a piece less": lambda parts: [*parts[:-2], parts[-1]],
    "a piece with content": lambda parts: [*parts[:-2], parts[-2][:-10] + member(b"x")[24:], parts[-1]],
    "a piece with another length of nothing": lambda parts: [*parts[:-2], parts[-2][:-1] + b"\1", parts[-1]],
    "the whole archive twice": lambda parts: [*parts, *parts],
    "two records": lambda parts: [*parts, *parts[-3:]],
    "zeros before the mark": lambda parts: [*parts[:-1], bytes(9), parts[-1]],
    "zeros before the record": lambda parts: [*parts[:-3], bytes(1), *parts[-3:]],
    "garbage behind": lambda parts: [*parts, b"x"],
    "garbage behind zeros": lambda parts: [*parts, bytes(4096), b"\x1f"],
    "a gzip magic behind zeros": lambda parts: [*parts, bytes(5), legacy(b"")],
    "half a header behind": lambda parts: [*parts, b"\x1f\x8b\x08"],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_record_that_is_not_whole_and_at_the_end_fails(
    tmp_path: Path, parts: list[bytes], small: bytes, wrong: str
) -> None:
    archive = b"".join(WRONG[wrong](parts))
    assert archive != b"".join(parts)
    assert _ending(tmp_path, archive, small)[1] == "failed"
    # With all that a backup knows of it, the digest of these very bytes included, it is no better.
    assert ending_here(tmp_path, target_of(tmp_path / "a.gz", archive, small))[1] == "failed"


@pytest.mark.parametrize("wrong", WRONG)
def test_a_backup_reads_no_record_that_a_drill_refuses(parts: list[bytes], small: bytes, wrong: str) -> None:
    archive = b"".join(WRONG[wrong](parts))
    try:
        found = _read_here(archive)
    except RecordError:
        return
    # It looks at the end only: what is in front of a whole record is the drill's to find.
    assert found is None or (found == record_of(small) and wrong in ("the mark first",))


def test_a_piece_of_more_bytes_than_every_gunzip_reads_is_refused(tmp_path: Path, small: bytes) -> None:
    content = content_members(small)
    record = {**record_of(small), "members": "x" * 10 + "".join(map(chr, range(35, 91))) * 900}
    payload = zlib.compress(json.dumps(record).encode(), 0)
    assert len(payload) > EXTRA_BYTES_MAX
    for piece_bytes, verdict in ((EXTRA_BYTES_MAX - 4, "passed"), (EXTRA_BYTES_MAX - 3, "failed")):
        archive = content + b"".join(record_members(payload, len(content), piece_bytes))
        assert _ending(tmp_path, archive, small)[1] == verdict


def _deep(depth: int) -> bytes:
    return zlib.compress(b"[" * depth + b"]" * depth)


NOT_JSON_OBJECTS: dict[str, bytes] = {
    "nothing": b"",
    "an empty text": zlib.compress(b""),
    "no zlib": b"no zlib",
    "half of it": packed({"database": "tasks"})[:-5],
    "more behind it": packed({"database": "tasks"}) + b"x",
    "gzip": legacy(b"{}"),
    "a list": packed([]),
    "a text": packed("tasks"),
    "a number": packed(7),
    "null": packed(None),
    "no JSON": zlib.compress(b"{'database': 'tasks'}"),
    "two of them": zlib.compress(b"{}{}"),
    "NaN": zlib.compress(b'{"raw_bytes": NaN}'),
    "infinity": zlib.compress(b'{"raw_bytes": -Infinity}'),
    "a number of 30 digits": zlib.compress(b'{"raw_bytes": ' + b"9" * 30 + b"}"),
    "a number of millions of digits": zlib.compress(b'{"raw_bytes": ' + b"9" * 5_000_000 + b"}"),
    "a key twice": zlib.compress(b'{"rows": {"tasks": 5, "tasks": 6}}'),
    "a field twice": zlib.compress(b'{"database": "tasks", "database": "tasks"}'),
    "UTF-8": zlib.compress('{"rows": {"ä": 1}}'.encode()),
    "UTF-16": zlib.compress('{"rows": {}}'.encode("utf-16")),
    "a byte order mark": zlib.compress(b"\xef\xbb\xbf{}"),
    "deep": _deep(100_000),
    "a deep object": zlib.compress(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "too many values": zlib.compress(b'{"a": [' + b"0," * RECORD_VALUES_MAX + b"0]}"),
    "too long": zlib.compress(b'{"a": "' + bytes(RECORD_BYTES_MAX).replace(b"\0", b" ") + b'"}'),
}


@pytest.mark.parametrize("payload", NOT_JSON_OBJECTS.values(), ids=NOT_JSON_OBJECTS.keys())
def test_a_payload_that_is_no_json_object_of_ascii_is_damage(tmp_path: Path, small: bytes, payload: bytes) -> None:
    with pytest.raises(RecordError):
        decode(payload)
    content = content_members(small)
    archive = content + b"".join(record_members(payload, len(content)))
    assert _ending(tmp_path, archive, small)[:2] == ("decompress", "failed")
    with pytest.raises(RecordError):
        _read_here(archive)


def test_escaped_names_and_unknown_fields_are_read() -> None:
    record = {"rows": {"таблица 表 🙂": 1, 'q"': 2}, "since 2031": {"deeper": [1.5, None, True]}}
    assert decode(packed(record)) == record


MEMORY = """
import resource, sys
from local.drill_program.record import RecordError, decode
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]), int(sys.argv[1])))
try:
    print(len(decode(sys.stdin.buffer.read())))
except RecordError as error:
    print(error)
"""
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "spaces": (lambda: b" " * (512 << 20), "larger than any of ours"),
    "millions of values": (lambda: b"[" + b"[]," * 20_000_000 + b"0]", "larger than any of ours"),
    "millions of numbers": (lambda: b"[" + b"0," * 30_000_000 + b"0]", "larger than any of ours"),
    "as many values as there may be": (lambda: b'{"a":[' + b"{}," * (RECORD_VALUES_MAX - 1) + b"0]}", "1"),
    "as many tables as there may be": (
        lambda: b'{"rows":{' + b",".join(b'"t%d":%d' % (n, n + 10**9) for n in range(RECORD_VALUES_MAX)) + b"}}",
        "1",
    ),
    "as long as it may be": (lambda: b'{"a":"\\ud83d\\ude00' + b"x" * (RECORD_BYTES_MAX - 20) + b'"}', "1"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_record_takes_a_machines_memory(bomb: str) -> None:
    text, said = BOMBS[bomb]
    command = [sys.executable, "-c", MEMORY, str(768 << 20)]
    done = subprocess.run(command, input=zlib.compress(text(), 1), capture_output=True, timeout=120)
    assert said in done.stdout.decode(), done.stderr.decode()


def test_the_record_of_a_very_large_database_is_read(tmp_path: Path, small: bytes) -> None:
    """300,000 members (a terabyte) and 50,000 tables beside those that are there."""
    digests = b"".join(hashlib.sha256(b"%d" % n).digest()[:28] for n in range(300_000))
    record = {**record_of(small), "members": base64.b85encode(digests).decode()}
    record["more"] = {f"table number {n}": n for n in range(50_000)}
    assert _ending(tmp_path, with_record(content_members(small), record), small)[1] == "passed"
    assert _ending(tmp_path, members(small), small)[1] == "passed"
