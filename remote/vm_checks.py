"""What `invoke doctor` looks at on the VMs: whether each runs, and whether python3 is there for the drill."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from local.cloud.credentials import Login, default_credential
from local.cloud.endpoints import vm_scope
from local.cloud.errors import AccessDeniedError, explain
from local.doctor.check import DoctorCheck, refused
from local.doctor.run import Precondition
from local.errors import InconclusiveError
from local.events import unwatched
from local.settings import AzureSettings
from remote import run_command
from remote.run_command import COMPUTE_API_VERSION, Patience, VirtualMachine

OLDEST_PYTHON = (3, 8)
# Azure takes half a minute for a Run Command that does nothing; another's command is not waited for long.
_PATIENCE = Patience(busy=30, end=150)
_LIMIT_SECONDS = 240.0
_POWER = "PowerState/"


def preconditions(azure: AzureSettings) -> tuple[Precondition, ...]:
    """One for each VM; one that says so where none is configured."""
    if not azure.vms or not azure.subscription or not azure.resource_group:
        missing = next(key for key in ("vm", "subscription", "resource_group") if not getattr(azure, key))
        told = f"azure.{missing} is not configured, so no drill runs on a VM"
        return (Precondition("vm", lambda: [DoctorCheck("vm", "skipped", told)]),)
    return tuple(Precondition(f"vm {name}", partial(_look, azure, name), _LIMIT_SECONDS) for name in azure.vms)


def judge_power(name: str, power: str, agent: str, group: str) -> DoctorCheck:
    """`power` as Azure has it ("running"), `agent` the display status of the VM's agent ("" where it told none)."""
    if power != "running":
        told = f"it is {power or 'in an unknown state'}, so no drill can run there"
        return DoctorCheck(f"vm {name}", "fail", told, f"az vm start --resource-group {group} --name {name}")
    if agent and agent != "Ready":
        told = f"it runs, and its agent says {agent!r}: Run Command needs the agent"
        return DoctorCheck(f"vm {name}", "warn", told, f"az vm restart --resource-group {group} --name {name}")
    return DoctorCheck(f"vm {name}", "ok", "it runs")


def judge_python(name: str, stdout: str, marker: str) -> DoctorCheck:
    """What the VM answered to `python3 -V` between two markers."""
    check = partial(DoctorCheck, f"python3 on {name}")
    mend = "install it there: apt-get install python3 (or the distribution's own package)"
    _, there, rest = stdout.partition(f"{marker} ")
    if not there:
        return check("fail", "the VM's answer was not whole", "run invoke doctor again")
    version = re.match(r"Python (\d+)\.(\d+)", rest)
    if not version:
        return check("fail", "there is none, which the drill is written in", mend)
    told = rest.splitlines()[0]
    if (int(version[1]), int(version[2])) < OLDEST_PYTHON:
        return check("fail", f"{told} is older than 3.8", mend)
    return check("ok", told)


def _look(azure: AzureSettings, name: str) -> Iterator[DoctorCheck]:
    with closing(default_credential(azure)) as login:
        try:
            power, agent = _state(azure, login, name)
            check = judge_power(name, power, agent, str(azure.resource_group))
        except AccessDeniedError as error:
            # Whether it runs, its own answer to the command tells as well.
            check = refused(f"vm {name}", error, "skipped")
        yield check
        if check.verdict == "fail":
            yield DoctorCheck(f"python3 on {name}", "skipped", "the VM does not run")
            return
        yield _python(VirtualMachine(azure, login, name))


def _state(azure: AzureSettings, login: Login, name: str) -> tuple[str, str]:
    from azure.core.exceptions import AzureError as SdkError

    try:
        with run_command.compute_client(VirtualMachine(azure, login, name)) as client:
            view = client.virtual_machines.instance_view(
                str(azure.resource_group), name, params={"api-version": COMPUTE_API_VERSION}
            )
    except SdkError as error:
        raise explain(error, f"look at the VM {name}", vm_scope(azure, name)) from None
    codes = [str(status.code) for status in view.statuses or ()]
    power = next((code.removeprefix(_POWER) for code in codes if code.startswith(_POWER)), "")
    agents = list((view.vm_agent and view.vm_agent.statuses) or ())
    return power, str(agents[0].display_status) if agents else ""


def _python(vm: VirtualMachine) -> DoctorCheck:
    marker = secrets.token_hex(8)
    script = f'printf "%s " {marker}; python3 -V 2>&1'
    try:
        return judge_python(vm.name, run_command.run(vm, script, unwatched, _PATIENCE).stdout, marker)
    except InconclusiveError as error:
        return refused(f"python3 on {vm.name}", error, "warn")
