"""What a drill printed counts only when it is whole, genuine, and can be."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.drill import order as drill_order
from local.drill.order import Target
from local.drill_program import main as drill
from local.errors import InconclusiveError
from tests.support.drill_archives import NONCE, make_database, members, run_text, target_of, unrecorded

DIGEST = hashlib.sha256(b"archive").hexdigest()
TARGET = Target(
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
    tables={"rows": {"tasks": 5, "notes": 0}},
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
    result = {"sqlite": "3.40.1", "python": "3.8.10", "databases": databases, **changes}
    payload = base64.b85encode(zlib.compress(json.dumps(result).encode())).decode()
    return f"PILLAR9 {nonce} 1/1 {hashlib.sha256(payload.encode()).hexdigest()} {payload}\n"


def test_a_whole_result_is_read() -> None:
    outcome = drill_order.outcome("noise\n" + printed(found()), NONCE, [TARGET])
    (one,) = outcome.databases
    assert (one.verdict, one.sha256, one.blob, one.backup_time) == ("passed", DIGEST, TARGET.blob, TARGET.backup_time)
    assert (one.rows["tasks"].restored, one.rows["tasks"].recorded, one.rows["tasks"].minimum) == (5, 5, 5)
    assert (outcome.sqlite, outcome.python) == ("3.40.1", "3.8.10")


def test_what_is_left_out_equals_the_order() -> None:
    brief = {key: value for key, value in found().items() if key in ("name", "verdict", "steps", "unrecorded")}
    assert drill_order.outcome(printed(brief), NONCE, [TARGET]) == drill_order.outcome(
        printed(found()), NONCE, [TARGET]
    )


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
        drill_order.outcome(output, NONCE, [TARGET])


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
    "steps after a failed one": {
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
        drill_order.outcome(printed(found(**changes)), NONCE, [TARGET])


@pytest.mark.parametrize("limit", [1000, 175, 10], ids=["rows", "names", "digest"])
def test_a_pass_with_other_counts_is_inconclusive_in_each_form_of_the_record(limit: int) -> None:
    rows = {"tasks": 5, "notes": 0, "x": 1, "y": 2, "z": 3}
    target = dataclasses.replace(TARGET, tables=drill.tables_record(rows, limit))
    assert drill_order.outcome(printed(found(rows=rows)), NONCE, [target]).databases[0].verdict == "passed"
    for wrong in ({**rows, "x": 7}, {**rows, "more": 1}, {"tasks": 5, "notes": 0}):
        with pytest.raises(InconclusiveError):
            drill_order.outcome(printed(found(rows=wrong)), NONCE, [target])


def test_a_pass_is_not_believed_where_the_sidecar_is_wrong() -> None:
    with pytest.raises(InconclusiveError):
        drill_order.outcome(printed(found()), NONCE, [dataclasses.replace(TARGET, sidecar_problem="missing")])


def test_a_pass_below_the_floor_is_not_believed() -> None:
    for minimum in ({"tasks": 6}, {"absent": 0}):
        with pytest.raises(InconclusiveError):
            drill_order.outcome(printed(found()), NONCE, [dataclasses.replace(TARGET, minimum=minimum)])


def test_a_failure_is_read_with_its_reason_and_no_control_characters() -> None:
    steps = [["download", "passed", 0.1, ""], ["checksum", "failed", 0.1, "wrong \x1b[2J"]]
    failed = found(verdict="failed", steps=steps, sha256="1" * 64, database_bytes=None, rows=None)
    (one,) = drill_order.outcome(printed(failed), NONCE, [TARGET]).databases
    assert (one.verdict, one.steps[-1].detail, one.rows) == ("failed", "wrong ?[2J", {})


def test_a_result_that_unpacks_without_end_is_inconclusive() -> None:
    payload = base64.b85encode(zlib.compress(bytes(100_000_000))).decode()
    line = f"PILLAR9 {NONCE} 1/1 {hashlib.sha256(payload.encode()).hexdigest()} {payload}"
    with pytest.raises(InconclusiveError):
        drill_order.outcome(line, NONCE, [TARGET])


@given(st.text(max_size=200))
def test_no_output_at_all_leads_to_anything_but_inconclusive(text: str) -> None:
    for output in (text, f"PILLAR9 {NONCE} 1/1 {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()} {text}"):
        with pytest.raises(InconclusiveError):
            drill_order.outcome(output, NONCE, [TARGET])


def test_a_target_does_not_show_its_link() -> None:
    assert "verysecret" not in repr(TARGET)


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    """The program's folder for temporary files."""
    folder = tmp_path / "temp"
    folder.mkdir()
    return folder


WORDS = "accounts agents articles attachments audit_log comments customers decisions drafts embeddings entries events"


def _twenty(tmp_path: Path) -> list[Target]:
    """20 databases with 12 tables of different sizes each."""
    targets = []
    for number in range(20):
        script = "".join(
            f"""CREATE TABLE {table}(id INTEGER PRIMARY KEY, text TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number * 977 % 2000 + place * 83})
            INSERT INTO {table}(text) SELECT 'row ' || i FROM n;"""
            for place, table in enumerate(WORDS.split())
        )
        raw = make_database(tmp_path / f"{number}.db", script).read_bytes()
        targets.append(
            target_of(tmp_path / f"{number}.gz", members(raw), raw, name=f"service-{number}-{WORDS[number:][:9]}")
        )
    return targets


def test_twenty_databases_fit_in_what_run_command_returns(temp: Path, tmp_path: Path) -> None:
    targets = _twenty(tmp_path)
    done = run_text(drill_order.program(targets, nonce=NONCE, deadline=100, budget=4096), temp)
    assert len(done.stdout) < 3500
    outcome = drill_order.outcome(done.stdout, NONCE, targets)
    assert {one.verdict for one in outcome.databases} == {"passed"}
    for one, target in zip(outcome.databases, targets, strict=True):
        assert target.tables
        assert {name: count.restored for name, count in one.rows.items()} == target.tables["rows"]
    assert list(temp.iterdir()) == []


def test_a_longer_result_travels_in_parts_and_is_removed_after_the_last(temp: Path, tmp_path: Path) -> None:
    targets = [unrecorded(target) for target in _twenty(tmp_path)]
    first = run_text(drill_order.program(targets, nonce=NONCE, deadline=100, budget=1000), temp).stdout
    count = drill_order.part_count(first, NONCE)
    assert count > 2
    (kept,) = temp.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InconclusiveError):
        drill_order.outcome(first, NONCE, targets)
    later = []
    for part in range(2, count + 1):
        text = drill_order.fetch_program(NONCE, part, budget=1000, last=part == count)
        later.append(run_text(text, temp).stdout)
    assert list(temp.iterdir()) == []
    assert all(len(output) <= 1000 for output in (first, *later))
    outcome = drill_order.outcome(first, NONCE, targets, later)
    assert {one.verdict for one in outcome.databases} == {"passed"}
    assert all(len(one.rows) == 12 for one in outcome.databases)
    for wrong in (later[:-1], later[::-1], [*later, later[-1]], [first, *later[1:]]):
        with pytest.raises(InconclusiveError):
            drill_order.outcome(first, NONCE, targets, wrong)


def test_a_part_that_is_not_there_is_no_result(temp: Path) -> None:
    done = run_text(drill_order.fetch_program(NONCE, 2, budget=1000, last=True), temp)
    assert (done.stdout, done.returncode) == ("", 1)


def test_the_program_text_fits_in_what_run_command_takes() -> None:
    rows = {f"table_{number}": number * 7919 for number in range(250)}
    targets = [dataclasses.replace(TARGET, tables={"rows": rows}) for _ in range(20)]
    assert len(drill_order.program(targets, nonce=NONCE, deadline=100, budget=4096)) < 128 * 1024
