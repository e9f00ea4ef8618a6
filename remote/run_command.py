"""Azure's classic Run Command: a script to what it wrote on the VM, or the reason why not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from local.cloud.arm_refusals import REMOVE_EXTENSION
from local.cloud.credentials import Login
from local.cloud.endpoints import endpoints_of, vm_scope
from local.cloud.errors import AccessDeniedError, explain
from local.cloud.redact import scrub
from local.cloud.transport import transport_options
from local.errors import AzureError, InconclusiveError
from local.events import Event, Watch
from local.settings import AzureSettings

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError as SdkError
    from azure.core.polling import LROPoller
    from azure.mgmt.compute import ComputeManagementClient

    Poller = LROPoller[Any]

# Each call of the SDK names the newest version that it knows, which some clouds do not have yet; this one all have.
COMPUTE_API_VERSION = "2024-07-01"
# What the agent says, in stderr's place, of a script that a reboot ended; Azure calls that a success.
_CUT_SHORT = "Last script execution didn't finish."
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Patience:
    """Seconds: between two looks at a running script (where Azure names none), between two signs of life, how long
    another's command may keep the VM busy, how long the script may take, and how long both (None: no more).
    """

    look: float = 5
    tell: float = 15
    busy: float = 10 * 60
    end: float = 10 * 60
    total: float | None = None

    def after(self, seconds: float) -> Patience:
        """What is left of it when so many seconds are over."""
        if self.total is None:
            return self
        left = max(0.0, self.total - seconds)
        return replace(self, busy=min(self.busy, left), end=min(self.end, left), total=left)


PATIENCE = Patience()


@dataclass(frozen=True)
class VirtualMachine:
    """A VM of the configured group by its name, and as whom it is reached."""

    azure: AzureSettings
    login: Login
    name: str

    @property
    def scope(self) -> str:
        """Its resource id."""
        return vm_scope(self.azure, self.name)


@dataclass(frozen=True)
class ScriptOutput:
    """What the script wrote: at most the last 4,096 bytes of each stream. Its exit code Azure tells nobody."""

    stdout: str
    stderr: str


def run(vm: VirtualMachine, script: str, watch: Watch, patience: Patience = PATIENCE) -> ScriptOutput:
    """Run a shell script as root on a VM.

    Raises AccessDeniedError where the right is missing, AzureError where Azure does not know the caller or is away, and
    InconclusiveError where the script did not run to an end that Azure told.
    """
    from azure.core.exceptions import AzureError as SdkError

    # What is not configured is told before anybody is asked to log in.
    scope = vm.scope
    try:
        with compute_client(vm) as client:
            start = time.monotonic()
            poller = _begin(client, vm, script, watch, patience.after(0))
            _await(poller, vm, watch, patience.after(time.monotonic() - start))
            result = poller.result()
    except SdkError as error:
        raise _why_not(error, vm, scope) from None
    return _output(vm.name, "".join(status.message or "" for status in result.value or ()))


@contextmanager
def compute_client(vm: VirtualMachine) -> Iterator[ComputeManagementClient]:
    """The SDK's client of the VM's subscription, as its login."""
    from azure.mgmt.compute import ComputeManagementClient

    where = endpoints_of(vm.azure)
    with ComputeManagementClient(
        vm.login,
        str(vm.azure.subscription),
        base_url=where.resource_manager,
        credential_scopes=[where.resource_manager_scope],
        **transport_options(),
    ) as client:
        yield client


def _begin(
    client: ComputeManagementClient, vm: VirtualMachine, script: str, watch: Watch, patience: Patience
) -> Poller:
    """The script is on its way; another's command is waited for, since a VM runs one at a time."""
    from azure.core.exceptions import ResourceExistsError

    # Azure joins the lines again with the same character.
    order: Any = {"commandId": "RunShellScript", "script": script.split("\n")}
    start, pause = time.monotonic(), patience.look
    while True:
        try:
            return client.virtual_machines.begin_run_command(
                str(vm.azure.resource_group),
                vm.name,
                order,
                polling_interval=patience.look,
                params={"api-version": COMPUTE_API_VERSION},
            )
        except ResourceExistsError as error:
            if _code(error) != "Conflict":
                raise
        waited = time.monotonic() - start
        if waited + pause > patience.busy:
            raise InconclusiveError(
                _doing(vm.name),
                f"another command kept it busy for {waited:.0f} s, and a VM runs one at a time",
                "wait until that one has ended (90 minutes at most), then run it again",
            )
        watch(Event(vm.name, f"another command is running there, waited {waited:.0f} s"))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _await(poller: Poller, vm: VirtualMachine, watch: Watch, patience: Patience) -> None:
    """Return when the script has ended as Azure sees it; the poller looks from a thread of its own."""
    start = time.monotonic()
    while not poller.done():
        waited = time.monotonic() - start
        if waited >= patience.end:
            raise InconclusiveError(_doing(vm.name), f"Azure told no end of it within {waited:.0f} s", _unstick(vm))
        poller.wait(min(patience.tell, patience.end - waited))
        if not poller.done():
            watch(Event(vm.name, f"waiting for the VM, {int(time.monotonic() - start)} s"))


def _output(vm: str, message: str) -> ScriptOutput:
    """The streams in the agent's report: "Enable succeeded: \n[stdout]\n…\n[stderr]\n…"."""
    _, out_mark, rest = message.partition("[stdout]\n")
    stdout, err_mark, stderr = rest.rpartition("\n[stderr]\n")
    if _CUT_SHORT in (stderr if err_mark else message):
        raise InconclusiveError(_doing(vm), "the script was cut short, as by a reboot of the VM", "run it again")
    if not out_mark or not err_mark:
        told = f"Azure's answer holds no output: {scrub(message)[:300]!r}"
        raise InconclusiveError(_doing(vm), told, "run it again")
    return ScriptOutput(stdout, stderr)


def _why_not(error: SdkError, vm: VirtualMachine, scope: str) -> AzureError | InconclusiveError:
    """Who is refused or gets no answer must mend that; all else says that the VM could not do it this time."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    explained = explain(error, _doing(vm.name), scope)
    answered = isinstance(error, HttpResponseError) and not isinstance(error, ClientAuthenticationError)
    if not answered or isinstance(explained, AccessDeniedError):
        return explained
    return InconclusiveError(_doing(vm.name), explained.came_back, explained.mend)


def _doing(vm: str) -> str:
    return f"run a command on {vm}"


def _unstick(vm: VirtualMachine) -> str:
    return REMOVE_EXTENSION.format(group=vm.azure.resource_group, vm=vm.name)


def _code(error: SdkError) -> str:
    return str(getattr(getattr(error, "error", None), "code", None) or "")
