"""`invoke restore NAME` of a volume: from the chosen backup to a new folder, or what that would do."""

from __future__ import annotations

import shutil
from pathlib import Path
from shlex import quote

import msgspec

from local.errors import InconclusiveError, StoreError
from local.events import Event, Watch
from local.report import DrilledDatabase
from local.restore.fetch import fetch_file
from local.restore.private_folder import private_folder
from local.restore.request import RestoreRequest
from local.restore.result import RestorePlan, RestoreReport
from local.restore.source import BackupSource
from local.restore.to_file import check_new, target_path
from local.restore.to_folder import appear_folder
from local.restore.to_new_file import Started, fetched_report, preview_report
from local.restore.unkept import unkept_notes
from local.store.layout import BackupRecord
from local.unpack.unpack import Unpacked, unpack

# Inside the private folder.
_TREE = "tree"


def restore_to_folder(request: RestoreRequest, source: BackupSource, started: Started, watch: Watch) -> RestoreReport:
    """Restore a volume's backup to a new folder, which appears only if the backup passes its drill, and then whole.

    Raises ConfigError where the folder must not appear there, InconclusiveError where the drill came to no verdict or
    this machine cannot hold what is in the backup, LockHeldError while another restore to that folder is under way,
    and the store's errors.
    """
    path = target_path(request.to, source.name)
    check_new(path)
    refusal = _refusal(path, source.recorded)
    if refusal:
        raise InconclusiveError(f"restore {source.name}", f"{refusal}; nothing was touched", _mend(path))
    begun = started.restore(source, path, live=False)
    with private_folder(path) as private:
        fetched = fetch_file(source, private, watch)
        if fetched.path is None:
            report = fetched_report(begun, fetched.drilled)
        else:
            watch(Event(source.name, f"unpacking it for {path}"))
            found = unpack(fetched.path, private / _TREE, _Progress(source.name, fetched.drilled, watch).advance)
            _check_as_drilled(found, fetched.drilled)
            watch(Event(source.name, f"putting it at {path}"))
            appear_folder(private / _TREE, path)
            report = fetched_report(msgspec.structs.replace(begun, notes=unkept_notes(found.unkept)), fetched.drilled)
    restore = msgspec.structs.replace(report.restore, seconds=started.seconds)
    return msgspec.structs.replace(report, restore=restore)


def preview_to_folder(request: RestoreRequest, source: BackupSource, started: Started) -> RestoreReport:
    """What `restore_to_folder` would do; nothing is downloaded and nothing is changed."""
    path = target_path(request.to, source.name)
    check_new(path)
    refusal = _refusal(path, source.recorded)
    plan = RestorePlan(
        found="nothing",
        holders=(),
        untold=None,
        method="a new folder",
        needed_bytes=needed_bytes(source.recorded),
        free_bytes=shutil.disk_usage(path.parent).free,
        keeps=None,
        refusal=refusal,
        mend=_mend(path) if refusal else None,
    )
    return preview_report(started.restore(source, path, live=False), source, plan, {})


def needed_bytes(recorded: BackupRecord) -> int | None:
    """Room for the tar, and beside it for the files that come out of it; None where neither is recorded."""
    if recorded.raw_bytes is None:
        return None
    return recorded.raw_bytes + (recorded.raw_bytes if recorded.file_bytes is None else recorded.file_bytes)


def _refusal(path: Path, recorded: BackupRecord) -> str | None:
    needed, free = needed_bytes(recorded), shutil.disk_usage(path.parent).free
    if needed is None or needed <= free:
        return None
    return f"no room in {path.parent}: the tar and its files take {needed:,} bytes, {free:,} are free"


def _mend(path: Path) -> str:
    return f"choose another disk (--to PATH), or free space there: df -h {quote(str(path.parent))}"


def _check_as_drilled(found: Unpacked, drilled: DrilledDatabase) -> None:
    """What was unpacked is what the drill counted in the same file."""
    counted = {name: count.restored for name, count in drilled.rows.items() if name in ("files", "bytes")}
    if counted != {"files": found.files, "bytes": found.bytes}:
        came_back = f"{found.files} files of {found.bytes} bytes were unpacked, the drill had counted {counted}"
        raise StoreError("restore: compare with the drill", came_back, "look at the disk, and run it again")


class _Progress:
    """The bytes of a step, of all that there are."""

    def __init__(self, name: str, drilled: DrilledDatabase, watch: Watch) -> None:
        self._name, self._watch = name, watch
        count = drilled.rows.get("bytes")
        self._total = (count and count.restored) or 0
        self._step, self._done = "", 0

    def advance(self, step: str, count: int) -> None:
        """So many bytes more of this step."""
        self._done = count + (self._done if step == self._step else 0)
        self._step = step
        self._watch(Event(self._name, step, self._done, self._total))
