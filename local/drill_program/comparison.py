"""What was counted in a restored database against what was recorded of it, decided without reading anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.drill_program.errors import BackupWrongError, NotCarriedOutError, first_few
from local.drill_program.tables import DatabaseContent, TableCounts, floors


@dataclass(frozen=True)
class ExpectedContent:
    """What is known of a database: its schema's digest and the rows by table (None: nothing), the floor by table."""

    schema_sha256: str | None
    tables: Mapping[str, int] | None
    minimum: Mapping[str, int] = field(default_factory=dict)


def compare_rows(expected: ExpectedContent, content: DatabaseContent) -> str:
    """What was not compared as it was not recorded, for a person ("" if all was).

    Raises BackupWrongError for whatever contradicts the record or the floors, NotCarriedOutError where this SQLite
    cannot count a table of which something is known.
    """
    tables, recorded = content.tables, expected.tables
    wrong = [] if recorded is None else changed_tables(tables, recorded)
    wrong += tables_below_floor(tables, recorded or {}, expected.minimum)
    if expected.schema_sha256 not in (None, content.schema_sha256):
        wrong.append("the schema is not the recorded one")
    if wrong:
        raise BackupWrongError(first_few(wrong))
    doubtful = sorted(set(tables.uncounted) & {*(recorded or {}), *floors(expected.minimum, tables.uncounted)})
    if doubtful:
        why = tables.uncounted[doubtful[0]]
        raise NotCarriedOutError(f"SQLite {sqlite3.sqlite_version} here cannot count {doubtful[0]!r}: {why}")
    return not_compared(expected, tables, recorded)


def changed_tables(tables: TableCounts, recorded: Mapping[str, int]) -> list[str]:
    """The tables that have other rows than were recorded, that are gone, and that came since, for a person."""
    wrong = []
    for name, count in sorted(recorded.items()):
        if name not in tables.rows and name not in tables.uncounted:
            wrong.append(f"table {name!r} is missing ({told_rows(count)} recorded)")
        elif tables.rows.get(name, count) != count:
            wrong.append(f"table {name!r} has {told_rows(tables.rows[name])}, recorded: {count}")
    came = sorted(set(tables.rows) - {*recorded, *tables.modules})
    return wrong + [f"table {name!r} was not there at the backup" for name in came]


def tables_below_floor(tables: TableCounts, recorded: Mapping[str, int], minimum: Mapping[str, int]) -> list[str]:
    """The tables with fewer rows than are required, for a person; a recorded table that is gone is told elsewhere."""
    wrong = []
    for name, least in sorted(floors(minimum, [*tables.rows, *tables.uncounted]).items()):
        if name not in tables.rows and name not in tables.uncounted and name not in recorded:
            wrong.append(f"table {name!r} is missing (its floor is {told_rows(least)})")
        elif tables.rows.get(name, least) < least:
            wrong.append(f"table {name!r} has {told_rows(tables.rows[name])}, its floor is {least}")
    return wrong


def told_rows(count: int) -> str:
    """A number of rows, for a person."""
    return f"{count} row{'' if count == 1 else 's'}"


def unrecorded_tables(tables: TableCounts, recorded: Mapping[str, int] | None) -> list[str]:
    """The counted tables of which the record says nothing; none where there is no record at all."""
    return [] if recorded is None else sorted(set(tables.rows) - set(recorded))


def not_compared(expected: ExpectedContent, tables: TableCounts, recorded: Mapping[str, int] | None) -> str:
    """A note of what was not recorded, for a person; "" if everything was."""
    absent = [] if recorded is not None else ["counts"]
    if expected.schema_sha256 is None:
        absent.append("schema")
    left_out = [] if recorded is None else unrecorded_tables(tables, recorded) + sorted(tables.uncounted)
    told = [" and ".join(absent), first_few([repr(name) for name in left_out])]
    return "; ".join(f"not recorded, so not compared: {what}" for what in told if what)
