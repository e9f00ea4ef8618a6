"""The units, as systemd itself reads them: systemd-analyze verify and systemd-analyze calendar."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from local.errors import ConfigError, PillarError
from local.schedule.plan import Job
from local.schedule.scheduler import write
from local.schedule.systemd import Systemd, calendar_times
from local.schedule.times import times_of
from local.settings import ScheduleSettings
from tests.local.schedule.values import EVERY, both, installation
from tests.support import fake_systemctl

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's own")

ODD = "a b%n$HOME;é"
QUOTED = "q\"u'o\\te"


@pytest.fixture
def odd_jobs(tmp_path: Path) -> tuple[Job, Job]:
    """Both jobs of an installation whose folder has every character that a unit may take for another."""
    here = installation(tmp_path / ODD, AZURE_CONFIG_DIR=f"/x/{ODD}{QUOTED}")
    here = replace(here, settings_file=tmp_path / f"{ODD}{QUOTED}.yaml")
    here.invoke.parent.mkdir(parents=True)
    here.invoke.write_text("#!/bin/sh\n")
    here.invoke.chmod(0o755)
    return both("90m", here)


def verify(files: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "verify", "--user", "--man=no", *map(str, files)]
    # It looks there for a manager, and needs none.
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(files[0].parent)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_systemd_takes_the_units_and_reads_in_them_what_was_meant(odd_jobs: tuple[Job, Job], tmp_path: Path) -> None:
    units = Systemd(tmp_path / "units")
    files = [(path, content) for job in odd_jobs for path, content in units.files(job).items()]
    for path, content in files:
        write(path, content)

    done = verify([path for path, _ in files])

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_have_said_what_is_wrong(odd_jobs: tuple[Job, Job], tmp_path: Path) -> None:
    units = Systemd(tmp_path / "units")
    for path, content in units.files(odd_jobs[0]).items():
        write(path, content.replace('invoke"', 'gone"', 1).replace("oneshot", "once"))

    done = verify(sorted(units.folder.iterdir()))

    assert done.returncode
    assert "Failed to parse service type, ignoring: once" in done.stderr
    assert "gone is not executable" in done.stderr


def test_a_program_that_systemd_would_not_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds a quote or a backslash"):
        Systemd(tmp_path).files(both(here=installation(tmp_path / QUOTED))[0])


def test_the_variables_are_read_back_as_they_were_written(odd_jobs: tuple[Job, Job]) -> None:
    units = Systemd(Path("/units"))

    for job in odd_jobs:
        assert units.environment(dict(units.files(job))) == dict(job.environment)
    assert units.environment({Path("/x.service"): None, Path("/x.timer"): "[Timer]\n"}) == {}


@pytest.mark.parametrize("every", EVERY)
def test_a_timer_elapses_at_the_times_of_the_day_and_no_others(every: str) -> None:
    times = times_of(ScheduleSettings(every=every).every_minutes)
    command = ["systemd-analyze", "calendar", "--base-time=2026-05-04 23:59:59", f"--iterations={len(times) + 1}"]

    told = subprocess.run(
        [*command, *calendar_times(times)], capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"}
    ).stdout

    elapses = set(re.findall(r"2026-05-05 (\d\d):(\d\d):00", told))
    assert sorted(int(hour) * 60 + int(minute) for hour, minute in elapses) == list(times)


def test_a_service_is_bounded_quiet_about_the_lock_and_low(odd_jobs: tuple[Job, Job]) -> None:
    for job in odd_jobs:
        service, timer = Systemd(Path("/units")).files(job).values()

        lines = service.splitlines()
        assert {"Type=oneshot", "SuccessExitStatus=75", "IOSchedulingClass=idle", "Nice=10"} <= set(lines)
        (bound,) = [line for line in lines if line.startswith("TimeoutStartSec=")]
        assert 3600 < int(bound.partition("=")[2]) < 24 * 3600
        assert "Persistent=true" in timer.splitlines()


@pytest.mark.parametrize(("linger", "told"), [("yes", ()), ("no", ("loginctl enable-linger",))])
def test_lingering_that_is_off_is_told(
    linger: str, told: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_systemctl.put(tmp_path, tmp_path / "state", tmp_path / "units", linger)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    notes = Systemd(tmp_path / "units").notes()

    assert len(notes) == len(told)
    assert all(word in note for word, note in zip(told, notes, strict=True))


def test_without_a_user_manager_or_the_programs_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real systemctl, which finds no manager where this folder is the runtime's."""
    units = Systemd(tmp_path / "units")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)

    with pytest.raises(PillarError, match="show-environment ended with 1: Failed to connect") as caught:
        units.ready()
    assert "loginctl enable-linger" in caught.value.mend

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PillarError, match="there is no systemctl on PATH"):
        units.ready()
    (note,) = units.notes()
    assert "could not be told" in note


def test_units_of_one_content_are_one_text() -> None:
    units = Systemd(Path("/units"))
    job, _ = both()

    assert units.files(job) == units.files(replace(job))
