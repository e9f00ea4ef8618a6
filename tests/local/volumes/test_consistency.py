"""The rule by itself, in a table of everything that may happen between two looks at a database's files."""

from __future__ import annotations

import hashlib

import pytest

from local.drill_program.tar_entries import TarEntry
from local.volumes.consistency import DatabaseLook, contradiction
from local.volumes.seen import SeenEntry

PAGES, OTHER_PAGES = b"SQLite format 3\0 pages", b"SQLite format 3\0 pagez"
FRAMES, MORE, BEGUN_ANEW = b"salt 1: frame frame", b" frame", b"salt 2: frame frame frame"
ORIGINALS = b"journal: the page as it was"


def seen(content: bytes | None, start_bytes: int = 0, mtime_ns: int = 0) -> SeenEntry | None:
    if content is None:
        return None
    entry = TarEntry("file", b"x", b"", 0o644, 0, 0, mtime_ns, len(content), 0, ())
    sha256, start = hashlib.sha256(content).digest(), hashlib.sha256(content[:start_bytes]).digest()
    return SeenEntry(entry, is_database=True, sha256=sha256, start_sha256=start, start_bytes=start_bytes)


def looks(
    first: tuple[bytes | None, bytes | None, bytes | None], second: tuple[bytes | None, bytes | None, bytes | None]
) -> tuple[DatabaseLook, DatabaseLook]:
    """The database, the -wal and the -journal in both looks; all of the -wal that the first one saw is to last."""
    earlier = DatabaseLook(*(seen(content, len(content or b"")) for content in first))
    later = DatabaseLook(*(seen(content, len(before or b"")) for content, before in zip(second, first, strict=True)))
    return earlier, later


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((PAGES, None, None), (PAGES, None, None)),
        ((PAGES, FRAMES, None), (PAGES, FRAMES, None)),
        ((PAGES, FRAMES, None), (PAGES, FRAMES + MORE, None)),
        ((PAGES, None, None), (PAGES, FRAMES, None)),
        ((PAGES, b"", None), (PAGES, FRAMES, None)),
        ((PAGES, b"", None), (PAGES, None, None)),
        ((PAGES, None, ORIGINALS), (PAGES, None, ORIGINALS)),
        ((PAGES, None, b""), (PAGES, None, None)),
        ((PAGES, None, None), (PAGES, None, b"")),
    ],
)
def test_files_that_are_of_one_moment(
    first: tuple[bytes, bytes | None, bytes | None], second: tuple[bytes, bytes | None, bytes | None]
) -> None:
    assert contradiction(*looks(first, second)) is None


@pytest.mark.parametrize(
    ("what", "first", "second", "why"),
    [
        ("a commit, or a checkpoint", (PAGES, None, None), (OTHER_PAGES, None, None), "written to"),
        ("a checkpoint to its end", (PAGES, FRAMES, None), (OTHER_PAGES, FRAMES, None), "written to"),
        ("the database grew", (PAGES, None, None), (PAGES + PAGES, None, None), "written to"),
        ("a reset of the -wal", (PAGES, FRAMES, None), (PAGES, BEGUN_ANEW, None), "began anew"),
        ("the same length after it", (PAGES, FRAMES, None), (PAGES, FRAMES[::-1], None), "began anew"),
        ("the -wal emptied", (PAGES, FRAMES, None), (PAGES, b"", None), "emptied"),
        ("the -wal shorter", (PAGES, FRAMES, None), (PAGES, FRAMES[:-1], None), "emptied"),
        ("the last one closed it", (PAGES, FRAMES, None), (PAGES, None, None), "emptied"),
        ("a transaction began", (PAGES, None, None), (PAGES, None, ORIGINALS), "began or ended"),
        ("a transaction ended", (PAGES, None, ORIGINALS), (PAGES, None, None), "began or ended"),
        ("it went on", (PAGES, None, ORIGINALS), (PAGES, None, ORIGINALS * 2), "began or ended"),
        ("another one began", (PAGES, None, ORIGINALS), (PAGES, None, ORIGINALS[::-1]), "began or ended"),
        ("the database was removed", (PAGES, FRAMES, None), (None, FRAMES, None), "came or went"),
        ("the database appeared", (None, None, None), (PAGES, None, None), "came or went"),
    ],
)
def test_files_that_may_be_of_several_moments(
    what: str,
    first: tuple[bytes | None, bytes | None, bytes | None],
    second: tuple[bytes | None, bytes | None, bytes | None],
    why: str,
) -> None:
    found = contradiction(*looks(first, second))
    assert found is not None, what
    assert why in found


def test_frames_of_before_the_wal_began_anew_may_be_overwritten() -> None:
    """What stands behind the last commit is nothing to SQLite, and it is where the next commit goes."""
    committed, old = b"salt 2: frame", b" old frame"
    first = DatabaseLook(seen(PAGES), seen(committed + old, len(committed)), None)
    after_a_commit = DatabaseLook(seen(PAGES), seen(committed + b" new frame", len(committed)), None)
    begun_anew = DatabaseLook(seen(PAGES), seen(b"salt 3: frame" + old, len(committed)), None)
    assert contradiction(first, after_a_commit) is None
    assert "began anew" in (contradiction(first, begun_anew) or "")


def test_pages_that_were_written_and_undone_between_the_looks_show_by_the_time() -> None:
    first = DatabaseLook(seen(PAGES, mtime_ns=1), None, None)
    assert contradiction(first, DatabaseLook(seen(PAGES, mtime_ns=2), None, None)) is not None
    assert contradiction(first, DatabaseLook(seen(PAGES, mtime_ns=1), None, None)) is None
