"""The probe: no shell, no credentials, no input, bounded in time and in output, and its whole group killed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from shlex import quote

import pytest

from local.restore.probe import run_probe, words

MINUTE = 60.0


def python(program: str) -> str:
    """A probe that is this Python program."""
    return f"{quote(sys.executable)} -c {quote(program)}"


def test_words_are_a_shells_but_no_shell_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert words("node ~/mc.js '~/a b' x~ $HOME | > *") == [
        "node", "/home/anna/mc.js", "/home/anna/a b", "x~", "$HOME", "|", ">", "*",
    ]  # fmt: skip


def test_what_it_prints_on_both_streams_and_its_exit_code_are_kept() -> None:
    told = run_probe(python("import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)"), MINUTE)
    assert (told.exit_code, told.output, told.passed) == (3, "out\nerr\n", False)
    assert told.reason == "it ended with 3"
    assert run_probe("true", MINUTE).passed


def test_it_starts_in_the_home_folder_with_an_empty_input_and_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AZURE_STORAGE_KEY", "PILLAR9_ALERT_URLS", "INVOKE_DRILL_HOST"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("MINE", "kept")
    program = "import os, sys; print(os.getcwd(), repr(sys.stdin.read()), [v for v in os.environ.values()])"
    told = run_probe(python(program), MINUTE)
    assert told.output.startswith(f"{tmp_path} ''")
    assert "kept" in told.output
    assert "secret" not in told.output


@pytest.mark.parametrize("command", ["no-such-program-here list", "/nowhere/program", "/", "~/nothing.js"])
def test_a_command_that_cannot_be_started_is_a_probe_that_failed(command: str) -> None:
    told = run_probe(command, MINUTE)
    assert (told.exit_code, told.passed) == (None, False)
    assert told.reason
    assert told.reason.startswith("it could not be started: ")


def test_its_time_over_its_whole_group_is_killed(tmp_path: Path) -> None:
    board = tmp_path / "pids"
    program = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen(['sleep', '600'])\nopen({str(board)!r}, 'w').write(str(child.pid))\n"
        "print('begun', flush=True)\ntime.sleep(600)"
    )
    told = run_probe(python(program), 2)
    assert (told.exit_code, told.output) == (None, "begun\n")
    assert told.reason == "it took longer than 2 s, so it was killed"
    child = int(board.read_text())
    while is_running(child):  # a kill takes its time on a busy machine; one that does not come is the suite's time-out
        time.sleep(0.01)


def test_a_program_that_it_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    board = tmp_path / "pid"
    told = run_probe(f"sh -c {quote(f'sleep 600 & echo $! > {board}; echo begun')}", MINUTE)
    try:
        assert (told.exit_code, told.output) == (0, "begun\n")
    finally:
        os.kill(int(board.read_text()), 9)


def test_of_much_output_the_beginning_and_the_end_are_kept() -> None:
    told = run_probe(python("print('first'); print('x' * 10_000_000); print('last')"), MINUTE)
    assert told.exit_code == 0
    assert len(told.output) < 10_000
    assert told.output.startswith("first\n")
    assert told.output.endswith("last\n")
    assert "bytes left out" in told.output


def test_output_that_is_no_text_and_an_end_by_a_signal_are_told() -> None:
    told = run_probe(
        python("import os, sys; sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.flush(); os.abort()"), MINUTE
    )
    assert (told.exit_code, told.output) == (134, "\N{REPLACEMENT CHARACTER}\n")
    assert told.reason == "it was ended by SIGABRT"


def is_running(process: int) -> bool:
    """Whether a process that is no child of ours runs; one that is dead and not yet reaped does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        pass
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc").is_dir()
