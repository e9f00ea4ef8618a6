"""A later run: what changed is a point in time of its own, and what did not travels no more."""

from __future__ import annotations

import gzip
import hashlib
import os
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from local import clock
from local.backup.run import back_up
from local.events import unwatched
from local.settings import AzureSettings, Database
from local.store import catalog, layout
from local.store.catalog import Choice
from local.store.open import open_repository
from tests.local.backup.live_databases import change
from tests.support.shelf import SHELF
from tests.support.workshop import Workshop


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
