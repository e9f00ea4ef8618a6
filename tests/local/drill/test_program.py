"""The text that is shipped, run for real within what Run Command takes and returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local.drill import verdict
from local.drill.answer import result_line
from local.drill.order import DatabaseTarget
from local.drill.program import order_program, program
from local.drill_program.order import FetchOrder
from local.errors import InconclusiveError
from tests.support.drill_archives import NONCE, make_database, members, run_text, target_of, unrecorded
from tests.support.volume_archives import make_volume, recorded_target, tar_of, volume_archive

WORDS = "accounts agents articles attachments audit_log comments customers decisions drafts embeddings entries events"


def _twenty(tmp_path: Path) -> list[DatabaseTarget]:
    """20 databases with 12 tables of different sizes each."""
    targets, checks = [], {"decisions of this week": "SELECT :backup_time IS NOT NULL"}
    for number in range(20):
        script = "".join(
            f"""CREATE TABLE {table}(id INTEGER PRIMARY KEY, text TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number * 977 % 2000 + place * 83})
            INSERT INTO {table}(text) SELECT 'row ' || i FROM n;"""
            for place, table in enumerate(WORDS.split())
        )
        raw = make_database(tmp_path / f"{number}.db", script).read_bytes()
        name = f"service-{number}-{WORDS[number:][:9]}"
        targets.append(target_of(tmp_path / f"{number}.gz", members(raw, database=name), raw, name=name, checks=checks))
    return targets


def test_twenty_databases_fit_in_what_run_command_returns(temp: Path, tmp_path: Path) -> None:
    targets = _twenty(tmp_path)
    done = run_text(program(targets, nonce=NONCE, deadline=100, budget=4096), temp)
    assert len(done.stdout) < 3500
    outcome = verdict.outcome(done.stdout, NONCE, targets)
    assert {database.verdict for database in outcome.databases} == {"passed"}
    assert all(database.checks == {"decisions of this week": True} for database in outcome.databases)
    for database, target in zip(outcome.databases, targets, strict=True):
        assert target.tables
        assert {name: count.restored for name, count in database.rows.items()} == target.tables
    assert list(temp.iterdir()) == []


def test_ten_volumes_beside_ten_databases_fit_too(temp: Path, tmp_path: Path) -> None:
    tar = tar_of(make_volume(tmp_path / "v"))
    volumes = [
        replace(recorded_target(tmp_path / f"{number}.tar.gz", tar, volume_archive(tar, volume=name)), name=name)
        for number, name in enumerate(f"volume-{word}" for word in WORDS.split()[:10])
    ]
    targets = [*_twenty(tmp_path)[:10], *volumes]
    done = run_text(program(targets, nonce=NONCE, deadline=100, budget=4096), temp)
    assert len(done.stdout) < 3000
    outcome = verdict.outcome(done.stdout, NONCE, targets)
    assert {each.verdict for each in outcome.drilled} == {"passed"}
    assert all(volume.rows["files"].restored == 7 for volume in outcome.volumes)
    assert list(temp.iterdir()) == []


def test_a_longer_result_travels_in_parts_and_is_removed_after_the_last(temp: Path, tmp_path: Path) -> None:
    targets = [unrecorded(target) for target in _twenty(tmp_path)]
    done = run_text(program(targets, nonce=NONCE, deadline=100, budget=1000), temp)
    first, count = done.stdout, result_line(done.stdout, NONCE).parts
    assert count > 2
    (kept,) = temp.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InconclusiveError):
        verdict.outcome(first, NONCE, targets)
    later = [done.stderr]
    for part in range(3, count + 1, 2):
        fetched = run_text(order_program(FetchOrder(NONCE, part, 1000, last=part + 2 > count)), temp)
        later += [fetched.stdout, fetched.stderr]
    later = later[: count - 1]
    assert list(temp.iterdir()) == []
    assert all(len(output) <= 1000 for output in (first, *later))
    outcome = verdict.outcome(first, NONCE, targets, later)
    assert {database.verdict for database in outcome.databases} == {"passed"}
    assert all(len(database.rows) == 12 for database in outcome.databases)
    for wrong in (later[:-1], later[::-1], [*later, later[-1]], [first, *later[1:]]):
        with pytest.raises(InconclusiveError):
            verdict.outcome(first, NONCE, targets, wrong)


def test_a_part_that_is_not_there_is_no_result(temp: Path) -> None:
    done = run_text(order_program(FetchOrder(NONCE, 2, 1000, last=True)), temp)
    assert (done.stdout, done.returncode) == ("", 1)


def test_the_program_text_fits_in_what_run_command_takes(tmp_path: Path, raw: bytes) -> None:
    rows = {f"table_{number}": number * 7919 for number in range(250)}
    target = target_of(tmp_path / "a.gz", members(raw), raw, tables=rows)
    targets = [target for _ in range(20)]
    assert len(program(targets, nonce=NONCE, deadline=100, budget=4096)) < 128 * 1024
