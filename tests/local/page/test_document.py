"""The document of a report has the evidence of the page, line for line, and says what it has not."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from local.output.screen import Screen
from local.page import document, evidence, model
from local.page.document import PageDocument
from local.page.facts import KeptDrills
from tests.local.page.values import daily, facts, full, kept
from tests.local.watch.values import NOW


def told(page: model.Page) -> PageDocument:
    return document.of(page, Path("/reports/page.html"), 12345)


def test_every_drill_is_a_line_of_the_document() -> None:
    found = json.loads(msgspec.json.encode(told(model.make(full(), "pillar9"))))

    assert [line["verdict"] for line in found["drills"]] == ["passed", "passed", "failed", "passed", "passed", "passed"]
    first = found["drills"][0]
    assert (first["record"], first["sha256"]) == ("drills/2026-05-05/x-ANVIL.json", "ab" * 32)
    assert (first["drill_time"], first["rows_restored"]) == ("2026-05-05T11:30:00.000Z", 60033)
    assert found["report"]["read_records"] == 6
    assert found["databases"][0]["saved"] == pytest.approx(
        1 - 500 * 60 / sum(5000 - back for back in range(60)), abs=1e-4
    )


def test_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LINES_MAX", 1)
    known = KeptDrills((kept(NOW), kept(NOW)), (), (NOW.date(),) * 3)

    found = told(model.make(facts(daily(1), [kept(NOW)], kept=known), "pillar9")).report

    assert (found.read_records, found.unread_records, found.left_out_lines) == (2, 3, 1)


def test_people_read_where_the_page_is_and_how_things_stand(capsys: pytest.CaptureFixture[str]) -> None:
    document.show(Screen(), told(model.make(full(), "pillar9")))

    lines = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "report (databases: 1, drill records: 6 since 2026-02-05): status ok",
        "written to /reports/page.html (12.3 kB, for your eyes only: chmod 644 shares it)",
    ]
