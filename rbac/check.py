"""`invoke rbac.check`: the facts, and each right judged by them."""

from __future__ import annotations

from local.location import StoreLocation
from local.settings import AzureSettings
from rbac import read_facts
from rbac.clients import open_clients
from rbac.evaluate import judge, needed_rights, vm_rights
from rbac.result import CheckReport, Line, Outcome, findings, principal_ids, right_lines, store_lines, verdict_of


def check(azure: AzureSettings, store: StoreLocation) -> Outcome:
    """Which of the rights that this product needs the configured principal has, through what, and what is missing.

    Raises ConfigError where the configuration names what is not there, AzureError where Azure refuses to tell.
    """
    with open_clients(azure) as clients:
        principal = read_facts.configured_principal(clients, azure)
        facts = read_facts.facts_at_vms(clients, azure, store, principal)
    judgments = [judge(facts, right) for right in needed_rights(facts)]
    lines = right_lines(facts, judgments, "failed")
    at_vms = [judgment for judgment in judgments if judgment.right in vm_rights(facts)]
    if any(not judgment.allowed and not judgment.denied for judgment in at_vms):
        lines.append(Line("warning", "mend", "run: invoke rbac.fix"))
    lines += store_lines(facts)
    report = CheckReport(verdict_of(judgments), False, principal_ids(principal), findings(judgments))
    return Outcome(report, tuple(lines), check=True)
