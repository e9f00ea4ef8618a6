"""`invoke backup` of Docker volumes, as whole processes, through real engines and into both stores."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from local.archive.cache import cache_folder
from local.store.archive_end import read_record
from tests.local.backup.volume_runs import by_hand, configure, fetched, fill, points
from tests.support.container_engines import ContainerEngine
from tests.support.odd_volume import found_in, make_odd_volume, unpacked
from tests.support.workshop import CHECKOUT, Workshop

FIELDS = "name verdict blob backup_time sha256 database_bytes gzip_bytes uploaded_bytes changed read seconds error"
EVERYWHERE = [
    ("folder", "docker"),
    ("azure", "docker"),
    *(pytest.param(store, "podman", marks=pytest.mark.long) for store in ("folder", "azure")),
]


def make_live(path: Path) -> sqlite3.Connection:
    """A database whose last rows are in its -wal alone; open."""
    live = sqlite3.connect(path, isolation_level=None)
    live.executescript("PRAGMA journal_mode=wal; CREATE TABLE jobs (id); INSERT INTO jobs VALUES (1), (2)")
    return live


# What is stored


@pytest.mark.parametrize(("store_settings", "container_engine"), EVERYWHERE, indirect=True)
def test_sha256sum_and_tar_restore_a_volume_alone_to_the_last_attribute(
    workshop: Workshop, container_engine: ContainerEngine, tmp_path: Path
) -> None:
    folder = container_engine.volume("Site_data")
    subprocess.run(["cp", "-a", f"{make_odd_volume(tmp_path / 'odd')}/.", folder], check=True)
    configure(workshop, {"name": "Site_data"})

    done = workshop.invoke("backup")

    assert done.returncode == 0, done.stderr
    (point,) = points(workshop)
    assert point.entry.name == f"volumes/{point.day}/Site_data.tar.gz"
    assert found_in(by_hand(workshop, point, tmp_path / "hand")) == found_in(folder)
    assert "not in the backup" not in done.stdout
    assert workshop.names() == []
    assert container_engine.names() == set()


def test_the_archive_and_its_metadata_say_what_is_in_it(
    folder_workshop: Workshop, docker_engine: ContainerEngine, tmp_path: Path
) -> None:
    folder = docker_engine.volume("site")
    fill(folder, files=2)
    (folder / "access.log").symlink_to("/dev/stdout")
    (folder / "not.db").write_bytes(b"SQLite format 3\0" + bytes(1000))
    subprocess.run(["mknod", folder / "device", "c", "1", "3"], check=True)
    configure(folder_workshop, {"name": "site"})

    with closing(make_live(folder / "app.db")):
        done = folder_workshop.invoke("backup")

    (point,) = points(folder_workshop)
    recorded = point.recorded
    assert (recorded.volume, recorded.database, recorded.changing) == ("site", None, 0)
    assert recorded.files == 7  # two files each, the link, the database, and what only begins as one
    archive = fetched(folder_workshop, point, tmp_path / "fetched")
    with archive.open("rb") as file:
        record = read_record(file, archive.stat().st_size)
    assert record
    told = record.fields
    assert told["outward"] == ["access.log"]
    assert told["left_out"] == ["device: a character device"]
    assert told["not_databases"][0].startswith("not.db: ")
    assert told["databases"]["app.db"]["rows"] == {"jobs": 2}
    assert told["changed_while_read"] == []
    for words in ("access.log", "device: a character device", "not.db: ", "app.db"):
        assert done.stdout.count(words) in (1, 2), words  # once, and once more below the result where it is a warning


def test_a_volume_stands_in_the_document_with_the_fields_of_a_database(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    fill(docker_engine.volume("site"), files=3)
    folder_workshop.add("costs")
    configure(folder_workshop, {"name": "site"})

    report = folder_workshop.document("backup")

    (database,), (volume,) = report["databases"], report["volumes"]
    assert list(database) == FIELDS.split()
    assert list(volume) == [*FIELDS.split(), "files", "changing"]
    assert (volume["name"], volume["verdict"], volume["files"], volume["changing"]) == ("site", "passed", 6, [])
    assert volume["blob"].endswith("/site.tar.gz")
    assert volume["changed"] == 1


# Later runs


@pytest.mark.parametrize(("store_settings", "container_engine"), EVERYWHERE, indirect=True)
def test_the_same_content_is_recorded_again_and_is_no_new_point(
    workshop: Workshop, container_engine: ContainerEngine
) -> None:
    fill(container_engine.volume("site"))
    configure(workshop, {"name": "site"})
    first = workshop.document("backup")["volumes"][0]

    second = workshop.document("backup", "--full")["volumes"][0]

    assert len(points(workshop)) == 1
    assert (second["sha256"], second["backup_time"]) == (first["sha256"], first["backup_time"])
    assert (second["changed"], second["read"]) == (0, True)
    assert second["uploaded_bytes"] < 1000


def test_of_a_volume_that_changed_only_what_changed_travels_and_both_contents_can_be_had(
    workshop: Workshop, docker_engine: ContainerEngine, tmp_path: Path
) -> None:
    folder = docker_engine.volume("site")
    for number in range(20):
        (folder / f"large-{number:03}").write_bytes(os.urandom(80_000))
    configure(workshop, {"name": "site"})
    first = workshop.document("backup")["volumes"][0]
    before = found_in(folder)
    (folder / "a new first file").write_bytes(b"new")
    with (folder / "large-004").open("ab") as file:
        file.write(b"grown")
    (folder / "large-010").unlink()

    second = workshop.document("backup")["volumes"][0]

    assert second["uploaded_bytes"] < first["gzip_bytes"] / 10 or workshop.store.local
    assert 0 < second["changed"] < 0.1
    old, new = sorted(points(workshop), key=lambda point: point.taken)
    assert found_in(by_hand(workshop, new, tmp_path / "new")) == found_in(folder)
    with urlopen(workshop.store.link(old.entry, 60)) as answer:
        (tmp_path / "old.tar.gz").write_bytes(answer.read())
    assert found_in(unpacked(tmp_path / "old.tar.gz", tmp_path / "old", "tar")) == before


@pytest.mark.long
def test_the_same_content_on_another_day_is_a_point_of_its_own_and_does_not_travel(
    azure_workshop: Workshop, docker_engine: ContainerEngine, tmp_path: Path
) -> None:
    folder = docker_engine.volume("site")
    fill(folder)
    configure(azure_workshop, {"name": "site"})
    azure_workshop.invoke("backup")
    tomorrow = [sys.executable, "-m", "tests.bench.later", "86400"]
    tomorrow += ["-f", str(azure_workshop.configuration()), "backup", "--json"]

    done = subprocess.run(tomorrow, cwd=CHECKOUT, capture_output=True, text=True, check=True)

    (volume,) = json.loads(done.stdout)["volumes"]
    today, ahead = sorted(points(azure_workshop), key=lambda point: point.day)
    assert ahead.day - today.day == timedelta(days=1)
    assert ahead.recorded.content_since == today.recorded.content_since
    assert volume["uploaded_bytes"] < 1000
    assert found_in(by_hand(azure_workshop, ahead, tmp_path / "hand")) == found_in(folder)


def test_a_volume_that_was_stored_is_proven_at_once_beside_the_databases(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    folder = docker_engine.volume("site")
    fill(folder, files=2)
    (folder / "access.log").symlink_to("/dev/stdout")
    folder_workshop.add("costs")
    configure(folder_workshop, {"name": "site"}, {"name": "gone"})
    folder_workshop.more["backup"] = {"prove": "daily"}

    with closing(make_live(folder / "app.db")):
        report = folder_workshop.document("backup")
        again = folder_workshop.document("backup")

    proof = report["proof"]
    assert [(one["name"], one["verdict"]) for one in proof["databases"]] == [("costs", "passed")]
    ((name, verdict),) = [(one["name"], one["verdict"]) for one in proof["volumes"]]
    assert (name, verdict) == ("site", "passed")
    assert proof["volumes"][0]["rows"]["app.db: jobs"]["restored"] == 2
    assert report["backup"]["verdict"] == "failed"  # the volume that is gone
    assert "proof" not in again


def test_a_volume_and_a_database_share_no_cache(azure_workshop: Workshop, docker_engine: ContainerEngine) -> None:
    fill(docker_engine.volume("site"), files=2)
    azure_workshop.add("costs")
    configure(azure_workshop, {"name": "site"})

    azure_workshop.invoke("backup")

    own = cache_folder(azure_workshop.store_settings)
    assert [path.name for path in (own / "cache").iterdir()] == ["costs"]
    assert [path.name for path in (own / "volumes").iterdir()] == ["site"]
    assert not (own / "work").exists()


# Which are backed up


def test_only_takes_either_kind_and_the_other_kinds_shelf_is_not_looked_at(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    fill(docker_engine.volume("site"), files=2)
    folder_workshop.add("costs")
    configure(folder_workshop, {"name": "site"})
    store = folder_workshop.root / "store"
    (store / "sqlite").write_text("a file, in which no day can be looked for")

    volume = folder_workshop.invoke("backup", "--only", "site")
    both = folder_workshop.invoke("backup")
    (store / "sqlite").unlink()
    shutil.rmtree(store / "volumes")
    (store / "volumes").write_text("the same")
    database = folder_workshop.invoke("backup", "--only", "costs")

    assert [done.returncode for done in (volume, both, database)] == [0, 1, 0]
    assert "1 of 1 stored" in volume.stdout
    assert "1 of 1 stored" in database.stdout


# What goes wrong


def test_an_engine_that_does_not_answer_is_told_once_and_the_databases_are_backed_up(
    folder_workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = folder_workshop.root / "no-engine.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    folder_workshop.add("costs")
    configure(folder_workshop, *({"name": name} for name in ("a", "b", "c")))

    done = folder_workshop.invoke("backup")

    assert done.returncode == 1
    assert (done.stdout + done.stderr).count(str(socket)) == 1
    assert "there is no such socket; start Docker" in done.stdout
    assert "backup FAILED: a, b and c could not be backed up, 1 of 4 stored" in done.stdout
    assert len(folder_workshop.names()) == 2


def test_a_volume_that_is_not_there_stops_no_other(folder_workshop: Workshop, docker_engine: ContainerEngine) -> None:
    fill(docker_engine.volume("site"), files=1)
    configure(folder_workshop, {"name": "sites"}, {"name": "site"})

    report = folder_workshop.document("backup")

    failed, passed = report["volumes"]
    assert (failed["verdict"], passed["verdict"]) == ("failed", "passed")
    assert "there is no volume of that name; there is site" in failed["error"]
    assert report["backup"]["verdict"] == "failed"


@pytest.mark.long
def test_a_failed_volume_alerts_as_a_database_does(folder_workshop: Workshop, docker_engine: ContainerEngine) -> None:
    folder_workshop.add("costs")
    alerts = folder_workshop.root / "alerts"
    alerts.write_text("json://127.0.0.1:9/")
    alerts.chmod(0o600)
    configure(folder_workshop, {"name": "site"})
    folder_workshop.more["alerts"] = {"urls_file": str(alerts)}

    done = folder_workshop.invoke("backup")

    assert done.returncode == 1
    assert docker_engine.names() == set()
    memory = "".join(path.read_text() for path in cache_folder(folder_workshop.store_settings).rglob("alerts*.json"))
    assert "site" in memory
    assert json.loads(memory)
