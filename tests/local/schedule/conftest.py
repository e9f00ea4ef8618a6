"""A home of its own, and each scheduler's stand-in as the first program on PATH."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.schedule import launchd
from local.schedule.agents import Agent, installation, survey
from local.schedule.bare_environment import own_invoke
from local.schedule.launchd import Launchd
from local.schedule.scheduler import Scheduler
from local.schedule.systemd import Systemd
from local.settings import ScheduleSettings
from tests.support import fake_launchctl, fake_systemctl
from tests.support.fork_server import CHECKOUT


@dataclass(frozen=True)
class Home:
    """A user's home with a scheduler; `state` is the folder of what the stand-in remembers."""

    path: Path
    state: Path
    units: Path
    scheduler: Scheduler

    def survey(self, every: str = "4h", *, as_found: bool = False, **environment: str) -> list[Agent]:
        """Both agents as they are now, for this configuration."""
        here = installation(own_invoke(), CHECKOUT, self.path / "mine.yaml", {"PATH": "/usr/bin:/bin", **environment})
        return survey(self.scheduler, ScheduleSettings(every=every), here, as_found=as_found)

    def calls(self) -> list[str]:
        """What was asked of the scheduler to change, since this was called last."""
        log = self.state / "calls"
        told = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [call for call in told if not call.startswith(("print ", "show"))]

    def files(self) -> dict[str, str]:
        """Every file that a scheduler reads, by its name."""
        return {path.name: path.read_text() for path in sorted(self.units.glob("*"))}


@pytest.fixture
def bare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME, and a folder of programs that is the first on PATH."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(launchd, "_POLL_SECONDS", 0.0)
    return home


def _on_macos(home: Path) -> Home:
    fake_launchctl.put(home / "bin", home / "state")
    units = home / "Library/LaunchAgents"
    return Home(home, home / "state", units, Launchd(units, 501))


def _on_linux(home: Path) -> Home:
    units = home / ".config/systemd/user"
    fake_systemctl.put(home / "bin", home / "state", units)
    return Home(home, home / "state", units, Systemd(units))


@pytest.fixture(params=[_on_macos, _on_linux])
def home(request: pytest.FixtureRequest, bare_home: Path) -> Home:
    """On each system in turn."""
    make: Callable[[Path], Home] = request.param
    return make(bare_home)


@pytest.fixture
def linux_home(bare_home: Path) -> Home:
    """On Linux."""
    return _on_linux(bare_home)
