"""Around real backups and drills: what a check hears, what people are told, and what becomes of a failing channel."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from local import clock, settings
from local.alerts import around as module
from local.alerts.around import around, ping_event
from local.archive.cache import cache_folder
from local.backup.run import back_up
from local.command_line.telling import Tell, WatchedWork, WorkKind
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.errors import AzureError, InconclusiveError, LockHeldError
from local.events import unwatched
from local.interrupt import Interrupted
from local.output.screen import Screen
from local.report import Backup, BackupReport, Drill, DrillReport, Verdict
from local.settings import Settings
from tests.local.watch import stored
from tests.support import receivers
from tests.support.receivers import HttpReceiver
from tests.support.workshop import Workshop


class Installation:
    """A workshop with one database, alerts to `receiver`, and its commands' bodies in this process."""

    def __init__(self, workshop: Workshop, receiver: HttpReceiver) -> None:
        self.workshop, self.receiver = workshop, receiver
        self.path = workshop.add("costs")
        self.keys = {"urls": f"json://{receiver.address}/tell", "ping": f"http://{receiver.address}/backups",
                     "drill_ping": f"http://{receiver.address}/drills"}  # fmt: skip

    @property
    def configured(self) -> Settings:
        alerts = {}
        for key, url in self.keys.items():
            path = self.workshop.root / key
            path.write_text(url)
            path.chmod(0o600)
            alerts[f"{key}_file"] = str(path)
        self.workshop.more["alerts"] = alerts
        return settings.load(json.loads(self.workshop.configuration().read_text()))

    def around(self, kind: WorkKind) -> AbstractContextManager[Tell]:
        return around(self.configured, Screen(), WatchedWork(kind, ("costs",)))

    def backup(self) -> list[str]:
        """What arrived meanwhile, each by its path or its title."""
        configured = self.configured
        with self.around("backup") as tell:
            folder = cache_folder(configured.store)
            tell(back_up(lambda: self.workshop.repository, configured.databases, folder, unwatched))
        return self.arrived()

    def drill(self) -> list[str]:
        with self.around("drill") as tell:
            tell(drill_here(Selection(self.workshop.repository, self.configured.databases), "ANVIL", unwatched))
        return self.arrived()

    def arrived(self) -> list[str]:
        found = [self.title(each.body) if each.path == "/tell" else each.path for each in self.receiver.received]
        self.receiver.received.clear()
        return found

    @staticmethod
    def title(body: str) -> str:
        document: dict[str, Any] = json.loads(body)
        return str(document["title"])


@pytest.fixture
def installed(folder_workshop: Workshop, receiver: HttpReceiver) -> Installation:
    return Installation(folder_workshop, receiver)


def test_a_year_of_backups_and_drills_in_short_tells_each_change_once(installed: Installation) -> None:
    proof_is_missing = "localhost: proof of costs is OVERDUE"

    assert installed.backup() == ["/backups/start", "/backups", proof_is_missing]
    assert installed.backup() == ["/backups/start", "/backups"]
    assert installed.drill() == ["/drills/start", "/drills"]
    assert installed.backup() == ["/backups/start", "/backups", "localhost: proof of costs is young enough again"]

    installed.path.rename(installed.path.with_suffix(".away"))
    assert installed.backup() == ["/backups/start", "/backups/fail", "localhost: backup of costs FAILED"]
    assert installed.backup() == ["/backups/start", "/backups/fail"]
    installed.path.with_suffix(".away").rename(installed.path)
    assert installed.backup() == ["/backups/start", "/backups", "localhost: backup of costs works again"]

    (archive,) = Path(installed.workshop.store_settings.location.path).rglob("costs.db.gz")  # type: ignore[union-attr]
    sound = archive.read_bytes()
    archive.write_bytes(sound[:-300] + bytes(300))
    assert installed.drill() == ["/drills/start", "/drills/fail", "localhost: drill of costs FAILED"]
    assert installed.drill() == ["/drills/start", "/drills/fail"]
    archive.write_bytes(sound)
    assert installed.drill() == ["/drills/start", "/drills", "localhost: drill of costs passes again"]
    assert installed.backup() == ["/backups/start", "/backups"]


def test_a_volume_that_is_late_is_told_once_and_so_is_its_recovery(installed: Installation) -> None:
    installed.backup()
    installed.drill()
    installed.backup()
    installed.workshop.more["volumes"] = [{"name": "grafana-data"}]

    assert installed.backup() == ["/backups/start", "/backups", "localhost: backup of grafana-data is LATE"]
    assert installed.backup() == ["/backups/start", "/backups"]
    archive = stored.back_up_volume(installed.workshop.store, clock.now())
    stored.keep_drill(installed.workshop.store, clock.now(), [], [stored.drilled(archive)])
    assert installed.backup() == ["/backups/start", "/backups", "localhost: backup of grafana-data is on time again"]


def test_a_failed_ping_has_what_came_back_as_its_body(installed: Installation) -> None:
    installed.path.unlink()

    with installed.around("backup") as tell:
        databases = installed.configured.databases
        tell(back_up(lambda: installed.workshop.repository, databases, installed.workshop.root / "c", unwatched))

    (body,) = (each.body for each in installed.receiver.received if each.path == "/backups/fail")
    assert "there is no such file" in body
    assert body.splitlines()[-1].startswith("backup FAILED: costs could not be backed up, 0 of 1 stored in ")


def test_an_error_of_the_whole_run_fails_its_check_and_is_told(installed: Installation) -> None:
    for expected in (["localhost: backup of costs FAILED"], []):
        with pytest.raises(AzureError), installed.around("backup"):
            raise AzureError("store: list", "no route to host", "check the network")
        assert installed.arrived() == ["/backups/start", "/backups/fail", *expected]


def test_a_drill_that_cannot_be_carried_out_is_a_note_and_worded_as_inconclusive(installed: Installation) -> None:
    with pytest.raises(AzureError), installed.around("drill"):
        raise AzureError("store: list", "no route to host")

    assert installed.arrived() == ["/drills/start", "/drills/log", "localhost: drill of costs INCONCLUSIVE"]


@pytest.mark.parametrize("error", [LockHeldError("backup: take the lock", "held"), Interrupted(15)])
def test_another_run_and_a_ctrl_c_are_no_failure(installed: Installation, error: BaseException) -> None:
    with pytest.raises(type(error)), installed.around("backup"):
        raise error

    assert installed.arrived() in ([], ["/backups/start"])


def test_what_reached_nobody_is_told_by_the_next_run_and_again_after_the_memory_is_lost(
    installed: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    installed.path.unlink()
    installed.receiver.answers = [200, 200, 500]
    failed = "localhost: backup of costs FAILED; backup of costs is LATE"

    assert installed.backup() == ["/backups/start", "/backups/fail", failed]
    assert "took no message" in capsys.readouterr().out
    assert installed.backup()[-1] == failed
    assert installed.backup()[-1] == "/backups/fail"
    (cache_folder(installed.workshop.store_settings) / "alerts.json").unlink()
    assert installed.backup()[-1] == failed


def test_channels_that_fail_fail_nothing_and_are_told_without_their_urls(
    installed: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing = receivers.refusing_port()
    installed.path.unlink()
    installed.keys = {
        "urls": f"json://{refusing}-host.invalid/tokenA\nbad://tokenB",
        "ping": f"http://127.0.0.1:{refusing}/tokenC",
    }

    assert installed.backup() == []

    out = "".join(capsys.readouterr())
    assert "the ping of start" in out
    assert "the ping of fail" in out
    assert "json" in out
    assert "token" not in out


def test_a_file_that_others_read_is_told_and_not_used(
    installed: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    configured = installed.configured
    (installed.workshop.root / "ping").chmod(0o644)
    (installed.workshop.root / "urls").chmod(0o644)

    with pytest.raises(AzureError), around(configured, Screen(), WatchedWork("backup", ("costs",))):
        raise AzureError("store: list", "no route to host")

    assert installed.arrived() == []
    assert capsys.readouterr().out.count("chmod 600") == 2


@pytest.mark.parametrize("refused", ["file", "folder"])
def test_a_memory_that_cannot_be_kept_costs_a_repeated_alert_and_is_told(
    installed: Installation, refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cache_folder(installed.workshop.store_settings)
    if refused == "file":
        folder.mkdir(parents=True)
        (folder / "alerts.json").mkdir()
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("where a folder should be")

    for _ in range(2):
        with pytest.raises(AzureError), installed.around("backup"):
            raise AzureError("store: list", "no route to host")

    assert installed.arrived().count("localhost: backup of costs FAILED") == 2
    assert "may be told again" in capsys.readouterr().out


def verdicts(backup: Verdict) -> BackupReport:
    return BackupReport(Backup("1", "…", 1.0, backup), ())


def drilled(drill: Verdict) -> DrillReport:
    return DrillReport(Drill("1", "local", "ANVIL", "…", 1.0, drill, "the VM is off", None, None, "0"), ())


@pytest.mark.parametrize(
    ("kind", "found", "event"),
    [
        ("backup", verdicts("passed"), "success"),
        ("backup", verdicts("failed"), "fail"),
        ("backup", verdicts("inconclusive"), "success"),  # it was made; that nothing proved it is a warning
        ("backup", AzureError("a", "b"), "fail"),
        ("backup", LockHeldError("a", "b"), None),
        ("drill", drilled("passed"), "success"),  # also where it ran here instead of on the VM: a warning
        ("drill", drilled("failed"), "fail"),
        ("drill", drilled("inconclusive"), "log"),
        ("drill", InconclusiveError("a", "b"), "log"),
    ],
)
def test_a_warning_pings_success_and_what_is_open_leaves_a_check_as_it_is(
    kind: WorkKind, found: BackupReport | DrillReport | Exception, event: str | None
) -> None:
    assert ping_event(WatchedWork(kind, ("costs",)), found) == event


def test_a_bug_in_an_alert_fails_no_backup(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("tokenA")

    monkeypatch.setattr(module, "of_backup", broken)

    installed.backup()

    out = capsys.readouterr().out
    assert "ValueError kept an alert from being sent" in out
    assert "tokenA" not in out


def test_a_run_that_changes_nothing_loads_no_apprise(installed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    with installed.around("backup") as tell:
        databases = installed.configured.databases
        report = back_up(lambda: installed.workshop.repository, databases, installed.workshop.root / "c", unwatched)
        drill_here(Selection(installed.workshop.repository, databases), "ANVIL", unwatched)
        for name in [name for name in sys.modules if name.split(".")[0] == "apprise"]:
            monkeypatch.delitem(sys.modules, name)
        tell(report)

    assert installed.arrived() == ["/backups/start", "/backups"]
    assert "apprise" not in sys.modules
