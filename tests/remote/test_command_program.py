"""The program that is shipped, as a process of its own: ended from outside, and whatever is left of others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.drill.answer import content
from remote.command import Ran, RemoteCommand, command_script, ran
from remote.command_program.command import Signals
from remote.command_program.streams import Output, share
from tests.remote.commands import alive

NONCE = "0" * 32


def script_for(text: str, timeout: float = 60) -> str:
    return command_script(RemoteCommand(text.encode(), False, timeout), NONCE, None)


def start(text: str, temp: Path) -> subprocess.Popen[str]:
    """The script as a VM's agent starts it."""
    environment = {"TMPDIR": str(temp), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return subprocess.Popen(
        ["/bin/sh", "-c", script_for(text)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def answered(text: str, temp: Path) -> Ran:
    with start(text, temp) as process:
        stdout, _ = process.communicate(timeout=60)
    return ran(content([stdout], NONCE))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_too_and_leaves_no_file_and_no_answer(tmp_path: Path, number: signal.Signals) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    pid_file = tmp_path / "pid"
    with start(f"sleep 600 & echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}; wait", temp) as process:
        deadline = time.monotonic() + 60
        while not pid_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (128 + number, "")
    assert not alive(int(pid_file.read_text()))
    assert list(temp.iterdir()) == []


def test_a_signal_that_comes_too_early_is_heard_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    signals = Signals()
    signals.receive(signal.SIGTERM, None)

    with pytest.raises(SystemExit, match="143"):
        signals.hear()
    signals.receive(signal.SIGTERM, None)


def test_what_a_killed_run_left_behind_is_swept_by_the_next_and_what_is_fresh_stays(tmp_path: Path) -> None:
    stale, fresh = tmp_path / "pillar9-run-stale", tmp_path / "pillar9-result-fresh"
    (stale / "work").mkdir(parents=True)
    kept = tmp_path / "pillar9-result-stale"
    for path in (fresh, kept):
        path.write_text("answer")
    for path in (stale, kept):
        os.utime(path, (0, 0))

    assert answered("true", tmp_path).exit_code == 0

    assert [path.name for path in tmp_path.iterdir()] == [fresh.name]


def test_a_command_that_closes_its_streams_is_waited_for(tmp_path: Path) -> None:
    found = answered("exec >&- 2>&-; sleep 0.3; exit 5", tmp_path)

    assert (found.exit_code, found.stdout.head, found.stderr.head) == (5, b"", b"")


@pytest.mark.parametrize(
    ("sizes", "most", "kept"),
    [
        ((10, 10), 100, (10, 10)),
        ((60, 60), 100, (50, 50)),
        ((90, 20), 100, (80, 20)),
        ((20, 90), 100, (20, 80)),
        ((100, 0), 100, (100, 0)),
        ((101, 0), 100, (100, 0)),
    ],
)
def test_two_streams_share_what_there_is(sizes: tuple[int, int], most: int, kept: tuple[int, int]) -> None:
    first, second = share(Output(b"x" * sizes[0]), Output(b"y" * sizes[1]), most)

    assert (first.kept_bytes, second.kept_bytes) == kept
    assert (first.kept_bytes + first.left_out_bytes, second.kept_bytes + second.left_out_bytes) == sizes


def test_what_is_cut_twice_keeps_both_ends_and_counts_all() -> None:
    once = Output(b"0123456789" * 10).within(50)
    twice = once.within(20)

    assert (twice.head, twice.tail, twice.left_out_bytes) == (b"0123456789", b"0123456789", 80)


def test_a_run_that_may_not_keep_its_answer_says_so_and_no_more(tmp_path: Path) -> None:
    """There is nowhere to work: no answer, which is inconclusive, and no traceback."""
    with start("echo hello", tmp_path / "missing") as process:
        stdout, stderr = process.communicate(timeout=60)

    assert (stdout, process.returncode) == ("", 1)
    assert stderr.startswith("FileNotFoundError: ")
