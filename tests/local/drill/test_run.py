"""`invoke drill.local` as a whole process, on both stores."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from local import clock
from local.backup.run import back_up
from local.cloud.errors import DELEGATION_KEY_ACTION, AccessDeniedError
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.errors import AzureError
from local.events import unwatched
from local.settings import Database
from local.store import layout
from local.store.catalog import Choice
from local.store.open import open_repository
from local.store.repository import Repository
from local.store.shelf import databases_in
from tests.remote.site import PREFIX, Site
from tests.support.azurite import KEY
from tests.support.blob_proxy import BlobProxy, RefusedCall
from tests.support.odd_databases import ODD_DATABASES
from tests.support.workshop import Workshop, make_database

STEPS = ["download", "checksum", "decompress", "integrity", "rows"]


def legacy_backup(workshop: Workshop, name: str, day: str = "2026-05-05") -> Path:
    """What the former bash script stored: a name in the gzip's header, any path in the sidecar, no metadata."""
    copy = workshop.root / f"{name}.legacy.db"
    make_database(copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=delete")
    subprocess.run(["gzip", "-6", "--keep", "--name", str(copy)], check=True)
    content = copy.with_name(copy.name + ".gz").read_bytes()
    blob = f"sqlite/{day}/{name}.db.gz"
    workshop.store.write(blob, content)
    line = f"{hashlib.sha256(content).hexdigest()}  /Users/anvil/backups/{name}.db.gz\n"
    workshop.store.write(layout.sidecar_name(blob), line.encode())
    return copy


def test_a_sound_backup_passes_and_the_report_has_the_contracts_fields(workshop: Workshop) -> None:
    workshop.add("costs", rows={"tasks": 1000})
    workshop.more = {"drill": {"host": "ANVIL"}}
    workshop.invoke("backup")

    done = workshop.invoke("drill.local", "--json")

    assert done.returncode == 0
    report = json.loads(done.stdout)
    fields = "id where host started seconds verdict fallback sqlite python tool"
    assert list(report["drill"]) == fields.split()
    assert (report["drill"]["where"], report["drill"]["host"]) == ("local", "ANVIL")
    (one,) = report["databases"]
    fields = "name verdict blob backup_time sha256 gzip_bytes database_bytes steps rows checks"
    assert list(one) == fields.split()
    assert [(step["name"], step["verdict"]) for step in one["steps"]] == [(name, "passed") for name in STEPS]
    assert one["rows"]["tasks"] == {"restored": 1000, "recorded": 1000, "minimum": 1000}
    assert one["rows"]["empty"] == {"restored": 0, "recorded": 0, "minimum": None}
    assert one["checks"] == {}


def test_the_record_in_the_store_is_the_report(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    report = workshop.document("drill.local")

    (record,) = workshop.store.entries("drills")

    assert re.fullmatch(r"drills/\d{4}-\d\d-\d\d/\d{8}T\d{6}\.\d{3}Z-[A-Za-z0-9-]+\.json", record.name)
    assert json.loads(workshop.store.read(record.name) or b"") == report


def test_databases_of_every_kind_are_brought_back(workshop: Workshop, tmp_path: Path) -> None:
    names = {}
    for number, (kind, make) in enumerate(ODD_DATABASES.items()):
        folder = tmp_path / f"odd {number}"
        folder.mkdir()
        names[f"odd-{number}"] = kind
        workshop.add(f"odd-{number}", make(folder))

    backed_up = workshop.document("backup")
    drilled = workshop.document("drill.local")

    assert {names[one["name"]]: one["error"] for one in backed_up["databases"] if one["verdict"] != "passed"} == {}
    assert {names[one["name"]]: one["steps"] for one in drilled["databases"] if one["verdict"] != "passed"} == {}


def test_a_database_without_a_backup_has_failed(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    workshop.add("forgotten")

    done = workshop.invoke("drill.local", "--json")

    assert done.returncode == 1
    found = {one["name"]: one for one in json.loads(done.stdout)["databases"]}
    assert found["costs"]["verdict"] == "passed"
    assert found["forgotten"]["verdict"] == "failed"
    assert "no backup" in found["forgotten"]["steps"][0]["detail"]


def test_at_and_date_choose_the_backup(workshop: Workshop) -> None:
    path = workshop.add("costs")
    workshop.invoke("backup")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM tasks WHERE id > 900")
    workshop.invoke("backup")
    first = workshop.document("backup.list")["backups"][0]

    def rows(*arguments: str) -> int:
        (one,) = workshop.document("drill.local", *arguments)["databases"]
        assert one["verdict"] == "passed"
        restored: int = one["rows"]["tasks"]["restored"]
        return restored

    assert rows() == 900
    assert rows("--at", first["backup_time"]) == 1000
    assert rows("--date", first["date"]) == 900
    records = len(list(workshop.store.entries("drills")))
    nothing = workshop.invoke("drill.local", "--date", "2020-01-01")
    assert len(list(workshop.store.entries("drills"))) == records > 0
    assert nothing.returncode == 4
    assert f"the nearest there is: --at {first['backup_time']}" in nothing.stdout
    assert workshop.invoke("drill.local", "--date", "yesterday").returncode == 2
    assert workshop.invoke("drill.local", "--at", "noon").returncode == 2


def test_a_sidecar_that_stays_wrong_fails_the_checksum(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    (_, sidecar) = workshop.names()
    workshop.store.write(sidecar, b"0" * 64 + b"  costs.db.gz\n")

    done = workshop.invoke("drill.local", "--json")

    assert done.returncode == 1
    (one,) = json.loads(done.stdout)["databases"]
    assert [step["name"] for step in one["steps"]] == ["download", "checksum"]
    assert "sidecar" in one["steps"][-1]["detail"]


def test_a_backup_of_another_database_under_the_name_fails(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    other = gzip.compress((workshop.root / "costs.db").read_bytes()[:4096])
    (data, sidecar) = workshop.names()
    workshop.store.write(data, other)
    workshop.store.write(sidecar, layout.sidecar_line(hashlib.sha256(other).hexdigest(), data))

    assert workshop.invoke("drill.local").returncode == 1


# One of each kind of what is recorded; the rest is proven by the agreement's own tests too.
LONG_FIELDS = [pytest.param(field, marks=pytest.mark.long) for field in ("page_count", "user_version", "tool", "rows")]


@pytest.mark.parametrize("field", ["row_total", "raw_bytes", "database", *LONG_FIELDS])
def test_metadata_that_is_not_what_the_archive_itself_says_is_named(workshop: Workshop, field: str) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    (data, _) = workshop.names()
    _record(workshop, data, **{field: '{"tasks":1000}' if field == "rows" else "77"})

    done = workshop.invoke("drill.local", "--json")

    assert done.returncode == 1
    (one,) = json.loads(done.stdout)["databases"]
    assert one["verdict"] == "failed"
    if field != "raw_bytes":
        assert one["steps"][-1]["name"] == "checksum"
        assert field in one["steps"][-1]["detail"]


def test_times_may_differ_and_newer_metadata_is_no_other_content(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    (data, _) = workshop.names()
    _record(workshop, data, unchanged_until="2031-01-01T00:00:00.000Z", content_since="2025-01-01T00:00:00.000Z")

    assert workshop.invoke("drill.local").returncode == 0


def _record(workshop: Workshop, data: str, **fields: str) -> None:
    """Somebody writes other metadata beside the archive."""
    if workshop.store.local:
        path = workshop.root.parent / "store" / f"{data}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
        return
    from azure.storage.blob import ContainerClient

    url = workshop.store_settings.url
    with ContainerClient.from_container_url(url, credential=KEY) as container, container.get_blob_client(data) as blob:
        blob.set_blob_metadata({**blob.get_blob_properties().metadata, **fields})


def test_a_floor_that_is_not_reached_fails(workshop: Workshop) -> None:
    workshop.add("costs", rows={"tasks": 1001, "gone": 1})
    workshop.invoke("backup")

    done = workshop.invoke("drill.local", "--json")

    assert done.returncode == 1
    (one,) = json.loads(done.stdout)["databases"]
    detail = one["steps"][-1]["detail"]
    assert "tasks" in detail
    assert "gone" in detail


def test_the_former_scripts_backups_list_drill_and_count(workshop: Workshop) -> None:
    workshop.add("costs", rows={"tasks": 1000})
    legacy_backup(workshop, "costs")

    (listed,) = workshop.document("backup.list")["backups"]
    assert listed["date"] == "2026-05-05"
    assert listed["row_total"] is None

    done = workshop.invoke("drill.local", "--json")
    assert done.returncode == 0
    (one,) = json.loads(done.stdout)["databases"]
    assert one["rows"]["tasks"] == {"restored": 1000, "recorded": None, "minimum": 1000}
    assert any("recorded" in step["detail"] for step in one["steps"]), "the report says what was not compared"


def test_the_temporary_folder_is_gone_afterwards(workshop: Workshop, tmp_path: Path) -> None:
    workshop.add("costs")
    workshop.invoke("backup")
    (tmp_path / "tmp").mkdir()

    workshop.invoke("drill.local", environment={"TMPDIR": str(tmp_path / "tmp")})

    assert list((tmp_path / "tmp").iterdir()) == []


PASSED_ON = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
    "SSL_CERT_DIR": "/etc/ssl/certs",
}
KEPT_BACK = (
    "PILLAR9_PRINCIPAL_CLIENT_SECRET",
    "PILLAR9_ALERT_URLS",
    "AZURE_CLIENT_SECRET",
    "AWS_SECRET_ACCESS_KEY",
    "LC_SECRET_2",
    "SSH_AUTH_SOCK",
    "MY_PROXY_PASSWORD",
    "TOKEN_OF_TOMORROW",
    "INVOKE_STORE_URL",
    "PYTHONPATH",
    "PATH",
    "HOME",
)


def test_the_program_gets_no_more_of_the_environment_than_it_needs(
    folder_workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from within: what runs in the interpreter's place notes its environment, and becomes the interpreter."""
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")
    spy = tmp_path / "python"
    spy.write_text(f'#!/bin/sh\n/usr/bin/env -0 > {tmp_path}/seen\nexec {sys.executable} "$@"\n')
    spy.chmod(0o755)
    for name, value in {**PASSED_ON, **dict.fromkeys(KEPT_BACK, "s3cret"), "TMPDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "executable", str(spy))

    report = drill_here(Selection(folder_workshop.repository, (Database("costs", tmp_path),)), "ANVIL", unwatched)

    assert report.drill.verdict == "passed"
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().split("\0") if line)
    assert "s3cret" not in seen.values()
    assert {*PASSED_ON, "TMPDIR", "SSL_CERT_FILE"} <= set(seen)
    # A shell sets these for itself.
    others = set(seen) - set(PASSED_ON) - {"TMPDIR", "SSL_CERT_FILE", "PWD", "SHLVL", "OLDPWD", "_"}
    assert {name for name in others if not re.fullmatch(r"LC_[A-Z]+|(?i:\w+_proxy)|LD_LIBRARY_PATH", name)} == set()


def test_a_login_that_may_not_make_links_reads_by_its_token(site: Site, blob_proxy: BlobProxy) -> None:
    """Azure then refuses the delegation key that signs links: once, whatever number of databases there is."""
    site.back_up(("costs", "knowledge"))
    blob_proxy.refused.append(
        RefusedCall("POST", "comp=userdelegationkey", 403, "AuthorizationPermissionMismatch", "Not authorized.")
    )

    report = drill_here(Selection(Repository(site.store, databases_in(PREFIX)), site.databases), "ANVIL", unwatched)

    assert [database.verdict for database in report.databases] == ["passed", "passed"]
    asked = [call for call in blob_proxy.calls if "comp=userdelegationkey" in call.path]
    assert [call.status for call in asked] == [403]
    read = [call for call in blob_proxy.calls if call.method == "GET" and call.path.endswith(".db.gz")]
    assert {call.authorization.partition(" ")[0] for call in read} == {"Bearer"}
    assert not [call for call in blob_proxy.calls if "sig=" in call.path]


def test_a_token_follows_no_redirect(site: Site, blob_proxy: BlobProxy) -> None:
    site.back_up()
    elsewhere = (("Location", f"{blob_proxy.url}/elsewhere"),)
    blob_proxy.refused += [
        RefusedCall("POST", "comp=userdelegationkey", 403, "AuthorizationPermissionMismatch", "Not authorized."),
        RefusedCall("GET", r"costs\.db\.gz$", 302, "Moved", "Moved.", elsewhere),
    ]

    report = drill_here(Selection(Repository(site.store, databases_in(PREFIX)), site.databases), "ANVIL", unwatched)

    assert [call.status for call in blob_proxy.calls if call.path.endswith("costs.db.gz")][-1] == 302
    assert report.drill.verdict == "inconclusive"
    assert not [call for call in blob_proxy.calls if "elsewhere" in call.path]


def test_a_token_never_goes_to_a_vm(site: Site, blob_proxy: BlobProxy) -> None:
    site.back_up()
    blob_proxy.refused.append(
        RefusedCall("POST", "comp=userdelegationkey", 403, "AuthorizationPermissionMismatch", "Not authorized.")
    )

    error = site.refused()

    assert isinstance(error, AccessDeniedError)
    assert error.action == DELEGATION_KEY_ACTION
    assert site.deployment.cloud.scripts == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AuthorizationFailure"),
        # The SDK asks again and again for 20 s before it believes it.
        pytest.param(500, "InternalError", marks=pytest.mark.long),
    ],
)
def test_another_refusal_of_the_key_is_told(site: Site, blob_proxy: BlobProxy, status: int, code: str) -> None:
    site.back_up()
    blob_proxy.refused.append(RefusedCall("POST", "comp=userdelegationkey", status, code))

    with pytest.raises(AzureError, match=code):
        drill_here(Selection(Repository(site.store, databases_in(PREFIX)), site.databases), "ANVIL", unwatched)


def test_a_former_content_is_read_by_the_token_too(site: Site, blob_proxy: BlobProxy) -> None:
    (database,) = site.back_up()
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("DELETE FROM runs WHERE id > 40")
    first = clock.now()
    back_up(partial(open_repository, site.store_settings, site.azure), (database,), site.folder / "own", unwatched)
    blob_proxy.refused.append(
        RefusedCall("POST", "comp=userdelegationkey", 403, "AuthorizationPermissionMismatch", "Not authorized.")
    )

    selection = Selection(Repository(site.store, databases_in(PREFIX)), (database,), Choice(at=first))
    report = drill_here(selection, "ANVIL", unwatched)

    assert report.drill.verdict == "passed"
    assert report.databases[0].rows["runs"].restored == 100


def test_check_drills_nothing_and_writes_no_record(workshop: Workshop) -> None:
    workshop.add("costs")
    workshop.invoke("backup")

    done = workshop.invoke("drill.local", "--check")

    assert done.returncode == 0
    assert "costs" in done.stdout
    assert list(workshop.store.entries("drills")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("backup", "--only", "cost"), 2, "known: costs"),
        (("drill.local", "--only", "cost"), 2, "known: costs"),
        (("rbac.check",), 2, "azure.subscription"),
        (("drill.remote",), 2, "azure"),
    ],
)
def test_what_people_mistype_is_told_without_a_traceback(
    folder_workshop: Workshop, arguments: tuple[str, ...], code: int, said: str
) -> None:
    folder_workshop.add("costs")

    done = folder_workshop.invoke(*arguments)

    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_configuration_that_is_no_yaml_is_told_without_a_traceback(folder_workshop: Workshop, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("store: [")
    command = folder_workshop.command("backup.list")
    command[command.index("-f") + 1] = str(broken)

    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd(), env=os.environ)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_store_that_cannot_be_reached_is_3_and_names_the_host(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.store_settings = type(folder_workshop.store_settings)(url="http://127.0.0.1:9/account/container")

    done = folder_workshop.invoke("backup.list", environment={"AZURE_STORAGE_KEY": "a2V5"})

    assert done.returncode == 3
    assert "127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_backup_in_azurite_is_restored_by_hand_with_nothing_of_ours(azure_workshop: Workshop, tmp_path: Path) -> None:
    azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    (point,) = azure_workshop.repository.points()
    sidecar = next(
        entry for entry in azure_workshop.store.entries("sqlite") if entry.name == layout.sidecar_name(point.entry.name)
    )
    by_hand = f"""set -e
curl -sS --fail -o costs.db.gz '{azure_workshop.store.link(point.entry, 60)}'
curl -sS --fail -o costs.db.gz.sha256 '{azure_workshop.store.link(sidecar, 60)}'
sha256sum -c costs.db.gz.sha256
gunzip costs.db.gz
sqlite3 costs.db 'PRAGMA integrity_check; SELECT count(*) FROM tasks'
"""

    done = subprocess.run(["sh", "-c", by_hand], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["costs.db.gz: OK", "ok", "1000"]
