"""Machines on either store, for the tests of what a run reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.backup import database_files
from local.settings import StoreSettings
from tests.local.backup.unread_machine import REST_SECONDS, Machine
from tests.support.workshop import Workshop


@pytest.fixture
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has rested after REST_SECONDS."""
    monkeypatch.setattr(database_files, "REST_NS", int(REST_SECONDS * 1e9))


@pytest.fixture
def machine(short_rest: None, store_settings: StoreSettings, tmp_path: Path) -> Machine:  # noqa: ARG001
    """One on each of the two stores."""
    return Machine(store_settings, tmp_path)


@pytest.fixture
def folder_machine(short_rest: None, folder_workshop: Workshop, tmp_path: Path) -> Machine:  # noqa: ARG001
    """One whose store is a folder."""
    return Machine(folder_workshop.store_settings, tmp_path)


@pytest.fixture
def azure_machine(short_rest: None, azure_store_settings: StoreSettings, tmp_path: Path) -> Machine:  # noqa: ARG001
    """One on Azurite."""
    return Machine(azure_store_settings, tmp_path)
