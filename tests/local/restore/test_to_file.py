"""A restore to a file makes a new file, whole, and touches nothing that is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import ConfigError, PillarError
from local.restore import to_file
from local.restore.private_folder import private_folder
from local.restore.proven import ProvenCopy
from local.restore.to_file import appear, check_target, target_path
from local.settings import Database


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


IN_THE_WAY: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (Path.touch, "never overwrites"),
    "a folder": (Path.mkdir, "never overwrites"),
    "a pipe": (os.mkfifo, "never overwrites"),
    "a link to nothing": (link_to_nothing, "never overwrites"),
    "a -wal": (lambda path: path.with_name("x.db-wal").touch(), "x.db-wal of a former database"),
    "a -shm": (lambda path: path.with_name("x.db-shm").touch(), "would be replayed"),
    "a -journal": (lambda path: path.with_name("x.db-journal").symlink_to("nothing"), "would be replayed"),
    "no folder": (lambda path: path.parent.rmdir(), "mkdir -p"),
    "a live path": (lambda path: path.parent.with_name("live.db").symlink_to(path), "--live"),
}


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_whatever_is_in_the_way_is_named_and_left_alone(tmp_path: Path, what: str) -> None:
    make, told = IN_THE_WAY[what]
    folder = tmp_path / "to"
    folder.mkdir()
    make(folder / "x.db")
    before = sorted(tmp_path.rglob("*"))
    live = Database(name="costs", path=tmp_path / "live.db")
    with pytest.raises(ConfigError) as refused:
        check_target(folder / "x.db", [live])
    assert told in f"{refused.value} {refused.value.mend}"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("given", ["x" * 300, "a\0b"])
def test_a_path_that_can_be_none_is_a_mistake(given: str) -> None:
    with pytest.raises(ConfigError, match="--to"):
        check_target(target_path(given, "costs.db"), ())


def test_the_target_is_in_this_folder_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    assert target_path(None, "costs.db") == tmp_path / "costs.db"
    assert target_path("~/x.db", "costs.db") == Path("/home/anna/x.db")


@pytest.fixture
def copy(tmp_path: Path) -> ProvenCopy:
    """A proven copy in a folder of its own."""
    (tmp_path / "private").mkdir(mode=0o700)
    path = tmp_path / "private/restored.db"
    path.write_bytes(b"restored")
    return ProvenCopy(path, {}, "0" * 64)


def refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def link(_source: Path, _target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")  # as exFAT answers

    monkeypatch.setattr(os, "link", link)


@pytest.mark.parametrize("links", [True, False])
def test_the_copy_appears_and_leaves_its_private_place(
    copy: ProvenCopy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        refuse_links(monkeypatch)
    appear(copy, tmp_path / "x.db")
    assert (tmp_path / "x.db").read_bytes() == b"restored"
    assert not copy.path.exists()


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_came_there_meanwhile_stays(
    copy: ProvenCopy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        refuse_links(monkeypatch)
    (tmp_path / "x.db").write_bytes(b"another's")
    with pytest.raises(ConfigError, match="never overwrites"):
        appear(copy, tmp_path / "x.db")
    assert (tmp_path / "x.db").read_bytes() == b"another's"


def test_a_wal_that_came_there_meanwhile_is_a_refusal(copy: ProvenCopy, tmp_path: Path) -> None:
    (tmp_path / "x.db-wal").write_bytes(b"old")
    with pytest.raises(ConfigError, match="would be replayed"):
        to_file.appear(copy, tmp_path / "x.db")
    assert not (tmp_path / "x.db").exists()


def test_a_folder_that_may_not_be_written_to_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    if os.geteuid():  # root may write everywhere
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o500)
        with pytest.raises(ConfigError, match="may not write to"):
            check_target(folder / "new.db", ())
    with pytest.raises(PillarError, match="cannot be made") as refused, private_folder(Path("/proc/new.db")):
        pass
    assert "--to PATH" in refused.value.mend
