"""`invoke report`."""

from __future__ import annotations

from typing import Annotated

from local.command_line.command import Invocation, command
from local.command_line.options import JSON, Only, Option
from local.errors import ConfigError

_DAYS_MAX = 36500


@command("report", JSON, left="the page is the one of before, or there is none")
def report(
    invocation: Invocation,
    only: Only = (),
    to: Annotated[str, Option("the file to write; it replaces another report, and nothing else", "FILE")] = (
        "./pillar9-report.html"
    ),
    days: Annotated[int, Option("how far back its drills and figures go", "DAYS")] = 400,
    open: Annotated[bool, Option("show it in the browser")] = False,  # noqa: A002 - the option's name
) -> int:
    """Write one HTML file for people and auditors: how each database stands, plots, and every drill as evidence."""
    from pathlib import Path

    from local import clock
    from local.page import document, model, page_file, reading, render
    from local.store.open import open_repository
    from local.version import TOOL

    if not 1 <= days <= _DAYS_MAX:
        raise ConfigError("--days", f"is {days}", f"allowed: 1 to {_DAYS_MAX}")
    if open and invocation.screen.json:
        raise ConfigError("--open and --json", "are both given", "give one: a document is for programs")
    configured, path = invocation.settings, Path(to).expanduser().absolute()
    page_file.check_target(path)
    repository = open_repository(configured.store, configured.azure)
    page = model.make(reading.read(repository, configured, only, clock.now(), days), TOOL, only)
    text = render.html(page)
    page_file.write(path, text)
    invocation.screen.show(document.of(page, path, len(text.encode())), document.show)
    if open:
        document.open_page(path, invocation.screen)
    return 0
