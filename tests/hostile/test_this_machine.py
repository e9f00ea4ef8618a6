"""What lies on this machine meanwhile is for this user alone, and nobody else's symlink or folder is followed."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.archive.cache import ArchiveCopy, cache_folder
from local.archive.private_folder import make_private
from local.backup.lock import only_run
from local.drill_program.temporary import drill_folder
from local.errors import ConfigError
from local.settings import StoreSettings
from tests.support.drill_archives import drilled_here, legacy, make_database, target_of
from tests.support.workshop import Workshop

STRANGER = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Whatever a program makes has just the mode that it asks for."""
    before = os.umask(0)
    yield
    os.umask(before)


# What is there for a moment only may be missed by whoever looks now and again.
LOOKS = 20


class ModesSeen:
    """The modes of every file and folder that is there for a while below a folder."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.modes: dict[str, int] = {}
        self._enough = threading.Event()
        self._looker = threading.Thread(target=self._look)

    def __enter__(self) -> ModesSeen:
        self._looker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._looker.join()

    def _look(self) -> None:
        while not self._enough.is_set():
            for path in self.top.rglob("*"):
                try:
                    self.modes[str(path.relative_to(self.top))] = path.lstat().st_mode
                except OSError:
                    continue
            time.sleep(0.002)

    def open_to_others(self) -> dict[str, str]:
        """What others could read, write or enter."""
        return {name: stat.filemode(mode) for name, mode in self.modes.items() if mode & 0o077}


@pytest.mark.usefixtures("open_umask")
def test_a_backup_s_files_are_for_this_user_alone(azure_workshop: Workshop, tmp_path: Path) -> None:
    azure_workshop.add("costs")
    cache = tmp_path / "cache"
    parts = ("lock", "work", "snapshot.db", "index", "pack-")
    with ModesSeen(cache) as seen:
        for _ in range(LOOKS):
            assert azure_workshop.invoke("backup").returncode == 0
            if all(part in " ".join(seen.modes) for part in parts):
                break

    for part in parts:
        assert part in " ".join(seen.modes), sorted(seen.modes)
    assert seen.open_to_others() == {}


@pytest.mark.usefixtures("open_umask")
def test_a_drill_s_files_are_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    raw = make_database(tmp_path.with_name(f"{tmp_path.name}.db"), tasks=3000).read_bytes()
    from local.drill.order import database_orders

    (order,) = database_orders([target_of(tmp_path.with_name(f"{tmp_path.name}.gz"), legacy(raw), raw)])
    with ModesSeen(tmp_path) as seen:
        for _ in range(LOOKS):
            with drill_folder() as folder:
                drilled_here(order, Path(folder))
            if any("restored.db" in name for name in seen.modes):
                break

    assert any("restored.db" in name for name in seen.modes)
    assert seen.open_to_others() == {}


@pytest.mark.usefixtures("open_umask")
def test_the_cache_and_the_lock_are_for_this_user_alone(tmp_path: Path) -> None:
    folder = cache_folder(StoreSettings(url="file:///x"))
    with only_run(folder / "lock"):
        copy = ArchiveCopy(folder / "cache" / "costs")
        copy.write(b"archive")
        copy.keep("5" * 64, ["block"])

    found = list((tmp_path / "cache").rglob("*"))
    assert len(found) == 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_dir()} == {0o700}


def test_a_folder_that_others_may_write_is_closed_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "pillar9"
    folder.mkdir()
    folder.chmod(0o777)

    make_private(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@as_root
@pytest.mark.parametrize("planted", ["a folder", "a link to a folder of ours"])
def test_what_another_user_put_in_place_of_our_folder_is_refused(tmp_path: Path, planted: str) -> None:
    folder, ours = tmp_path / "shared" / "pillar9", tmp_path / "ours"
    folder.parent.mkdir()
    ours.mkdir()
    if planted == "a folder":
        folder.mkdir()
    else:
        folder.symlink_to(ours)
    os.chown(folder, STRANGER, STRANGER, follow_symlinks=False)

    with pytest.raises(ConfigError, match=f"belongs to the user number {STRANGER}"), only_run(folder / "lock"):
        pass
    assert list(ours.iterdir()) == []


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/lock").symlink_to(victim)

    with pytest.raises(OSError, match="symbolic links"), only_run(tmp_path / "own/lock"):
        pass
    assert victim.read_text() == "precious"
