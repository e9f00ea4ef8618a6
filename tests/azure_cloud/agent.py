"""The VM's agent: really runs a Run Command script, and tells of it no more than the real one does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.azure_cloud.faults import Fault
from tests.azure_cloud.state import TenantState, VirtualMachine

TAIL = 4096
LIMIT_SECONDS = 5400.0


@dataclass(frozen=True)
class ScriptRun:
    """What ran on a VM, for tests to look at; Azure tells nobody the exit code."""

    vm: str
    script: str
    folder: Path
    returncode: int
    stdout: bytes
    stderr: bytes


@dataclass
class Operation:
    """A run command as ARM sees it. It ends when `status` leaves InProgress; some never do."""

    id: str
    vm: VirtualMachine
    started_at: float
    fault: Fault | None
    status: str = "InProgress"
    message: str = ""
    error: tuple[str, str] | None = None
    ended_at: float = 0.0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        """The kind of the fault that strikes it; empty where none does."""
        return self.fault.kind if self.fault else ""

    def end(self, state: TenantState, status: str, message: str = "", error: tuple[str, str] | None = None) -> None:
        """End it once; a status that comes after the first is lost, as in Azure."""
        with state.lock:
            if self.status == "InProgress":
                self.message, self.error, self.ended_at, self.status = message, error, state.now(), status

    def kill(self) -> None:
        """Kill the script and all that it started."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Agent:
    """All the VMs' agents: one script at a time on each VM."""

    # A fork in another thread may hold a script open for writing, and the kernel then refuses to run it.
    _forking = threading.Lock()

    def __init__(self, state: TenantState) -> None:
        self.state = state
        self.operations: dict[str, Operation] = {}
        self.runs: list[ScriptRun] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    def running_on(self, vm: VirtualMachine) -> Operation | None:
        """The operation that keeps this VM busy."""
        busy = (operation for operation in list(self.operations.values()) if operation.status == "InProgress")
        return next((operation for operation in busy if operation.vm.id.lower() == vm.id.lower()), None)

    def start(self, vm: VirtualMachine, script: str, fault: Fault | None) -> Operation:
        """Run a script on the VM; the operation is there at once, and ends when the script does."""
        return self._begin(vm, fault, lambda operation: self._run(operation, script))

    def occupy(self, vm: VirtualMachine, seconds: float) -> Operation:
        """Somebody else's command runs on the VM for so long."""

        def idle(operation: Operation) -> None:
            self._stopping.wait(seconds)
            operation.end(self.state, "Succeeded", _message(b"", b""))

        return self._begin(vm, None, idle)

    def interrupt(self, vm: VirtualMachine, status: str, error: tuple[str, str]) -> None:
        """What runs on the VM dies, and its operation ends like this."""
        operation = self.running_on(vm)
        if operation is not None:
            operation.end(self.state, status, error=error)
            operation.kill()

    def settle(self, vm: VirtualMachine, seconds: float) -> bool:
        """Wait until nothing runs on the VM; tells whether that came true in time."""
        deadline = time.monotonic() + seconds
        while self.running_on(vm) is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def stop(self) -> None:
        """Kill every script and wait until nothing runs any more."""
        self._stopping.set()
        for operation in list(self.operations.values()):
            operation.kill()
        for thread in self._threads:
            thread.join()

    def _begin(self, vm: VirtualMachine, fault: Fault | None, work: Callable[[Operation], None]) -> Operation:
        operation = Operation(str(uuid.uuid4()), vm, self.state.now(), fault)
        self.operations[operation.id] = operation
        if operation.kind == "agent_stuck":
            return operation
        thread = threading.Thread(target=work, args=(operation,), name=f"agent of {vm.name}")
        self._threads.append(thread)
        thread.start()
        return operation

    def _run(self, operation: Operation, script: str) -> None:
        if operation.kind == "agent_failed":
            operation.end(self.state, "Failed", error=_no_agent(operation.vm))
            return
        folder = _fresh_folder(operation.vm)
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            operation.process = self._spawn(operation.vm, folder, script, out.fileno(), err.fileno())
            self._await(operation)
        stdout, stderr = (folder / "stdout").read_bytes(), (folder / "stderr").read_bytes()
        code = operation.process.returncode
        self.runs.append(ScriptRun(operation.vm.name, script, folder, code, stdout, stderr))
        self._conclude(operation, stdout, stderr)

    def _spawn(self, vm: VirtualMachine, folder: Path, script: str, out: int, err: int) -> subprocess.Popen[bytes]:
        with self._forking:
            path = folder / "script.sh"
            path.write_text(script)
            path.chmod(0o500)
            return subprocess.Popen(
                ["/bin/sh", "-c", str(path)],
                cwd=folder,
                env={"PATH": vm.path, **vm.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def _await(self, operation: Operation) -> None:
        """Wait for the script's end, or end it at the instant that a fault names."""
        assert operation.process is not None
        early = operation.fault is not None and operation.kind in ("cut_short", "vm_gone")
        seconds = operation.fault.seconds if operation.fault is not None and early else LIMIT_SECONDS
        try:
            if self._stopping.is_set():
                operation.kill()
            operation.process.wait(seconds)
        except subprocess.TimeoutExpired:
            operation.kill()
            operation.process.wait()

    def _conclude(self, operation: Operation, stdout: bytes, stderr: bytes) -> None:
        match operation.fault:
            case Fault(kind="endless_poll"):
                return
            case Fault(kind="cut_short", text=text):
                operation.end(self.state, "Succeeded", f"Enable succeeded: \n{text}")
            case Fault(kind="vm_gone"):
                operation.end(self.state, "Failed", error=_no_machine(operation.vm))
                with self.state.lock:
                    self.state.machines.pop(operation.vm.id.lower(), None)
            case Fault(kind="replaced_output", text=text):
                operation.end(self.state, "Succeeded", _message(text.encode(), stderr))
            case Fault(kind="truncated_output", count=count):
                operation.end(
                    self.state, "Succeeded", _message(stdout[len(stdout) - min(count, len(stdout)) :], stderr)
                )
            case Fault(kind="altered_output", text="stdout"):
                operation.end(self.state, "Succeeded", _message(_altered(stdout), stderr))
            case Fault(kind="altered_output"):
                operation.end(self.state, "Succeeded", _message(stdout, _altered(stderr)))
            case _:
                operation.end(self.state, "Succeeded", _message(stdout, stderr))


def _fresh_folder(vm: VirtualMachine) -> Path:
    base = vm.home / "download"
    base.mkdir(parents=True, exist_ok=True)
    folder = base / str(len(list(base.iterdir())))
    folder.mkdir(mode=0o700)
    return folder


def _message(stdout: bytes, stderr: bytes) -> str:
    """The agent's report, as it is: the last bytes of each stream and nothing of the exit code."""
    out, err = (stream[-TAIL:].decode("utf-8", "replace") for stream in (stdout, stderr))
    return f"Enable succeeded: \n[stdout]\n{out}\n[stderr]\n{err}"


def _altered(stream: bytes) -> bytes:
    """The stream with another character before its last line break."""
    return stream[:-2] + (b"a" if stream[-2:-1] != b"a" else b"b") + stream[-1:]


def _no_agent(vm: VirtualMachine) -> tuple[str, str]:
    return (
        "VMAgentStatusCommunicationError",
        f"VM '{vm.name}' has not reported status for VM agent or extensions. Verify that the OS is up and healthy, the "
        "VM has a running VM agent, and that it can establish outbound connections to Azure storage.",
    )


def _no_machine(vm: VirtualMachine) -> tuple[str, str]:
    return (
        "ResourceNotFound",
        f"The Resource 'Microsoft.Compute/virtualMachines/{vm.name}' under resource group '{vm.group.name}' was not "
        "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )
