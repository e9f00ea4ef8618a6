"""How tests run commands on the site's VMs, as `invoke remote.run` does but more impatient."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from remote.command import RemoteCommand
from remote.run import Pace, run_everywhere
from remote.run_report import HostRun, RunReport
from tests.remote.site import QUICK, Site

PACE = Pace(QUICK, 60, QUICK)
# Quick enough to be given up in a test.
HANGING = Pace(replace(QUICK, busy=0.4), 0.5, QUICK)


@dataclass(frozen=True)
class Ordered:
    """A command, and how patiently its end is waited for."""

    content: bytes
    is_script: bool = False
    timeout: float = 60
    pace: Pace = PACE


def run_on(site: Site, ordered: Ordered, vms: Sequence[str]) -> RunReport:
    """The report of a run on these VMs."""
    azure = msgspec.structs.replace(site.azure, vm=tuple(vms))
    command = RemoteCommand(ordered.content, ordered.is_script, ordered.timeout)
    return run_everywhere(command, azure, lambda: site.store, site.events.append, ordered.pace)


def run(site: Site, text: str, timeout: float = 60, pace: Pace = PACE) -> HostRun:
    """What came of a text for the shell on the site's VM."""
    (host,) = run_on(site, Ordered(text.encode(), False, timeout, pace), [site.vm.name]).hosts
    return host


def run_script(site: Site, content: bytes) -> HostRun:
    """What came of a script on the site's VM."""
    (host,) = run_on(site, Ordered(content, is_script=True), [site.vm.name]).hosts
    return host


def python_there(program: str) -> str:
    """A text for the shell that runs this on the VM, whose PATH holds little else."""
    return f"python3 - <<'END'\n{program}\nEND"


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()
