"""What goes wrong before or after a command runs: the configuration that Invoke reads, and a reader that went away."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.crossed import crossed
from tests.support.fork_server import CHECKOUT, run_invoke
from tests.support.terminal import errors_told
from tests.support.workshop import Workshop

QUIET_CODES = (0, 141)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"store": None}, "✗ configuration: store (line 1 of FILE): is None\n→ allowed: a mapping\n"),
        ({"azure": 3}, "✗ configuration: azure (line 1 of FILE): is 3\n→ allowed: a mapping\n"),
        ({"databases": {"a": 1}}, "✗ configuration: databases (line 1 of FILE): is {'a': 1}\n→ allowed: a list\n"),
        (
            {"azure": {"endpoints": []}},
            "✗ configuration: azure.endpoints (line 1 of FILE): is []\n→ allowed: a mapping\n",
        ),
        (
            {"store": {"url": {"a": 1}}},
            "✗ configuration: store.url (line 1 of FILE): is {'a': 1}\n→ allowed: text that is not empty\n",
        ),
        ([1], "✗ configuration: read FILE: it holds no keys with values, but a list\n→ write it as key: value\n"),
        ({"run": 3}, "✗ configuration: run: Can't cleanly merge"),
        (
            {"drill": {"fallbak": True}},
            "✗ configuration: drill.fallbak (line 1 of FILE): is not a known key\n→ did you mean fallback?\n",
        ),
    ],
)
def test_a_file_that_invoke_cannot_merge_is_a_mistake_named_by_its_key(
    content: object, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(content))

    done = run(["-f", str(path), "backup.list"])

    assert done.returncode == 2
    assert errors_told(done.stderr).startswith(said.replace("FILE", str(path)))
    assert done.stdout == ""


def test_a_file_that_does_not_parse_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("store: [")

    done = run(["-f", str(path), "backup.list", "--json"])

    assert done.returncode == 2
    assert errors_told(done.stderr).startswith(f"✗ configuration: read {path}: line 1, column 9: while parsing")
    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("configuration", 2)


def test_a_level_that_contradicts_one_below_it_is_named(tmp_path: Path) -> None:
    (tmp_path / ".invoke.yaml").write_text("store: file:///tmp/x\n")

    done = run(["backup.list"], HOME=str(tmp_path))

    assert done.returncode == 2
    assert errors_told(done.stderr).startswith("✗ configuration: store: is 'file:///tmp/x'\n→ allowed: a mapping\n")


@pytest.mark.parametrize(
    ("command", "reader", "unbuffered"),
    crossed(["--list", "--help rbac.fix", "--list --list-format json"], ["head -n 1", "head -n 3", "true"], ["", "1"]),
)
def test_a_list_piped_into_a_reader_that_goes_away_ends_quietly(command: str, reader: str, unbuffered: str) -> None:
    for _ in range(3):
        codes, shown = piped(f"{shlex.quote(sys.executable)} -m invoke {command}", reader, unbuffered)

        assert shown == ""
        assert codes[0] in QUIET_CODES


@pytest.mark.parametrize(
    ("options", "reader", "unbuffered"),
    crossed(["", "--json", "2>&1"], ["true", "head -n 1"], ["1", ""]),
)
def test_a_command_piped_into_a_reader_that_goes_away_ends_quietly(
    options: str, reader: str, unbuffered: str, folder_workshop: Workshop
) -> None:
    for number in range(40):
        folder_workshop.add(f"database-{number}", folder_workshop.root / "one.db")
    folder_workshop.add("one")
    folder_workshop.invoke("backup")
    command = f"{shlex.join(folder_workshop.command('backup.list'))} {options}"

    for _ in range(3):
        codes, shown = piped(command, reader, unbuffered)

        assert [line for line in shown.splitlines() if "Z store file:///" not in line] == []
        assert codes[0] in QUIET_CODES


def test_a_broken_pipe_that_is_not_the_readers_is_told() -> None:
    program = "from local.command_line import uncaught; uncaught.install(); raise BrokenPipeError('of a socket')"

    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.endswith("BrokenPipeError: of a socket\n")


def run(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """`invoke` with these arguments, in the checkout."""
    return run_invoke(*arguments, environment=environment)


def piped(command: str, reader: str, unbuffered: str) -> tuple[list[int], str]:
    """Both exit codes of `command | reader`, and what the command said on stderr."""
    script = f"{command} | {reader} >/dev/null; echo ${{PIPESTATUS[@]}}"
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["bash", "-c", script], cwd=CHECKOUT, capture_output=True, text=True, env=environment)
    return [int(code) for code in done.stdout.split()], done.stderr
