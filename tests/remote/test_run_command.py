"""One script on one VM: its output, or by name why there is none."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import msgspec
import pytest

from local.cloud.credentials import default_credential
from local.cloud.endpoints import vm_scope
from local.cloud.errors import AccessDeniedError
from local.errors import AzureError, InconclusiveError, PillarError
from local.events import Event
from remote import run_command
from remote.run_command import Patience, ScriptOutput, VirtualMachine
from remote.script import LONGEST_SCRIPT_BYTES
from tests.azure_cloud import faults
from tests.azure_cloud.faults import Fault
from tests.remote.site import ACTION, QUICK, Site


def run(site: Site, script: str = "echo hello", vm: str | None = None, patience: Patience = QUICK) -> ScriptOutput:
    with closing(default_credential(site.azure)) as login:
        return run_command.run(
            VirtualMachine(site.azure, login, vm or site.vm.name), script, site.events.append, patience
        )


def why_not(site: Site, script: str = "echo hello", vm: str | None = None, patience: Patience = QUICK) -> PillarError:
    with pytest.raises(PillarError) as refused:
        run(site, script, vm, patience)
    return refused.value


def test_a_script_s_output_comes_back_stream_by_stream(site: Site) -> None:
    output = run(site, "echo one\necho two >&2\necho '[stderr]'\nexit 3")

    assert output == ScriptOutput("one\n[stderr]\n", "two\n")


def test_every_call_speaks_the_version_of_the_api_that_every_cloud_has(site: Site) -> None:
    run(site)

    calls = [request for request in site.deployment.cloud.requests if request.surface == "arm"]
    assert [request.method for request in calls[:2]] == ["POST", "GET"]
    assert {request.query["api-version"] for request in calls} == {"2024-07-01"}


def test_a_script_of_the_longest_size_is_taken_and_a_longer_one_refused(site: Site) -> None:
    longest = "echo hello".ljust(LONGEST_SCRIPT_BYTES)

    assert run(site, longest).stdout == "hello\n"
    assert "262144 characters" in str(why_not(site, f"{longest} "))


def test_a_missing_right_is_named_with_its_scope_the_principal_and_what_mends_it(site: Site) -> None:
    site.deployment.cloud.unassign(site.right)

    error = why_not(site)

    assert isinstance(error, AccessDeniedError)
    assert (error.exit_code, error.action) == (3, ACTION)
    assert ACTION in str(error)
    assert vm_scope(site.azure, site.vm.name) in str(error)
    assert site.deployment.backup.object_id in str(error)
    assert "invoke rbac.fix" in error.mend


def test_a_wrong_client_secret_is_azure_s_refusal(site: Site) -> None:
    site.monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong~secret")

    error = why_not(site)

    assert type(error) is AzureError
    assert "AADSTS7000215" in str(error)


def test_no_answer_names_the_host(site: Site) -> None:
    nowhere = msgspec.structs.replace(site.azure.endpoints, resource_manager="https://127.0.0.1:9")
    azure = msgspec.structs.replace(site.azure, endpoints=nowhere)
    with closing(default_credential(azure)) as login, pytest.raises(AzureError, match=r"127\.0\.0\.1"):
        run_command.run(VirtualMachine(azure, login, site.vm.name), "true", site.events.append, QUICK)


def test_a_vm_that_is_not_there_is_inconclusive(site: Site) -> None:
    error = why_not(site, vm="vm-gone")

    assert isinstance(error, InconclusiveError)
    assert "was not found" in str(error)
    assert "az vm list --resource-group alai-backups-rg" in error.mend


def test_a_deallocated_vm_names_the_command_that_starts_it(site: Site) -> None:
    site.deployment.cloud.set_power(site.vm, "deallocated")

    error = why_not(site)

    assert isinstance(error, InconclusiveError)
    assert "requires the VM to be running" in str(error)
    assert error.mend == "run: az vm start --resource-group alai-backups-rg --name vm-alai-support"


@pytest.mark.parametrize(
    ("code", "message", "mend"),
    [
        (
            "OperationNotAllowed",
            "This operation cannot be performed when extension operations are disallowed.",
            "az vm update --resource-group alai-backups-rg --name vm-alai-support",
        ),
        (
            "ScopeLocked",
            "The scope 'x' cannot perform write operation because following scope(s) are locked: '/subscriptions/s'.",
            "az lock list --resource-group alai-backups-rg",
        ),
        ("OperationNotAllowed", "It is not allowed.", "look up OperationNotAllowed: "),
    ],
)
def test_a_refusal_by_the_vm_s_state_names_what_changes_that_state(
    site: Site, code: str, message: str, mend: str
) -> None:
    site.deployment.cloud.inject(faults.refusal(409, code, message).on(surface="arm", method="POST"))

    error = why_not(site)

    assert isinstance(error, InconclusiveError)
    assert message in str(error)
    assert mend in error.mend


def test_another_s_command_is_waited_for_and_that_is_told(site: Site) -> None:
    site.deployment.cloud.occupy(site.vm, 300)

    def release(event: Event) -> None:
        site.events.append(event)
        site.deployment.cloud.release(site.vm)

    with closing(default_credential(site.azure)) as login:
        output = run_command.run(VirtualMachine(site.azure, login, site.vm.name), "echo free", release, QUICK)

    assert output.stdout == "free\n"
    assert "another command is running there" in site.told()


def test_a_vm_that_stays_busy_is_given_up(site: Site) -> None:
    site.deployment.cloud.occupy(site.vm, 300)

    error = why_not(site, patience=replace(QUICK, busy=0.5))

    assert isinstance(error, InconclusiveError)
    assert "another command kept it busy" in str(error)


def test_all_the_waiting_together_has_an_end_of_its_own(site: Site) -> None:
    def release(event: Event) -> None:
        site.events.append(event)
        if "another command" in event.text:
            site.deployment.cloud.release(site.vm)

    site.deployment.cloud.occupy(site.vm, 300)
    site.deployment.cloud.inject(faults.agent_stuck())
    patience = replace(QUICK, look=0.5, total=2)
    with closing(default_credential(site.azure)) as login, pytest.raises(InconclusiveError, match="no end") as ended:
        run_command.run(VirtualMachine(site.azure, login, site.vm.name), "true", release, patience)

    waited = re.search(r"within (\d+) s", str(ended.value))
    assert waited
    assert int(waited[1]) < 2
    assert "another command is running there" in site.told()


@pytest.mark.parametrize("hang", [faults.endless_poll, faults.agent_stuck])
def test_a_poll_that_never_ends_is_ended_by_our_own_deadline(site: Site, hang: Callable[[], Fault]) -> None:
    site.deployment.cloud.inject(hang())

    error = why_not(site, patience=replace(QUICK, end=0.6))

    assert isinstance(error, InconclusiveError)
    assert "told no end of it" in str(error)
    assert "--name vm-alai-support --command-id RemoveRunCommandLinuxExtension" in error.mend
    assert "restart" not in error.mend
    assert "waiting for the VM, " in site.told()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (faults.cut_short(0.1), "cut short"),
        (faults.cut_short(0.1, text=""), "holds no output"),
        (faults.agent_failed(), "VMAgentStatusCommunicationError"),
        (faults.vm_gone(0.1), "was not found"),
        (faults.throttled(1).on(surface="arm", method="POST", times=100), "TooManyRequests"),
        (faults.server_error(500).on(surface="arm", method="POST", times=100), "HTTP 500"),
        (faults.server_error(500).on(surface="arm", path="/operations/", times=100), "HTTP 500"),
    ],
)
def test_what_ends_without_an_end_is_inconclusive(site: Site, fault: Fault, told: str) -> None:
    site.deployment.cloud.inject(fault)

    error = why_not(site, "sleep 30" if fault.kind in ("cut_short", "vm_gone") else "true")

    assert isinstance(error, InconclusiveError)
    assert error.exit_code == 4
    assert told in str(error)
    assert error.mend


def test_one_refusal_by_a_busy_azure_is_not_even_noticed(site: Site) -> None:
    site.deployment.cloud.inject(faults.throttled(1).on(surface="arm"))
    site.deployment.cloud.inject(faults.server_error(503).on(surface="arm"))

    assert run(site).stdout == "hello\n"


def test_a_vm_that_somebody_stops_meanwhile_is_inconclusive(site: Site) -> None:
    def stop(event: Event) -> None:
        if event.text.startswith("waiting"):
            site.deployment.cloud.set_power(site.vm, "deallocated")

    with closing(default_credential(site.azure)) as login, pytest.raises(InconclusiveError) as stopped:
        run_command.run(VirtualMachine(site.azure, login, site.vm.name), "sleep 60", stop, QUICK)

    assert "OperationPreempted" in str(stopped.value)
    assert "run it again" in stopped.value.mend


def test_signs_of_life_tell_the_clock_s_seconds(site: Site) -> None:
    begin = time.monotonic()
    run(site, "sleep 1.5")
    took = time.monotonic() - begin

    waits = [int(event.text.split()[-2]) for event in site.events]
    assert waits == sorted(waits)
    assert 1 <= waits[-1] <= took
