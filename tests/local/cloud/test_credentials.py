"""Logins through the real azure-identity, and whom they turn out to be."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from local.cloud.caller import Caller
from local.cloud.credentials import caller_of, default_credential, identity_options
from local.cloud.endpoints import endpoints_of
from local.errors import AzureError, ConfigError
from local.settings import AzureSettings, EndpointSettings
from tests.azure_cloud.deployment import Deployment
from tests.azure_cloud.settings import settings_of


def who_am_i(azure: AzureSettings) -> Caller:
    with closing(default_credential(azure)) as login:
        return caller_of(login, endpoints_of(azure).resource_manager_scope)


def test_the_environment_s_principal_logs_in_at_a_custom_authority(deployment: Deployment) -> None:
    told = who_am_i(settings_of(deployment))

    assert told == Caller(None, deployment.admin.app_id, deployment.admin.object_id, deployment.cloud.tenant)
    asked = [request.path for request in deployment.cloud.requests if request.surface == "entra"]
    assert all(path.startswith(f"/{deployment.cloud.tenant}/") for path in asked), "no instance discovery"


def test_the_configured_tenant_wins_over_the_environment_s(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", "00000000-1111-4222-8333-444444444444")

    assert who_am_i(settings_of(deployment, tenant=deployment.cloud.tenant)).tenant == deployment.cloud.tenant
    with pytest.raises(AzureError, match="not logged in"):
        who_am_i(settings_of(deployment))


def test_each_login_gets_a_token_of_its_own_and_keeps_it(deployment: Deployment) -> None:
    azure = settings_of(deployment)
    scope = endpoints_of(azure).resource_manager_scope

    with closing(default_credential(azure)) as login, closing(default_credential(azure)) as other:
        tokens = [login.get_token(scope).token, login.get_token(scope).token, other.get_token(scope).token]

    assert tokens[0] == tokens[1] != tokens[2]


def test_an_authority_that_contradicts_the_configured_cloud_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")

    assert identity_options(AzureSettings(cloud="usgov"))["authority"] == "https://login.microsoftonline.us"
    with pytest.raises(ConfigError, match=r"is login\.microsoftonline\.us, but azure\.cloud is public"):
        default_credential(AzureSettings())


def test_a_secret_never_goes_to_an_authority_over_http() -> None:
    urls = EndpointSettings(authority="http://localhost", resource_manager="https://b", graph="https://c")

    with pytest.raises(ConfigError, match="is http://localhost") as refused:
        default_credential(AzureSettings(cloud="custom", endpoints=urls))
    assert "secret" in refused.value.mend


def test_a_variable_that_azure_identity_refuses_is_a_mistake_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")

    with pytest.raises(ConfigError, match="AZURE_TOKEN_CREDENTIALS"):
        default_credential(AzureSettings())


def test_nobody_logged_in_is_told_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")

    with pytest.raises(AzureError, match="not logged in") as refused:
        who_am_i(AzureSettings())

    assert refused.value.mend.startswith("set AZURE_CLIENT_ID")
    assert "az login" in refused.value.mend
    assert refused.value.exit_code == 3


def test_what_was_tried_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(AzureError, match="no login was found") as refused:
        who_am_i(AzureSettings())

    assert "AzureCliCredential: Azure CLI not found on path" in refused.value.came_back
    assert "\n" not in refused.value.came_back
    assert "command -v az" in refused.value.mend


def test_azure_identity_prints_nothing_beside_our_error() -> None:
    """In a process of its own: under pytest the log always has a handler."""
    program = (
        "from local.cloud.credentials import caller_of, default_credential\n"
        "from local.errors import AzureError\n"
        "from local.settings import AzureSettings\n"
        "try:\n"
        "    caller_of(default_credential(AzureSettings()), 'https://management.azure.com/.default')\n"
        "except AzureError as error:\n"
        "    print(error.exit_code)\n"
    )
    environment = {
        **os.environ,
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }

    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert (ran.stdout, ran.stderr) == ("3\n", "")


def test_a_wrong_secret_is_told_without_showing_it(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong~but~secret")

    with pytest.raises(AzureError, match="AADSTS7000215: Invalid client secret") as refused:
        who_am_i(settings_of(deployment))

    assert "AZURE_CLIENT_SECRET" in refused.value.mend
    assert "wrong~but~secret" not in f"{refused.value} {refused.value.mend} {refused.value!r}"
