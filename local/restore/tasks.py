"""`invoke restore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, At, Date, Option

if TYPE_CHECKING:
    from local.restore.request import RestoreRequest
    from local.restore.result import RestoreReport


@command("restore", CHECK, JSON, left="nothing was restored; its temporary files are removed")
def restore(
    invocation: Invocation,
    name: Annotated[str | None, Option("the database; the word alone will do", bare=True)] = None,
    to: Annotated[str | None, Option("the new file; else NAME.db in this folder")] = None,
    date: Date = None,
    at: At = None,
    from_: Annotated[str | None, Option("this archive alone, a .db.gz that lies anywhere")] = None,
    live: Annotated[bool, Option("in the place of the live database, which is kept first")] = False,
    rollback: Annotated[bool, Option("undo the last --live: put the copy that was kept back")] = False,
    yes: Annotated[bool, Option("do not ask before a live database is replaced")] = False,
) -> int:
    """A proven backup to a new file, or with --live in the live database's place."""
    from local import report
    from local.restore.request import RestoreOptions, read_request

    request = read_request(RestoreOptions(name, to, date, at, from_, live, rollback))
    found = _to_file(invocation, request) if request.action == "file" else _in_place(invocation, request, yes)
    return report.exit_code(found.restore.verdict)


def _to_file(invocation: Invocation, request: RestoreRequest) -> RestoreReport:
    from local.restore import render
    from local.restore.to_new_file import preview_to_file, restore_to_file

    with invocation.screen.watching() as watch:
        work = preview_to_file if invocation.check else restore_to_file
        found = work(invocation.settings, request, watch)
    invocation.screen.show(found, render.check if invocation.check else render.result)
    return found


def _in_place(invocation: Invocation, request: RestoreRequest, yes: bool) -> RestoreReport:
    from local.restore import in_place, question, render

    configured, screen = invocation.settings, invocation.screen
    back = request.action == "rollback"
    with screen.watching() as watch:
        order = (
            in_place.order_rollback(configured, request.name)
            if back
            else in_place.order_restore(configured, request, watch)
        )
    if invocation.check:
        screen.show(order.preview, render.check)
        return order.preview
    in_place.require(order)
    question.agree(screen, order.preview, yes=yes)
    with screen.watching() as watch:
        found = (in_place.carry_back if back else in_place.carry_out)(order, configured, watch)
    screen.show(found, render.result)
    return found
