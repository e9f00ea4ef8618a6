"""`invoke drill.local --from FILE`: a copied archive proves itself, and no store is needed."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from local.drill import lone_file
from local.errors import ConfigError
from local.events import unwatched
from local.settings import Database
from tests.support.drill_archives import legacy, members
from tests.support.workshop import Workshop


@pytest.fixture
def copied(folder_workshop: Workshop, tmp_path: Path) -> Path:
    """An archive of costs that was copied out of its store under another name; the store is gone since."""
    folder_workshop.add("costs", rows={"tasks": 1000})
    folder_workshop.invoke("backup")
    (name, *_) = folder_workshop.names()
    store = folder_workshop.root / "store"
    copy = tmp_path / "from a colleague.gz"
    shutil.copyfile(store / name, copy)
    shutil.rmtree(store)
    return copy


def _drilled(workshop: Workshop, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = workshop.invoke("drill.local", *arguments, "--json")
    assert done.returncode == code, done.stderr
    report = json.loads(done.stdout)
    assert len(report["databases"]) == 1
    database: dict[str, Any] = report["databases"][0]
    return database


def test_a_copied_archive_passes_by_its_own_record_and_no_store_is_touched(
    folder_workshop: Workshop, copied: Path
) -> None:
    database = _drilled(folder_workshop, "--from", str(copied), "--only", "costs")
    assert (database["name"], database["verdict"], database["blob"]) == ("costs", "passed", str(copied))
    assert database["rows"]["tasks"] == {"restored": 1000, "recorded": 1000, "minimum": 1000}
    assert database["backup_time"].endswith("Z")
    assert [step["detail"] for step in database["steps"]] == [
        "",
        "no SHA-256 was recorded, so it was not compared",
        "",
        "",
        "",
    ]
    assert not (folder_workshop.root / "store").exists()
    assert sorted(path.name for path in copied.parent.glob("*.gz*")) == [copied.name]


def test_another_only_is_refused_and_the_database_of_the_file_is_named(folder_workshop: Workshop, copied: Path) -> None:
    folder_workshop.add("hivemind")
    done = folder_workshop.invoke("drill.local", "--from", str(copied), "--only", "hivemind")
    assert done.returncode == 2
    assert "'costs'" in done.stderr


def test_the_floors_of_its_database_apply(folder_workshop: Workshop, copied: Path) -> None:
    folder_workshop.databases["costs"]["rows"] = {"tasks": 1001}
    database = _drilled(folder_workshop, "--from", str(copied), code=1)
    assert "its floor is 1001" in database["steps"][-1]["detail"]
    folder_workshop.databases["costs"]["name"] = "another"
    assert _drilled(folder_workshop, "--from", str(copied))["verdict"] == "passed"


def test_the_checks_of_its_database_apply(copied: Path) -> None:
    checks = {"time": "SELECT :backup_time > '2026'", "rows": "SELECT count(*) = 0 FROM tasks"}
    configured = Database(name="costs", path=copied, checks=checks)
    report = lone_file.drill_file(lone_file.read_file(str(copied), []), [configured], "ANVIL", unwatched)
    assert report.drill.verdict == "failed"
    assert report.databases[0].checks == {"time": True, "rows": False}


def test_check_shows_the_file_and_drills_nothing(folder_workshop: Workshop, copied: Path) -> None:
    done = folder_workshop.invoke("drill.local", "--from", str(copied), "--check", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    (would_drill,) = found["databases"]
    assert (would_drill["name"], would_drill["blob"], would_drill["steps"]) == ("costs", str(copied), [])
    assert (found["drill"]["check"], found["drill"]["verdict"]) == (True, "passed")


WRONG_PATHS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no such file": (lambda _: None, "No such file or directory"),
    "a directory": (Path.mkdir, "is a directory"),
    "a pipe": (os.mkfifo, "is no regular file"),
    "a loop": (lambda path: path.symlink_to(path), "symbolic links"),
}


@pytest.mark.parametrize("wrong", WRONG_PATHS)
def test_a_path_that_leads_to_no_file_is_named(folder_workshop: Workshop, tmp_path: Path, wrong: str) -> None:
    make, told = WRONG_PATHS[wrong]
    path = tmp_path / "here.db.gz"
    make(path)
    with pytest.raises(ConfigError, match=told):
        lone_file.read_file(str(path), ())
    folder_workshop.add("costs")
    done = folder_workshop.invoke("drill.local", "--from", str(path))
    assert done.returncode == 2
    assert "--from" in done.stderr
    assert "here.db.gz" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("given", ["", "a\0b", "x" * 5000, "~nosuchuser/a.db.gz"])
def test_a_path_that_is_none_is_a_mistake(given: str) -> None:
    with pytest.raises(ConfigError, match="--from"):
        lone_file.read_file(given, ())


@pytest.mark.parametrize("option", [("--date", "2026-05-05"), ("--at", "2026-05-05T12:00:00Z")])
def test_a_point_in_time_cannot_be_chosen_besides(
    folder_workshop: Workshop, tmp_path: Path, option: tuple[str, str]
) -> None:
    folder_workshop.add("costs")
    done = folder_workshop.invoke("drill.local", "--from", str(tmp_path), *option)
    assert done.returncode == 2
    assert "one point in time" in done.stderr


def test_what_is_no_gzip_fails_and_says_so(folder_workshop: Workshop) -> None:
    path = folder_workshop.add("costs")
    database = _drilled(folder_workshop, "--from", str(path), code=1)
    assert database["steps"][-1]["detail"] == "this is no gzip file"


def test_a_former_scripts_archive_is_drilled_under_the_files_name(
    folder_workshop: Workshop, tmp_path: Path, raw: bytes
) -> None:
    folder_workshop.add("costs", rows={"tasks": 3000})
    archive = tmp_path / "costs.db.gz"
    archive.write_bytes(legacy(raw))
    database = _drilled(folder_workshop, "--from", str(archive))
    assert (database["name"], database["verdict"]) == ("costs", "passed")
    assert database["rows"]["tasks"] == {"restored": 3000, "recorded": None, "minimum": 3000}
    assert "not recorded" in database["steps"][-1]["detail"]


SIDECARS = {
    "the right digest": (None, "passed"),
    "another digest": (b"0" * 64 + b"  costs.db.gz\n", "failed"),
    "no digest": (b"", "failed"),
    "not text": (bytes(range(256)), "failed"),
}


@pytest.mark.parametrize("sidecar", SIDECARS)
def test_a_sidecar_beside_it_is_compared(folder_workshop: Workshop, tmp_path: Path, raw: bytes, sidecar: str) -> None:
    content, verdict = SIDECARS[sidecar]
    archive = tmp_path / "costs.db.gz"
    archive.write_bytes(members(raw, database="costs"))
    line = f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  costs.db.gz\n".encode()
    (tmp_path / "costs.db.gz.sha256").write_bytes(line if content is None else content)
    folder_workshop.add("costs")
    database = _drilled(folder_workshop, "--from", str(archive), code=0 if verdict == "passed" else 1)
    assert database["verdict"] == verdict
    if verdict == "failed":
        assert database["steps"][-1]["name"] == "checksum"
        assert "sidecar" in database["steps"][-1]["detail"]


def test_a_damaged_record_fails_the_drill_and_ends_in_no_traceback(
    folder_workshop: Workshop, tmp_path: Path, raw: bytes
) -> None:
    folder_workshop.add("costs")
    whole = members(raw, database="costs")
    for content in (whole[:-74], whole[:-100] + bytes(26) + whole[-74:], gzip.compress(raw)[:-9]):
        archive = tmp_path / "costs.db.gz"
        archive.write_bytes(content)
        assert _drilled(folder_workshop, "--from", str(archive), code=1)["name"] == "costs"


def test_the_name_of_a_former_content_is_its_databases(tmp_path: Path) -> None:
    for name in ("costs.db.gz", "costs.gz", "costs@20260505T040000.000Z.db.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"x"))
        assert lone_file.read_file(str(tmp_path / name), ("costs",)).name == "costs"


def test_an_archive_written_over_while_it_is_drilled_is_chosen_by_what_it_was(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "costs.db.gz"
    path.write_bytes(members(raw, database="costs"))
    lone = lone_file.read_file(str(path), ())
    other = tmp_path / "other.db"
    other.write_bytes(raw)
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("DELETE FROM tasks WHERE id > 5")
    path.write_bytes(members(other.read_bytes(), database="costs"))
    report = lone_file.drill_file(lone, (), "here", lambda _: None)
    assert report.drill.verdict == "inconclusive"
