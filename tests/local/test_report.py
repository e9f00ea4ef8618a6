"""What a report's parts make of the whole."""

from __future__ import annotations

import pytest

from local.report import (
    BackedUpDatabase,
    BackedUpVolume,
    Backup,
    BackupReport,
    RefusedDatabase,
    RefusedVolume,
    backup_exit_code,
)

STORED, FAILED, REFUSED = (
    BackedUpDatabase("a", "passed"),
    BackedUpDatabase("a", "failed"),
    RefusedDatabase("a", "failed"),
)
VOLUME, NO_ENGINE, NO_AZURE = (
    BackedUpVolume("b", "passed"),
    BackedUpVolume("b", "failed"),
    RefusedVolume("b", "failed"),
)


@pytest.mark.parametrize(
    ("database", "volume", "code"),
    [
        (STORED, VOLUME, 0),
        (STORED, NO_ENGINE, 1),
        (STORED, NO_AZURE, 3),
        (REFUSED, VOLUME, 3),
        (REFUSED, NO_AZURE, 3),
        (REFUSED, NO_ENGINE, 1),
        (FAILED, NO_AZURE, 1),
    ],
)
def test_a_backup_ends_with_3_where_nothing_but_azure_kept_it_from_being_made(
    database: BackedUpDatabase, volume: BackedUpVolume, code: int
) -> None:
    backup = Backup("1", "2026-05-05T12:00:03.123Z", 1.0, "passed" if code == 0 else "failed")

    assert backup_exit_code(BackupReport(backup, (database,), (volume,))) == code
