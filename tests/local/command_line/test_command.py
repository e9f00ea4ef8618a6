"""What all commands have in common, seen from outside: as whole processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from invoke.context import Context

from local.command_line.command import Command, Invocation
from local.command_line.options import JSON
from tests.support.fork_server import run_invoke
from tests.support.terminal import errors_told, log_lines, run_on_terminal, without_colours
from tests.support.workshop import CHECKOUT, Workshop


def test_no_command_has_a_short_flag() -> None:
    program = """
import json, tasks
print(json.dumps({command.path: [flag.names for flag in command.get_arguments()] for command in tasks.COMMANDS}))
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    flags = json.loads(done.stdout)
    assert flags["drill.remote"] == [["only"], ["vm"], ["date"], ["at"], ["check"], ["json"]]
    assert [flag for arguments in flags.values() for names in arguments for flag in names if len(flag) < 2] == []


def test_with_json_an_error_that_nobody_foresaw_is_a_document_and_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def divide(_invocation: Invocation) -> int:
        """Divide by nothing."""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Command(divide, "divide", (JSON,), False, "", "")(Context(), json=True)

    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["doing"], error["exit_code"]) == ("bug", "invoke divide", 1)


def test_the_help_of_a_command_explains_each_option() -> None:
    backup, fix, restore = (run_invoke("--help", name).stdout for name in ("backup", "rbac.fix", "restore"))

    assert "NAME [all]: this database or volume alone (repeatable)" in backup
    assert "say what would be done, and change nothing" in backup
    assert "SECONDS [600]: how long to wait" in fix
    assert "PATH [./NAME.db, for a volume ./NAME]: the new file or folder to" in " ".join(restore.split())


def test_the_help_says_what_each_value_is_and_what_stands_for_it() -> None:
    program = (
        "import tasks; print(*(f'{command.path} {name}' for command in tasks.COMMANDS "
        "for name, option in command.options.items() "
        "if bool(option.value) is isinstance(inspect.signature(command.body).parameters[name].default, bool)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", f"import inspect; {program}"], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (("drill.local", "--only", "backup.list"), "backup.list was taken for the value of --only"),
        (("drill.local", "--date", "status"), "status was taken for the value of --date"),
        (("restore", "status"), "status was taken for the next command; if it is the NAME: --name status"),
        (("remote.run", "test"), "test was taken for the next command; if it is the COMMAND: --command test"),
    ],
)
def test_a_commands_name_that_was_taken_for_something_else_is_told(
    line: tuple[str, ...], told: str, folder_workshop: Workshop
) -> None:
    folder_workshop.add("costs")

    done = folder_workshop.invoke(*line)

    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("line", "code", "verdict"),
    [
        (("backup",), 1, "backup FAILED: it could not be carried out"),
        (("drill.local",), 4, "drill INCONCLUSIVE: it could not be carried out, so nothing was proven"),
        (("status",), 1, "status FAILED: it could not be carried out"),
        (("drill.local", "--check"), 4, "check: the drill could not be looked at; nothing was changed"),
    ],
)
def test_a_store_that_is_not_there_is_told_once_and_the_verdict_follows(
    line: tuple[str, ...], code: int, verdict: str, folder_workshop: Workshop
) -> None:
    for name in ("a", "b", "c"):
        folder_workshop.add(name)
    Path(unquote(urlsplit(folder_workshop.store_settings.url).path)).rmdir()

    done = folder_workshop.invoke(*line)

    assert done.returncode == code
    assert done.stderr.count("there is no folder") == 1
    assert log_lines(done.stdout)[-1] == verdict


def test_an_option_may_be_repeated_and_keeps_the_configured_order(folder_workshop: Workshop) -> None:
    for name in ("a", "b", "c"):
        folder_workshop.add(name)

    found = folder_workshop.document("backup", "--only", "c", "--only=a")

    assert [database["name"] for database in found["databases"]] == ["a", "c"]


def test_a_name_that_is_not_configured_ends_with_2(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    done = folder_workshop.invoke("backup", "--only", "cots")

    assert done.returncode == 2
    told = "✗ --only: no database or volume 'cots' is configured\n→ did you mean costs? known: costs\n"
    assert errors_told(done.stderr) == told


def test_a_person_who_forgot_the_file_is_told_how_it_is_given() -> None:
    command = [sys.executable, "-m", "invoke", "backup", "--only", "mine"]

    shown, code = run_on_terminal(80, command, CHECKOUT, dict(os.environ))

    assert code == 2
    assert "for a file of your own: invoke -f FILE COMMAND" in " ".join(shown.split())
    assert "invoke -f FILE COMMAND" not in run_invoke("backup", "--only", "mine").stderr


@pytest.mark.parametrize("words", [["b"], ["--name", "b"], ["--json", "b"], ["b", "--json"]])
def test_the_word_alone_will_do_for_a_name(words: list[str], folder_workshop: Workshop) -> None:
    for name in ("a", "b"):
        folder_workshop.add(name)
    folder_workshop.invoke("backup")

    shown = folder_workshop.invoke("backup.list", *words).stdout

    names = [point["name"] for point in json.loads(shown)["backups"]] if "--json" in words else [log_lines(shown)[1][0]]
    assert names == ["b"]


def test_invokes_own_dry_run_changes_as_little_as_check(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    assert "would be stored" in folder_workshop.invoke("--dry", "backup").stdout
    assert folder_workshop.names() == []


def test_two_commands_on_one_line_both_run(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    done = folder_workshop.invoke("backup", "drill.local")

    assert done.returncode == 0
    assert "backup passed" in done.stdout
    assert "drill passed" in done.stdout


@pytest.mark.parametrize("columns", [80, 200])
def test_a_backup_on_a_terminal_has_bars_a_table_and_no_timestamps(columns: int, folder_workshop: Workshop) -> None:
    folder_workshop.add("mission-control")
    environment = {**os.environ, "TERM": "xterm-256color"}

    shown, code = run_on_terminal(columns, folder_workshop.command("backup"), CHECKOUT, environment)

    lines = without_colours(shown)
    assert code == 0
    assert "━" in shown
    assert lines[-1].startswith("backup passed: 1 of 1 stored in ")
    assert max((len(line) for line in lines if "─" in line), default=0) <= columns
    assert re.search(r"sqlite/\d{4}-\d\d-\d\d/mission-control\.db\.gz", "\n".join(lines))


def test_a_log_has_no_character_that_steers_a_terminal(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    done = folder_workshop.invoke("backup", "backup.list", "drill.local")

    assert log_lines(done.stdout)[-1].startswith("drill passed")
    assert all(character.isprintable() or character == "\n" for character in done.stdout + done.stderr)
