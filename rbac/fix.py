"""`invoke rbac.check` and `invoke rbac.fix`: facts, decision, change, the facts again, and the proof."""

from __future__ import annotations

from contextlib import closing

from local.cloud.credentials import default_credential
from local.cloud.errors import BLOB_ROLE_COMMAND
from local.errors import AzureError
from local.events import Event, Watch, unwatched
from local.location import StoreLocation
from local.report import Verdict
from local.settings import AzureSettings
from rbac import change, proof, read
from rbac.change import Deadline, Patience
from rbac.facts import Assignment, Facts
from rbac.manager import Manager, surfaces
from rbac.plan import Plan, Wish, decide
from rbac.proof import Proof, Prove
from rbac.rest import Rest
from rbac.result import Checked, Fixed, Line, Outcome, Status, findings, ids, right_checks, right_lines, verdict_of
from rbac.rights import blob_rights, judge, place, vm_rights

_UNPROVABLE = (
    "assigned; not proven to be effective, because you do not hold the principal's credential "
    f"(set {proof.SECRET_VARIABLE} to prove it); Azure may take 10 minutes"
)


def check(azure: AzureSettings, store: StoreLocation) -> Outcome:
    """Which of the rights that this product needs the configured principal has, through what, and what is missing."""
    with closing(default_credential(azure)) as login, surfaces(azure, login) as (manager, directory):
        who = read.principal(directory, azure)
        facts = read.facts(manager, directory, azure, store, who)
    judgments = [judge(facts, right) for right in (*vm_rights(facts), *blob_rights(facts))]
    lines = right_lines(facts, judgments, "failed")
    if any(not one.allowed and not one.denied and one.right in vm_rights(facts) for one in judgments):
        lines.append(Line("warning", "mend", "run: invoke rbac.fix"))
    lines += _blob_advice(facts)
    return Outcome(Checked(verdict_of(judgments), False, ids(who), findings(judgments)), tuple(lines), check=True)


def fix(
    azure: AzureSettings,
    store: StoreLocation,
    wish: Wish,
    prove: Prove,
    *,
    check: bool = False,
    patience: Patience | None = None,
    watch: Watch = unwatched,
) -> Outcome:
    """Give the configured principal the rights at the VMs and prove that they work; `check` changes nothing.

    Raises ConfigError where what was asked for cannot serve, AzureError where Azure refuses it.
    """
    with closing(default_credential(azure)) as login, surfaces(azure, login) as (manager, directory):
        who = read.principal(directory, azure)
        facts = read.facts(manager, directory, azure, store, who)
        plan = decide(facts, wish, *read.wanted_role(manager, azure, wish))
        if check:
            return _outcome(facts, plan, plan.assignment, None, check=True)
        # Before the change: a wrong secret ends this here.
        make = proof.logins(azure, who, login)
        deadline = Deadline(patience or Patience())
        held = plan.assignment
        if plan.changes:
            watch(Event(plan.role.name, f"assigning on {place(plan.assignment.scope)}"))
            held = change.apply(manager, facts, plan, deadline)
            seen = _read_again(manager, directory, azure, store, facts, held, deadline, watch)
            if seen is None:
                invisible = Proof(False, f"assigned, but not visible after {deadline.waited} s")
                return _outcome(facts, plan, held, invisible)
            facts = seen
    if make is None:
        return _outcome(facts, plan, held, Proof(None, _UNPROVABLE), provable=False)
    return _outcome(facts, plan, held, proof.wait_until_effective(make, azure.vms, prove, deadline, watch))


def _read_again(
    manager: Manager,
    directory: Rest,
    azure: AzureSettings,
    store: StoreLocation,
    before: Facts,
    held: Assignment,
    deadline: Deadline,
    watch: Watch,
) -> Facts | None:
    """The facts once they show the change; None where they did not in time."""
    while True:
        facts = read.facts(manager, directory, azure, store, before.principal)
        shown = next((one for one in facts.assignments if one.id.lower() == held.id.lower()), None)
        if shown and shown.principal_type != "ServicePrincipal" and shown.principal_id == before.principal.object_id:
            raise AzureError("rbac.fix", f"{shown.principal_id} is a {shown.principal_type}", "run: invoke rbac.revoke")
        if shown and all(judge(facts, right).allowed is not False for right in vm_rights(facts)):
            return facts
        watch(Event(before.principal.object_id, f"assigned, not visible yet after {deadline.waited} s"))
        if not deadline.wait():
            return None


def _outcome(
    facts: Facts, plan: Plan, held: Assignment, proved: Proof | None, *, check: bool = False, provable: bool = True
) -> Outcome:
    judgments = [judge(facts, right) for right in (*vm_rights(facts), *blob_rights(facts))]
    assigned = plan.assign is not None and held.id == plan.assignment.id
    changed = assigned or plan.define is not None
    effective = proved.effective if proved else None
    verdict: Verdict = "passed" if proved is None or effective or not provable else "inconclusive"
    report = Fixed(
        verdict, changed, ids(facts.principal), plan.role.name, held.scope, held.id, effective, right_checks(judgments)
    )
    lines = right_lines(facts, judgments, "warning")
    if plan.define:
        lines.append(Line("changed", "role", f"{_would(check)}defined {plan.role.name}"))
    done = f"{_would(check)}assigned" if assigned else "in force"
    lines.append(
        Line(
            "changed" if assigned else "ok",
            "assignment",
            f"{done}: {plan.role.name} on {place(held.scope)} ({held.name})",
        )
    )
    if proved:
        told: Status = "ok" if effective else "failed" if provable else "skipped"
        lines.append(Line(told, "effective", proved.text))
    lines += [Line("warning", "keys", text) for text in plan.warnings]
    return Outcome(report, tuple(lines + _blob_advice(facts)), check=check)


def _would(check: bool) -> str:
    return "would be " if check else ""


def _blob_advice(facts: Facts) -> list[Line]:
    """The command that gives the rights at the store, which `rbac.fix` does not touch."""
    judgments = [judge(facts, right) for right in blob_rights(facts)]
    if not any(one.allowed is False and not one.denied for one in judgments):
        return []
    command = BLOB_ROLE_COMMAND.format(object_id=facts.principal.object_id, scope=facts.accounts.store)
    text = f"rbac.fix gives no right to blobs (none is needed with an account key); run: {command}"
    return [Line("warning", "store", text)]
