"""`invoke backup` and `invoke backup.list`, as whole processes on both stores."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest

from local import clock
from local.archive.cache import cache_folder
from local.backup.lock import only_run
from local.backup.run import back_up
from local.backup.upload import SnapshotUpload, Stored
from local.events import unwatched
from local.interrupt import Interrupted
from local.settings import AzureSettings, Database, StoreSettings
from local.store import catalog, layout
from local.store.catalog import Choice
from local.store.open import open_repository
from tests.support.azurite import KEY
from tests.support.live_writer import live_writer
from tests.support.shelf import SHELF
from tests.support.workshop import CHECKOUT, Workshop, make_database

TODAY = r"sqlite/\d{4}-\d\d-\d\d"


def change(path: Path, title: str = "changed") -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE tasks SET title = ? WHERE id = 7", (title,))


def restored(workshop: Workshop, name: str, target: Path) -> sqlite3.Connection:
    """By hand: the newest blob, gunzip, open."""
    point = catalog.choose(workshop.repository.points(), name)
    assert point
    with urlopen(workshop.store.link(point.entry, 60)) as answer:
        content = answer.read()
    target.write_bytes(subprocess.run(["gunzip", "-c"], input=content, capture_output=True, check=True).stdout)
    return sqlite3.connect(target)


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


def test_a_later_run_of_the_day_is_a_point_in_time_of_its_own(workshop: Workshop) -> None:
    path = workshop.add("costs")
    workshop.invoke("backup")
    change(path, "second")
    workshop.invoke("backup")
    change(path, "third")
    workshop.invoke("backup")

    points = list(workshop.repository.points())
    assert len(points) == 3
    assert len({point.taken for point in points}) == 3
    assert len({point.recorded.raw_sha256 for point in points}) == 3
    assert [point.current for point in points] == [False, False, True]
    assert catalog.choose(points, "costs", Choice(at=points[0].taken)) == points[0]


def test_a_run_that_finds_nothing_changed_makes_no_new_point(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    (before,) = workshop.repository.points()

    (found,) = workshop.document("backup")["databases"]

    assert (found["verdict"], found["changed"], found["sha256"]) == ("passed", 0.0, before.recorded.sha256)
    assert list(workshop.repository.points()) == [before]


def test_a_later_run_that_finds_nothing_changed_says_until_when(workshop: Workshop) -> None:
    """The run of before was more than a quarter of an hour ago: its time stands in the metadata alone."""
    workshop.add("costs")
    workshop.invoke("backup")
    (before,) = workshop.repository.points()
    assert before.taken
    earlier = layout.changed(before.recorded, taken=before.taken - timedelta(minutes=16))
    workshop.store.repeat(before.entry.name, before.entry, layout.encode_metadata(earlier))

    workshop.invoke("backup")

    (after,) = workshop.repository.points()
    assert after.taken == earlier.taken
    assert after.recorded.unchanged_until
    assert after.recorded.unchanged_until > before.taken
    assert after.recorded.content_since == before.recorded.content_since
    assert workshop.invoke("drill.local").returncode == 0


def test_a_sidecar_that_was_lost_is_written_again_by_the_next_run(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    (_, sidecar) = workshop.names()
    line = workshop.store.read(sidecar)
    workshop.store.write(sidecar, b"0" * 64 + b"  costs.db.gz\n")
    assert workshop.invoke("drill.local").returncode == 1

    workshop.invoke("backup")

    assert workshop.store.read(sidecar) == line
    assert workshop.invoke("drill.local").returncode == 0


def test_the_list_shows_every_point_in_time(workshop: Workshop) -> None:
    path = workshop.add("costs")
    workshop.add("other")
    workshop.invoke("backup")
    change(path)
    workshop.invoke("backup", "--only", "costs")

    listed = workshop.document("backup.list")["backups"]
    assert [(one["name"], one["current"], one["row_total"]) for one in listed] == [
        ("costs", False, 1000),
        ("costs", True, 1000),
        ("other", True, 1000),
    ]
    assert [one["name"] for one in workshop.document("backup.list", "other")["backups"]] == ["other"]
    both = workshop.document("backup.list", "--only", "other", "--only", "costs")["backups"]
    assert both == listed
    text = workshop.invoke("backup.list").stdout
    assert listed[0]["backup_time"] in text
    assert "3 points in time" in text


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


@pytest.mark.parametrize("harm", ["stale", pytest.param("a file", marks=pytest.mark.long)])
def test_the_cache_never_changes_a_result(azure_workshop: Workshop, harm: str) -> None:
    path = azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    folder = cache_folder(azure_workshop.store_settings) / "cache/costs"
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}
    change(path)
    if harm == "a file":
        shutil.rmtree(folder)
        folder.write_bytes(b"no folder")
    else:
        azure_workshop.invoke("backup")
        change(path, "again")
        for name, content_of_it in kept.items():
            (folder / name).write_bytes(content_of_it)

    assert azure_workshop.invoke("backup").returncode == 0
    assert azure_workshop.invoke("drill.local").returncode == 0
    assert azure_workshop.document("drill.local")["databases"][0]["rows"]["tasks"]["restored"] == 1000


@pytest.mark.parametrize("content", [b"", b"another content"])
def test_a_blob_whose_metadata_alone_is_the_remembered_one_is_written_anew(
    azure_workshop: Workshop, azure_store_settings: StoreSettings, content: bytes
) -> None:
    """As Abort Copy Blob leaves it: no content, and the whole metadata."""
    from azure.storage.blob import ContainerClient

    azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    (point,) = azure_workshop.repository.points()
    with ContainerClient.from_container_url(azure_store_settings.url, credential=KEY) as container:
        container.upload_blob(point.entry.name, content, metadata=dict(point.entry.metadata), overwrite=True)
    assert azure_workshop.invoke("drill.local").returncode == 1

    assert azure_workshop.invoke("backup").returncode == 0

    assert azure_workshop.invoke("drill.local").returncode == 0


def test_a_folder_needs_no_cache(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    folder_workshop.invoke("backup")

    assert not (cache_folder(folder_workshop.store_settings) / "cache").exists()


def test_a_rotten_archive_is_not_linked_but_written_anew(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")
    (point,) = folder_workshop.repository.points()
    path = folder_workshop.store.local_path(point.entry)
    assert path
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(content)
    assert folder_workshop.invoke("drill.local").returncode == 1

    (found,) = folder_workshop.document("backup")["databases"]

    assert (found["verdict"], found["changed"]) == ("passed", None), "nothing is left to compare with"
    assert folder_workshop.invoke("drill.local").returncode == 0


@pytest.mark.parametrize("finish", [SnapshotUpload.deliver, SnapshotUpload.preview])
def test_what_changed_is_known_also_where_the_cache_is_gone(
    finish: Callable[[SnapshotUpload], Stored], azure_store_settings: StoreSettings, tmp_path: Path
) -> None:
    path = tmp_path / "costs.db"
    make_database(path, rows=40_000)
    opening = partial(open_repository, azure_store_settings, AzureSettings())

    def run(own: str, finish: Callable[[SnapshotUpload], Stored] = SnapshotUpload.deliver) -> float | None:
        report = back_up(opening, [Database(name="costs", path=path)], tmp_path / own, unwatched, finish)
        return report.databases[0].changed

    assert run("this machine") == 1, "all of it is new"
    change(path)
    share = run("without a cache", finish)

    assert share is not None
    assert 0 < share < 0.5
    if finish is SnapshotUpload.preview:
        assert run("this machine", finish) == share
    assert run("this machine") in (0.0, share)


def test_what_changed_since_a_backup_of_the_former_script_is_not_known(folder_workshop: Workshop) -> None:
    path = folder_workshop.add("costs")
    day = clock.now().date()
    archive = folder_workshop.root / "store" / SHELF.data_name(day, "costs")
    archive.parent.mkdir(parents=True)
    archive.write_bytes(gzip.compress(path.read_bytes()))
    line = layout.sidecar_line(hashlib.sha256(archive.read_bytes()).hexdigest(), archive.name)
    archive.with_name(f"{archive.name}.sha256").write_bytes(line)
    opening = partial(open_repository, folder_workshop.store_settings, AzureSettings())

    def run() -> float | None:
        report = back_up(opening, [Database(name="costs", path=path)], folder_workshop.root / "own", unwatched)
        return report.databases[0].changed

    assert [run(), run()] == [None, 0.0]


def test_a_corrupt_database_leaves_nothing_in_the_cache(azure_workshop: Workshop) -> None:
    path = azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    folder = cache_folder(azure_workshop.store_settings)
    before = sorted(str(file) for file in folder.rglob("*"))
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    path.write_bytes(content)

    for _ in range(3):
        assert azure_workshop.invoke("backup").returncode == 1

    assert sorted(str(file) for file in folder.rglob("*")) == before


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


def test_a_backup_made_elsewhere_in_between_is_not_mixed_up(workshop: Workshop, tmp_path: Path) -> None:
    path = workshop.add("costs")
    workshop.invoke("backup")
    change(path, "elsewhere")
    workshop.invoke("backup", environment={"XDG_CACHE_HOME": str(tmp_path / "another machine")})
    change(path, "here again")

    assert workshop.invoke("backup").returncode == 0
    assert workshop.invoke("drill.local").returncode == 0


def test_a_changed_page_sends_little_and_nothing_changed_sends_next_to_nothing(azure_workshop: Workshop) -> None:
    path = azure_workshop.root / "big.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT, noise BLOB)")
        rows = (("x" * 50, os.urandom(3000)) for _ in range(6000))
        connection.executemany("INSERT INTO tasks (title, noise) VALUES (?, ?)", rows)
    azure_workshop.add("big", path)
    sent = []
    for title in ("first", "", "second", "third"):
        if title:
            change(path, title.ljust(50))
        (one,) = azure_workshop.document("backup")["databases"]
        assert one["verdict"] == "passed"
        sent.append(one["uploaded_bytes"] / one["gzip_bytes"])

    assert sent[0] >= 1
    assert sent[1] < 0.001
    assert sent[2] < 0.02
    assert sent[3] < 0.02
    assert azure_workshop.invoke("drill.local").returncode == 0


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


def test_the_former_scripts_backup_of_the_same_day_is_kept(workshop: Workshop) -> None:
    path = workshop.add("costs")
    day = datetime.now(UTC).date()
    name = SHELF.data_name(day, "costs")
    content = subprocess.run(["gzip", "-c", str(path)], capture_output=True, check=True).stdout
    workshop.store.write(name, content)
    digest = hashlib.sha256(content).hexdigest()
    workshop.store.write(layout.sidecar_name(name), f"{digest}  /tmp/x/costs.db.gz\n".encode())

    assert workshop.invoke("backup").returncode == 0

    points = list(workshop.repository.points())
    assert sorted(point.recorded.sha256 == digest for point in points) == [False, True]


def test_a_full_disk_for_the_cache_is_told_and_not_a_traceback(folder_workshop: Workshop) -> None:
    path = folder_workshop.root / "big.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE noise (noise BLOB)")
        connection.executemany("INSERT INTO noise VALUES (?)", ((os.urandom(1_000_000),) for _ in range(4)))
    folder_workshop.add("big", path)
    # No file may grow beyond 2 MiB: the snapshot meets what a full disk would say.
    command = ["sh", "-c", 'ulimit -f 4096; trap "" XFSZ; exec "$@"', "sh", *folder_workshop.command("backup")]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)

    assert done.returncode == 1
    assert "big: verdict failed" in done.stdout
    assert "Traceback" not in done.stderr
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
