"""The drill program, run for real, on archives: what passes, what fails, and what is no verdict."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from local.drill import verdict
from local.drill.program import program
from tests.support.drill_archives import (
    NONCE,
    drilled,
    ending,
    legacy,
    make_database,
    members,
    outcome_of,
    run_text,
    target_of,
    unrecorded,
)


def test_a_sound_backup_passes_all_five_steps(temp: Path, archive: Path, raw: bytes) -> None:
    database = drilled(temp, target_of(archive, members(raw), raw, minimum={"tasks": 3000}))
    assert database.verdict == "passed"
    assert [step.name for step in database.steps] == ["download", "checksum", "decompress", "integrity", "rows"]
    assert all(step.detail == "" for step in database.steps)
    assert (database.rows["tasks"].restored, database.rows["tasks"].recorded, database.rows["tasks"].minimum) == (
        3000,
        3000,
        3000,
    )
    assert database.database_bytes == len(raw)


def test_a_backup_of_the_former_script_passes_and_says_what_was_not_compared(
    temp: Path, archive: Path, raw: bytes
) -> None:
    database = drilled(temp, unrecorded(target_of(archive, legacy(raw), raw), minimum={"TASKS": 1}))
    assert database.verdict == "passed"
    assert database.steps[-1].detail == "not recorded, so not compared: counts and schema"
    assert (database.rows["tasks"].restored, database.rows["tasks"].recorded, database.rows["tasks"].minimum) == (
        3000,
        None,
        1,
    )


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut in the middle": cut,
    "cut in the last trailer": lambda content: content[:-3],
    "trailing garbage": lambda content: content + b"garbage",
    "zeros and garbage": lambda content: content + bytes(512) + b"x",
    "a trailing byte": lambda content: content + b"\x1f",
    "empty": lambda _: b"",
    "not gzip": lambda content: b"PK" + content[2:],
    **{
        f"a flipped bit at {share:.0%}": lambda content, share=share: (  # type: ignore[misc]
            content[: int(len(content) * share)]
            + bytes([content[int(len(content) * share)] ^ 0x10])
            + content[int(len(content) * share) + 1 :]
        )
        for share in (0.05, 0.25, 0.5, 0.75, 0.999)
    },
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("form", [members, legacy])
def test_a_damaged_archive_fails_the_checksum_and_without_one_the_decompression(
    temp: Path, archive: Path, raw: bytes, damage: str, form: Callable[[bytes], bytes]
) -> None:
    right, wrong = form(raw), DAMAGE[damage](form(raw))
    digests = (("metadata", hashlib.sha256(right).hexdigest()),)
    target = target_of(archive, wrong, raw, sha256=digests)
    assert ending(drilled(temp, target)) == ("checksum", "failed")
    for blind in (dataclasses.replace(target, sha256=()), unrecorded(target, sha256=())):
        database = drilled(temp, blind)
        assert ending(database) == ("decompress", "failed"), database.steps
        assert database.sha256 == hashlib.sha256(wrong).hexdigest()


def test_an_archive_that_is_shorter_than_listed_fails_the_download(temp: Path, archive: Path, raw: bytes) -> None:
    target = target_of(archive, members(raw), raw)
    archive.write_bytes(cut(members(raw)))
    assert ending(drilled(temp, target)) == ("download", "failed")


def test_a_missing_archive_fails_the_download(temp: Path, archive: Path, raw: bytes) -> None:
    target = target_of(archive, members(raw), raw)
    archive.unlink()
    assert ending(drilled(temp, target)) == ("download", "failed")


@pytest.mark.parametrize("where", ["metadata", "sidecar"])
def test_a_wrong_digest_anywhere_fails_the_checksum(temp: Path, archive: Path, raw: bytes, where: str) -> None:
    target = target_of(archive, members(raw), raw)
    digests = tuple((place, "0" * 64 if place == where else digest) for place, digest in target.sha256)
    database = drilled(temp, dataclasses.replace(target, sha256=digests))
    assert ending(database) == ("checksum", "failed")
    assert f"the {where} says 000" in database.steps[-1].detail


def test_a_problem_with_the_sidecar_fails_the_checksum(temp: Path, archive: Path, raw: bytes) -> None:
    database = drilled(temp, target_of(archive, members(raw), raw, sidecar_problem="the sidecar is missing"))
    assert (ending(database), database.steps[-1].detail) == (("checksum", "failed"), "the sidecar is missing")


def test_another_database_under_the_name_fails(temp: Path, tmp_path: Path, archive: Path, raw: bytes) -> None:
    other = make_database(tmp_path / "o.db", "CREATE TABLE other(a); INSERT INTO other VALUES (1);").read_bytes()
    target = target_of(archive, members(raw), raw)
    archive.write_bytes(members(other))
    digest = hashlib.sha256(members(other)).hexdigest()
    wrong = dataclasses.replace(target, gzip_bytes=archive.stat().st_size, sha256=(("sidecar", digest),))
    assert ending(drilled(temp, wrong)) == ("decompress", "failed")
    database = drilled(temp, unrecorded(wrong, sha256=wrong.sha256, minimum={"tasks": 10}))
    assert ending(database) == ("rows", "failed")
    assert "table 'tasks' is missing" in database.steps[-1].detail


@pytest.mark.parametrize("form", [members, gzip.compress])
def test_a_disk_that_takes_no_more_is_inconclusive(
    temp: Path, archive: Path, raw: bytes, form: Callable[[bytes], bytes]
) -> None:
    bomb = form(bytes(50_000_000))
    database = drilled(
        temp,
        unrecorded(target_of(archive, bomb, raw)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )
    assert ending(database) == ("decompress", "inconclusive")
    assert "no room" in database.steps[-1].detail


def test_a_database_that_does_not_fit_on_the_disk_is_inconclusive_before_the_download(
    temp: Path, archive: Path, raw: bytes
) -> None:
    database = drilled(temp, target_of(archive, members(raw), raw, database_bytes=10**17))
    assert ending(database) == ("download", "inconclusive")
    assert "no room" in database.steps[-1].detail


def test_an_archive_that_may_not_be_read_is_inconclusive(temp: Path, archive: Path, raw: bytes) -> None:
    target = target_of(archive, members(raw), raw)
    archive.chmod(0)
    temp.chmod(0o777)
    text = program([target], nonce=NONCE, deadline=100)
    if os.geteuid() == 0:
        text = text.replace("\n\n\nmain(", "\n\n\nos.seteuid(65534)\nmain(")
        for folder in (temp, *temp.parents):
            folder.chmod(folder.stat().st_mode | 0o011)
    done = run_text(text, temp)
    assert done.stderr == ""
    (database,) = verdict.outcome(done.stdout, NONCE, [target]).databases
    assert (ending(database), database.steps[-1].detail) == (
        ("download", "inconclusive"),
        "the archive cannot be read: Permission denied",
    )


def test_one_database_that_fails_does_not_stop_the_others(temp: Path, tmp_path: Path, raw: bytes) -> None:
    targets = []
    for number in range(9):
        whole = members(raw, database=f"db{number}")
        content = whole if number % 2 else cut(whole)
        targets.append(target_of(tmp_path / f"{number}.gz", content, raw, name=f"db{number}"))
    outcome = outcome_of(temp, *targets)
    assert [database.name for database in outcome.databases] == [target.name for target in targets]
    assert [database.verdict for database in outcome.databases] == [
        "failed" if n % 2 == 0 else "passed" for n in range(9)
    ]
