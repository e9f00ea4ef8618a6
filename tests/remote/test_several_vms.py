"""Several VMs share the work, and take over from each other."""

from __future__ import annotations

import threading

from local.drill import bundle
from tests.azure_cloud import faults
from tests.remote.site import Site

NAMES = ["costs", "hivemind", "knowledge", "mission-control"]


def test_all_vms_run_at_the_same_time_and_the_report_names_them(site: Site) -> None:
    site.back_up(NAMES)
    site.add_vm("vm-b")
    site.add_vm("vm-c")

    report = site.drill(vms=["vm-alai-support", "vm-b", "vm-c"])

    assert (report.drill.verdict, report.drill.host) == ("passed", "vm-alai-support, vm-b, vm-c")
    assert [one.name for one in report.databases] == NAMES
    assert sorted(script.vm for script in site.deployment.cloud.scripts) == ["vm-alai-support", "vm-b", "vm-c"]


def test_the_first_program_of_a_process_is_made_while_all_vms_wait_for_it(site: Site) -> None:
    vms = [f"vm-{number}" for number in range(6)]
    site.back_up(vms)
    for vm in vms:
        site.add_vm(vm)
    bundle._program_source.cache_clear()

    assert site.drill(vms=vms).drill.verdict == "passed", site.told()


def test_one_that_cannot_run_passes_its_share_on(site: Site) -> None:
    site.back_up(NAMES)
    site.deployment.cloud.set_power(site.vm, "deallocated")
    site.add_vm("vm-b")
    site.add_vm("vm-bare", programs=())

    report = site.drill(vms=["vm-alai-support", "vm-b", "vm-bare", "vm-nowhere"])

    assert (report.drill.verdict, report.drill.host, report.drill.fallback) == ("passed", "vm-b", None)
    assert [one.verdict for one in report.databases] == ["passed"] * 4
    assert "vm-alai-support: could not drill" in site.told()
    assert "has no python3" in site.told()


def test_only_when_none_is_left_nothing_is_proven_and_all_reasons_are_told(site: Site) -> None:
    site.back_up(NAMES[:2])
    site.deployment.cloud.set_power(site.vm, "deallocated")
    site.add_vm("vm-bare", programs=())

    report = site.drill(vms=["vm-alai-support", "vm-bare"])

    assert report.drill.verdict == "inconclusive"
    for one in report.databases:
        assert "az vm start" in one.steps[0].detail
        assert "has no python3" in one.steps[0].detail


def test_a_vm_that_fails_in_the_second_round_too_leaves_the_first_round_s_verdicts(site: Site) -> None:
    site.back_up(NAMES[:2])
    site.add_vm("vm-b")
    site.deployment.cloud.inject(faults.agent_failed().on(path="vm-b"))
    second = threading.Event()

    def fail_again(event: object) -> None:
        if "vm-b" in str(event) and "could not drill" in str(event):
            site.deployment.cloud.inject(faults.agent_failed().on(path="vm-alai-support"))
            second.set()

    report = site.drill(vms=["vm-alai-support", "vm-b"], watch=fail_again)

    assert second.is_set()
    assert report.drill.verdict == "inconclusive"
    assert sorted(one.verdict for one in report.databases) == ["inconclusive", "passed"]
    assert report.drill.host == "vm-alai-support"
