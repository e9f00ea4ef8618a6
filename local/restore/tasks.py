"""`invoke restore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from local.command_line.command import Invocation, command
from local.command_line.options import CHECK, JSON, At, Date, Option
from local.events import Event

if TYPE_CHECKING:
    from local.restore.request import RestoreRequest
    from local.restore.result import RestoreReport


@command("restore", CHECK, JSON, left="nothing was restored; its temporary files are removed", work="restore")
def restore(
    invocation: Invocation,
    name: Annotated[
        str | None, Option("the database or volume; also without --name: restore NAME", "NAME", bare=True)
    ] = None,
    to: Annotated[
        str | None,
        Option(
            "the new file or folder to write; what is there is never overwritten",
            "PATH [./NAME.db, for a volume ./NAME]",
        ),
    ] = None,
    date: Date = None,
    at: At = None,
    from_: Annotated[str | None, Option("this archive alone, wherever it lies", "FILE.db.gz or FILE.tar.gz")] = None,
    live: Annotated[
        bool, Option("put it in the place of the live database or volume; what stands there is kept first")
    ] = False,
    rollback: Annotated[bool, Option("undo the last --live: put back the copy that was kept")] = False,
    yes: Annotated[bool, Option("do not ask before the live database or volume is replaced")] = False,
) -> int:
    """Restore a proven backup to a new file or folder, or with --live in the live one's place."""
    from local import report
    from local.restore.request import RestoreOptions, read_request

    request = read_request(RestoreOptions(name, to, date, at, from_, live, rollback))
    found = _to_file(invocation, request) if request.action == "file" else _in_place(invocation, request, yes)
    return report.exit_code(found.restore.verdict)


def _to_file(invocation: Invocation, request: RestoreRequest) -> RestoreReport:
    from local.restore import render
    from local.restore.to_new import preview_to_new, restore_to_new

    if invocation.check:
        heard: list[Event] = []
        return _checked(invocation, preview_to_new(invocation.settings, request, heard.append), heard)
    with invocation.screen.watching() as watch:
        found = restore_to_new(invocation.settings, request, watch)
        watch(_ending(found))
    invocation.screen.show(found, render.result)
    return found


def _in_place(invocation: Invocation, request: RestoreRequest, yes: bool) -> RestoreReport:
    from local.restore import in_place, question, render
    from local.restore.live_order import carry_out_order, order_in_place

    configured, screen = invocation.settings, invocation.screen
    heard: list[Event] = []
    order = order_in_place(configured, request, heard.append)
    if invocation.check:
        return _checked(invocation, order.preview, heard)
    in_place.require(order.preview)
    for event in heard:
        screen.say(f"{event.subject}: {event.text}", "yellow")
    question.agree(screen, order.preview, yes=yes)
    with screen.watching() as watch:
        found = carry_out_order(order, configured, watch)
        watch(_ending(found))
    screen.show(found, render.result)
    return found


def _ending(found: RestoreReport) -> Event:
    return Event(found.restore.name, found.restore.verdict, verdict=found.restore.verdict)


def _checked(invocation: Invocation, found: RestoreReport, heard: Sequence[Event]) -> RestoreReport:
    """Show a check; what was heard meanwhile stands between its first line and its last."""
    from local.restore import render

    notes = [f"{event.subject}: {event.text}" for event in heard]
    if invocation.screen.json:
        for note in notes:
            invocation.screen.say(note)
    invocation.screen.show(found, lambda screen, report: render.check(screen, report, notes))
    return found
