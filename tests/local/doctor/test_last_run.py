"""The scheduled backup tells in its own words what it saw, and the doctor reads that."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from local.command_line import scheduled_run
from local.doctor import last_run
from local.doctor.last_run import ReadDatabase, RunNote, judge, kept, note_path, read_note
from local.errors import LockHeldError, SourceError
from local.events import Event, unwatched
from local.report import BackedUpDatabase, Backup, BackupReport
from local.settings import Database, Settings, StoreSettings
from tests.support.workshop import Workshop

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
FINE = RunNote(
    NOW - timedelta(hours=3), NOW - timedelta(hours=3), "passed", "alai", "/opt/python3", "ANVIL", (ReadDatabase("a"),)
)


def changed(**fields: object) -> RunNote:
    return msgspec.structs.replace(FINE, **fields)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=StoreSettings(url=tmp_path.as_uri()), databases=(Database(name="a", path=tmp_path / "a.db"),))


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduled_run._ThisProcess, "is_scheduled", True)


def report(error: str | None = None) -> BackupReport:
    verdict: Literal["passed", "failed"] = "failed" if error else "passed"
    return BackupReport(Backup("id", "2026-05-05", 1.0, verdict), (BackedUpDatabase("a", verdict, error=error),))


@pytest.mark.parametrize(
    ("found", "verdict", "told"),
    [
        (None, "skipped", "no scheduled backup has run"),
        (FINE, "ok", "last run 3 h ago, as user alai with /opt/python3, ANVIL: passed, read a"),
        (changed(start_time=NOW - timedelta(hours=6)), "fail", "longer ago than the 5 h"),
        (changed(start_time=NOW + timedelta(hours=6)), "warn", "is in the future"),
        (changed(verdict="running", end_time=None), "warn", "it still runs, or was killed"),
        (changed(verdict="running", end_time=None, start_time=NOW - timedelta(hours=6)), "fail", "told no end"),
        (changed(verdict="failed", databases=(ReadDatabase("a", "EPERM"),)), "fail", "failed: a: EPERM"),
        (changed(verdict="failed", error="not logged in"), "fail", "failed: not logged in"),
        (changed(verdict="inconclusive"), "warn", "inconclusive: its proof did not pass"),
    ],
)
def test_the_note_is_judged(found: RunNote | None, verdict: str, told: str) -> None:
    check = judge(found, NOW, 5)

    assert check.verdict == verdict
    assert told in check.message
    assert (check.mend == "") == (verdict == "ok")


def test_a_run_by_hand_leaves_no_note(settings: Settings) -> None:
    with kept(settings, unwatched) as keep:
        keep(report())

    assert not note_path(settings).exists()


@pytest.mark.usefixtures("scheduled")
def test_a_check_leaves_no_note(settings: Settings) -> None:
    with kept(settings, unwatched, check=True) as keep:
        keep(report())

    assert not note_path(settings).exists()


@pytest.mark.usefixtures("scheduled")
def test_a_scheduled_run_says_that_it_runs_and_then_what_it_could_read(settings: Settings) -> None:
    with kept(settings, unwatched) as keep:
        running = read_note(note_path(settings))
        keep(report("this user may not read the file"))
    ended = read_note(note_path(settings))

    assert running
    assert ended
    assert (running.verdict, running.end_time) == ("running", None)
    assert (ended.verdict, ended.databases) == ("failed", (ReadDatabase("a", "this user may not read the file"),))
    assert ended.end_time
    assert note_path(settings).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in note_path(settings).parent.iterdir()] == [note_path(settings).name]


@pytest.mark.usefixtures("scheduled")
def test_an_error_and_an_interruption_are_in_the_note(settings: Settings) -> None:
    with pytest.raises(SourceError), kept(settings, unwatched):
        raise SourceError("snapshot", "is gone; AccountKey=abcdef", "bring it back")
    refused = read_note(note_path(settings))
    with pytest.raises(KeyboardInterrupt), kept(settings, unwatched):
        raise KeyboardInterrupt("closed lid")
    interrupted = read_note(note_path(settings))

    assert refused
    assert interrupted
    assert refused.error == "snapshot: is gone; AccountKey=…; bring it back"
    assert (interrupted.verdict, interrupted.error) == ("failed", "KeyboardInterrupt: closed lid")


def meet_a_lock_whose_holder_ends(settings: Settings) -> None:
    with kept(settings, unwatched) as keep:
        keep(report("gone"))
    raise LockHeldError("backup", "held", "wait")


@pytest.mark.usefixtures("scheduled")
def test_a_run_that_met_a_lock_leaves_what_the_run_before_wrote(settings: Settings) -> None:
    with kept(settings, unwatched) as keep:
        keep(report())
    before = read_note(note_path(settings))
    with pytest.raises(LockHeldError), kept(settings, unwatched):
        raise LockHeldError("backup", "held", "wait")
    after = read_note(note_path(settings))
    with pytest.raises(LockHeldError), kept(settings, unwatched):
        meet_a_lock_whose_holder_ends(settings)
    meanwhile = read_note(note_path(settings))

    assert before == after
    assert before
    assert meanwhile
    assert (before.verdict, meanwhile.verdict) == ("passed", "failed")


@pytest.mark.usefixtures("scheduled")
def test_a_note_that_cannot_be_written_is_told_and_stops_nothing(settings: Settings) -> None:
    note_path(settings).parent.parent.mkdir(parents=True, exist_ok=True)
    note_path(settings).parent.write_text("a file in the folder's place")
    told: list[Event] = []

    with kept(settings, told.append) as keep:
        keep(report())

    assert {event.subject for event in told} == {"schedule"}
    assert all("the backup itself goes on" in event.text and event.lasting for event in told)


@pytest.mark.parametrize("content", [b"", b"{", b'{"start_time": "2026-05-05T12:00:00"}', b"x" * 2_000_000])
def test_a_note_that_is_none_is_a_warning(settings: Settings, content: bytes) -> None:
    note_path(settings).parent.mkdir(parents=True)
    note_path(settings).write_bytes(content)

    (check,) = last_run.precondition(settings).look()

    assert check.verdict == "warn"
    assert "cannot be read" in check.message


def test_a_pipe_or_a_symlink_in_the_place_of_the_note_holds_nobody_up(settings: Settings, tmp_path: Path) -> None:
    note_path(settings).parent.mkdir(parents=True)
    os.mkfifo(note_path(settings))
    (piped,) = last_run.precondition(settings).look()
    note_path(settings).unlink()
    note_path(settings).symlink_to(tmp_path / "elsewhere")
    (linked,) = last_run.precondition(settings).look()

    assert (piped.verdict, linked.verdict) == ("warn", "warn")


def test_invoke_backup_as_the_schedule_starts_it_is_read_by_the_doctor(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.add("gone", folder_workshop.root / "gone.db")
    folder_workshop.invoke(
        "backup", environment={**os.environ, scheduled_run.VARIABLE: str(folder_workshop.root / "record.json")}
    )

    done = folder_workshop.invoke("doctor", "--json")

    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["schedule"]["verdict"] == "fail"
    assert "gone: snapshot of" in checks["schedule"]["message"]
    assert done.returncode == 1
