"""How a SQLite file is read that anybody may have made: what stands in it can neither run code, nor write, nor stay.

A view is SQL of the file's own, and counting a full-text table whose content is a view runs it: without an end, or in
gigabytes of memory. SQLite's advice for such files: https://sqlite.org/security.html#untrusted_sqlite_database_files.
Extensions cannot be loaded: the C library and Python both start with that switched off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

# Malformed pages are told before they are used, and no temporary file is made outside of the drill's own folder.
PRAGMAS = ("cell_size_check=on", "temp_store=memory")
# SQLite's own functions that reach beyond the database; they are switched off in any case.
REACHING_FUNCTIONS = ("load_extension", "fts3_tokenizer")
# SQLite's own memory in this process, all its connections together. Older ones than 3.31 have no such limit.
HEAP_BYTES_MAX = 1 << 30
# Some milliseconds of work.
STEPS_BETWEEN_LOOKS = 100_000


def distrust(connection: sqlite3.Connection, is_over: Callable[[], bool]) -> None:
    """Let nothing in the file do more than be read, and end each statement ("interrupted") once `is_over` says so.

    `is_over` is asked now and again between two steps; a single function call it cannot end.
    """
    confine(connection)
    connection.set_progress_handler(is_over, STEPS_BETWEEN_LOOKS)


def confine(connection: sqlite3.Connection) -> None:
    """The same without an end to a statement.

    For the main thread of a command: a signal that comes while SQLite asks `is_over` there would be lost.
    """
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if knows_safe_functions():
        connection.execute("PRAGMA trusted_schema=off")
    connection.set_authorizer(allow_within)
    # Python 3.12 and later; elsewhere `query_only` or an immutable file forbids the same.
    configure = getattr(connection, "setconfig", None)
    if configure:
        configure(getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE"))  # noqa: B009


def knows_safe_functions() -> bool:
    """Whether `trusted_schema=off` leaves a sound database usable: SQLite 3.38 to 3.40 call JSON's functions unsafe.

    With it off they refuse a table with a CHECK, a generated column or an index that uses one (measured, 3.40.1). What
    they would guard against is an application's own functions, and none is defined here.
    """
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("PRAGMA trusted_schema=off")
        connection.execute("CREATE TABLE t(a CHECK (json_valid(a)))")
        connection.execute("EXPLAIN INSERT INTO t VALUES ('{}')")
    except sqlite3.OperationalError as error:
        return "unsafe use" not in str(error)
    finally:
        connection.close()
    return True


def allow_within(action: int, _: Any, name: Any, *__: Any) -> int:
    """SQLite's authorizer: all but other files and the functions that reach beyond the database."""
    if action == sqlite3.SQLITE_ATTACH or (action == sqlite3.SQLITE_FUNCTION and name in REACHING_FUNCTIONS):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def limit_heap() -> None:
    """Bound what SQLite may take of this process's memory, for good: a statement that needs more is a MemoryError."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA hard_heap_limit={HEAP_BYTES_MAX}")
    connection.close()
