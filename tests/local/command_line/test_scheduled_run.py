"""What a run that the schedule started leaves: its record, its log within bounds, an end in any case."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.archive.cache import cache_folder
from local.backup.lock import only_run
from local.command_line.scheduled_run import VARIABLE, log_of, read_last, recorded
from local.interrupt import Interrupted
from tests.support.fork_server import CHECKOUT
from tests.support.terminal import log_lines
from tests.support.workshop import Workshop


def in_process(program: str, log: Path) -> subprocess.CompletedProcess[bytes]:
    """Python with both streams appended to a log, as launchd starts it."""
    with log.open("ab") as stream:
        return subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, stdout=stream, stderr=stream, check=False)


def test_a_scheduled_backup_tells_who_it_was_and_how_it_ended_and_meets_a_run_that_goes_on(
    folder_workshop: Workshop, tmp_path: Path
) -> None:
    folder_workshop.add("costs")
    record = tmp_path / "logs" / "com.alai.azure-db-backup.json"
    environment = {VARIABLE: str(record)}

    assert folder_workshop.invoke("backup", environment=environment).returncode == 0
    found = read_last(record)
    assert found
    assert (found.command, found.user, found.exit_code) == ("backup.run", pwd.getpwuid(os.getuid()).pw_name, 0)
    assert found.ended_time
    assert found.started_time <= found.ended_time

    before = folder_workshop.names()
    with only_run(cache_folder(folder_workshop.store_settings) / "lock"):
        done = folder_workshop.invoke("backup", environment=environment)
    assert done.returncode == 75
    assert "Traceback" not in done.stderr
    again = read_last(record)
    assert again
    assert again.exit_code == 75
    assert folder_workshop.names() == before


def test_no_other_run_leaves_a_record_and_no_program_that_it_starts_takes_itself_for_one(tmp_path: Path) -> None:
    assert recorded("backup.run", lambda: 4, {}) == 4

    environment = {VARIABLE: str(tmp_path / "x.json")}
    assert recorded("backup.run", lambda: len(environment), environment) == 0


def test_an_interrupted_run_and_one_that_ends_in_an_error_have_an_end_too(tmp_path: Path) -> None:
    record = tmp_path / "x.json"

    def interrupted() -> int:
        assert (found := read_last(record))
        assert found.ended_time is None
        raise Interrupted(signal.SIGTERM)

    with pytest.raises(Interrupted):
        recorded("backup.run", interrupted, {VARIABLE: str(record)})
    assert (found := read_last(record))
    assert found.exit_code == 143
    with pytest.raises(ZeroDivisionError):
        recorded("backup.run", lambda: 1 // 0, {VARIABLE: str(record)})
    assert (found := read_last(record))
    assert found.exit_code == 1


def test_a_record_that_cannot_be_written_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()

    assert recorded("backup.run", lambda: 0, {VARIABLE: str(tmp_path / "file" / "x.json")}) == 0
    assert "the record of this run was not kept" in capsys.readouterr().err


def test_a_long_log_is_put_aside_by_the_run_that_begins_and_both_streams_go_on_in_a_new_one(tmp_path: Path) -> None:
    log = log_of(tmp_path / "com.alai.x.json")
    assert log.name == "com.alai.x.log"
    log.write_text("former\n" * 100)
    program = (
        "import os, sys; from pathlib import Path; from local.command_line.scheduled_run import rotate\n"
        f"rotate(Path({str(log)!r}), limit_bytes=100); print('out', flush=True); os.system('echo child')\n"
        "print('err', file=sys.stderr, flush=True)"
    )

    for _ in range(2):
        assert in_process(program, log).returncode == 0

    assert log.read_text() == "out\nchild\nerr\n" * 2
    assert log.with_name("com.alai.x.log.1").read_text() == "former\n" * 100


def test_a_log_that_is_not_this_runs_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("former\n" * 100)
    program = (
        "from pathlib import Path; from local.command_line.scheduled_run import rotate\n"
        f"rotate(Path({str(log)!r}), limit_bytes=100)"
    )

    assert in_process(program, tmp_path / "another.log").returncode == 0

    assert log.read_text() == "former\n" * 100


def test_a_run_that_hangs_ends_as_by_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    program = (
        "from local import interrupt; interrupt.install(); interrupt.leaves('a test')\n"
        "from local.command_line.scheduled_run import watchdog\n"
        "import threading; watchdog(0.1); threading.Event().wait(200)"
    )

    assert in_process(program, log).returncode == 143
    assert log_lines(log.read_text()) == ["terminated; a test"]
