"""How a live database is to be replaced, decided from facts alone; or why it cannot be, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from shlex import quote

from local.restore.facts import LiveFacts, LiveState, ProvenCopyFacts
from local.restore.holders import Holders

# For journals and folders, besides what the databases themselves take.
_SLACK_BYTES = 4 << 20
_WITHOUT_TABLES_PAGES = 1


class Method(Enum):
    """Through SQLite: under the database's own locks, so that open connections survive. By a rename: a new file."""

    THROUGH_SQLITE = "through SQLite"
    RENAME = "rename"


@dataclass(frozen=True)
class ReplacementPlan:
    """Replace it by this method; `leaves_wal` where it is taken out of WAL mode meanwhile."""

    method: Method
    leaves_wal: bool = False


@dataclass(frozen=True)
class RestoreRefusal:
    """Nothing is to be touched: why, who has the file open, and what mends it."""

    reason: str
    holders: Holders
    mend: str


def decide(facts: LiveFacts, copy: ProvenCopyFacts) -> ReplacementPlan | RestoreRefusal:
    """The plan for these facts, or why there is none."""
    hindered = _out_of_reach(facts) or _no_content(facts, copy)
    if hindered:
        return hindered
    plan = _method(facts, copy)
    if isinstance(plan, RestoreRefusal):
        return plan
    return _no_room(facts, copy, plan) or plan


def _out_of_reach(facts: LiveFacts) -> RestoreRefusal | None:
    look = f"look at it: ls -la {quote(str(facts.path.parent))}"
    if facts.state is LiveState.NO_FILE:
        return RestoreRefusal(f"the live path is {facts.why}", facts.holders, "correct this database's path")
    if facts.state is LiveState.OUT_OF_REACH:
        return RestoreRefusal(f"the live database cannot be looked at: {facts.why}", facts.holders, look)
    if facts.user_id not in (0, facts.owner_id):
        reason = f"the live database belongs to another user (number {facts.owner_id})"
        return RestoreRefusal(reason, facts.holders, "run the restore as that user, or as root")
    if not facts.folder_writable:
        return RestoreRefusal("this user may not write to the live database or its folder", facts.holders, look)
    if facts.state is LiveState.BUSY:
        return RestoreRefusal(
            f"it stays locked: {facts.why}", facts.holders, "let that program end its transaction, or stop it"
        )
    return None


def _no_content(facts: LiveFacts, copy: ProvenCopyFacts) -> RestoreRefusal | None:
    if copy.page_count > _WITHOUT_TABLES_PAGES:
        return None
    reason = "the copy that it would be replaced by has not one table"
    return RestoreRefusal(reason, facts.holders, "restore another point in time, or this one to a new file")


def _method(facts: LiveFacts, copy: ProvenCopyFacts) -> ReplacementPlan | RestoreRefusal:
    held = facts.holders.processes
    if facts.state is LiveState.SOUND or (facts.state in (LiveState.DAMAGED, LiveState.EMPTY) and held):
        if facts.journal_mode != "wal" or facts.page_bytes == copy.page_bytes:
            return ReplacementPlan(Method.THROUGH_SQLITE)
        if not held:
            return ReplacementPlan(Method.THROUGH_SQLITE, leaves_wal=True)
        reason = f"it is in WAL mode, with pages of {facts.page_bytes} bytes where the backup has {copy.page_bytes}"
        return RestoreRefusal(f"{reason}, which SQLite cannot exchange under open connections", facts.holders, _STOP)
    if held:
        return RestoreRefusal(
            f"the live file is {facts.state.value} ({facts.why}) and still open", facts.holders, _STOP
        )
    if not facts.holders.known and facts.state is not LiveState.MISSING:
        reason = f"the live file is {facts.state.value} ({facts.why}), and nobody knows whether it is open"
        return RestoreRefusal(reason, facts.holders, _STOP)
    return ReplacementPlan(Method.RENAME)


_STOP = "stop these programs for the length of the restore, and start it again"


def needed_bytes(facts: LiveFacts, copy_bytes: int, staged_bytes: int, method: Method) -> int:
    """What a replacement takes on the live database's disk, where bringing the copy there takes `staged_bytes`.

    A rename keeps the former file itself; SQLite journals what it overwrites, in WAL mode what it writes.
    """
    needed = staged_bytes + _SLACK_BYTES
    if method is Method.THROUGH_SQLITE:
        needed += facts.size_bytes + 2 * max(facts.size_bytes, copy_bytes)
    return needed


def _no_room(facts: LiveFacts, copy: ProvenCopyFacts, plan: ReplacementPlan) -> RestoreRefusal | None:
    needed = needed_bytes(facts, copy.size_bytes, copy.staged_bytes, plan.method)
    if facts.free_bytes >= needed:
        return None
    reason = f"no room in {facts.path.parent}: it takes {needed:,} bytes, {facts.free_bytes:,} are free"
    return RestoreRefusal(reason, facts.holders, f"free space there: df -h {quote(str(facts.path.parent))}")
