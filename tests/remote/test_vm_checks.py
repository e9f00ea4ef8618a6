"""What the doctor says of the VMs: whether each runs, and whether the drill finds its python3."""

from __future__ import annotations

import pytest

from local.doctor.check import DoctorCheck
from local.doctor.run import examine
from local.settings import AzureSettings
from remote import run_command, vm_checks
from remote.run_command import Patience
from remote.vm_checks import judge_power, judge_python
from tests.azure_cloud.settings import settings_of
from tests.remote.site import ACTION, Site


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm_checks, "_PATIENCE", Patience(look=0.05, tell=0.2, busy=0.2, end=60))


def looked_at(azure: AzureSettings) -> dict[str, DoctorCheck]:
    return {check.name: check for check in examine(vm_checks.preconditions(azure), lambda _: None).checks}


@pytest.mark.parametrize(
    ("power", "agent", "verdict", "mend"),
    [
        ("running", "Ready", "ok", ""),
        ("running", "", "ok", ""),
        ("running", "Not Ready", "warn", "az vm restart --resource-group rg --name vm"),
        ("deallocated", "", "fail", "az vm start --resource-group rg --name vm"),
        ("", "", "fail", "az vm start --resource-group rg --name vm"),
    ],
)
def test_the_power_is_judged(power: str, agent: str, verdict: str, mend: str) -> None:
    check = judge_power("vm", power, agent, "rg")

    assert (check.verdict, check.mend) == (verdict, mend)


@pytest.mark.parametrize(
    ("stdout", "verdict", "told"),
    [
        ("m Python 3.8.10\n", "ok", "Python 3.8.10"),
        ("m Python 3.12.3\nmore", "ok", "Python 3.12.3"),
        ("m Python 3.7.3\n", "fail", "older than 3.8"),
        ("m Python 2.7.18\n", "fail", "older than 3.8"),
        ("m sh: 1: python3: not found\n", "fail", "there is none"),
        ("", "fail", "not whole"),
        ("Python 3.12.3\n", "fail", "not whole"),
    ],
)
def test_the_answer_to_python3_is_judged(stdout: str, verdict: str, told: str) -> None:
    check = judge_python("vm", stdout, "m")

    assert check.verdict == verdict
    assert told in check.message


@pytest.mark.parametrize(
    ("azure", "told"),
    [
        (AzureSettings(), "azure.vm is not configured"),
        (AzureSettings(vm="vm"), "azure.subscription is not configured"),
        (AzureSettings(vm="vm", subscription="s"), "azure.resource_group is not configured"),
    ],
)
def test_what_is_not_configured_is_skipped_with_its_key(azure: AzureSettings, told: str) -> None:
    checks = looked_at(azure)

    assert checks["vm"].verdict == "skipped"
    assert told in checks["vm"].message


def test_each_vm_is_asked_and_a_stopped_one_and_one_without_python_fail(site: Site) -> None:
    bare = site.deployment.cloud.add_vm(site.deployment.group, "bare", programs=())
    off = site.add_vm("off")
    site.deployment.cloud.set_power(off, "deallocated")

    checks = looked_at(settings_of(site.deployment, vm=(site.vm.name, bare.name, off.name)))

    assert {name: check.verdict for name, check in checks.items()} == {
        "vm vm-alai-support": "ok",
        "python3 on vm-alai-support": "ok",
        "vm bare": "ok",
        "python3 on bare": "fail",
        "vm off": "fail",
        "python3 on off": "skipped",
    }
    assert checks["python3 on vm-alai-support"].message.startswith("Python 3.")
    assert "az vm start" in checks["vm off"].mend
    assert site.deployment.cloud.writes() == []


def test_without_the_right_it_is_told_which_is_missing_and_how_it_is_given(site: Site) -> None:
    site.deployment.cloud.unassign(site.right)
    site.deployment.cloud.assign(site.deployment.backup, "Reader", site.deployment.group)

    checks = looked_at(site.azure)

    assert checks["vm vm-alai-support"].verdict == "fail"
    assert ACTION in checks["vm vm-alai-support"].message
    assert "invoke rbac.fix" in checks["vm vm-alai-support"].mend


def test_a_busy_vm_is_a_warning(site: Site) -> None:
    site.deployment.cloud.occupy(site.vm, 30)

    checks = looked_at(site.azure)
    site.deployment.cloud.release(site.vm)

    assert checks["python3 on vm-alai-support"].verdict == "warn"
    assert "another command kept it busy" in checks["python3 on vm-alai-support"].message
    assert run_command.PATIENCE.busy > 0
