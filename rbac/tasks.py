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


@command(
    "rbac.fix",
    CHECK,
    JSON,
    left="the role may be assigned already: invoke rbac.check tells, and invoke rbac.revoke takes it back",
)
def fix(
    invocation: Invocation,
    role: Annotated[str, Option("assign this role instead of azure.role")] = "",
    least_privilege: Annotated[
        bool, Option("assign a role that holds only what this product needs, made if it is not there")
    ] = False,
    scope: Annotated[str, Option("group (the resource group) or vm (the VM alone)")] = "group",
    wait: Annotated[int, Option("seconds to wait until the right is effective")] = 600,
) -> int:
    """Give the principal the right to run commands on the VM, and prove that it has it."""
    from local.cloud.credentials import Login
    from rbac import fix
    from rbac.plan import FixOptions
    from rbac.propagation import Propagation
    from remote import run_command
    from remote.run_command import VirtualMachine

    configured = invocation.settings
    azure, store, options = (
        configured.azure,
        configured.store.location,
        FixOptions(role or None, least_privilege, scope),
    )
    if invocation.check:
        return _show(fix.preview(azure, store, options), invocation.screen)
    with invocation.screen.watching() as watch:

        def prove(login: Login, vm: str, script: str) -> str:
            return run_command.run(VirtualMachine(azure, login, vm), script, watch).stdout

        outcome = fix.fix(azure, store, options, prove, Propagation(seconds=wait, watch=watch))
    return _show(outcome, invocation.screen)


@command(
    "rbac.revoke",
    CHECK,
    JSON,
    left="some of it may be taken back already: invoke rbac.check tells, and invoke rbac.revoke does the rest",
)
def revoke(invocation: Invocation, role: Annotated[str, Option("only the assignment of this role")] = "") -> int:
    """Take back exactly what rbac.fix assigned."""
    from rbac import revoke

    take_back = revoke.preview if invocation.check else revoke.revoke
    return _show(take_back(invocation.settings.azure, role=role or None), invocation.screen)


def _show(outcome: Outcome, screen: Screen) -> int:
    from rbac import render

    screen.document(outcome.document) if screen.json else render.show(outcome, screen)
    return outcome.exit_code
