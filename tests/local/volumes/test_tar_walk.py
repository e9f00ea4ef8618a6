"""How far a tar stream has come is known whatever the pieces are in which it comes."""

from __future__ import annotations

import io
import itertools
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.volumes.tar_walk import StreamedEntry, TarWalk


def _tar(last: str, data: bytes, form: int = tarfile.PAX_FORMAT) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=form) as opened:
        for name, kind, size in (
            ("d", tarfile.DIRTYPE, 0),
            ("l", tarfile.SYMTYPE, 0),
            (last, tarfile.REGTYPE, len(data)),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, size, "x" * 150
            entry.pax_headers = {"SCHILY.xattr.user.x": "7 path=wrong\n"}
            opened.addfile(entry, io.BytesIO(data))
    return content.getvalue()


@given(
    st.sampled_from(["f", "n" * 200, "a/" * 60 + "é", "caf\udce9"]),
    st.integers(0, 2000),
    st.lists(st.integers(0, 3000)),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_the_last_entry_and_the_end_are_found(name: str, size: int, cuts: list[int], form: int) -> None:
    tar = _tar(name, b"\1" * size, form)
    walk = TarWalk()
    ends = [0, *sorted(cut for cut in cuts if cut < len(tar)), len(tar)]
    for start, end in itertools.pairwise(ends):
        walk.feed(tar[start:end])
    assert walk.whole
    assert walk.last == StreamedEntry(b"0", size, name.encode(errors="surrogateescape"))


def test_a_tar_that_is_cut_anywhere_before_its_end_is_not_whole() -> None:
    tar = _tar("n" * 200, b"\1" * 700)
    end = len(tar.rstrip(b"\0"))
    end += -end % 512 + 1024
    for length in [*range(0, end, 256), end - 1]:
        walk = TarWalk()
        walk.feed(tar[:length])
        assert not walk.whole, length
    walk = TarWalk()
    walk.feed(tar[:end])
    assert walk.whole


def test_a_size_that_needs_more_than_octal_digits_is_read() -> None:
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        entry = tarfile.TarInfo("huge")
        entry.size = 9 << 30
        walk = TarWalk()
        walk.feed(entry.tobuf(form))
        assert walk.last == StreamedEntry(b"0", 9 << 30, b"huge")
        walk.feed(b"\1" * 100_000)
        assert walk.last.size == 9 << 30


@pytest.mark.parametrize("behind", [b"\1" * 512, b'{"message": "the disk failed"}\n'.ljust(512, b"\0")])
def test_what_stands_behind_the_end_is_an_error(behind: bytes) -> None:
    with pytest.raises(ValueError, match="behind the end"):
        TarWalk().feed(_tar("f", b"x") + behind)


def test_an_engines_words_in_the_place_of_a_header_are_no_end() -> None:
    walk = TarWalk()
    tar = _tar("f", b"\1" * 512)
    walk.feed(tar[: len(tar.rstrip(b"\0"))] + b'{"message": "the disk failed"}\n')
    assert not walk.whole
