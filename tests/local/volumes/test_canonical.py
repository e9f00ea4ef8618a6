from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from local.drill_program.tar_entries import TarEntry, read_entries
from local.volumes.canonical import END_MARK, header
from tests.support.folder_reader import GNU_TAR

PROGRAMS = [name for name in (GNU_TAR, "bsdtar") if name and shutil.which(name)]
PLAIN = TarEntry("file", b"a", b"", 0o644, 0, 0, 10**18, 0, 0, ())
GIB = 1 << 30


def parts(longest: int) -> some.SearchStrategy[bytes]:
    return some.binary(min_size=1, max_size=longest).map(
        lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_").replace(b".", b"_")
    )


PATHS = some.lists(parts(120), min_size=1, max_size=5).map(b"/".join)
NUMBERS = some.integers(0, 2**32 - 1)
ENTRIES = some.builds(
    TarEntry,
    kind=some.sampled_from(["file", "folder", "symlink", "hard link", "FIFO"]),
    path=PATHS,
    link=PATHS,
    mode=some.integers(0, 0o7777),
    uid=NUMBERS,
    gid=NUMBERS,
    mtime_ns=some.integers(-(2**62), 2**62),
    size=some.just(0),
    offset=some.just(0),
    xattrs=some.dictionaries(some.sampled_from([b"user.a", b"user.b", b"trusted.c"]), some.binary(max_size=200)).map(
        lambda found: tuple(sorted(found.items()))
    ),
).map(lambda entry: entry if "link" in entry.kind else replace(entry, link=b""))


def read_back(entry: TarEntry) -> TarEntry:
    [found] = read_entries(io.BytesIO(header(entry) + END_MARK))
    return replace(found, offset=0)


@given(ENTRIES)
def test_whatever_is_told_of_an_entry_is_read_back(entry: TarEntry) -> None:
    assert read_back(entry) == entry
    assert len(header(entry)) % 512 == 0


def test_a_plain_entry_is_one_block_and_what_does_not_fit_makes_three() -> None:
    assert len(header(PLAIN)) == 512
    assert len(header(replace(PLAIN, path=b"d" * 150 + b"/" + b"f" * 98))) == 512
    for odd in (
        replace(PLAIN, path=b"f" * 101),
        replace(PLAIN, uid=8**7),
        replace(PLAIN, mtime_ns=-1),
        replace(PLAIN, mtime_ns=1),
        replace(PLAIN, xattrs=((b"user.a", b""),)),
    ):
        assert len(header(odd)) == 1536


@pytest.mark.parametrize("size", [8 * GIB - 1, 8 * GIB, 9 * GIB + 5, 2**62])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_file_of_over_8_gib_has_its_size_to_every_reader(size: int, program: str) -> None:
    """Its header alone: readers list what they can before they miss the content."""
    done = subprocess.run([program, "-tvf", "-"], input=header(replace(PLAIN, size=size)), capture_output=True)
    assert str(size).encode() in done.stdout.split()


@pytest.mark.parametrize("seconds", [b"-1.5", b"-0.000000001", b"-86400", b"0.1", b"1700000000.123456789"])
def test_a_time_is_a_decimal_number_as_posix_writes_it(seconds: bytes) -> None:
    whole, _, fraction = seconds.lstrip(b"-").partition(b".")
    count = int(whole) * 10**9 + int(fraction.ljust(9, b"0") or b"0")
    assert b" mtime=%s\n" % seconds in header(replace(PLAIN, mtime_ns=-count if seconds.startswith(b"-") else count))


@pytest.mark.skipif(sys.platform != "linux", reason="GNU tar knows attributes on Linux alone")
def test_a_name_with_an_equals_sign_is_escaped_as_gnu_tar_does(tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    raw = header(replace(PLAIN, xattrs=((b"user.a=b%3D", b"v"),))) + END_MARK
    assert b"SCHILY.xattr.user.a%3Db%253D=v\n" in raw
    subprocess.run(
        [str(GNU_TAR), "-x", "--xattrs", "--xattrs-include=*", "-C", tmp_path / "back"], input=raw, check=True
    )
    assert os.listxattr(tmp_path / "back/a") == ["user.a=b%3D"]


def test_the_bytes_are_the_same_in_every_version() -> None:
    """Pinned: other bytes for the same entry send every header again."""
    odd = replace(PLAIN, path=b"\xff" * 300, uid=8**7, mtime_ns=-1, xattrs=((b"user.a", b"\0"),))
    assert (
        hashlib.sha256(header(PLAIN) + header(odd)).hexdigest()
        == "c7ed5a6e4b9ea3a68cc31bfb4e45bd20e69716c17412f78b3a955b890e925c95"
    )
