"""Which backup: of a name that is configured or stored, or of the name that a lone archive says."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from local.errors import ConfigError
from local.events import unwatched
from local.restore.request import RestoreOptions, read_request
from local.restore.source import BackupSource, find_source
from local.settings import Database, Settings, Volume
from tests.support.drill_archives import members
from tests.support.restores import lone_archive, settings_of
from tests.support.volume_archives import entry, put_volume, tar_with, volume_archive


def test_a_lone_archive_knows_its_name_and_another_is_refused(tmp_path: Path, raw: bytes) -> None:
    archive = lone_archive(tmp_path, raw).rename(tmp_path / "from a colleague.gz")
    for name in (None, "costs"):
        found = find_source(settings_of(tmp_path), read_request(RestoreOptions(name, from_=str(archive))), unwatched)
        assert (found.name, found.blob, found.backup_time) == ("costs", str(archive), "2026-05-05T12:00:00.000Z")
        assert found.recorded.rows == {"tasks": 3000, "notes": 1}
    with pytest.raises(ConfigError, match="another database than hivemind: its record says 'costs'"):
        find_source(settings_of(tmp_path), read_request(RestoreOptions("hivemind", from_=str(archive))), unwatched)


def test_without_a_record_the_files_name_is_the_databases(tmp_path: Path, raw: bytes) -> None:
    archive = tmp_path / "costs.db.gz"
    archive.write_bytes(gzip.compress(raw))
    given = RestoreOptions("hivemind", from_=str(archive))
    with pytest.raises(ConfigError, match="no record, and its file name says 'costs'"):
        find_source(settings_of(tmp_path), read_request(given), unwatched)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "A B", "x\x1b[31m"])
def test_a_name_out_of_an_archive_that_could_lead_elsewhere_is_refused(tmp_path: Path, raw: bytes, name: str) -> None:
    archive = tmp_path / "costs.db.gz"
    archive.write_bytes(members(raw, database=name))
    with pytest.raises(ConfigError, match="no database's name"):
        find_source(settings_of(tmp_path), read_request(RestoreOptions(from_=str(archive))), unwatched)


@pytest.mark.parametrize(
    ("name", "told"), [(None, "NAME is missing"), ("cost", "no database or volume 'cost' is configured or stored")]
)
def test_a_name_that_is_missing_or_unknown_names_those_that_are_known(
    tmp_path: Path, name: str | None, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        find_source(settings_of(tmp_path), read_request(RestoreOptions(name)), unwatched)
    assert "costs" in refused.value.mend


def source(settings: Settings, name: str) -> BackupSource:
    return find_source(settings, read_request(RestoreOptions(name)), unwatched)


def test_a_name_that_a_database_and_a_volume_have_is_asked_for_by_its_shelf(tmp_path: Path, raw: bytes) -> None:
    store = tmp_path / "store"
    put_volume(store, volume_archive(tar_with(entry("file", b"x")), volume="costs"), name="costs")
    (store / "sqlite/2026-05-05").mkdir(parents=True)
    lone_archive(store / "sqlite/2026-05-05", raw)
    elsewhere = settings_of(tmp_path, Database(name="other", path=tmp_path / "other.db"))

    with pytest.raises(ConfigError, match="a database and a volume of the name costs") as asked:
        source(elsewhere, "costs")
    assert all(f"invoke restore {shelf}/costs" in asked.value.mend for shelf in ("sqlite", "volumes"))
    assert [source(elsewhere, f"{shelf}/costs").kind for shelf in ("sqlite", "volumes")] == ["database", "volume"]
    assert source(settings_of(tmp_path), "costs").kind == "database"
    assert source(msgspec.structs.replace(elsewhere, volumes=(Volume(name="costs"),)), "costs").kind == "volume"


@pytest.mark.parametrize("name", ["grafana-dta", "volumes/grafana-dta", "sqlite/grafana-data", "other/grafana-data"])
def test_of_a_volume_that_is_only_stored_the_name_is_known(tmp_path: Path, name: str) -> None:
    put_volume(tmp_path / "store", volume_archive(tar_with(entry("file", b"x"))), name="grafana-data")
    with pytest.raises(ConfigError, match="configured or stored") as refused:
        source(settings_of(tmp_path), name)
    assert "grafana-data" in refused.value.mend
