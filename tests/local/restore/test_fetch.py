"""The file that is kept is the one that passed; of a backup that does not pass nothing is kept."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from local.drill.targets import Targets
from local.events import unwatched
from local.restore.fetch import fetch
from local.restore.request import RestoreOptions, read_request
from local.restore.source import find_source
from local.settings import load
from tests.support.drill_archives import make_database
from tests.support.restores import lone_archive, settings_of, source_of
from tests.support.workshop import Workshop


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_kept_file_is_the_backed_up_one_byte_for_byte_in_a_private_file(tmp_path: Path, mode: str) -> None:
    path = make_database(tmp_path / "source.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    raw = path.read_bytes()
    assert raw[19] == {"delete": 1, "wal": 2}[mode]
    folder = tmp_path / "folder"
    folder.mkdir()

    found = fetch(source_of(lone_archive(tmp_path, raw), settings_of(tmp_path)), folder, unwatched)

    assert found.drilled.verdict == "passed"
    assert found.copy
    assert found.copy.path.read_bytes() == raw
    assert list(folder.iterdir()) == [found.copy.path]
    assert stat.S_IMODE(found.copy.path.stat().st_mode) == 0o600
    assert found.copy.rows == {"tasks": 3000, "notes": 1}
    assert len(found.copy.schema_sha256) == 64


def test_a_backup_that_a_newer_one_overwrites_meanwhile_is_fetched_all_the_same(
    workshop: Workshop, tmp_path: Path
) -> None:
    live = workshop.add("costs")
    assert workshop.invoke("backup").returncode == 0
    chosen = find_source(
        load(json.loads(workshop.configuration().read_text())), read_request(RestoreOptions("costs")), unwatched
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    left = [1]

    def overwritten() -> Targets:
        found = chosen.targets()
        if left.pop() if left else 0:
            with closing(sqlite3.connect(live)) as connection, connection:
                connection.execute("INSERT INTO tasks (title) VALUES ('newer')")
            assert workshop.invoke("backup").returncode == 0
        return found

    fetched = fetch(replace(chosen, targets=overwritten), folder, unwatched)

    assert fetched.copy, fetched.drilled
    assert fetched.copy.rows["tasks"] == 1000
    assert fetched.drilled.backup_time == chosen.backup_time


def test_nothing_is_kept_of_a_damaged_backup_and_its_step_says_why(tmp_path: Path, raw: bytes) -> None:
    archive = lone_archive(tmp_path, raw)
    damaged = bytearray(archive.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    archive.write_bytes(damaged)
    folder = tmp_path / "folder"
    folder.mkdir()

    found = fetch(source_of(archive, settings_of(tmp_path)), folder, unwatched)

    assert (found.drilled.verdict, found.copy) == ("failed", None)
    assert found.drilled.steps[-1].detail
    assert list(folder.iterdir()) == []
