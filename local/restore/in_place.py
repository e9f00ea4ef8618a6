"""`invoke restore NAME --live` and `--rollback`: what would happen, and the engine called with the proven copy."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote

import msgspec

from local import interrupt
from local.drill.targets import Targets
from local.drill_program.distrust import confine
from local.drill_program.tables import row_counts
from local.errors import ConfigError, InconclusiveError
from local.events import Watch
from local.interrupt import if_abandoned
from local.report import Verdict
from local.restore.claim import claimed
from local.restore.facts import LiveFacts, LiveState, ProvenCopyFacts, copy_facts, look
from local.restore.fetch import fetch
from local.restore.kept import copies
from local.restore.live import LiveRestore, restore_live
from local.restore.live_checks import LiveChecks
from local.restore.live_rows import LiveRows, live_rows
from local.restore.plan import Method, ReplacementPlan, RestoreRefusal, decide, needed_bytes
from local.restore.probe import missing_program
from local.restore.result import Restore, RestorePlan, RestoreReport, RowChange
from local.restore.rollback import roll_back
from local.restore.source import BackupSource
from local.restore.to_new_file import Started, fetched_report, preview_report
from local.settings import Database, Settings
from local.store.layout import BackupRecord
from local.validation import unknown_name

_LEFT = (
    "the live database is whole, the former or the restored one; the next run finishes or clears away what was begun"
)

_METHODS = {
    Method.THROUGH_SQLITE: "through SQLite, under the database's own locks: programs that have it open go on",
    Method.RENAME: "a new file in its place; the former one is kept as it is, byte for byte",
}
# In the work folder.
_FETCHED = "fetched"
_USUAL_PAGE_BYTES = 4096
_SOME_PAGES = 2


@dataclass(frozen=True)
class LiveOrder:
    """What a person agrees to: which backup replaces which live database; `preview` is what they were shown."""

    database: Database
    live: Path
    source: BackupSource
    preview: RestoreReport


def order_restore(configured: Settings, source: BackupSource, started: Started) -> LiveOrder:
    """What `--live` would do. Raises ConfigError for a database that is not configured, and the store's errors."""
    database = _configured(configured, source.name, "--live")
    live = _live_path(database)
    facts = look(live)
    counted = _counted(facts)
    plan = _with_probe(database, facts, _decided(facts, source))
    shown = _shown(facts, plan, source.recorded.raw_bytes, counted)
    restore = started.restore(source, live, live=True)
    return LiveOrder(database, live, source, preview_report(restore, source, shown, counted.rows))


def order_rollback(configured: Settings, name: str | None) -> LiveOrder:
    """What `--rollback` would do; ConfigError where the database is not configured, or nothing was kept of it."""
    started = Started.now()
    database = _configured(configured, name, "--rollback")
    live = _live_path(database)
    newest = next(iter(copies(live)), None)
    if newest is None or not newest.exists():
        came_back = f"there is no copy {live}.pre-restore-… to go back to"
        raise ConfigError("--rollback", came_back, f"restore a backup instead: invoke restore {database.name} --live")
    facts = look(live)
    counted, kept = _counted(facts), _rows_of(newest)
    recorded = BackupRecord(database=database.name, rows=kept.rows or None)
    source = BackupSource(database.name, str(newest), None, 0, recorded, lambda: Targets((), ()))
    trouble = LiveRows(counted.rows, counted.trouble or kept.trouble)
    plan = _with_probe(database, facts, _decided_back(facts, newest, kept))
    shown = _shown(facts, plan, newest.stat().st_size, trouble)
    restore = msgspec.structs.replace(started.restore(source, live, live=True), rollback=True)
    return LiveOrder(database, live, source, preview_report(restore, source, shown, counted.rows))


def carry_out(order: LiveOrder, configured: Settings, watch: Watch) -> RestoreReport:
    """Fetch and prove the backup, and let the engine put it in the live database's place.

    Raises InconclusiveError where it cannot be begun, LockHeldError while another restore of it is under way.
    """
    started = Started.now()
    restore = started.restore(order.source, order.live, live=True)
    # Whatever is left there by a kill, also by one while the backup is fetched, the next command clears away.
    with claimed(order.live) as folder:
        with _emptied(folder / _FETCHED) as private:
            fetched = fetch(order.source, private, watch)
        proven = fetched_report(msgspec.structs.replace(restore, seconds=started.seconds), fetched.drilled)
        if fetched.copy is None:
            return proven
        checks = LiveChecks(order.database, configured.restore.probe_seconds, fetched.drilled.backup_time)
        interrupt.leaves(_LEFT)
        done = restore_live(order.live, fetched.copy, checks.of_restored, configured.restore.keep_copies, watch)
    rows = _changes(order.preview.rows, fetched.copy.rows)
    return RestoreReport(_ended(restore, done, started), proven.steps, rows, checks.probed)


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """A new folder there (0700); where the process is ended by force in here, it is removed first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    with if_abandoned(partial(shutil.rmtree, folder, ignore_errors=True)):
        yield folder


def carry_back(order: LiveOrder, configured: Settings, watch: Watch) -> RestoreReport:
    """Let the engine put the newest pre-restore copy back in its place; raises as `carry_out` does."""
    started = Started.now()
    checks = LiveChecks(order.database, configured.restore.probe_seconds)
    interrupt.leaves(_LEFT)
    done = roll_back(order.live, checks.of_former, configured.restore.keep_copies, watch, order.database.name)
    restore = msgspec.structs.replace(started.restore(order.source, order.live, live=True), rollback=True)
    return RestoreReport(_ended(restore, done, started), (), order.preview.rows, checks.probed)


def require(preview: RestoreReport) -> None:
    """Raise InconclusiveError where the preview says that the restore would not begin."""
    restore = preview.restore
    if restore.verdict == "passed":
        return
    plan = preview.plan
    shown = plan and plan.holders and restore.kind == "database"
    holders = f"; open in: {', '.join(plan.holders)}" if plan and shown else ""
    came_back = f"{restore.reason or 'it cannot be begun'}{holders}; nothing was touched"
    mend = (plan and plan.mend) or "invoke backup.list shows which there are"
    raise InconclusiveError(f"restore {restore.name}", came_back, mend)


def _ended(restore: Restore, done: LiveRestore, started: Started) -> Restore:
    verdict: Verdict = "failed" if done.rolled_back or done.why else "passed"
    return msgspec.structs.replace(
        restore,
        verdict=verdict,
        seconds=started.seconds,
        kept=None if done.kept is None else str(done.kept),
        kept_meanwhile=None if done.kept_meanwhile is None else str(done.kept_meanwhile),
        rolled_back=done.rolled_back,
        counts_compared=done.counts_compared,
        can_be_undone=done.can_be_undone,
        surplus=tuple(map(str, done.surplus)),
        reason=done.why,
    )


def _changes(shown: Mapping[str, RowChange], restored: Mapping[str, int]) -> dict[str, RowChange]:
    """By table the rows that were shown before, and those of the copy."""
    before = {name: change.before for name, change in shown.items() if change.before is not None}
    return {name: RowChange(before.get(name), restored.get(name)) for name in dict.fromkeys([*before, *restored])}


def _configured(configured: Settings, name: str | None, flag: str) -> Database:
    known = {database.name: database for database in configured.databases}
    if name is None:
        names = ", ".join([*known, *(volume.name for volume in configured.volumes)])
        raise ConfigError(flag, "the NAME is missing", f"say which: invoke restore NAME {flag}; known: {names}")
    if name not in known:
        error = unknown_name(flag, name, known, "configured, so nobody knows where it lies")
        mend = f"{error.mend}; one that is only stored goes to a new file: invoke restore {name}"
        raise ConfigError(error.doing, error.came_back, mend)
    return known[name]


def _live_path(database: Database) -> Path:
    """Where the database itself lies: the sidecars of a symlinked one are beside the link's target."""
    live = Path(os.path.realpath(database.path))
    if not live.parent.is_dir():
        raise ConfigError(
            "--live", f"there is no folder {live.parent}", f"make it, or mend the path of {database.name}"
        )
    return live


def _decided(facts: LiveFacts, source: BackupSource) -> ReplacementPlan | RestoreRefusal:
    """What the engine would do, as far as the record tells of the copy; it decides again when it has the copy itself.

    Where nothing is recorded of the backup, it is taken to be like the live database.
    """
    page = source.recorded.page_size or facts.page_bytes or _USUAL_PAGE_BYTES
    size = source.recorded.raw_bytes or facts.size_bytes or source.gzip_bytes
    return decide(facts, ProvenCopyFacts(size, page, max(size // page, _SOME_PAGES), staged_bytes=size))


def _decided_back(facts: LiveFacts, newest: Path, kept: LiveRows) -> ReplacementPlan | RestoreRefusal:
    if kept.trouble is None:
        return decide(facts, copy_facts(newest, facts.path.parent))
    mend = f"put it back by hand if it must be: ls -la {quote(str(newest))}*"
    return RestoreRefusal(f"the newest copy cannot be gone back to, {kept.trouble}", facts.holders, mend)


def _with_probe(
    database: Database, facts: LiveFacts, plan: ReplacementPlan | RestoreRefusal
) -> ReplacementPlan | RestoreRefusal:
    """A probe of which it is known before that it will fail would only bring the former content back."""
    missing = None if database.probe is None else missing_program(database.probe)
    if missing is None or isinstance(plan, RestoreRefusal):
        return plan
    mend = f"install it, or correct the probe of {database.name} in databases, or take it out for this restore"
    return RestoreRefusal(f"the probe cannot be started: there is no program {missing}", facts.holders, mend)


def _shown(
    facts: LiveFacts, plan: ReplacementPlan | RestoreRefusal, copy_bytes: int | None, counted: LiveRows
) -> RestorePlan:
    refused = isinstance(plan, RestoreRefusal)
    return RestorePlan(
        found=_found(facts),
        holders=tuple(map(str, facts.holders.processes)),
        untold=facts.holders.untold or None,
        method=_method(facts, plan),
        needed_bytes=None if copy_bytes is None else needed_bytes(facts, copy_bytes, copy_bytes, _way(plan)),
        free_bytes=facts.free_bytes,
        keeps=None if refused or facts.state is LiveState.MISSING else f"{facts.path}.pre-restore-<epoch>",
        refusal=plan.reason if isinstance(plan, RestoreRefusal) else None,
        note=counted.trouble,
        mend=plan.mend if isinstance(plan, RestoreRefusal) else None,
    )


def _way(plan: ReplacementPlan | RestoreRefusal) -> Method:
    return Method.THROUGH_SQLITE if isinstance(plan, RestoreRefusal) else plan.method


def _method(facts: LiveFacts, plan: ReplacementPlan | RestoreRefusal) -> str:
    if isinstance(plan, RestoreRefusal):
        return "nothing would be touched"
    return "a new file, since there is none" if facts.state is LiveState.MISSING else _METHODS[plan.method]


def _counted(facts: LiveFacts) -> LiveRows:
    if facts.state in (LiveState.SOUND, LiveState.DAMAGED):
        return live_rows(facts.path, tuple(map(str, facts.holders.processes)))
    return LiveRows({}, f"the live database is {facts.state.value}: {facts.why}")


def _rows_of(copy: Path) -> LiveRows:
    """The rows of a kept copy, which nobody writes to; what a killed program left beside it is not counted."""
    try:
        with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            confine(connection)
            return LiveRows(row_counts(connection))
    except sqlite3.Error as error:
        return LiveRows({}, f"{copy.name}: {error}")


def _found(facts: LiveFacts) -> str:
    mode = f", {facts.journal_mode} mode" if facts.journal_mode else ""
    return f"{facts.state.value}{mode}"
