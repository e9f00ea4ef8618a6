"""What a drill program says that cannot be, by what was ordered: then nothing of it counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from local.drill.order import DatabaseTarget, Target, VolumeTarget
from local.drill_program.tables import floors
from local.report import STEPS, DrilledDatabase, Verdict


@dataclass(frozen=True)
class Counts:
    """Counts by table, or of files, as restored and as recorded; and the tables of which nothing is recorded."""

    rows: Mapping[str, int] | None
    recorded: Mapping[str, int] | None
    unrecorded: tuple[str, ...] = ()


def wrong_steps(drilled: DrilledDatabase, target: Target) -> str | None:
    """What of the steps, the digest and the sizes cannot be; None where nothing is wrong."""
    verdicts = [step.verdict for step in drilled.steps]
    if tuple(step.name for step in drilled.steps) != STEPS[: len(drilled.steps)]:
        return "its steps are not in order"
    if verdicts != ["passed"] * (len(verdicts) - 1) + [drilled.verdict]:
        return "its verdict is not that of its steps"
    if drilled.verdict != "passed":
        return None
    if len(drilled.steps) != len(STEPS):
        return "it passed without all five steps"
    if target.sidecar_problem or drilled.sha256 is None or any(drilled.sha256 != digest for _, digest in target.sha256):
        return "it passed with another SHA-256"
    if drilled.gzip_bytes != target.gzip_bytes or drilled.database_bytes in (None, 0):
        return "it passed with another size"
    if target.database_bytes not in (None, drilled.database_bytes):
        return "it passed with another size"
    return None


def wrong_rows(verdict: Verdict, counts: Counts, target: DatabaseTarget) -> str | None:
    """What of the counts cannot be in a database that passed; None where nothing is wrong, or it did not pass."""
    if verdict != "passed":
        return None
    rows, recorded = counts.rows, counts.recorded
    if rows is None:
        return "it passed without a count"
    if any(name not in rows or rows[name] < least for name, least in floors(target.minimum, rows).items()):
        return "it passed with fewer rows than are required"
    if recorded is None and target.raw_sha256 is not None:
        return "it passed without the counts that its archive records"
    if target.tables is not None and recorded != target.tables:
        return "it passed with other counts than were recorded"
    if recorded is not None and recorded != {name: n for name, n in rows.items() if name not in counts.unrecorded}:
        return "it passed with other counts than were recorded"
    return None


def wrong_files(verdict: Verdict, counts: Counts, target: VolumeTarget) -> str | None:
    """What of the counts cannot be in a volume that passed; None where nothing is wrong, or it did not pass."""
    if verdict != "passed":
        return None
    rows, recorded = counts.rows, counts.recorded
    if rows is None or not {"files", "bytes"} <= rows.keys():
        return "it passed without a count of its files"
    if recorded is None:
        return "it passed without the counts that its archive records" if target.raw_sha256 is not None else None
    if any(recorded.get(name) != count for name, count in (target.counts or {}).items()):
        return "it passed with other counts than were recorded"
    if any(rows.get(name) != count for name, count in recorded.items()):
        return "it passed with other counts than were recorded"
    return None


def wrong_checks(drilled: DrilledDatabase, ordered: Collection[str]) -> str | None:
    """What of the checks cannot be, which are evaluated last and only where all else passed; None if nothing."""
    verdict, said = drilled.verdict, set(drilled.checks.values())
    if not said:
        return "it passed without its checks" if verdict == "passed" and ordered else None
    if set(drilled.checks) != set(ordered):
        return "its checks are not those that were ordered"
    if len(drilled.steps) != len(STEPS):
        return "it has checks of a step that it did not come to"
    if verdict == "passed":
        return None if said == {True} else "it passed with a check that does not hold"
    if (False in said) != (verdict == "failed"):
        return "its verdict is not that of its checks"
    return None
