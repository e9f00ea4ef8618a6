"""`backup.prove`: what was just written is drilled at once, and its verdict is the run's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local import clock
from local.events import unwatched
from local.report import BackedUpDatabase, BackedUpVolume, Backup, BackupReport, Verdict
from local.settings import Database, Proving, Volume
from local.watch.proof import ProofOrder, is_due, prove, proven_exit_code
from tests.local.watch.stored import back_up, back_up_volume, drilled, keep_drill
from tests.local.watch.values import NOW, drill, point
from tests.support.workshop import Workshop

POINT = point(NOW)


@pytest.mark.parametrize(
    ("verdicts", "due"),
    [
        ([], True),
        (["passed"], False),
        (["inconclusive"], True),
        (["failed"], True),
        (["failed", "passed"], False),
        (["passed", "failed"], True),
        (["passed", "inconclusive"], False),
    ],
)
def test_once_a_day_means_once_proven(verdicts: list[Verdict], due: bool) -> None:
    today = [drill(POINT, NOW.replace(hour=hour), verdict) for hour, verdict in enumerate(verdicts)]

    assert is_due("costs", today) is due
    assert is_due("hivemind", today)


def order(prove: Proving, path: Path, rows: int = 0) -> ProofOrder:
    database = Database(name="costs", path=path, rows={"tasks": rows} if rows else {})
    return ProofOrder((database,), (), "ANVIL", prove)


def backed_up(verdict: str) -> BackupReport:
    done = BackedUpDatabase("costs", verdict)  # type: ignore[arg-type]
    return BackupReport(Backup("x", "2026", 1.0, verdict), (done,))  # type: ignore[arg-type]


def records(workshop: Workshop) -> int:
    return len(list(workshop.store.entries("drills")))


def test_a_run_is_proven_as_its_configuration_says_and_a_failed_backup_is_not(folder_workshop: Workshop) -> None:
    path = folder_workshop.add("costs")
    assert folder_workshop.invoke("backup").returncode == 0
    repository = folder_workshop.repository

    for proving, expected in (("never", 0), ("daily", 1), ("daily", 1), ("always", 2)):
        report = prove(backed_up("passed"), order(proving, path), repository, unwatched)  # type: ignore[arg-type]
        assert (report.backup.verdict, proven_exit_code(report)) == ("passed", 0)
        assert records(folder_workshop) == expected

    report = prove(backed_up("failed"), order("always", path), repository, unwatched)
    assert (report.proof, proven_exit_code(report)) == (None, 1)


def test_a_volume_that_was_stored_is_proven_too(folder_workshop: Workshop) -> None:
    back_up_volume(folder_workshop.store, clock.now())
    stored = BackupReport(Backup("x", "2026", 1.0, "passed"), (), (BackedUpVolume("grafana-data", "passed"),))
    volumes = (Volume(name="grafana-data"), Volume(name="not-stored-now"))

    for expected in (1, 1):
        report = prove(stored, ProofOrder((), volumes, "ANVIL", "daily"), folder_workshop.repository, unwatched)
        assert (report.backup.verdict, records(folder_workshop)) == ("passed", expected)

    always = prove(stored, ProofOrder((), volumes, "ANVIL", "always"), folder_workshop.repository, unwatched)
    assert always.proof
    assert [(each.name, each.verdict) for each in always.proof.volumes] == [("grafana-data", "passed")]


def test_a_drill_that_cannot_be_carried_out_leaves_the_run_open(folder_workshop: Workshop) -> None:
    repository = folder_workshop.repository
    folder_workshop.store.write("sqlite/x", b"x")
    Path(folder_workshop.root, "store").rename(folder_workshop.root / "away")

    report = prove(backed_up("passed"), order("always", Path("/x")), repository, unwatched)

    assert report.proof
    assert (report.backup.verdict, report.proof.verdict, proven_exit_code(report)) == (
        "inconclusive",
        "inconclusive",
        4,
    )
    assert "there is no folder" in (report.proof.error or "")


def test_a_floor_that_what_was_just_written_does_not_reach_fails_the_run(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs", rows={"tasks": 1_000_000})
    folder_workshop.more["backup"] = {"prove": "always"}

    done = folder_workshop.invoke("backup", "--json")

    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["backup"]["verdict"] == document["proof"]["verdict"] == "failed"
    assert document["databases"][0]["verdict"] == "passed"
    assert document["proof"]["databases"][0]["steps"][-1]["verdict"] == "failed"
    assert records(folder_workshop) == 1


def test_status_tells_what_the_run_proved(folder_workshop: Workshop) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    folder_workshop.add("costs").unlink()
    archive = back_up(folder_workshop.store, now)
    metrics = folder_workshop.root / "pillar9.prom"

    late = folder_workshop.invoke("status", "--prometheus", str(metrics))
    keep_drill(folder_workshop.store, now, [drilled(archive)])
    fine = folder_workshop.invoke("status", "--json")

    assert late.returncode == 1, late.stderr
    drill = f"invoke -f {folder_workshop.configuration()} drill.local --only costs"
    assert f"costs: no drill of it has passed yet, limit 35 d: {drill}" in late.stdout
    assert late.stdout.rstrip().endswith("status LATE: costs late, 0 of 1 ok")
    assert "pillar9_late 1" in metrics.read_text()
    assert fine.returncode == 0, fine.stderr
    (database,) = json.loads(fine.stdout)["databases"]
    assert (database["last_backup"], database["last_proven"]) == (clock.timestamp(now),) * 2
    assert database["notes"] == ["its file is not on this machine (see databases in invoke.yaml)"]
