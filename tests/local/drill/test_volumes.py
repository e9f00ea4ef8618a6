"""`invoke drill.local` of volumes, as a whole process: beside the databases, alone, and from a lone file."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.drill_archives import make_database, members
from tests.support.volume_archives import (
    DATABASE,
    entry,
    make_volume,
    put_volume,
    tar_of,
    tar_with,
    volume_archive,
    volume_metadata,
)
from tests.support.workshop import Workshop

DAY = "2026-05-05"


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tar of a volume with one of each."""
    return tar_of(make_volume(tmp_path_factory.mktemp("volume") / "v"))


@pytest.fixture
def installed(folder_workshop: Workshop) -> Workshop:
    """A volume is configured, and no database."""
    folder_workshop.more = {"volumes": [{"name": "files"}]}
    return folder_workshop


def _store(workshop: Workshop) -> Path:
    return workshop.root / "store"


def _put(workshop: Workshop, tar: bytes, **said: Any) -> Path:
    archive = volume_archive(tar, **said)
    return put_volume(_store(workshop), archive, volume_metadata(tar, archive))


def test_a_volume_is_drilled_beside_the_databases_with_their_fields(installed: Workshop, tar: bytes) -> None:
    installed.add("costs")
    installed.invoke("backup", "--only", "costs")
    _put(installed, tar)

    done = installed.invoke("drill.local", "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, report["drill"]["verdict"]) == (0, "passed")
    (database,), (volume,) = report["databases"], report["volumes"]
    assert list(volume) == list(database)
    assert (volume["name"], volume["blob"]) == ("files", f"volumes/{DAY}/files.tar.gz")
    assert volume["database_bytes"] == len(tar)
    assert volume["rows"]["files"] == {"restored": 7, "recorded": 7, "minimum": None}
    assert volume["rows"][f"{DATABASE}: tasks"] == {"restored": 60, "recorded": 60, "minimum": None}
    assert [step["verdict"] for step in volume["steps"]] == ["passed"] * 5
    (record,) = installed.store.entries("drills")
    assert json.loads(installed.store.read(record.name) or b"") == report


@pytest.mark.long
def test_without_a_volume_a_document_has_no_volumes(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")
    assert "volumes" not in folder_workshop.document("drill.local")


@pytest.mark.long
def test_only_names_either(installed: Workshop, tar: bytes) -> None:
    installed.add("costs")
    installed.invoke("backup", "--only", "costs")
    _put(installed, tar)
    alone = installed.document("drill.local", "--only", "files")
    assert (alone["databases"], [volume["name"] for volume in alone["volumes"]]) == ([], ["files"])
    alone = installed.document("drill.local", "--only", "costs")
    assert ([database["name"] for database in alone["databases"]], "volumes" in alone) == (["costs"], False)
    assert installed.invoke("drill.local", "--only", "file").returncode == 2


def test_one_wrong_volume_fails_the_drill_of_sound_databases(installed: Workshop, tar: bytes) -> None:
    installed.add("costs")
    installed.invoke("backup", "--only", "costs")
    blob = _put(installed, tar)
    blob.write_bytes(blob.read_bytes()[:-9])
    done = installed.invoke("drill.local")
    assert done.returncode == 1
    assert "files: checksum: the archive's SHA-256 is" in done.stdout
    assert "drill FAILED: files failed the drill, 1 of 2 can be brought back" in done.stdout


def test_a_volume_of_which_the_store_holds_nothing_has_failed(installed: Workshop, tar: bytes) -> None:
    done = installed.invoke("drill.local", "--json")
    assert done.returncode == 1
    assert "the store holds no backup of this volume; invoke backup makes one" in done.stdout
    _put(installed, tar)
    done = installed.invoke("drill.local", "--date", "2026-05-06", "--json")
    assert done.returncode == 4
    assert "no backup of this volume of 2026-05-06; the nearest there is: --at" in done.stdout
    assert installed.invoke("drill.local", "--date", DAY).returncode == 0


def test_a_check_says_what_would_be_drilled(installed: Workshop, tar: bytes) -> None:
    _put(installed, tar)
    done = installed.invoke("drill.local", "--check", "--json")
    (volume,) = json.loads(done.stdout)["volumes"]
    assert (done.returncode, volume["verdict"], volume["steps"]) == (0, "passed", [])
    assert volume["rows"]["files"] == {"restored": None, "recorded": 7, "minimum": None}


WRONG_ARCHIVES = {
    "an absolute path": gzip.compress(tar_with(entry("/etc/a", b"x"))),
    "a database": gzip.compress(b"SQLite format 3\0" + bytes(4080)),
}


@pytest.mark.parametrize("wrong", ["an absolute path", pytest.param("a database", marks=pytest.mark.long)])
def test_a_hostile_tar_in_the_store_is_refused(installed: Workshop, wrong: str) -> None:
    put_volume(_store(installed), WRONG_ARCHIVES[wrong])
    done = installed.invoke("drill.local", "--json")
    (volume,) = json.loads(done.stdout)["volumes"]
    assert (done.returncode, volume["steps"][-1]["name"], volume["verdict"]) == (1, "integrity", "failed")


def test_a_database_s_archive_in_a_volume_s_place_is_refused_and_the_reverse(
    installed: Workshop, tar: bytes, tmp_path: Path
) -> None:
    raw = make_database(tmp_path / "a.db", tasks=10).read_bytes()
    put_volume(_store(installed), members(raw, database="files"))
    (volume,) = installed.document("drill.local")["volumes"]
    assert volume["steps"][-1]["name"] == "checksum"
    assert "it is of the database 'files'" in volume["steps"][-1]["detail"]
    installed.more = {}
    installed.add("files", tmp_path / "a.db")
    moved = put_volume(_store(installed), volume_archive(tar))
    target = _store(installed) / "sqlite" / DAY / "files.db.gz"
    target.parent.mkdir(parents=True)
    moved.rename(target)
    moved.with_name("files.tar.gz.sha256").rename(f"{target}.sha256")
    (database,) = installed.document("drill.local")["databases"]
    assert "it is of the volume 'files'" in database["steps"][-1]["detail"]


def test_a_lone_file_proves_itself(folder_workshop: Workshop, tar: bytes) -> None:
    folder_workshop.add("costs")
    file = folder_workshop.root / "copied.tar.gz"
    file.write_bytes(volume_archive(tar))
    done = folder_workshop.invoke("drill.local", "--from", str(file), "--json")
    report = json.loads(done.stdout)
    (volume,) = report["volumes"]
    assert (done.returncode, report["databases"], volume["name"]) == (0, [], "files")
    assert volume["rows"]["files"]["recorded"] == 7
    (checked,) = folder_workshop.document("drill.local", "--from", str(file), "--check")["volumes"]
    assert (checked["name"], checked["rows"]["files"]["recorded"]) == ("files", 7)
    refused = folder_workshop.invoke("drill.local", "--from", str(file), "--only", "copied")
    assert refused.returncode == 2
    assert "is of the volume 'files'" in refused.stderr


@pytest.mark.long
def test_a_lone_file_of_the_former_daemon_is_a_volume_by_its_name(folder_workshop: Workshop, tmp_path: Path) -> None:
    folder_workshop.add("costs")
    file = tmp_path / "grafana-data.tar.gz"
    subprocess.run(["tar", "czf", file, "-C", make_volume(tmp_path / "v"), "."], check=True)
    done = folder_workshop.invoke("drill.local", "--from", str(file), "--json")
    (volume,) = json.loads(done.stdout)["volumes"]
    assert (done.returncode, volume["name"], volume["verdict"]) == (0, "grafana-data", "passed")
    assert volume["steps"][-1]["detail"].startswith("not recorded, so not compared: files, bytes")
