"""`invoke rbac.fix`: facts, decision, change, the facts again, and the proof."""

from __future__ import annotations

from dataclasses import dataclass, replace

from local.errors import AzureError
from local.location import ContainerLocation
from local.report import worst
from local.settings import AzureSettings, StoreSettings
from rbac import arm, proof, read_facts, store_proof
from rbac.apply import apply
from rbac.clients import Clients, open_clients
from rbac.evaluate import Right, describe_scope, judge, needed_rights, vm_rights
from rbac.facts import Assignment, Facts, Principal
from rbac.plan import FixOptions, Plan, decide
from rbac.proof import MakeLogin, Proof, Prove
from rbac.propagation import Deadline, Propagation
from rbac.result import FixReport, Line, Outcome, Status, principal_ids, right_checks, right_lines, store_lines
from rbac.store_plan import decide_store, require_container

_NO_CREDENTIAL = Proof(
    None,
    "assigned; not proven to be effective, because you do not hold the principal's credential "
    f"(set {proof.SECRET_VARIABLE} to prove it); Azure may take 10 minutes",
    tried=False,
)


@dataclass(frozen=True)
class _Grant:
    """A planned assignment, and the one that is in force after it."""

    plan: Plan
    held: Assignment

    @property
    def made(self) -> bool:
        """Whether this run made the assignment (or would make it)."""
        return self.plan.assign is not None and self.held.id == self.plan.assignment.id


@dataclass(frozen=True)
class _FixTarget:
    """What one run works on: the configured VMs and store, through the clients of whoever is logged in."""

    clients: Clients
    azure: AzureSettings
    store: StoreSettings
    options: FixOptions

    def facts(self, principal: Principal) -> Facts:
        """What the principal holds at this moment."""
        return read_facts.facts_at_vms(self.clients, self.azure, self.store.location, principal)

    def plan(self) -> tuple[Facts, tuple[Plan, ...]]:
        """What the configured principal holds, and the changes that give it what is missing, the VM's first."""
        facts = self.facts(read_facts.configured_principal(self.clients, self.azure))
        at_vms = decide(facts, self.options, *read_facts.wanted_role(self.clients, self.azure, self.options))
        if not self.options.store:
            return facts, (at_vms,)
        container, _ = require_container(self.store.location, facts.accounts)
        immutable = arm.container_is_immutable(self.clients, container)
        facts = replace(facts, accounts=replace(facts.accounts, immutable=immutable))
        roles = read_facts.store_roles(self.clients, container)
        return facts, (at_vms, *decide_store(facts, self.store.location, *roles))

    def rights(self, facts: Facts) -> tuple[Right, ...]:
        """The rights that this run is about."""
        return needed_rights(facts) if self.options.store else vm_rights(facts)

    def proofs(
        self, planned: Facts, make_login: MakeLogin | None, prove: Prove, deadline: Deadline
    ) -> tuple[Proof, ...]:
        """Whether what was assigned works, seen as the principal itself; the store first, which takes less time."""
        if make_login is None:
            return (_NO_CREDENTIAL,)
        at_store = self._proofs_at_store(planned, make_login, deadline)
        return (proof.wait_until_effective(make_login, self.azure.vms, prove, deadline), *at_store)

    def _proofs_at_store(self, planned: Facts, make_login: MakeLogin, deadline: Deadline) -> tuple[Proof, ...]:
        location = self.store.location
        if not self.options.store or not isinstance(location, ContainerLocation):
            return ()
        if planned.accounts.immutable:
            return (store_proof.NOT_TRIED,)
        return (store_proof.wait_until_usable(make_login, location, self.store.prefix, deadline),)


def preview(azure: AzureSettings, store: StoreSettings, options: FixOptions) -> Outcome:
    """What `fix` would change, from the same facts by the same decision; changes nothing and proves nothing.

    Raises ConfigError where what was asked for cannot serve, AzureError where Azure refuses to tell.
    """
    with open_clients(azure) as clients:
        facts, plans = _FixTarget(clients, azure, store, options).plan()
    return _outcome(facts, tuple(_Grant(plan, plan.assignment) for plan in plans), (), check=True)


def fix(
    azure: AzureSettings, store: StoreSettings, options: FixOptions, prove: Prove, propagation: Propagation
) -> Outcome:
    """Give the configured principal the rights at the VMs (and at the store), and prove that they work.

    `prove` runs a command on a VM. Raises ConfigError where what was asked for cannot serve, AzureError where Azure
    refuses it.
    """
    with open_clients(azure) as clients:
        target = _FixTarget(clients, azure, store, options)
        planned, plans = target.plan()
        facts = planned
        # Before the change: a wrong secret ends this here.
        make_login = proof.principal_logins(azure, facts.principal, clients.login)
        deadline = Deadline(propagation)
        grants = tuple(_Grant(plan, _carry_out(clients, facts, plan, deadline)) for plan in plans)
        if any(plan.changes for plan in plans):
            seen = _wait_until_visible(target, facts.principal, grants, deadline)
            if seen is None:
                unseen = Proof(False, f"assigned, but not visible after {deadline.waited} s")
                return _outcome(facts, grants, (unseen,))
            facts = seen
    return _outcome(facts, grants, target.proofs(planned, make_login, prove, deadline))


def _carry_out(clients: Clients, facts: Facts, plan: Plan, deadline: Deadline) -> Assignment:
    if not plan.changes:
        return plan.assignment
    deadline.tell(plan.role.name, f"assigning on {describe_scope(plan.assignment.scope)}")
    return apply(clients, facts, plan, deadline)


def _wait_until_visible(
    target: _FixTarget, principal: Principal, grants: tuple[_Grant, ...], deadline: Deadline
) -> Facts | None:
    """The facts once they show the assignments and the rights that they give; None where they did not in time."""
    wanted = {grant.held.id.lower() for grant in grants}
    while True:
        facts = target.facts(principal)
        shown = [found for found in facts.assignments if found.id.lower() in wanted]
        for found in shown:
            if found.principal_type != "ServicePrincipal" and found.principal_id == principal.object_id:
                mend = f"run: invoke rbac.revoke{' --store' if target.options.store else ''}"
                raise AzureError("rbac.fix", f"{found.principal_id} is a {found.principal_type}", mend)
        held = all(judge(facts, right).allowed is not False for right in target.rights(facts))
        if held and wanted == {found.id.lower() for found in shown}:
            return facts
        deadline.tell(principal.object_id, f"assigned, not visible yet after {deadline.waited} s")
        if not deadline.wait():
            return None


def _outcome(facts: Facts, grants: tuple[_Grant, ...], proofs: tuple[Proof, ...], *, check: bool = False) -> Outcome:
    judgments = [judge(facts, right) for right in needed_rights(facts)]
    at_vms = grants[0]
    report = FixReport(
        worst(proved.verdict for proved in proofs) if proofs else "passed",
        any(grant.made or grant.plan.define for grant in grants),
        principal_ids(facts.principal),
        at_vms.plan.role.name,
        at_vms.held.scope,
        at_vms.held.id,
        _effective(proofs),
        right_checks(judgments),
    )
    lines = right_lines(facts, judgments, "warning")
    for grant in grants:
        lines += _grant_lines(grant, "would be " if check else "")
    lines += [_proof_line(proved) for proved in proofs]
    lines += [Line("warning", "keys", text) for text in at_vms.plan.warnings]
    return Outcome(report, tuple(lines + ([] if len(grants) > 1 else store_lines(facts))), check=check)


def _effective(proofs: tuple[Proof, ...]) -> bool | None:
    """False where one was disproven, None where one is not known, else True."""
    seen = {proved.effective for proved in proofs}
    return False if False in seen else True if seen == {True} else None


def _grant_lines(grant: _Grant, would: str) -> list[Line]:
    lines = []
    if grant.plan.define:
        lines.append(Line("changed", "role", f"{would}defined {grant.plan.role.name}"))
    where = f"{grant.plan.role.name} on {describe_scope(grant.held.scope)} ({grant.held.name})"
    if grant.made:
        return [*lines, Line("changed", "assignment", f"{would}assigned: {where}")]
    return [*lines, Line("ok", "assignment", f"in force: {where}")]


def _proof_line(proved: Proof) -> Line:
    if not proved.tried:
        return Line("skipped", proved.subject, proved.text)
    status: Status = "ok" if proved.effective else "failed"
    return Line(status, proved.subject, proved.text)
