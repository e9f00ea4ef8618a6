"""`invoke rbac.fix`: facts, decision, change, the facts again, and the proof."""

from __future__ import annotations

from dataclasses import dataclass

from local.errors import AzureError
from local.location import StoreLocation
from local.settings import AzureSettings
from rbac import proof, read_facts
from rbac.apply import apply
from rbac.clients import Clients, open_clients
from rbac.evaluate import describe_scope, judge, needed_rights, vm_rights
from rbac.facts import Assignment, Facts, Principal
from rbac.plan import FixOptions, Plan, decide
from rbac.proof import Proof, Prove
from rbac.propagation import Deadline, Propagation
from rbac.result import FixReport, Line, Outcome, Status, principal_ids, right_checks, right_lines, store_lines

_NO_CREDENTIAL = Proof(
    None,
    "assigned; not proven to be effective, because you do not hold the principal's credential "
    f"(set {proof.SECRET_VARIABLE} to prove it); Azure may take 10 minutes",
    tried=False,
)


@dataclass(frozen=True)
class _FixTarget:
    """What one run works on: the configured VMs and store, through the clients of whoever is logged in."""

    clients: Clients
    azure: AzureSettings
    store: StoreLocation

    def facts(self, principal: Principal) -> Facts:
        """What the principal holds at this moment."""
        return read_facts.facts_at_vms(self.clients, self.azure, self.store, principal)

    def plan(self, options: FixOptions) -> tuple[Facts, Plan]:
        """What the configured principal holds, and the change that gives it what is missing."""
        facts = self.facts(read_facts.configured_principal(self.clients, self.azure))
        return facts, decide(facts, options, *read_facts.wanted_role(self.clients, self.azure, options))


def preview(azure: AzureSettings, store: StoreLocation, options: FixOptions) -> Outcome:
    """What `fix` would change, from the same facts by the same decision; changes nothing and proves nothing.

    Raises ConfigError where what was asked for cannot serve, AzureError where Azure refuses to tell.
    """
    with open_clients(azure) as clients:
        facts, plan = _FixTarget(clients, azure, store).plan(options)
    return _outcome(facts, plan, plan.assignment, None, check=True)


def fix(
    azure: AzureSettings, store: StoreLocation, options: FixOptions, prove: Prove, propagation: Propagation
) -> Outcome:
    """Give the configured principal the rights at the VMs and prove, by `prove`, that they work.

    Raises ConfigError where what was asked for cannot serve, AzureError where Azure refuses it.
    """
    with open_clients(azure) as clients:
        target = _FixTarget(clients, azure, store)
        facts, plan = target.plan(options)
        # Before the change: a wrong secret ends this here.
        make_login = proof.principal_logins(azure, facts.principal, clients.login)
        deadline = Deadline(propagation)
        held = plan.assignment
        if plan.changes:
            deadline.tell(plan.role.name, f"assigning on {describe_scope(plan.assignment.scope)}")
            held = apply(clients, facts, plan, deadline)
            seen = _wait_until_visible(target, facts.principal, held, deadline)
            if seen is None:
                return _outcome(facts, plan, held, Proof(False, f"assigned, but not visible after {deadline.waited} s"))
            facts = seen
    if make_login is None:
        return _outcome(facts, plan, held, _NO_CREDENTIAL)
    return _outcome(facts, plan, held, proof.wait_until_effective(make_login, azure.vms, prove, deadline))


def _wait_until_visible(target: _FixTarget, principal: Principal, held: Assignment, deadline: Deadline) -> Facts | None:
    """The facts once they show the assignment and the rights that it gives; None where they did not in time."""
    while True:
        facts = target.facts(principal)
        shown = next((found for found in facts.assignments if found.id.lower() == held.id.lower()), None)
        if shown and shown.principal_type != "ServicePrincipal" and shown.principal_id == principal.object_id:
            raise AzureError("rbac.fix", f"{shown.principal_id} is a {shown.principal_type}", "run: invoke rbac.revoke")
        if shown and all(judge(facts, right).allowed is not False for right in vm_rights(facts)):
            return facts
        deadline.tell(principal.object_id, f"assigned, not visible yet after {deadline.waited} s")
        if not deadline.wait():
            return None


def _outcome(facts: Facts, plan: Plan, held: Assignment, proved: Proof | None, *, check: bool = False) -> Outcome:
    judgments = [judge(facts, right) for right in needed_rights(facts)]
    assigned = plan.assign is not None and held.id == plan.assignment.id
    report = FixReport(
        proved.verdict if proved else "passed",
        assigned or plan.define is not None,
        principal_ids(facts.principal),
        plan.role.name,
        held.scope,
        held.id,
        proved.effective if proved else None,
        right_checks(judgments),
    )
    lines = right_lines(facts, judgments, "warning")
    would = "would be " if check else ""
    if plan.define:
        lines.append(Line("changed", "role", f"{would}defined {plan.role.name}"))
    where = f"{plan.role.name} on {describe_scope(held.scope)} ({held.name})"
    if assigned:
        lines.append(Line("changed", "assignment", f"{would}assigned: {where}"))
    else:
        lines.append(Line("ok", "assignment", f"in force: {where}"))
    if proved:
        lines.append(_proof_line(proved))
    lines += [Line("warning", "keys", text) for text in plan.warnings]
    return Outcome(report, tuple(lines + store_lines(facts)), check=check)


def _proof_line(proved: Proof) -> Line:
    if not proved.tried:
        return Line("skipped", "effective", proved.text)
    status: Status = "ok" if proved.effective else "failed"
    return Line(status, "effective", proved.text)
