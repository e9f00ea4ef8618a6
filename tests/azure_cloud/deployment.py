"""What invoke.yaml speaks of, deployed on the stand-in: a VM, an admin, the backup principal; and the real SDKs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.azure_cloud.arm import API_VERSIONS
from tests.azure_cloud.server import AzureCloud
from tests.azure_cloud.state import ResourceGroup, ServicePrincipal, Subscription, VirtualMachine

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpRequest, HttpResponse
    from azure.identity import ClientSecretCredential
    from azure.mgmt.authorization import AuthorizationManagementClient
    from azure.mgmt.compute import ComputeManagementClient

_COMPUTE = "Microsoft.Compute"


@dataclass(frozen=True)
class Deployment:
    """One VM in a resource group, an admin who is Owner of the subscription, and the backup principal."""

    cloud: AzureCloud
    subscription: Subscription
    group: ResourceGroup
    vm: VirtualMachine
    admin: ServicePrincipal
    backup: ServicePrincipal

    def credential(self, who: ServicePrincipal, secret: str | None = None) -> ClientSecretCredential:
        """azure-identity's login of a principal, by its own secret unless another one is given."""
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(
            self.cloud.tenant,
            who.app_id,
            secret or who.secret,
            authority=self.cloud.authority,
            disable_instance_discovery=True,
        )

    @contextmanager
    def compute(self, who: ServicePrincipal, **options: Any) -> Iterator[ComputeManagementClient]:
        """azure-mgmt-compute's client, as a principal; its own newest version of the API is put back to a known one."""
        from azure.core.pipeline.policies import CustomHookPolicy
        from azure.mgmt.compute import ComputeManagementClient

        def pin(request: Any) -> None:
            url = request.http_request.url
            request.http_request.url = re.sub(r"api-version=[\d-]+", f"api-version={API_VERSIONS[_COMPUTE]}", url)

        arm = self.cloud.resource_manager
        scopes = [f"{arm}/.default"]
        with (
            self.credential(who) as credential,
            ComputeManagementClient(
                credential,
                self.subscription.subscription_id,
                base_url=arm,
                credential_scopes=scopes,
                per_call_policies=[CustomHookPolicy(raw_request_hook=pin)],
                **options,
            ) as client,
        ):
            yield client

    @contextmanager
    def authorization(self, who: ServicePrincipal) -> Iterator[AuthorizationManagementClient]:
        """azure-mgmt-authorization's client, as a principal."""
        from azure.mgmt.authorization import AuthorizationManagementClient

        arm = self.cloud.resource_manager
        scopes = [f"{arm}/.default"]
        with (
            self.credential(who) as credential,
            AuthorizationManagementClient(
                credential,
                self.subscription.subscription_id,
                api_version="2022-04-01",
                base_url=arm,
                credential_scopes=scopes,
            ) as client,
        ):
            yield client

    @contextmanager
    def graph(self, who: ServicePrincipal) -> Iterator[PipelineClient[HttpRequest, HttpResponse]]:
        """azure-core's pipeline to Microsoft Graph, as a principal."""
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy

        with self.credential(who) as credential:
            policy = BearerTokenCredentialPolicy(credential, f"{self.cloud.graph}/.default")
            client: PipelineClient[HttpRequest, HttpResponse]
            with PipelineClient(self.cloud.graph, policies=[policy]) as client:
                yield client

    def run(self, who: ServicePrincipal, *lines: str, **options: Any) -> str:
        """Run a script on the VM and return the agent's message."""
        with self.compute(who, **options) as client:
            command: Any = {"commandId": "RunShellScript", "script": list(lines)}
            poller = client.virtual_machines.begin_run_command(self.group.name, self.vm.name, command)
            values = poller.result().value
            assert values is not None
            return str(values[0].message)


def deploy(cloud: AzureCloud) -> Deployment:
    """Set up what the product's invoke.yaml names; the backup principal holds no role yet."""
    subscription = cloud.add_subscription()
    group = cloud.add_resource_group(subscription, "alai-backups-rg")
    vm = cloud.add_vm(group, "vm-alai-support", programs=("python3", "sleep"))
    admin = cloud.add_service_principal("alai-admin", directory_read=True)
    backup = cloud.add_service_principal("alai-backup", app_id="1a0b3018-0000-4000-8000-000000000001")
    cloud.assign(admin, "Owner", subscription)
    return Deployment(cloud, subscription, group, vm, admin, backup)
