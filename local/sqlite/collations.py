"""Collations that only the application defines, without which SQLite refuses to check or to count its tables."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

_MISSING = re.compile("no such collation sequence: (.*)", re.DOTALL)


def stand_in(connection: sqlite3.Connection) -> list[str]:
    """Define every collation that quick_check would miss, and name them; sqlite3.DatabaseError for any other trouble.

    Which order they give is no matter: quick_check compares nothing by a collation (pragma.c: the order of keys, and an
    index against its table, are integrity_check's alone), so it sees as much as without them.
    """
    names: list[str] = []
    while True:
        try:
            connection.execute("EXPLAIN PRAGMA quick_check").close()
        except sqlite3.OperationalError as error:
            missing = _MISSING.fullmatch(str(error))
            if missing is None or missing[1] in names:
                raise
            names.append(missing[1])
            connection.create_collation(missing[1], lambda left, right: (left > right) - (left < right))
        else:
            return sorted(names)


def not_checkable(names: Sequence[str]) -> str | None:
    """What nobody but the application can check of its database, for a person; None if there is nothing."""
    if not names:
        return None
    return f"only its application can check the order by {', '.join(names)}; a drill comes to no verdict on it"
