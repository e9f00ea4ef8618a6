"""The drill program as a process: signals, deadlines, leftovers, and how little it needs."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from local import drill_program
from local.drill import verdict
from local.drill.order import DatabaseTarget
from local.drill.program import program
from tests.support.drill_archives import (
    NONCE,
    drilled,
    ending,
    make_database,
    members,
    outcome_of,
    run_text,
    target_of,
)


def _start(temp: Path, text: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-IS", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(temp)},
    )
    assert process.stdin
    process.stdin.write(text)
    process.stdin.close()
    return process


def _endless(tmp_path: Path, raw: bytes) -> DatabaseTarget:
    """A backup whose bytes never come: a named pipe that nobody writes to."""
    archive = tmp_path / "endless.gz"
    target = target_of(archive, members(raw), raw)
    archive.unlink()
    os.mkfifo(archive)
    return target


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_nothing(temp: Path, tmp_path: Path, raw: bytes, number: signal.Signals) -> None:
    path = make_database(tmp_path / "slow.db", tasks=60_000)
    content = path.read_bytes()
    slow = target_of(tmp_path / "slow.gz", members(content), content)
    text = program([slow, _endless(tmp_path, raw)], nonce=NONCE, deadline=100, progress=True)
    process = _start(temp, text)
    assert process.stderr
    assert process.stdout
    assert "download" in process.stderr.readline()
    assert len(list(temp.iterdir())) == 1
    process.send_signal(number)
    assert process.stdout.read() == ""
    process.stderr.read()
    assert process.wait() == 128 + number
    assert list(temp.iterdir()) == []
    process.stdout.close()
    process.stderr.close()


def test_the_deadline_ends_it_with_the_verdicts_so_far_and_leaves_nothing(
    temp: Path, tmp_path: Path, raw: bytes
) -> None:
    sound = target_of(tmp_path / "sound.gz", members(raw), raw)
    endless = dataclasses.replace(_endless(tmp_path, raw), name="endless")
    first, second = outcome_of(temp, sound, endless, deadline=2).databases
    assert first.verdict == "passed"
    assert ending(second) == ("download", "inconclusive")
    assert "deadline" in second.steps[-1].detail


def test_the_deadline_interrupts_a_check_that_takes_too_long(temp: Path, tmp_path: Path, archive: Path) -> None:
    script = """
        CREATE TABLE tasks(a, b AS (a + 1) NOT NULL);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO tasks SELECT i FROM n;
        PRAGMA writable_schema=on;
        UPDATE sqlite_master SET sql='CREATE TABLE tasks(a, b AS (length(hex(zeroblob(20000000 + a)))) NOT NULL)';"""
    content = make_database(tmp_path / "slow.db", script).read_bytes()
    database = drilled(temp, target_of(archive, members(content), content), deadline=2)
    assert ending(database) == ("integrity", "inconclusive")
    assert database.steps[-1].detail == "the deadline passed"


def test_it_sweeps_its_own_leftovers_and_follows_no_link(temp: Path, tmp_path: Path, archive: Path, raw: bytes) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "precious").write_text("data")
    old = temp / "pillar9-drill-old"
    old.mkdir()
    (old / "0.db").write_text("secret rows")
    (old / "link").symlink_to(kept)
    (temp / "pillar9-result-old").write_text("result")
    (temp / "pillar9-drill-link").symlink_to(kept)
    fresh = temp / "pillar9-drill-fresh"
    fresh.mkdir()
    (temp / "somebody-else").write_text("x")
    before = time.time() - 3 * 3600
    for path in (old, temp / "pillar9-result-old", temp / "pillar9-drill-link", temp / "somebody-else"):
        os.utime(path, (before, before), follow_symlinks=False)
    # The folder of a drill at work is locked by it.
    held = os.open(fresh, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    text = program([target_of(archive, members(raw), raw)], nonce=NONCE, deadline=100)
    assert run_text(text, temp).returncode == 0
    os.close(held)
    assert sorted(path.name for path in temp.iterdir()) == ["pillar9-drill-fresh", "somebody-else"]
    assert (kept / "precious").read_text() == "data"


def test_it_runs_in_an_empty_environment(archive: Path, raw: bytes) -> None:
    target = target_of(archive, members(raw), raw)
    text = program([target], nonce=NONCE, deadline=100)
    done = subprocess.run(
        [sys.executable, "-IS", "-"], input=text, capture_output=True, text=True, env={}, timeout=100, check=True
    )
    assert done.stderr == ""
    assert verdict.outcome(done.stdout, NONCE, [target]).databases[0].verdict == "passed"


def test_it_runs_with_a_path_that_holds_only_python(temp: Path, tmp_path: Path, archive: Path, raw: bytes) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    assert drilled(temp, target_of(archive, members(raw), raw), env={"PATH": str(tools)}).verdict == "passed"


def test_it_runs_from_a_compressed_string(temp: Path, archive: Path, raw: bytes) -> None:
    target = target_of(archive, members(raw), raw)
    packed = zlib.compress(program([target], nonce=NONCE, deadline=100).encode())
    done = run_text(f"import zlib\nexec(zlib.decompress({packed!r}))", temp)
    assert verdict.outcome(done.stdout, NONCE, [target]).databases[0].verdict == "passed"


def test_it_needs_nothing_newer_than_python_3_8() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import vermin; vermin.main()", "-t=3.8-", "--no-tips", *drill_program.__path__],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_it_tells_its_progress(temp: Path, archive: Path, raw: bytes) -> None:
    text = program([target_of(archive, members(raw), raw)], nonce=NONCE, deadline=100, progress=True)
    said = [json.loads(line) for line in run_text(text, temp).stderr.splitlines()]
    assert said[0] == {"name": "tasks", "step": "download", "done": len(members(raw)), "total": len(members(raw))}
    assert [line.get("step") for line in said] == ["download", "integrity", "rows", None]
    assert said[-1] == {"name": "tasks", "verdict": "passed"}
