"""An admin's desk: the furnished stand-in with a storage account, settings that lead to it, and who is logged in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from local.cloud.credentials import Login, default_credential
from local.events import unwatched
from local.location import parse_location
from local.settings import AzureSettings, EndpointSettings
from rbac.fix import fix
from rbac.manager import Manager, surfaces
from rbac.plan import Wish
from rbac.rest import Rest
from rbac.result import Fixed, Outcome
from remote import run_command
from remote.run_command import VirtualMachine
from tests.azure_cloud.estate import Estate
from tests.azure_cloud.state import ServicePrincipal

STORE = parse_location("https://alaibackups.blob.core.windows.net/backups")


def settings_of(estate: Estate, **changes: Any) -> AzureSettings:
    """The configuration of the estate."""
    where = estate.cloud
    fields: dict[str, Any] = {
        "subscription": estate.subscription.subscription_id,
        "resource_group": estate.group.name,
        "vm": estate.vm.name,
        "service_principal": "1a0b3018",
        "cloud": "custom",
        "endpoints": EndpointSettings(
            authority=where.authority, resource_manager=where.resource_manager, graph=where.graph
        ),
    }
    return AzureSettings(**{**fields, **changes})


@dataclass(frozen=True)
class Desk:
    estate: Estate
    monkeypatch: pytest.MonkeyPatch

    @property
    def azure(self) -> AzureSettings:
        return settings_of(self.estate)

    def log_in(self, who: ServicePrincipal) -> None:
        """From now on this is who the environment says we are."""
        for name, value in self.estate.cloud.credential_environment(who).items():
            self.monkeypatch.setenv(name, value)

    def hold_principal_secret(self) -> None:
        self.monkeypatch.setenv("PILLAR9_PRINCIPAL_CLIENT_SECRET", self.estate.backup.secret)

    @contextmanager
    def surfaces(self) -> Iterator[tuple[Manager, Rest]]:
        """Azure Resource Manager and Graph, as whoever is logged in."""
        login = default_credential(self.azure)
        with surfaces(self.azure, login) as both:
            yield both
        login.close()

    def fix(self, wish: Wish | None = None, *, azure: AzureSettings | None = None, **options: Any) -> Outcome:
        return fix(azure or self.azure, STORE, wish or Wish(), self.prove, **options)

    def prove(self, login: Login, vm: str, script: str) -> str:
        """What tasks.py hands in."""
        return run_command.run(
            VirtualMachine(self.azure, login, vm), script, unwatched, run_command.Patience(look=0.02)
        ).stdout


def fixed(outcome: Outcome) -> Fixed:
    assert isinstance(outcome.rbac, Fixed)
    return outcome.rbac


def told(outcome: Outcome) -> str:
    """All that a person reads."""
    return "\n".join(f"{line.status}: [{line.subject}] {line.text}" for line in outcome.lines)
