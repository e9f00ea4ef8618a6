"""From what shall be drilled to the program text, and from what the program said to verdicts; nothing else counts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from local import drill
from local.errors import InconclusiveError
from local.report import STEPS, DrilledDatabase, RowCount, Step, StepName, Verdict, worst

_LINE = re.compile(r"PILLAR9 ([0-9a-f]+) (\d{1,3})/(\d{1,3}) ([0-9a-f]{64}) (\S+)")
_LARGEST_RESULT = 64 * 1024 * 1024
Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class Target:
    """One backup to drill and all that is recorded of it; None is what is not. `url` holds a secret; sizes in bytes."""

    name: str
    url: str = field(repr=False)
    blob: str
    backup_time: str
    gzip_bytes: int
    database_bytes: int | None
    sha256: tuple[tuple[str, str], ...]
    sidecar_problem: str | None
    raw_sha256: str | None
    schema: str | None
    tables: dict[str, Any] | None
    minimum: Mapping[str, int]


@dataclass(frozen=True)
class Outcome:
    """The verdicts of one run of the program, and the versions that it ran with."""

    databases: tuple[DrilledDatabase, ...]
    sqlite: str | None
    python: str | None


@dataclass(frozen=True)
class Part:
    """One result line: its place among the parts of the payload, and the digest of the whole of it."""

    number: int
    parts: int
    digest: str
    piece: str


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    steps: tuple[tuple[StepName, Verdict, Seconds, str], ...]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None
    sizes: tuple[Count | None, Count | None]
    rows: dict[str, Count]
    as_recorded: bool


class _Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sqlite: str
    python: str
    databases: tuple[_Said, ...]


def program(targets: Sequence[Target], *, nonce: str, deadline: float, budget: int | None, progress: bool) -> str:
    """The drill as one program text, order included; it ends by itself after `deadline` seconds.

    With a `budget` no result line is longer than that many characters; a longer result waits for `fetch_program`.
    """
    databases = [{**asdict(target), "minimum": dict(target.minimum)} for target in targets]
    return _text({"nonce": nonce, "deadline": deadline, "budget": budget, "progress": progress, "databases": databases})


def fetch_program(nonce: str, number: int, budget: int) -> str:
    """The program text that prints part `number` of the result that the drill with this nonce left where it ran."""
    return _text({"nonce": nonce, "fetch": number, "budget": budget})


def part_of(stdout: str, nonce: str) -> Part:
    """The result line, which must be the last line and carry the nonce; InconclusiveError otherwise."""
    lines = stdout.strip().splitlines()
    match = _LINE.fullmatch(lines[-1]) if lines else None
    if match is None:
        raise _inconclusive("it printed no whole result line at its end")
    if match[1] != nonce:
        raise _inconclusive("its result line is not of this run")
    number, parts = int(match[2]), int(match[3])
    if not 1 <= number <= parts:
        raise _inconclusive("its result line is not a part of itself")
    return Part(number, parts, match[4], match[5])


def outcome(parts: Sequence[Part], targets: Sequence[Target]) -> Outcome:
    """The verdicts in a result whose parts are all there; InconclusiveError for anything that is not a whole one."""
    payload = "".join(part.piece for part in parts)
    whole = [part.number for part in parts] == list(range(1, parts[0].parts + 1))
    if not whole or {part.digest for part in parts} != {hashlib.sha256(payload.encode()).hexdigest()}:
        raise _inconclusive("its result did not arrive whole")
    try:
        unpacker = zlib.decompressobj()
        result = msgspec.json.decode(unpacker.decompress(base64.b85decode(payload), _LARGEST_RESULT), type=_Result)
    except (ValueError, zlib.error) as error:
        raise _inconclusive(f"its result does not read: {error}") from error
    if [said.name for said in result.databases] != [target.name for target in targets]:
        raise _inconclusive("its result is not about the databases that were ordered")
    judged = tuple(_judge(said, target) for said, target in zip(result.databases, targets, strict=True))
    return Outcome(judged, result.sqlite, result.python)


def _text(order: dict[str, Any]) -> str:
    source = Path(drill.__file__).read_text(encoding="utf-8")
    return f"{source}\n\nmain(json.loads({json.dumps(order)!r}))\n"


def _judge(said: _Said, target: Target) -> DrilledDatabase:
    steps = tuple(Step(*step) for step in said.steps)
    if not steps or tuple(step.name for step in steps) != STEPS[: len(steps)]:
        raise _inconclusive(f"{target.name}: its steps are not the drill's")
    if any(step.verdict != "passed" for step in steps[:-1]):
        raise _inconclusive(f"{target.name}: a step came after one that did not pass")
    verdict = worst(step.verdict for step in steps)
    if verdict == "passed" and len(steps) < len(STEPS):
        raise _inconclusive(f"{target.name}: not all of its steps were taken")
    expected = [digest for _, digest in target.sha256]
    sha256 = said.sha256 or (expected[0] if expected and len(steps) > 1 else None)
    rows = _rows(said, target)
    if verdict == "passed":
        _refuse_contradictions(said, target, rows)
    gzip_bytes, database_bytes = said.sizes
    return DrilledDatabase(
        name=target.name,
        verdict=verdict,
        blob=target.blob,
        backup_time=target.backup_time,
        sha256=sha256,
        gzip_bytes=gzip_bytes,
        database_bytes=database_bytes,
        steps=steps,
        rows=rows,
    )


def _rows(said: _Said, target: Target) -> dict[str, RowCount]:
    plain = (target.tables or {}).get("rows", {})
    restored = dict(plain) if said.as_recorded else said.rows
    recorded = drill.recorded_counts(target.tables, restored) if target.tables else {}
    names = sorted({*restored, *recorded, *target.minimum}) if restored else []
    return {name: RowCount(restored.get(name), recorded.get(name), target.minimum.get(name)) for name in names}


def _refuse_contradictions(said: _Said, target: Target, rows: Mapping[str, RowCount]) -> None:
    """A pass that what it reports does not bear out is no genuine verdict."""
    wrong_digest = said.sha256 is not None and bool(target.sha256)
    wrong_size = said.sizes[0] != target.gzip_bytes or target.database_bytes not in (None, said.sizes[1])
    wrong_rows = any(
        count.restored is None
        or count.recorded not in (None, count.restored)
        or (count.minimum is not None and count.restored < count.minimum)
        for count in rows.values()
    )
    if wrong_digest or wrong_size or wrong_rows or target.sidecar_problem:
        raise _inconclusive(f"{target.name}: it says passed, but what it reports says otherwise")


def _inconclusive(came_back: str) -> InconclusiveError:
    return InconclusiveError("drill: read its result", came_back, "run the drill again")
