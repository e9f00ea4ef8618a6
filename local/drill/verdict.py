"""The distrustful reading of what a drill program printed: only a whole verdict that can be counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from local import report
from local.drill import answer
from local.drill.impossible import Counts, wrong_checks, wrong_files, wrong_rows, wrong_steps
from local.drill.order import DatabaseTarget, Target, VolumeTarget
from local.drill_program.tables import floors
from local.errors import InconclusiveError
from local.report import STEPS, DrilledDatabase, RowCount
from local.typed import from_json

_RESULT_VALUES_MAX = 2_000_000
_DOING = "reading the drill's result"
_AGAIN = "run the drill again"

_Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9][0-9A-Za-z.+-]{0,31}$")]
T = TypeVar("T")


@dataclass(frozen=True)
class ProgramResult:
    """What a program found of databases and volumes, each in the targets' order, and with which SQLite and Python."""

    databases: tuple[DrilledDatabase, ...] = ()
    volumes: tuple[DrilledDatabase, ...] = ()
    sqlite: str | None = None
    python: str | None = None

    @property
    def drilled(self) -> tuple[DrilledDatabase, ...]:
        """All of them."""
        return (*self.databases, *self.volumes)


def outcome(stdout: str, nonce: str, targets: Sequence[Target], later: Sequence[str] = ()) -> ProgramResult:
    """The drill's results; `later` are the outputs that end with its parts 2, 3, …

    The machine that printed it is not trusted: InconclusiveError for whatever is not one whole result of this very run,
    or says what cannot be.
    """
    return judged(answer.content([stdout, *later], nonce), targets)


def judged(content: bytes, targets: Sequence[Target]) -> ProgramResult:
    """The drill's results in an answer that came whole; InconclusiveError where it says what cannot be."""
    result = _decode(content)
    databases = [target for target in targets if isinstance(target, DatabaseTarget)]
    volumes = [target for target in targets if isinstance(target, VolumeTarget)]
    if _names(result.databases) != _names(databases) or _names(result.volumes) != _names(volumes):
        raise _no_verdict("it is not about the backups that were ordered")
    return ProgramResult(
        tuple(_drilled(found, target) for found, target in zip(result.databases, databases, strict=True)),
        tuple(_drilled_volume(found, target) for found, target in zip(result.volumes, volumes, strict=True)),
        result.sqlite,
        result.python,
    )


class _StepFound(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    name: report.StepName
    verdict: report.Verdict
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e6)]
    detail: Annotated[str, msgspec.Meta(max_length=1000)]


class _BackupFound(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out equals the order."""

    name: str
    verdict: report.Verdict
    steps: Annotated[tuple[_StepFound, ...], msgspec.Meta(min_length=1, max_length=len(STEPS))]
    sha256: _Sha256 | UnsetType | None = UNSET
    gzip_bytes: _Size | UnsetType | None = UNSET
    database_bytes: _Size | UnsetType | None = UNSET
    rows: dict[str, _Size] | UnsetType | None = UNSET
    recorded: dict[str, _Size] | UnsetType | None = UNSET


class _DatabaseFound(_BackupFound, frozen=True, forbid_unknown_fields=True, kw_only=True):
    unrecorded: tuple[str, ...]
    checks: dict[str, bool | None] | UnsetType | None = UNSET


class _ProgramFound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sqlite: _Version
    python: _Version
    databases: tuple[_DatabaseFound, ...]
    volumes: tuple[_BackupFound, ...]


def _no_verdict(came_back: str) -> InconclusiveError:
    return InconclusiveError(_DOING, came_back, _AGAIN)


def _decode(payload: bytes) -> _ProgramFound:
    # Each value but the first of its kind has a comma before it, so this bounds them before any is made.
    if payload.count(b",") > _RESULT_VALUES_MAX:
        raise _no_verdict("the result has more values than any")
    try:
        return from_json(payload, _ProgramFound)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _no_verdict(f"the result has not the form of one: {_printable(str(error))[:200]}") from error


def _drilled(found: _DatabaseFound, target: DatabaseTarget) -> DrilledDatabase:
    counts = Counts(_given(found.rows, target.tables), _given(found.recorded, target.tables), found.unrecorded)
    rows = {} if counts.rows is None else _row_counts(counts.rows, counts.recorded or {}, target.minimum)
    checks: dict[str, bool | None] = dict.fromkeys(target.checks, True) if found.checks is UNSET else found.checks or {}
    drilled = _told(found, target, rows, checks)
    return _believed(
        drilled,
        wrong_steps(drilled, target)
        or wrong_rows(drilled.verdict, counts, target)
        or wrong_checks(drilled, target.checks),
    )


def _drilled_volume(found: _BackupFound, target: VolumeTarget) -> DrilledDatabase:
    counts = Counts(_given(found.rows, target.counts), _given(found.recorded, target.counts))
    rows = {} if counts.rows is None else _row_counts(counts.rows, counts.recorded or {}, {})
    drilled = _told(found, target, rows, {})
    return _believed(drilled, wrong_steps(drilled, target) or wrong_files(drilled.verdict, counts, target))


def _told(
    found: _BackupFound, target: Target, rows: dict[str, RowCount], checks: dict[str, bool | None]
) -> DrilledDatabase:
    digests = {digest for _, digest in target.sha256}
    return DrilledDatabase(
        name=target.name,
        verdict=found.verdict,
        blob=target.blob,
        backup_time=target.backup_time,
        sha256=_given(found.sha256, next(iter(digests)) if len(digests) == 1 else None),
        gzip_bytes=_given(found.gzip_bytes, target.gzip_bytes),
        database_bytes=_given(found.database_bytes, target.database_bytes),
        steps=tuple(
            report.Step(step.name, step.verdict, step.seconds, _printable(step.detail)) for step in found.steps
        ),
        rows=rows,
        checks=checks,
    )


def _believed(drilled: DrilledDatabase, problem: str | None) -> DrilledDatabase:
    """The same; InconclusiveError where there is something that cannot be."""
    if problem:
        raise _no_verdict(f"what it says of {drilled.name} cannot be: {problem}")
    return drilled


def _names(named: Sequence[_BackupFound] | Sequence[Target]) -> list[str]:
    return [each.name for each in named]


def _given(value: T | UnsetType, ordered: T) -> T:
    return ordered if isinstance(value, UnsetType) else value


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _row_counts(
    rows: Mapping[str, int], recorded: Mapping[str, int], minimum: Mapping[str, int]
) -> dict[str, RowCount]:
    least = floors(minimum, [*recorded, *rows])
    names = dict.fromkeys([*rows, *recorded, *least])
    return {name: RowCount(rows.get(name), recorded.get(name), least.get(name)) for name in names}
