"""The decision as a table of facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local.restore.facts import LiveFacts, LiveState, ProvenCopyFacts
from local.restore.holders import Holder, Holders
from local.restore.plan import Method, ReplacementPlan, RestoreRefusal, decide

NODE = Holders((Holder(123, "node"),))
NOBODY = Holders(())
UNKNOWN = Holders((), "this system does not tell: no lsof", known=False)
SOUND = LiveFacts(
    path=Path("/data/tasks.db"),
    state=LiveState.SOUND,
    why="",
    size_bytes=1_000_000,
    page_bytes=4096,
    journal_mode="wal",
    holders=NOBODY,
    owner_id=501,
    group_id=20,
    mode=0o644,
    user_id=501,
    folder_writable=True,
    free_bytes=10**9,
)
COPY = ProvenCopyFacts(size_bytes=2_000_000, page_bytes=4096, page_count=488, staged_bytes=0)
THROUGH = ReplacementPlan(Method.THROUGH_SQLITE)
RENAME = ReplacementPlan(Method.RENAME)
LEAVES_WAL = ReplacementPlan(Method.THROUGH_SQLITE, leaves_wal=True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, THROUGH),
        ({"holders": NODE}, THROUGH),
        ({"holders": UNKNOWN}, THROUGH),
        ({"page_bytes": 1024}, LEAVES_WAL),
        ({"page_bytes": 1024, "holders": NODE}, "pages of 1024 bytes where the backup has 4096"),
        ({"page_bytes": 1024, "holders": UNKNOWN}, LEAVES_WAL),  # SQLite's own lock tells it then
        ({"page_bytes": 1024, "holders": NODE, "journal_mode": "delete"}, THROUGH),
        ({"state": LiveState.DAMAGED}, RENAME),
        ({"state": LiveState.DAMAGED, "holders": NODE}, THROUGH),
        ({"state": LiveState.DAMAGED, "holders": NODE, "page_bytes": 512}, "pages of 512 bytes"),
        ({"state": LiveState.DAMAGED, "holders": UNKNOWN}, "nobody knows whether it is open"),
        ({"state": LiveState.EMPTY, "journal_mode": None, "page_bytes": None}, RENAME),
        ({"state": LiveState.EMPTY, "journal_mode": None, "page_bytes": None, "holders": NODE}, THROUGH),
        ({"state": LiveState.UNREADABLE}, RENAME),
        ({"state": LiveState.UNREADABLE, "holders": NODE}, "no database () and still open"),
        ({"state": LiveState.UNREADABLE, "holders": UNKNOWN}, "nobody knows whether it is open"),
        ({"state": LiveState.MISSING, "page_bytes": None, "journal_mode": None}, RENAME),
        ({"state": LiveState.MISSING, "holders": UNKNOWN}, RENAME),
        ({"state": LiveState.MISSING, "holders": NODE}, "missing () and still open"),
        ({"state": LiveState.BUSY, "why": "database is locked"}, "it stays locked: database is locked"),
        ({"state": LiveState.NO_FILE, "why": "a directory"}, "the live path is a directory"),
        ({"state": LiveState.OUT_OF_REACH, "why": "Permission denied"}, "cannot be looked at: Permission denied"),
        ({"user_id": 502}, "belongs to another user (number 501)"),
        ({"user_id": 0}, THROUGH),
        ({"folder_writable": False}, "may not write"),
        ({"free_bytes": 1_000_000}, "no room in /data: it takes 9,194,304 bytes, 1,000,000 are free"),
        ({"free_bytes": 5_000_000, "state": LiveState.MISSING}, RENAME),
        ({"free_bytes": 4_000_000, "state": LiveState.MISSING}, "no room in /data"),
    ],
)
def test_what_is_decided(changes: dict[str, object], expected: ReplacementPlan | str) -> None:
    facts = replace(SOUND, **changes)  # type: ignore[arg-type]

    decided = decide(facts, COPY)

    if isinstance(expected, ReplacementPlan):
        assert decided == expected
    else:
        assert isinstance(decided, RestoreRefusal)
        assert expected in decided.reason
        assert decided.holders == facts.holders
        assert decided.mend


def test_a_copy_without_a_table_replaces_nothing() -> None:
    decided = decide(SOUND, replace(COPY, page_count=1))

    assert isinstance(decided, RestoreRefusal)
    assert "not one table" in decided.reason


def test_a_copy_on_another_file_system_takes_room_as_well() -> None:
    facts = replace(SOUND, state=LiveState.MISSING, free_bytes=5_000_000)

    assert isinstance(decide(facts, replace(COPY, staged_bytes=COPY.size_bytes)), RestoreRefusal)
