"""`backup.prove`: what a backup has just written is drilled here at once, and the drill's verdict is the run's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from local import clock
from local.cloud.redact import scrub
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.errors import PillarError
from local.events import Watch
from local.report import BackupProof, BackupReport, Verdict, backup_exit_code, exit_code, with_proof
from local.settings import Database, Proving, Volume
from local.store.repository import Repository
from local.watch.records import DrillResult, newest, read_day


@dataclass(frozen=True)
class ProofOrder:
    """What is to be drilled after a backup: of these databases and volumes, on a machine called `host`; how often."""

    databases: tuple[Database, ...]
    volumes: tuple[Volume, ...]
    host: str
    prove: Proving


def prove(report: BackupReport, order: ProofOrder, repository: Repository, watch: Watch) -> BackupReport:
    """The report, with the drill of what it says was stored where that is due.

    The drill leaves its record as `drill.local` does. One that cannot be carried out proves nothing, and raises
    nothing: the backup stands.
    """
    stored = {source.name for source in report.sources if source.verdict == "passed"}
    try:
        due = _due(stored, order.prove, repository)
        if not due:
            return report
        selection = Selection(repository, order.databases, volumes=order.volumes).only(due)
        drilled = drill_here(selection, order.host, watch)
    except PillarError as error:
        mend = f"; {error.mend}" if error.mend else ""
        return with_proof(report, BackupProof("inconclusive", error=scrub(f"{error}{mend}")))
    proof = BackupProof(drilled.drill.verdict, None, drilled.drill, drilled.databases, drilled.volumes)
    return with_proof(report, proof)


def proven_exit_code(report: BackupReport) -> int:
    """The exit code of a backup and its proof: what failed before what was not proven."""
    code = backup_exit_code(report)
    verdict: Verdict = report.proof.verdict if report.proof else "passed"
    return code or exit_code(verdict)


def is_due(name: str, today: Sequence[DrillResult]) -> bool:
    """Whether this was not proven yet today: its newest drill of the day that came to a verdict did not pass."""
    last = newest(result for result in today if result.name == name and result.verdict != "inconclusive")
    return last is None or last.verdict != "passed"


def _due(stored: Collection[str], proving: Proving, repository: Repository) -> Collection[str]:
    """The names that are to be drilled."""
    if proving == "never" or not stored:
        return ()
    if proving == "always":
        return stored
    now: datetime = clock.now()
    today = read_day(repository.store, now.date(), now).results
    return [name for name in stored if is_due(name, today)]
