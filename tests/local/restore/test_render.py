"""A restore as people read it: the first line, the last line, and the rows between."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from local.output.screen import Screen
from local.restore import render
from local.restore.result import ProbeResult, Restore, RestorePlan, RestoreReport, RowChange
from tests.support.terminal import log_lines

RESTORE = Restore(
    id="i",
    started="2026-05-05T12:00:00.000Z",
    seconds=1.0,
    verdict="passed",
    name="costs",
    blob="sqlite/2026-05-05/costs.db.gz",
    backup_time="2026-05-05T04:00:00.000Z",
    target="/db/costs.db",
    live=True,
    kept="/db/costs.db.pre-restore-7",
    kept_meanwhile=None,
    rolled_back=False,
    counts_compared=True,
    surplus=(),
    reason=None,
)
PLAN = RestorePlan("sound", ("node (process 7)",), None, "through SQLite", 5_000_000, 9_000_000, "/db/x", None)


def shown(capsys: pytest.CaptureFixture[str], report: RestoreReport, *, check: bool = False) -> list[str]:
    """The lines of a log that shows it."""
    (render.check if check else render.result)(Screen(), report)
    return log_lines(capsys.readouterr().out)


def ended(rows: dict[str, RowChange] | None = None, probe: ProbeResult | None = None, **said: Any) -> RestoreReport:
    """A live restore that ended like this."""
    return RestoreReport(msgspec.structs.replace(RESTORE, **said), (), rows or {}, probe)


def test_a_check_begins_and_ends_with_the_word_and_its_notes_are_between(capsys: pytest.CaptureFixture[str]) -> None:
    report = RestoreReport(msgspec.structs.replace(RESTORE, check=True), (), {"t": RowChange(5, 4)}, None, PLAN)
    render.check(Screen(), report, ["costs: a note"])
    first, *between, last = log_lines(capsys.readouterr().out)
    assert first.startswith("check of a restore of costs to /db/costs.db")
    assert last.startswith("check: the restore would begin")
    assert "costs: a note" in between
    assert "open in: node (process 7)" in between
    assert "t: before 5, restored 4, change -1" in between


def test_shadow_tables_are_counted_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shadows = {f"notes_{ending}": RowChange(9, 4) for ending in ("data", "idx", "docsize", "config")}
    rows = {"notes": RowChange(7, 5), "notes_old": RowChange(3, 2), **shadows}

    lines = shown(capsys, ended(rows))

    assert "notes: before 7, restored 5, change -2" in lines
    assert "notes_old: before 3, restored 2, change -1" in lines
    assert "shadow tables not shown, which SQLite's virtual tables keep for themselves: 4" in lines
    assert "rows: 3 fewer and 0 more than before" in lines
    assert not any("notes_data" in line for line in lines)


def test_a_refused_check_ends_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    restore = msgspec.structs.replace(RESTORE, check=True, verdict="inconclusive", reason="no room in /db")
    assert shown(capsys, RestoreReport(restore, (), {}, None, PLAN), check=True)[-1] == (
        "check: the restore would NOT begin: no room in /db; nothing was changed"
    )


ROWS: list[tuple[dict[str, RowChange], str]] = [
    ({"a": RowChange(5, 3), "b": RowChange(1, 9)}, "rows: 2 fewer and 8 more than before"),
    ({"a": RowChange(5, None), "b": RowChange(1, 1)}, "rows: 5 fewer and 0 more than before"),
    ({"a": RowChange(None, 5), "b": RowChange(1, 1)}, "rows: 0 fewer and 5 more than before"),
    ({"a": RowChange(5, None)}, "rows: not compared, since one side was not counted"),
    ({"a": RowChange(None, 5)}, "rows: not compared, since one side was not counted"),
]


@pytest.mark.parametrize(("rows", "told"), ROWS)
def test_a_table_that_goes_counts_in_full_and_what_was_not_counted_says_so(
    capsys: pytest.CaptureFixture[str], rows: dict[str, RowChange], told: str
) -> None:
    assert told in shown(capsys, ended(rows))


LAST: list[tuple[RestoreReport, str]] = [
    (ended(), "stands at /db/costs.db; undo it: invoke restore costs --rollback"),
    (ended(kept=None), "costs of 2026-05-05T04:00:00.000Z stands at /db/costs.db"),
    (
        ended(verdict="failed", rolled_back=True, reason="the probe"),
        "was rolled back, /db/costs.db holds its former content",
    ),
    (
        ended(verdict="failed", kept=None, reason="bad"),
        "FAILED: costs could not be restored: bad; nothing was changed",
    ),
    (
        ended(verdict="inconclusive", kept=None, reason="no"),
        "INCONCLUSIVE: costs could not be restored: no; nothing was changed",
    ),
]


@pytest.mark.parametrize(("report", "told"), LAST)
def test_the_last_line_says_how_it_ended(capsys: pytest.CaptureFixture[str], report: RestoreReport, told: str) -> None:
    assert told in shown(capsys, report)[-1]


def test_the_probe_what_was_kept_and_what_is_surplus_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    probe = ProbeResult("node mc.js", 3, "a\n\x1b[31mb\n", "it ended with 3")
    lines = shown(capsys, ended(probe=probe, kept_meanwhile="/db/m", surplus=("/db/old copy",), counts_compared=False))
    assert "probe: node mc.js: FAILED: it ended with 3" in lines
    assert "probe: | a" in lines
    assert not any("\x1b" in line for line in lines)
    assert "kept: /db/costs.db.pre-restore-7, what stood there before" in lines
    assert any(line.startswith("kept: /db/m") for line in lines)
    assert any(line.endswith("rm '/db/old copy'") for line in lines)
    assert any(line.startswith("counts: not compared") for line in lines)
    assert any(line.startswith("probe: none is configured") for line in shown(capsys, ended()))
