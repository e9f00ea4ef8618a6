"""What each command prints with `--json` has the form that its type tells, and docs/json.md tells the same."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from local import clock
from local.command_line.scheduled_run import ScheduledRun
from local.doctor import databases
from local.doctor.run import examine
from local.drill.preview import preview
from local.drill.targets import Selection
from local.events import unwatched
from local.report import BackedUpVolume, Backup, BackupReport
from local.schedule import agents
from local.schedule import report as schedule
from local.schedule.due import decide
from local.schedule.plan import Installation
from local.schedule.systemd import Systemd
from local.settings import Database, DrillSettings, RetentionSettings, ScheduleSettings, Settings
from local.store.open import open_store
from local.store.repository import Repository
from local.store.shelf import databases_in
from rbac import check, revoke
from rbac.propagation import Propagation
from rbac.tasks import rights_to_run
from remote import due
from remote.command import RemoteCommand
from remote.run import preview as preview_run
from remote.run import run_everywhere
from tests import json_page
from tests.local.watch.stored import back_up_volume
from tests.rbac.admin import Admin
from tests.remote.site import PREFIX, Site
from tests.support import fake_systemctl
from tests.support.drill_archives import make_database
from tests.support.receivers import http_receiver
from tests.support.volume_archives import entry, put_volume, tar_with, volume_archive, volume_metadata
from tests.support.workshop import Workshop

# Asked here, since each test has an environment of its own.
WRITING = bool(os.environ.get(json_page.WRITE_VARIABLE))
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# Fields that are times and whose names the contract has from before `…_time`.
OLD_TIMES = {"started", "last_backup", "unchanged_since", "last_proven", "last_run", "ScheduledAgent.due"}
SHARES = {"changed", "max_share"}
FORMATS = jsonschema.FormatChecker(formats=())
FORMATS.checks("date-time")(lambda text: not isinstance(text, str) or RFC_3339.fullmatch(text) is not None)
FORMATS.checks("date")(lambda text: not isinstance(text, str) or re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None)

SAME_IN_EVERY_RUN = (
    (re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}"), "20260505T120003.123Z-1a2b3c4d"),
    (re.compile(r"\d{8}T\d{6}\.\d{3}Z"), "20260505T120003.123Z"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "2026-05-05T12:00:03.123Z"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "2026-05-05"),
    (re.compile(r" in \d{4}-\d\d\b(?!-)"), " in 2026-05"),
    (re.compile(r"\d+\.\d kB"), "49.2 kB"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "5bf7d9f7-0000-0000-0000-000000000000"),
    (re.compile(r"pre-restore-\d+"), "pre-restore-1777982403"),
)
SAME_BY_NAME: dict[str, Any] = {
    "gzip_bytes": 11800,
    "added_bytes": 11800,
    "uploaded_bytes": 12100,
    "database_bytes": 49152,
    "whole_bytes": 23600,
    "sent_bytes": 17700,
    "page_bytes": 64000,
    "needed_bytes": 49152,
    "free_bytes": 64000000000,
    "sqlite": "3.45.1",
    "python": "3.12.3",
    "tool": "pillar9 1.0.0",
    "text": "# …\n",
    "system": "Linux-6.8.0-x86_64-with-glibc2.39",
}


@dataclass
class Collected:
    """What commands printed: (what was called, the document), by the name of the document's type."""

    printed: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)

    def add(self, name: str, called: str, document: Any) -> Any:
        """Take it in, and give it back."""
        self.printed.setdefault(name, []).append((called, document))
        return document

    def run(self, workshop: Workshop, name: str, *arguments: str) -> Any:
        """What the command prints; stdout holds one line, which is the document."""
        done = workshop.invoke(*arguments, "--json")
        assert done.stdout.count("\n") == 1, done.stdout + done.stderr
        called = " ".join(arguments).replace(str(workshop.root), "/data")
        return self.add(name, f"{called} --json", json.loads(done.stdout))

    def take(self, name: str, called: str, document: object) -> Any:
        """What the command would print of a result."""
        return self.add(name, f"{called} --json", json.loads(msgspec.json.encode(document)))


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_every_command_prints_what_its_type_and_the_page_tell(folder_workshop: Workshop, site: Site) -> None:
    collected = Collected()
    of_a_folder(collected, folder_workshop)
    of_a_schedule(collected, folder_workshop.root / "home", site.monkeypatch)
    of_azure(collected, site)

    assert set(collected.printed) == set(json_page.documents()), "a document that no run here prints"
    troubles = [told for name, runs in collected.printed.items() for told in found_wrong(name, runs)]
    assert troubles == []
    hidden = {str(folder_workshop.root): "/data", str(site.folder): "/data", site.store_settings.url: "https://…"}
    made = json_page.page(
        {
            name: [(called, same(printed, hidden)) for called, printed in runs]
            for name, runs in collected.printed.items()
        }
    )
    if WRITING:
        json_page.PAGE.write_text(made)
    assert json_page.PAGE.read_text() == made, f"write it again: {json_page.COMMAND}"


def of_a_folder(collected: Collected, workshop: Workshop) -> None:
    """Each command on a folder: once as it passes, once as it only checks, and where it fails."""
    workshop.add("costs", rows={"tasks": 100})
    workshop.databases["costs"]["checks"] = {"tasks have titles": "SELECT count(*) = 0 FROM tasks WHERE title IS NULL"}
    workshop.more = {"retention": {"keep_last": 1}, "backup": {"prove": "always"}}
    first = collected.run(workshop, "BackupReport", "backup")
    assert (first["backup"]["verdict"], first["proof"]["verdict"]) == ("passed", "passed")
    change(workshop)
    checked = collected.run(workshop, "BackupReport", "backup", "--check")
    assert (checked["backup"]["check"], checked["databases"][0]["uploaded_bytes"]) == (True, None)
    assert 0 < checked["databases"][0]["changed"] <= 1
    workshop.more["backup"] = {"prove": "never"}
    workshop.invoke("backup")
    listed = collected.run(workshop, "Listing", "backup.list", "--only", "costs")
    assert [point["current"] for point in listed["backups"]] == [False, True]
    _of_volumes(collected, workshop)
    _of_drills(collected, workshop)
    collected.run(workshop, "Status", "status")
    planned = collected.run(workshop, "PruneReport", "backup.prune", "--check")
    assert planned["prune"]["check"] is True
    _of_watched_volumes(collected, workshop)
    _of_restores(collected, workshop)
    _of_what_runs_unattended(collected, workshop)
    new = ("--database", workshop.databases["costs"]["path"], "--store", str(workshop.root / "new store"))
    begun = collected.run(workshop, "InitDocument", "init", *new, "--to", str(workshop.root / "new.yaml"), "--check")
    assert (begun["init"]["check"], [each["name"] for each in begun["databases"]]) == (True, ["costs"])
    collected.run(workshop, "VersionDocument", "version")
    collected.run(workshop, "ErrorDocument", "backup.list", "--only", "cost")


def _of_volumes(collected: Collected, workshop: Workshop) -> None:
    """Where no engine answers, and what is told of one that does, which not every machine has."""
    workshop.more["volumes"] = [{"name": "grafana-data"}]
    done = workshop.invoke(
        *("backup", "--only", "grafana-data", "--json"), environment={"DOCKER_HOST": f"unix://{workshop.root}/no.sock"}
    )
    failed = collected.add("BackupReport", "backup --only grafana-data --json", json.loads(done.stdout))
    assert (failed["databases"], failed["volumes"][0]["verdict"]) == ([], "failed")
    stored = BackedUpVolume(
        name="grafana-data",
        verdict="passed",
        blob="volumes/2026-05-05/grafana-data.tar.gz",
        backup_time="2026-05-05T12:00:03.123Z",
        sha256="0" * 64,
        database_bytes=49152,
        gzip_bytes=11800,
        uploaded_bytes=12100,
        changed=0.02,
        read=True,
        files=303,
        changing=("log/grafana.log: grew from 70,120 to 70,301 bytes",),
    )
    backup = Backup(**{**failed["backup"], "verdict": "passed"})
    collected.take("BackupReport", "backup --only grafana-data", BackupReport(backup, (), (stored,)))
    del workshop.more["volumes"]


def _of_drills(collected: Collected, workshop: Workshop) -> None:
    assert collected.run(workshop, "DrillReport", "drill.local")["drill"]["verdict"] == "passed"
    checked = collected.run(workshop, "DrillReport", "drill.local", "--check")
    assert (checked["drill"]["check"], checked["databases"][0]["steps"]) == (True, [])
    workshop.databases["costs"]["rows"] = {"tasks": 1_000_000}
    assert collected.run(workshop, "DrillReport", "drill.local")["drill"]["verdict"] == "failed"
    workshop.databases["costs"]["rows"] = {"tasks": 100}
    database = make_database(workshop.root / "grafana.db", tasks=60).read_bytes()
    # Whoever restores it owns it already, whether that is root or not.
    own: dict[str, Any] = {"uid": os.geteuid(), "gid": os.getegid()}
    folders = [entry(name, kind=tarfile.DIRTYPE, mode=0o755, **own) for name in (".", "plugins")]
    tar = tar_with(folders[0], entry("grafana.db", database, **own), folders[1])
    archive = volume_archive(tar, volume="grafana-data")
    metadata = volume_metadata(tar, archive, volume="grafana-data")
    put_volume(workshop.root / "store", archive, metadata, "grafana-data")
    workshop.more["volumes"] = [{"name": "grafana-data"}]
    drilled = collected.run(workshop, "DrillReport", "drill.local", "--only", "grafana-data")
    assert (drilled["databases"], drilled["volumes"][0]["verdict"]) == ([], "passed")
    del workshop.more["volumes"]


def _of_watched_volumes(collected: Collected, workshop: Workshop) -> None:
    back_up_volume(workshop.store, clock.now(), "wiki")
    workshop.more["volumes"] = [{"name": "wiki"}]
    listed = collected.run(workshop, "Listing", "backup.list", "wiki")
    assert [(point["kind"], point["changing_count"]) for point in listed["backups"]] == [("volume", 1)]
    told = collected.run(workshop, "Status", "status", "--only", "wiki")
    assert (told["databases"], told["volumes"][0]["verdict"]) == ([], "late")
    page = str(workshop.root / "volumes.html")
    assert collected.run(workshop, "PageDocument", "report", "--only", "wiki", "--to", page)["volumes"]
    del workshop.more["volumes"]


def _of_restores(collected: Collected, workshop: Workshop) -> None:
    new = str(workshop.root / "new.db")
    assert collected.run(workshop, "RestoreReport", "restore", "costs", "--to", new)["restore"]["verdict"] == "passed"
    folder = str(workshop.root / "new folder")
    volume = collected.run(workshop, "RestoreReport", "restore", "grafana-data", "--to", folder)["restore"]
    assert (volume["verdict"], volume["kind"]) == ("passed", "volume")
    workshop.databases["costs"]["probe"] = "echo well"
    checked = collected.run(workshop, "RestoreReport", "restore", "costs", "--live", "--check")
    assert checked["restore"]["check"] is True
    live = collected.run(workshop, "RestoreReport", "restore", "costs", "--live", "--yes")
    assert live["probe"]["exit_code"] == 0


def _of_what_runs_unattended(collected: Collected, workshop: Workshop) -> None:
    reported = collected.run(workshop, "PageDocument", "report", "--to", str(workshop.root / "page.html"))
    assert {line["verdict"] for line in reported["drills"]} == {"passed", "failed"}
    assert all(line["steps"] for line in reported["drills"])
    checked = collected.run(workshop, "DueReport", "drill.due", "--check")
    assert (checked["due"]["check"], checked["due"]["due"], checked["drill"]) == (True, False, None)
    settings = Settings(
        store=workshop.store_settings,
        databases=(Database(name="costs", path=Path(workshop.databases["costs"]["path"])),),
        retention=RetentionSettings(keep_last=1, max_share=1.0),
        drill=DrillSettings(host="ANVIL"),
    )
    decision = decide(["costs"], date(2026, 5, 6), (), "NO")
    outcome = due.carry_out(decision, settings, workshop.repository, unwatched)
    drilled = collected.take("DueReport", "drill.due", due.document(outcome, check=False))
    assert (drilled["drill"]["verdict"], drilled["prune"]["verdict"]) == ("passed", "passed")
    _of_the_doctor(collected, workshop, settings)
    with http_receiver() as receiver:
        _of_alerts(collected, workshop, receiver.address)


def _of_the_doctor(collected: Collected, workshop: Workshop, settings: Settings) -> None:
    """Of the machine each run finds something else, so the page has what it says of two databases."""
    whole = workshop.document("doctor")
    assert "database costs" in {check["name"] for check in whole["checks"]}
    assert found_wrong("DoctorReport", [("doctor", whole)]) == []
    gone = Database(name="gone", path=workshop.root / "gone.db")
    looked = examine(databases.preconditions((*settings.databases, gone)), lambda _: None)
    assert collected.take("DoctorReport", "doctor", looked)["doctor"]["verdict"] == "fail"


def _of_alerts(collected: Collected, workshop: Workshop, address: str) -> None:
    for key, url in (("urls", f"json://{address}/a"), ("ping", f"http://{address}/b")):
        path = workshop.root / f"{key}.urls"
        path.write_text(url)
        path.chmod(0o600)
        workshop.more.setdefault("alerts", {})[f"{key}_file"] = str(path)
    assert collected.run(workshop, "AlertTest", "alert.test")["alerts"]["verdict"] == "passed"
    del workshop.more["alerts"]


def of_a_schedule(collected: Collected, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for systemd, on macOS too: the commands themselves are tested beside them."""
    units = home / ".config/systemd/user"
    (home / "bin").mkdir(parents=True)
    fake_systemctl.put(home / "bin", home / "state", units)
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    scheduler, checkout = Systemd(units), home / "pillar9"
    environment = {"PATH": "/usr/bin:/bin"}
    here = Installation(checkout / ".venv/bin/invoke", checkout, home / "mine.yaml", home / "log", environment)
    look = partial(agents.survey, scheduler, ScheduleSettings(), here, as_found=False)
    access = "none is needed: the store is a folder"
    plan = schedule.report(look(), schedule.planned(look(), scheduler, access, ()))
    planned = collected.take("ScheduleReport", "schedule.install --check", plan)
    assert (planned["schedule"]["check"], planned["schedule"]["verdict"]) == (True, "changed")
    agents.install(scheduler, look(), unwatched)
    last = ScheduledRun("backup", "me", 4711, "2026-05-05T08:00:00.123Z", "2026-05-05T08:00:09.456Z", 0)
    look()[0].job.record.write_bytes(msgspec.json.encode(last))
    shown = collected.take(
        "ScheduleReport", "schedule.show", schedule.report(look(), schedule.shown(look(), scheduler))
    )
    assert (shown["schedule"]["verdict"], shown["agents"][0]["last_exit_code"]) == ("ok", 0)


def of_azure(collected: Collected, site: Site) -> None:
    """The commands that need Azure, as functions: how they are called is tested beside them."""
    (database,) = site.back_up()
    selection = Selection(Repository(site.store, databases_in(PREFIX)), (database,))
    collected.take("DrillReport", "drill.remote", site.drill())
    collected.take("DrillReport", "drill.remote --check", preview(selection, "remote", site.vm.name))
    azure = site.azure
    wanted = RemoteCommand(b"echo hello; exit 3", False, 60)
    opened = lambda: open_store(site.store_settings, azure)  # noqa: E731
    ran = run_everywhere(wanted, azure, opened, site.events.append)
    told = collected.take("RunReport", 'remote.run "echo hello; exit 3"', ran)
    assert told["hosts"][0]["exit_code"] == 3
    planned = collected.take("RunReport", "remote.run true --check", preview_run(rights_to_run(azure)))
    assert planned["run"]["check"] is True
    _of_rights(collected, site)


def _of_rights(collected: Collected, site: Site) -> None:
    site.deployment.cloud.unassign(site.right)
    admin = Admin(site.deployment, site.monkeypatch)
    admin.log_in_as(site.deployment.admin)
    admin.hold_principal_secret()
    found = check.check(admin.azure, admin.store.location)
    assert collected.take("RbacCheckDocument", "rbac.check", found.document)["rbac"]["check"] is True
    planned = collected.take("RbacFixDocument", "rbac.fix --check", admin.preview_fix().document)
    assert planned["rbac"]["check"] is True
    fixed = collected.take("RbacFixDocument", "rbac.fix", admin.fix().document)
    assert "check" not in fixed["rbac"]
    planned = collected.take("RbacRevokeDocument", "rbac.revoke --check", revoke.preview(admin.azure).document)
    assert planned["rbac"]["check"] is True
    done = revoke.revoke(admin.azure, propagation=Propagation())
    assert "check" not in collected.take("RbacRevokeDocument", "rbac.revoke", done.document)["rbac"]


def change(workshop: Workshop) -> None:
    """Another title in one page of many."""
    with closing(sqlite3.connect(workshop.databases["costs"]["path"])) as connection, connection:
        connection.execute("UPDATE tasks SET title = 'TASK 7' WHERE id = 7")


def found_wrong(name: str, runs: list[tuple[str, Any]]) -> list[str]:
    """What in these documents is not as the type tells."""
    validator = jsonschema.Draft202012Validator(
        json_page.strict(json_page.schema_of(json_page.documents()[name])), format_checker=FORMATS
    )
    return [
        f"{called}: {error.json_path}: {error.message}"
        for called, printed in runs
        for error in validator.iter_errors(printed)
    ] + [f"{called}: begins with another field" for called, printed in runs if next(iter(printed)) != "schema"]


def same(value: Any, hidden: Mapping[str, str], name: str = "") -> Any:
    """A document as every run prints it: what differs from run to run is replaced, what is null stays so."""
    if isinstance(value, dict):
        packages = name == "packages"
        return {key: "1.2.3" if packages else same(each, hidden, key) for key, each in value.items()}
    if isinstance(value, list):
        return [same(each, hidden, name) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if name in SAME_BY_NAME:
        return SAME_BY_NAME[name]
    if isinstance(value, float):
        return value if value in (0.0, 1.0) and name == "changed" else 0.25
    return _same_text(value, hidden) if isinstance(value, str) else value


def _same_text(text: str, hidden: Mapping[str, str]) -> str:
    for found, shown in hidden.items():
        text = text.replace(found, shown)
    for pattern, shown in SAME_IN_EVERY_RUN:
        text = pattern.sub(shown, text)
    return text


def named(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for struct, definition in schema["$defs"].items():
        for known, told in definition["properties"].items():
            yield struct, known, told


@pytest.mark.parametrize("name", sorted(json_page.documents()))
def test_one_vocabulary(name: str) -> None:
    """Times are `…_time`, sizes `…_bytes` and integers, shares numbers; each field is told in words."""
    schema = json_page.schema_of(json_page.documents()[name])

    for struct, known, told in named(schema):
        text = json.dumps(told)
        assert ("date-time" in text) == (
            known.endswith("_time") or not OLD_TIMES.isdisjoint({known, f"{struct}.{known}"})
        ), known
        assert not known.endswith(("_at", "_size", "_percent", "_ms")), known
        if known.endswith("_bytes"):
            assert '"integer"' in text, known
        if known in SHARES and '"boolean"' not in text:
            assert (told["minimum"], told["maximum"]) == (0, 1), known
    assert [path for path, _, meaning in json_page.fields_of(schema) if not meaning] == []


def test_a_field_that_no_type_tells_is_noticed() -> None:
    error = {"kind": "store", "doing": "a", "message": "b", "mend": "", "exit_code": 1}

    assert found_wrong("ErrorDocument", [("a", {"schema": 1, "error": error})]) == []
    assert found_wrong("ErrorDocument", [("a", {"schema": 1, "error": {**error, "more": 1}})]) != []
    assert found_wrong("ErrorDocument", [("a", {"schema": 1, "error": {**error, "mend": None}})]) != []
    assert found_wrong("ErrorDocument", [("a", {"error": error})]) != []


def test_a_time_that_is_none_is_noticed() -> None:
    status = {"status": {"verdict": "ok", "status_time": "yesterday", "notes": []}, "databases": []}

    assert [told for told in found_wrong("Status", [("a", {"schema": 1, **status})]) if "yesterday" in told] != []
