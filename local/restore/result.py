"""What a restore did, or what one would do: frozen results, as SPEC section 4 has them in JSON."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local.report import BackupTime, Blob, Checking, DatabaseName, Document, RunId, Seconds, Started, Step, Verdict


class Restore(msgspec.Struct, frozen=True, omit_defaults=True):
    """One restore, or with `check` what one would do; paths are of this machine."""

    id: RunId
    started: Started
    seconds: Seconds
    verdict: Annotated[
        Verdict, Meta(description="inconclusive where it could not be begun; of a check, whether it would begin")
    ]
    name: DatabaseName
    blob: Blob
    backup_time: BackupTime
    target: Annotated[str, Meta(description="the new file or folder, or with `live` the live database or volume")]
    live: Annotated[bool, Meta(description="whether it is a restore in place")]
    kept: Annotated[str | None, Meta(description="the copy of what stood there before")]
    kept_meanwhile: Annotated[
        str | None, Meta(description="the copy of what was written between the restore and its undoing")
    ]
    rolled_back: Annotated[bool, Meta(description="whether the former content was put back, since something failed")]
    counts_compared: Annotated[
        bool, Meta(description="whether the live counts were compared with the record: nobody else wrote before")
    ]
    surplus: Annotated[tuple[str, ...], Meta(description="older copies beyond `restore.keep_copies`")]
    reason: Annotated[str | None, Meta(description="why it did not pass")]
    rollback: Annotated[bool, Meta(description="there, and true, where the last live restore is undone")] = False
    check: Checking = False
    kind: Annotated[Literal["database", "volume"], Meta(description="what it is of; there for a volume alone")] = (
        "database"
    )
    notes: Annotated[
        tuple[str, ...],
        Meta(description="in what respects the files are not as in the volume; there where there are any"),
    ] = ()
    can_be_undone: Annotated[bool, Meta(description="what was kept is a database, to which `--rollback` goes back")] = (
        True
    )


class RowChange(msgspec.Struct, frozen=True):
    """A table's rows, or a volume's files or their bytes; null is what is not there, or a count that is not known."""

    before: Annotated[int | None, Meta(description="in the live database or volume, before")]
    restored: Annotated[int | None, Meta(description="in the backup")]


class ProbeResult(msgspec.Struct, frozen=True):
    """How the probe ended."""

    command: Annotated[str, Meta(description="as it is configured")]
    exit_code: Annotated[int | None, Meta(description="the probe's own; null where it never came to one")]
    output: Annotated[str, Meta(description="what it printed")]
    reason: Annotated[str | None, Meta(description="why it failed")] = None

    @property
    def passed(self) -> bool:
        """Whether the application agrees."""
        return self.exit_code == 0


class RestorePlan(msgspec.Struct, frozen=True):
    """What a restore would meet and do."""

    found: Annotated[str, Meta(description="what stands at the target now")]
    holders: Annotated[tuple[str, ...], Meta(description="programs that have the live database open")]
    untold: Annotated[str | None, Meta(description="why there may be other holders than these")]
    method: Annotated[str, Meta(description="how the content would get there")]
    needed_bytes: Annotated[int | None, Meta(description="room that it takes on that disk; null where nobody knows")]
    free_bytes: Annotated[int, Meta(description="room that is free there")]
    keeps: Annotated[str | None, Meta(description="where the content of before would be kept")]
    refusal: Annotated[str | None, Meta(description="why it would not begin; null where it would")]
    note: Annotated[str | None, Meta(description="why the rows of before were not counted")] = None
    mend: Annotated[str | None, Meta(description="what to do about the refusal")] = None


class RestoreReport(Document, frozen=True, omit_defaults=True):
    """`restore`."""

    restore: Restore
    steps: Annotated[tuple[Step, ...], Meta(description="the drill of the backup, as in a drill's document")]
    rows: Annotated[
        dict[str, RowChange],
        Meta(description="by table; of a volume `files`, `bytes`, and `PATH: TABLE` of each database in it"),
    ]
    probe: Annotated[ProbeResult | None, Meta(description="null where none is configured, or it was not come to")]
    plan: Annotated[RestorePlan | None, Meta(description="there where it is a check")] = None
