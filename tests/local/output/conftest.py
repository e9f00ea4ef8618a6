"""The widths at which people look."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.terminal import shown_on_terminal

Show = Callable[[Callable[[], object]], str]


@pytest.fixture(params=[80, 200])
def columns(request: pytest.FixtureRequest) -> int:
    """A narrow terminal and a wide one in turn."""
    width: int = request.param
    return width


@pytest.fixture
def on_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Shows what some work writes to a terminal of that width."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return lambda work: shown_on_terminal(columns, work)
