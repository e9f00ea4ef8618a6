"""Back to the newest pre-restore copy, and back again."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.errors import InconclusiveError
from local.events import unwatched
from local.restore.live import restore_live
from local.restore.proven import ProvenCopy
from local.restore.rollback import roll_back
from tests.local.restore.databases import FORMER_ROWS, RESTORED_ROWS, look_at, make, names


def good(_: Path) -> None:
    """Nothing to complain of."""


def test_a_restore_is_undone_and_that_is_undone_too(live: Path, copy: ProvenCopy) -> None:
    first = restore_live(live, copy, good, 3, unwatched)

    second = roll_back(live, good, 3, unwatched)
    undone = look_at(live)
    roll_back(live, good, 3, unwatched)

    assert undone.rows == FORMER_ROWS
    assert look_at(live).rows == RESTORED_ROWS
    assert first.kept
    assert first.kept.exists()
    assert second.kept
    assert look_at(second.kept).rows == RESTORED_ROWS


def test_a_missing_live_database_is_brought_back_from_its_copy(live: Path, copy: ProvenCopy) -> None:
    restore_live(live, copy, good, 3, unwatched)
    live.unlink()

    assert roll_back(live, good, 3, unwatched).kept is None
    assert look_at(live).rows == FORMER_ROWS


def test_a_rollback_whose_checks_fail_is_undone(live: Path, copy: ProvenCopy) -> None:
    restore_live(live, copy, good, 3, unwatched)

    done = roll_back(live, lambda _: "the probe failed", 3, unwatched)

    assert done.rolled_back
    assert look_at(live).rows == RESTORED_ROWS


def test_the_copy_is_read_with_its_sidecars_and_left_as_it_is(live: Path, place: Path, tmp_path: Path) -> None:
    """It was kept byte for byte, -wal and all, when the live database could not be read."""
    other = make(tmp_path / "other.db", 300)
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("DELETE FROM tasks WHERE id > 200")
        for end in ("", "-wal"):
            shutil.copyfile(f"{other}{end}", f"{live}.pre-restore-5{end}")
    before = {path.name: path.read_bytes() for path in place.glob("*.pre-restore-5*")}

    roll_back(live, good, 3, unwatched)

    assert look_at(live).rows == 200
    assert {path.name: path.read_bytes() for path in place.glob("*.pre-restore-5*")} == before


def test_without_a_copy_there_is_nothing_to_go_back_to(live: Path, place: Path) -> None:
    with pytest.raises(InconclusiveError, match="there is no copy"):
        roll_back(live, good, 3, unwatched)

    assert names(place) == ["tasks.db"]


def test_a_copy_that_is_no_database_is_left_to_a_person(live: Path, copy: ProvenCopy) -> None:
    live.write_text("text")
    restore_live(live, copy, good, 3, unwatched)

    with pytest.raises(InconclusiveError, match="not a database"):
        roll_back(live, good, 3, unwatched)

    assert look_at(live).rows == RESTORED_ROWS
