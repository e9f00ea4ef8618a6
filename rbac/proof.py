"""Proof that a right is effective: a command really run on the VM, as the principal itself, with a fresh token."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from local.cloud.credentials import Login, caller_of, default_credential, environment_login, secret_credential
from local.cloud.endpoints import endpoints_of
from local.cloud.errors import AccessDeniedError
from local.errors import AzureError, InconclusiveError
from local.report import Verdict
from local.settings import AzureSettings
from rbac.facts import Principal
from rbac.propagation import Deadline
from remote.command import Ran
from remote.script import NoPythonError

_SQLITE = re.compile(r"(\d+(?:\.\d+)+(?: \(in python3\))?)")
COMMAND = (
    "sqlite3 --version 2>/dev/null || "
    "python3 -c 'import sqlite3; print(sqlite3.sqlite_version, \"(in python3)\")' 2>/dev/null"
)
SECRET_VARIABLE = "PILLAR9_PRINCIPAL_CLIENT_SECRET"  # noqa: S105 - the variable's name
# (credential, VM's name, a shell's command, seconds that all of it may take) to how it ended there; AccessDeniedError
# where Azure refuses to run it.
Prove = Callable[[Login, str, str, float], Ran]
MakeLogin = Callable[[], Login]


@dataclass(frozen=True)
class Proof:
    """What came of it: `effective` as the report tells it (None: not known), and what was seen.

    `tried` is False where nobody holds the principal's credential, so that there was nothing to try with.
    """

    effective: bool | None
    text: str
    tried: bool = True
    subject: str = "effective"

    @property
    def verdict(self) -> Verdict:
        """Inconclusive where it was tried and did not succeed; what could not be tried says nothing against it."""
        return "passed" if self.effective or not self.tried else "inconclusive"


def principal_logins(azure: AzureSettings, principal: Principal, own: Login) -> MakeLogin | None:
    """Makes logins of the principal's own, each without a token; None where the caller (`own`) holds none.

    Taken from PILLAR9_PRINCIPAL_CLIENT_SECRET, from azure-identity's own variables (a secret, a certificate, a
    federated token, a managed identity) where AZURE_CLIENT_ID is the principal's, or the caller itself where it is the
    principal.
    Raises AzureError where a credential is there and Entra refuses it.
    """
    token_scope = endpoints_of(azure).resource_manager_scope
    caller = caller_of(own, token_scope)
    if caller.object_id == principal.object_id:
        return lambda: default_credential(azure)
    client_id = os.environ.get("AZURE_CLIENT_ID", "").lower() or None
    app_id, tenant = principal.app_id or client_id, azure.tenant or caller.tenant
    if not (app_id and tenant):
        return None
    make: MakeLogin | None = None
    if secret := os.environ.get(SECRET_VARIABLE):
        make = partial(secret_credential, azure, tenant, app_id, secret)
    elif client_id == app_id:
        make = environment_login(azure, tenant, app_id)
    if make is None:
        return None
    with closing(make()) as login:
        return make if caller_of(login, token_scope).object_id == principal.object_id else None


def wait_until_effective(make: MakeLogin, vms: tuple[str, ...], prove: Prove, deadline: Deadline) -> Proof:
    """Run the command on every VM, again and again with fresh tokens as long as Azure refuses, until the time is up."""
    seen = []
    for vm in vms:
        proved = _wait_on_vm(make, vm, prove, deadline)
        if not proved.effective:
            return proved
        seen.append(proved.text)
    return Proof(True, "; ".join(seen))


def _wait_on_vm(make: MakeLogin, vm: str, prove: Prove, deadline: Deadline) -> Proof:
    while True:
        try:
            # A token carries the rights of the moment it was issued, so each try gets its own.
            with closing(make()) as login:
                return _judge(vm, prove(login, vm, COMMAND, deadline.left))
        except AccessDeniedError as error:
            deadline.tell(vm, f"assigned, not effective yet after {deadline.waited} s")
            if not deadline.wait():
                return Proof(False, f"assigned, but not effective on {vm} after {deadline.waited} s: {error}")
        except NoPythonError as error:
            # What said so is a script that ran there.
            return Proof(True, f"{vm} ran a script; {error.came_back}, which a drill needs: {error.mend}")
        except (AzureError, InconclusiveError) as error:
            in_time = "" if deadline.left else f" in {deadline.waited} s (--wait)"
            return Proof(None, f"assigned, but it could not be tried on {vm}{in_time}: {error}")


def _judge(vm: str, ran: Ran) -> Proof:
    """A whole answer proves the right, whatever the command found."""
    found = _SQLITE.match(ran.stdout.head.decode("ascii", "replace"))
    return Proof(True, f"{vm} ran a command: SQLite {found[1]}" if found else f"{vm} ran a command; it has no SQLite")
