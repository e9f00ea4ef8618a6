"""The drill's record: where the store takes none, the verdict and its exit code stand, and that is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.azurite import ACCOUNT, KEY
from tests.support.terminal import log_lines
from tests.support.workshop import Workshop


def read_only_sas(workshop: Workshop) -> str:
    """A SAS that lists and reads, and writes nothing."""
    from azure.storage.blob import generate_container_sas

    container = workshop.store_settings.url.rpartition("/")[2]
    expiry = datetime.now(UTC) + timedelta(hours=1)
    return generate_container_sas(ACCOUNT, container, account_key=KEY, permission="rl", expiry=expiry)


@pytest.fixture
def without_writes(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A backup in a store that takes no record from now on."""
    workshop.add("costs")
    assert workshop.invoke("backup").returncode == 0
    if workshop.store_settings.url.startswith("file:"):
        (workshop.root.parent / "store/drills").write_text("a file is in the folder's place")
    else:
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", read_only_sas(workshop))
        monkeypatch.delenv("AZURE_STORAGE_KEY")
    return workshop


def test_the_verdict_stands_without_its_record_and_the_last_line_says_so(without_writes: Workshop) -> None:
    done = without_writes.invoke("drill.local")

    assert done.returncode == 0, done.stderr
    *_, verdict, last = log_lines(done.stdout)
    assert verdict.startswith("drill passed")
    assert last.startswith("drill: the verdict stands, but its record was not kept: store: ")
    assert "sig=" not in done.stdout


def test_with_json_the_missing_record_is_told_on_stderr(without_writes: Workshop) -> None:
    without_writes.databases["costs"]["rows"] = {"tasks": 1_000_000}

    done = without_writes.invoke("drill.local", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["drill"]["verdict"] == "failed"
    assert "its record was not kept" in log_lines(done.stderr)[-1]


def test_a_backup_that_azure_lets_list_but_not_write_ends_with_3(
    azure_workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure_workshop.add("costs")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", read_only_sas(azure_workshop))
    monkeypatch.delenv("AZURE_STORAGE_KEY")

    done = azure_workshop.invoke("backup", "--json")

    assert done.returncode == 3
    (database,) = json.loads(done.stdout)["databases"]
    assert database["verdict"] == "failed"
    assert azure_workshop.invoke("backup.list").returncode == 0
