"""`invoke rbac.check`, `rbac.fix` and `rbac.revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, Option
from local.output.screen import Screen

if TYPE_CHECKING:
    from local.settings import AzureSettings
    from rbac.result import Outcome
    from remote.run import RightToRun


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
    role: Annotated[str, Option("the role to assign", "ROLE [azure.role]")] = "",
    least_privilege: Annotated[
        bool, Option("assign a role that holds only what this product needs; it is made where it is missing")
    ] = False,
    scope: Annotated[
        str, Option("where to assign it: at the resource group, or at the VM alone", "group|vm")
    ] = "group",
    store: Annotated[bool, Option("give the right to the store's blobs as well")] = False,
    wait: Annotated[int, Option("how long to wait until the right has an effect", "SECONDS")] = 600,
) -> int:
    """Give the principal the right to run commands on the VM, and prove that it has it."""
    from local.cloud.credentials import Login
    from rbac import fix
    from rbac.plan import FixOptions
    from rbac.propagation import Propagation
    from remote.command import Ran, RemoteCommand, run_command_on
    from remote.program_runner import ProgramRunner
    from remote.run_command import Patience, VirtualMachine

    configured = invocation.settings
    azure, options = configured.azure, FixOptions(role or None, least_privilege, scope, store)
    if invocation.check:
        return _show(fix.preview(azure, configured.store, options), invocation.screen)
    with invocation.screen.watching() as watch:

        def prove(login: Login, vm: str, text: str, seconds: float) -> Ran:
            runner = ProgramRunner(VirtualMachine(azure, login, vm), watch, "rbac.fix")
            return run_command_on(
                runner, RemoteCommand(text.encode(), False, min(60, seconds)), Patience(total=seconds)
            )

        outcome = fix.fix(azure, configured.store, options, prove, Propagation(seconds=wait, watch=watch))
    return _show(outcome, invocation.screen)


@command(
    "rbac.revoke",
    CHECK,
    JSON,
    left="some of it may be taken back already: invoke rbac.check tells, and invoke rbac.revoke does the rest",
)
def revoke(
    invocation: Invocation,
    role: Annotated[
        str, Option("a role that rbac.fix --role assigned less than a minute ago", "ROLE [azure.role]")
    ] = "",
    store: Annotated[bool, Option("take back what rbac.fix --store assigned as well")] = False,
    wait: Annotated[int, Option("how long to wait until Azure shows it no more", "SECONDS")] = 600,
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


def rights_to_run(azure: AzureSettings) -> tuple[RightToRun, ...]:
    """Whether whoever is logged in may run commands on the VMs, for `remote.run --check`."""
    from rbac.right_to_run import rights_to_run

    return rights_to_run(azure)


def _show(outcome: Outcome, screen: Screen) -> int:
    from rbac import render

    screen.document(outcome.document) if screen.json else render.show(outcome, screen)
    return outcome.exit_code
