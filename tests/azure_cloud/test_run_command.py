"""The stand-in, driven through the real SDKs: what a VM tells, and every fault by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.azure_cloud import faults
from tests.azure_cloud.deployment import Deployment
from tests.support import azurite

# Run Command


def test_a_script_really_runs_with_only_the_vms_path_in_a_private_folder(deployment: Deployment) -> None:
    probe = "import os, sys; print(sorted(os.environ), oct(os.stat('.').st_mode)[-3:]); sys.exit(3)"
    message = deployment.run(deployment.admin, "#!/bin/sh", f'exec python3 -c "{probe}"')

    head, out = message.split("[stdout]\n")
    assert head == "Enable succeeded: \n"
    assert out.startswith("['LC_CTYPE', 'PATH', 'PWD']")
    assert out.endswith("700\n\n[stderr]\n")
    assert deployment.cloud.scripts[0].returncode == 3


def test_only_the_last_4096_bytes_of_each_stream_come_back(deployment: Deployment) -> None:
    message = deployment.run(
        deployment.admin, "python3 -c \"import sys; print('a' * 9000 + 'END'); sys.stderr.write('b' * 5000)\""
    )

    out, _, err = message.partition("[stdout]\n")[2].partition("\n[stderr]\n")
    assert (len(out), len(err)) == (4096, 4096)
    assert out.endswith("aEND\n")


def test_a_vm_without_python3_says_so_only_in_its_stderr(deployment: Deployment) -> None:
    bare = deployment.cloud.add_vm(deployment.group, "bare", programs=())
    with deployment.compute(deployment.admin) as client:
        order: Any = {"commandId": "RunShellScript", "script": ["python3 -V"]}
        values = client.virtual_machines.begin_run_command(deployment.group.name, bare.name, order).result().value

    assert values is not None
    assert "not found" in str(values[0].message)


def test_a_busy_and_a_deallocated_vm_answer_409(deployment: Deployment) -> None:
    from azure.core.exceptions import ResourceExistsError

    deployment.cloud.occupy(deployment.vm, 30)
    with pytest.raises(ResourceExistsError) as busy:
        deployment.run(deployment.admin, "true")
    deployment.cloud.release(deployment.vm)
    assert deployment.run(deployment.admin, "echo free").startswith("Enable succeeded")
    deployment.cloud.set_power(deployment.vm, "deallocated")
    with pytest.raises(ResourceExistsError) as off:
        deployment.run(deployment.admin, "true")

    assert "execution is in progress" in str(busy.value)
    assert off.value.error is not None
    assert off.value.error.code == "OperationNotAllowed"


def test_a_poll_that_never_ends_keeps_the_vm_busy(deployment: Deployment) -> None:
    from azure.core.exceptions import HttpResponseError

    deployment.cloud.inject(faults.endless_poll())
    with deployment.compute(deployment.admin) as client:
        order: Any = {"commandId": "RunShellScript", "script": ["echo done"]}
        poller = client.virtual_machines.begin_run_command(deployment.group.name, deployment.vm.name, order)
        poller.wait(0.5)

        assert not poller.done()
        assert [run.stdout for run in deployment.cloud.scripts] == [b"done\n"]
        deployment.cloud.release(deployment.vm)
        with pytest.raises(HttpResponseError, match="OperationPreempted"):
            poller.result(5)


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        (faults.cut_short(0.1), "Last script execution didn't finish."),
        (faults.replaced_output("nothing to see"), "nothing to see"),
        (faults.truncated_output(4), "\n9999\n[stderr]"),
    ],
)
def test_a_script_whose_output_is_lost_is_still_called_a_success(
    deployment: Deployment, fault: faults.Fault, shown: str
) -> None:
    deployment.cloud.inject(fault)

    message = deployment.run(deployment.admin, "printf 123456789999", "sleep 1")

    assert message.startswith("Enable succeeded")
    assert shown in message
    assert "123456789999" not in message


def test_a_vm_deleted_in_the_middle_fails_the_operation(deployment: Deployment) -> None:
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    deployment.cloud.inject(faults.vm_gone(0.1))
    with pytest.raises(HttpResponseError, match="was not found"):
        deployment.run(deployment.admin, "sleep 30")
    with pytest.raises(ResourceNotFoundError):
        deployment.run(deployment.admin, "true")


# Faults on the wire


def test_the_sdk_retries_what_the_stand_in_throttles_breaks_and_resets(deployment: Deployment) -> None:
    deployment.cloud.inject(faults.throttled(0.05).on(surface="arm", times=2))
    deployment.cloud.inject(faults.server_error(503).on(surface="arm"))
    deployment.cloud.inject(faults.reset().on(surface="arm"))
    with deployment.compute(deployment.admin, retry_backoff_factor=0.01) as client:
        assert client.virtual_machines.get(deployment.group.name, deployment.vm.name).name == deployment.vm.name

    assert [request.status for request in deployment.cloud.requests if request.surface == "arm"] == [
        429,
        429,
        503,
        0,
        200,
    ]


def test_a_named_action_can_be_refused_and_an_old_token_expires(deployment: Deployment) -> None:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    action = "Microsoft.Compute/virtualMachines/runCommand/action"
    deployment.cloud.inject(faults.forbidden(action))
    with pytest.raises(HttpResponseError, match=action):
        deployment.run(deployment.admin, "true")
    with deployment.compute(deployment.admin) as client:
        client.virtual_machines.instance_view(deployment.group.name, deployment.vm.name)
        deployment.cloud.skip(4000)
        with pytest.raises(ClientAuthenticationError, match="ExpiredAuthenticationToken"):
            client.virtual_machines.instance_view(deployment.group.name, deployment.vm.name)


def test_azurite_takes_a_token_and_a_delegation_key_of_the_stand_in(deployment: Deployment, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import BlobServiceClient

    files = deployment.cloud.certificates
    with (
        azurite.running(tmp_path / "azurite", files.cert, files.key) as blobs,
        deployment.credential(deployment.backup) as credential,
        BlobServiceClient(blobs.url, credential=credential) as service,
    ):
        container = service.create_container("backups")
        container.upload_blob("hello", b"state")
        now = datetime.now(UTC)
        key = service.get_user_delegation_key(now, now + timedelta(hours=1))
        assert container.download_blob("hello").readall() == b"state"

    assert key.signed_oid == deployment.backup.object_id


def test_the_record_holds_no_secret_and_the_secrets_are_known(deployment: Deployment) -> None:
    deployment.run(deployment.admin, "true")

    text = json.dumps([str(request) for request in deployment.cloud.requests])
    assert deployment.admin.secret in deployment.cloud.secrets()
    assert not [secret for secret in deployment.cloud.secrets() if secret in text]
