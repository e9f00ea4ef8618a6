"""Output that cannot be written stops no work: the backup is in the store, and the exit code is the work's."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess

import pytest

from local.store import catalog
from tests.support.crossed import crossed
from tests.support.terminal import errors_told
from tests.support.workshop import CHECKOUT, Workshop

FULL = "stdout: cannot be written: No space left on device; the work goes on and its exit code holds\n"
UNWRITABLE = ["> /dev/full", "> /dev/full 2>&1", "2> /dev/full", ">&-", ">&- 2>&-", "| true", "2>&1 | true"]


def shell(workshop: Workshop, arguments: str, redirection: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`invoke … REDIRECTION`, with the exit code of invoke."""
    line = f"{shlex.join(workshop.command())} {arguments} {redirection}; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", line], cwd=CHECKOUT, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("redirection", "options", "unbuffered"),
    crossed([*UNWRITABLE, "| head -1", "2>&1 | head -1"], ["", "--json"], ["", "1"]),
)
def test_a_backup_is_made_whoever_reads_what_it_says(
    redirection: str, options: str, unbuffered: str, folder_workshop: Workshop
) -> None:
    for name in ("costs", "hivemind"):
        folder_workshop.add(name)

    done = shell(folder_workshop, f"backup {options}", redirection, PYTHONUNBUFFERED=unbuffered)

    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    points = list(folder_workshop.repository.points())
    assert all(catalog.choose(points, name) for name in ("costs", "hivemind"))
    assert folder_workshop.invoke("drill.local").returncode == 0


@pytest.mark.parametrize("redirection", UNWRITABLE)
def test_a_drill_that_fails_ends_with_1_whoever_reads_what_it_says(redirection: str, folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    done = shell(folder_workshop, "drill.local", redirection)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", ["backup", "backup --json", "backup.list", "drill.local --json"])
def test_that_it_cannot_be_written_is_told_once_on_stderr(arguments: str, folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")

    done = shell(folder_workshop, arguments, "> /dev/full")

    assert done.stderr.count(FULL) == 1
    assert done.returncode == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_invokes_own_list_tells_it_too(unbuffered: str, folder_workshop: Workshop) -> None:
    done = shell(folder_workshop, "--list", "> /dev/full", PYTHONUNBUFFERED=unbuffered)

    assert errors_told(done.stderr).startswith("✗ stdout: cannot be written: No space left on device")
    assert done.stderr.count("\n") == 1


def test_a_mistake_ends_with_its_code_where_nobody_hears_of_it(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    assert shell(folder_workshop, "backup --only cots", "2> /dev/full").returncode == 2


def test_signs_that_a_terminal_lacks_are_shown_in_ascii(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    done = shell(folder_workshop, "backup drill.local", "", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.returncode == 0
    assert "download + 0." in done.stdout


def test_a_terminal_that_goes_away_stops_no_backup(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    master, slave = os.openpty()

    with subprocess.Popen(
        folder_workshop.command("backup"),
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as process:
        os.close(slave)
        os.close(master)

    assert process.returncode == 0
    assert catalog.choose(folder_workshop.repository.points(), "costs")
