"""What both ways to replace a live database promise."""

from __future__ import annotations

import sqlite3
from typing import Protocol, Self


class Way(Protocol):
    """One replacement, from its first change to the last; each method leaves the live path whole at every instant."""

    @property
    def connection(self) -> sqlite3.Connection:
        """To the live database, once it was replaced."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...

    def replace(self) -> None:
        """Keep what is there and put the new content in its place; nothing of the old may be left to be replayed."""

    def is_committed(self) -> bool:
        """Whether the live database holds the new content, wherever `replace` was ended."""

    def is_written(self) -> bool:
        """Whether another program has written since, as far as `connection` sees."""

    def clear(self) -> None:
        """Remove what a replacement made that was not committed."""

    def undo(self) -> None:
        """Put the former content back, and keep what others wrote since."""

    def finish(self) -> None:
        """The new content stays: what is left to be set as it was before."""
