"""What was counted against what was recorded, as plain values; whole drills of lost rows are in test_tables."""

from __future__ import annotations

from typing import Any

import pytest

from local.drill_program.comparison import ExpectedContent, compare_rows, unrecorded_tables
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.tables import DatabaseContent, TableCounts

SCHEMA = "5" * 64
COUNTED = TableCounts(
    rows={"tasks": 5, "places": 2},
    uncounted={"vectors": "no such module: vec0"},
    modules={"places": b"rtree", "vectors": b"vec0"},
)


def _order(**recorded: Any) -> ExpectedContent:
    return ExpectedContent(**{"schema_sha256": SCHEMA, "tables": None, **recorded})


def _compared(order: ExpectedContent) -> str:
    return compare_rows(order, DatabaseContent(SCHEMA, COUNTED))


def test_a_table_of_which_nothing_is_recorded_is_told_as_not_compared() -> None:
    order = _order(tables={"tasks": 5})
    assert unrecorded_tables(COUNTED, order.tables) == ["places"]
    assert _compared(order) == "not recorded, so not compared: 'places'; 'vectors'"


def test_where_nothing_at_all_is_recorded_that_is_told() -> None:
    assert unrecorded_tables(COUNTED, None) == []
    assert _compared(_order()) == "not recorded, so not compared: counts"
    assert _compared(_order(schema_sha256=None)) == "not recorded, so not compared: counts and schema"


WRONG: dict[str, dict[str, Any]] = {
    "table 'tasks' has 5 rows, recorded: 6": {"tables": {"tasks": 6}},
    "table 'gone' is missing (3 rows recorded)": {"tables": {"tasks": 5, "gone": 3}},
    "table 'tasks' was not there at the backup": {"tables": {"places": 2}},
    "table 'tasks' has 5 rows, its floor is 6": {"minimum": {"TASKS": 6}},
    "table 'gone' is missing (its floor is 0 rows)": {"minimum": {"gone": 0}},
    "the schema is not the recorded one": {"schema_sha256": "6" * 64},
}


@pytest.mark.parametrize("told", WRONG)
def test_whatever_contradicts_the_record_or_a_floor_makes_the_backup_wrong(told: str) -> None:
    with pytest.raises(BackupWrongError) as error:
        _compared(_order(**WRONG[told]))
    assert str(error.value) == told


@pytest.mark.parametrize("known", [{"tables": {"tasks": 5, "vectors": 7}}, {"minimum": {"vectors": 1}}])
def test_a_known_table_that_cannot_be_counted_here_leaves_the_drill_undecided(known: dict[str, Any]) -> None:
    with pytest.raises(NotCarriedOutError, match="cannot count 'vectors': no such module: vec0"):
        _compared(_order(**known))
