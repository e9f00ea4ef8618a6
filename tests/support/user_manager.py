"""A systemd user manager of the tests' own, which can be switched off and on: units run for real, in nobody's login.

It has mounts and control groups of its own, so that it finds itself on a system that systemd booted, and sees none but
its own processes. That needs root on Linux, as in a container that is not confined; where it cannot be had, `start`
says why, and the test that wanted it is skipped with those words.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_PROGRAMS = (Path("/usr/lib/systemd/systemd"), Path("/lib/systemd/systemd"))
_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
# First a group of its own, so that it moves no other process; then only that one is to be seen.
_OUTSIDE = f"""
for root in {" ".join(_ROOTS)}; do
  if [ -f $root/cgroup.procs ]; then mkdir $root/$1 && echo $$ > $root/$1/cgroup.procs; fi
done
exec unshare --mount --cgroup --propagation private sh -ec "$2" sh "$3"
"""
_INSIDE = """
if [ -f /sys/fs/cgroup/cgroup.procs ]; then
  mount -t cgroup2 none /sys/fs/cgroup
else
  mount -t tmpfs none /sys/fs/cgroup
  mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd
  mount -t cgroup2 none /sys/fs/cgroup/unified
fi
mount -t tmpfs none /run
mkdir -p /run/systemd/system
exec "$1" --user --log-target=console
"""


class NoManagerError(Exception):
    """Why there can be none here."""


@dataclass
class UserManager:
    """`environment` is what reaches it, and the home in which it looks for units."""

    home: Path
    runtime: Path
    log: Path
    _group: str = field(default_factory=lambda: f"pillar9-tests-{os.getpid()}")
    _process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """With which `systemctl --user` and `invoke` speak to it."""
        folders = {"HOME": self.home, "XDG_RUNTIME_DIR": self.runtime, "XDG_CONFIG_HOME": self.home / ".config"}
        return {name: str(folder) for name, folder in folders.items()}

    def start(self) -> None:
        """It is up, and starts what was missed; NoManagerError where it cannot be."""
        command = ["sh", "-ec", _OUTSIDE, "sh", self._group, _INSIDE, str(_program())]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _SECONDS
        while self.ask("show-environment").returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise NoManagerError(
                    f"systemd --user did not come up: {self.log.read_text()[-300:] or 'without a word'}"
                )
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """The power is off: what it ran is ended, and its groups are gone."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_SECONDS)
            self._process = None
        for root in _ROOTS:
            for folder, _, _ in os.walk(Path(root, self._group), topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`systemctl --user …`."""
        whole = {**os.environ, **self.environment}
        return subprocess.run(["systemctl", "--user", *arguments], env=whole, capture_output=True, text=True)


@contextmanager
def running(folder: Path) -> Iterator[UserManager]:
    """A manager with a home in `folder`; NoManagerError where there can be none."""
    home = folder / "home"
    home.mkdir()
    # A socket's path is short.
    runtime = Path(tempfile.mkdtemp(prefix="pillar9-"))
    manager = UserManager(home, runtime, folder / "manager.log")
    try:
        manager.start()
        yield manager
    finally:
        manager.stop()
        shutil.rmtree(runtime, ignore_errors=True)


def _program() -> Path:
    if sys.platform != "linux":
        raise NoManagerError("systemd is Linux's")
    if os.geteuid():
        raise NoManagerError("a manager of the tests' own needs root, for mounts and control groups of its own")
    found = next((program for program in _PROGRAMS if program.exists()), None)
    if found is None or not shutil.which("unshare") or not shutil.which("systemctl"):
        raise NoManagerError("systemd, systemctl or unshare is not installed")
    return found
