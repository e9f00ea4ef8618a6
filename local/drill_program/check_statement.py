"""What a check may be: one statement that reads the database's main schema, and nothing else."""

from __future__ import annotations

import re
import sqlite3

CHECK_CHARACTERS = 10_000
STATEMENT_KINDS = ("SELECT", "WITH", "VALUES")
COMMENT = r"--[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)"
NO_STATEMENT = re.compile(rf"(?:[ \t\r\n\f;]|{COMMENT})*")
FIRST_WORD = re.compile(rf"(?:[ \t\r\n\f]|{COMMENT})*(\w*)")
SCHEMA_TABLES = ("sqlite_master", "sqlite_schema")
# What a person is told of a refusal, by SQLite's number for the action (sqlite3.h).
ACTION_WORDS = {
    sqlite3.SQLITE_ATTACH: "ATTACH",
    sqlite3.SQLITE_FUNCTION: "the function",
    sqlite3.SQLITE_PRAGMA: "PRAGMA",
    sqlite3.SQLITE_READ: "reading",
}


def single_statement(sql: str) -> str:
    """The one statement of a check, without what follows it; ValueError says what else it is.

    Whether SQLite takes it is another question: `WITH … DELETE` passes here.
    """
    if "\0" in sql:
        raise ValueError("it has a NUL character")
    sql.encode()  # half of a surrogate pair is a ValueError too
    if len(sql) > CHECK_CHARACTERS:
        raise ValueError(f"it has more than {CHECK_CHARACTERS} characters")
    statement = first_statement(sql)
    if not NO_STATEMENT.fullmatch(sql, len(statement)):
        raise ValueError("it is more than one statement")
    word = FIRST_WORD.match(statement)
    first_word = word[1] if word else ""
    if first_word.upper() not in STATEMENT_KINDS:
        raise ValueError(f"it begins with {first_word}" if first_word else "it is no statement")
    return statement


def first_statement(sql: str) -> str:
    """All before the semicolon that ends the first statement, which one in a string or a comment does not."""
    for semicolon in re.finditer(";", sql):
        if sqlite3.complete_statement(sql[: semicolon.end()]):
            return sql[: semicolon.start()]
    return sql


class ReadingOnly:
    """SQLite's authorizer that allows reading the main schema and calling functions; it remembers what it refused."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.tables: list[str] = []

    def __call__(self, action: int, first: str | None, second: str | None, schema: str | None, _: str | None) -> int:
        """What SQLite is to do with this part of a statement (sqlite3_set_authorizer)."""
        if action == sqlite3.SQLITE_READ:
            self.tables.append(str(first))
        if is_reading(action, first, second, schema):
            return sqlite3.SQLITE_OK
        named = second if action == sqlite3.SQLITE_FUNCTION else first
        self.refused.append(f"{ACTION_WORDS.get(action, 'a statement that writes')} {named or ''}".rstrip())
        return sqlite3.SQLITE_DENY


def is_reading(action: int, first: str | None, second: str | None, schema: str | None) -> bool:
    """Whether this part of a statement reads the main schema, or calls a function.

    A virtual table declares itself by an UPDATE of the schema's table that changes nothing, and FTS5 asks for the
    data_version. A check that updates gets no further than the parser, or query_only.
    """
    if action == sqlite3.SQLITE_READ:
        return schema in (None, "main")  # None: a name in the statement itself, or a table of which no column is read
    if action == sqlite3.SQLITE_FUNCTION:
        return str(second).lower() != "load_extension"
    if action == sqlite3.SQLITE_UPDATE:
        return first in SCHEMA_TABLES
    if action == sqlite3.SQLITE_PRAGMA:
        return first == "data_version" and second is None
    return action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
