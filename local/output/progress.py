"""Progress bars on a terminal: one line for each subject, its last words beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from local.events import Event, Watch


@contextmanager
def bars(stream: TextIO) -> Iterator[Watch]:
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
    with Progress(*columns, console=Console(file=stream)) as progress:

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
