"""What is recorded of a database's tables. The backup records it with these functions, so both ends count alike."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# What SQLite says of a virtual table whose module it lacks, or whose module lacks something.
UNKNOWN_MODULE = re.compile("no such |unknown tokenizer|vtable constructor failed|error in tokenizer")
VIRTUAL_TABLE = re.compile(rb"(?is)create virtual table .*?\busing\s+(\w+)")


# A schema of 50,000 tables has some 20 MiB. A file of few bytes may unpack to one that no memory holds.
SCHEMA_BYTES_MAX = 256 << 20


@dataclass(frozen=True)
class TableCounts:
    """Rows by table; why this SQLite cannot count a table (it lacks the module); the module of each virtual table."""

    rows: dict[str, int]
    uncounted: dict[str, str]
    modules: dict[str, bytes]


@dataclass(frozen=True)
class DatabaseContent:
    """The digest of a database's schema, and its tables' rows."""

    schema_sha256: str
    tables: TableCounts


def schema_rows(connection: sqlite3.Connection) -> list[tuple[bytes | None, ...]]:
    """Every (type, name, tbl_name, sql) in the schema, in UTF-8 whatever the database's encoding.

    Raises sqlite3.Error where it cannot be read, or has more than SCHEMA_BYTES_MAX.
    """
    factory, connection.text_factory = connection.text_factory, bytes
    try:
        found, size = [], 0
        for row in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
            size += sum(len(text) for text in row if text is not None)
            if size > SCHEMA_BYTES_MAX:
                raise sqlite3.OperationalError(f"the schema has more than {SCHEMA_BYTES_MAX} bytes")
            found.append(row)
        return found
    finally:
        connection.text_factory = factory


def schema_digest(connection: sqlite3.Connection) -> str:
    """The SHA-256 of the whole schema, in an order that does not depend on how it came about."""
    encoded = [
        b"".join(b"-," if text is None else b"%d:%s," % (len(text), text) for text in row)
        for row in schema_rows(connection)
    ]
    return hashlib.sha256(b"\n".join(sorted(encoded))).hexdigest()


def count_tables(connection: sqlite3.Connection) -> TableCounts:
    """Count the rows of every table but SQLite's own; sqlite3.Error where the database cannot be read."""
    counted = TableCounts({}, {}, {})
    for kind, raw_name, _, sql in schema_rows(connection):
        if kind != b"table" or raw_name is None or raw_name.lower().startswith(b"sqlite_"):
            continue
        name = raw_name.decode("utf-8", "replace")
        virtual = VIRTUAL_TABLE.match(sql or b"")
        if virtual:
            counted.modules[name] = virtual[1].lower()
        try:
            quoted = name.replace('"', '""')
            counted.rows[name] = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0]  # noqa: S608
        except sqlite3.OperationalError as error:
            if not UNKNOWN_MODULE.match(str(error)):
                raise
            counted.uncounted[name] = str(error)
    return counted


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by table, virtual tables and their shadow tables included, those left out that this library cannot read."""
    return count_tables(connection).rows


def floors(minimum: Mapping[str, int], tables: Iterable[str]) -> dict[str, int]:
    """The least rows by table, each under the name that the table has: `minimum` may write it in another case."""
    names = {name.lower(): name for name in tables}
    return {names.get(name.lower(), name): least for name, least in minimum.items()}
