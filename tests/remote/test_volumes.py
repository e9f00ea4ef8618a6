"""`drill.remote` of volumes: the same program on the VM, the same verdicts, the same 4,096 bytes."""

from __future__ import annotations

import gzip

import pytest

from local.settings import Volume
from tests.remote.site import Site
from tests.support.volume_archives import (
    DATABASE,
    entry,
    make_volume,
    tar_of,
    tar_with,
    volume_archive,
    volume_metadata,
    volume_record,
)


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tar of a volume with one of each."""
    return tar_of(make_volume(tmp_path_factory.mktemp("volume") / "v"))


def _put(site: Site, tar: bytes, name: str = "files", **said: object) -> None:
    archive = volume_archive(tar, **{"volume": name, **said})
    site.put_volume(name, archive, volume_metadata(tar, archive, volume=name))


def test_a_volume_is_drilled_on_the_vm_beside_a_database(site: Site, tar: bytes) -> None:
    folder = site.give_vm_own_temporary_folder()
    site.back_up(["costs"])
    _put(site, tar)

    report = site.drill()

    assert (report.drill.where, report.drill.verdict) == ("remote", "passed")
    assert [each.verdict for each in report.sources] == ["passed", "passed"]
    (volume,) = report.volumes
    assert {name: count.restored for name, count in volume.rows.items()} == {
        "files": 7,
        "bytes": volume_record(tar)["file_bytes"],
    }
    assert site.records() == [report]
    assert list(folder.iterdir()) == []


def test_the_tables_of_a_database_in_a_volume_are_told_where_they_are_not_as_recorded(site: Site, tar: bytes) -> None:
    databases = volume_record(tar)["databases"]
    databases[DATABASE]["rows"]["tasks"] = 61
    _put(site, tar, databases=databases)

    report = site.drill()

    (volume,) = report.volumes
    assert (report.drill.verdict, volume.steps[-1].name) == ("failed", "rows")
    assert volume.steps[-1].detail == f"{DATABASE}: table 'tasks' has 60 rows, recorded: 61"
    told = volume.rows[f"{DATABASE}: tasks"]
    assert (told.restored, told.recorded) == (60, 61)
    assert f"{DATABASE}: notes" not in volume.rows


def test_a_hostile_tar_fails_on_the_vm_and_is_not_drilled_here_instead(site: Site) -> None:
    site.put_volume("evil", gzip.compress(tar_with(entry("../../etc/cron.d/a", b"x"))))
    report = site.drill(fallback=True)
    (volume,) = report.volumes
    assert (report.drill.where, volume.verdict, volume.steps[-1].name) == ("remote", "failed", "integrity")
    assert "the path leads out of the volume" in volume.steps[-1].detail


@pytest.mark.long
def test_a_volume_that_could_not_be_drilled_there_is_drilled_here_with_all_others(site: Site, tar: bytes) -> None:
    site.back_up(["costs"])
    _put(site, tar)
    site.use_vm(site.add_vm("vm-without-room", environment={"TMPDIR": "/nowhere"}))
    report = site.drill(fallback=True)
    assert (report.drill.where, report.drill.verdict) == ("local", "passed")
    assert report.drill.fallback
    assert [volume.name for volume in report.volumes] == ["files"]


@pytest.mark.long
def test_a_volume_of_which_the_store_holds_nothing_has_failed(site: Site) -> None:
    site.back_up(["costs"])
    site.volumes = (Volume(name="gone"),)
    report = site.drill()
    assert (report.drill.verdict, report.volumes[0].verdict) == ("failed", "failed")
