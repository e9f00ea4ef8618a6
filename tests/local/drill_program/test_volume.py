"""The five steps on a volume: right archives pass, what contradicts a record fails, and hostile tars are refused."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.drill_program.path_rules import PATH_BYTES_MAX
from tests.support.drill_archives import content_members, members, with_record
from tests.support.volume_archives import (
    DATABASE,
    Member,
    copied_target,
    entry,
    make_volume,
    recorded_target,
    tar_of,
    tar_with,
    volume_archive,
    volume_drilled_here,
    volume_ending,
    volume_record,
)

NOT_RECORDED = "not recorded, so not compared: files, bytes and the list of files"


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume with one of each."""
    return make_volume(tmp_path_factory.mktemp("volume") / "v")


@pytest.fixture(scope="module")
def tar(volume: Path) -> bytes:
    """Its tar."""
    return tar_of(volume)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Where an archive lies."""
    return tmp_path / "files.tar.gz"


def test_a_volume_passes_with_its_files_its_bytes_and_its_databases_rows(temp: Path, archive: Path, tar: bytes) -> None:
    for target in (recorded_target(archive, tar), copied_target(archive, volume_archive(tar))):  # of one archive
        drill = volume_drilled_here(target, temp)
        result = drill.result(brief=False)
        assert (drill.verdict, [step[3] for step in result["steps"]]) == ("passed", [""] * 5)
        assert result["rows"] == result["recorded"]
        assert result["rows"] == {
            "files": 7,
            "bytes": volume_record(tar)["file_bytes"],
            f"{DATABASE}: tasks": 60,
            f"{DATABASE}: notes": 1,
        }


def test_in_brief_all_that_is_as_ordered_is_left_out(temp: Path, archive: Path, tar: bytes) -> None:
    brief = volume_drilled_here(recorded_target(archive, tar), temp).result(brief=True)
    assert set(brief) == {"name", "verdict", "steps"}
    brief = volume_drilled_here(copied_target(archive, volume_archive(tar)), temp).result(brief=True)
    assert brief["rows"] == {"files": 7, "bytes": volume_record(tar)["file_bytes"]} == brief["recorded"]


def test_the_tar_is_kept_where_it_passed_and_nowhere_else(temp: Path, archive: Path, tar: bytes) -> None:
    kept = temp / "kept.tar"
    assert volume_drilled_here(recorded_target(archive, tar, keep=str(kept)), temp).verdict == "passed"
    assert kept.read_bytes() == tar
    kept.unlink()
    wrong = recorded_target(archive, tar, keep=str(kept), files=9, archive=volume_archive(tar, files=9))
    assert volume_drilled_here(wrong, temp).verdict == "failed"


@pytest.mark.parametrize("writer", [["tar", "czf", "-", "."], ["busybox", "tar", "czf", "-", "."]])
def test_an_archive_of_the_former_daemon_passes_and_what_was_not_recorded_is_told(
    temp: Path, archive: Path, volume: Path, writer: list[str]
) -> None:
    made = subprocess.run(writer, cwd=volume, capture_output=True, check=True).stdout
    drill = volume_drilled_here(copied_target(archive, made), temp)
    result = drill.result(brief=False)
    assert (drill.verdict, result["steps"][-1][3]) == ("passed", NOT_RECORDED)
    assert (result["rows"]["files"], result["recorded"]) == (7, None)


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "fewer files": ({"files": 8}, "rows", "it holds 7 files and folders, recorded: 8"),
    "fewer bytes": ({"file_bytes": 1}, "rows", "bytes, recorded: 1"),
    "another list": ({"list_sha256": "0" * 64}, "rows", "the list of its files"),
    "another tar": ({"raw_sha256": "0" * 64}, "checksum", "contradicts the metadata: raw_sha256"),
    "another volume": ({"volume": "other"}, "checksum", "of the volume 'other', and not of this volume"),
    "a database": ({"volume": None}, "checksum", "of the volume 'None'"),
    "both": ({"database": "files"}, "checksum", "of the database 'files' and the volume 'files'"),
    "no outward": ({"outward": None}, "checksum", "does not tell outward"),
    "an outward that is no path": ({"outward": ["\\"]}, "checksum", "does not tell outward"),
    "databases that are none": ({"databases": {"a": {}}}, "checksum", "does not tell databases"),
    "no databases": ({"databases": None}, "checksum", "does not tell databases"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_contradicts_the_record_fails(temp: Path, archive: Path, tar: bytes, wrong: str) -> None:
    said, step, told = WRONG[wrong]
    metadata = {name: value for name, value in said.items() if name in ("files", "file_bytes", "list_sha256")}
    target = recorded_target(archive, tar, volume_archive(tar, **said), **metadata)
    ended, verdict, detail = volume_ending(target, temp)
    assert (ended, verdict) == (step, "failed"), detail
    assert told in detail


def test_a_record_of_a_database_is_no_volume_s_and_the_reverse(temp: Path, archive: Path, raw: bytes) -> None:
    step, verdict, detail = volume_ending(copied_target(archive, members(raw, database="files")), temp)
    assert (step, verdict) == ("checksum", "failed")
    assert detail == "the archive says that it is of the database 'files', and not of this volume"


DATABASES: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "other rows": (lambda told: told["rows"].update(tasks=61), "rows", "table 'tasks' has 60 rows, recorded: 61"),
    "another schema": (lambda told: told.update(schema_sha256="0" * 64), "rows", "the schema is not the recorded one"),
    "another content": (lambda told: told.update(raw_sha256="0" * 64), "integrity", f"{'0' * 64} was recorded"),
}


@pytest.mark.parametrize("wrong", DATABASES)
def test_a_database_in_it_is_drilled_as_a_database(temp: Path, archive: Path, tar: bytes, wrong: str) -> None:
    change, step, told = DATABASES[wrong]
    databases = volume_record(tar)["databases"]
    change(databases[DATABASE])
    target = recorded_target(archive, tar, volume_archive(tar, databases=databases))
    ended, verdict, detail = volume_ending(target, temp)
    assert (ended, verdict) == (step, "failed")
    assert detail.startswith(f"{DATABASE}: ")
    assert told in detail


def test_a_damaged_database_fails_and_one_that_no_record_names_is_a_file(
    temp: Path, archive: Path, volume: Path
) -> None:
    sound = (volume / DATABASE).read_bytes()
    damaged = sound[:4096] + bytes(4096) + sound[8192:]
    recorded = volume_record(tar_with(entry("a.db", sound)))["databases"]["a.db"]
    made, digest = tar_with(entry("a.db", damaged)), hashlib.sha256(damaged).hexdigest()
    said = {"a.db": {**recorded, "raw_sha256": digest}}
    step, verdict, detail = volume_ending(copied_target(archive, volume_archive(made, databases=said)), temp)
    assert (step, verdict) == ("integrity", "failed"), detail
    assert detail.startswith("a.db: ")
    assert volume_ending(copied_target(archive, volume_archive(made, databases={})), temp)[1] == "passed"


def test_a_database_that_the_tar_lacks_fails(temp: Path, archive: Path, tar: bytes) -> None:
    databases = volume_record(tar)["databases"]
    for missing in ("gone.db", "latest"):  # one that is a link is none
        said = {**databases, missing: databases[DATABASE]}
        step, verdict, detail = volume_ending(recorded_target(archive, tar, volume_archive(tar, databases=said)), temp)
        assert (step, verdict, detail) == (
            "integrity",
            "failed",
            f"the record names databases that the tar lacks: {missing}",
        )


FOLDER = tarfile.DIRTYPE
SYMLINK, HARD_LINK, FIFO = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE
SECRET = entry("a", b"secret")
HOSTILE: dict[str, tuple[list[Member], str]] = {
    "absolute": ([entry("/etc/cron.d/a", b"x")], "the file '/etc/cron.d/a' in the tar is refused: the path leads out"),
    "absolute, twice": ([entry("//etc/a", b"x")], "the path leads out of the volume"),
    "above": ([entry("../a", b"x")], "the path leads out of the volume"),
    "above, at the end": ([entry("d/..", kind=FOLDER)], "the path leads out of the volume"),
    "above, in the middle": ([entry("a/../../b", b"x")], "the path leads out of the volume"),
    "above, by PAX": ([entry("a", b"x", pax_headers={"path": "../b"})], "the path leads out of the volume"),
    "no path": ([entry("a", b"x", pax_headers={"path": ""})], "the path is empty"),
    "a root that is a link": ([entry(".", kind=SYMLINK, linkname="x")], "the volume itself is a folder"),
    "a link out": ([entry("a", kind=SYMLINK, linkname="/etc")], "it leads out of the volume, to '/etc'"),
    "a link up": ([entry("d/a", kind=SYMLINK, linkname="../../b")], "it leads out of the volume, to '../../b'"),
    "a link to nothing": ([entry("a", kind=SYMLINK, linkname="")], "it leads nowhere"),
    "through a link": (
        [entry("d", kind=FOLDER), entry("a", kind=SYMLINK, linkname="d"), entry("a/b", b"x")],
        "its path goes through the symlink 'a'",
    ),
    "through a link, deep": (
        [entry("a", kind=SYMLINK, linkname="d"), entry("a/b/c/d", b"x")],
        "its path goes through the symlink 'a'",
    ),
    "through a file": ([SECRET, entry("a/b", b"x")], "its path goes through the file 'a'"),
    "through what follows": (
        [entry("a/b", b"x"), entry("a", kind=SYMLINK, linkname="d")],
        "the path of an entry before it goes through it",
    ),
    "a folder that becomes a link": (
        [entry("a", kind=FOLDER), entry("a", kind=SYMLINK, linkname="d")],
        "the path stands in the tar twice",
    ),
    "a link that becomes a file": (
        [entry("a", kind=SYMLINK, linkname="d"), entry("a", b"x")],
        "the path stands in the tar twice",
    ),
    "a path twice": ([SECRET, entry("./a", b"x")], "the path stands in the tar twice"),
    "a path twice, as a folder": ([SECRET, entry("a/", kind=FOLDER)], "the path stands in the tar twice"),
    "a hard link out": ([entry("a", kind=HARD_LINK, linkname="/etc/shadow")], "which is no file before it"),
    "a hard link up": ([entry("a", kind=HARD_LINK, linkname="../b")], "which is no file before it"),
    "a hard link to itself": ([entry("a", kind=HARD_LINK, linkname="a")], "which is no file before it"),
    "a hard link to what follows": ([entry("b", kind=HARD_LINK, linkname="a"), SECRET], "which is no file before it"),
    "a hard link to a symlink": (
        [entry("a", kind=SYMLINK, linkname="c"), entry("b", kind=HARD_LINK, linkname="a")],
        "it links to 'a', which is no file before it",
    ),
    "a hard link to a folder": (
        [entry("a", kind=FOLDER), entry("b", kind=HARD_LINK, linkname="a")],
        "which is no file before it",
    ),
    "a device": ([entry("a", kind=tarfile.CHRTYPE)], "the character device 'a' in the tar is refused: no backup"),
    "a disk": ([entry("a", kind=tarfile.BLKTYPE)], "the block device 'a' in the tar is refused: no backup"),
    "a path of a megabyte": ([entry("d/" * (1 << 19) + "e", b"x")], "longer than Linux takes"),
    "a path that is a little too long": ([entry("d/" * (PATH_BYTES_MAX // 2) + "ef", b"x")], "longer than Linux takes"),
    "a name that is too long": ([entry("n" * 256, b"x")], "longer than Linux takes"),
    "a link that is too long": ([entry("a", kind=SYMLINK, linkname="d" * 4096)], "it leads nowhere, or further"),
    "a name with a line break": ([entry("/a\nb\x1b[2J", b"x")], "'/a\\x0ab\\x1b[2J'"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_entry_that_would_harm_whoever_unpacks_it_is_refused(temp: Path, archive: Path, hostile: str) -> None:
    entries, told = HOSTILE[hostile]
    made = tar_with(entry(".", kind=FOLDER), *entries) if hostile != "a root that is a link" else tar_with(*entries)
    said: dict[str, Any] = {"outward": []} if "it leads out" in told else {}
    for stored in (gzip.compress(made), volume_archive(made, **said)):  # a record does not help
        step, verdict, detail = volume_ending(copied_target(archive, stored), temp)
        assert (step, verdict) == ("integrity", "failed"), detail
        assert told in detail


def test_a_link_out_of_the_volume_passes_where_the_record_names_it_and_nothing_goes_through_it(
    temp: Path, archive: Path
) -> None:
    link = entry("log/access.log", kind=SYMLINK, linkname="/dev/stdout")
    named = tar_with(entry("log", kind=FOLDER), link)
    assert volume_ending(recorded_target(archive, named), temp)[1] == "passed"
    through = tar_with(entry("log", kind=FOLDER), link, entry("log/access.log/a", b"x"))
    step, verdict, detail = volume_ending(recorded_target(archive, through), temp)
    assert (step, verdict) == ("integrity", "failed")
    assert "its path goes through the symlink" in detail


HARMLESS: dict[str, list[Member]] = {
    "nothing but the root": [entry(".", kind=FOLDER)],
    "no root and no folders": [entry("a/b/c", b"x"), entry("a/d", b"y")],
    "a folder after what is in it": [entry("a/b", b"x"), entry("a", kind=FOLDER)],
    "a folder twice": [entry("a", kind=FOLDER), entry("a/b", b"x"), entry("a/", kind=FOLDER)],
    "names that look like it": [entry("..a", b"x"), entry("b..", b"x"), entry("c/...", b"x")],
    "a neighbour in the order": [entry("a", b"x"), entry("a.b", b"y"), entry("a0", b"z")],
    "a link within": [entry("d/a", kind=SYMLINK, linkname="../b"), entry("d/b", kind=SYMLINK, linkname="./a")],
    "the longest path": [entry("d/" * (PATH_BYTES_MAX // 2) + "e", b"x")],
}


@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_harms_nobody_passes(temp: Path, archive: Path, harmless: str) -> None:
    made = tar_with(*HARMLESS[harmless])
    for stored in (gzip.compress(made), volume_archive(made)):
        assert volume_ending(copied_target(archive, stored), temp)[:2] == ("rows", "passed")


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "garbage behind the end": lambda tar: tar + b"x",
    "two in a row": lambda tar: tar + tar,
    "cut short": lambda tar: tar[: len(tar.rstrip(b"\0")) // 2],
    "a header that is none": lambda tar: tar[:1024] + b"y" * 512 + tar[1024:],
    "no tar": lambda tar: b"x" * len(tar),
    "nothing": lambda _: bytes(10240),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_tar_that_is_not_whole_fails_also_where_its_archive_is(
    temp: Path, archive: Path, tar: bytes, broken: str
) -> None:
    made = BROKEN[broken](tar)
    target = copied_target(archive, gzip.compress(made))
    assert volume_ending(target, temp)[:2] == ("integrity", "failed")
    record = volume_record(tar, raw_sha256=hashlib.sha256(made).hexdigest(), raw_bytes=len(made))
    ours = with_record(content_members(made), record)
    assert volume_ending(copied_target(archive, ours), temp)[:2] == ("integrity", "failed")


def test_no_room_for_a_database_is_inconclusive(temp: Path, archive: Path, tar: bytes) -> None:
    drill = volume_drilled_here(recorded_target(archive, tar), temp, free_bytes=len(tar) + 4096)
    name, verdict, _, detail = drill.result(brief=False)["steps"][-1]
    assert (name, verdict) == ("integrity", "inconclusive")
    assert detail.startswith(f"{DATABASE}: no room on the disk")
