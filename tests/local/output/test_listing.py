from __future__ import annotations

import json
from datetime import UTC, date, datetime

import msgspec

from local.output.listing import listing
from local.store.catalog import Point
from local.store.interface import Entry
from local.store.layout import BackupRecord

TAKEN = datetime(2026, 5, 5, 12, 0, 3, 123000, tzinfo=UTC)


def point(recorded: BackupRecord, version: str | None = None, trouble: str | None = None) -> Point:
    entry = Entry("sqlite/2026-05-05/costs.db.gz", 164, TAKEN, version)
    return Point("costs", date(2026, 5, 5), TAKEN, entry, recorded, trouble)


def test_a_point_is_listed_with_all_that_its_backup_recorded() -> None:
    recorded = BackupRecord(sha256="ab" * 32, raw_bytes=8192, row_total=7, added_bytes=64, tool="pillar9 0.1.0")

    (listed,) = json.loads(msgspec.json.encode(listing([point(recorded)])))["backups"]

    assert listed == {
        "name": "costs",
        "backup_time": "2026-05-05T12:00:03.123Z",
        "date": "2026-05-05",
        "blob": "sqlite/2026-05-05/costs.db.gz",
        "current": True,
        "gzip_bytes": 164,
        "added_bytes": 64,
        "database_bytes": 8192,
        "sha256": "ab" * 32,
        "row_total": 7,
        "shadow_row_total": None,
        "tool": "pillar9 0.1.0",
        "error": None,
        "kind": "database",
        "changing_count": None,
    }


def test_of_a_volume_its_files_are_counted_and_what_changed_meanwhile() -> None:
    recorded = BackupRecord(volume="grafana-data", raw_bytes=10240, files=3, changing=1)
    entry = Entry("volumes/2026-05-05/grafana-data.tar.gz", 164, TAKEN)

    (listed,) = listing([Point("grafana-data", date(2026, 5, 5), TAKEN, entry, recorded, kind="volume")]).backups

    assert (listed.kind, listed.row_total, listed.changing_count, listed.database_bytes) == ("volume", 3, 1, 10240)


def test_what_a_former_backup_does_not_say_is_null_and_not_nought() -> None:
    (listed,) = listing([point(BackupRecord())]).backups

    assert (listed.added_bytes, listed.database_bytes, listed.sha256, listed.row_total, listed.tool) == (None,) * 5


def test_rows_of_shadow_tables_are_told_apart() -> None:
    rows = {"notes": 3, "notes_data": 9, "notes_idx": 2, "notes_config": 1, "mine": 5}

    (listed,) = listing([point(BackupRecord(rows=rows, row_total=20))]).backups

    assert (listed.row_total, listed.shadow_row_total) == (20, 12)


def test_a_former_content_of_a_day_and_what_is_wrong_with_it_are_told() -> None:
    (listed,) = listing([point(BackupRecord(), version="2026-05-05T12:00", trouble="rows do not read")]).backups

    assert not listed.current
    assert listed.error == "rows do not read"


def test_the_order_of_the_points_is_kept() -> None:
    first, second = point(BackupRecord(row_total=1)), point(BackupRecord(row_total=2))

    assert [listed.row_total for listed in listing([second, first]).backups] == [2, 1]
