"""The three commands as a person on Linux types them, in a home of their own, with a stand-in for systemctl."""

from __future__ import annotations

import json
import sys

import pytest

from local import clock
from local.errors import ConfigError
from local.output.screen import Screen
from local.schedule.report import planned, removal, report, shown
from local.schedule.tables import install, remove, show
from local.settings import load
from tests.local.schedule.conftest import Home
from tests.local.test_settings import DEPLOYMENT
from tests.support.workshop import Workshop


@pytest.mark.skipif(sys.platform != "linux", reason="on macOS the commands are with launchd")
def test_checked_installed_shown_and_removed(linux_home: Home, folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    checked = folder_workshop.invoke("schedule.install", "--check", "--json")
    found = json.loads(checked.stdout)
    assert (checked.returncode, found["schedule"]["verdict"], found["schedule"]["check"]) == (0, "changed", True)
    assert list(found)[:2] == ["schema", "schedule"]
    assert found["schedule"]["credential"] == "none is needed: the store is a folder"
    assert f'-f" "{folder_workshop.configuration()}' in found["agents"][0]["files"][0]["diff"]
    assert not linux_home.units.exists()

    done = folder_workshop.invoke("schedule.install")
    assert done.returncode == 0
    assert (
        f"both agents are with systemd; see: invoke -f {folder_workshop.configuration()} schedule.show" in done.stdout
    )
    assert "com.alai.azure-db-backup: started" in done.stdout
    labels = ("com.alai.azure-db-backup", "com.alai.sqlite-restore-drill")
    assert sorted(linux_home.files()) == [f"{label}.{kind}" for label in labels for kind in ("service", "timer")]

    showed = folder_workshop.invoke("schedule.show", "--json")
    found = json.loads(showed.stdout)
    assert (showed.returncode, found["schedule"]["verdict"]) == (0, "ok")
    for agent in found["agents"]:
        assert {"label", "file", "installed", "due", "last_run"} <= set(agent)
        assert agent["installed"] is True
        assert agent["due"] > clock.timestamp(clock.now())

    removed = folder_workshop.invoke("schedule.remove")
    assert removed.returncode == 0
    assert linux_home.files() == {}
    assert folder_workshop.invoke("schedule.show").returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="on macOS the commands are with launchd")
def test_what_is_refused_is_not_installed_and_a_check_says_so(linux_home: Home, folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    variable = {"INVOKE_DRILL_HOST": "x"}

    refused = folder_workshop.invoke("schedule.install", environment=variable)
    checked = folder_workshop.invoke("schedule.install", "--check", environment=variable)

    assert (refused.returncode, checked.returncode) == (2, 2)
    assert "INVOKE_DRILL_HOST: is not there when the scheduler runs" in refused.stderr
    assert "it would be refused: environment: INVOKE_DRILL_HOST" in checked.stdout
    assert not linux_home.units.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="on macOS the commands are with launchd")
@pytest.mark.usefixtures("linux_home")
def test_an_engine_that_only_this_shell_knows_is_told_where_volumes_are_backed_up(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    variable = {"DOCKER_HOST": "unix:///tmp/mine.sock"}

    without = json.loads(folder_workshop.invoke("schedule.install", "--check", "--json", environment=variable).stdout)
    folder_workshop.more["volumes"] = [{"name": "grafana-data"}]
    found = json.loads(folder_workshop.invoke("schedule.install", "--check", "--json", environment=variable).stdout)

    assert not any("DOCKER_HOST" in note for note in without["schedule"]["notes"])
    assert any("has no DOCKER_HOST of this shell" in note for note in found["schedule"]["notes"])


def test_a_log_tells_the_state_of_each_agent_and_what_would_change(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    agents = home.survey()

    show(Screen(), report(agents, shown(agents, home.scheduler)))
    install(Screen(), report(agents, planned(agents, home.scheduler, "none", ("note",))))
    remove(Screen(), report(agents, removal(agents, home.scheduler)))

    lines = [line.partition("Z ")[2] for line in capsys.readouterr().out.splitlines()]
    assert "com.alai.azure-db-backup: is not there" in lines
    assert "  last run  none that left a record" in lines
    assert "credential of the scheduled runs: none" in lines
    assert "check: nothing was changed; what would change stands above" in lines
    assert lines[-1] == "check: nothing was changed; nothing would change"


@pytest.mark.parametrize(
    ("schedule", "where", "said"),
    [
        ({"label": "a b"}, "schedule.label", "joined by dots"),
        ({"label": "../x"}, "schedule.label", "joined by dots"),
        ({"label": "x\n"}, "schedule.label", "joined by dots"),
        ({"label": "x" * 101}, "schedule.label", "joined by dots"),
        ({"every": "4m"}, "schedule.every", "a divisor of the day"),
        ({"every": "25h"}, "schedule.every", "a divisor of the day"),
        ({"every": "7m"}, "schedule.every", "a divisor of the day"),
        ({"every": "5h"}, "schedule.every", "a divisor of the day"),
        ({"every": "4 h"}, "schedule.every", "a divisor of the day"),
        ({"every": 240}, "schedule.every", "a divisor of the day"),
        ({"drill": {"command": "backup"}}, "schedule.drill.command", "drill.local | drill.remote"),
        ({"drill": {"day": "monday"}}, "schedule.drill.day", "first-business-day"),
        ({"drill": {"country": "XX"}}, "schedule.drill.country", "as in NO"),
        ({"drill": {"country": "NOR"}}, "schedule.drill.country", "as in NO"),
        ({"drill": {"country": False}}, "schedule.drill.country", "text"),
        ({"evry": "4h"}, "schedule.evry", "did you mean every?"),
    ],
)
def test_a_mistake_in_the_schedule_names_its_key_and_what_is_allowed(
    schedule: dict[str, object], where: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load({**DEPLOYMENT, "schedule": schedule})

    assert caught.value.doing == f"configuration: {where}"
    assert said in caught.value.mend


@pytest.mark.parametrize(("every", "minutes"), [("5m", 5), ("90m", 90), ("1h", 60), ("24h", 1440), ("1440m", 1440)])
def test_every_divisor_of_the_day_from_five_minutes_on_is_taken(every: str, minutes: int) -> None:
    assert load({**DEPLOYMENT, "schedule": {"every": every}}).schedule.every_minutes == minutes


def test_without_a_schedule_it_is_four_hours_and_a_drill_here_after_weekends_only() -> None:
    schedule = load(DEPLOYMENT).schedule

    assert (schedule.label, schedule.every, schedule.drill.command, schedule.drill.country) == (
        "com.alai",
        "4h",
        "drill.local",
        None,
    )
