"""The page's words and figures from its facts, as a table."""

from __future__ import annotations

from datetime import date

import pytest

from local.page import model
from local.page.facts import KeptDrills, PageFacts, UnusableRecord
from local.report import Verdict
from tests.local.page.values import daily, drilled, facts, full, kept
from tests.local.watch.values import NOW, ago, point

VERDICTS: tuple[Verdict, ...] = ("inconclusive", "failed", "passed")
FORMER = point(ago(hours=1), sha256=None, row_total=None)


@pytest.mark.parametrize(
    ("known", "verdict", "words"),
    [
        (facts(), "late", "There is no backup of it."),
        (facts(daily(2)), "late", "It was never proven by a drill."),
        (facts(daily(2), [kept(NOW)]), "ok", "Backed up, and proven by a drill, within its limits."),
        (facts(daily(2), [kept(ago(days=40))]), "late", "Its last proof is too old."),
        (facts([point(ago(hours=7))], [kept(NOW)]), "late", "Its last backup is too old."),
        (
            facts([point(ago(days=50))], [kept(ago(days=49))]),
            "late",
            "Its last backup is too old; its last proof is too old.",
        ),
    ],
)
def test_the_state_of_a_database_is_a_sentence(known: PageFacts, verdict: str, words: str) -> None:
    (card,) = model.make(known, "pillar9").cards

    assert (card.state.verdict, card.headline) == (verdict, words)


def test_ages_are_told_against_their_limits() -> None:
    backup, proof = model.make(facts([point(ago(hours=7))], [kept(ago(days=7))]), "pillar9").cards[0].gauges

    assert (backup.age, backup.limit, backup.share) == ("7 h ago", "5 h", 1.4)
    assert (proof.age, proof.limit, proof.share) == ("7 days ago", "35 days", 0.2)


def test_what_there_is_no_age_of_is_never_within_a_limit() -> None:
    backup, proof = model.make(facts(), "pillar9").cards[0].gauges

    assert (backup.age, backup.share) == ("none", None)
    assert (proof.age, proof.share) == ("never", None)


def test_the_upload_that_was_saved_counts_every_point_that_says_what_it_sent() -> None:
    points = [
        point(ago(days=40), size=1000, added_bytes=1000),
        point(ago(days=1, hours=1), version="v", size=1000, added_bytes=300),
        point(ago(days=1), size=1000, added_bytes=100),
        point(ago(hours=1), size=1000),
    ]
    (card,) = model.make(facts(points), "pillar9").cards

    assert (card.upload.points, card.upload.whole_bytes, card.upload.sent_bytes) == (3, 3000, 1400)
    assert card.upload.saved == pytest.approx(1600 / 3000)
    assert [(month.month, month.sent_bytes) for month in card.months] == [("2026-05", 400), ("2026-03", 1000)]
    assert [(day.day, day.sent_bytes) for day in card.days] == [
        (date(2026, 5, 5), None),
        (date(2026, 5, 4), 400),
        (date(2026, 3, 26), 1000),
    ]


def test_a_backup_of_the_former_script_has_a_size_and_no_more() -> None:
    (card,) = model.make(facts([FORMER]), "pillar9").cards

    assert card.upload.points == 0
    assert [(day.archive_bytes, day.database_bytes, day.counted) for day in card.days] == [(100, None, None)]


def test_the_headline_names_who_needs_a_look() -> None:
    assert model.make(facts(), "pillar9").headline == "1 of 1 database needs a look: costs (late)."
    assert model.make(full(), "pillar9").headline == "The database is backed up and proven within the limits."


def test_a_cut_is_told_with_the_day_it_reaches_back_to() -> None:
    cut = KeptDrills((kept(NOW),), (), (date(2026, 4, 1), date(2026, 3, 1)))

    (note,) = model.make(facts(daily(1), [kept(NOW)], kept=cut), "pillar9").notes

    assert note.startswith("2 drill records of this time were not read")
    assert "back to 2026-04-01" in note


def test_databases_that_nobody_configured_are_named_unless_others_were_asked_for() -> None:
    known = facts([point(ago(hours=2), name="orphan"), *daily(1)], [kept(NOW)])

    assert "orphan" in model.make(known, "pillar9").notes[0]
    assert model.make(known, "pillar9", ["costs"]).notes == ()


def test_notes_end_somewhere() -> None:
    broken = tuple(UnusableRecord(f"drills/2026-05-05/{number}.json", NOW.date(), "no form") for number in range(500))

    notes = model.make(facts(daily(1), [kept(NOW)], kept=KeptDrills((), broken)), "pillar9").notes

    assert len(notes) == 31
    assert notes[-1] == "and 470 more of these"


def test_a_card_has_every_drill_of_its_database_the_newest_first() -> None:
    other = kept(NOW, drilled("hivemind"))
    drills = [kept(ago(hours=number), drilled(verdict=found)) for number, found in enumerate(VERDICTS)]

    (card,) = model.make(facts(daily(1), [other, *drills]), "pillar9").cards

    assert [(line.name, line.verdict) for line in card.drills] == [("costs", verdict) for verdict in VERDICTS]
