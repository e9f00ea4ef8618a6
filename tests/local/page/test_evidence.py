"""The drills as lines and months: nothing is hidden, and what was not read is not told as nothing."""

from __future__ import annotations

from datetime import date

import pytest

from local.page import evidence
from local.page.evidence import CalendarCell, calendar, lines_of
from local.page.facts import KeptDrills, Period, UnusableRecord
from local.report import RowCount
from tests.local.page.values import drilled, kept
from tests.local.watch.values import NOW, ago

PERIOD = Period(date(2026, 2, 20), date(2026, 5, 5))


def test_a_line_says_what_was_restored_where_when_by_which_version_with_which_digest_and_counts() -> None:
    (line,) = lines_of(
        [kept(NOW, drilled(rows={"a": RowCount(5, 5, 1), "b": RowCount(7, 8, None), "c": RowCount(2, None, None)}))]
    )

    assert (line.name, line.blob, line.backup_time) == (
        "costs",
        "sqlite/2026-05-05/costs.db.gz",
        "2026-05-05T09:00:00.000Z",
    )
    assert (line.where, line.host, line.drill_time) == ("local", "ANVIL", "2026-05-05T12:00:00.000Z")
    assert (line.tool, line.sqlite, line.python) == ("pillar9 0.1.0", "3.45.1", "3.12.3")
    assert line.sha256 == "ab" * 32
    assert (line.rows_restored, line.tables, line.tables_compared, line.tables_as_recorded) == (14, 3, 2, 1)
    assert line.restore_seconds == 2.5
    assert line.record == "drills/2026-05-05/x-ANVIL.json"


def test_only_leaves_out_the_lines_of_others() -> None:
    drill = kept(NOW, drilled("costs"), drilled("hivemind"))

    assert [line.name for line in lines_of([drill], ["hivemind"])] == ["hivemind"]


def test_every_month_is_there_also_one_without_a_drill() -> None:
    lines = lines_of([kept(NOW), kept(ago(days=1), drilled(verdict="failed")), kept(ago(days=60))])

    found = calendar(lines, ["costs", "hivemind"], KeptDrills(), PERIOD)

    assert found.names == ("costs", "hivemind")
    assert [month.month for month in found.months] == ["2026-05", "2026-04", "2026-03", "2026-02"]
    assert [month.cells[0] for month in found.months] == [
        CalendarCell(1, 1),
        CalendarCell(),
        CalendarCell(1),
        CalendarCell(),
    ]
    assert [month.cells[1] for month in found.months] == [CalendarCell()] * 4


def test_months_cross_the_year() -> None:
    found = calendar((), [], KeptDrills(), Period(date(2025, 12, 31), date(2026, 1, 1)))

    assert [month.month for month in found.months] == ["2026-01", "2025-12"]


def test_records_that_were_not_read_or_not_usable_are_counted_in_their_month() -> None:
    unread = (date(2026, 3, 1), date(2026, 3, 2))
    broken = (UnusableRecord("drills/2026-04-01/x.json", date(2026, 4, 1), "it has not the form of one"),)

    found = calendar((), ["costs"], KeptDrills((), broken, unread), PERIOD)

    assert [(month.unread, month.unusable) for month in found.months] == [(0, 0), (0, 1), (2, 0), (0, 0)]


def test_lines_that_are_too_many_for_a_page_are_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LINES_MAX", 2)

    found = calendar(lines_of([kept(ago(hours=back)) for back in range(5)]), [], KeptDrills(), PERIOD)

    assert found.lines_left_out == 3
    assert [line.drill_time for line in found.months[0].lines] == [
        "2026-05-05T12:00:00.000Z",
        "2026-05-05T11:00:00.000Z",
    ]
    assert found.months[0].cells == (CalendarCell(passed=5),)
