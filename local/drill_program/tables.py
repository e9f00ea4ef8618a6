"""What is recorded of a database's tables. The backup records it with these functions, so both ends count alike."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

COUNTS_MAX_BYTES = 64 << 20
# What SQLite says of a virtual table whose module it lacks, or whose module lacks something.
UNKNOWN_MODULE = re.compile("no such |unknown tokenizer|vtable constructor failed|error in tokenizer")
VIRTUAL_TABLE = re.compile(rb"(?is)create virtual table .*?\busing\s+(\w+)")


@dataclass(frozen=True)
class TableCounts:
    """Rows by table; why this SQLite cannot count a table (it lacks the module); the module of each virtual table."""

    rows: dict[str, int]
    uncounted: dict[str, str]
    modules: dict[str, bytes]


def schema_rows(connection: sqlite3.Connection) -> list[tuple[bytes | None, ...]]:
    """Every (type, name, tbl_name, sql) in the schema, in UTF-8 whatever the database's encoding."""
    factory, connection.text_factory = connection.text_factory, bytes
    try:
        return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
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


def json_digest(value: Any) -> str:
    """The SHA-256 of a value's compact JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def tables_record(counts: dict[str, int], limit: int) -> dict[str, Any]:
    """The counts in the most telling form whose JSON has at most `limit` bytes; each form compares every count."""
    numbers = ",".join(str(counts[name]) for name in sorted(counts)).encode()
    packed = base64.b64encode(zlib.compress(numbers, 9)).decode()
    forms: tuple[dict[str, Any], ...] = ({"rows": counts}, {"names": json_digest(sorted(counts)), "counts": packed})
    for form in forms:
        if len(json.dumps(form, separators=(",", ":"))) <= limit:
            return form
    return {"digest": json_digest(counts)}


def recorded_rows(record: Mapping[str, Any], counts: Mapping[str, Any]) -> dict[str, int] | None:
    """The recorded count of each table; None if the record is of other tables (or, as a digest, of other counts).

    ValueError if the record does not read.
    """
    if "digest" in record:
        return dict(counts) if record["digest"] == json_digest(counts) else None
    found = record.get("rows")
    if "names" in record:
        names = sorted(counts)
        if record["names"] != json_digest(names):
            return None
        found = unpacked_rows(record, names)
    if not isinstance(found, dict) or not all(type(count) is int and count >= 0 for count in found.values()):
        raise ValueError("not a count for each table")
    return found


def unpacked_rows(record: Mapping[str, Any], names: list[str]) -> dict[str, int] | None:
    """The packed counts of the tables `names`; None if there are not as many, ValueError if they do not unpack."""
    try:
        packed = base64.b64decode(record["counts"], validate=True)
        numbers = zlib.decompressobj().decompress(packed, COUNTS_MAX_BYTES)
    except (KeyError, TypeError, zlib.error) as error:
        raise ValueError("the counts do not unpack") from error
    values = [int(number) for number in numbers.split(b",")] if numbers else []
    return dict(zip(names, values)) if len(names) == len(values) else None


def floors(minimum: Mapping[str, int], tables: Iterable[str]) -> dict[str, int]:
    """The least rows by table, each under the name that the table has: `minimum` may write it in another case."""
    names = {name.lower(): name for name in tables}
    return {names.get(name.lower(), name): least for name, least in minimum.items()}
