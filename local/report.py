"""The drill's report and the backup's: frozen results, to and from the JSON of SPEC section 4."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Verdict = Literal["passed", "failed", "inconclusive"]
StepName = Literal["download", "checksum", "decompress", "integrity", "rows"]
STEPS: tuple[StepName, ...] = ("download", "checksum", "decompress", "integrity", "rows")


# How a document's fields are told in docs/json.md: by these types, and by each field's own description.
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Seconds = Annotated[float, Meta(description="seconds that it took")]
RunId = Annotated[str, Meta(description="of this run alone: when it started, and a random part")]
Started = Annotated[Moment, Meta(description="when the run began, RFC 3339 in UTC")]
Sha256 = Annotated[
    str | None, Meta(description="SHA-256 of the archive, the `.db.gz` or `.tar.gz` as it stands in the store")
]
GzipBytes = Annotated[int | None, Meta(description="size of the archive")]
DatabaseBytes = Annotated[
    int | None, Meta(description="size of the database in it, or of the volume's tar, uncompressed")
]
BackupTime = Annotated[Moment | None, Meta(description="when the point in time was taken; `--at` takes it")]
DatabaseName = Annotated[str, Meta(description="the database or volume, as it is configured or stored")]
Blob = Annotated[str | None, Meta(description="the archive's name in the store, with its prefix")]
Checking = Annotated[
    bool, Meta(description="there, and true, where the command only checked (`--check`): nothing was changed")
]


class Document(msgspec.Struct, frozen=True, tag_field="schema", tag=1):
    """What `--json` prints as a whole; it begins with `"schema": 1`."""


class ErrorFound(msgspec.Struct, frozen=True):
    """Why there is no result."""

    kind: Annotated[
        str,
        Meta(
            description="`configuration`, `source` (a live database), `store`, `azure`, `engine` (Docker), "
            "`inconclusive`, `locked`, `bug` (this product's own) or `error` (this machine)"
        ),
    ]
    doing: Annotated[str, Meta(description="what was being done")]
    message: Annotated[str, Meta(description="what came back")]
    mend: Annotated[str, Meta(description="the command, or the words, that mend it; empty if nothing is known to")]
    exit_code: Annotated[int, Meta(description="the process's exit code")]


class ErrorDocument(Document, frozen=True):
    """What every command prints in the place of its result where an error prevented that."""

    error: ErrorFound


class Step(msgspec.Struct, frozen=True):
    """One of the five steps."""

    name: Annotated[StepName, Meta(description="which step")]
    verdict: Annotated[Verdict, Meta(description="inconclusive where it could not be carried out")]
    seconds: Annotated[
        float,
        Meta(description="seconds that it was waited for; download, checksum and decompress are one pass and overlap"),
    ]
    detail: Annotated[str, Meta(description="what a person must know of it; empty where it passed without a word")] = ""


class RowCount(msgspec.Struct, frozen=True):
    """A table's rows."""

    restored: Annotated[int | None, Meta(description="counted in the restored copy; null where it is not there")]
    recorded: Annotated[int | None, Meta(description="counted when it was backed up; null where that is not recorded")]
    minimum: Annotated[int | None, Meta(description="the configured floor, `rows`; null where there is none")]


class DrilledDatabase(msgspec.Struct, frozen=True):
    """What the drill found for one database or volume; null is what was never learnt."""

    name: DatabaseName
    verdict: Annotated[
        Verdict, Meta(description="that of its last step; of a check, whether it has a backup that can be drilled")
    ]
    blob: Blob
    backup_time: BackupTime
    sha256: Sha256
    gzip_bytes: GzipBytes
    database_bytes: DatabaseBytes
    steps: Annotated[tuple[Step, ...], Meta(description="in order, up to the one that did not pass; none of a check")]
    rows: Annotated[dict[str, RowCount], Meta(description="by table; empty where the drill did not come to them")]
    checks: Annotated[
        dict[str, bool | None],
        Meta(
            description="by name, whether each configured check holds; null where it was not evaluated; empty where "
            "the drill did not come to them"
        ),
    ] = {}


DrilledVolumes = Annotated[
    tuple[DrilledDatabase, ...],
    Meta(
        description="the Docker volumes, each with the fields of a database, there where there are any: "
        "`database_bytes` is the size of the tar, `rows` counts `files` (all that is in the volume), their `bytes`, "
        "and the tables of each database in it, as `PATH: TABLE` (from a VM only those that are not as recorded)"
    ),
]


class Drill(msgspec.Struct, frozen=True, omit_defaults=True):
    """One drill, or with `check` what one would take."""

    id: RunId
    where: Annotated[Literal["local", "remote"], Meta(description="on this machine, or on the Azure VM")]
    host: Annotated[str, Meta(description="what that machine is called")]
    started: Started
    seconds: Seconds
    verdict: Annotated[
        Verdict,
        Meta(
            description="failed where a database or volume failed, inconclusive where one was not proven, else "
            "passed; of a check, passed where each has a backup that can be drilled: nothing is proven by that"
        ),
    ]
    fallback: Annotated[str | None, Meta(description="why it ran here and not on the VM")]
    sqlite: Annotated[str | None, Meta(description="version of the SQLite that checked")]
    python: Annotated[str | None, Meta(description="version of the Python that checked")]
    tool: Annotated[str, Meta(description="this product and its version")]
    check: Checking = False


class DrillReport(Document, frozen=True, omit_defaults=True):
    """`drill.local` and `drill.remote`, and the drill record in the store."""

    drill: Drill
    databases: tuple[DrilledDatabase, ...]
    volumes: DrilledVolumes = ()

    @property
    def sources(self) -> tuple[DrilledDatabase, ...]:
        """Whatever was drilled: the databases, then the volumes."""
        return (*self.databases, *self.volumes)


class BackedUpDatabase(msgspec.Struct, frozen=True):
    """What happened to one database, or with `check` what would; null is what is not known."""

    name: DatabaseName
    verdict: Annotated[Literal["passed", "failed"], Meta(description="failed: `error` says why")]
    blob: Blob = None
    backup_time: Annotated[
        Moment | None, Meta(description="of the point in time that now holds its content; `--at` takes it")
    ] = None
    sha256: Sha256 = None
    database_bytes: DatabaseBytes = None
    gzip_bytes: GzipBytes = None
    uploaded_bytes: Annotated[int | None, Meta(description="what was sent to the store")] = None
    changed: Annotated[
        float | None,
        Meta(
            description="share of the database, from 0 to 1, that lies in pieces (16 KiB or more) that differ from its "
            "newest backup; 1 for the first backup, null where the newest one tells nothing of its pieces",
            extra_json_schema={"minimum": 0, "maximum": 1},
        ),
    ] = None
    read: Annotated[
        bool | None,
        Meta(
            description="whether the database was read; false where its files were as they were when it was last read "
            "that day, so that its content is the same"
        ),
    ] = None
    seconds: Seconds = 0.0
    error: Annotated[str | None, Meta(description="why it failed, and what mends it")] = None


class RefusedDatabase(BackedUpDatabase, frozen=True):
    """One that failed because Azure refused, or could not be reached."""


class BackedUpVolume(BackedUpDatabase, frozen=True):
    """What happened to one Docker volume, with the fields of a database; what those call the database is its tar."""

    files: Annotated[int | None, Meta(description="entries in its tar, but for the volume's own folder")] = None
    changing: Annotated[
        tuple[str, ...],
        Meta(
            description="what was written to while it was read, and how; of many the first, and then how many more; "
            "the databases in it are of one moment all the same"
        ),
    ] = ()


class RefusedVolume(BackedUpVolume, frozen=True):
    """One that failed because Azure refused, or could not be reached."""


class Backup(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run of `backup`."""

    id: RunId
    started: Started
    seconds: Seconds
    verdict: Annotated[
        Verdict,
        Meta(description="failed where a database or volume failed; where it was proven at once, that of both"),
    ]
    check: Checking = False


class BackupProof(msgspec.Struct, frozen=True):
    """The drill of what a backup has just written (`backup.prove`)."""

    verdict: Annotated[Verdict, Meta(description="the drill's; inconclusive where there was none")]
    error: Annotated[str | None, Meta(description="why there was no drill")] = None
    drill: Annotated[Drill | None, Meta(description="as in a drill's document")] = None
    databases: Annotated[tuple[DrilledDatabase, ...], Meta(description="as in a drill's document")] = ()
    volumes: Annotated[tuple[DrilledDatabase, ...], Meta(description="as in a drill's document")] = ()

    @property
    def sources(self) -> tuple[DrilledDatabase, ...]:
        """Whatever was drilled: the databases, then the volumes."""
        return (*self.databases, *self.volumes)


class BackupReport(Document, frozen=True, omit_defaults=True):
    """`backup`."""

    backup: Backup
    databases: tuple[BackedUpDatabase, ...]
    volumes: Annotated[tuple[BackedUpVolume, ...], Meta(description="there where Docker volumes were backed up")] = ()
    proof: Annotated[BackupProof | None, Meta(description="there where it was drilled at once")] = None

    @property
    def sources(self) -> tuple[BackedUpDatabase, ...]:
        """Whatever was to be backed up: the databases, then the volumes."""
        return (*self.databases, *self.volumes)


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
    failed = [source for source in report.sources if source.verdict == "failed"]
    if not failed:
        return 0
    return 3 if all(isinstance(source, RefusedDatabase | RefusedVolume) for source in failed) else 1


def exit_code(verdict: Verdict) -> int:
    """The process's exit code for a drill, as SPEC section 1 fixes it."""
    return {"passed": 0, "failed": 1, "inconclusive": 4}[verdict]
