"""The page as a document: whole, alone, escaped, and usable without eyes, colours or a mouse."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from local.page import evidence, model, render
from local.page.facts import KeptDrills, PageFacts, UnusableRecord
from local.page.page_file import MARK
from local.report import RowCount, Step
from tests.local.page.values import HOSTILE, Node, daily, drilled, facts, full, kept, parse
from tests.local.watch.values import NOW, ago, point

RENDERED: dict[int, tuple[PageFacts, str]] = {}
FOCUSABLE = {"a", "summary", "button", "input", "select", "textarea"}


def html(known: PageFacts) -> str:
    """Rendered once for each value."""
    if id(known) not in RENDERED:
        RENDERED[id(known)] = (known, _html(known))
    return RENDERED[id(known)][1]


def _html(known: PageFacts) -> str:
    return render.html(model.make(known, "pillar9 0.1.0"))


def tree(known: PageFacts) -> Node:
    return parse(html(known))


KINDS = {
    "full": full(),
    "no backups": facts(),
    "no drills": facts(daily(3)),
    "former": facts([point(ago(hours=1), sha256=None, row_total=None)]),
    "damaged": facts(
        kept=KeptDrills((), (UnusableRecord("drills/2026-04-01/x.json", ago(days=30).date(), "no form"),))
    ),
    "cut": facts(daily(2), [kept(NOW)], kept=KeptDrills((kept(NOW),), (), (ago(days=50).date(),))),
    "one day": facts(daily(1), [kept(NOW)], days=1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_a_well_formed_document_of_its_own(kind: str) -> None:
    text = html(KINDS[kind])
    root = parse(text)

    assert text.startswith(MARK)
    assert [node.tag for node in root.children if node.text] == ["html"]
    ids = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    targets = {node.attributes["href"] for node in root.all("a")}
    assert targets <= {f"#{name}" for name in ids}
    labels = {node.attributes["aria-labelledby"] for node in root.all() if "aria-labelledby" in node.attributes}
    assert labels <= set(ids)
    assert "None" not in root.text
    assert "Undefined" not in root.text


@pytest.mark.parametrize("kind", KINDS)
def test_it_asks_nobody_for_anything(kind: str) -> None:
    text = html(KINDS[kind])
    root = parse(text)

    assert not list(root.all("script", "link", "iframe", "object", "embed", "form", "base", "img"))
    assert [name for node in root.all() for name in node.attributes if name.startswith("on") or name == "src"] == []
    assert set(re.findall(r"\w+://[^\s\"'<)]+", text)) <= {"http://www.w3.org/2000/svg", "file:///backups"}
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = (node for node in root.all("meta") if node.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'unsafe-inline'")


@pytest.mark.parametrize("kind", KINDS)
def test_headings_tables_and_scrolling_parts_can_be_used_without_eyes_and_mouse(kind: str) -> None:
    root = tree(KINDS[kind])

    levels = [int(node.tag[1]) for node in root.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    for table in root.all("table"):
        assert next(table.all("caption")).text
        assert all(node.attributes.get("scope") in ("col", "row") for node in table.all("th"))
        widths = {
            sum(int(cell.attributes.get("colspan", 1)) for cell in row.all("th", "td")) for row in table.all("tr")
        }
        assert len(widths) == 1
    for region in (node for node in root.all("div") if node.attributes.get("class") == "scroll"):
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]
    order = [node for node in root.all() if node.tag in FOCUSABLE or "tabindex" in node.attributes]
    assert order[0].attributes == {"class": "skip", "href": "#main"}
    assert {node.attributes.get("tabindex", "0") for node in order} <= {"0", "-1"}
    assert next(root.all("html")).attributes["lang"] == "en"


def test_the_state_is_told_in_words_and_with_the_command_that_mends_it() -> None:
    text = tree(facts([point(ago(hours=7))])).text

    assert "! Late 1 of 1 database needs a look: costs (late)." in text
    assert "last backup 7.0 h ago, limit 5 h To mend it: invoke backup; is the schedule running?" in text
    assert "over its limit of 5 h" in text
    assert "no drill of it has passed yet, limit 35 d To mend it: invoke drill.local --only costs" in text


def test_every_drill_is_in_the_card_with_its_steps_and_in_the_evidence_with_its_record() -> None:
    root = tree(full())
    steps, evidence_of = (
        next(node for node in root.all("table") if next(node.all("caption")).text.startswith(caption))
        for caption in ("Every drill of costs", "Drills of April 2026")
    )
    april = next(root for root in evidence_of.all("tbody")).all("tr")

    assert [row.text for row in steps.all("tr")][1].startswith(
        "2026-05-05 11:30:00 UTC ✓ Passed ✓ passed 0.50 s ✓ passed 0.50 s"
    )
    assert "rows: too few rows in runs" in steps.text
    first = next(april).text
    assert first.startswith(
        "2026-04-25 11:30:00 UTC costs backup of 2026-05-05 09:00:00 UTC, 12.0 kB sqlite/2026-05-05/costs.db.gz"
    )
    assert "60,033 rows in 1 table, as counted at the backup" in first
    assert "on the machine ANVIL pillar9 0.1.0, SQLite 3.45.1, Python 3.12.3" in first
    assert f"SHA-256 of the archive {'ab' * 32}" in first
    assert first.endswith("record drills/2026-04-25/x-ANVIL.json")


def test_counts_say_how_many_are_as_they_were() -> None:
    rows = {"a": RowCount(5, 5, 1), "b": RowCount(7, 8, None), "c": RowCount(2, None, None)}
    uncounted = {"a": RowCount(5, None, None)}

    assert (
        "14 rows in 3 tables, of which 1 as counted at the backup, 1 not"
        in tree(facts(drills=[kept(NOW, drilled(rows=rows))])).text
    )
    assert "none of which was counted at the backup" in tree(facts(drills=[kept(NOW, drilled(rows=uncounted))])).text
    assert "nothing was counted" in tree(facts(drills=[kept(NOW, drilled(rows={}))])).text


def test_shadow_tables_are_told_apart_and_compared_all_the_same() -> None:
    shadows = {f"notes_{ending}": RowCount(3, 3, None) for ending in ("data", "idx", "content", "docsize", "config")}
    rows = {"notes": RowCount(40, 40, None), "mine_content": RowCount(2, 2, None), **shadows}

    told = tree(facts(drills=[kept(NOW, drilled(rows=rows))])).text

    assert "42 rows in 2 tables, and 15 in 5 shadow tables of SQLite's own, as counted at the backup" in told


def test_checks_and_fallbacks_are_told() -> None:
    drill = kept(NOW, drilled(checks={"is young": True, "is sane": False, "is odd": None}), fallback="the VM is off")

    text = tree(facts(drills=[drill])).text

    assert "check “is young”: holds; check “is sane”: does not hold; check “is odd”: could not be evaluated" in text
    assert "ran here instead of on the VM: the VM is off" in text


def test_the_calendar_tells_an_empty_month_from_one_that_was_not_read() -> None:
    def calendar(known: PageFacts) -> list[str]:
        table = next(node for node in tree(known).all("table") if node.attributes.get("class") == "calendar")
        return [row.text for row in table.all("tr")]

    assert calendar(KINDS["no drills"]) == [
        "Month costs",
        *(f"{month} 2026 no drill" for month in ("May", "April", "March", "February")),
    ]
    assert "March 2026 1 record not read not read" in calendar(KINDS["cut"])
    assert "April 2026 1 damaged record no drill" in calendar(KINDS["damaged"])
    assert calendar(full())[1:3] == ["May 2026 ✓ 1 passed", "April 2026 ✗ 1 failed ✓ 2 passed"]


def test_no_text_from_a_store_is_more_than_text() -> None:
    told = drilled(
        verdict="failed",
        blob=HOSTILE,
        backup_time=HOSTILE,
        sha256=HOSTILE,
        steps=(Step("download", "failed", 1.0, HOSTILE),),
        rows={HOSTILE: RowCount(1, 1, None)},
        checks={HOSTILE: True},
    )
    drill = kept(NOW, told, host=HOSTILE, fallback=HOSTILE, tool=HOSTILE)
    drill = type(drill)(
        HOSTILE,
        NOW,
        msgspec.structs.replace(drill.report, databases=(told, msgspec.structs.replace(told, name=HOSTILE))),
    )
    known = facts(daily(1), [drill], kept=KeptDrills((drill,), (UnusableRecord(HOSTILE, NOW.date(), HOSTILE),)))

    text = html(known)
    root = parse(text)

    assert not list(root.all("script", "img"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{ 7*7 }}" in text
    assert not set(text) & {"\u202e", "\x1b"}
    assert root.text.count(r"\u202e\x1b[31m") > 10
    # What a quotation mark can end is an attribute of ours.
    assert {name for node in root.all() for name in node.attributes if name.startswith("on")} == set()


def test_secrets_and_endless_texts_are_cut() -> None:
    told = drilled(
        verdict="failed", steps=(Step("download", "failed", 1.0, f"https://x.example/b?sig=SECRET {'y' * 9000}"),)
    )

    text = html(facts(drills=[kept(NOW, told)]))

    assert "SECRET" not in text
    assert "… (cut here)" in text
    assert "y" * 700 not in text


def test_anybody_may_name_any_number_of_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "NAMES_MAX", 3)

    root = tree(facts(drills=[kept(NOW, *(drilled(f"other-{number}") for number in range(9)))]))

    (table,) = (node for node in root.all("table") if node.attributes.get("class") == "calendar")
    assert len(list(next(table.all("tr")).all("th"))) == 4


def test_a_time_that_is_none_stands_as_the_record_has_it() -> None:
    assert render.moment("2026-05-05T09:00:00.123Z") == "2026-05-05 09:00:00 UTC"
    assert render.moment("yesterday") == "yesterday"
    assert render.moment(None) == "unknown"


def test_what_the_page_is_made_from_is_in_the_package() -> None:
    (patterns,) = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["setuptools"]["package-data"].values()
    files = [path for path in Path("local/page").iterdir() if path.is_file() and path.suffix != ".py"]

    assert len(files) == 2
    assert [path for path in files if not any(path.match(pattern) for pattern in patterns)] == []
