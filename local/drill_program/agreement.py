"""What an archive says of itself against what stands beside it, decided without reading anything."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from local.drill_program.errors import BackupWrongError
from local.drill_program.file_list import path_bytes
from local.drill_program.gunzip import UnpackedArchive
from local.drill_program.order import BackupOrder

SHA256 = re.compile("[0-9a-f]{64}")
COUNT_MAX = 2**63 - 1
SOURCES = ("database", "volume")
Order = TypeVar("Order", bound=BackupOrder)


def agreed_order(order: Order, archive: UnpackedArchive) -> Order:
    """The order with what the archive's own record adds to it, where nothing else was recorded.

    Raises BackupWrongError where the two contradict each other, where the record is of something else or does not read,
    where a member of ours comes without a record, and where our metadata stands beside an archive without one: it is
    not the archive that the metadata is of.
    """
    beside = recorded_beside(order)
    if archive.record is None:
        if archive.ours:
            raise BackupWrongError("the archive's own record is missing from its end")
        if beside:
            raise BackupWrongError("the metadata is of an archive with a record of its own, and this one has none")
        return order
    told = archive.record.fields
    sources = {source: told[source] for source in SOURCES if source in told}
    if sources != {order.SOURCE: order.name}:
        of = " and ".join(f"the {source} {str(name)[:100]!r}" for source, name in sources.items())
        raise BackupWrongError(f"the archive says that it is of {of or 'nothing'}, and not of this {order.SOURCE}")
    untold = [name for name in order.RECORD_FIELDS if not is_well_formed(name, told.get(name))]
    if untold:
        raise BackupWrongError(f"the archive's record does not tell {untold[0]}")
    other = sorted(name for name, value in beside.items() if not is_same(told.get(name), value))
    if other:
        raise BackupWrongError(f"the archive's record contradicts the metadata: {', '.join(other)}")
    return dataclasses.replace(order, **{field: told[name] for name, field in order.RECORD_FIELDS.items()})


def recorded_beside(order: BackupOrder) -> dict[str, Any]:
    """What the metadata records of the content, by the record's names; empty where nothing of ours is beside it."""
    beside = {name: getattr(order, field) for name, field in order.RECORD_FIELDS.items()}
    return {**order.facts, **{name: value for name, value in beside.items() if value is not None}}


def is_well_formed(name: str, value: Any) -> bool:
    """Whether the record's field can be what its name says."""
    if name == "rows":
        return isinstance(value, dict) and is_count_of_tables(value)
    if name == "databases":
        return isinstance(value, dict) and all(is_database_in_volume(*each) for each in value.items())
    if name == "outward":
        return isinstance(value, list) and all(is_path(path) for path in value)
    if name in ("raw_bytes", "files", "file_bytes"):
        return is_count(value)
    return isinstance(value, str) and bool(SHA256.fullmatch(value))


def is_database_in_volume(path: str, recorded: Any) -> bool:
    """Whether this can be what is recorded of a database in a volume, and this its path."""
    names = ("raw_sha256", "schema_sha256", "rows")
    return (
        is_path(path) and isinstance(recorded, dict) and all(is_well_formed(name, recorded.get(name)) for name in names)
    )


def is_path(text: Any) -> bool:
    """Whether `path_text` writes a path so."""
    try:
        return isinstance(text, str) and bool(path_bytes(text))
    except ValueError:
        return False


def is_count_of_tables(tables: Mapping[str, Any]) -> bool:
    """Whether this is a count for each of some tables, whose names can be told."""
    return all(is_count(count) for count in tables.values()) and all(is_text(name) for name in tables)


def is_count(value: Any) -> bool:
    """Whether SQLite can have counted this; JSON's true and 1.0 are not what it counts."""
    return type(value) is int and 0 <= value <= COUNT_MAX


def is_text(name: str) -> bool:
    """Whether UTF-8 has it: JSON can write half of a surrogate pair, which no database holds as a name."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_same(told: Any, recorded: Any) -> bool:
    """Whether the two are one value, of one type: Python takes true for 1."""
    return type(told) is type(recorded) and bool(told == recorded)
