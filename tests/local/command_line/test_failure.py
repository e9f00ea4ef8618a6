"""What stands in the place of a result: its exit code is the error's, but of a drill it is never that of a failure."""

from __future__ import annotations

import errno

import pytest

from local.command_line import failure
from local.errors import AzureError, ConfigError, LockHeldError, PillarError, SourceError, StoreError
from local.output.screen import Screen

FULL_DISK = OSError(errno.ENOSPC, "No space left on device", "/tmp/a")


@pytest.mark.parametrize(
    ("error", "code", "of_a_drill"),
    [
        (StoreError("store", "there is no folder"), 1, 4),
        (SourceError("database", "it is none"), 1, 4),
        (PillarError("restore", "it did not go"), 1, 4),
        (FULL_DISK, 1, 4),
        (ConfigError("store.url", "is empty"), 2, 2),
        (AzureError("list", "refused"), 3, 3),
        (LockHeldError("backup", "another run"), 75, 75),
    ],
)
def test_an_error_of_a_drill_is_no_failure_of_a_backup(
    error: Exception, code: int, of_a_drill: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(work: str) -> int:
        def run() -> int:
            raise error

        return failure.exit_code(run, Screen(json=False), "invoke it", work)

    assert (ended("backup"), ended("restore"), ended("drill")) == (code, code, of_a_drill)
    backup, restore, drill = capsys.readouterr().err.splitlines()
    assert backup.partition(" ")[2] == restore.partition(" ")[2] == drill.partition(" ")[2]
