"""The whole story of drill.remote, with the real SDKs, a real shell as the VM, real SAS and the real Azurite."""

from __future__ import annotations

import gzip
import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import ConfigError
from local.events import Event
from local.settings import AzureSettings, Database, StoreSettings
from local.store.azure import AzureStore
from local.store.open import open_store
from remote.drill import check
from tests.azure_cloud import faults
from tests.remote.site import ACTION, BACKUP_ROLE, Site


def test_a_drill_on_the_vm_passes_and_its_record_is_in_the_store(site: Site) -> None:
    site.back_up(["costs", "hivemind"], rows=50)

    report = site.drill()

    assert (report.drill.where, report.drill.host, report.drill.verdict) == ("remote", "vm-alai-support", "passed")
    assert report.drill.fallback is None
    assert [one.verdict for one in report.databases] == ["passed", "passed"]
    assert report.databases[0].rows["runs"].restored == 50
    assert site.records() == [report]
    assert [script.vm for script in site.deployment.cloud.scripts] == ["vm-alai-support"]


def test_the_checks_are_judged_on_the_vm(site: Site) -> None:
    site.back_up(["costs", "hivemind"], rows=50)
    checks = {"of now": "SELECT :backup_time > datetime('now', '-1 hour')", "rows": "SELECT count(*) = 50 FROM runs"}
    costs, hivemind = site.databases
    site.databases = (
        msgspec.structs.replace(costs, checks=checks),
        msgspec.structs.replace(hivemind, checks={**checks, "none": "SELECT count(*) = 0 FROM runs"}),
    )

    report = site.drill()

    assert [database.verdict for database in report.databases] == ["passed", "failed"]
    assert report.databases[0].checks == {"of now": True, "rows": True}
    assert report.databases[1].checks == {"of now": True, "rows": True, "none": False}
    assert report.databases[1].steps[-1].detail == "check 'none' does not hold: it is false"
    assert site.records() == [report]


def test_a_missing_right_is_refused_and_the_granted_one_works(site: Site) -> None:
    site.back_up()
    site.deployment.cloud.unassign(site.right)
    refused = site.refused()
    assert isinstance(refused, AccessDeniedError)
    assert ACTION in str(refused)
    assert "invoke rbac.fix" in refused.mend

    site.deployment.cloud.assign(site.deployment.backup, BACKUP_ROLE, site.deployment.group)

    assert site.drill().drill.verdict == "passed"


def test_a_busy_vm_is_waited_for(site: Site) -> None:
    site.back_up()
    site.deployment.cloud.occupy(site.vm, 600)
    waited: list[Event] = []

    def release(event: Event) -> None:
        if "another command is running there" in event.text:
            waited.append(event)
            site.deployment.cloud.release(site.vm)

    assert site.drill(watch=release).drill.verdict == "passed"
    assert waited


def test_a_throttling_and_failing_azure_is_only_slower(site: Site) -> None:
    site.back_up()
    site.deployment.cloud.inject(faults.throttled(1).on(surface="arm"))
    site.deployment.cloud.inject(faults.server_error(500).on(surface="arm"))

    assert site.drill().drill.verdict == "passed"


@pytest.mark.parametrize("fallback", [True, False])
def test_a_failed_drill_stands_and_is_never_repeated_here(site: Site, fallback: bool) -> None:
    site.back_up()
    site.put_archive("rotten", b"this is no gzip")

    report = site.drill(fallback=fallback)

    assert (report.drill.where, report.drill.verdict, report.drill.fallback) == ("remote", "failed", None)
    assert [one.verdict for one in report.databases] == ["passed", "failed"]
    assert site.records() == [report]


@pytest.mark.parametrize("fallback", [True, False])
def test_a_failure_stands_beside_a_database_without_a_verdict(site: Site, fallback: bool) -> None:
    site.put_archive("rotten", b"this is no gzip")
    site.put_huge("huge")

    report = site.drill(fallback=fallback)

    assert (report.drill.where, report.drill.verdict) == ("remote", "failed")
    assert [one.verdict for one in report.databases] == ["failed", "inconclusive"]


def test_a_disk_that_is_too_small_is_told_before_the_download(site: Site) -> None:
    site.put_huge("huge")

    report = site.drill()

    assert report.drill.verdict == "inconclusive"
    (step,) = report.databases[0].steps
    assert (step.name, step.verdict) == ("download", "inconclusive")
    assert "999999999999999" in step.detail


def test_what_was_proven_there_keeps_its_record_when_the_drill_is_repeated_here(site: Site) -> None:
    site.back_up()
    site.put_huge("huge")

    report = site.drill(fallback=True)

    there, here = site.records()
    assert here == report
    assert (here.drill.where, here.drill.verdict) == ("local", "inconclusive")
    assert str(here.drill.fallback).startswith("huge: download: ")
    assert (there.drill.where, there.drill.verdict) == ("remote", "inconclusive")
    assert [one.verdict for one in there.databases] == ["passed", "inconclusive"]


def test_a_database_without_a_backup_has_failed_and_needs_no_vm(site: Site) -> None:
    site.deployment.cloud.set_power(site.vm, "deallocated")
    site.databases = (Database(name="never", path=site.folder / "never.db"),)

    report = site.drill()

    assert report.drill.verdict == "failed"
    assert "holds no backup" in report.databases[0].steps[0].detail


def test_the_record_of_twenty_databases_comes_back_whole_in_one_command(site: Site) -> None:
    site.back_up([f"database-{number:02}" for number in range(20)])

    report = site.drill()

    assert report.drill.verdict == "passed"
    assert [one.rows["runs"].restored for one in report.databases] == [100] * 20
    (script,) = site.deployment.cloud.scripts
    assert len(script.stdout) <= 4096


class WithoutInbox(AzureStore):
    """A store that no VM can hand anything in to."""

    def inbox(self, folder: str) -> None:  # noqa: ARG002
        return


# Names that do not compress: the counts of these tables are more than a few answers hold.
WIDE = {f"t{hashlib.sha256(str(number).encode()).hexdigest()}": number % 7 for number in range(800)}


def wide_database(path: Path) -> bytes:
    """A backup of these tables, of which nothing is recorded."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for name, rows in WIDE.items():
            connection.execute(f"CREATE TABLE {name} (x)")
            connection.executemany(f"INSERT INTO {name} VALUES (?)", [(1,)] * rows)
    return gzip.compress(path.read_bytes())


@pytest.mark.parametrize(
    ("store_kind", "told"),
    [(WithoutInbox, "fetching part 3 of"), (AzureStore, "it comes through the store: runs/")],
)
def test_a_result_longer_than_a_few_answers_comes_whole(
    site: Site, tmp_path: Path, store_kind: type[AzureStore], told: str
) -> None:
    site.store_kind = store_kind
    site.put_archive("wide", wide_database(tmp_path / "wide.db"))
    vm_files = site.give_vm_own_temporary_folder()

    report = site.drill()

    assert report.drill.verdict == "passed"
    assert {name: count.restored for name, count in report.databases[0].rows.items()} == WIDE
    assert len(site.deployment.cloud.scripts) > 1
    assert all(len(script.stdout) <= 4096 for script in site.deployment.cloud.scripts)
    assert told in site.told()
    assert list(vm_files.iterdir()) == []
    assert list(site.store.entries("runs")) == []


def test_a_later_part_that_is_lost_is_no_pass(site: Site, tmp_path: Path) -> None:
    site.store_kind = WithoutInbox
    site.put_archive("wide", wide_database(tmp_path / "wide.db"))

    def lose_the_third(event: object) -> None:
        if "fetching part 3" in str(event):
            site.deployment.cloud.inject(faults.truncated_output(50))

    report = site.drill(watch=lose_the_third)

    assert report.drill.verdict == "inconclusive"


def test_a_store_reached_with_the_account_key_alone_is_drilled_too(site: Site) -> None:
    site.back_up()
    site.hold_account_key()

    assert site.drill().drill.verdict == "passed"


def test_nothing_of_the_drill_is_left_on_the_vm(site: Site) -> None:
    site.back_up()
    vm_files = site.give_vm_own_temporary_folder()

    assert site.drill().drill.verdict == "passed"
    assert list(vm_files.iterdir()) == []


def test_a_store_that_no_vm_can_read_is_a_mistake_of_the_configuration(site: Site, tmp_path: Path) -> None:
    folder = open_store(StoreSettings(url=tmp_path.as_uri()), AzureSettings())

    with pytest.raises(ConfigError, match=r"store\.url"):
        check(folder, site.azure)


def test_a_sas_for_the_whole_container_never_travels(site: Site) -> None:
    site.monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2021-12-02&sp=rl&sig=verysecretindeed")

    with pytest.raises(ConfigError) as refused:
        check(site.store, site.azure)
    assert "verysecret" not in f"{refused.value} {refused.value.mend}"


@pytest.mark.parametrize("missing", ["subscription", "resource_group"])
def test_where_the_vm_is_must_be_configured(site: Site, missing: str) -> None:
    with pytest.raises(ConfigError, match=f"azure.{missing}"):
        check(site.store, msgspec.structs.replace(site.azure, **{missing: None}))
    with pytest.raises(ConfigError, match=r"azure\.vm"):
        check(site.store, msgspec.structs.replace(site.azure, vm=()))
