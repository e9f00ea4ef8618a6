"""Three years of backups and monthly drills: the status is read from a few days of them, in either store."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from local import clock
from local.settings import AzureSettings, StoreSettings
from local.store import layout
from local.store.interface import Store
from local.store.layout import BackupRecord
from local.store.open import open_store
from local.store.repository import Repository
from local.watch.history import gather
from local.watch.status import StatusLimits, judge
from tests.local.store.archives import FIRST
from tests.local.watch.stored import ListingStore, drilled, keep_drill
from tests.local.watch.values import NOW, ago
from tests.support import azure_faults
from tests.support.azurite import KEY, Azurite
from tests.support.shelf import SHELF

DAYS = 3 * 365
NAMES = ("mission-control", "hivemind", "costs", "knowledge")
EVERY_HOURS = 4
Put = Callable[[str, bytes, dict[str, str]], None]


def metadata(name: str, day: int, hour: int) -> tuple[str, dict[str, str]]:
    """The name and the metadata of a backup; the one of noon has the content that FIRST has."""
    taken = ago(days=day, hours=hour)
    sha256 = FIRST.sha256 if hour == 0 else f"{day * 100 + hour:064x}"
    recorded = BackupRecord(database=name, taken=taken, content_since=taken, sha256=sha256, raw_bytes=4096, row_total=9)
    return SHELF.data_name(taken.date(), name), layout.encode_metadata(recorded)


def fill(put: Put, hours: range) -> None:
    """Put every backup, the last of each day as the current content, with its sidecar."""

    def day_of(day: int) -> None:
        for name in NAMES:
            for hour in hours:
                data, told = metadata(name, day, hour)
                put(data if hour == 0 else f"{data}@{hour}", b"x" * 20, told)
            put(layout.sidecar_name(data), layout.sidecar_line(told["sha256"], data), {})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(day_of, range(DAYS)))


def keep_drills(store: Store) -> None:
    """One drill a month of all databases, which passed."""
    for day in range(20, DAYS, 30):
        taken = ago(days=day)
        results = [
            msgspec.structs.replace(drilled(FIRST), name=name, blob=SHELF.data_name(taken.date(), name))
            for name in NAMES
        ]
        keep_drill(store, taken + timedelta(hours=1), results)


@pytest.mark.long
def test_in_a_folder_few_days_are_listed(tmp_path: Path) -> None:
    def put(name: str, content: bytes, told: dict[str, str]) -> None:
        data, _, hour = name.partition("@")
        path = tmp_path / data
        if hour:
            taken = clock.compact_timestamp(layout.decode_metadata(told).taken or NOW)
            path = path.with_name(path.name.replace(".db.gz", f"@{taken}.db.gz"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if told:
            path.with_name(f"{path.name}.json").write_text(json.dumps(told))

    fill(put, range(0, 24, EVERY_HOURS))
    store = ListingStore(tmp_path)
    keep_drills(store)
    store.listed.clear()
    begin = time.monotonic()

    status = judge(gather(Repository(store, SHELF), NAMES, NOW, 35), StatusLimits(5, 35))

    print(f"folder: {time.monotonic() - begin:.2f} s, {len(store.listed)} days listed")
    assert {database.verdict for database in status.databases} == {"ok"}
    assert {database.last_proven for database in status.databases} == {clock.timestamp(ago(days=0))}
    assert len(store.listed) <= 6


@pytest.mark.long
def test_in_azure_few_requests_are_made(azurite: Azurite, azure_store_settings: StoreSettings) -> None:
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_container_url(azure_store_settings.url, credential=KEY) as client:

        def put(name: str, content: bytes, told: dict[str, str]) -> None:
            client.get_blob_client(name).upload_blob(content, metadata=told, overwrite=True)

        fill(put, range(1))
    with azure_faults.running(azurite) as proxy:
        container = azure_store_settings.url.rpartition("/")[2]
        store = open_store(StoreSettings(url=f"{proxy.url}/{container}"), AzureSettings())
        keep_drills(store)
        proxy.requests.clear()
        begin = time.monotonic()

        status = judge(gather(Repository(store, SHELF), NAMES, NOW, 35), StatusLimits(5, 35))

        print(f"Azurite: {time.monotonic() - begin:.2f} s, {len(proxy.requests)} requests")
        assert {database.verdict for database in status.databases} == {"ok"}
        assert len(proxy.requests) == 5
