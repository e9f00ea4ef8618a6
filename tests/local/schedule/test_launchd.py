"""The property lists, held to launchd.plist(5), and launchctl with its ways."""

from __future__ import annotations

import os
import plistlib
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local.errors import PillarError
from local.schedule import launchd, scheduler
from local.schedule.launchd import Launchd, property_list
from local.schedule.plan import Job
from local.schedule.scheduler import write
from local.schedule.times import next_time
from tests.local.schedule.values import EVERY, both
from tests.support import fake_launchctl

# launchd.plist(5): the type of each key that we use.
MANUAL: dict[str, type] = {
    "Label": str,
    "ProgramArguments": list,
    "WorkingDirectory": str,
    "EnvironmentVariables": dict,
    "StartCalendarInterval": list,
    "RunAtLoad": bool,
    "ProcessType": str,
    "LowPriorityIO": bool,
    "Nice": int,
    "StandardOutPath": str,
    "StandardErrorPath": str,
}
INVOKE = ["/opt/pillar 9/.venv/bin/invoke", "-f", "/opt/pillar 9/mine é.yaml"]
TARGET = "gui/501/com.alai.azure-db-backup"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in's memory; the program is the first on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    fake_launchctl.put(programs, tmp_path / "launchd")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(launchd, "_POLL_SECONDS", 0.0)
    return tmp_path / "launchd"


@pytest.fixture
def agents(tmp_path: Path) -> Launchd:
    return Launchd(tmp_path / "LaunchAgents", 501)


def read_back(job: Job) -> dict[str, Any]:
    (content,) = Launchd(Path("/Users/a/Library/LaunchAgents"), 501).files(job).values()
    found: dict[str, Any] = plistlib.loads(content.encode())
    return found


def started(agents: Launchd, job: Job) -> None:
    for path, content in agents.files(job).items():
        write(path, content)
    agents.start(job)


@pytest.mark.parametrize("every", EVERY)
def test_a_property_list_is_what_the_manual_page_allows(every: str) -> None:
    for job, command in zip(both(every), ("backup", "drill.due"), strict=True):
        found = read_back(job)

        assert {key: type(value) for key, value in found.items()} == MANUAL
        assert found["ProgramArguments"] == [
            "/opt/pillar 9/.venv/bin/invoke",
            "-f",
            "/opt/pillar 9/mine é.yaml",
            command,
        ]
        assert all(Path(found[key]).is_absolute() for key in ("WorkingDirectory", "StandardOutPath"))
        assert found["ProcessType"] == "Background"
        assert -20 <= found["Nice"] <= 20
        assert {type(value) for value in found["EnvironmentVariables"].values()} == {str}
        for interval in found["StartCalendarInterval"]:
            # A Minute that is missing means every minute.
            assert set(interval) in ({"Minute"}, {"Hour", "Minute"})
            assert 0 <= interval["Minute"] <= 59
            assert 0 <= interval.get("Hour", 0) <= 23


@pytest.mark.parametrize("every", EVERY)
def test_its_intervals_are_the_times_of_the_day_and_no_others(every: str) -> None:
    """Each minute of a day is asked, as launchd asks, whether any of the intervals matches it."""
    job, _ = both(every)
    found = property_list(job)["StartCalendarInterval"]

    matching = [
        minute
        for minute in range(24 * 60)
        if any(each["Minute"] == minute % 60 and each.get("Hour", minute // 60) == minute // 60 for each in found)
    ]

    assert matching == list(job.times)
    gaps = {later - earlier for earlier, later in pairwise([*matching, matching[0] + 1440])}
    assert len(gaps) == 1


def test_the_next_time_is_the_first_after_now_also_over_midnight() -> None:
    midnight = datetime(2026, 5, 5).astimezone()

    assert next_time((0, 240), midnight) == midnight + timedelta(hours=4)
    assert next_time((0, 240), midnight + timedelta(hours=4)) == midnight + timedelta(days=1)
    assert next_time((563,), midnight) == midnight + timedelta(minutes=563)


def test_a_bootstrap_waits_for_the_bootout_that_came_back_before_it_was_done(state: Path, agents: Launchd) -> None:
    job, _ = both()
    started(agents, job)

    agents.stop(job.label)
    agents.start(job)

    assert agents.loaded_from(job.label) == agents.folder / f"{job.label}.plist"
    calls = (state / "calls").read_text().splitlines()
    after = calls[calls.index(f"bootout {TARGET}") :]
    assert after[: after.index(f"enable {TARGET}")].count(f"print {TARGET}") >= 3
    assert sum(call.startswith("bootstrap") for call in after) == 1


def test_a_bootstrap_that_was_too_early_all_the_same_is_tried_again(state: Path, agents: Launchd) -> None:
    job, _ = both()
    started(agents, job)
    assert scheduler.run(["launchctl", "bootout", TARGET], "").returncode == 0

    agents.start(job)

    assert [call.split()[0] for call in (state / "calls").read_text().splitlines()][-2:] == ["bootstrap"] * 2
    assert agents.loaded_from(job.label)


def test_an_agent_that_somebody_disabled_is_enabled(state: Path, agents: Launchd) -> None:
    (state / "disabled" / both()[0].label).touch()

    started(agents, both()[0])

    assert agents.loaded_from(both()[0].label)


def test_an_agent_that_does_not_go_is_told_with_what_was_tried(
    state: Path, agents: Launchd, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = both()
    started(agents, job)
    (state / "stuck").touch()
    monkeypatch.setattr(launchd, "_PATIENCE_SECONDS", 0.0)

    with pytest.raises(PillarError, match="launchctl bootout gui/501/com") as caught:
        agents.stop(job.label)
    assert caught.value.mend == f"look at it: launchctl print {TARGET}"
    with pytest.raises(PillarError, match="Bootstrap failed: 5: Input/output error"):
        agents.start(job)


def test_without_a_session_at_the_screen_it_says_so(state: Path, agents: Launchd) -> None:
    (state / "no session").touch()

    with pytest.raises(PillarError, match="Could not find domain") as caught:
        agents.ready()
    assert "log in at this Mac's screen" in caught.value.mend


def test_without_the_program_it_says_so(agents: Launchd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PillarError, match="there is no launchctl on PATH"):
        agents.ready()


@pytest.mark.parametrize("content", ["", "not xml", "<plist><string>x</string></plist>", "bplist00", "\0"])
def test_what_is_no_property_list_of_an_agent_sets_nothing(agents: Launchd, content: str) -> None:
    assert agents.environment({Path("/x.plist"): content}) == {}
    assert agents.environment({Path("/x.plist"): None}) == {}
