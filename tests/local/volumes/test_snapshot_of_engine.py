"""The tar of a volume from real engines: the same bytes as from a folder with the same content, whichever it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from local.volumes.engine import Engine
from local.volumes.snapshot import take
from tests.support.container_engines import ContainerEngine
from tests.support.folder_reader import FolderReader
from tests.support.odd_volume import make_odd_volume


def only_what_both_engines_tell(folder: Path) -> None:
    """Whole seconds, no attributes, and of root: as much as each engine tells."""
    for path in [folder, *folder.rglob("*")]:
        for attribute in os.listxattr(path, follow_symlinks=False):
            os.removexattr(path, attribute)
        os.chown(path, 0, 0, follow_symlinks=False)
    (folder / "setuid").chmod(0o6755)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (0, path.lstat().st_mtime_ns // 10**9), follow_symlinks=False)


def test_each_engine_gives_the_bytes_that_the_same_folder_gives(
    container_engine: ContainerEngine, engine: Engine, tmp_path: Path
) -> None:
    odd = make_odd_volume(tmp_path / "odd")
    only_what_both_engines_tell(odd)
    folder = container_engine.volume("data")
    subprocess.run(["cp", "-a", f"{odd}/.", folder], check=True)
    for name in ("engine", "folder"):
        (tmp_path / name).mkdir()
    with engine.reading("data") as reader:
        found = take(reader, tmp_path / "engine", look_twice=True)
    expected = take(FolderReader(odd), tmp_path / "folder", look_twice=False)
    assert found.tar.read_bytes() == expected.tar.read_bytes()
    assert (found.cut, found.contents) == (expected.cut, expected.contents)


def test_a_live_database_is_fetched_again_through_the_engine(
    container_engine: ContainerEngine, engine: Engine, tmp_path: Path
) -> None:
    path = container_engine.volume("data") / "app.db"
    (tmp_path / "work").mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, engine.reading("data") as reader:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE rows(a)")
        looks = 0

        class Disturbed:
            def look(self, path: bytes = b"") -> Iterator[bytes]:
                nonlocal looks
                looks += 1
                if looks in (2, 4):
                    connection.execute("INSERT INTO rows VALUES (1)")
                    connection.execute("PRAGMA wal_checkpoint(truncate)")
                return reader.look(path)

        snapshot = take(Disturbed(), tmp_path / "work", look_twice=True)
    assert snapshot.contents.databases["app.db"].facts.rows == {"rows": 2}
    assert snapshot.contents.files == 1
    assert looks > 4
