"""`invoke backup`, as whole processes on both stores: what is stored, told and refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest

from local.archive.cache import cache_folder
from local.backup.lock import only_run
from local.backup.run import back_up
from local.backup.upload import SnapshotUpload, Stored
from local.events import unwatched
from local.interrupt import Interrupted
from local.settings import AzureSettings, Database
from local.store import catalog
from local.store.open import open_repository
from tests.local.backup.live_databases import change, restored
from tests.support.live_writer import live_writer
from tests.support.workshop import CHECKOUT, Workshop

TODAY = r"sqlite/\d{4}-\d\d-\d\d"


def test_four_databases_are_eight_blobs(workshop: Workshop) -> None:
    for name in ("mission-control", "hivemind", "costs", "knowledge"):
        workshop.add(name)

    assert workshop.invoke("backup").returncode == 0

    names = workshop.names()
    assert len(names) == 8
    assert all(re.fullmatch(rf"{TODAY}/[a-z-]+\.db\.gz(\.sha256)?", name) for name in names)


def test_the_sidecar_is_what_sha256sum_writes(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")

    (data, sidecar) = workshop.names()
    with urlopen(
        workshop.store.link(next(e for e in workshop.store.entries("sqlite") if e.name == data), 60)
    ) as answer:
        content = answer.read()
    assert workshop.store.read(sidecar) == f"{hashlib.sha256(content).hexdigest()}  costs.db.gz\n".encode()


def test_the_metadata_holds_what_the_contract_lists(workshop: Workshop) -> None:
    path = workshop.add("costs")
    workshop.invoke("backup")

    (point,) = workshop.repository.points()
    recorded = point.recorded
    assert recorded.database == "costs"
    assert recorded.rows == {"tasks": 1000, "empty": 0}
    assert recorded.row_total == 1000
    assert recorded.sqlite == sqlite3.sqlite_version
    assert recorded.page_size == 4096
    with closing(sqlite3.connect(path)) as connection:
        assert recorded.page_count == connection.execute("PRAGMA page_count").fetchone()[0]
    assert recorded.raw_bytes == 4096 * (recorded.page_count or 0)
    assert recorded.tool
    assert recorded.taken
    assert abs((datetime.now(UTC) - recorded.taken).total_seconds()) < 600
    assert len(recorded.raw_sha256 or "") == len(recorded.schema_sha256 or "") == 64


def test_the_json_document_has_the_contracts_fields_and_stdout_to_itself(workshop: Workshop) -> None:
    workshop.add("costs")

    done = workshop.invoke("backup", "--json")

    report = json.loads(done.stdout)
    assert set(report["backup"]) == {"id", "started", "seconds", "verdict"}
    (database,) = report["databases"]
    fields = "name verdict blob backup_time sha256 database_bytes gzip_bytes uploaded_bytes changed read seconds error"
    assert list(database) == fields.split()
    assert database["verdict"] == "passed"
    assert "snapshot" in done.stderr


def test_a_log_has_plain_timestamped_lines(workshop: Workshop) -> None:
    workshop.add("costs")

    output = workshop.invoke("backup").stdout

    assert output
    for line in output.splitlines():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [ -~]+", line)


@pytest.mark.parametrize("harm", ["missing", "empty", "no database", "corrupt"])
def test_a_database_that_fails_stops_no_other_and_its_good_backup_stays_the_newest(
    workshop: Workshop, harm: str
) -> None:
    bad, good = workshop.add("bad"), workshop.add("good")
    assert workshop.invoke("backup").returncode == 0
    before = catalog.choose(workshop.repository.points(), "bad")
    change(good)
    change(bad)
    with closing(sqlite3.connect(bad)) as connection:
        connection.execute("PRAGMA journal_mode=delete")
    content = bytearray(bad.read_bytes())
    if harm == "missing":
        bad.unlink()
    elif harm == "empty":
        bad.write_bytes(b"")
    elif harm == "no database":
        bad.write_bytes(b"hello " * 1000)
    else:
        content[4096:8192] = b"\xff" * 4096
        bad.write_bytes(content)

    done = workshop.invoke("backup", "--json")

    assert done.returncode == 1
    found = {one["name"]: one for one in json.loads(done.stdout)["databases"]}
    assert found["good"]["verdict"] == "passed"
    assert found["bad"]["verdict"] == "failed"
    assert found["bad"]["error"]
    assert "Traceback" not in done.stderr
    assert catalog.choose(workshop.repository.points(), "bad") == before


def test_a_second_run_at_the_same_time_is_refused_with_75(workshop: Workshop) -> None:
    workshop.add("costs")

    with only_run(cache_folder(workshop.store_settings) / "lock"):
        done = workshop.invoke("backup")

    assert done.returncode == 75
    assert str(os.getpid()) in done.stderr


class InterruptedAfterTheFirst(tuple[Database, ...]):
    """Databases of which the second is never reached: Ctrl-C comes while the first one's thread already works."""

    def __iter__(self) -> Iterator[Database]:
        self.__dict__["walks"] = self.__dict__.get("walks", 0) + 1
        yield self[0]
        if self.__dict__["walks"] == 2:
            raise Interrupted(signal.SIGINT)


def test_ctrl_c_while_the_work_is_handed_out_leaves_nothing(folder_workshop: Workshop, tmp_path: Path) -> None:
    path = folder_workshop.add("costs")
    databases = InterruptedAfterTheFirst([Database(name="costs", path=path)])
    opening = partial(open_repository, folder_workshop.store_settings, AzureSettings())

    with pytest.raises(Interrupted):
        back_up(opening, databases, tmp_path / "own", unwatched)

    assert folder_workshop.names() == []
    assert not (tmp_path / "own" / "work").exists()


def test_a_writer_in_another_process_is_never_refused_and_the_backup_holds_a_prefix(
    workshop: Workshop, tmp_path: Path
) -> None:
    path = workshop.add("live", tmp_path / "live.db")
    with live_writer(path) as writer:
        writer.wait_for(50)
        before = writer.commits
        assert workshop.invoke("backup").returncode == 0
        after = writer.commits + 1
        writer.wait_for(after + 20)
        assert writer.busy == 0

    with closing(restored(workshop, "live", tmp_path / "restored.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ids = [number for (number,) in copy.execute("SELECT id FROM live_entries ORDER BY id")]
        assert ids == list(range(1, len(ids) + 1))
        assert copy.execute("SELECT * FROM live_totals").fetchall() == [(len(ids), sum(ids))]
        assert before <= len(ids) <= after


def test_in_rollback_mode_no_commit_of_the_writer_is_lost(workshop: Workshop, tmp_path: Path) -> None:
    path = workshop.add("live", tmp_path / "live.db")
    with live_writer(path, mode="delete") as writer:
        writer.wait_for(50)
        assert workshop.invoke("backup").returncode == 0
        writer.wait_for(writer.commits + 20)
        acknowledged = writer.commits
        assert writer.busy == 0

    with closing(sqlite3.connect(path)) as live:
        assert live.execute("SELECT count(*) FROM live_entries").fetchone()[0] >= acknowledged


def test_check_says_what_would_change_and_changes_nothing(workshop: Workshop) -> None:
    path = workshop.add("costs")
    workshop.invoke("backup")
    change(path)
    before = list(workshop.store.entries("sqlite"))

    for flags in (("backup", "--check"), ("--dry", "backup")):
        done = workshop.invoke(*flags)
        assert done.returncode == 0
        assert "would be stored as sqlite/" in done.stdout

    assert list(workshop.store.entries("sqlite")) == before


def test_the_time_of_a_snapshot_is_not_before_what_it_holds(folder_workshop: Workshop) -> None:
    """A commit that the snapshot had to wait for is in it, so it was taken after that commit."""
    path = folder_workshop.add("costs")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=delete")
        connection.isolation_level = None
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("DELETE FROM tasks")
        command = folder_workshop.command("backup")
        with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            assert "settings: " in running.stdout.readline()
            assert "snapshot of" in running.stdout.readline()
            time.sleep(0.5)
            connection.execute("COMMIT")
            committed = datetime.now(UTC)
            running.communicate()

    (point,) = folder_workshop.repository.points()
    assert point.recorded.rows == {"tasks": 0, "empty": 0}
    assert point.taken >= committed - timedelta(milliseconds=1)


def test_an_interrupted_run_ends_with_130_and_leaves_nothing(folder_workshop: Workshop) -> None:
    path = folder_workshop.root / "big.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE noise (noise BLOB)")
        connection.executemany("INSERT INTO noise VALUES (?)", ((os.urandom(1_000_000),) for _ in range(150)))
    folder_workshop.add("big", path)
    work = cache_folder(folder_workshop.store_settings) / "work"

    with subprocess.Popen(
        folder_workshop.command("backup"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 30
        while not list(work.glob("*/snapshot.db")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate()

    assert process.returncode == 130
    assert "Traceback" not in error
    assert not work.exists()
    assert folder_workshop.names() == []


def test_an_exception_that_nobody_foresaw_is_one_databases_alone(folder_workshop: Workshop) -> None:
    added = tuple(Database(name=name, path=folder_workshop.add(name)) for name in ("bad", "costs"))
    opening = partial(open_repository, folder_workshop.store_settings, AzureSettings())

    def finish(upload: SnapshotUpload) -> Stored:
        fitting: list[Stored] = [upload.deliver()] if upload.content.name == "costs" else []
        return fitting[0]

    report = back_up(opening, added, folder_workshop.root / "own", unwatched, finish)

    assert [(database.name, database.verdict) for database in report.databases] == [
        ("bad", "failed"),
        ("costs", "passed"),
    ]
    assert re.fullmatch(
        r"backup of bad: IndexError in test_run\.py, line \d+: list index out of range; this is a bug: .*",
        report.databases[0].error or "",
    )
