from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.errors import ConfigError
from local.setup.sqlite_files import find


def make(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two databases, and beside them what is none, or is none of its own."""
    folder = tmp_path / "data"
    for name in ("b.sqlite", "a", "a.db.pre-restore-1777777777", "below/c.db"):
        make(folder / "x").rename(folder / "x.tmp")
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        (folder / "x.tmp").rename(target)
    for name in ("a-wal", "a-journal"):
        (folder / name).write_bytes((folder / "a").read_bytes())
    (folder / "notes.db").write_text("SQLite format 4")
    (folder / "empty.db").touch()
    (folder / "0-link.db").symlink_to("b.sqlite")
    (folder / "gone.db").symlink_to("nowhere")
    return folder


def test_a_folder_takes_every_sqlite_file_that_is_right_in_it_once(folder: Path) -> None:
    assert find([str(folder)]) == (folder / "a", folder / "b.sqlite")


def test_a_pattern_takes_those_below_too(folder: Path) -> None:
    assert find([f"{folder}/**/*.db"]) == (folder / "below/c.db", folder / "0-link.db")
    assert find([f"{folder}/?"]) == (folder / "a",)


def test_files_keep_the_order_in_which_they_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))

    assert find(["~/b.sqlite", "below/../a", str(folder)]) == (folder / "b.sqlite", folder / "a")


def test_a_link_that_is_named_is_kept_as_it_is(folder: Path) -> None:
    assert find([str(folder / "0-link.db")]) == (folder / "0-link.db",)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    odd = make(folder / "a[1]*.db")

    assert find([str(odd)]) == (odd,)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("nothing.db", "there is no such file"),
        ("notes.db", "does not begin as a SQLite database does"),
        ("empty.db", "does not begin as a SQLite database does"),
        ("gone.db", "there is no such file"),
        ("*.txt", "no database was found"),
        ("below/deeper", "there is no such file"),
        ("/dev/null", "neither a file nor a folder"),
    ],
)
def test_what_is_no_database_is_a_mistake(named: str, told: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        find([str(folder / named)])

    assert str(folder / named) in caught.value.doing
    assert caught.value.mend


def test_a_folder_without_any_and_an_empty_name_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no database was found"):
        find([str(tmp_path)])
    with pytest.raises(ConfigError, match="it is empty"):
        find([""])
