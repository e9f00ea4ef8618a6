"""Virtual machines, and Run Command as the long-running operation that it really is."""

from __future__ import annotations

import base64

from tests.azure_cloud.agent import Operation
from tests.azure_cloud.arm import GROUP, SUBSCRIPTION, Call, Route, not_found
from tests.azure_cloud.faults import IN_THE_AGENT
from tests.azure_cloud.rights import through
from tests.azure_cloud.state import VirtualMachine
from tests.azure_cloud.wire import Json, RefusedError, Response, arm_error, reply, timestamp, wait_headers

_MACHINES = "/providers/Microsoft.Compute/virtualMachines"
_READ = "Microsoft.Compute/virtualMachines/read"
_SCRIPT_LIMIT_BASE64_CHARACTERS = 262_144


def _find(call: Call) -> VirtualMachine:
    group = call.resource_group()
    name = call.parts["name"]
    found = call.state.machines.get(f"{group.id}{_MACHINES}/{name}".lower())
    if found is None:
        raise RefusedError(not_found("Microsoft.Compute/virtualMachines", group.name, name))
    return found


def _list_in_group(call: Call) -> Response:
    call.subscription()
    call.allowed(_READ, call.path.rpartition("/")[0])
    group = call.resource_group()
    return reply({"value": [_machine(vm) for vm in call.state.machines.values() if vm.group == group]})


def _list_in_subscription(call: Call) -> Response:
    subscription = call.seen_subscription()
    seen = [
        _machine(vm)
        for vm in call.state.machines.values()
        if vm.group.subscription_id == subscription and through(call.rights, _READ, vm.id)
    ]
    return reply({"value": seen})


def _get(call: Call) -> Response:
    call.subscription()
    call.allowed(_READ, call.path)
    vm = _find(call)
    body = _machine(vm)
    if call.request.query.get("$expand", "").lower() == "instanceview":
        body["properties"]["instanceView"] = _view(vm)
    return reply(body)


def _instance_view(call: Call) -> Response:
    call.subscription()
    call.allowed("Microsoft.Compute/virtualMachines/instanceView/read", call.path.rpartition("/")[0])
    return reply(_view(_find(call)))


def _run_command(call: Call) -> Response:
    subscription = call.subscription()
    call.allowed("Microsoft.Compute/virtualMachines/runCommand/action", call.path.rpartition("/")[0])
    vm = _find(call)
    if vm.power != "running":
        message = "The operation requires the VM to be running (or set to run)."
        raise RefusedError(arm_error(409, "OperationNotAllowed", message))
    script = _script(call)
    if call.agent.running_on(vm) is not None:
        message = (
            "Run command extension execution is in progress. Please wait for completion before invoking a run command."
        )
        raise RefusedError(arm_error(409, "Conflict", message))
    request = call.request
    fault = call.faults.take(IN_THE_AGENT, request.surface, request.method, request.path)
    operation = call.agent.start(vm, script, fault)
    operations = f"/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{vm.group.location}/operations"
    version = request.query["api-version"]
    url = f"{request.base}{operations}/{operation.id}"
    headers = (
        ("Azure-AsyncOperation", f"{url}?api-version={version}"),
        ("Location", f"{url}?monitor=true&api-version={version}"),
        *wait_headers(call.state.timing.poll),
    )
    return Response(202, b"", headers)


def _script(call: Call) -> str:
    body = call.request.json()
    if body.get("commandId") != "RunShellScript":
        message = f"The entity was not found: run command '{body.get('commandId')}'."
        raise RefusedError(arm_error(404, "NotFound", message))
    script = "\n".join(body.get("script") or [])
    if not script:
        raise RefusedError(arm_error(400, "InvalidParameter", "Required parameter 'script' is missing (null)."))
    if len(base64.b64encode(script.encode())) > _SCRIPT_LIMIT_BASE64_CHARACTERS:
        message = "The value of parameter script is invalid: it exceeds the maximum of 262144 characters in Base64."
        raise RefusedError(arm_error(400, "InvalidParameter", message))
    return script


def _operation(call: Call) -> Response:
    """Poll. Needs no right of its own: who holds a role on one group polls under the subscription too."""
    operation = call.agent.operations.get(call.parts["operation"])
    if operation is None:
        raise RefusedError(arm_error(404, "NotFound", f"The operation '{call.parts['operation']}' was not found."))
    running = operation.status == "InProgress"
    waiting = wait_headers(call.state.timing.poll) if running else ()
    if call.request.query.get("monitor") == "true":
        if running:
            return Response(202, b"", (("Location", f"{call.request.base}{call.path}?monitor=true"), *waiting))
        if operation.error is not None:
            return arm_error(409, *operation.error)
        return reply(_output(operation))
    return reply(_status(operation), headers=waiting)


def _status(operation: Operation) -> Json:
    body: Json = {"startTime": timestamp(operation.started_at), "status": operation.status, "name": operation.id}
    if operation.status == "InProgress":
        return body
    body["endTime"] = timestamp(operation.ended_at)
    if operation.error is not None:
        code, message = operation.error
        return {**body, "error": {"code": code, "message": message}}
    return {**body, "properties": {"output": _output(operation)}}


def _output(operation: Operation) -> Json:
    return {
        "value": [
            {
                "code": "ProvisioningState/succeeded",
                "level": "Info",
                "displayStatus": "Provisioning succeeded",
                "message": operation.message,
            }
        ]
    }


def _machine(vm: VirtualMachine) -> Json:
    return {
        "id": vm.id,
        "name": vm.name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": vm.group.location,
        "properties": {
            "vmId": vm.name,
            "provisioningState": "Succeeded",
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {"osDisk": {"osType": "Linux", "createOption": "FromImage"}},
        },
    }


def _view(vm: VirtualMachine) -> Json:
    up = vm.power == "running"
    agent = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready"}
    return {
        "computerName": vm.name,
        "vmAgent": {"vmAgentVersion": "2.11.1.4" if up else "Unknown", "statuses": [agent] if up else []},
        "statuses": [
            {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"},
            {"code": f"PowerState/{vm.power}", "level": "Info", "displayStatus": f"VM {vm.power}"},
        ],
    }


_NAMED = GROUP + _MACHINES + "/(?P<name>[^/]+)"
ROUTES = (
    Route("GET", GROUP + _MACHINES, _list_in_group),
    Route("GET", SUBSCRIPTION + _MACHINES, _list_in_subscription),
    Route("GET", _NAMED, _get),
    Route("GET", _NAMED + "/instanceView", _instance_view),
    Route("POST", _NAMED + "/runCommand", _run_command),
    Route(
        "GET",
        SUBSCRIPTION + "/providers/Microsoft.Compute/locations/[^/]+/operations/(?P<operation>[^/]+)",
        _operation,
    ),
)
