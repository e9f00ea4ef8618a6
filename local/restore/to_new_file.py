"""`invoke restore NAME` of a database: from the chosen backup to a new file, or what that would do."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote

import msgspec

from local import clock
from local.drill.record import new_id
from local.events import Event, Watch
from local.report import DrilledDatabase
from local.restore.fetch import fetch
from local.restore.private_folder import private_folder
from local.restore.request import RestoreRequest
from local.restore.result import Restore, RestorePlan, RestoreReport, RowChange
from local.restore.source import BackupSource
from local.restore.to_file import appear, check_target, target_path
from local.settings import Settings
from local.store.layout import BackupRecord


@dataclass(frozen=True)
class Started:
    """When a restore began: the moment, and the seconds of a clock that only goes forward."""

    moment: datetime
    since: float

    @staticmethod
    def now() -> Started:
        """As of now."""
        return Started(clock.now(), time.monotonic())

    def restore(self, source: BackupSource, target: Path, *, live: bool) -> Restore:
        """The restore of this backup to that place, of which nothing is done yet."""
        return Restore(
            id=new_id(self.moment),
            started=clock.timestamp(self.moment),
            seconds=0.0,
            verdict="inconclusive",
            name=source.name,
            blob=source.blob,
            backup_time=source.backup_time,
            target=str(target),
            live=live,
            kept=None,
            kept_meanwhile=None,
            rolled_back=False,
            counts_compared=False,
            surplus=(),
            reason=None,
            kind=source.kind,
        )

    @property
    def seconds(self) -> float:
        """How long ago that was."""
        return round(time.monotonic() - self.since, 3)


def restore_to_file(
    configured: Settings, request: RestoreRequest, source: BackupSource, started: Started, watch: Watch
) -> RestoreReport:
    """Restore a database's backup to a new file, which appears only if the backup passes its drill.

    Raises ConfigError where the file must not appear there, InconclusiveError where the drill came to no verdict,
    LockHeldError while another restore to that file is under way, and the store's errors.
    """
    path = target_path(request.to, f"{source.name}.db")
    check_target(path, configured.databases)
    with private_folder(path) as folder:
        fetched = fetch(source, folder, watch)
        if fetched.copy:
            watch(Event(source.name, f"putting it at {path}"))
            appear(fetched.copy, path)
    begun = started.restore(source, path, live=False)
    return fetched_report(msgspec.structs.replace(begun, seconds=started.seconds), fetched.drilled)


def fetched_report(restore: Restore, drilled: DrilledDatabase) -> RestoreReport:
    """The report of a restore that came as far as its drill: its verdict is the drill's."""
    rows = {name: RowChange(None, count.restored) for name, count in drilled.rows.items()}
    decided = msgspec.structs.replace(
        restore, verdict=drilled.verdict, reason=None if drilled.verdict == "passed" else drilled.steps[-1].detail
    )
    return RestoreReport(decided, drilled.steps, rows, None)


def preview_to_file(
    configured: Settings, request: RestoreRequest, source: BackupSource, started: Started
) -> RestoreReport:
    """What `restore_to_file` would do; nothing is downloaded and nothing is changed."""
    path = target_path(request.to, f"{source.name}.db")
    check_target(path, configured.databases)
    free, needed = shutil.disk_usage(path.parent).free, source.recorded.raw_bytes
    refusal = f"no room in {path.parent}" if needed is not None and needed > free else None
    mend = f"choose another disk (--to PATH), or free space there: df -h {quote(str(path.parent))}" if refusal else None
    plan = RestorePlan("nothing", (), None, "a new file", needed, free, None, refusal, mend=mend)
    return preview_report(started.restore(source, path, live=False), source, plan, {})


def recorded_counts(recorded: BackupRecord) -> dict[str, int]:
    """What a backup's record counts, as a restore's `rows` name it; nothing where it counts nothing."""
    if recorded.files is not None and recorded.file_bytes is not None:
        return {"files": recorded.files, "bytes": recorded.file_bytes}
    return dict(recorded.rows or {})


def preview_report(restore: Restore, source: BackupSource, plan: RestorePlan, before: dict[str, int]) -> RestoreReport:
    """The document of a check: whether the restore would begin, and what it would change of the rows `before`."""
    missing = () if source.blob else source.targets().missing
    verdict = missing[0].verdict if missing else "inconclusive" if plan.refusal else "passed"
    reason = missing[0].steps[-1].detail if missing else plan.refusal
    recorded = recorded_counts(source.recorded)
    rows = {name: RowChange(before.get(name), recorded.get(name)) for name in dict.fromkeys([*before, *recorded])}
    checked = msgspec.structs.replace(restore, check=True, verdict=verdict, reason=reason)
    return RestoreReport(checked, missing[0].steps if missing else (), rows, None, plan)
