"""A file is there with its old content or with its new one, and nothing else is ever left beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.errors import StoreError
from local.store.atomic_file import AtomicFile, link_or_copy


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file with an old content, alone in its folder."""
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.write_bytes(b"old")
    return path


def test_the_old_content_stands_until_the_new_one_is_put_in_place(target: Path) -> None:
    with AtomicFile(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
        file.put_in_place()
        assert target.read_bytes() == b"new"

    assert list(target.parent.iterdir()) == [target]


def test_what_is_not_put_in_place_is_gone(target: Path) -> None:
    def fail() -> None:
        with AtomicFile(target) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "file"

    with AtomicFile(target) as file:
        file.write(b"new")
        file.put_in_place()

    assert target.read_bytes() == b"new"


def test_another_file_s_content_is_taken_without_copying_it(target: Path) -> None:
    source = target.parent.parent / "source"
    source.write_bytes(b"source")

    with AtomicFile(target) as file:
        assert file.take(source) == 0
        file.put_in_place()

    assert target.samefile(source)


def test_what_the_file_system_refuses_is_an_error_of_the_store(target: Path) -> None:
    with pytest.raises(StoreError, match=r"write .*/below"), AtomicFile(target / "below"):
        pass
    with pytest.raises(StoreError, match=r"read .*/gone"):
        link_or_copy(target.with_name("gone"), target.with_name("link"))
