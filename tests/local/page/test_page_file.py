"""The page's file is whole or as it was, and takes the place of nothing but a page."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from local.errors import ConfigError
from local.page import page_file
from local.page.page_file import MARK


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_page_is_for_its_owner_alone_also_where_one_for_all_was_before(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(f"{MARK}old")
    path.chmod(0o644)

    page_file.write(path, f"{MARK}new – ✓")

    assert path.read_text() == f"{MARK}new – ✓"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == ["report.html"]


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "other file", "empty file", "link to nothing"])
def test_nothing_but_a_page_is_ever_replaced(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "report.html", tmp_path / "other"
    other.write_text(f"{MARK}old")
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(other)
        case "link to nothing":
            path.symlink_to(tmp_path / "nothing")
        case "pipe":
            os.mkfifo(path)
        case "other file":
            path.write_text("the only copy of something")
        case "empty file":
            path.touch()
    before = path.lstat()

    with pytest.raises(ConfigError, match="is there already, and is"):
        page_file.check_target(path)
    with pytest.raises(ConfigError, match="is there already, and is"):
        page_file.write(path, MARK)

    assert path.lstat() == before
    assert names(tmp_path) == ["other", "report.html"]


def test_a_folder_that_is_not_there_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"there is no folder {tmp_path}/nowhere"):
        page_file.check_target(tmp_path / "nowhere" / "report.html")


def test_a_page_that_cannot_be_written_leaves_the_one_of_before(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(f"{MARK}old")

    with pytest.raises(UnicodeEncodeError):
        page_file.write(path, f"{MARK}\udcff")

    assert path.read_text() == f"{MARK}old"
    assert names(tmp_path) == ["report.html"]


def test_a_full_or_closed_folder_is_told_with_the_command_to_look_at_it(tmp_path: Path) -> None:
    long = tmp_path / f"{'x' * 250}.html"  # the temporary file's name is longer than any file system takes

    with pytest.raises(ConfigError, match="File name too long") as raised:
        page_file.write(long, MARK)

    assert raised.value.mend == f"look at it: ls -ld {tmp_path}; df -h {tmp_path}"
    assert names(tmp_path) == []
