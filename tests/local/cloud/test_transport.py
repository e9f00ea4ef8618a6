"""Whom TLS trusts on the way to Azure, and the client for what no package of the SDK knows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from local.cloud.credentials import default_credential
from local.cloud.endpoints import endpoints_of
from local.cloud.transport import rest_pipeline, transport_options
from local.errors import ConfigError
from tests.azure_cloud.deployment import Deployment
from tests.azure_cloud.settings import settings_of


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_either_variable_alone_makes_the_sdks_trust_a_certificate_authority(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in deployment.cloud.trust_environment():
        if variable != name:
            monkeypatch.delenv(variable)
    azure = settings_of(deployment)
    where = endpoints_of(azure)

    with (
        closing(default_credential(azure)) as login,
        rest_pipeline(where.resource_manager, where.resource_manager_scope, login) as client,
    ):
        from azure.core.rest import HttpRequest

        answer = client.send_request(
            HttpRequest("GET", f"{where.resource_manager}{deployment.vm.id}?api-version=2024-07-01")
        )

    assert answer.status_code == 200


def test_requests_ca_bundle_wins_and_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    assert transport_options()["connection_verify"] == str(bundle)

    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE: is '.*other\.pem', which is not there"):
        transport_options()

    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))
    assert transport_options()["connection_verify"] == str(bundle)

    monkeypatch.delenv("CURL_CA_BUNDLE")
    assert "connection_verify" not in transport_options()


def test_a_netrc_takes_no_token_s_place(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from azure.core.rest import HttpRequest

    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    azure = settings_of(deployment)
    where = endpoints_of(azure)

    with (
        closing(default_credential(azure)) as login,
        rest_pipeline(where.resource_manager, where.resource_manager_scope, login) as client,
    ):
        url = f"{where.resource_manager}{deployment.vm.id}?api-version=2024-07-01"
        assert client.send_request(HttpRequest("GET", url)).status_code == 200
