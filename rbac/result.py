"""What check, fix and revoke found and did: frozen results, as JSON (SPEC section 4) and as lines for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from local.report import Document, Verdict, exit_code, worst
from rbac.evaluate import DELEGATION_KEY, Judgment, blob_rights, describe_scope, judge
from rbac.facts import Facts, Principal

Status = Literal["ok", "changed", "failed", "warning", "skipped"]


class Line(msgspec.Struct, frozen=True):
    """One line of the story: how `subject` came out, and what a person must know of it."""

    status: Status
    subject: str
    text: str


class PrincipalIds(msgspec.Struct, frozen=True):
    """The principal; name and application id are None where the directory could not be read."""

    display_name: str | None
    app_id: str | None
    object_id: str


class RightCheck(msgspec.Struct, frozen=True):
    """Whether the principal has a right; `allowed` and `scope` are None where that could not be told."""

    action: str
    scope: str | None
    allowed: bool | None


class Finding(RightCheck, frozen=True):
    """A right with the assignment (its resource id) that gives it, and why."""

    through: str | None
    why: str


class FixReport(msgspec.Struct, frozen=True):
    """`effective`: proven (on the VM, and on the store with --store), not proven within the time, or (None) not known.

    `role`, `scope` and `assignment_id` are those at the VM; `changed` is about all.
    """

    verdict: Verdict
    changed: bool
    principal: PrincipalIds
    role: str
    scope: str
    assignment_id: str | None
    effective: bool | None
    checks: tuple[RightCheck, ...]


class CheckReport(msgspec.Struct, frozen=True):
    """What the principal may do now."""

    verdict: Verdict
    changed: bool
    principal: PrincipalIds
    checks: tuple[Finding, ...]


class RevokeReport(msgspec.Struct, frozen=True):
    """Resource ids of the assignments taken back and of those that `rbac.fix` did not make; the custom role deleted."""

    verdict: Verdict
    changed: bool
    principal: PrincipalIds
    taken_back: tuple[str, ...]
    left_alone: tuple[str, ...]
    role_deleted: str | None


class RbacDocument(Document, frozen=True):
    """The `--json` document of the rbac commands."""

    rbac: FixReport | CheckReport | RevokeReport


class Outcome(msgspec.Struct, frozen=True):
    """A result, and its story; `check` says that nothing was changed, only what would be."""

    rbac: FixReport | CheckReport | RevokeReport
    lines: tuple[Line, ...]
    check: bool = False

    @property
    def exit_code(self) -> int:
        """0 passed, 1 a right is missing, 4 not proven within the time or not all could be checked."""
        return exit_code(self.rbac.verdict)

    @property
    def document(self) -> RbacDocument:
        """The one document of `--json`."""
        return RbacDocument(self.rbac)


def principal_ids(principal: Principal) -> PrincipalIds:
    """The three fields that scripts read."""
    return PrincipalIds(principal.display_name, principal.app_id, principal.object_id)


def right_checks(judgments: Sequence[Judgment]) -> tuple[RightCheck, ...]:
    """The rights as `rbac.fix --json` tells them."""
    return tuple(RightCheck(judgment.right.action, judgment.right.scope, judgment.allowed) for judgment in judgments)


def findings(judgments: Sequence[Judgment]) -> tuple[Finding, ...]:
    """The rights as `rbac.check --json` tells them."""
    return tuple(
        Finding(
            judgment.right.action,
            judgment.right.scope,
            judgment.allowed,
            judgment.through.id if judgment.through else None,
            judgment.why,
        )
        for judgment in judgments
    )


def verdict_of(judgments: Sequence[Judgment]) -> Verdict:
    """Passed if all rights are there, failed if one is missing, else inconclusive."""
    verdicts: dict[bool | None, Verdict] = {True: "passed", False: "failed", None: "inconclusive"}
    return worst(verdicts[judgment.allowed] for judgment in judgments)


def right_lines(facts: Facts, judgments: Sequence[Judgment], missing: Status) -> list[Line]:
    """A line for the principal and one for each right; a right that is not there has the status `missing`."""
    lines = [Line("ok", "principal", str(facts.principal))]
    if not facts.principal.verified:
        lines.append(Line("warning", "principal", "the directory can't be read: the id is taken for an object id"))
    for judgment in judgments:
        status: Status = "ok" if judgment.allowed else "skipped" if judgment.allowed is None else missing
        where = f" on {describe_scope(judgment.right.scope)}" if judgment.right.scope else ""
        lines.append(Line(status, f"{judgment.right.action}{where}", judgment.why))
    return lines


def store_lines(facts: Facts) -> list[Line]:
    """Where a right at the store is missing, what that means and the command that gives it."""
    judgments = [judge(facts, right) for right in blob_rights(facts)]
    lacking = [judgment.right for judgment in judgments if judgment.allowed is False and not judgment.denied]
    lines = []
    if any(right.data for right in lacking):
        lines.append("the blobs cannot be reached with a token (an account key or a SAS needs no role)")
    if any(right.action == DELEGATION_KEY for right in lacking):
        lines.append(
            "without a delegation key no link can be signed with a token, and drill.remote hands the VM links; keys "
            "are the account's, so a role at the container gives none (an account key signs by itself)"
        )
    return [Line("warning", "store", f"{text}; run: invoke rbac.fix --store") for text in lines]
