"""An admin at the command line: the configuration, the environment's credential, and what rbac.fix is called with."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from local.cloud.credentials import Login
from local.events import unwatched
from local.location import parse_location
from local.settings import AzureSettings
from rbac import fix
from rbac.clients import Clients, open_clients
from rbac.plan import FixOptions
from rbac.propagation import Propagation
from rbac.result import FixReport, Outcome
from remote import run_command
from remote.run_command import Patience, VirtualMachine
from tests.azure_cloud.deployment import Deployment
from tests.azure_cloud.settings import settings_of
from tests.azure_cloud.state import ServicePrincipal

STORE = parse_location("https://alaibackups.blob.core.windows.net/backups")


@dataclass(frozen=True)
class Admin:
    """Runs `rbac.fix` on a deployment; logged in as its Owner, until a test logs in as somebody else."""

    deployment: Deployment
    monkeypatch: pytest.MonkeyPatch

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
        return fix.fix(azure or self.azure, STORE, options or FixOptions(), self.prove, propagation or Propagation())

    def preview_fix(self) -> Outcome:
        """invoke rbac.fix --check"""
        return fix.preview(self.azure, STORE, FixOptions())

    def prove(self, login: Login, vm: str, script: str) -> str:
        """Run the script as rbac.fix does, but look for its end more often."""
        return run_command.run(VirtualMachine(self.azure, login, vm), script, unwatched, Patience(look=0.02)).stdout


def fix_report(outcome: Outcome) -> FixReport:
    assert isinstance(outcome.rbac, FixReport)
    return outcome.rbac


def text_of(outcome: Outcome) -> str:
    """All that a person reads, a line for each thing."""
    return "\n".join(f"{line.status}: [{line.subject}] {line.text}" for line in outcome.lines)
