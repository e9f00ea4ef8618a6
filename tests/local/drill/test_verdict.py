"""What a drill printed counts only when it is whole, genuine, and can be."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.drill import verdict
from local.drill.order import DatabaseTarget, VolumeTarget
from local.errors import InconclusiveError
from tests.support.drill_archives import NONCE

DIGEST = hashlib.sha256(b"archive").hexdigest()
TARGET = DatabaseTarget(
    name="tasks",
    url="https://example.invalid/?sig=verysecret",
    blob="sqlite/2026-05-05/tasks.db.gz",
    backup_time="2026-05-05T12:00:00.000Z",
    gzip_bytes=10,
    database_bytes=4096,
    sha256=(("metadata", DIGEST), ("sidecar", DIGEST)),
    sidecar_problem=None,
    raw_sha256=None,
    schema=None,
    tables={"tasks": 5, "notes": 0},
    minimum={"Tasks": 5},
)


def found(**changes: Any) -> dict[str, Any]:
    """What a program says of TARGET when it passes, and what a test changes of it."""
    passed = {
        "name": "tasks",
        "verdict": "passed",
        "steps": [[name, "passed", 0.1, ""] for name in ("download", "checksum", "decompress", "integrity", "rows")],
        "sha256": DIGEST,
        "gzip_bytes": 10,
        "database_bytes": 4096,
        "rows": {"tasks": 5, "notes": 0},
        "unrecorded": [],
    }
    return {**passed, **changes}


def printed(*databases: dict[str, Any], nonce: str = NONCE, **changes: Any) -> str:
    """The line of a program that found this."""
    result = {"sqlite": "3.40.1", "python": "3.8.10", "databases": databases, "volumes": [], **changes}
    payload = base64.b85encode(zlib.compress(json.dumps(result).encode())).decode()
    return f"PILLAR9 {nonce} 1/1 {hashlib.sha256(payload.encode()).hexdigest()} {payload}\n"


def test_a_whole_result_is_read() -> None:
    outcome = verdict.outcome("noise\n" + printed(found()), NONCE, [TARGET])
    (database,) = outcome.databases
    assert (database.verdict, database.sha256, database.blob, database.backup_time) == (
        "passed",
        DIGEST,
        TARGET.blob,
        TARGET.backup_time,
    )
    assert (database.rows["tasks"].restored, database.rows["tasks"].recorded, database.rows["tasks"].minimum) == (
        5,
        5,
        5,
    )
    assert (outcome.sqlite, outcome.python) == ("3.40.1", "3.8.10")


def test_what_is_left_out_equals_the_order() -> None:
    brief = {key: value for key, value in found().items() if key in ("name", "verdict", "steps", "unrecorded")}
    assert verdict.outcome(printed(brief), NONCE, [TARGET]) == verdict.outcome(printed(found()), NONCE, [TARGET])


WRONG_OUTPUT = {
    "nothing": "",
    "noise": "Last script execution didn't finish.\n",
    "another run's": printed(found(), nonce="ff" * 16),
    "a line that is cut": printed(found())[:-9],
    "a line whose start is cut": printed(found())[3:],
    "an altered line": printed(found())[:-9] + "0" + printed(found())[-8:],
    "something after it": printed(found()) + "Killed\n",
    "no database": printed(),
    "a database too many": printed(found(), found()),
    "another database": printed(found(name="other")),
    "an unknown key": printed({**found(), "extra": 1}),
    "no version": printed(found(), sqlite=""),
    "a version that is none": printed(found(), python="\x1b[31m"),
    "the second part": printed(found()).replace(" 1/1 ", " 2/2 "),
    "one part of two": printed(found()).replace(" 1/1 ", " 1/2 "),
    "part 0": printed(found()).replace(" 1/1 ", " 0/1 "),
}


@pytest.mark.parametrize("output", WRONG_OUTPUT.values(), ids=WRONG_OUTPUT.keys())
def test_an_output_without_a_whole_genuine_result_is_inconclusive(output: str) -> None:
    with pytest.raises(InconclusiveError):
        verdict.outcome(output, NONCE, [TARGET])


def _steps(*verdicts: str) -> list[list[Any]]:
    names = ("download", "checksum", "decompress", "integrity", "rows")
    return [[name, verdict, 0.1, "why"] for name, verdict in zip(names, verdicts, strict=False)]


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "no steps": {"steps": []},
    "four steps": {"steps": _steps(*["passed"] * 4)},
    "steps out of order": {"steps": _steps(*["passed"] * 5)[::-1]},
    "a step twice": {"steps": _steps("passed") * 5},
    "an unknown step": {"steps": [*_steps(*["passed"] * 4), ["prayer", "passed", 0.1, ""]]},
    "a failed step that passed": {"steps": _steps(*["passed"] * 4, "failed")},
    "steps after a failed database": {
        "verdict": "failed",
        "steps": _steps("passed", "failed", "passed", "passed", "failed"),
    },
    "failed although all passed": {"verdict": "failed"},
    "an unknown verdict": {"verdict": "fine"},
    "negative seconds": {"steps": [["download", "passed", -1, ""], *_steps(*["passed"] * 5)[1:]]},
    "another digest": {"sha256": "0" * 64},
    "no digest": {"sha256": None},
    "another archive's size": {"gzip_bytes": 11},
    "another database's size": {"database_bytes": 8192},
    "no size": {"database_bytes": None},
    "no counts": {"rows": None},
    "fewer rows": {"rows": {"tasks": 4, "notes": 0}},
    "more rows": {"rows": {"tasks": 6, "notes": 0}},
    "a table less": {"rows": {"tasks": 5}},
    "a table more": {"rows": {"tasks": 5, "notes": 0, "extra": 1}},
    "a recorded table called unrecorded": {"unrecorded": ["notes"]},
    "negative rows": {"rows": {"tasks": 5, "notes": -1}},
    "rows that are no number": {"rows": {"tasks": 5, "notes": True}},
}


@pytest.mark.parametrize("changes", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_a_result_that_cannot_be_is_inconclusive(changes: dict[str, Any]) -> None:
    with pytest.raises(InconclusiveError):
        verdict.outcome(printed(found(**changes)), NONCE, [TARGET])


CLAIMING = dataclasses.replace(TARGET, checks={"a": "SELECT 1", "b": "SELECT 2"})
IMPOSSIBLE_CHECKS: dict[str, dict[str, Any]] = {
    "passed without them": {"checks": None},
    "passed with none": {"checks": {}},
    "one less": {"checks": {"a": True}},
    "one more": {"checks": {"a": True, "b": True, "c": True}},
    "another name": {"checks": {"a": True, "c": True}},
    "passed with a false one": {"checks": {"a": True, "b": False}},
    "passed with an unknown one": {"checks": {"a": True, "b": None}},
    "no truth value": {"checks": {"a": True, "b": 1}},
    "failed with an unknown one": {
        "verdict": "failed",
        "steps": _steps(*["passed"] * 4, "failed"),
        "checks": {"a": True, "b": None},
    },
    "inconclusive with a false one": {
        "verdict": "inconclusive",
        "steps": _steps(*["passed"] * 4, "inconclusive"),
        "checks": {"a": False, "b": None},
    },
    "ended before them": {
        "verdict": "failed",
        "steps": _steps(*["passed"] * 3, "failed"),
        "checks": {"a": True, "b": False},
    },
}


@pytest.mark.parametrize("changes", IMPOSSIBLE_CHECKS.values(), ids=IMPOSSIBLE_CHECKS.keys())
def test_checks_that_cannot_be_are_inconclusive(changes: dict[str, Any]) -> None:
    with pytest.raises(InconclusiveError):
        verdict.outcome(printed(found(**changes)), NONCE, [CLAIMING])


def test_checks_that_nobody_ordered_are_inconclusive() -> None:
    with pytest.raises(InconclusiveError):
        verdict.outcome(printed(found(checks={"a": True})), NONCE, [TARGET])


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ({"a": True, "b": True}, {}),
        ({"a": True, "b": True}, {"checks": {"a": True, "b": True}}),
        ({"a": None, "b": False}, {"checks": {"a": None, "b": False}, "verdict": "failed"}),
        ({"a": None, "b": True}, {"checks": {"a": None, "b": True}, "verdict": "inconclusive"}),
        ({}, {"checks": None, "verdict": "failed"}),
    ],
)
def test_checks_are_read_as_they_were_answered(said: dict[str, bool | None], changes: dict[str, Any]) -> None:
    steps = _steps(*["passed"] * 4, changes.get("verdict", "passed"))
    (database,) = verdict.outcome(printed(found(steps=steps, **changes)), NONCE, [CLAIMING]).databases
    assert database.checks == said


def test_a_pass_with_other_counts_is_inconclusive() -> None:
    rows = {"tasks": 5, "notes": 0, "x": 1, "y": 2, "z": 3}
    target = dataclasses.replace(TARGET, tables=rows)
    assert verdict.outcome(printed(found(rows=rows)), NONCE, [target]).databases[0].verdict == "passed"
    for wrong in ({**rows, "x": 7}, {**rows, "more": 1}, {"tasks": 5, "notes": 0}):
        with pytest.raises(InconclusiveError):
            verdict.outcome(printed(found(rows=wrong)), NONCE, [target])


def test_counts_that_the_archive_itself_told_are_compared_with_those_that_were_found() -> None:
    target = dataclasses.replace(TARGET, tables=None)
    rows = {"tasks": 5, "notes": 0}
    (database,) = verdict.outcome(printed(found(recorded=rows)), NONCE, [target]).databases
    assert (database.rows["tasks"].restored, database.rows["tasks"].recorded) == (5, 5)
    for wrong in ({"tasks": 5}, {**rows, "tasks": 6}, {**rows, "gone": 1}):
        with pytest.raises(InconclusiveError):
            verdict.outcome(printed(found(recorded=wrong)), NONCE, [target])


def test_counts_that_the_archive_told_otherwise_than_the_metadata_are_not_believed() -> None:
    for told in ({"tasks": 5}, None):
        with pytest.raises(InconclusiveError):
            verdict.outcome(printed(found(recorded=told)), NONCE, [TARGET])


def test_a_pass_of_an_archive_of_ours_without_the_counts_that_it_records_is_not_believed() -> None:
    long_table = dataclasses.replace(TARGET, tables=None, raw_sha256="5" * 64)
    for told in ({}, {"recorded": None}):
        with pytest.raises(InconclusiveError):
            verdict.outcome(printed(found(**told)), NONCE, [long_table])


def test_a_pass_is_not_believed_where_the_sidecar_is_wrong() -> None:
    with pytest.raises(InconclusiveError):
        verdict.outcome(printed(found()), NONCE, [dataclasses.replace(TARGET, sidecar_problem="missing")])


def test_a_pass_below_the_floor_is_not_believed() -> None:
    for minimum in ({"tasks": 6}, {"absent": 0}):
        with pytest.raises(InconclusiveError):
            verdict.outcome(printed(found()), NONCE, [dataclasses.replace(TARGET, minimum=minimum)])


def test_a_failure_is_read_with_its_reason_and_no_control_characters() -> None:
    steps = [["download", "passed", 0.1, ""], ["checksum", "failed", 0.1, "wrong \x1b[2J"]]
    failed = found(verdict="failed", steps=steps, sha256="1" * 64, database_bytes=None, rows=None)
    (database,) = verdict.outcome(printed(failed), NONCE, [TARGET]).databases
    assert (database.verdict, database.steps[-1].detail, database.rows) == ("failed", "wrong ?[2J", {})


def test_a_result_that_unpacks_without_end_is_inconclusive() -> None:
    payload = base64.b85encode(zlib.compress(bytes(100_000_000))).decode()
    line = f"PILLAR9 {NONCE} 1/1 {hashlib.sha256(payload.encode()).hexdigest()} {payload}"
    with pytest.raises(InconclusiveError):
        verdict.outcome(line, NONCE, [TARGET])


@given(st.text(max_size=200))
def test_no_output_at_all_leads_to_anything_but_inconclusive(text: str) -> None:
    for output in (text, f"PILLAR9 {NONCE} 1/1 {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()} {text}"):
        with pytest.raises(InconclusiveError):
            verdict.outcome(output, NONCE, [TARGET])


VOLUME = VolumeTarget(
    name="files",
    url="https://example.invalid/?sig=verysecret",
    blob="volumes/2026-05-05/files.tar.gz",
    backup_time="2026-05-05T12:00:00.000Z",
    gzip_bytes=10,
    database_bytes=4096,
    sha256=(("metadata", DIGEST), ("sidecar", DIGEST)),
    sidecar_problem=None,
    raw_sha256="1" * 64,
    files=3,
    file_bytes=70,
    list_sha256="2" * 64,
)
COUNTS = {"files": 3, "bytes": 70, "a.db: tasks": 5}


def volume_found(**changes: Any) -> dict[str, Any]:
    """What a program says of VOLUME when it passes, and what a test changes of it."""
    passed = {**found(name="files", rows=COUNTS, recorded=COUNTS), **changes}
    del passed["unrecorded"]
    return passed


def _judged_volume(target: VolumeTarget = VOLUME, **changes: Any) -> Any:
    (volume,) = verdict.outcome(printed(volumes=[volume_found(**changes)]), NONCE, [target]).volumes
    return volume


def test_a_volume_is_read_with_its_files_and_the_rows_of_its_databases() -> None:
    volume = _judged_volume()
    assert {name: (count.restored, count.recorded) for name, count in volume.rows.items()} == {
        name: (count, count) for name, count in COUNTS.items()
    }
    brief = {key: value for key, value in volume_found().items() if key in ("name", "verdict", "steps")}
    (volume,) = verdict.outcome(printed(volumes=[brief]), NONCE, [VOLUME]).volumes
    assert (volume.verdict, volume.rows["files"].restored, volume.rows["bytes"].recorded) == ("passed", 3, 70)


IMPOSSIBLE_VOLUMES: dict[str, dict[str, Any]] = {
    "no count": {"rows": None},
    "no files": {"rows": {"bytes": 70}},
    "no bytes": {"rows": {"files": 3}, "recorded": {"files": 3}},
    "fewer files": {"rows": {**COUNTS, "files": 2}},
    "other files than were recorded": {"rows": {**COUNTS, "files": 2}, "recorded": {**COUNTS, "files": 2}},
    "other bytes than were recorded": {"rows": {**COUNTS, "bytes": 1}, "recorded": {**COUNTS, "bytes": 1}},
    "other rows than were recorded": {"rows": {**COUNTS, "a.db: tasks": 4}},
    "a table less": {"rows": {"files": 3, "bytes": 70}},
    "no record of an archive that has one": {"recorded": None},
    "a negative count": {"rows": {**COUNTS, "files": -3}},
    "another digest": {"sha256": "0" * 64},
    "another size": {"database_bytes": 1},
    "no rows step": {"steps": _steps(*["passed"] * 4)},
    "another volume": {"name": "other"},
    "checks": {"checks": {"a": True}},
}


@pytest.mark.parametrize("changes", IMPOSSIBLE_VOLUMES.values(), ids=IMPOSSIBLE_VOLUMES.keys())
def test_a_volume_that_cannot_be_is_inconclusive(changes: dict[str, Any]) -> None:
    with pytest.raises(InconclusiveError):
        _judged_volume(**changes)


def test_a_failed_volume_is_read_with_its_reason() -> None:
    volume = _judged_volume(verdict="failed", steps=_steps(*["passed"] * 3, "failed"), rows=None, recorded=None)
    assert (volume.verdict, volume.steps[-1].detail, volume.rows) == ("failed", "why", {})


def test_a_volume_of_which_nothing_is_recorded_passes_with_what_was_counted() -> None:
    former = dataclasses.replace(VOLUME, raw_sha256=None, database_bytes=None, files=None, file_bytes=None)
    volume = _judged_volume(former, recorded=None)
    assert (volume.rows["files"].restored, volume.rows["files"].recorded) == (3, None)


def test_a_volume_among_the_databases_is_inconclusive_and_the_reverse() -> None:
    for said in (printed(volume_found()), printed(volumes=[found()]), printed(found(), volumes=[])):
        with pytest.raises(InconclusiveError):
            verdict.outcome(said, NONCE, [VOLUME])
