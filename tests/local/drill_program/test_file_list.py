"""How a path is written, and which links lead out of a volume."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies

from local.drill_program.file_list import FileList, path_bytes, path_text
from local.drill_program.tar_entries import TarEntry

WRITTEN = {
    b"data/grafana.db": "data/grafana.db",
    "blå/日本.txt".encode(): "blå/日本.txt",
    b"back\\slash": "back\\\\slash",
    b"no utf-8 \xff\xfe": "no utf-8 \\xff\\xfe",
    b"two\nlines\x1b[31m": "two\\x0alines\\x1b[31m",
    "turned \u202e back".encode(): "turned \\xe2\\x80\\xae back",
    b"\\x41": "\\\\x41",
}


@pytest.mark.parametrize("raw", WRITTEN)
def test_a_path_is_written_so_that_a_person_can_read_it(raw: bytes) -> None:
    assert path_text(raw) == WRITTEN[raw]


@given(strategies.binary())
@example(b"\xed\xb3\xbf")
@example(b"\\\xff\\x")
def test_the_same_path_is_made_of_it_again(raw: bytes) -> None:
    assert path_bytes(path_text(raw)) == raw
    assert not any(character in path_text(raw) for character in "\n\r\x1b\x00\u202e")


@pytest.mark.parametrize("text", ["\\x4", "\\x41", "\\", "\\q", "a\nb", "\\xFF", "\\xc3\\xa5"])
def test_no_two_texts_are_one_path(text: str) -> None:
    with pytest.raises(ValueError, match="no path is written so"):
        path_bytes(text)


@pytest.mark.parametrize(
    ("path", "link", "out"),
    [
        ("a", "b", False), ("d/a", "../b", False), ("d/e/a", "../../b/c", False), ("d/a", "..", False),
        ("a", "./b", False), ("a", "..b", False),
        ("a", "/dev/stdout", True), ("a", "..", True), ("d/a", "../..", True), ("d/a", "../../b", True),
        ("d/e/a", "../../../b", True), ("a", "./../b", True), ("a", "//b", True),
        ("d/a", "b/../c", True),
    ],
)  # fmt: skip
def test_a_link_leads_out_where_it_climbs_higher_than_it_stands_or_may(path: str, link: str, out: bool) -> None:
    listed = FileList()
    listed.add(TarEntry("symlink", path.encode(), link.encode(), 0o777, 0, 0, 0, 0, 512, ()))
    listed.add(TarEntry("file", b"f", b"/not/a/symlink/s", 0o777, 0, 0, 0, 0, 512, ()))
    assert listed.outward == ([path] if out else [])
