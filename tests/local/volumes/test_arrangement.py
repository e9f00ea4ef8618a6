from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from local.drill_program.tar_entries import TarEntry
from local.volumes.arrangement import arranged, walk_order
from local.volumes.seen import SeenEntry
from local.volumes.spool import Span
from local.volumes.tar_stream import NotWholeError


def seen(path: bytes, kind: str = "file", link: bytes = b"", size: int = 0) -> SeenEntry:
    spooled = Span(0, 512) if kind == "file" else None
    return SeenEntry(TarEntry(kind, path, link, 0o644, 1, 2, 3, size, 0, ((b"user.a", b"v"),)), spooled=spooled)


ROOT = seen(b".", "folder")


def told(entries: list[SeenEntry]) -> list[tuple[bytes, str, bytes]]:
    return [(found.entry.path, found.entry.kind, found.entry.link) for found in arranged([ROOT, *entries])][1:]


NAMES = some.text("ab-.0\x01é", min_size=1, max_size=3).filter(lambda name: name.strip("."))


@given(some.sets(some.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=20))
def test_the_order_is_a_walks_with_the_names_of_a_folder_sorted_by_bytes(paths: set[str]) -> None:
    found = sorted(map(os.fsencode, paths), key=walk_order)
    assert found == sorted(map(os.fsencode, paths), key=lambda path: path.split(b"/"))


def test_the_first_of_a_files_names_has_its_content() -> None:
    entries = [seen(b"m", size=9), seen(b"b", "hard link", b"m"), seen(b"z", "hard link", b"m"), seen(b"c")]
    for _ in range(10):
        random.Random(9).shuffle(entries)
        found = arranged([ROOT, *entries])[1:]
        assert [(one.entry.path, one.entry.kind, one.entry.link) for one in found] == [
            (b"b", "file", b""),
            (b"c", "file", b""),
            (b"m", "hard link", b"b"),
            (b"z", "hard link", b"b"),
        ]
        assert (found[0].entry.size, found[0].spooled) == (9, Span(0, 512))
        assert (found[2].entry.size, found[2].spooled, found[2].entry.xattrs) == (0, None, ())
        assert found[2].entry.mode == 0o644


@pytest.mark.parametrize("kind", ["symlink", "FIFO"])
def test_another_name_of_what_is_no_file_is_another_of_its_kind(kind: str) -> None:
    target = b"there" if kind == "symlink" else b""
    entries = [seen(b"m", kind, target), seen(b"b", "hard link", b"m")]
    assert told(entries) == [(b"b", kind, target), (b"m", kind, target)]


@pytest.mark.parametrize(
    "entries",
    [
        [seen(b"a", "hard link", b"gone")],
        [seen(b"a", "hard link", b"a")],
        [seen(b"d", "folder"), seen(b"a", "hard link", b"d")],
        [seen(b"f"), seen(b"a", "hard link", b"f"), seen(b"b", "hard link", b"a")],
        [seen(b"f"), seen(b"f/a")],
        [seen(b"l", "symlink", b"/"), seen(b"l/etc")],
        [seen(b"d/a")],
    ],
)
def test_a_link_to_nothing_and_a_path_through_a_file_are_refused(entries: list[SeenEntry]) -> None:
    with pytest.raises(NotWholeError):
        arranged([ROOT, *entries])


def test_a_folder_is_walked_as_the_system_lists_it(tmp_path: Path) -> None:
    for name in ("a", "a-b", "a.b", "ab", "B"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    walked = []
    for path, folders, files in os.walk(os.fsencode(tmp_path)):
        folders.sort()
        walked += [os.path.relpath(path, os.fsencode(tmp_path))]
        walked += [os.path.relpath(path + b"/" + name, os.fsencode(tmp_path)) for name in files]
    assert sorted(walked, key=walk_order) == walked
