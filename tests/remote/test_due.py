"""`invoke drill.due`: on real stores, with the drill here; what is due, done, pruned, and what each ends with."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from local import clock
from local.archive.cache import cache_folder
from local.backup.lock import only_run
from local.errors import ConfigError, PillarError
from local.events import Event, unwatched
from local.report import Verdict
from local.settings import (
    AzureSettings,
    Database,
    DrillScheduleSettings,
    RetentionSettings,
    ScheduleSettings,
    Settings,
    StoreSettings,
    Volume,
)
from remote import due as month
from remote.due import DueOutcome, DueReport, carry_out, document, look
from tests.local.store.archives import FIRST
from tests.local.watch.stored import back_up, drilled, keep_drill
from tests.support.volume_archives import make_volume, put_volume, tar_of, volume_archive, volume_metadata
from tests.support.workshop import Workshop

RULES = RetentionSettings(keep_last=1, max_share=1.0)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the clock."""
    return lambda moment: monkeypatch.setattr(clock, "now", lambda: moment)


def configured(
    workshop: Workshop, retention: RetentionSettings | None = None, command: str = "drill.local"
) -> Settings:
    return Settings(
        store=workshop.store_settings,
        databases=tuple(Database(name=name, path=Path(each["path"])) for name, each in workshop.databases.items()),
        azure=AzureSettings(vm="a", resource_group="g", subscription="s"),
        retention=retention,
        schedule=ScheduleSettings(drill=DrillScheduleSettings(command=command, country="NO")),  # type: ignore[arg-type]
    )


def run(workshop: Workshop, retention: RetentionSettings | None = None) -> DueOutcome:
    settings, repository = configured(workshop, retention), workshop.repository
    return carry_out(look(settings, repository, unwatched), settings, repository, unwatched)


def records(workshop: Workshop) -> int:
    return len(list(workshop.store.entries("drills")))


def test_the_months_drill_is_run_once_and_says_whether_and_why(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.add("hivemind")
    folder_workshop.more = {"drill": {"host": "ANVIL"}}
    assert folder_workshop.invoke("backup").returncode == 0
    settings, repository = configured(folder_workshop), folder_workshop.repository
    due = look(settings, repository, unwatched).due

    checked = folder_workshop.invoke("drill.due", "--check", "--json")
    assert checked.returncode == 0
    found = json.loads(checked.stdout)["due"]
    assert (found["check"], found["due"]) == (True, due)
    assert records(folder_workshop) == 0

    done = folder_workshop.invoke("drill.due")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert any("drill passed: " in line and "(local, on ANVIL" in line for line in lines) is due
    again = folder_workshop.invoke("drill.due")
    assert again.returncode == 0
    assert "the month's drill is not due: " in again.stdout
    assert records(folder_workshop) == due


def test_the_volumes_are_due_too_and_a_drill_of_both_is_done(
    folder_workshop: Workshop, today: Callable[[datetime], None], tmp_path: Path
) -> None:
    tar = tar_of(make_volume(tmp_path / "v"))
    archive = volume_archive(tar)
    put_volume(folder_workshop.root / "store", archive, volume_metadata(tar, archive))
    folder_workshop.add("costs")
    assert folder_workshop.invoke("backup").returncode == 0
    settings = msgspec.structs.replace(configured(folder_workshop), volumes=(Volume(name="files"),))
    today((clock.now() + timedelta(days=31)).replace(day=28))
    decision = look(settings, folder_workshop.repository, unwatched)
    assert decision.names == ("costs", "files")
    found = document(carry_out(decision, settings, folder_workshop.repository, unwatched), check=False)
    assert [(each.name, each.verdict) for each in (*found.databases, *found.volumes)] == [
        ("costs", "passed"),
        ("files", "passed"),
    ]
    assert not look(settings, folder_workshop.repository, unwatched).due


@pytest.mark.parametrize(
    ("day", "drills"), [(1, 0), (3, 0), (4, 1), (31, 1)], ids=["a holiday", "a Sunday", "the first", "the last"]
)
def test_it_drills_from_the_first_business_day_on_and_a_drill_that_fails_is_its_exit_code_and_is_done(
    folder_workshop: Workshop, today: Callable[[datetime], None], day: int, drills: int
) -> None:
    """What is stored is no database, so its drill fails."""
    folder_workshop.add("costs")
    back_up(folder_workshop.store, datetime(2026, 5, 1, 4, tzinfo=UTC))
    today(datetime(2026, 5, day, 12, tzinfo=UTC))

    outcome = run(folder_workshop, RULES)

    assert records(folder_workshop) == drills
    assert outcome.exit_code == drills
    assert outcome.pruned
    assert outcome.pruned.prune.removed == 0
    assert run(folder_workshop).exit_code == 0
    assert records(folder_workshop) == drills


def test_only_what_has_no_verdict_is_due_and_an_inconclusive_one_has_none(
    folder_workshop: Workshop, today: Callable[[datetime], None]
) -> None:
    folder_workshop.add("costs")
    folder_workshop.add("hivemind")
    now = datetime(2026, 5, 20, 12, tzinfo=UTC)
    today(now)
    verdicts: dict[Verdict, tuple[str, ...]] = {"inconclusive": ("costs", "hivemind"), "failed": ("hivemind",)}

    for hour, (verdict, due) in enumerate(verdicts.items()):
        keep_drill(folder_workshop.store, now.replace(hour=hour), [drilled(FIRST, verdict)])
        assert look(configured(folder_workshop), folder_workshop.repository, unwatched).names == due


def fill_a_week(workshop: Workshop) -> None:
    """A backup on each of seven days, of which the last was proven."""
    workshop.add("costs")
    archives = [back_up(workshop.store, datetime(2026, 5, day, 4, tzinfo=UTC)) for day in range(1, 8)]
    keep_drill(workshop.store, datetime(2026, 5, 8, 5, tzinfo=UTC), [drilled(archives[-1])])


def test_it_prunes_afterwards_and_a_prune_that_meets_a_backup_without_an_end_is_told(
    folder_workshop: Workshop, today: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_a_week(folder_workshop)
    today(datetime(2026, 5, 8, 12, tzinfo=UTC))

    with only_run(cache_folder(folder_workshop.store_settings) / "lock"), monkeypatch.context() as patched:
        patched.setattr(month, "LOCK_PATIENCE_SECONDS", 0.0)
        held = run(folder_workshop, RULES)
    assert held.exit_code == 75
    told = document(held, check=False)
    assert told.prune is None
    assert "run this again when it has ended" in (told.prune_error or "")

    outcome = run(folder_workshop, RULES)
    assert outcome.exit_code == 0
    assert outcome.pruned
    assert outcome.pruned.prune.removed == 6
    assert outcome.drilled is None
    assert isinstance(document(outcome, check=False), DueReport)


def test_a_prune_waits_for_the_backup_that_began_at_the_same_time(
    folder_workshop: Workshop, today: Callable[[datetime], None]
) -> None:
    """A machine that wakes starts both at once; a laptop that sleeps each night would never prune."""
    fill_a_week(folder_workshop)
    today(datetime(2026, 5, 8, 12, tzinfo=UTC))
    heard: list[str] = []

    with ThreadPoolExecutor(1) as pool:
        with only_run(cache_folder(folder_workshop.store_settings) / "lock"):
            settings, repository = configured(folder_workshop, RULES), folder_workshop.repository
            decision = look(settings, repository, unwatched)
            waiting = pool.submit(carry_out, decision, settings, repository, lambda event: heard.append(event.text))
            while not heard and not waiting.done():
                time.sleep(0.01)
            (waits,) = heard
            assert waits.startswith("the prune waits: ")
            assert f"process {os.getpid()}" in waits
        outcome = waiting.result()

    assert outcome.exit_code == 0
    assert outcome.pruned
    assert outcome.pruned.prune.removed == 6


def test_without_retention_nothing_is_pruned(folder_workshop: Workshop, today: Callable[[datetime], None]) -> None:
    folder_workshop.add("costs")
    store = folder_workshop.store
    for day in range(1, 8):
        back_up(store, datetime(2026, 5, day, 4, tzinfo=UTC))
    today(datetime(2026, 5, 1, 12, tzinfo=UTC))

    assert run(folder_workshop).pruned is None
    assert len(list(folder_workshop.repository.points())) == 7


def test_a_drill_on_the_vm_of_a_store_that_no_vm_reads_is_a_mistake(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    with pytest.raises(ConfigError, match="which a VM cannot read"):
        look(configured(folder_workshop, command="drill.remote"), folder_workshop.repository, unwatched)


def test_the_store_is_asked_on_every_day_so_that_the_question_proves_that_it_opens(
    azure_workshop: Workshop, today: Callable[[datetime], None]
) -> None:
    """On the first of May nothing can be due; a container that is not there is told all the same."""
    azure_workshop.add("costs")
    today(datetime(2026, 5, 1, 12, tzinfo=UTC))
    gone = Workshop(azure_workshop.root, StoreSettings(url=f"{azure_workshop.store_settings.url}-gone"))
    gone.databases = azure_workshop.databases

    with pytest.raises(PillarError, match="container"):
        look(configured(gone), gone.repository, unwatched)


def test_a_folder_that_is_gone_is_told_and_is_no_drill_that_nobody_did(folder_workshop: Workshop) -> None:
    """A drive that is not mounted holds no drill of this month, which says nothing of what was drilled."""
    folder_workshop.add("costs")
    back_up(folder_workshop.store, clock.now())
    (folder_workshop.root / "store").rename(folder_workshop.root / "elsewhere")

    for command, code in (("drill.due", 4), ("drill.local", 4), ("status", 1)):
        done = folder_workshop.invoke(command)
        assert done.returncode == code
        assert "there is no folder" in done.stderr
        assert "mend store.url" in done.stderr
        assert done.stdout.count("\n") == 2  # which store, and the verdict: nothing of what would be due or late


def test_a_record_that_is_none_is_told_below_the_result(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    now = clock.now()
    folder_workshop.store.write(f"drills/{now.date()}/x.json", b"{}")
    heard: list[Event] = []

    look(configured(folder_workshop), folder_workshop.repository, heard.append)

    assert [event.lasting for event in heard] == [True]
