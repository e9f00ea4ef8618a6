"""A whole site of real parts: the stand-in with a VM, Azurite over HTTPS reached with a token, and backups to drill."""

from __future__ import annotations

import gzip
import hashlib
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from local import clock
from local.backup import run as backup
from local.drill.targets import Selection
from local.errors import PillarError
from local.events import Event, Watch, unwatched
from local.report import DrillReport
from local.settings import AzureSettings, Database, DrillSettings, StoreSettings, Volume
from local.store import layout
from local.store.azure import AzureStore
from local.store.interface import Store
from local.store.open import open_repository, open_store
from local.store.repository import Repository
from local.store.shelf import VOLUMES, databases_in
from remote.drill import drill_remote
from remote.machine import Limits
from remote.run_command import Patience
from tests.azure_cloud.deployment import Deployment
from tests.azure_cloud.settings import settings_of
from tests.azure_cloud.state import RoleAssignment, VirtualMachine
from tests.support.azurite import KEY, Azurite

BACKUP_ROLE = "Virtual Machine Contributor"
PREFIX = "sqlite"
ACTION = "Microsoft.Compute/virtualMachines/runCommand/action"
QUICK = Patience(look=0.05, tell=0.2, busy=30, end=60)
LIMITS = Limits(deadline=60, drill=QUICK, fetch=QUICK)


@dataclass
class Site:
    deployment: Deployment
    azurite: Azurite
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    databases: tuple[Database, ...] = ()
    volumes: tuple[Volume, ...] = ()
    events: list[Event] = field(default_factory=list)
    limits: Limits = LIMITS
    store_kind: type[AzureStore] = AzureStore
    store_settings: StoreSettings = field(init=False)
    right: RoleAssignment = field(init=False)

    def __post_init__(self) -> None:
        """The backup principal is logged in and may run commands; the container is there."""
        for name, value in self.deployment.cloud.credential_environment(self.deployment.backup).items():
            self.monkeypatch.setenv(name, value)
        self.right = self.deployment.cloud.assign(self.deployment.backup, BACKUP_ROLE, self.deployment.group)
        self.store_settings = StoreSettings(url=self.azurite.container(f"test-{uuid.uuid4().hex}"))
        self._container().create_container()

    @property
    def azure(self) -> AzureSettings:
        return settings_of(self.deployment)

    @property
    def store(self) -> Store:
        store = open_store(self.store_settings, self.azure)
        assert isinstance(store, AzureStore)
        return self.store_kind(store.connection)

    @property
    def vm(self) -> VirtualMachine:
        return self.deployment.vm

    def use_vm(self, vm: VirtualMachine) -> None:
        self.deployment = replace(self.deployment, vm=vm)

    def hold_account_key(self) -> None:
        """The store is reached with the account's key from now on."""
        self.monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)

    def add_vm(self, name: str, **options: Any) -> VirtualMachine:
        """A VM that trusts Azurite's certificate as a real one trusts Azure's."""
        environment = {"SSL_CERT_FILE": os.environ["SSL_CERT_FILE"], **options.pop("environment", {})}
        return self.deployment.cloud.add_vm(self.deployment.group, name, environment=environment, **options)

    def back_up(self, names: Iterable[str] = ("costs",), rows: int = 100) -> tuple[Database, ...]:
        """A database of each name, backed up by the product into the store."""
        added = tuple(self._database(name, rows) for name in names)
        report = backup.back_up(
            partial(open_repository, self.store_settings, self.azure), added, self.folder / "own", unwatched
        )
        assert report.backup.verdict == "passed", report
        self.databases += added
        return added

    def put_archive(self, name: str, archive: bytes, metadata: dict[str, str] | None = None) -> None:
        """Any archive with a right sidecar, as the former script left it."""
        blob = databases_in(PREFIX).data_name(clock.now().date(), name)
        container = self._container()
        container.upload_blob(blob, archive, overwrite=True, metadata=metadata)
        digest = hashlib.sha256(archive).hexdigest()
        container.upload_blob(layout.sidecar_name(blob), layout.sidecar_line(digest, blob), overwrite=True)
        if name not in {database.name for database in self.databases}:
            self.databases += (Database(name=name, path=self.folder / f"{name}.db"),)

    def put_volume(self, name: str, archive: bytes, metadata: dict[str, str] | None = None) -> None:
        """The same of a volume."""
        blob = VOLUMES.data_name(clock.now().date(), name)
        container = self._container()
        container.upload_blob(blob, archive, overwrite=True, metadata=metadata)
        digest = hashlib.sha256(archive).hexdigest()
        container.upload_blob(layout.sidecar_name(blob), layout.sidecar_line(digest, blob), overwrite=True)
        self.volumes += (Volume(name=name),)

    def put_huge(self, name: str) -> None:
        """A backup whose metadata says that it decompresses to more than any disk holds."""
        self.put_archive(name, gzip.compress(b"x"), {"raw_bytes": "999999999999999"})

    def give_vm_own_temporary_folder(self) -> Path:
        """Where all that the drill writes on the VM must be, and then be gone."""
        folder = self.folder / "tmp-of-the-vm"
        folder.mkdir()
        self.use_vm(
            self.deployment.cloud.change_vm(self.vm, environment={**self.vm.environment, "TMPDIR": str(folder)})
        )
        return folder

    def drill(
        self,
        *,
        vms: Sequence[str] | None = None,
        fallback: bool = False,
        store: Store | None = None,
        azure: AzureSettings | None = None,
        watch: Watch | None = None,
    ) -> DrillReport:
        return drill_remote(
            Selection(Repository(store or self.store, databases_in(PREFIX)), self.databases, volumes=self.volumes),
            msgspec.structs.replace(azure or self.azure, vm=(self.vm.name,) if vms is None else tuple(vms)),
            DrillSettings(host="ANVIL", fallback=fallback),
            watch or self.events.append,
            self.limits,
        )

    def refused(self, **options: Any) -> PillarError:
        with pytest.raises(PillarError) as refused:
            self.drill(**options)
        return refused.value

    def await_script(self) -> None:
        """Until a script runs on the VM."""
        deadline = time.monotonic() + 60
        while self.deployment.cloud.agent.running_on(self.vm) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def records(self) -> list[DrillReport]:
        """Every drill record in the store, oldest first."""
        store = self.store
        found = sorted(store.entries("drills"), key=lambda entry: entry.modified)
        return [msgspec.json.decode(store.read(entry.name) or b"", type=DrillReport) for entry in found]

    def told(self) -> str:
        return "\n".join(f"{event.subject}: {event.text}" for event in self.events)

    def _database(self, name: str, rows: int) -> Database:
        path = self.folder / f"{name}.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, text TEXT)")
            connection.executemany("INSERT INTO runs (text) VALUES (?)", ((f"run {n}",) for n in range(rows)))
        return Database(name=name, path=path, rows={"runs": 1})

    def _container(self) -> Any:
        from azure.storage.blob import ContainerClient

        return ContainerClient.from_container_url(
            self.store_settings.url, credential=KEY, connection_verify=os.environ["REQUESTS_CA_BUNDLE"]
        )


def reason_of(report: DrillReport) -> str:
    """Why the only database of an inconclusive report has no verdict."""
    assert report.drill.verdict == "inconclusive"
    (database,) = report.databases
    assert database.verdict == "inconclusive"
    return database.steps[-1].detail
