from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from local.events import Event, EventVerdict, Watch
from local.output.bar_lines import Subject, frame
from local.output.screen import Screen
from tests.local.output.conftest import Show
from tests.support.terminal import without_colours


def watched(on_terminal: Show, *events: Event) -> list[str]:
    """What stays on the screen when the bars have stopped."""

    def work() -> None:
        with Screen().watching() as watch:
            for event in events:
                watch(event)

    return without_colours(on_terminal(work).rpartition("\x1b[J")[2].removesuffix("\x1b[?25h"))


def test_each_subject_has_one_line_with_its_last_words(on_terminal: Show) -> None:
    costs, hivemind = watched(
        on_terminal,
        Event("costs", "snapshot"),
        Event("hivemind", "snapshot"),
        Event("costs", "uploading", 500_000, 1_000_000),
    )

    assert costs.split() == ["costs", *costs.split()[1:2], "0.5/1.0", "MB", "0:00", "uploading"]
    assert hivemind.split() == ["hivemind", "0:00", "snapshot"]


@pytest.mark.parametrize("columns", [60, 80, 120, 200], indirect=True)
@pytest.mark.parametrize("name", ["mission-control", "n" * 50])
def test_no_long_words_squeeze_the_bars_and_the_name_is_whole(name: str, on_terminal: Show, columns: int) -> None:
    going, failed = watched(
        on_terminal,
        Event("costs", "uploading", 1, 2),
        Event(name, "uploading", 1, 2),
        Event(name, f"failed: {'the disk is full ' * 30}", verdict="failed"),
    )

    assert max(len(going), len(failed)) <= columns
    assert failed.startswith(f"✗ {name}  ")
    assert going.count("━") == failed.count("━") == {60: 4, 80: 4, 120: 12, 200: 12}[columns] or len(name) == 50
    assert "  fail" in failed


@pytest.mark.parametrize("verdict", ["passed", "failed", "inconclusive"])
def test_a_bar_ends_in_what_came_of_it(verdict: EventVerdict, on_terminal: Show) -> None:
    (line,) = watched(on_terminal, Event("costs", "rows"), Event("costs", "words", verdict=verdict))

    assert line[0] == {"passed": "✓", "failed": "✗", "inconclusive": "?"}[verdict]
    assert line.endswith(f"{verdict}: words")


def test_bytes_that_nobody_knows_are_not_told(on_terminal: Show) -> None:
    lines = watched(on_terminal, Event("costs", "snapshot"), Event("hivemind", "uploading", 0, 0))

    assert not any("/" in line or "bytes" in line for line in lines)


def test_more_work_on_a_subject_begins_anew(on_terminal: Show) -> None:
    (line,) = watched(on_terminal, Event("costs", "stored", verdict="passed"), Event("costs", "download"))

    assert line.split() == ["costs", "0:00", "download"]


def test_a_low_screen_shows_what_goes_on_and_how_many_others_there_are() -> None:
    subjects = [Subject(f"d{number}", 0.0, "rows") for number in range(9)]
    subjects[0].hear(Event("d0", "passed", verdict="passed"), "passed", 1.0)

    lines = ["".join(piece.text for piece in line).split()[0] for line in frame(subjects, 2.0, 80, 5)]

    assert lines == ["d1", "d2", "d3", "d4", "and"]
    assert len(frame(subjects, 2.0, 80, 9)) == 9


def test_a_terminal_without_cursor_has_a_line_for_each_event(
    on_terminal: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")

    def work() -> None:
        with Screen().watching() as watch:
            watch(Event("costs", "snapshot"))

    assert on_terminal(work).splitlines() == ["costs: snapshot"]


def test_markup_in_what_an_event_says_is_text(on_terminal: Show) -> None:
    assert "[red]x[/red]" in watched(on_terminal, Event("costs", "[red]x[/red]"))[0]


def test_many_threads_may_tell_of_one_subject(on_terminal: Show) -> None:
    def tell(watch: Watch) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(watch, [Event("costs", "uploading", done, 64) for done in range(65)]))

    def work() -> None:
        with Screen().watching() as watch:
            tell(watch)

    assert len(without_colours(on_terminal(work).rpartition("\x1b[J")[2].removesuffix("\x1b[?25h"))) == 1
