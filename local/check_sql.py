"""Whether the SQL of a configured check can be one, as far as that shows without the database."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

from local.drill_program.check_statement import COMMENT, ReadingOnly, single_statement

ALLOWED_CHECK = "one SELECT, WITH … SELECT or VALUES that only reads the database; :backup_time is its one parameter"
# What of SQL can hold a parameter's character without being one, and the parameters (sqlite.org/lang_expr.html).
_TOKENS = re.compile(
    rf"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] | {COMMENT} | \w[\w$]*
    | (?P<parameter> \?\d* | [:@$]\w+ )""",
    re.VERBOSE,
)
# The rest of what SQLite says on an empty database may be true of that one alone: that it has no such table.
_SYNTAX = re.compile("near .*syntax error|incomplete input|unrecognized token", re.DOTALL)


def check_problem(sql: str) -> str | None:
    """Why this is not what a check may be, for a person; None if it may be one.

    SQLite judges it on an empty database: tables, columns and functions that are missing there may exist elsewhere.
    """
    try:
        statement = single_statement(sql)
    except ValueError as error:
        return str(error)
    found = {token["parameter"] for token in _TOKENS.finditer(statement)} - {None, ":backup_time"}
    if found:
        return f"it has the parameter {min(map(str, found))}"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        return _refusal(connection, statement)


def _refusal(connection: sqlite3.Connection, statement: str) -> str | None:
    authorizer = ReadingOnly()
    connection.set_authorizer(authorizer)
    # By itself it cannot be the two halves of something else; as a part of another SELECT it cannot be the DELETE that
    # a WITH may also begin, whichever tables there are.
    for explained in (f"EXPLAIN {statement}", f"EXPLAIN SELECT * FROM (\n{statement}\n)"):  # noqa: S608
        try:
            connection.execute(explained, {"backup_time": ""}).close()
        except sqlite3.Error as error:
            if authorizer.refused:
                break
            if _SYNTAX.search(str(error)):
                return f"SQLite {sqlite3.sqlite_version} says: {error}"
    pragmas = [f"PRAGMA {table[7:]}" for table in authorizer.tables if table.lower().startswith("pragma_")]
    return next((f"this is refused: {refused}" for refused in (*authorizer.refused, *pragmas)), None)
