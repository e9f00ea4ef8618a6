"""Volumes stand in the report as databases do: a card, plots, evidence, and what is theirs is never a database's."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from local import clock
from local.page import document, model, render
from local.page.evidence import lines_of
from local.page.model import Page
from tests.local.page.values import (
    HOSTILE,
    VOLUME,
    Node,
    full,
    kept,
    kept_volume,
    parse,
    volume_drilled,
    with_volume,
)
from tests.local.watch.stored import back_up_volume, drilled, keep_drill
from tests.local.watch.values import NOW
from tests.support.workshop import Workshop


@pytest.fixture(scope="module")
def page() -> Page:
    return model.make(with_volume(), "pillar9")


@pytest.fixture(scope="module")
def tree(page: Page) -> Node:
    return parse(render.html(page))


def test_a_volume_has_a_card_with_its_files_and_its_own_drills(page: Page) -> None:
    database, volume = page.cards

    assert [(card.kind, card.state.name) for card in page.cards] == [("database", "costs"), ("volume", VOLUME)]
    assert (volume.days[0].counted, volume.days[0].database_bytes, volume.points) == (300, 20480, 60)
    assert [line.verdict for line in volume.drills] == ["passed", "failed"]
    assert {line.name for line in database.drills} == {"costs"}
    assert page.headline == "Backed up and proven within the limits: 1 database and 1 volume."
    assert page.calendar.names == ("costs", VOLUME)


def test_a_headline_of_volumes_alone_and_of_one_that_is_late() -> None:
    facts = with_volume()
    alone = replace(facts, status=msgspec.structs.replace(facts.status, databases=()))
    (volume,) = facts.status.volumes
    late = msgspec.structs.replace(facts.status, volumes=(msgspec.structs.replace(volume, verdict="late"),))

    assert model.make(alone, "pillar9").headline == "The volume is backed up and proven within the limits."
    told = f"1 of 1 database and 1 volume needs a look: {VOLUME} (late)."
    assert model.make(replace(facts, status=late), "pillar9").headline == told


def test_what_a_drill_counted_in_a_volume_is_told_apart_from_the_rows_of_databases_in_it() -> None:
    (line,) = lines_of([kept_volume(NOW, volume_drilled(299, "failed"))])

    assert (line.kind, line.files, line.file_bytes, line.files_as_recorded) == ("volume", 299, 18000, False)
    assert (line.rows_restored, line.tables, line.tables_as_recorded) == (12, 1, 1)
    (database,) = lines_of([kept(NOW)])
    assert (database.kind, database.files, database.files_as_recorded) == ("database", None, None)


def test_the_page_says_files_where_a_database_has_rows(tree: Node) -> None:
    cards = [node for node in tree.all("section") if node.attributes["id"].startswith("database-")]
    evidence = next(node.text for node in tree.all("section") if node.attributes["id"] == "evidence")

    assert f"{VOLUME}✓ OK Docker volume" in cards[1].text
    assert "Files 300 in the volume, at the last backup" in cards[1].text
    assert "Rows" not in cards[1].text
    assert "Docker volume" not in cards[0].text
    assert f"Files in {VOLUME}" in cards[1].text
    told = "300 files, 18.0 kB, as counted at the backup; in the databases in it 12 rows in 1 table, as counted"
    assert told in evidence
    assert "299 files, 18.0 kB, not as counted at the backup" in evidence
    plots = [node for node in cards[1].all("svg") if node.attributes.get("role") == "img"]
    assert len(plots) == 4


def test_hostile_text_of_a_volume_is_escaped() -> None:
    hostile = msgspec.structs.replace(volume_drilled(1), rows={f"./{HOSTILE}: x": volume_drilled(1).rows["files"]})
    facts = with_volume()
    drills = (kept_volume(NOW, msgspec.structs.replace(hostile, blob=HOSTILE)), *facts.kept.drills)

    text = render.html(model.make(replace(facts, kept=replace(facts.kept, drills=drills)), "pillar9"))

    parse(text)
    assert "<script>" not in text
    assert "<img" not in text


def test_a_page_without_volumes_says_nothing_of_them() -> None:
    assert not re.search("Docker|volumes", render.html(model.make(full(), "pillar9")))


def test_the_command_reports_both(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.more = {"volumes": [{"name": VOLUME}]}
    now = clock.now()
    archive = back_up_volume(folder_workshop.store, now - timedelta(hours=1))
    keep_drill(folder_workshop.store, now, [], [drilled(archive)])
    to = folder_workshop.root / "report.html"

    told = folder_workshop.document("report", "--to", str(to))
    folder_workshop.more = {}
    without = folder_workshop.document("report", "--to", str(to))

    assert [(each["name"], each["verdict"], each["points"]) for each in told["volumes"]] == [(VOLUME, "ok", 1)]
    assert list(told["volumes"][0]) == list(told["databases"][0])
    assert [(line["name"], line["kind"]) for line in told["drills"]] == [(VOLUME, "volume")]
    assert "volumes" not in without
    note = f"In the store, and not configured here, so held to no limit: {VOLUME}."
    assert note in without["report"]["notes"]
    assert msgspec.json.decode(msgspec.json.encode(told), type=document.PageDocument).report.verdict == "late"
