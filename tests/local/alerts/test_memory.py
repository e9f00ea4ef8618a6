"""What was told is remembered, whatever becomes of the file."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.alerts import memory
from local.alerts.memory import FILE_NAME, alone, recall, remember
from local.alerts.state import Standing

STANDINGS = {"backup costs": Standing(True, datetime(2026, 5, 5, tzinfo=UTC), False)}


def test_what_is_remembered_is_recalled_and_is_for_nobody_else(tmp_path: Path) -> None:
    remember(tmp_path / "store", STANDINGS)

    assert recall(tmp_path / "store") == STANDINGS
    assert stat.S_IMODE((tmp_path / "store" / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "store").iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b'{"standings": {"a": 1}}', b'{"standings": {'])
def test_a_memory_that_is_lost_or_damaged_is_an_empty_one(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)

    assert recall(tmp_path) == {}


def test_a_memory_that_cannot_be_written_is_told_and_the_former_one_stays(tmp_path: Path) -> None:
    remember(tmp_path, STANDINGS)
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        remember(tmp_path / "file" / "folder", {})

    assert recall(tmp_path) == STANDINGS


def test_one_process_tells_at_a_time_and_nobody_waits_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = threading.Event()

    def second() -> None:
        with alone(tmp_path):
            entered.set()

    waiting = threading.Thread(target=second)
    with alone(tmp_path):
        waiting.start()
        assert not entered.wait(0.3)
    waiting.join()
    assert entered.is_set()

    monkeypatch.setattr(memory, "_LOCK_SECONDS", 0.0)
    with alone(tmp_path), alone(tmp_path):
        pass
