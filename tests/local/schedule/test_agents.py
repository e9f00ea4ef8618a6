"""Installed, installed again, changed, replaced, cut short, removed: with either scheduler, in a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import clock
from local.command_line.scheduled_run import ScheduledRun
from local.errors import ConfigError, PillarError
from local.events import Event, unwatched
from local.schedule.agents import install, installation, refusal, remove
from local.schedule.plan import AgentState
from local.schedule.report import describe, done, planned, removal, report, shown
from local.schedule.scheduler import write
from tests.local.schedule.conftest import Home

FORMER = {
    ".plist": '<?xml version="1.0"?><plist version="1.0"><dict>'
    "<key>Label</key><string>com.alai.azure-db-backup</string><key>ProgramArguments</key>"
    "<array><string>/bin/bash</string><string>/Users/a/backup.sh</string></array></dict></plist>",
    ".service": "[Service]\nExecStart=/bin/bash /home/a/backup.sh\n",
    ".timer": "[Timer]\nOnCalendar=hourly\n",
}


def states(home: Home, every: str = "4h") -> list[AgentState]:
    return [agent.state for agent in home.survey(every)]


def put_former(home: Home) -> dict[str, str]:
    """The agent of the former bash daemon, under the label of our backup."""
    home.units.mkdir(parents=True)
    suffixes = [".plist"] if home.scheduler.name == "launchd" else [".service", ".timer"]
    for suffix in suffixes:
        (home.units / f"com.alai.azure-db-backup{suffix}").write_text(FORMER[suffix])
    return home.files()


def test_both_are_there_and_started_and_a_second_install_changes_nothing(home: Home) -> None:
    assert states(home) == ["missing", "missing"]

    assert install(home.scheduler, home.survey(), unwatched)
    files = home.files()
    times = [path.stat().st_mtime_ns for path in home.units.iterdir()]

    assert states(home) == ["ok", "ok"]
    assert home.calls()
    assert not install(home.scheduler, home.survey(), unwatched)
    assert home.calls() == []
    assert home.files() == files
    assert [path.stat().st_mtime_ns for path in home.units.iterdir()] == times
    assert {path.stat().st_mode & 0o777 for path in home.units.iterdir()} == {0o644}
    assert shown(home.survey(), home.scheduler).verdict == "ok"


def test_another_interval_changes_the_backup_alone_and_shows_how(home: Home) -> None:
    install(home.scheduler, home.survey(), unwatched)
    home.calls()

    agents = home.survey("15m")
    found = report(agents, planned(agents, home.scheduler, "", ()))
    assert [agent.state for agent in found.agents] == ["differs", "ok"]
    told = "\n".join(file.diff for file in found.agents[0].files)
    assert "\n-" in told
    assert "\n+" in told
    assert found.schedule.verdict == "changed"

    assert install(home.scheduler, agents, unwatched)
    assert not any("restore-drill" in call for call in home.calls())
    assert states(home, "15m") == ["ok", "ok"]


def test_one_that_somebody_stopped_is_started_again(home: Home) -> None:
    install(home.scheduler, home.survey(), unwatched)
    home.scheduler.stop("com.alai.azure-db-backup")

    assert states(home) == ["stopped", "ok"]
    assert shown(home.survey(), home.scheduler).verdict == "failed"
    assert install(home.scheduler, home.survey(), unwatched)
    assert states(home) == ["ok", "ok"]


def test_another_shell_is_no_reason_to_say_that_an_agent_differs(home: Home) -> None:
    install(home.scheduler, home.survey(SSL_CERT_FILE="/a/ca.pem"), unwatched)

    assert [agent.state for agent in home.survey(as_found=True)] == ["ok", "ok"]
    assert states(home) == ["differs", "differs"]


def test_the_former_daemons_agent_is_shown_and_left_alone(home: Home) -> None:
    former = put_former(home)

    error = refusal(home.survey(), replace=False)
    assert isinstance(error, ConfigError)
    assert "com.alai.azure-db-backup is there and does not run this tool" in str(error)
    assert "invoke schedule.install --replace" in error.mend
    assert refusal(home.survey(), replace=True) is None

    assert states(home) == ["foreign", "missing"]
    assert removal(home.survey(), home.scheduler).verdict == "ok"
    assert not remove(home.scheduler, home.survey(), unwatched)
    assert home.files() == former
    assert describe(home.survey()[0], clock.now()).installed is False


def test_the_former_daemons_agent_is_replaced_and_kept_as_a_copy(home: Home) -> None:
    former = put_former(home)
    heard: list[Event] = []

    assert install(home.scheduler, home.survey(), heard.append)

    assert states(home) == ["ok", "ok"]
    kept = [Path(event.text.rpartition(": ")[2]) for event in heard if event.lasting]
    assert sorted(path.read_text() for path in kept) == sorted(former.values())
    assert not any(path.is_relative_to(home.units) for path in kept)


def test_a_former_agent_that_runs_from_elsewhere_is_another_too(home: Home) -> None:
    """launchd knows it from /Library/LaunchAgents, systemd from /etc/systemd/user; here it is any other folder."""
    install(home.scheduler, home.survey(), unwatched)
    elsewhere = home.path / "elsewhere"
    for remembered in (home.state / "known").iterdir():
        remembered.write_text(remembered.read_text().replace(str(home.units), str(elsewhere)))

    agents = home.survey()

    assert [agent.state for agent in agents] == ["foreign", "foreign"]
    assert str(elsewhere) in str(refusal(agents, replace=False))
    assert str(elsewhere) in describe(agents[0], clock.now()).file
    heard: list[Event] = []
    install(home.scheduler, agents, heard.append)
    assert any(str(elsewhere) in event.text and event.lasting for event in heard)


def test_remove_takes_exactly_what_was_installed(home: Home) -> None:
    home.units.mkdir(parents=True)
    others = {"com.alai.other.plist", "com.alai.azure-db-backup.service.bak", "x.timer"}
    for name in others:
        (home.units / name).write_text("another's")
    install(home.scheduler, home.survey(), unwatched)
    record = home.survey()[0].job.record
    record.write_text("{}")
    assert removal(home.survey(), home.scheduler).verdict == "changed"

    assert remove(home.scheduler, home.survey(), unwatched)

    assert set(home.files()) == others
    assert states(home) == ["missing", "missing"]
    assert record.exists()
    home.calls()
    assert not remove(home.scheduler, home.survey(), unwatched)
    assert home.calls() == []


def test_a_removal_that_was_cut_short_between_two_files_is_completed_by_the_next(linux_home: Home) -> None:
    install(linux_home.scheduler, linux_home.survey(), unwatched)
    agents = linux_home.survey()
    (service, timer) = agents[0].wanted
    real = Path.unlink

    with pytest.MonkeyPatch.context() as patched:

        def unlink(path: Path, missing_ok: bool = False) -> None:
            if path in (service, timer) and not timer.exists():
                raise KeyboardInterrupt
            real(path, missing_ok)

        patched.setattr(Path, "unlink", unlink)
        with pytest.raises(KeyboardInterrupt):
            remove(linux_home.scheduler, agents, unwatched)

    assert service.exists()
    assert states(linux_home) == ["differs", "ok"]
    assert remove(linux_home.scheduler, linux_home.survey(), unwatched)
    assert linux_home.files() == {}


def test_a_folder_that_is_reached_through_a_link_is_the_same_folder(home: Home) -> None:
    install(home.scheduler, home.survey(), unwatched)
    link = home.path.with_name("link")
    link.symlink_to(home.path)
    for remembered in (home.state / "known").iterdir():
        remembered.write_text(remembered.read_text().replace(str(home.path), str(link)))

    assert states(home) == ["ok", "ok"]


def test_one_that_runs_although_its_file_is_gone_is_removed_and_installed_anew(home: Home) -> None:
    install(home.scheduler, home.survey(), unwatched)
    for path in home.units.iterdir():
        path.unlink()

    assert states(home) == ["missing", "missing"]
    assert install(home.scheduler, home.survey(), unwatched)
    assert states(home) == ["ok", "ok"]
    for path in home.units.iterdir():
        path.unlink()
    assert remove(home.scheduler, home.survey(), unwatched)
    assert all(agent.found.loaded is False for agent in home.survey())


@pytest.mark.parametrize("step", range(8))
def test_an_install_that_is_cut_short_anywhere_is_completed_by_the_next(
    home: Home, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(home.scheduler, home.survey(), unwatched)
    steps = iter(range(8))

    def cut(real: object) -> object:
        def step_or_end(*arguments: object) -> object:
            if next(steps, 99) == step:
                raise KeyboardInterrupt
            return real(*arguments)  # type: ignore[operator]

        return step_or_end

    with monkeypatch.context() as patched:
        kind = type(home.scheduler)
        patched.setattr(kind, "stop", cut(kind.stop))
        patched.setattr(kind, "start", cut(kind.start))
        patched.setattr("local.schedule.agents.write", cut(write))
        agents = home.survey("15m", SSL_CERT_FILE="/a/ca.pem")
        try:
            install(home.scheduler, agents, unwatched)
        except KeyboardInterrupt:
            pass
        else:
            assert step >= (6 if home.scheduler.name == "launchd" else 8)

    install(home.scheduler, home.survey("15m"), unwatched)
    assert states(home, "15m") == ["ok", "ok"]


def test_what_the_last_run_left_is_shown(home: Home) -> None:
    install(home.scheduler, home.survey(), unwatched)
    agent = home.survey()[0]
    assert describe(agent, clock.now()).last_run is None
    run = ScheduledRun("backup.run", "a", 7, "2026-05-05T04:00:00.000Z", "2026-05-05T04:00:09.000Z", 1)

    import msgspec

    for content, told in ((msgspec.json.encode(run), (run.started_time, 1)), (b"{", (None, None))):
        agent.job.record.write_bytes(content)
        found = describe(agent, clock.now())
        assert (found.last_run, found.last_exit_code) == told
    assert found.due is not None
    assert found.due > clock.timestamp(clock.now())


def test_a_path_that_no_file_of_a_scheduler_can_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="holds a control character"):
        installation(Path("/a\nb/invoke"), Path("/a\nb"), None, {})


def test_where_the_scheduler_cannot_be_asked_a_check_says_so(linux_home: Home) -> None:
    install(linux_home.scheduler, linux_home.survey(), unwatched)
    (linux_home.state / "no manager").touch()

    agents = linux_home.survey()

    assert [agent.state for agent in agents] == ["unknown", "unknown"]
    told = shown(agents, linux_home.scheduler)
    assert told.verdict == "failed"
    assert sum("reach your user manager" in note for note in told.notes) == 1
    with pytest.raises(PillarError, match="No medium found"):
        linux_home.scheduler.ready()
    assert done(linux_home.scheduler, False).verdict == "ok"
