"""What a scheduled run finds: no shell's variables, so which credential; and the proof that it can log in there.

launchd starts its agents with HOME, USER, TMPDIR and a PATH of four folders, whatever a shell's profile says; a
user manager of systemd's with hardly more (https://www.freedesktop.org/software/systemd/man/systemd.exec.html).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import msgspec

from local.cloud.redact import scrub
from local.command_line.scheduled_run import VARIABLE as MARK
from local.command_line.scheduled_run import user_name
from local.errors import AzureError, ConfigError, PillarError
from local.location import FolderLocation, StoreLocation
from local.report import ErrorDocument
from local.schedule.plan import Job
from local.typed import from_json

BARE_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
# Where az keeps its login, and whom TLS trusts: paths, and no secret. Everything else of a shell stays there.
_CARRIED = ("AZURE_CONFIG_DIR", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
# A folder that TCC guards may make a process wait for ever.
_PROOF_SECONDS = 180
_OPENING = "schedule.install: open the store from the scheduler's environment"
_LOGIN = "log in where the scheduler finds it: az login (a shell's variables are not there), or a managed identity"
_PROOF = ("drill.due", "--check", "--json")


@dataclass(frozen=True)
class Access:
    """Where the store is, the credential that a scheduled run has, and the names of this shell's that it has not."""

    location: StoreLocation
    credential: str
    lost: tuple[str, ...] = ()

    def __str__(self) -> str:
        lost = f"; of this shell only: {', '.join(self.lost)}" if self.lost else ""
        return f"credential there: {self.credential}{lost}"

    def notes(self) -> tuple[str, ...]:
        """What is lost, as a note."""
        return (
            (f"of this shell only, and not there when the schedule runs: {', '.join(self.lost)}",) if self.lost else ()
        )


def scheduled_environment(shell: Mapping[str, str]) -> dict[str, str]:
    """The variables that the agents set: a PATH on which azure-identity finds `az` where this shell does, and paths."""
    az = shutil.which("az", path=shell.get("PATH", ""))
    folder = str(Path(az).absolute().parent) if az else ""
    path = f"{folder}:{BARE_PATH}" if folder and folder not in BARE_PATH.split(":") else BARE_PATH
    return {"PATH": path, **{name: shell[name] for name in _CARRIED if shell.get(name)}}


def bare_environment(job: Job) -> dict[str, str]:
    """All that a run of the job has, as launchd starts it; without the mark, since this is no scheduled run."""
    own = {name: value for name, value in job.environment.items() if name != MARK}
    return {"HOME": str(Path.home()), "USER": user_name(), "TMPDIR": tempfile.gettempdir(), **own}


def access_of(location: StoreLocation, job: Job, shell: Mapping[str, str]) -> Access:
    """What a run of the job has of what opens the store, and what of this shell's it has not."""
    return Access(location, credential(location, job), left_behind(location, shell))


def credential(location: StoreLocation, job: Job) -> str:
    """Which credential a run has there, in words: what DefaultAzureCredential finds without a shell's variables."""
    if isinstance(location, FolderLocation):
        return "none is needed: the store is a folder"
    environment = bare_environment(job)
    az = shutil.which("az", path=environment["PATH"])
    login = Path(environment.get("AZURE_CONFIG_DIR") or Path(environment["HOME"]) / ".azure")
    if az and login.is_dir():
        return f"a managed identity where this machine has one, else the login of {az} in {login}"
    return "a managed identity of this machine (az login's is not there: there is no az, or nobody has logged in)"


def left_behind(location: StoreLocation, shell: Mapping[str, str]) -> tuple[str, ...]:
    """The names of this shell's credentials, which a scheduled run does not have."""
    if isinstance(location, FolderLocation):
        return ()
    return tuple(sorted(name for name in shell if name.startswith("AZURE_") and name not in _CARRIED))


def refusal(job: Job, access: Access, variables: Mapping[str, str]) -> PillarError | None:
    """Why a run of the job could not do its work there; None where the store opens, and no setting is missing.

    `variables` are the INVOKE_* ones that hold a part of the configuration: the scheduler has none of them.
    """
    if variables:
        mend = "write these keys into a settings file, and run: invoke -f FILE schedule.install"
        return ConfigError(f"environment: {', '.join(sorted(variables))}", "is not there when the scheduler runs", mend)
    return _missing_folder(access.location) or _prove(job, access)


def _missing_folder(location: StoreLocation) -> PillarError | None:
    """Of a folder that is not there, the store only says that it holds nothing."""
    if not isinstance(location, FolderLocation) or os.access(location.path, os.R_OK | os.W_OK | os.X_OK):
        return None
    told = "cannot be read and written" if location.path.exists() else "is not there"
    mend = f"make or mount it: mkdir -p {quote(str(location.path))}, or mend store.url"
    return ConfigError(_OPENING, f"the folder {location.path} {told}", mend)


def _prove(job: Job, access: Access) -> PillarError | None:
    """Open the store as the scheduler will: the same program, settings, folder and environment; nothing is written."""
    command, environment = [*job.arguments[:-1], *_PROOF], bare_environment(job)
    try:
        done = subprocess.run(
            command, capture_output=True, env=environment, cwd=job.checkout, timeout=_PROOF_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        mend = "look for a dialogue that waits for you (System Settings, Privacy & Security), or a mount that hangs"
        return PillarError(_OPENING, f"there was no answer within {_PROOF_SECONDS} s", mend)
    return _refusal(done, str(access)) if done.returncode else None


def _refusal(done: subprocess.CompletedProcess[bytes], has: str) -> PillarError:
    kinds = {ConfigError.exit_code: ConfigError, AzureError.exit_code: AzureError}
    kind = kinds.get(done.returncode, PillarError)
    try:
        found = from_json(done.stdout, ErrorDocument).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = scrub(" ".join(done.stderr.decode(errors="replace").split())[-500:]) or "it said nothing"
        return kind(_OPENING, f"it ended with {done.returncode}: {told} ({has})", "mend that, then install again")
    # Of a login the usual advice names variables of a shell, too.
    mend = _LOGIN if found.doing == "log in to Azure" else found.mend
    return kind(_OPENING, f"{found.doing}: {found.message} ({has})", mend)


def own_invoke(executable: str = sys.executable) -> Path:
    """The `invoke` beside this Python, as an absolute path that no link was followed on.

    Raises ConfigError where there is none, or it is Homebrew's own, whose path goes with its next upgrade.
    """
    found = Path(executable).absolute().parent / "invoke"
    mend = "make a virtual environment as the README says, and run its .venv/bin/invoke schedule.install"
    if "Cellar" in found.parts:
        raise ConfigError("schedule.install", f"{found} goes stale when Homebrew upgrades Python", mend)
    if not os.access(found, os.X_OK):
        raise ConfigError("schedule.install", f"there is no {found}", mend)
    return found
