"""The stand-in for Entra, Microsoft Graph and Azure Resource Manager, driven by a test in the same process."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from tests.azure_cloud import arm_assignments, arm_compute, arm_resources, arm_roles, certificates, entra, graph
from tests.azure_cloud.agent import Agent, Operation, ScriptRun
from tests.azure_cloud.arm import Router
from tests.azure_cloud.faults import ON_THE_WIRE, Fault, FaultQueue
from tests.azure_cloud.listener import Listener
from tests.azure_cloud.provisioning import Provisioning
from tests.azure_cloud.roles import BUILT_IN
from tests.azure_cloud.state import ServicePrincipal, TenantState, VirtualMachine
from tests.azure_cloud.tokens import TokenService
from tests.azure_cloud.wire import (
    RecordedRequest,
    RefusedError,
    Request,
    Response,
    arm_error,
    graph_error,
    wait_headers,
)

_ROUTES = (*arm_resources.ROUTES, *arm_compute.ROUTES, *arm_assignments.ROUTES, *arm_roles.ROUTES)


class AzureCloud(Provisioning):
    """One tenant of Azure on loopback: `with AzureCloud(tmp_path) as cloud:`.

    `authority`, `resource_manager` and `graph` are its endpoints; `certificates.ca` is what clients must trust.
    """

    def __init__(self, root: Path, *, tenant: str | None = None) -> None:
        state = TenantState((tenant or str(uuid.uuid4())).lower(), roles={role.name: role for role in BUILT_IN})
        super().__init__(root, state)
        self.certificates = certificates.issue(root / "certificates")
        self.faults = FaultQueue()
        self.agent = Agent(state)
        self.tokens = TokenService(state)
        self.requests: list[RecordedRequest] = []
        self._stopping = threading.Event()
        self._stack = ExitStack()
        context = self.certificates.server_context()
        self._listeners = {name: Listener(name, context, self._answer) for name in ("entra", "graph", "arm")}
        self.authority = self._listeners["entra"].url
        self.graph = self._listeners["graph"].url
        self.resource_manager = self._listeners["arm"].url
        self._surfaces = self._handlers()

    def _handlers(self) -> dict[str, Callable[[Request], Response]]:
        arm = frozenset({self.resource_manager, "https://management.azure.com", "https://management.core.windows.net"})
        directory = frozenset({self.graph, "https://graph.microsoft.com"})
        known = arm | directory | {"https://storage.azure.com"}
        router = Router(_ROUTES, arm, self.authority)
        return {
            "entra": lambda request: entra.handle(self.tokens, known, request),
            "graph": lambda request: graph.handle(self.tokens, directory, request),
            "arm": lambda request: router.handle(self.tokens, self.agent, self.faults, request),
        }

    def __enter__(self) -> AzureCloud:
        for listener in self._listeners.values():
            self._stack.enter_context(listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self.agent.stop()
        self._stack.close()

    # What a test asks

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        return self.state.tenant

    @property
    def scripts(self) -> list[ScriptRun]:
        """Every script that a VM ran to some end, oldest first."""
        return self.agent.runs

    def writes(self) -> list[RecordedRequest]:
        """The requests that change the control plane; a run command is not one of them."""
        return [
            request
            for request in self.requests
            if request.surface == "arm" and request.method in ("PUT", "PATCH", "DELETE")
        ]

    def secrets(self) -> list[str]:
        """Everything that must not turn up in any output: client secrets, account keys, tokens."""
        held = [principal.secret for principal in self.state.principals.values()]
        return [*held, *(account.key for account in self.state.storage.values()), *self.tokens.texts]

    def trust_environment(self) -> dict[str, str]:
        """Makes the SDKs, urllib and OpenSSL trust this CA."""
        return {name: str(self.certificates.ca) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}

    def credential_environment(self, principal: ServicePrincipal) -> dict[str, str]:
        """DefaultAzureCredential of this principal."""
        return {
            "AZURE_TENANT_ID": self.tenant,
            "AZURE_CLIENT_ID": principal.app_id,
            "AZURE_CLIENT_SECRET": principal.secret,
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        }

    def managed_identity_environment(self, principal: ServicePrincipal) -> dict[str, str]:
        """Makes the principal the identity of the App Service that we seem to run in."""
        return {"IDENTITY_ENDPOINT": f"{self.authority}/msi/token", "IDENTITY_HEADER": principal.secret}

    # What a test does to it

    def set_timing(self, **changes: float) -> None:
        """Set `propagation`, `visibility`, `poll` or `token` seconds, or the number of `stale_reads`."""
        self.state.timing = replace(self.state.timing, **changes)  # type: ignore[arg-type]

    def skip(self, seconds: float) -> None:
        """Let Azure's clock jump: propagation passes, tokens expire."""
        self.state.skipped += seconds

    def inject(self, fault: Fault) -> None:
        """Let a fault strike the next requests that it is for."""
        self.faults.add(fault)

    def set_power(self, vm: VirtualMachine, power: str) -> VirtualMachine:
        """Start or deallocate a VM. What runs on it at that moment is preempted."""
        with self.state.lock:
            changed = self.change_vm(vm, power=power)
        if power != "running":
            message = "The operation execution has been preempted by a more recent operation."
            self.agent.interrupt(vm, "Canceled", ("OperationPreempted", message))
        return changed

    def remove_vm(self, vm: VirtualMachine) -> None:
        """Delete a VM; role assignments at its scope stay."""
        with self.state.lock:
            self.state.machines.pop(vm.id.lower(), None)

    def occupy(self, vm: VirtualMachine, seconds: float) -> Operation:
        """Somebody else's run command keeps the VM busy for so long."""
        return self.agent.occupy(vm, seconds)

    def release(self, vm: VirtualMachine) -> None:
        """End whatever keeps the VM busy, also a stuck agent."""
        self.agent.interrupt(vm, "Canceled", ("OperationPreempted", "The operation was released by the test."))

    def settle(self, vm: VirtualMachine, seconds: float = 30.0) -> bool:
        """Wait for the end of what runs on a VM, also when nobody polls for it any more."""
        return self.agent.settle(vm, seconds)

    # How it answers

    def _answer(self, request: Request) -> Response | None:
        fault = self.faults.take(ON_THE_WIRE, request.surface, request.method, request.path)
        if fault is not None and fault.kind == "slow":
            self._stopping.wait(fault.seconds)
        if fault is not None and fault.kind == "reset":
            self._record(request, 0, fault)
            return None
        response = _faulty(request, fault) if fault is not None and fault.kind == "status" else self._handle(request)
        self._record(request, response.status, fault)
        return response

    def _handle(self, request: Request) -> Response:
        with self.state.lock:
            try:
                return self._surfaces[request.surface](request)
            except RefusedError as refused:
                return refused.response

    def _record(self, request: Request, status: int, fault: Fault | None) -> None:
        token = request.headers.get("authorization", "").partition(" ")[2]
        rights = self.tokens.read(token) if token else None
        who = rights.principal.display_name if rights else None
        kind = fault.kind if fault else None
        self.requests.append(
            RecordedRequest(request.surface, request.method, request.path, dict(request.query), who, status, kind)
        )


def _faulty(request: Request, fault: Fault) -> Response:
    headers = wait_headers(fault.seconds) if fault.status == 429 else ()
    if request.surface == "graph":
        error = graph_error(fault.status, fault.code, fault.message)
        return replace(error, headers=(*error.headers, *headers))
    return arm_error(fault.status, fault.code, fault.message, headers)
