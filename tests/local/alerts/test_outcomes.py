"""What reports, errors and the status say of each database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from local import clock
from local.alerts.outcomes import of_backup, of_drill, of_error, of_status
from local.alerts.state import Observation, advance, untold
from local.errors import AzureError, LockHeldError
from local.report import (
    BackedUpDatabase,
    BackedUpVolume,
    Backup,
    BackupProof,
    BackupReport,
    Drill,
    DrilledDatabase,
    DrillReport,
    Step,
    Verdict,
)
from local.watch.status import DatabaseStatus, Lateness, Status, StatusVerdict

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


def drilled(name: str, verdict: Verdict) -> DrilledDatabase:
    steps = (Step("download", "passed", 0.1), Step("checksum", verdict, 0.1, f"what {verdict} says"))
    return DrilledDatabase(name, verdict, None, None, None, None, None, steps, {})


def drill_report(*databases: DrilledDatabase) -> DrillReport:
    return DrillReport(
        Drill("1", "local", "ANVIL", "2026-05-05T12:00:00Z", 1.0, "passed", None, None, None, "0"), databases
    )


def late(*kinds: str, **known: str | None) -> Status:
    lateness = tuple(Lateness(kind, f"{kind} is late", "mend it") for kind in kinds)  # type: ignore[arg-type]
    database = DatabaseStatus(
        "costs", known.get("last_backup", clock.timestamp(NOW)), 1.0, None, None, None, None, "late",
        drill_time=known.get("drill_time"), late=lateness,
    )  # fmt: skip
    return Status(StatusVerdict("late", clock.timestamp(NOW)), (database,))


def standings_of(outcomes: list[Observation]) -> dict[str, bool]:
    return {outcome.key: outcome.is_wrong for outcome in outcomes}


def test_each_backup_is_right_or_wrong_and_so_is_its_proof() -> None:
    databases = (BackedUpDatabase("costs", "passed"), BackedUpDatabase("hive", "failed", error="locked"))
    proof = BackupProof("failed", databases=(drilled("costs", "failed"),))

    found = list(of_backup(BackupReport(Backup("1", "…", 1.0, "failed"), databases, proof=proof), NOW))

    assert standings_of(found) == {
        "backup costs": False, "backup hive": True, "attempt costs": False, "drill costs": True,
    }  # fmt: skip
    assert found[1].detail == "locked"
    assert found[1].mend == "invoke backup --only hive"


def test_a_volume_tells_as_a_database_does() -> None:
    volumes = (BackedUpVolume("grafana-data", "failed", error="no engine"), BackedUpVolume("wiki", "passed"))
    proof = BackupProof("passed", volumes=(drilled("wiki", "passed"),))
    backup = BackupReport(Backup("1", "…", 1.0, "failed"), (), volumes, proof)

    failed = list(of_backup(backup, NOW))

    assert standings_of(failed) == {
        "backup grafana-data": True, "backup wiki": False, "attempt wiki": False, "drill wiki": False,
    }  # fmt: skip
    assert (failed[0].detail, failed[0].mend) == ("no engine", "invoke backup --only grafana-data")
    drill = msgspec.structs.replace(drill_report(), volumes=(drilled("wiki", "failed"),))
    assert standings_of(list(of_drill(drill, NOW))) == {"attempt wiki": False, "drill wiki": True}
    status = msgspec.structs.replace(late("backup", "proof"), databases=(), volumes=late("backup", "proof").databases)
    assert standings_of(list(of_status(status))) == {"age costs": True, "unchanged costs": False, "proof costs": True}


def test_an_inconclusive_drill_is_neither_a_failure_nor_a_success() -> None:
    outcomes = [list(of_drill(drill_report(drilled("costs", verdict)), NOW)) for verdict in ("failed", "inconclusive")]
    standings = advance({}, outcomes[0], NOW)

    after = advance(standings, outcomes[1], NOW + timedelta(hours=1))

    assert after["drill costs"] == standings["drill costs"]
    assert [change.outcome.kind for change in untold(after, outcomes[1])] == ["attempt"]
    assert outcomes[1][0].detail == "checksum: what inconclusive says"


def test_an_error_fails_every_backup_and_leaves_every_drill_open() -> None:
    error = AzureError("store: list", "no route to host", "check the network")

    assert standings_of(list(of_error("backup", ["a", "b"], error, NOW))) == {"backup a": True, "backup b": True}
    (drill,) = of_error("drill", ["a"], error, NOW)
    assert (drill.kind, drill.detail) == ("attempt", "store: list: no route to host")
    assert drill.mend == "check the network; then: invoke drill.local --only a"
    assert list(of_error("backup", ["a"], LockHeldError("lock", "held"), NOW)) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (late(), {"age costs": False, "unchanged costs": False, "proof costs": False}),
        (late("backup"), {"age costs": True, "unchanged costs": False, "proof costs": False}),
        (late("backup", last_backup=None), {"age costs": True}),  # of the rest nothing is known
        (late("unchanged", "proof"), {"age costs": False, "unchanged costs": True, "proof costs": True}),
        (
            late("drill", drill_time="2026-05-01T00:00:00Z"),
            {"age costs": False, "unchanged costs": False, "proof costs": False, "drill costs": True},
        ),
        (
            late(drill_time="2026-05-01T00:00:00Z"),
            {"age costs": False, "unchanged costs": False, "proof costs": False, "drill costs": False},
        ),
    ],
)
def test_a_status_says_what_passed_a_limit(status: Status, expected: dict[str, bool]) -> None:
    assert standings_of(list(of_status(status))) == expected


def test_a_drill_that_failed_without_a_record_is_not_recovered_by_an_older_proof() -> None:
    failed = advance({}, of_drill(drill_report(drilled("costs", "failed")), NOW), NOW)

    older = advance(failed, of_status(late(drill_time=clock.timestamp(NOW - timedelta(days=1)))), NOW)
    newer = advance(
        failed, of_status(late(drill_time=clock.timestamp(NOW + timedelta(days=1)))), NOW + timedelta(days=2)
    )

    assert older["drill costs"].is_wrong
    assert not newer["drill costs"].is_wrong
