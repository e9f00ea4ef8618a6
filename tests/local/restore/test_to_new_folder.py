"""`invoke restore NAME` of a volume: drilled, unpacked, read back, and there at once; what is in the way stays."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.local.restore.test_tasks import run_in
from tests.local.restore.volumes import shelve
from tests.local.unpack.trees import awkward_tree, look
from tests.local.unpack.trees import tar_of as tar_file_of
from tests.support.terminal import log_lines
from tests.support.volume_archives import make_volume, put_volume, tar_of, volume_archive
from tests.support.workshop import Workshop


@pytest.fixture(autouse=True)
def another_machine(folder_workshop: Workshop) -> None:
    """Something else is configured there."""
    folder_workshop.add("other")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A folder with the files of a volume, a database among them."""
    return make_volume(tmp_path / "volume")


def test_on_a_new_machine_a_name_is_enough_and_the_folder_is_the_volume(
    folder_workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "volume").mkdir()
    tree = awkward_tree(tmp_path / "volume")
    tar = tar_file_of(tree, tmp_path / "volume.tar").read_bytes()
    shelve(folder_workshop, "Grafana-Data", tar)
    (tmp_path / "here").mkdir()

    checked = run_in(tmp_path / "here", folder_workshop, "Grafana-Data", "--check")
    assert checked.returncode == 0, checked.stderr
    assert log_lines(checked.stdout)[-1] == "check: the restore would begin; nothing was changed"
    assert list((tmp_path / "here").iterdir()) == []

    done = run_in(tmp_path / "here", folder_workshop, "Grafana-Data")
    assert done.returncode == 0, done.stderr
    last = log_lines(done.stdout)[-1]
    if os.geteuid() == 0:
        assert look(tmp_path / "here/Grafana-Data") == look(tree)
        assert last.endswith(f"stands at {tmp_path}/here/Grafana-Data")
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["Grafana-Data"]

    again = run_in(tmp_path / "here", folder_workshop, "Grafana-Data")
    assert again.returncode == 2
    assert "never overwrites anything" in again.stderr


def test_the_document_counts_files_bytes_and_the_rows_of_each_database(
    folder_workshop: Workshop, volume: Path, tmp_path: Path
) -> None:
    shelve(folder_workshop, "files", tar_of(volume))
    folder_workshop.more["volumes"] = [{"name": "files"}]
    done = folder_workshop.invoke("restore", "files", "--to", str(tmp_path / "back"), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["restore"]["verdict"], found["restore"]["kind"]) == ("passed", "volume")
    assert [step["name"] for step in found["steps"]] == ["download", "checksum", "decompress", "integrity", "rows"]
    size = sum(path.lstat().st_size for path in volume.rglob("*") if path.is_file() and not path.is_symlink())
    hard_link = (volume / "zz-hard").stat().st_size
    assert found["rows"] == {
        "files": {"before": None, "restored": len(list(volume.rglob("*")))},
        "bytes": {"before": None, "restored": size - hard_link},
        "data/app.db: tasks": {"before": None, "restored": 60},
        "data/app.db: notes": {"before": None, "restored": 1},
    }


def test_a_lone_archive_of_a_volume_restores_without_the_store(
    folder_workshop: Workshop, volume: Path, tmp_path: Path
) -> None:
    copied = shelve(folder_workshop, "files", tar_of(volume)).rename(tmp_path / "from-a-stick.tar.gz")
    done = folder_workshop.invoke("restore", "--from", str(copied), "--to", str(tmp_path / "back"))
    assert done.returncode == 0, done.stderr
    assert look(tmp_path / "back") == look(volume)
    other = folder_workshop.invoke("restore", "costs", "--from", str(copied))
    assert other.returncode == 2
    assert "is of another volume than costs" in other.stderr


def test_what_fails_its_drill_leaves_nothing(folder_workshop: Workshop, volume: Path, tmp_path: Path) -> None:
    archive = shelve(folder_workshop, "files", tar_of(volume))
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    done = folder_workshop.invoke("restore", "files", "--to", str(tmp_path / "back"))
    assert done.returncode == 1
    assert "restore FAILED" in log_lines(done.stdout)[-1]
    assert list(tmp_path.glob("back*")) == []


def test_no_room_for_the_tar_and_its_files_is_found_out_before_anything_is_fetched(
    folder_workshop: Workshop, volume: Path, tmp_path: Path
) -> None:
    put_volume(folder_workshop.root / "store", volume_archive(tar_of(volume), file_bytes=2**60))
    for options in (["--check"], []):
        told = folder_workshop.invoke("restore", "files", "--to", str(tmp_path / "back"), *options)
        assert told.returncode == 4
        assert f"no room in {tmp_path}" in told.stdout + told.stderr
    assert list(tmp_path.glob("back*")) == []
