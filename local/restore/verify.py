"""What must be true of a live database right after it was replaced, before anybody's own checks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.drill_program.distrust import confine
from local.drill_program.steps import problems_and_broken_checks
from local.drill_program.tables import row_counts, schema_digest
from local.drill_program.work import Stop
from local.restore.proven import ProvenCopy

_SHOWN = 3


@dataclass(frozen=True)
class Verified:
    """`why` it is not what was restored (None: it is); whether counts were compared, which other writers prevent."""

    why: str | None
    counts_compared: bool


def verify(connection: sqlite3.Connection, copy: ProvenCopy, written: Callable[[], bool]) -> Verified:
    """The full integrity_check, then schema and counts against the copy's, unless `written` since by another.

    Both are read in one transaction, as `written` is: PRAGMA data_version then tells of that very moment.
    """
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        confine(connection)
        problems, _ = problems_and_broken_checks(connection, Stop())
        if problems != ["ok"]:
            told = "; ".join(problems[:_SHOWN]).replace("\n", " ")
            return Verified(f"integrity_check of the live database says: {told}", False)
        connection.execute("BEGIN")
        try:
            differences = _differences(connection, copy)
            others_wrote = written()
        finally:
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        return Verified(f"the live database cannot be read: {error}", False)
    if differences and not others_wrote:
        return Verified(f"the live database is not what was restored: {differences}", True)
    return Verified(None, not differences)


def _differences(connection: sqlite3.Connection, copy: ProvenCopy) -> str:
    if schema_digest(connection) != copy.schema_sha256:
        return "its schema is another"
    return "; ".join(_differing(row_counts(connection), copy.rows)[:_SHOWN])


def _differing(found: Mapping[str, int], wanted: Mapping[str, int]) -> list[str]:
    return [
        f"{table} has {found.get(table, 'no count')} rows, {wanted.get(table, 'no count')} in the copy"
        for table in sorted({*found, *wanted})
        if found.get(table) != wanted.get(table)
    ]
