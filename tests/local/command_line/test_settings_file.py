"""The FILE of settings: every form in which it is named, and what is told where it is none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import local.backup.tasks as backup
import local.restore.tasks as restore
from local.command_line import settings_file
from local.command_line.command import collect
from local.errors import ConfigError
from tests.support.fork_server import run_invoke
from tests.support.terminal import errors_told

# Not those of tasks.py, whose import has this process hear signals as a command does.
COMMANDS = collect((backup.run, backup.list_points, restore.restore))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-f", "mine.yaml", "backup"], "mine.yaml"),
        (["-fmine.yaml", "backup"], "mine.yaml"),
        (["--config", "mine.yaml", "backup"], "mine.yaml"),
        (["--config=mine.yaml", "backup"], "mine.yaml"),
        (["-f=mine.yaml", "backup"], "mine.yaml"),
        (["-e", "-f", "mine.yaml", "backup"], "mine.yaml"),
        (["backup", "-f", "mine.yaml"], "mine.yaml"),
        (["backup", "--config=mine.yaml", "--json"], "mine.yaml"),
        (["backup.list", "-f", "mine.yaml"], "mine.yaml"),
        (["backup.list", "costs", "-f", "mine.yaml"], "mine.yaml"),
        (["restore", "costs", "-f", "mine.yaml", "--live"], "mine.yaml"),
        # Invoke refuses these: it takes the flag for the word that it waits for, or for several short flags.
        (["backup.list", "--config", "mine.yaml", "costs"], None),
        (["restore", "costs", "-fmine.yaml", "--live"], None),
        (["-f", "mine.yaml", "--list"], "mine.yaml"),
        (["-f", "first.yaml", "backup", "-f", "second.yaml"], "second.yaml"),
        (["backup"], None),
        (["backup", "--only", "costs"], None),
        (["-f"], None),
        (["no.such.command", "-f", "mine.yaml"], None),
        (["backup", "--no-such-flag"], None),
        ([], None),
    ],
)
def test_the_file_is_found_in_every_form_of_the_command_line(
    words: list[str], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["invoke", *words])

    assert settings_file.given(sys.argv, COMMANDS, {}) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["backup"], "of-the-environment.yaml"),
        (["-f", "mine.yaml", "backup"], "mine.yaml"),
        (["backup", "--no-such-flag"], None),
    ],
)
def test_the_environments_file_is_below_the_command_lines(words: list[str], found: str | None) -> None:
    environment = {"INVOKE_RUNTIME_CONFIG": "of-the-environment.yaml"}

    assert settings_file.given(["invoke", *words], COMMANDS, environment) == found


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("mine.yaml", None, "there is no such file"),
        ("mine.py", None, "there is no such file"),
        ("mine", None, "there is no such file"),
        ("file/mine.yaml", None, "there is no such file"),
        ("x" * 300 + ".yaml", None, "File name too long"),
        ("mine", b"a: 1", "its name tells no format"),
        ("mine.toml", b"a: 1", "its name tells no format"),
        ("mine.yaml", b"", "it is empty"),
        ("mine.yaml", b"# all of it a comment\n", "it is empty"),
        ("mine.json", b"null", "it is empty"),
        ("mine.yaml", b"- a\n", "it holds no keys with values, but a list"),
        ("mine.yml", b"text", "it holds no keys with values, but a str"),
        ("mine.yaml", b"a: 1\nb: [\n", "line 3, column 1: while parsing"),
        ("mine.yaml", b"a: !!python/object:os.system {}\n", "line 1, column 4: could not determine a constructor"),
        ("mine.yaml", b"a: 2020-13-45\n", "ValueError: month must be in 1..12"),
        ("mine.yaml", b"\xff\xfe\x00", "it is no text"),
        ("mine.json", b"{", "JSONDecodeError"),
    ],
)
def test_a_file_that_is_none_is_told_with_its_cause(
    name: str, content: bytes | None, told: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        settings_file.check(str(path))

    assert caught.value.doing == f"configuration: read {path}"
    assert told in caught.value.came_back
    assert caught.value.mend


def test_a_folder_a_pipe_and_an_empty_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")

    for named, told in (("folder.yaml", "it is a folder"), ("pipe.yaml", "it is no regular file")):
        with pytest.raises(ConfigError, match=told):
            settings_file.check(str(tmp_path / named))
    with pytest.raises(ConfigError, match="its name is empty"):
        settings_file.check("")


def test_a_python_file_is_left_to_invoke_which_runs_it_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("raise SystemExit('ran')")

    settings_file.check(str(path))


@pytest.mark.parametrize("command", ["version", "backup"])
def test_no_command_runs_with_a_file_that_is_not_there(command: str, tmp_path: Path) -> None:
    path = tmp_path / "mine"

    done = run_invoke(command, "--json", environment={"INVOKE_RUNTIME_CONFIG": str(path)})

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["message"] == "there is no such file"
    assert errors_told(done.stderr).startswith(f"✗ configuration: read {path}: there is no such file\n→ ")
