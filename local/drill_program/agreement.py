"""What an archive says of itself against what stands beside it, decided without reading anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from local.drill_program.errors import BackupWrongError
from local.drill_program.order import DatabaseOrder
from local.drill_program.record import ArchiveRecord

# The order's fields by the record's names; each must be of the type behind it.
RECORD_FIELDS = {
    "raw_sha256": ("raw_sha256", str),
    "raw_bytes": ("database_bytes", int),
    "schema_sha256": ("schema", str),
    "rows": ("tables", dict),
}


def agreed_order(order: DatabaseOrder, record: ArchiveRecord | None) -> DatabaseOrder:
    """The order with what the archive's own record adds to it, where nothing else was recorded.

    Raises BackupWrongError where the two contradict each other, where the record is of another database, and where our
    metadata stands beside an archive without a record: it is not the one that the metadata is of.
    """
    if record is None:
        if order.raw_sha256 is not None:
            raise BackupWrongError("the metadata is of an archive with a record of its own, and this one has none")
        return order
    database = record.fields.get("database")
    if database != order.name:
        raise BackupWrongError(f"the archive says that it is of the database {str(database)[:100]!r}")
    known: dict[str, Any] = {field: record.fields.get(name) for name, (field, kind) in RECORD_FIELDS.items()}
    wrong = [field for field, (_, kind) in RECORD_FIELDS.items() if type(record.fields.get(field)) is not kind]
    if wrong or not is_count_of_tables(known["tables"]):
        raise BackupWrongError(f"the archive's record does not tell {(wrong or ['rows'])[0]}")
    other = [field for field, value in known.items() if getattr(order, field) not in (None, value)]
    if other:
        raise BackupWrongError(f"the archive's record contradicts the metadata: {', '.join(sorted(other))}")
    return dataclasses.replace(order, **known)


def is_count_of_tables(tables: Mapping[str, Any]) -> bool:
    """Whether this is a count for each of some tables."""
    return all(type(count) is int and count >= 0 for count in tables.values())
