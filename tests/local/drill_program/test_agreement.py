"""What an archive says of itself against the metadata and the name, as plain values and in whole drills."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from local.drill_program.agreement import agreed_order
from local.drill_program.errors import BackupWrongError
from local.drill_program.gunzip import UnpackedArchive
from local.drill_program.order import DatabaseOrder
from local.drill_program.record import ArchiveRecord
from tests.support.drill_archives import (
    FACTS,
    NOTHING_RECORDED,
    content_members,
    drilled,
    ending,
    ending_here,
    legacy,
    make_database,
    members,
    outcome_of,
    record_of,
    target_of,
    unrecorded,
    with_record,
)

TOLD: dict[str, Any] = {
    "database": "tasks",
    "content_since": "2026-05-05T12:00:00.000Z",
    "raw_sha256": "1" * 64,
    "raw_bytes": 8192,
    "schema_sha256": "2" * 64,
    "rows": {"tasks": 5},
    **FACTS,
}
RECORDED = dataclasses.replace(
    NOTHING_RECORDED,
    raw_sha256="1" * 64,
    database_bytes=8192,
    schema="2" * 64,
    tables={"tasks": 5},
    facts=FACTS,
)


def _told(**changes: Any) -> UnpackedArchive:
    return UnpackedArchive(ArchiveRecord({**TOLD, **changes}, 0), ours=True)


def _agreed(order: DatabaseOrder, archive: UnpackedArchive) -> DatabaseOrder:
    return agreed_order(order, archive)


def test_where_both_speak_and_agree_nothing_is_added() -> None:
    assert _agreed(RECORDED, _told()) == RECORDED


def test_a_copied_file_is_compared_with_its_own_record() -> None:
    assert _agreed(NOTHING_RECORDED, _told()) == dataclasses.replace(RECORDED, facts={})


def test_a_table_list_too_long_for_the_metadata_comes_from_the_record() -> None:
    assert _agreed(dataclasses.replace(RECORDED, tables=None), _told()) == RECORDED


def test_times_and_names_that_are_not_known_may_be_anything() -> None:
    for more in ({"content_since": "yesterday"}, {"taken": 7}, {"members": "x"}, {"since 2031": [1.5, None]}):
        assert _agreed(RECORDED, _told(**more)) == RECORDED


CONTRADICTIONS: dict[str, Any] = {
    "raw_sha256": "3" * 64,
    "raw_bytes": 4096,
    "schema_sha256": "3" * 64,
    "rows": {"tasks": 5, "notes": 0},
    "page_size": 8192,
    "page_count": True,
    "user_version": False,
    "sqlite": "3.40.2",
    "tool": None,
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_field_in_which_record_and_metadata_disagree_is_named(name: str) -> None:
    with pytest.raises(BackupWrongError, match=f"contradicts the metadata: {name}"):
        _agreed(RECORDED, _told(**{name: CONTRADICTIONS[name]}))


@pytest.mark.parametrize("name", ["raw_sha256", "raw_bytes", "schema_sha256", "rows", *FACTS])
def test_any_metadata_of_ours_beside_an_archive_without_a_record_is_a_contradiction(name: str) -> None:
    fields = {"raw_bytes": "database_bytes", "schema_sha256": "schema", "rows": "tables", "raw_sha256": "raw_sha256"}
    recorded = {fields[name]: TOLD[name]} if name in fields else {"facts": {name: FACTS[name]}}
    order = dataclasses.replace(NOTHING_RECORDED, **recorded)
    with pytest.raises(BackupWrongError, match="this one has none"):
        _agreed(order, UnpackedArchive(None, ours=False))


def test_a_member_of_ours_without_a_record_is_never_the_former_scripts() -> None:
    with pytest.raises(BackupWrongError, match="its end"):
        _agreed(NOTHING_RECORDED, UnpackedArchive(None, ours=True))
    assert _agreed(NOTHING_RECORDED, UnpackedArchive(None, ours=False)) == NOTHING_RECORDED


@pytest.mark.parametrize("database", ["costs", "Tasks", "", None, 7, ["tasks"], {"tasks": "tasks"}, "tasks\ud800"])
def test_the_record_of_another_database_is_refused(database: Any) -> None:
    for order in (RECORDED, NOTHING_RECORDED):
        with pytest.raises(BackupWrongError, match="it is of the database"):
            _agreed(order, _told(database=database))


ILL_FORMED: dict[str, list[Any]] = {
    "raw_sha256": [None, 1, "", "1" * 63, "G" * 64, "1" * 64 + "\n", ["1" * 64]],
    "schema_sha256": [None, {}, "2" * 65],
    "raw_bytes": [None, True, 8192.0, "8192", -1, 2**63, [8192]],
    "rows": [
        *[None, [], "tasks", 5, {"ta\ud800sks": 5}, {"tasks": {}}],
        *[
            {"tasks": None},
            {"tasks": -1},
            {"tasks": 1.0},
            {"tasks": True},
            {"tasks": 2**63},
            {"tasks": "5"},
            {"tasks": {}},
        ],
    ],
}


@pytest.mark.parametrize("name", ILL_FORMED)
def test_a_field_that_does_not_read_is_named(name: str) -> None:
    for value in ILL_FORMED[name]:
        with pytest.raises(BackupWrongError, match=f"does not tell {name}"):
            _agreed(NOTHING_RECORDED, _told(**{name: value}))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of a few pages."""
    return make_database(tmp_path_factory.mktemp("small") / "s.db", tasks=60).read_bytes()


def test_a_copied_archive_passes_without_metadata(temp: Path, archive: Path, small: bytes) -> None:
    database = drilled(temp, unrecorded(target_of(archive, members(small), small), sha256=()))
    assert database.verdict == "passed", database.steps
    assert (database.rows["tasks"].restored, database.rows["tasks"].recorded) == (60, 60)
    assert database.steps[-1].detail == ""


WRONG_RECORDS: dict[str, tuple[dict[str, Any], str]] = {
    "counts": ({"rows": {"tasks": 61, "notes": 1}}, "rows"),
    "a table more": ({"rows": {"tasks": 60, "notes": 1, "gone": 0}}, "rows"),
    "a table less": ({"rows": {"tasks": 60}}, "rows"),
    "schema": ({"schema_sha256": "3" * 64}, "rows"),
    "digest": ({"raw_sha256": "3" * 64}, "decompress"),
    "size": ({"raw_bytes": 4096}, "decompress"),
    "name": ({"database": "costs"}, "checksum"),
}


@pytest.mark.parametrize("wrong", WRONG_RECORDS)
def test_a_copied_archive_whose_content_is_not_what_its_record_says_fails(
    tmp_path: Path, small: bytes, wrong: str
) -> None:
    said, step = WRONG_RECORDS[wrong]
    target = unrecorded(target_of(tmp_path / "a.gz", members(small, **said), small))
    assert ending_here(tmp_path, target)[:2] == (step, "failed")


def test_metadata_of_ours_beside_an_archive_without_a_record_fails_the_checksum(
    temp: Path, archive: Path, small: bytes
) -> None:
    for content in (content_members(small), legacy(small)):
        database = drilled(temp, target_of(archive, content, small))
        assert ending(database) == ("checksum", "failed")


def test_what_the_metadata_alone_says_of_an_archive_with_another_record_fails_the_checksum(
    tmp_path: Path, small: bytes
) -> None:
    for name in (*FACTS, "rows"):
        record = {**record_of(small), name: {"tasks": 60} if name == "rows" else "0"}
        content = with_record(content_members(small), record)
        step, verdict, detail = ending_here(tmp_path, target_of(tmp_path / "a.gz", content, small))
        assert (step, verdict) == ("checksum", "failed"), detail


def test_a_name_that_no_text_can_hold_leaves_the_other_databases_their_verdicts(
    temp: Path, tmp_path: Path, small: bytes
) -> None:
    odd = members(small, database="ta\ud800sks")
    targets = [
        unrecorded(target_of(tmp_path / "odd.gz", odd, small)),
        unrecorded(target_of(tmp_path / "names.gz", members(small, rows={"\udfff": 1}), small)),
        unrecorded(target_of(tmp_path / "digest.gz", members(small, raw_sha256="\udfff"), small)),
        unrecorded(target_of(tmp_path / "sound.gz", members(small), small)),
    ]
    found = outcome_of(temp, *targets).databases
    assert [database.verdict for database in found] == ["failed", "failed", "failed", "passed"]
