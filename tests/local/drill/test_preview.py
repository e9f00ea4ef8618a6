"""What a drill would take: its document, of which nothing is proven, with the verdicts that are known already."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import msgspec
import pytest

from local import report
from local.drill.preview import preview
from local.drill.targets import Selection
from local.output import tables
from local.output.screen import Screen
from local.settings import Database
from local.store.catalog import NEWEST, Choice
from tests.support.terminal import log_lines
from tests.support.workshop import Workshop


@pytest.fixture
def backed_up(folder_workshop: Workshop) -> Workshop:
    folder_workshop.add("costs")
    assert folder_workshop.invoke("backup").returncode == 0
    return folder_workshop


def selection(workshop: Workshop, *names: str, choice: Choice = NEWEST) -> Selection:
    databases = (
        Database(name=name, path=Path("/none"), rows={"Tasks": 7}, checks={"any": "SELECT 1"}) for name in names
    )
    return Selection(workshop.repository, tuple(databases), choice)


def test_what_is_recorded_stands_beside_what_is_asked_for_and_nothing_is_proven(backed_up: Workshop) -> None:
    found = preview(selection(backed_up, "costs"), "remote", "vm")

    (costs,) = found.databases
    (point,) = backed_up.repository.points()
    assert (found.drill.check, found.drill.where, found.drill.host, found.drill.verdict) == (
        True, "remote", "vm", "passed",
    )  # fmt: skip
    assert (costs.sha256, costs.gzip_bytes) == (point.recorded.sha256, point.entry.size)
    assert costs.steps == ()
    assert costs.rows["tasks"] == report.RowCount(None, 1000, 7)
    assert costs.checks == {"any": None}


@pytest.mark.parametrize(
    ("names", "choice", "verdict", "code"),
    [
        (("costs", "none"), NEWEST, "failed", 1),
        (("costs",), Choice(day=date(2020, 1, 1)), "inconclusive", 4),
    ],
)
def test_a_backup_that_is_not_there_has_the_verdict_that_the_drill_would_give(
    backed_up: Workshop, names: tuple[str, ...], choice: Choice, verdict: str, code: int
) -> None:
    found = preview(selection(backed_up, *names, choice=choice), "local", "ANVIL")

    assert (found.drill.verdict, found.databases[-1].verdict) == (verdict, verdict)
    assert report.exit_code(found.drill.verdict) == code


def test_metadata_that_does_not_read_is_known_to_fail_and_people_read_why(
    backed_up: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = (backed_up.root / "store").glob("sqlite/*/costs.db.gz.json")
    told = json.loads(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**told, "raw_bytes": "many"}))

    found = preview(selection(backed_up, "costs"), "local", "ANVIL")
    tables.drill_check(Screen(), found)

    assert found.drill.verdict == "failed"
    lines = log_lines(capsys.readouterr().out)
    assert lines[0] == "check of a drill (local, on ANVIL): nothing is drilled"
    assert any(line.startswith("costs: checksum: the backup's metadata cannot be read") for line in lines)
    assert lines[-1] == "check: the drill would FAIL: costs would fail, 0 of 1 would be drilled; nothing was proven"
