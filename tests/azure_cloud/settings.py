"""The configuration that leads the product to a deployment on the stand-in."""

from __future__ import annotations

from typing import Any

from local.settings import AzureSettings, EndpointSettings
from tests.azure_cloud.deployment import Deployment


def settings_of(deployment: Deployment, **changes: Any) -> AzureSettings:
    """The section `azure` of an invoke.yaml for the deployment, with `changes` to it."""
    cloud = deployment.cloud
    fields: dict[str, Any] = {
        "subscription": deployment.subscription.subscription_id,
        "resource_group": deployment.group.name,
        "vm": deployment.vm.name,
        "service_principal": "1a0b3018",
        "cloud": "custom",
        "endpoints": EndpointSettings(
            authority=cloud.authority, resource_manager=cloud.resource_manager, graph=cloud.graph
        ),
    }
    return AzureSettings(**{**fields, **changes})
