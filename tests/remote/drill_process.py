"""A whole process that drills as `invoke drill.remote` does, with limits that a test can wait for.

Events and the report go to stdout; an error ends it in a full traceback, since those too are searched for secrets.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))

from local.drill.targets import Selection
from local.events import Event
from local.settings import AzureSettings, Database, DrillSettings, StoreSettings
from local.store.azure import AzureStore
from local.store.open import open_store
from local.store.repository import Repository
from local.store.shelf import databases_in
from remote.drill import drill_remote
from remote.machine import Limits
from tests.remote.troubles import ExpiredLinks


class Order(msgspec.Struct):
    """What one run does."""

    store: StoreSettings
    databases: list[Database]
    azure: AzureSettings
    vms: list[str]
    fallback: bool
    limits: Limits
    expired: bool


def tell(event: Event) -> None:
    print(event, flush=True)


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order, dec_hook=lambda kind, value: kind(value))
    store = open_store(order.store, order.azure)
    assert isinstance(store, AzureStore)
    if order.expired:
        store = ExpiredLinks(store.connection)
    print(repr(store), vars(store), order, flush=True)
    selection = Selection(Repository(store, databases_in(order.store.prefix)), tuple(order.databases))
    azure = msgspec.structs.replace(order.azure, vm=tuple(order.vms))
    report = drill_remote(selection, azure, DrillSettings(host="ANVIL", fallback=order.fallback), tell, order.limits)
    print(report, msgspec.json.encode(report).decode())


if __name__ == "__main__":
    main()
