"""What check, fix and revoke found and did: frozen results, as JSON (SPEC section 4) and as lines for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local.report import Checking, Document, Verdict, exit_code, worst
from rbac.evaluate import DELEGATION_KEY, Judgment, blob_rights, describe_scope, judge
from rbac.facts import Facts, Principal

Status = Literal["ok", "changed", "failed", "warning", "skipped"]
Changed = Annotated[bool, Meta(description="whether anything was changed; of a check, whether it would be")]


class Line(msgspec.Struct, frozen=True):
    """One line of the story: how `subject` came out, and what a person must know of it."""

    status: Status
    subject: str
    text: str


class PrincipalIds(msgspec.Struct, frozen=True):
    """The principal; name and application id are null where the directory could not be read."""

    display_name: Annotated[str | None, Meta(description="as the directory calls it")]
    app_id: Annotated[str | None, Meta(description="application (client) id")]
    object_id: Annotated[str, Meta(description="object id, to which roles are assigned")]


class RightCheck(msgspec.Struct, frozen=True):
    """Whether the principal has a right."""

    action: Annotated[str, Meta(description="Azure's name of the action")]
    scope: Annotated[str | None, Meta(description="resource id of where; null where that could not be told")]
    allowed: Annotated[bool | None, Meta(description="whether it may; null where that could not be told")]


class Finding(RightCheck, frozen=True):
    """Whether the principal has a right, and through what."""

    through: Annotated[str | None, Meta(description="resource id of the assignment that gives it")]
    why: Annotated[str, Meta(description="the same in words")]


class FixReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the principal may do now, or with `check` would."""

    verdict: Annotated[Verdict, Meta(description="passed: all rights are there; inconclusive: not proven in time")]
    changed: Changed
    principal: PrincipalIds
    role: Annotated[str, Meta(description="the role at the VM")]
    scope: Annotated[str, Meta(description="resource id of where it is assigned")]
    assignment_id: Annotated[str | None, Meta(description="resource id of the assignment at the VM")]
    effective: Annotated[
        bool | None,
        Meta(
            description="true: proven, on the VM and with `--store` on the store; false: not proven within the time; "
            "null: not tried"
        ),
    ]
    checks: tuple[RightCheck, ...]
    check: Checking = False


class CheckReport(msgspec.Struct, frozen=True):
    """What the principal may do now."""

    verdict: Annotated[Verdict, Meta(description="failed where a right is missing")]
    changed: Annotated[bool, Meta(description="false: this command changes nothing")]
    principal: PrincipalIds
    checks: tuple[Finding, ...]
    check: Annotated[bool, Meta(description="true: this command only checks")] = True


class RevokeReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was taken back, or with `check` would be."""

    verdict: Annotated[Verdict, Meta(description="inconclusive where Azure still shows it after the wait")]
    changed: Changed
    principal: PrincipalIds
    taken_back: Annotated[tuple[str, ...], Meta(description="resource ids of the assignments")]
    left_alone: Annotated[tuple[str, ...], Meta(description="resource ids of those that `rbac.fix` did not make")]
    role_deleted: Annotated[str | None, Meta(description="resource id of the custom role that went with them")]
    check: Checking = False


class RbacCheckDocument(Document, frozen=True):
    """`rbac.check`."""

    rbac: CheckReport


class RbacFixDocument(Document, frozen=True):
    """`rbac.fix`."""

    rbac: FixReport


class RbacRevokeDocument(Document, frozen=True):
    """`rbac.revoke`."""

    rbac: RevokeReport


RbacDocument = RbacCheckDocument | RbacFixDocument | RbacRevokeDocument


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
        found = self.rbac
        if isinstance(found, CheckReport):
            return RbacCheckDocument(found)
        if isinstance(found, FixReport):
            return RbacFixDocument(msgspec.structs.replace(found, check=self.check))
        return RbacRevokeDocument(msgspec.structs.replace(found, check=self.check))


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
