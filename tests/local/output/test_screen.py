from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.errors import SourceError, StoreError
from local.events import Event
from local.output.screen import Screen, age, printable, size
from tests.local.output.conftest import Show
from tests.support.terminal import log_lines, without_colours

HEADERS = ("database", "verdict", "stored as")
ROWS = (("costs", "passed", "sqlite/2026-05-05/costs.db.gz"), ("hivemind", "failed", "the disk is full"))


def test_a_log_has_one_timestamped_line_for_each_thing_said(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.say("1. Two databases", "bold")
    screen.say("")
    screen.say("2. invoke backup")

    assert log_lines(capsys.readouterr().out) == ["1. Two databases", "2. invoke backup"]


def test_a_log_has_a_line_for_each_row_with_what_its_cells_mean(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().table(HEADERS, [*ROWS, ("knowledge", "failed", "")])

    assert log_lines(capsys.readouterr().out) == [
        "costs: verdict passed, stored as sqlite/2026-05-05/costs.db.gz",
        "hivemind: verdict failed, stored as the disk is full",
        "knowledge: verdict failed",
    ]


def test_a_log_tells_what_counts_bytes_only_by_the_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen().watching() as watch:
        watch(Event("costs", "snapshot of /db/costs.db"))
        for done in range(0, 1001, 10):
            watch(Event("costs", "uploading", done, 1000))
        watch(Event("costs", "stored"))

    assert log_lines(capsys.readouterr().out) == [
        "costs: snapshot of /db/costs.db",
        "costs: uploading 25 %",
        "costs: uploading 50 %",
        "costs: uploading 75 %",
        "costs: uploading 100 %",
        "costs: stored",
    ]


def test_with_json_an_error_that_nobody_foresaw_is_a_document_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Screen(json=True).bug(ValueError("https://account/blob?sig=secret"), "invoke backup")

    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["doing"], error["exit_code"]) == ("bug", "invoke backup", 1)
    assert error["message"] == "ValueError: https://account/blob?…"
    assert "invoke version" in error["mend"]


def test_there_is_one_document_whatever_goes_wrong_before_and_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(json=True)
    screen.tell(StoreError("list file:///b", "the disk is gone", "mount it"))
    screen.document({"schema": 1})
    screen.error(StoreError("list file:///b", "it is gone again"))
    screen.bug(ValueError("7"), "invoke backup")

    told = capsys.readouterr()
    assert told.out == '{"schema":1}\n'
    assert log_lines(told.err) == [
        "✗ list file:///b: the disk is gone → mount it",
        "✗ list file:///b: it is gone again",
    ]


def test_with_json_an_error_is_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(json=True).error(StoreError("list file:///b", "the disk is gone", "mount it"))

    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "schema": 1,
        "error": {
            "kind": "store",
            "doing": "list file:///b",
            "message": "the disk is gone",
            "mend": "mount it",
            "exit_code": 1,
        },
    }
    assert log_lines(told.err) == ["✗ list file:///b: the disk is gone → mount it"]


def test_with_json_the_document_has_stdout_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(json=True)
    with screen.watching() as watch:
        watch(Event("costs", "snapshot"))
    screen.say("said")
    screen.show({"verdict": "passed"}, lambda *_: pytest.fail("with json there is nothing to render"))

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"verdict": "passed"}
    assert log_lines(shown.err) == ["costs: snapshot", "said"]


def test_without_json_a_result_is_rendered(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().show("passed", lambda screen, result: screen.say(f"drill {result}"))

    assert log_lines(capsys.readouterr().out) == ["drill passed"]


def test_an_error_and_what_mends_it_are_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().error(SourceError("/db/costs.db", "no such\nfile", "look at databases[2].path"))
    Screen().error(StoreError("store", "is gone"))

    shown = capsys.readouterr()
    assert shown.out == ""
    assert log_lines(shown.err) == [
        r"✗ /db/costs.db: no such\nfile → look at databases[2].path",
        "✗ store: is gone",
    ]


def test_a_terminal_has_colours_and_blank_lines_and_no_timestamps(on_terminal: Show) -> None:
    def work() -> None:
        screen = Screen()
        screen.say("backup passed", "green")
        screen.say("")
        screen.say("plain")

    shown = on_terminal(work)

    assert "\x1b[38;5;28mbackup passed\x1b[0m" in shown
    assert without_colours(shown) == ["backup passed", "", "plain"]


def test_a_long_line_is_broken_between_words_and_what_is_copied_is_left_to_the_terminal(
    on_terminal: Show, columns: int
) -> None:
    words = "word " * columns

    said = without_colours(on_terminal(lambda: Screen().say(words, "yellow")))

    assert {word for line in said for word in line.split()} == {"word"}
    assert columns - 10 < max(map(len, said)) <= columns
    assert without_colours(on_terminal(lambda: Screen().quote(words, "yellow"))) == [words]


LONG = "".join(f"{number:04}" for number in range(40))


@pytest.mark.parametrize("columns", [10, 60, 80, 110, 200], indirect=True)
@pytest.mark.parametrize("rows", [ROWS, (*ROWS, ("a", "failed", LONG))])
def test_no_word_in_a_table_is_ever_cut(rows: tuple[tuple[str, ...], ...], on_terminal: Show, columns: int) -> None:
    lines = without_colours(on_terminal(lambda: Screen().table(HEADERS, rows)))

    shown = [word.strip(",:") for line in lines for word in line.split()]
    assert {word for row in rows for cell in row for word in cell.split()} <= set(shown)
    wide = [line for line in lines if len(line) > columns]
    assert all(max(map(len, line.split())) > columns - 4 for line in wide)


@pytest.mark.parametrize("columns", [20, 200], indirect=True)
def test_a_verdict_in_a_table_has_its_colour(on_terminal: Show) -> None:
    shown = on_terminal(lambda: Screen().table(HEADERS, ROWS))

    assert re.search(r"\x1b\[38;5;28m[^\x1b]*passed", shown)
    assert re.search(r"\x1b\[1;38;5;196m[^\x1b]*failed", shown)


def test_who_wants_no_colours_has_none(on_terminal: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def work() -> None:
        Screen().table(HEADERS, ROWS)
        with Screen().watching() as watch:
            watch(Event("costs", "stored", verdict="passed"))
        Screen().say("backup passed", "green")

    shown = on_terminal(work)
    assert re.findall(r"\x1b\[[\d;]*m", shown.replace("\x1b[1m", "").replace("\x1b[0m", "")) == []


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_a_locale_of_ascii_has_signs_of_ascii(locale: str, on_terminal: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", locale)

    def work() -> None:
        Screen().table(("database", "rows"), [("costs", "✗ 0.10 s")])
        with Screen().watching() as watch:
            watch(Event("costs", "stored", 1, 2, verdict="passed"))
        Screen().quote("→ invoke doctor")

    shown = on_terminal(work)
    assert shown.isascii()
    assert "-> invoke doctor" in shown
    assert "x 0.10 s" in shown


def test_what_is_shown_cannot_steer_the_terminal(on_terminal: Show) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[red]x[/red]\u202e"

    def work() -> None:
        Screen().say(evil, "green")
        Screen().say(evil)
        Screen().table(("name",), [(evil,)])

    shown = on_terminal(work)

    assert not set("\x07\u202e") & set(shown)
    assert "\x1b[2J" not in shown
    assert shown.count("[red]x[/red]") == 3


@given(st.text())
def test_what_is_printable_stays_and_all_else_is_escaped(text: str) -> None:
    shown = printable(text)

    assert shown.isprintable()
    assert "".join(old if old.isprintable() else repr(old)[1:-1] for old in text) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (4_567, "4.6 kB"),
        (123_456_789, "123.5 MB"),
        (1_500_000_000, "1.5 GB"),
        (2_345_000_000_000, "2345.0 GB"),
    ],
)
def test_sizes_are_told_in_powers_of_1000(count: int | None, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "in the future"),
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (2 * 3600, "2 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 d"),
        (365 * 86400, "365 d"),
    ],
)
def test_an_age_is_told_in_the_largest_unit_that_says_enough(seconds: float, shown: str) -> None:
    assert age(seconds) == shown
