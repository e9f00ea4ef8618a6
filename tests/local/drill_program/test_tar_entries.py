"""The strict reading of a tar: what other tars wrote reads alike, and what is damaged or odd is refused."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.file_list import FileList
from local.drill_program.tar_entries import TarEntry, read_entries

MTIME_NS = 1_700_000_000_123_456_789
LONG = b"d" * 60 + b"/" + b"n" * 200
WRITERS: dict[str, list[str]] = {
    "GNU tar": ["tar", "cf", "-", "."],
    "GNU tar, PAX": ["tar", "cf", "-", "--format=pax", "--xattrs", "."],
    "busybox": ["busybox", "tar", "cf", "-", "."],
    "bsdtar": ["bsdtar", "--format", "pax", "-cf", "-", "."],
}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of each: a long path, a name that is no UTF-8, links, a FIFO, an empty folder."""
    root = tmp_path_factory.mktemp("volume")
    (root / "empty").mkdir(mode=0o750)
    (root / os.fsdecode(LONG)).parent.mkdir()
    (root / os.fsdecode(LONG)).write_bytes(b"long" * 300)
    (root / os.fsdecode(b"no utf-8 \xff")).write_bytes(b"x")
    os.link(root / os.fsdecode(LONG), root / "hard")
    (root / "soft").symlink_to("empty/../hard")
    os.mkfifo(root / "fifo")
    for path in [*root.rglob("*"), root]:
        os.utime(path, ns=(MTIME_NS, MTIME_NS), follow_symlinks=False)
    return root


def _entries(tar: bytes) -> list[TarEntry]:
    return list(read_entries(io.BytesIO(tar)))


def _list(tar: bytes) -> FileList:
    listed = FileList()
    for entry in _entries(tar):
        listed.add(entry)
    return listed


def _tar(*members: tuple[tarfile.TarInfo, bytes], **options: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as tar:  # type: ignore[call-overload]
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _file(name: str, content: bytes = b"", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in more.items():
        setattr(info, field, value)
    return info, content


SMALL = _tar(_file("a", b"1" * 700), _file("b" * 120, b"2"), format=tarfile.PAX_FORMAT)


def _end(tar: bytes) -> int:
    """Where its end mark begins."""
    return -(-len(tar.rstrip(b"\0")) // 512) * 512


@pytest.mark.parametrize("writer", WRITERS)
def test_every_tar_s_archive_reads_as_the_folder_that_it_is_of(volume: Path, writer: str) -> None:
    tar = subprocess.run(WRITERS[writer], cwd=volume, capture_output=True, check=True).stdout
    entries = {entry.path: entry for entry in _entries(tar)}
    assert set(entries) == {
        b".", b"empty", b"d" * 60, LONG, b"no utf-8 \xff", b"hard", b"soft", b"fifo"
    }  # fmt: skip
    assert {path: entry.kind for path, entry in entries.items() if path not in (LONG, b"hard")} == {
        b".": "folder", b"empty": "folder", b"d" * 60: "folder", b"no utf-8 \xff": "file", b"soft": "symlink",
        b"fifo": "FIFO",
    }  # fmt: skip
    assert {entries[LONG].kind, entries[b"hard"].kind} == {"file", "hard link"}
    (content,) = (entry for entry in (entries[LONG], entries[b"hard"]) if entry.kind == "file")
    assert tar[content.offset : content.offset + content.size] == b"long" * 300
    assert {entries[LONG].link, entries[b"hard"].link} <= {b"", LONG, b"hard"}
    assert entries[b"soft"].link == b"empty/../hard"
    assert entries[b"empty"].mode == 0o750
    for path, entry in entries.items():
        found = (volume / os.fsdecode(path)).lstat()
        assert (entry.uid, entry.gid, entry.mode) == (found.st_uid, found.st_gid, found.st_mode & 0o7777)
        exact = writer in ("GNU tar, PAX", "bsdtar")
        assert entry.mtime_ns == (found.st_mtime_ns if exact else found.st_mtime_ns // 10**9 * 10**9)


def test_the_list_counts_all_but_the_root_and_sums_the_regular_files(volume: Path) -> None:
    tar = subprocess.run(WRITERS["GNU tar"], cwd=volume, capture_output=True, check=True).stdout
    listed = _list(tar)
    assert (listed.files, listed.bytes) == (7, 1201)


def test_how_a_path_is_written_in_the_tar_changes_no_digest() -> None:
    plain, dotted = (
        _tar(
            _file(f"{root}a", type=tarfile.DIRTYPE),
            _file(f"{root}a/b"),
            _file(f"{root}c", type=tarfile.LNKTYPE, linkname=f"{root}a/b"),
        )
        for root in ("", "./")
    )
    assert _list(plain).sha256 == _list(dotted).sha256
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert _list(_tar(_file("a/" + "b" * 99), format=form)).sha256 == _list(_tar(_file("./a//" + "b" * 99))).sha256


@pytest.mark.parametrize(
    "change",
    [
        {"mode": 0o600}, {"uid": 7}, {"gid": 7}, {"mtime": 1.5}, {"type": tarfile.FIFOTYPE},
        {"type": tarfile.SYMTYPE, "linkname": "b"}, {"type": tarfile.LNKTYPE, "linkname": "b"},
        {"pax_headers": {"SCHILY.xattr.user.a": "1"}},
    ],
)  # fmt: skip
def test_whatever_tells_an_entry_from_another_is_in_the_digest(change: dict[str, object]) -> None:
    assert _list(_tar(_file("a"))).sha256 != _list(_tar(_file("a", b"", **change))).sha256


def test_large_and_negative_numbers_read_in_gnu_s_and_in_pax_s_form() -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        (entry,) = _entries(_tar(_file("a", uid=3_000_000_000, gid=2**32 - 2, mtime=-5), format=form))
        assert (entry.uid, entry.gid, entry.mtime_ns) == (3_000_000_000, 2**32 - 2, -5 * 10**9)


def test_a_tar_cut_short_anywhere_is_refused() -> None:
    end = _end(SMALL)
    for size in [*range(0, end + 1024, 512), 100, end + 1023]:
        with pytest.raises(BackupWrongError, match="cut short"):
            _entries(SMALL[:size])
    assert len(_entries(SMALL[: end + 1024])) == 2


def test_no_flipped_byte_of_a_header_passes_as_another_list() -> None:
    end = _end(SMALL)
    whole, tar = _list(SMALL).sha256, SMALL[: end + 1024]
    contents = [range(entry.offset, entry.offset + (entry.size + 511) // 512 * 512) for entry in _entries(tar)]
    passed = 0
    for at in range(len(tar)):
        if any(at in content for content in contents):
            continue
        for flip in (1, 0x10, 0x80):
            damaged = tar[:at] + bytes([tar[at] ^ flip]) + tar[at + 1 :]
            try:
                listed = _list(damaged).sha256
            except (BackupWrongError, NotCarriedOutError):
                continue
            passed += 1
            assert listed == whole or at in _pax_text(tar), (at, flip)
    assert passed < len(tar)


def _pax_text(tar: bytes) -> range:
    """Where the PAX header's text stands, which no check sum of the tar's covers."""
    at = tar.index(b"path=")
    return range(at // 512 * 512, at // 512 * 512 + 512)


def _patched(tar: bytes, at: int, field: bytes) -> bytes:
    """The tar with a field of its first header replaced, and the check sum mended."""
    block = tar[:at] + field + tar[at + len(field) : 512]
    block = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(block) + block[156:] + tar[512:]


def _extended(letter: bytes, payload: bytes, entry: bytes = SMALL) -> bytes:
    """An extended header, and an entry behind it."""
    return _patched(_tar(_file("h", payload)), 156, letter)[:1024] + entry


def _pax(**records: str) -> bytes:
    return _tar(_file("a", pax_headers=records), format=tarfile.PAX_FORMAT)


LONG_NAME = _tar(_file("c" * 150), format=tarfile.GNU_FORMAT)
SPARSE = "GNU's form, which the drill does not read"
NO_RECORDS = "an extended header does not read"
ODD: dict[str, tuple[Callable[[], bytes], str]] = {
    "garbage behind the end": (lambda: SMALL + b"x", "more follows the end"),
    "two archives in a row": (lambda: SMALL + SMALL, "more follows the end"),
    "one block of zeros": (lambda: SMALL[: _end(SMALL) + 512] + SMALL, "its end mark is not whole"),
    "no tar at all": (lambda: b"x" * 5000, "this is no tar file"),
    "a block that is no header": (lambda: SMALL[:1536] + b"y" * 512 + SMALL[1536:], "a number in a header"),
    "a header with another check sum": (lambda: SMALL[:1536] + b"A" + SMALL[1537:], "the check sum of a header"),
    "a size beyond the file": (lambda: _patched(SMALL, 124, b"77777777777\0"), "cut short"),
    "a size beyond all files": (lambda: _patched(SMALL, 124, b"\x80" + b"\x7f" * 11), "cut short"),
    "a negative size": (lambda: _patched(SMALL, 124, b"\xff" * 12), "claims -1 bytes"),
    "a folder with content": (lambda: _patched(SMALL, 156, b"5"), "a folder in the tar claims 700 bytes"),
    "an unknown type": (lambda: _patched(SMALL, 156, b"Z"), "a type that no backup has"),
    "a PAX bomb": (lambda: _patched(_extended(b"x", b""), 124, b"77777777777\0"), "claims 8589934591 bytes"),
    "an extended header cut short": (lambda: _patched(_extended(b"x", b""), 124, b"00020000000\0"), "cut short"),
    "an extended header for nothing": (lambda: _extended(b"x", b"6 a=b\n", bytes(1024)), "has no entry"),
    "records that do not read": (lambda: _extended(b"x", b"99 path=b\n"), NO_RECORDS),
    "a record of no length": (lambda: _extended(b"x", b"2 path=b\n"), NO_RECORDS),
    "a record without an end": (lambda: _extended(b"x", b"8 path=b"), NO_RECORDS),
    "a record without a keyword": (lambda: _extended(b"x", b"5 =b\n"), "a keyword twice, or none"),
    "a path twice": (lambda: _extended(b"x", b"9 path=b\n9 path=c\n"), "a keyword twice, or none"),
    "a path by GNU and by PAX": (lambda: _extended(b"x", b"9 path=b\n", LONG_NAME), "say the same of one entry"),
    "two long names": (lambda: LONG_NAME[:1024] + LONG_NAME, "say the same of one entry"),
    "a long name without an end": (lambda: _extended(b"L", b"name"), "a long name in it has no end"),
    "a global header for nothing": (lambda: _extended(b"g", b"6 a=b\n", bytes(1024)), "has no entry"),
    "a hundred levels": (lambda: _extended(b"x", b"6 a=b\n")[:1024] * 100 + SMALL, "say the same of one entry"),
    "a global path": (lambda: _extended(b"g", b"13 path=../b\n"), "a global header in the tar changes entries"),
    "a path with a NUL": (lambda: _pax(path="b\0c"), "a NUL in it"),
    "a time that is none": (lambda: _pax(mtime="1e5"), "a time in an extended header"),
    "a size that is none": (lambda: _pax(size="-1"), "a number in an extended header"),
    "an owner beyond all": (lambda: _pax(uid="4294967296"), "the owner 4294967296"),
    "a sparse file of GNU's": (lambda: _patched(SMALL, 156, b"S"), SPARSE),
    "a sparse file of PAX's": (lambda: _pax(**{"GNU.sparse.major": "1"}), SPARSE),
}


@pytest.mark.parametrize("odd", ODD)
def test_whatever_is_damaged_or_tars_read_in_different_ways_is_refused(odd: str) -> None:
    tar, told = ODD[odd]
    with pytest.raises(NotCarriedOutError if told == SPARSE else BackupWrongError, match=told):
        _entries(tar())


def test_a_global_header_that_changes_nothing_is_read_over() -> None:
    assert _list(_extended(b"g", b"20 comment=of a git\n")).sha256 == _list(SMALL).sha256
