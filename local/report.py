"""The drill's report and the backup's: frozen results, to and from the JSON of SPEC section 4."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Verdict = Literal["passed", "failed", "inconclusive"]
StepName = Literal["download", "checksum", "decompress", "integrity", "rows"]
STEPS: tuple[StepName, ...] = ("download", "checksum", "decompress", "integrity", "rows")


class Document(msgspec.Struct, frozen=True, tag_field="schema", tag=1):
    """What `--json` prints as a whole; it begins with `"schema": 1`."""


class ErrorFound(msgspec.Struct, frozen=True):
    """What was being done, what came back, and what mends it ("" if nothing is known to)."""

    kind: str
    doing: str
    message: str
    mend: str
    exit_code: int


class ErrorDocument(Document, frozen=True):
    """What `--json` prints in the place of a result that an error prevented."""

    error: ErrorFound


class Step(msgspec.Struct, frozen=True):
    """One of the five steps; `seconds` is the time spent in it, `detail` what a person must know of it."""

    name: StepName
    verdict: Verdict
    seconds: float
    detail: str = ""


class RowCount(msgspec.Struct, frozen=True):
    """A table's rows: in the restored copy, recorded at the backup, and the configured floor (None: there is none)."""

    restored: int | None
    recorded: int | None
    minimum: int | None


class DrilledDatabase(msgspec.Struct, frozen=True):
    """What the drill found for one database; sizes in bytes, None where it was never learnt.

    `checks` says whether each holds, None where it could not be evaluated; empty where the drill did not come to them.
    """

    name: str
    verdict: Verdict
    blob: str | None
    backup_time: str | None
    sha256: str | None
    gzip_bytes: int | None
    database_bytes: int | None
    steps: tuple[Step, ...]
    rows: dict[str, RowCount]
    checks: dict[str, bool | None] = {}


class Drill(msgspec.Struct, frozen=True):
    """Where and when a drill ran, and what all of it came to; `fallback` is why it ran here and not there."""

    id: str
    where: Literal["local", "remote"]
    host: str
    started: str
    seconds: float
    verdict: Verdict
    fallback: str | None
    sqlite: str | None
    python: str | None
    tool: str


class DrillReport(Document, frozen=True):
    """The `--json` document of a drill, and the drill record in the store."""

    drill: Drill
    databases: tuple[DrilledDatabase, ...]


class BackedUpDatabase(msgspec.Struct, frozen=True):
    """What happened to one database; sizes in bytes, `changed` the share of it that lies in chunks that differ.

    `backup_time` is that of the point in time that now holds its content.
    """

    name: str
    verdict: Literal["passed", "failed"]
    blob: str | None = None
    backup_time: str | None = None
    sha256: str | None = None
    database_bytes: int | None = None
    gzip_bytes: int | None = None
    uploaded_bytes: int | None = None
    changed: float | None = None
    seconds: float = 0.0
    error: str | None = None


class RefusedDatabase(BackedUpDatabase, frozen=True):
    """One that failed because Azure refused, or could not be reached."""


class Backup(msgspec.Struct, frozen=True):
    """One run of `invoke backup`; where it was proven at once, the verdict is that of both."""

    id: str
    started: str
    seconds: float
    verdict: Verdict


class BackupProof(msgspec.Struct, frozen=True):
    """The drill of what a backup has just written (`backup.prove`); `error` is why there was none to tell of."""

    verdict: Verdict
    error: str | None = None
    drill: Drill | None = None
    databases: tuple[DrilledDatabase, ...] = ()


class BackupReport(Document, frozen=True, omit_defaults=True):
    """The `--json` document of a backup; `proof` only where it was drilled at once."""

    backup: Backup
    databases: tuple[BackedUpDatabase, ...]
    proof: BackupProof | None = None


def with_proof(report: BackupReport, proof: BackupProof) -> BackupReport:
    """The backup with its proof: a failure of either is the whole's, and so is what stays open."""
    verdict = worst((report.backup.verdict, proof.verdict))
    backup = msgspec.structs.replace(report.backup, verdict=verdict)
    return msgspec.structs.replace(report, backup=backup, proof=proof)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of the whole: one failure fails it, one inconclusive leaves it open, nothing proves nothing."""
    seen = set(verdicts)
    if "failed" in seen:
        return "failed"
    return "passed" if seen == {"passed"} else "inconclusive"


def backup_exit_code(report: BackupReport) -> int:
    """The process's exit code for a backup: 3 where nothing but Azure kept it from being made."""
    failed = [database for database in report.databases if database.verdict == "failed"]
    if not failed:
        return 0
    return 3 if all(isinstance(database, RefusedDatabase) for database in failed) else 1


def exit_code(verdict: Verdict) -> int:
    """The process's exit code for a drill, as SPEC section 1 fixes it."""
    return {"passed": 0, "failed": 1, "inconclusive": 4}[verdict]
