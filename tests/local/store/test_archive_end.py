"""An archive's own record, read from its end without reading the archive; what it refuses is in the drill's tests."""

from __future__ import annotations

import io

import pytest

from local.drill_program.record import RECORD_BYTES_MAX, RecordError
from local.store.archive_end import read_end_mark, read_record
from tests.support.drill_archives import content_members, empty_member, legacy, packed, record_members, with_record

RECORD = {"database": "tasks", "rows": {"tasks": 5}, "members": "x" * 40_000}
CONTENT = content_members(b"content " * 20_000)


class CountedFile(io.BytesIO):
    """A file that counts how often it is read, each of which is a request where it stands in Azure."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        """As ever."""
        self.reads += 1
        return super().read(size)


def test_the_record_is_read_with_zeros_behind_it_or_without() -> None:
    for zeros in (0, 1, 9, 5_000, 10 << 20):
        archive = with_record(CONTENT, RECORD) + bytes(zeros)
        found = read_record(io.BytesIO(archive), len(archive))
        assert found
        assert (found.fields, found.begin) == (RECORD, len(CONTENT))


def test_many_zeros_take_few_requests() -> None:
    archive = with_record(CONTENT, {"database": "tasks"}) + bytes(100 << 20)
    file = CountedFile(archive)
    assert read_record(file, len(archive))
    assert file.reads < 60


def test_what_has_no_end_mark_has_no_record() -> None:
    for archive in (b"", bytes(9), bytes(100), CONTENT, legacy(b"x"), b"\x03" + bytes(9), CONTENT[:50]):
        assert read_record(io.BytesIO(archive), len(archive)) is None
        assert read_end_mark(io.BytesIO(archive), len(archive)) is None


def test_an_end_mark_that_is_no_empty_member_is_none() -> None:
    archive = with_record(CONTENT, RECORD)
    for behind in (1, 5, 9):
        wrong = archive[: len(archive) - behind] + b"\1" + archive[len(archive) - behind + 1 :]
        assert read_end_mark(io.BytesIO(wrong), len(wrong)) is None


def test_an_end_mark_of_more_than_any_record_is_refused_before_anything_is_read() -> None:
    *pieces, mark = record_members(packed(RECORD), len(CONTENT))
    long = empty_member(b"PE", mark[16:24] + (RECORD_BYTES_MAX + 1).to_bytes(8, "little") + mark[32:64])
    archive = CONTENT + b"".join(pieces) + long
    with pytest.raises(RecordError, match="larger than any of ours"):
        read_record(io.BytesIO(archive), len(archive))
