"""Proof that the right to the store is effective: a blob written, read back and deleted, as the principal itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local.cloud.errors import AccessDeniedError
from local.cloud.transport import transport_options
from local.errors import AzureError
from local.location import ContainerLocation
from rbac.proof import MakeLogin, Proof
from rbac.propagation import Deadline
from rbac.rest import RestError, azure_errors

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

_SUBJECT = "effective on the store"
_CONTENT = b"Written by invoke rbac.fix --store, which deletes it again.\n"
# The SDK's default waits 15 s before its first retry.
_FIRST_RETRY_SECONDS = 1
_RETRIES = 2
_KEY_LIFE = timedelta(minutes=5)
NOT_TRIED = Proof(
    None,
    "assigned; not tried, since the container is under an immutability policy or a legal hold: a probe blob would stay",
    tried=False,
    subject=_SUBJECT,
)


def wait_until_usable(make: MakeLogin, location: ContainerLocation, prefix: str, deadline: Deadline) -> Proof:
    """Try the store again and again with fresh tokens as long as Azure refuses, until the time is up.

    The probe blob lies below `prefix` under a name that is no backup's, and is deleted again whatever happens; so not
    in a container where that is forbidden (`arm.container_is_immutable`), of which NOT_TRIED tells.
    """
    probe = _Probe(make, location, f"{prefix}/.pillar9-probe-{uuid.uuid4()}")
    try:
        proof = _wait(probe, deadline)
    finally:
        left_behind = probe.clear_away(deadline)
    return replace(proof, effective=None, text=f"{proof.text}; {left_behind}") if left_behind else proof


@dataclass
class _Probe:
    """The blob by which one run tries the store; `there` says that it may have been written."""

    make: MakeLogin
    location: ContainerLocation
    name: str
    there: bool = False

    def attempt(self) -> Proof:
        """Everything that a backup and a link to it need, once, with a fresh token."""
        with self._service() as service:
            blob, before = service.get_blob_client(self.location.container, self.name), self.there
            try:
                self.there = True
                with azure_errors("write a probe blob", self.location.url):
                    blob.upload_blob(_CONTENT, overwrite=True)
            except AccessDeniedError:
                self.there = before
                raise
            with azure_errors("read the probe blob", self.location.url):
                content = blob.download_blob().readall()
            self._delete(service)
            with azure_errors("get a user delegation key", self.location.url):
                service.get_user_delegation_key(datetime.now(UTC), datetime.now(UTC) + _KEY_LIFE)
        if content != _CONTENT:
            raise AzureError("read the probe blob", "it is not what was written", "check the proxy")
        return Proof(True, "a probe blob was written, read and deleted; a delegation key was made", subject=_SUBJECT)

    def clear_away(self, deadline: Deadline) -> str | None:
        """Delete the blob where it may be there, as long as there is time; else how a person can."""
        while self.there:
            try:
                with self._service() as service:
                    self._delete(service)
            except AzureError as error:
                if deadline.wait():
                    continue
                where = f"--account-name {self.location.account} --container-name {self.location.container}"
                command = f"az storage blob delete --auth-mode login {where} --name {self.name}"
                return f"the probe blob could not be deleted ({error}); run: {command}"
        return None

    def _delete(self, service: BlobServiceClient) -> None:
        try:
            with azure_errors("delete the probe blob", self.location.url):
                service.get_blob_client(self.location.container, self.name).delete_blob(delete_snapshots="include")
        except RestError as error:
            if error.status != 404:
                raise
        self.there = False

    @contextmanager
    def _service(self) -> Iterator[BlobServiceClient]:
        from azure.storage.blob import BlobServiceClient, ExponentialRetry

        account_url = self.location.url.rpartition(f"/{self.location.container}")[0]
        retry = ExponentialRetry(initial_backoff=_FIRST_RETRY_SECONDS, increment_base=1, retry_total=_RETRIES)
        # A token carries the rights of the moment it was issued, so each try gets its own.
        with (
            closing(self.make()) as login,
            BlobServiceClient(account_url, credential=login, retry_policy=retry, **transport_options()) as service,
        ):
            yield service


def _wait(probe: _Probe, deadline: Deadline) -> Proof:
    container = probe.location.container
    while True:
        try:
            return probe.attempt()
        except AccessDeniedError as error:
            # A refusal that names no missing right (a firewall's) does not pass by waiting.
            if error.action is None:
                return Proof(None, f"assigned, but it could not be tried: {error}; {error.mend}", subject=_SUBJECT)
            deadline.tell(container, f"assigned, not effective yet after {deadline.waited} s")
            if not deadline.wait():
                text = f"assigned, but not effective on {container} after {deadline.waited} s: {error}"
                return Proof(False, text, subject=_SUBJECT)
        except AzureError as error:
            return Proof(None, f"assigned, but it could not be tried: {error}; {error.mend}", subject=_SUBJECT)
