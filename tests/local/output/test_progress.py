from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from local.events import Event, Watch
from local.output.screen import Screen
from tests.local.output.conftest import Show
from tests.support.terminal import without_colours


def last_lines(shown: str, count: int) -> list[str]:
    """What stays on the screen when the bars have stopped."""
    return [line.rpartition("\x1b[2K")[2] for line in without_colours(shown)][-count - 1 :]


def watched(on_terminal: Show, *events: Event) -> str:
    def work() -> None:
        with Screen().watching() as watch:
            for event in events:
                watch(event)

    return on_terminal(work)


def test_each_subject_has_one_line_with_its_last_words(on_terminal: Show) -> None:
    shown = watched(
        on_terminal,
        Event("costs", "snapshot"),
        Event("hivemind", "snapshot"),
        Event("costs", "uploading", 500_000, 1_000_000),
        Event("costs", "stored"),
    )

    costs, hivemind = [line for line in last_lines(shown, 2) if "costs" in line or "hivemind" in line]
    assert costs.startswith("costs")
    assert "stored" in costs
    assert "0.5/1.0 MB" in costs
    assert "snapshot" in hivemind


def test_bars_fit_a_narrow_terminal(on_terminal: Show, columns: int) -> None:
    shown = watched(on_terminal, Event("mission-control", "uploading", 1, 2), Event("mission-control", "x" * 300))

    assert max(map(len, last_lines(shown, 1))) <= columns


def test_markup_in_what_an_event_says_is_text(on_terminal: Show) -> None:
    assert "[red]x[/red]" in watched(on_terminal, Event("costs", "[red]x[/red]"))


def test_many_threads_may_tell_of_one_subject(on_terminal: Show) -> None:
    def tell(watch: Watch) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(watch, [Event("costs", "uploading", done, 64) for done in range(65)]))

    def work() -> None:
        with Screen().watching() as watch:
            tell(watch)

    assert len([line for line in last_lines(on_terminal(work), 1) if "costs" in line]) == 1
