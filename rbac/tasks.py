"""`invoke rbac.check`, `rbac.fix` and `rbac.revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, Option
from local.output.screen import Screen

if TYPE_CHECKING:
    from rbac.result import Outcome


@command("rbac.check", JSON)
def check(invocation: Invocation) -> int:
    """Which rights the backup's principal has, through what, and what is missing."""
    from rbac import check

    configured = invocation.settings
    return _show(check.check(configured.azure, configured.store.location), invocation.screen)


@command("rbac.fix", CHECK, JSON)
def fix(
    invocation: Invocation,
    role: Annotated[str, Option("assign this role instead of azure.role")] = "",
    least_privilege: Annotated[
        bool, Option("assign a role that holds only what this product needs, made if it is not there")
    ] = False,
    scope: Annotated[str, Option("group (the resource group) or vm (the VM alone)")] = "group",
    store: Annotated[bool, Option("the right to the store's blobs as well")] = False,
    wait: Annotated[int, Option("seconds to wait until the right is effective")] = 600,
) -> int:
    """Give the principal the right to run commands on the VM, and prove that it has it."""
    from local.cloud.credentials import Login
    from rbac import fix
    from rbac.plan import FixOptions
    from rbac.propagation import Propagation
    from remote import run_command
    from remote.run_command import Patience, VirtualMachine

    configured = invocation.settings
    azure, options = configured.azure, FixOptions(role or None, least_privilege, scope, store)
    if invocation.check:
        return _show(fix.preview(azure, configured.store, options), invocation.screen)
    with invocation.screen.watching() as watch:

        def prove(login: Login, vm: str, script: str, seconds: float) -> str:
            return run_command.run(VirtualMachine(azure, login, vm), script, watch, Patience(total=seconds)).stdout

        outcome = fix.fix(azure, configured.store, options, prove, Propagation(seconds=wait, watch=watch))
    return _show(outcome, invocation.screen)


@command("rbac.revoke", CHECK, JSON)
def revoke(
    invocation: Invocation,
    role: Annotated[str, Option("a role that rbac.fix --role assigned within the last minute")] = "",
    store: Annotated[bool, Option("what rbac.fix --store assigned as well")] = False,
    wait: Annotated[int, Option("seconds to wait until Azure shows it no more")] = 600,
) -> int:
    """Take back exactly what rbac.fix assigned."""
    from rbac import revoke
    from rbac.propagation import Propagation

    configured = invocation.settings
    azure, at_store = configured.azure, configured.store.location if store else None
    if invocation.check:
        return _show(revoke.preview(azure, store=at_store, role=role or None), invocation.screen)
    with invocation.screen.watching() as watch:
        propagation = Propagation(seconds=wait, watch=watch)
        outcome = revoke.revoke(azure, store=at_store, role=role or None, propagation=propagation)
    return _show(outcome, invocation.screen)


def _show(outcome: Outcome, screen: Screen) -> int:
    from rbac import render

    screen.document(outcome.document) if screen.json else render.show(outcome, screen)
    return outcome.exit_code
