"""Progress bars on a terminal: one line for each subject, its last words beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import IO, cast

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from local.events import Event, Watch
from local.interrupt import if_abandoned
from local.output.outlet import Outlet

_SHOW_CURSOR = "\x1b[?25h\n"  # bars hide it, and keep the cursor in their last line


@contextmanager
def bars(stream: Outlet) -> Iterator[Watch]:
    """Bars until the context ends; they stay on the screen."""
    columns = (
        TextColumn("{task.fields[subject]}", style="bold"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    lines: dict[str, TaskID] = {}
    lock = Lock()
    # rich would put itself in the place of sys.stdout, to which its console's file writes here.
    console = Console(file=cast("IO[str]", stream))
    progress = Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False)
    with if_abandoned(partial(stream.write, _SHOW_CURSOR)), progress:

        def watch(event: Event) -> None:
            with lock:
                if event.subject not in lines:
                    lines[event.subject] = progress.add_task("", subject=event.subject, total=None)
                line = lines[event.subject]
            if event.total is None:
                progress.update(line, description=event.text)
            else:
                progress.update(line, description=event.text, completed=event.done, total=event.total)

        yield watch
