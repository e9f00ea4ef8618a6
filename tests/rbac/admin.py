"""An admin at the command line: the configuration, the environment's credential, and what rbac.fix is called with."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.cloud.credentials import Login
from local.events import unwatched
from local.settings import AzureSettings, StoreSettings
from rbac import fix
from rbac.clients import Clients, open_clients
from rbac.plan import FixOptions
from rbac.propagation import Propagation
from rbac.result import FixReport, Outcome
from remote.command import Ran, RemoteCommand, run_command_on
from remote.program_runner import ProgramRunner
from remote.run_command import Patience, VirtualMachine
from tests.azure_cloud.deployment import Deployment
from tests.azure_cloud.settings import settings_of
from tests.azure_cloud.state import ServicePrincipal

STORE_SETTINGS = StoreSettings(url="https://alaibackups.blob.core.windows.net/backups")
STORE = STORE_SETTINGS.location


@dataclass(frozen=True)
class Admin:
    """Runs `rbac.fix` on a deployment; logged in as its Owner, until a test logs in as somebody else."""

    deployment: Deployment
    monkeypatch: pytest.MonkeyPatch
    store: StoreSettings = STORE_SETTINGS

    @property
    def azure(self) -> AzureSettings:
        """The configuration that names the deployment."""
        return settings_of(self.deployment)

    def log_in_as(self, principal: ServicePrincipal) -> None:
        """From now on this is who the environment says we are."""
        for name, value in self.deployment.cloud.credential_environment(principal).items():
            self.monkeypatch.setenv(name, value)

    def hold_principal_secret(self) -> None:
        """Have the backup principal's secret, so that fix can prove that the principal's rights work."""
        self.monkeypatch.setenv("PILLAR9_PRINCIPAL_CLIENT_SECRET", self.deployment.backup.secret)

    def log_in_by_cli(self, folder: Path) -> None:
        """From now on we are the Owner through `az login`, whatever AZURE_CLIENT_ID and the like hold."""
        az = folder / "bin" / "az"
        az.parent.mkdir()
        lines = ["#!/bin/sh", 'case "$*" in']
        with self.deployment.credential(self.deployment.admin) as login:
            for resource in (self.deployment.cloud.resource_manager, self.deployment.cloud.graph):
                token = login.get_token(f"{resource}/.default").token
                answer = {"accessToken": token, "expires_on": int(time.time()) + 3600}
                lines.append(f"*{resource}*) echo '{json.dumps(answer)}';;")
        az.write_text("\n".join([*lines, "esac", ""]))
        az.chmod(0o755)
        self.monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
        self.monkeypatch.setenv("PATH", f"{az.parent}:/usr/bin:/bin")

    def clients(self) -> AbstractContextManager[Clients]:
        """Azure's APIs, as whoever is logged in."""
        return open_clients(self.azure)

    def fix(
        self,
        options: FixOptions | None = None,
        *,
        azure: AzureSettings | None = None,
        propagation: Propagation | None = None,
    ) -> Outcome:
        """invoke rbac.fix"""
        return fix.fix(
            azure or self.azure, self.store, options or FixOptions(), self.prove, propagation or Propagation()
        )

    def preview_fix(self, options: FixOptions | None = None) -> Outcome:
        """invoke rbac.fix --check"""
        return fix.preview(self.azure, self.store, options or FixOptions())

    def prove(self, login: Login, vm: str, text: str, seconds: float) -> Ran:
        """Run the command as rbac.fix does, but look for its end more often."""
        runner = ProgramRunner(VirtualMachine(self.azure, login, vm), unwatched, "proof")
        return run_command_on(runner, RemoteCommand(text.encode(), False, 60), Patience(look=0.02, total=seconds))


def fix_report(outcome: Outcome) -> FixReport:
    assert isinstance(outcome.rbac, FixReport)
    return outcome.rbac


def text_of(outcome: Outcome) -> str:
    """All that a person reads, a line for each thing."""
    return "\n".join(f"{line.status}: [{line.subject}] {line.text}" for line in outcome.lines)
